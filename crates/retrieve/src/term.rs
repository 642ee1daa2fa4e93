//! Which column a business term means.
//!
//! A term is not a question: it names one thing, so its relation counts for little and the column for much. It is looked
//! for in its own words and as business puts it otherwise ([`crate::reworded`]), of which the best counts.

use std::collections::{BTreeMap, BTreeSet};

use crate::answer::{lift, logit, median, probability};
use crate::bm25::{Asked, asked};
use crate::column::word_scores;
use crate::rank::Spread;
use crate::words::{phrase_key, split_identifier, terms, words_of};

/// What a term put otherwise counts beside the term itself.
pub const REWORDED: f32 = 0.95;

/// What the words of the name and of the comment count beside 1 for the z-score of the similarity, a number or date beside
/// anything else where the term asks for one, and a key or a note of when the row was written where it does not. Chosen on
/// definitions of terms in bird's questions and on `eval/sets/terms.jsonl`.
const NAME: f32 = 0.2;
const COMMENT: f32 = 0.2;
const TYPE: f32 = 0.5;
const KEY: f32 = 1.0;
const BOOKKEEPING: f32 = 1.0;

/// What a view's column counts less than the column that it shows.
const SHOWING: f32 = 0.5;

/// Views that show each other, one behind the other, that are followed.
pub const MOST_VIEWS: usize = 5;

/// What kind of value a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// Something to be counted with.
    Number,
    /// A date or a time.
    Time,
    /// Words.
    Text,
    /// Anything else.
    Other,
}

/// A column that a term may mean.
#[derive(Clone, Debug)]
pub struct TermColumn {
    /// Its name.
    pub name: String,
    /// The name of its relation.
    pub relation: String,
    /// What is said of it.
    pub comment: String,
    /// What it holds.
    pub kind: ValueKind,
    /// Whether it is part of a primary or foreign key.
    pub is_key: bool,
    /// Whether it says in words what a row of its relation is: then it is called as its relation is, too.
    pub is_label: bool,
    /// Which of the columns it shows, where it is a view's and does.
    pub shows: Option<usize>,
    /// Cosine of its passage to the term, or to the term put otherwise times [`REWORDED`].
    pub similarity: Option<f32>,
}

/// A column that a term may mean, with how well it fits.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// Which of the columns.
    pub column: usize,
    /// Whether its name says the same in the same words.
    pub is_exact: bool,
    /// How likely it is what is meant, from 0 to 1.
    pub confidence: f32,
}

/// Columns, best first. `wordings` is the term itself and how it is put otherwise; `ordinary` the cosines of all columns.
pub fn rank_term(wordings: &[String], columns: &[TermColumn], ordinary: &[f32]) -> Vec<Fit> {
    let words = |text: &str| terms(text).into_iter().collect::<BTreeSet<_>>();
    let wanted: Vec<Vec<Asked>> = wordings.iter().map(|one| asked(one)).collect();
    let called = |one: &TermColumn| match one.is_label {
        true => words(&format!("{} {}", one.relation, one.name)),
        false => words(&one.name),
    };
    let names: Vec<BTreeSet<String>> = columns.iter().map(called).collect();
    let comments: Vec<BTreeSet<String>> = columns.iter().map(|one| words(&one.comment)).collect();
    let relations: Vec<BTreeSet<String>> = columns.iter().map(|one| words(&one.relation)).collect();
    let by_name = best_scores(&wanted, &names);
    let by_comment = best_scores(&wanted, &comments);
    let similarity = Spread::of(ordinary.iter().copied());
    let (name, comment) = (
        Spread::of(by_name.iter().copied()),
        Spread::of(by_comment.iter().copied()),
    );
    let wish = Wish::of(wordings.first().map_or("", String::as_str));
    let usual = median(ordinary);
    let key = wordings.first().map(|term| phrase_key(term)).unwrap_or_default();
    let mut ranked: Vec<(f32, Fit)> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let score = column.similarity.map_or(0.0, |cosine| similarity.z(cosine))
                + NAME * name.z(by_name[at])
                + COMMENT * comment.z(by_comment[at])
                + wish.of_column(column);
            let own = [&names[at], &relations[at], &comments[at]];
            let known = known(&wanted, &own);
            let lift = usual.zip(column.similarity).map(|(usual, cosine)| lift(usual, cosine));
            let is_exact =
                phrase_key(&column.name) == key || phrase_key(&format!("{} {}", column.relation, column.name)) == key;
            let confidence = probability(logit(known, lift));
            let fit = Fit {
                column: at,
                is_exact,
                confidence,
            };
            (score, fit)
        })
        .collect();
    behind_what_is_shown(&mut ranked, columns);
    ranked.sort_by(|a, b| {
        b.1.is_exact
            .cmp(&a.1.is_exact)
            .then(b.0.total_cmp(&a.0))
            .then(a.1.column.cmp(&b.1.column))
    });
    // What comes later fits no better.
    let mut most = 1.0_f32;
    for (_, fit) in &mut ranked {
        most = most.min(fit.confidence);
        fit.confidence = most;
    }
    ranked.into_iter().map(|(_, fit)| fit).collect()
}

/// What a view's column has for it, the column that it shows has, too, unless the view is what the term calls by its
/// name. `ranked` is in the order of the columns.
fn behind_what_is_shown(ranked: &mut [(f32, Fit)], columns: &[TermColumn]) {
    let shown = |at: usize| columns[at].shows.filter(|shown| *shown < columns.len());
    let depth = |at: usize| {
        let chain = std::iter::successors(shown(at), |next| shown(*next));
        chain.take(MOST_VIEWS).count()
    };
    // What shows what another view shows comes first, so that the table has the best of all.
    let mut views: Vec<(usize, usize)> = (0..columns.len()).filter_map(|at| Some((at, shown(at)?))).collect();
    views.sort_by_key(|(at, _)| std::cmp::Reverse(depth(*at)));
    for (at, shown) in views {
        let (score, fit) = ranked[at];
        if fit.is_exact && !ranked[shown].1.is_exact {
            continue;
        }
        let (of_shown, fit_of_shown) = &mut ranked[shown];
        *of_shown = of_shown.max(score);
        fit_of_shown.confidence = fit_of_shown.confidence.max(fit.confidence);
        ranked[at].0 = score - SHOWING;
    }
}

/// What a term says of the kind of column it means.
struct Wish {
    number: bool,
    time: bool,
    key: bool,
}

impl Wish {
    fn of(term: &str) -> Wish {
        let words = split_identifier(term);
        let has = |list: &str| {
            words.iter().any(|word| {
                list.split(' ')
                    .any(|one| one == word || word.strip_suffix('s') == Some(one))
            })
        };
        Wish {
            number: has(
                "amount balance cost count day discount fee hour level number pay percentage price quantity rate salary score share total value wage weight",
            ),
            time: has("birth birthday date day end expiry expires since start time when"),
            key: has("code id identifier no number"),
        }
    }

    fn of_column(&self, column: &TermColumn) -> f32 {
        let words = words_of(&column.name);
        let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        let is_key = column.is_key
            || words
                .last()
                .is_some_and(|last| ["guid", "id", "no", "rowguid", "uuid"].contains(&last.as_str()));
        let mut score = 0.0;
        if self.number && column.kind == ValueKind::Number || self.time && column.kind == ValueKind::Time {
            score += TYPE;
        }
        if is_key && !self.key {
            score -= KEY;
        }
        if has(&["created", "crt", "modified", "rowguid", "upd", "updated"]) {
            score -= BOOKKEEPING;
        }
        score
    }
}

/// Of each set of words the best that a wording has of it.
fn best_scores(asked: &[Vec<Asked>], sets: &[BTreeSet<String>]) -> Vec<f32> {
    let sets: Vec<&BTreeSet<String>> = sets.iter().collect();
    let mut best = vec![0.0_f32; sets.len()];
    for (wording, asked) in asked.iter().enumerate() {
        for (best, score) in best.iter_mut().zip(word_scores(asked, &sets)) {
            *best = best.max(damped(wording, score));
        }
    }
    best
}

fn damped(wording: usize, score: f32) -> f32 {
    if wording == 0 { score } else { REWORDED * score }
}

/// The largest share of a wording's words that are said of the column, a synonym by its weight.
fn known(asked: &[Vec<Asked>], own: &[&BTreeSet<String>]) -> f32 {
    let share = |asked: &Vec<Asked>| {
        let mut best: BTreeMap<usize, f32> = BTreeMap::new();
        for one in asked {
            let weight = if own.iter().any(|set| set.contains(&one.term)) {
                one.weight
            } else {
                0.0
            };
            let word = best.entry(one.word).or_default();
            *word = word.max(weight);
        }
        best.values().sum::<f32>() / best.len().max(1) as f32
    };
    let shares = asked.iter().enumerate().map(|(at, one)| damped(at, share(one)));
    shares.fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::business::reworded;

    fn column(relation: &str, name: &str, kind: ValueKind) -> TermColumn {
        TermColumn {
            name: name.to_owned(),
            relation: relation.to_owned(),
            comment: String::new(),
            kind,
            is_key: false,
            is_label: false,
            shows: None,
            similarity: None,
        }
    }

    fn first(term: &str, columns: &[TermColumn]) -> Fit {
        let wordings: Vec<String> = std::iter::once(term.to_owned()).chain(reworded(term, 6)).collect();
        rank_term(&wordings, columns, &[])[0]
    }

    #[test]
    fn words_kinds_and_keys_decide() {
        let columns = [
            column("person", "person_id", ValueKind::Number),
            column("person", "last_name", ValueKind::Other),
            column("person", "birth_dt", ValueKind::Time),
            column("orders", "modified_date", ValueKind::Time),
            column("orders", "status", ValueKind::Other),
        ];
        assert_eq!(first("surname", &columns).column, 1);
        assert_eq!(first("date of birth", &columns).column, 2);
        let exact = first("order status", &columns);
        assert!(exact.column == 4 && exact.is_exact && exact.confidence > 0.9);
        assert!(!first("surname", &columns).is_exact);
        let mut both = [
            column("order_list", "status", ValueKind::Other),
            column("order_data", "status", ValueKind::Other),
        ];
        both[0].shows = Some(1);
        assert_eq!(first("status", &both).column, 1, "a view shows what a table has");
        let mut overdue = [
            column("overdue_invoice", "amount", ValueKind::Number),
            column("invoice", "amount", ValueKind::Number),
        ];
        overdue[0].shows = Some(1);
        let fit = first("overdue invoice amount", &overdue);
        assert!(fit.column == 0 && fit.is_exact, "a view that is called so is meant");
        let mut chain = [
            column("v", "status", ValueKind::Text),
            column("status_of_orders", "status", ValueKind::Text),
            column("t", "status", ValueKind::Text),
        ];
        (chain[0].shows, chain[1].shows) = (Some(2), Some(0));
        assert_eq!(first("status of the orders", &chain).column, 2, "a view of a view");
        let mut reasons = [
            column("scrap_reason", "reason_id", ValueKind::Number),
            column("scrap_reason", "name", ValueKind::Other),
        ];
        reasons[0].is_key = true;
        reasons[1].is_label = true;
        assert_eq!(
            first("reason of scrap", &reasons).column,
            1,
            "a reason is called by its name"
        );
        assert!(first("velocity of light", &columns).confidence < 0.2);
        assert!(rank_term(&["x".to_owned()], &[], &[]).is_empty());
    }
}
