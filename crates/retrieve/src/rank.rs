//! Similarity, words and foreign keys → one ranking.
//!
//! Scores are fused, not ranks: z-scores of the similarity, of BM25 and of BM25 over a relation and its neighbours beat
//! reciprocal rank fusion nearly everywhere it was measured. Then a relation gains from the best positive score among
//! those it is joined to by a foreign key, because questions that need several tables name only some.

use std::collections::HashMap;

use crate::bm25::Matches;

/// How the parts of a score count, beside 1 for the similarity's z-score. Chosen on two public question sets (spider_train
/// and bird), so a little too good for them.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    /// Of the lexical z-score.
    pub lexical: f32,
    /// Of the z-score of what a relation and its neighbours have together of the question's words.
    pub coverage: f32,
    /// What a neighbour's word counts in that.
    pub damping: f32,
    /// Of the best foreign-key neighbour's positive score.
    pub neighbour: f32,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights {
            lexical: 0.3,
            coverage: 0.3,
            damping: 0.6,
            neighbour: 0.4,
        }
    }
}

/// A relation to be ranked.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Which.
    pub id: i64,
    /// Cosine similarity of its own or its best column's passage; `None` where there is no vector.
    pub similarity: Option<f32>,
    /// How sure it is that a phrase of the question means it, as it was taught or is stored there, from 0 to 1.
    pub taught: f32,
}

/// What a term that was taught counts, where it is quite sure: about as much as the best of many relations stands out.
pub(crate) const TAUGHT: f32 = 4.0;

/// What a score is made of; the sum is the score.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts {
    /// By meaning: how its passage lies to the question.
    pub similarity: f32,
    /// By the question's words that it has.
    pub lexical: f32,
    /// By the words that it and its neighbours have.
    pub coverage: f32,
    /// By the relation it is joined to.
    pub neighbour: f32,
    /// For a column, by its relation.
    pub relation: f32,
    /// By what was taught, or is stored in it.
    pub taught: f32,
}

impl Parts {
    /// All of them.
    pub fn sum(&self) -> f32 {
        self.similarity + self.lexical + self.coverage + self.neighbour + self.relation + self.taught
    }
}

/// A ranked relation.
#[derive(Clone, Copy, Debug)]
pub struct Ranked {
    /// Which.
    pub id: i64,
    /// What it is ranked by; comparable within one answer only.
    pub parts: Parts,
    /// The neighbour it gains from.
    pub neighbour: Option<i64>,
}

/// Ranks the candidates, best first; ties in order of their ids. Without any vector the words alone decide.
pub fn rank(candidates: &[Candidate], matches: &Matches, edges: &[(i64, i64)], weights: Weights) -> Vec<Ranked> {
    let neighbours = neighbours(edges);
    let none = Vec::new();
    let near = |document: i64| neighbours.get(&document).unwrap_or(&none);
    let words: Vec<f32> = candidates.iter().map(|one| matches.score(one.id)).collect();
    let covered: Vec<f32> = candidates
        .iter()
        .map(|one| matches.coverage(one.id, near(one.id), weights.damping))
        .collect();
    let similarity = Spread::of(candidates.iter().filter_map(|candidate| candidate.similarity));
    let (lexical, coverage) = (Spread::of(words.iter().copied()), Spread::of(covered.iter().copied()));
    let mut ranked: Vec<Ranked> = candidates
        .iter()
        .enumerate()
        .map(|(at, candidate)| Ranked {
            id: candidate.id,
            parts: Parts {
                // No vector is as good as an average one: it neither wins nor loses by it.
                similarity: candidate.similarity.map_or(0.0, |value| similarity.z(value)),
                lexical: weights.lexical * lexical.z(words[at]),
                coverage: weights.coverage * coverage.z(covered[at]),
                taught: TAUGHT * candidate.taught,
                ..Parts::default()
            },
            neighbour: None,
        })
        .collect();
    let alone: HashMap<i64, f32> = ranked.iter().map(|one| (one.id, one.parts.sum())).collect();
    for (one, candidate) in ranked.iter_mut().zip(candidates) {
        let scored = near(candidate.id)
            .iter()
            .filter_map(|id| alone.get(id).map(|score| (*id, *score)));
        if let Some((id, score)) = scored
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .filter(|(_, score)| *score > 0.0)
        {
            one.parts.neighbour = weights.neighbour * score;
            one.neighbour = Some(id);
        }
    }
    ranked.sort_by(|a, b| b.parts.sum().total_cmp(&a.parts.sum()).then(a.id.cmp(&b.id)));
    ranked
}

/// By relation those that a foreign key joins it to; itself is none of them.
fn neighbours(edges: &[(i64, i64)]) -> HashMap<i64, Vec<i64>> {
    let mut found: HashMap<i64, Vec<i64>> = HashMap::new();
    for (a, b) in edges.iter().filter(|(a, b)| a != b) {
        for (id, other) in [(a, b), (b, a)] {
            let known = found.entry(*id).or_default();
            if !known.contains(other) {
                known.push(*other);
            }
        }
    }
    found
}

/// Mean and standard deviation.
pub(crate) struct Spread {
    mean: f32,
    deviation: f32,
}

impl Spread {
    pub(crate) fn of(values: impl Iterator<Item = f32> + Clone) -> Spread {
        let count = values.clone().count().max(1) as f32;
        let mean = values.clone().sum::<f32>() / count;
        let variance = values.map(|value| (value - mean).powi(2)).sum::<f32>() / count;
        Spread {
            mean,
            deviation: variance.sqrt(),
        }
    }

    /// 0 where all values are the same.
    pub(crate) fn z(&self, value: f32) -> f32 {
        if self.deviation > 1e-6 {
            (value - self.mean) / self.deviation
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bm25::{Asked, Corpus, Posting, bm25};

    fn candidate(id: i64, similarity: Option<f32>) -> Candidate {
        Candidate {
            id,
            similarity,
            taught: 0.0,
        }
    }

    /// Documents that have a word, so often.
    fn having(word: &[(i64, u32)]) -> Matches {
        let asked = [Asked {
            term: "word".to_owned(),
            word: 0,
            weight: 1.0,
        }];
        let posting = |(document, weight): &(i64, u32)| Posting {
            asked: 0,
            document: *document,
            weight: *weight,
            length: 10,
        };
        let corpus = Corpus {
            documents: 10,
            mean_length: 10.0,
        };
        bm25(&asked, &word.iter().map(posting).collect::<Vec<_>>(), corpus)
    }

    fn order(ranked: &[Ranked]) -> Vec<i64> {
        ranked.iter().map(|one| one.id).collect()
    }

    #[test]
    fn both_scores_count_and_the_lexical_one_suffices() {
        let both = [
            candidate(1, Some(0.5)),
            candidate(2, Some(0.5)),
            candidate(3, Some(0.9)),
        ];
        assert_eq!(
            order(&rank(&both, &having(&[(2, 3)]), &[], Weights::default())),
            [3, 2, 1]
        );
        let lexical = [candidate(1, None), candidate(2, None)];
        assert_eq!(
            order(&rank(&lexical, &having(&[(1, 1), (2, 2)]), &[], Weights::default())),
            [2, 1]
        );
    }

    #[test]
    fn a_neighbour_of_a_good_one_rises_and_the_parts_add_up() {
        let candidates = [
            candidate(1, Some(0.9)),
            candidate(2, Some(0.3)),
            candidate(3, Some(0.3)),
            candidate(4, Some(0.3)),
        ];
        let ranked = rank(&candidates, &having(&[(1, 2)]), &[(4, 1), (3, 3)], Weights::default());
        assert_eq!(order(&ranked), [1, 4, 2, 3]);
        assert_eq!((ranked[1].neighbour, ranked[2].neighbour), (Some(1), None));
        assert!(ranked[1].parts.neighbour > 0.0 && ranked[1].parts.coverage > ranked[2].parts.coverage);
    }

    #[test]
    fn what_was_taught_wins() {
        let mut candidates = [
            candidate(1, Some(0.9)),
            candidate(2, Some(0.1)),
            candidate(3, Some(0.2)),
        ];
        candidates[1].taught = 0.8;
        assert_eq!(
            order(&rank(&candidates, &Matches::default(), &[], Weights::default()))[0],
            2
        );
    }

    #[test]
    fn equal_scores_give_finite_numbers() {
        let equal = [candidate(1, Some(0.5)), candidate(2, Some(0.5))];
        let ranked = rank(&equal, &Matches::default(), &[], Weights::default());
        assert!(ranked.iter().all(|one| one.parts.sum().is_finite()));
        assert!(rank(&[], &Matches::default(), &[], Weights::default()).is_empty());
    }
}
