//! Similarity and lexical score → one ranking.
//!
//! Scores are fused, not ranks: z-score of the similarity + 0.5 × z-score of BM25 beat reciprocal rank
//! fusion nearly everywhere it was measured. Then a relation gains 0.4 × the best positive score among
//! those it is joined to by a foreign key, because questions that need several tables name only some.

use std::collections::HashMap;

/// How the parts of a score count.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    /// Of the lexical z-score, beside 1 for the similarity's.
    pub lexical: f32,
    /// Of the best foreign-key neighbour's positive score.
    pub neighbour: f32,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights {
            lexical: 0.5,
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
    /// BM25; 0 where no term matched.
    pub lexical: f32,
}

/// A ranked relation.
#[derive(Clone, Copy, Debug)]
pub struct Ranked {
    /// Which.
    pub id: i64,
    /// What it is ranked by; comparable within one answer only.
    pub score: f32,
}

/// Ranks the candidates, best first; ties in order of their ids. Without any vector the lexical score
/// alone decides.
pub fn rank(candidates: &[Candidate], edges: &[(i64, i64)], weights: Weights) -> Vec<Ranked> {
    let similarity = Spread::of(candidates.iter().filter_map(|candidate| candidate.similarity));
    let lexical = Spread::of(candidates.iter().map(|candidate| candidate.lexical));
    let alone: HashMap<i64, f32> = candidates
        .iter()
        .map(|candidate| {
            // No vector is as good as an average one: it neither wins nor loses by it.
            let dense = candidate.similarity.map_or(0.0, |value| similarity.z(value));
            (candidate.id, dense + weights.lexical * lexical.z(candidate.lexical))
        })
        .collect();
    let mut gain: HashMap<i64, f32> = HashMap::new();
    for (a, b) in edges {
        for (id, neighbour) in [(a, b), (b, a)] {
            if a != b
                && let Some(score) = alone.get(neighbour)
            {
                let best = gain.entry(*id).or_default();
                *best = best.max(*score);
            }
        }
    }
    let mut ranked: Vec<Ranked> = alone
        .iter()
        .map(|(id, score)| Ranked {
            id: *id,
            score: score + weights.neighbour * gain.get(id).copied().unwrap_or_default(),
        })
        .collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
    ranked
}

/// Mean and standard deviation.
struct Spread {
    mean: f32,
    deviation: f32,
}

impl Spread {
    fn of(values: impl Iterator<Item = f32> + Clone) -> Spread {
        let count = values.clone().count().max(1) as f32;
        let mean = values.clone().sum::<f32>() / count;
        let variance = values.map(|value| (value - mean).powi(2)).sum::<f32>() / count;
        Spread {
            mean,
            deviation: variance.sqrt(),
        }
    }

    /// 0 where all values are the same.
    fn z(&self, value: f32) -> f32 {
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

    fn candidate(id: i64, similarity: Option<f32>, lexical: f32) -> Candidate {
        Candidate {
            id,
            similarity,
            lexical,
        }
    }

    fn order(ranked: &[Ranked]) -> Vec<i64> {
        ranked.iter().map(|one| one.id).collect()
    }

    #[test]
    fn both_scores_count_and_the_lexical_one_suffices() {
        let both = [
            candidate(1, Some(0.5), 0.0),
            candidate(2, Some(0.5), 3.0),
            candidate(3, Some(0.9), 0.0),
        ];
        assert_eq!(order(&rank(&both, &[], Weights::default())), [3, 2, 1]);
        let lexical = [candidate(1, None, 1.0), candidate(2, None, 2.0)];
        assert_eq!(order(&rank(&lexical, &[], Weights::default())), [2, 1]);
    }

    #[test]
    fn a_neighbour_of_a_good_one_rises() {
        let candidates = [
            candidate(1, Some(0.9), 2.0),
            candidate(2, Some(0.3), 0.0),
            candidate(3, Some(0.3), 0.0),
            candidate(4, Some(0.3), 0.0),
        ];
        let ranked = rank(&candidates, &[(4, 1), (3, 3)], Weights::default());
        assert_eq!(order(&ranked), [1, 4, 2, 3]);
    }

    #[test]
    fn equal_scores_give_finite_numbers() {
        let ranked = rank(
            &[candidate(1, Some(0.5), 0.0), candidate(2, Some(0.5), 0.0)],
            &[],
            Weights::default(),
        );
        assert!(ranked.iter().all(|one| one.score.is_finite()));
        assert!(rank(&[], &[], Weights::default()).is_empty());
    }
}
