//! Ranks columns: by their own similarity and words, by how well their relation answers, and by what they are to it.
//!
//! A query needs more columns than its question names: the keys that join its relations, what rows are called, what they
//! are known by. None of these stands before the column that is named best.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::bm25::Asked;
use crate::rank::{KeyColumn, Parts, Spread, TAUGHT};
use crate::semantic::labels;
use crate::words::terms;

/// What the relation's score counts beside 1 for the z-score of the column's own similarity.
const RELATION: f32 = 1.5;

/// What the z-score of the words of the column's name counts.
const NAME: f32 = 1.5;

/// What the z-score of the words of its comment counts.
const COMMENT: f32 = 0.3;

/// What a key that refers to another relation loses, for nobody asks for it, and what of the lesser score of the relations
/// that a key joins both of its ends gain. These and the two below were chosen on four question sets; fitted to three of them,
/// such weights gave the fourth as much.
const REFERS: f32 = -1.0;
const JOINS: f32 = 1.0;

/// What a column gains that says what a row is called.
const LABEL: f32 = 1.0;

/// What each of the first columns of a relation gains, and how many they are: rows are known by them.
const LEADING: f32 = 1.2;
const MOST_LEADING: usize = 2;

/// A relation's identity and a column's number.
pub type Place = (i64, i16);

/// A column to be ranked.
#[derive(Clone, Debug)]
pub struct ColumnWords {
    place: Place,
    relation_name: String,
    column_name: String,
    name: BTreeSet<String>,
    comment: BTreeSet<String>,
    similarity: Option<f32>,
    relation: f32,
    taught: f32,
}

impl ColumnWords {
    /// A column by its relation's name and its own, with its passage, whose comment follows a colon, the cosine of that and
    /// the score of its relation.
    pub fn new(
        place: Place,
        (relation_name, column_name): (&str, &str),
        passage: &str,
        similarity: Option<f32>,
        relation: f32,
    ) -> ColumnWords {
        let comment = passage.split_once(": ").map_or("", |(_, comment)| comment);
        ColumnWords {
            place,
            relation_name: relation_name.to_owned(),
            column_name: column_name.to_owned(),
            name: terms(column_name).into_iter().collect(),
            comment: terms(comment).into_iter().collect(),
            similarity,
            relation,
            taught: 0.0,
        }
    }

    /// The same where a term of the question was taught to mean it, from 0 to 1 how sure that is.
    pub fn taught(mut self, confidence: f32) -> ColumnWords {
        self.taught = self.taught.max(confidence);
        self
    }
}

/// Relation and number of each column with its score, best first. `keys` are those of the relations.
pub fn rank_columns(asked: &[Asked], columns: &[ColumnWords], keys: &[KeyColumn]) -> Vec<(Place, Parts)> {
    let names = word_scores(asked, &columns.iter().map(|column| &column.name).collect::<Vec<_>>());
    let comments = word_scores(asked, &columns.iter().map(|column| &column.comment).collect::<Vec<_>>());
    let similarity = Spread::of(columns.iter().filter_map(|column| column.similarity));
    let (name, comment) = (Spread::of(names.iter().copied()), Spread::of(comments.iter().copied()));
    let mut ranked: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let parts = Parts {
                similarity: column.similarity.map_or(0.0, |value| similarity.z(value)),
                lexical: NAME * name.z(names[at]) + COMMENT * comment.z(comments[at]),
                relation: RELATION * column.relation,
                taught: TAUGHT * column.taught,
                ..Parts::default()
            };
            (column.place, parts)
        })
        .collect();
    ranked.sort_by(|a, b| b.1.sum().total_cmp(&a.1.sum()).then(a.0.cmp(&b.0)));
    let asked_for = ranked.first().map_or(0.0, |(_, best)| best.sum());
    let roles = roles(columns, keys);
    for (place, parts) in ranked.iter_mut().skip(1) {
        if let Some(role) = roles.get(place) {
            parts.gain(*role, asked_for);
        }
    }
    ranked.sort_by(|a, b| b.1.sum().total_cmp(&a.1.sum()).then(a.0.cmp(&b.0)));
    ranked
}

/// What columns gain by what they are to their relations, and keys lose by it.
fn roles(columns: &[ColumnWords], keys: &[KeyColumn]) -> HashMap<Place, f32> {
    let mut relations: BTreeMap<i64, Vec<&ColumnWords>> = BTreeMap::new();
    for column in columns {
        relations.entry(column.place.0).or_default().push(column);
    }
    let mut roles: HashMap<Place, f32> = HashMap::new();
    for columns in relations.values_mut() {
        columns.sort_by_key(|column| column.place.1);
        let names: Vec<String> = columns.iter().map(|column| column.column_name.clone()).collect();
        for at in labels(&columns[0].relation_name, &names) {
            *roles.entry(columns[at].place).or_default() += LABEL;
        }
        for column in columns.iter().take(MOST_LEADING) {
            *roles.entry(column.place).or_default() += LEADING;
        }
    }
    let elsewhere = || keys.iter().filter(|key| key.from.0 != key.to.0);
    let referring: BTreeSet<Place> = elsewhere().map(|key| key.from).collect();
    for place in referring {
        *roles.entry(place).or_default() += REFERS;
    }
    // Of the relations that a column is joined to the best one counts.
    let mut joined: HashMap<Place, f32> = HashMap::new();
    for key in elsewhere() {
        let score = |place: Place| relations.get(&place.0).map(|columns| columns[0].relation);
        let Some(lesser) = score(key.from).zip(score(key.to)).map(|(a, b)| a.min(b)) else {
            continue;
        };
        for place in [key.from, key.to] {
            let gain = joined.entry(place).or_default();
            *gain = gain.max(JOINS * lesser);
        }
    }
    for (place, gain) in joined {
        *roles.entry(place).or_default() += gain;
    }
    roles
}

/// Of each word of the question the best of it and its synonyms, by how rare that is among the sets of words; a long set
/// says less with each.
pub(crate) fn word_scores(asked: &[Asked], sets: &[&BTreeSet<String>]) -> Vec<f32> {
    let mut frequencies: HashMap<&str, f32> = HashMap::new();
    for term in sets.iter().copied().flatten() {
        *frequencies.entry(term).or_default() += 1.0;
    }
    let count = sets.len() as f32;
    let score = |set: &&BTreeSet<String>| {
        let mut best: BTreeMap<usize, f32> = BTreeMap::new();
        for one in asked.iter().filter(|one| set.contains(&one.term)) {
            let rarity = (1.0 + count / frequencies[one.term.as_str()]).ln();
            let own = best.entry(one.word).or_default();
            *own = own.max(one.weight * rarity);
        }
        best.values().sum::<f32>() / (set.len().max(1) as f32).sqrt()
    };
    sets.iter().map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bm25::asked;

    fn column(number: i16, name: &str, passage: &str, relation: f32) -> ColumnWords {
        ColumnWords::new((1, number), ("orders", name), passage, None, relation)
    }

    fn order(question: &str, columns: &[ColumnWords]) -> Vec<i16> {
        rank_columns(&asked(question), columns, &[])
            .into_iter()
            .map(|((_, number), _)| number)
            .collect()
    }

    #[test]
    fn name_comment_and_relation_count() {
        let columns = [
            column(1, "id", "orders id", 0.0),
            column(2, "ship_dt", "orders ship date", 0.0),
            column(3, "st", "orders st: whether it was refunded", 0.0),
        ];
        assert_eq!(order("shipping date", &columns)[0], 2);
        assert_eq!(order("what was refunded", &columns)[0], 3);
        let same = [column(1, "name", "a name", 0.1), column(2, "name", "b name", 2.0)];
        assert_eq!(order("name", &same), [2, 1]);
        assert!(rank_columns(&asked("x"), &[], &[]).is_empty());
    }

    #[test]
    fn what_a_query_needs_beside_comes_next() {
        // number and name of the columns of two relations that a question is about, and of one that it is not
        let relations: [(i64, &str, f32, &[&str]); 3] = [
            (1, "customer", 1.5, &["id", "since", "phone", "city", "full_name"]),
            (
                2,
                "orders",
                1.0,
                &["id", "placed", "currency", "clerk", "customer", "amount"],
            ),
            (3, "clerk", -1.0, &["id", "since", "office", "salary"]),
        ];
        let columns: Vec<ColumnWords> = relations
            .iter()
            .flat_map(|(id, relation, score, columns)| {
                let column = move |(at, name): (usize, &&str)| {
                    let passage = format!("{relation} {name}");
                    ColumnWords::new((*id, at as i16 + 1), (relation, name), &passage, None, *score)
                };
                columns.iter().enumerate().map(column)
            })
            .collect();
        let keys = [("clerk", (2, 4), (3, 1)), ("customer", (2, 5), (1, 1))].map(|(name, from, to)| KeyColumn {
            from,
            to,
            name: name.to_owned(),
            similarity: None,
        });
        let ranked = rank_columns(&asked("order amount"), &columns, &keys);
        let place = |wanted: Place| ranked.iter().position(|(place, _)| *place == wanted).expect("ranked");
        assert_eq!(place((2, 6)), 0, "what is asked for");
        assert_eq!(ranked[0].1.role, 0.0);
        assert!(place((1, 5)) < place((1, 4)), "what a customer is called");
        assert!(
            place((2, 5)) < place((2, 4)),
            "the key to a relation that is wanted, not the other"
        );
        assert!(place((2, 2)) < place((2, 3)), "what an order is known by");
        let alone = rank_columns(&asked("order amount"), &columns, &[]);
        let role =
            |ranked: &[(Place, Parts)], wanted| ranked.iter().find(|(place, _)| *place == wanted).map(|(_, p)| p.role);
        assert!(role(&ranked, (1, 1)) > role(&alone, (1, 1)), "both ends of a key gain");
        assert!(role(&ranked, (2, 2)) > role(&ranked, (2, 3)) && role(&ranked, (2, 4)) < Some(0.0));
        // a key to its own relation is asked for like any column, and what is asked for best stays first, also where it refers
        let own = |from, to| KeyColumn {
            name: "amount".to_owned(),
            similarity: None,
            from,
            to,
        };
        for keys in [[own((2, 6), (2, 1))], [own((2, 6), (3, 1))]] {
            let ranked = rank_columns(&asked("order amount"), &columns, &keys);
            assert_eq!((ranked[0].0, ranked[0].1.role), ((2, 6), 0.0));
        }
        assert_eq!(
            role(&rank_columns(&asked("city"), &columns, &[own((2, 6), (2, 1))]), (2, 6)),
            Some(0.0)
        );
        assert!(ranked.is_sorted_by(|a, b| a.1.sum() >= b.1.sum()));
    }
}
