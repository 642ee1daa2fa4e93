//! Whether a schema can answer a question at all.
//!
//! The score of the best table does not say: it is the best of what there is. What says is how many of the question's
//! words the schema has, and how far the best passage stands out from the ordinary one; the ordinary one, because models
//! differ in what cosine two texts have that have nothing to do with each other.

use std::collections::HashMap;

use crate::bm25::{Asked, Matches};

/// A logistic regression over 800 questions of spider_train, each asked of its own schema and of another one. Area under
/// ROC on defog's questions, which it was not made from: 0.88 (`make eval`).
const KNOWN: f32 = 7.6;
const LIFT: f32 = 5.1;
const NEITHER: f32 = -4.45;

/// The same of the words alone, where there are no vectors.
const KNOWN_ALONE: f32 = 9.4;
const NOT_KNOWN: f32 = -3.8;

/// The logit of the probability that the schema answers the question. `similarities` are those of the relations' own
/// passages, `best` is the best of all passages; `None` where there are no vectors.
pub fn answerable(asked: &[Asked], matches: &Matches, similarities: &[f32], best: Option<f32>) -> f32 {
    let lift = median(similarities)
        .zip(best)
        .map(|(ordinary, best)| lift(ordinary, best));
    logit(known(asked, matches), lift)
}

/// The logit from the share of words that are known and how far the best passage stands out, where that is known.
pub(crate) fn logit(known: f32, lift: Option<f32>) -> f32 {
    match lift {
        Some(lift) => KNOWN * known + LIFT * lift + NEITHER,
        None => KNOWN_ALONE * known + NOT_KNOWN,
    }
}

/// How far a cosine stands out from the ordinary one: 0 for not at all, 1 for the same text.
pub(crate) fn lift(ordinary: f32, cosine: f32) -> f32 {
    ((cosine - ordinary) / (1.0 - ordinary).max(f32::EPSILON)).clamp(0.0, 1.0)
}

/// The probability of a logit.
pub fn probability(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Share of the question's words that any relation has, a synonym by its weight. Numbers are values, not words; where
/// there is nothing else, nothing is known.
fn known(asked: &[Asked], matches: &Matches) -> f32 {
    let mut best: HashMap<usize, f32> = HashMap::new();
    for one in asked.iter().filter(|one| one.term.chars().any(char::is_alphabetic)) {
        best.entry(one.word).or_insert(0.0);
    }
    for one in matches.documents().flat_map(|document| matches.of(document)) {
        if let Some(known) = best.get_mut(&one.word) {
            *known = known.max(asked[one.asked].weight);
        }
    }
    best.values().sum::<f32>() / best.len().max(1) as f32
}

pub(crate) fn median(values: &[f32]) -> Option<f32> {
    let mut values = values.to_vec();
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bm25::{Corpus, Posting, asked, bm25};

    fn answered(question: &str, has: &[usize], best: Option<f32>) -> f32 {
        let asked = asked(question);
        let posting = |asked: &usize| Posting {
            asked: *asked,
            document: 1,
            weight: 1,
            length: 10,
        };
        let corpus = Corpus {
            documents: 10,
            mean_length: 10.0,
        };
        let matches = bm25(&asked, &has.iter().map(posting).collect::<Vec<_>>(), corpus);
        probability(answerable(&asked, &matches, &[0.1, 0.2, 0.2, 0.3], best))
    }

    #[test]
    fn what_the_schema_has_is_answered() {
        let question = "total order amount of customers";
        assert!(answered(question, &[0, 1, 2, 3], Some(0.6)) > 0.9);
        assert!(answered(question, &[], Some(0.25)) < 0.1);
        assert!(answered(question, &[0, 1], Some(0.6)) > answered(question, &[0], Some(0.6)));
        assert!(answered(question, &[0], Some(0.6)) > answered(question, &[0], Some(0.3)));
        assert!(answered(question, &[0, 1, 2, 3], None) > 0.9 && answered(question, &[], None) < 0.1);
        assert!(answered("1984", &[0], None) < 0.1, "numbers are no words");
    }
}
