//! Ranks columns: by their own similarity and words, and by how well their relation answers.

use std::collections::{BTreeSet, HashMap};

use crate::bm25::Asked;
use crate::rank::{Parts, Spread, TAUGHT};
use crate::words::terms;

/// What the relation's score counts beside 1 for the z-score of the column's own similarity.
const RELATION: f32 = 1.5;

/// What the z-score of the words of the column's name counts.
const NAME: f32 = 1.5;

/// What the z-score of the words of its comment counts.
const COMMENT: f32 = 0.3;

/// A column to be ranked.
#[derive(Clone, Debug)]
pub struct ColumnWords {
    place: (i64, i16),
    name: BTreeSet<String>,
    comment: BTreeSet<String>,
    similarity: Option<f32>,
    relation: f32,
    taught: f32,
}

impl ColumnWords {
    /// A column with its name and its passage, whose comment follows a colon, the cosine of that and the score of its
    /// relation.
    pub fn new(place: (i64, i16), name: &str, passage: &str, similarity: Option<f32>, relation: f32) -> ColumnWords {
        let comment = passage.split_once(": ").map_or("", |(_, comment)| comment);
        ColumnWords {
            place,
            name: terms(name).into_iter().collect(),
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

/// Relation and number of each column with its score, best first.
pub fn rank_columns(asked: &[Asked], columns: &[ColumnWords]) -> Vec<((i64, i16), Parts)> {
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
    ranked
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
        let mut best: HashMap<usize, f32> = HashMap::new();
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
        ColumnWords::new((1, number), name, passage, None, relation)
    }

    fn order(question: &str, columns: &[ColumnWords]) -> Vec<i16> {
        rank_columns(&asked(question), columns)
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
        assert!(rank_columns(&asked("x"), &[]).is_empty());
    }
}
