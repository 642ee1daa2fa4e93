//! Similarity, words, foreign keys and schemas → one ranking.
//!
//! Scores are fused, not ranks: z-scores of the similarity, of BM25 and of BM25 over a relation and its neighbours beat
//! reciprocal rank fusion nearly everywhere it was measured. Then a relation gains from the best positive score among
//! those it is joined to by a foreign key, because questions that need several tables name only some. Where there are
//! several schemas, their relations gain by what their schema has of the question; and what a key of the best relation
//! refers to gains where the question speaks of the key.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::bm25::{Asked, Matches};
use crate::column::Place;
use crate::join::REFERRED_TO;
use crate::words::terms;

/// How the parts of a score count, beside 1 for the similarity's z-score. Seventy weightings were compared on two halves of
/// the databases of spider_train, with defog and cordis on one side and bird on the other: these are among those that gain on
/// both.
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
    /// Of the share that the relations of the same schema have of the question's words.
    pub schema_words: f32,
    /// Of the z-score of the most similar relation of the same schema.
    pub schema_similarity: f32,
    /// Of the share of a key's words that the question has.
    pub key_words: f32,
    /// Of the z-score of a key's similarity, among those of relations.
    pub key_similarity: f32,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights {
            lexical: 0.3,
            coverage: 0.5,
            damping: 0.6,
            neighbour: 0.23,
            schema_words: 3.0,
            schema_similarity: 0.7,
            key_words: 1.0,
            key_similarity: 0.8,
        }
    }
}

/// Relations that stay first whatever the keys of the best one lead to.
const BEFORE_KEYS: usize = 3;

/// Most standard deviations that a key's similarity counts.
const MOST_SIMILAR: f32 = 3.0;

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

/// A column of a foreign key.
#[derive(Clone, Debug)]
pub struct KeyColumn {
    /// The column that refers.
    pub from: Place,
    /// The column referred to.
    pub to: Place,
    /// The name of the one that refers.
    pub name: String,
    /// Cosine similarity of the passage of the one that refers; `None` where it is not known.
    pub similarity: Option<f32>,
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
    /// By what there is in its schema.
    pub schema: f32,
    /// For a column, by its relation.
    pub relation: f32,
    /// By what it is to others: for a column, a key, what a row is called, one of the first; for a relation, what a key of
    /// the best one refers to.
    pub role: f32,
    /// By what was taught, or is stored in it.
    pub taught: f32,
}

impl Parts {
    /// All of them.
    pub fn sum(&self) -> f32 {
        self.similarity
            + self.lexical
            + self.coverage
            + self.neighbour
            + self.schema
            + self.relation
            + self.role
            + self.taught
    }

    /// Gains what it is to others, but never so much that it comes to a score: who is nearer to it stays so.
    pub(crate) fn gain(&mut self, role: f32, below: f32) {
        self.role = role.min(NEARLY * (below - self.sum()));
    }
}

/// What a role can make up of what is lacking.
const NEARLY: f32 = 0.999;

/// A ranked relation.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// Which.
    pub id: i64,
    /// What it is ranked by; comparable within one answer only.
    pub parts: Parts,
    /// The neighbour it gains from.
    pub neighbour: Option<i64>,
    /// The column of the best relation that refers to it and that it gains from.
    pub referred: Option<String>,
}

/// Relations in the order of a question, as far as they were compared.
pub struct Ranking {
    ranked: Vec<Ranked>,
    similarity: Spread,
    weights: Weights,
}

impl Ranking {
    /// Ranks the candidates, best first; ties in order of their ids. Without any vector the words alone decide.
    pub fn new(candidates: &[Candidate], matches: &Matches, edges: &[(i64, i64)], weights: Weights) -> Ranking {
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
                referred: None,
            })
            .collect();
        let alone: HashMap<i64, f32> = ranked.iter().map(|one| (one.id, one.parts.sum())).collect();
        for one in &mut ranked {
            let scored = near(one.id)
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
        let mut ranking = Ranking {
            ranked,
            similarity,
            weights,
        };
        ranking.sort();
        ranking
    }

    /// Relations, best first.
    pub fn ranked(&self) -> &[Ranked] {
        &self.ranked
    }

    /// The same, to be kept.
    pub fn into_ranked(self) -> Vec<Ranked> {
        self.ranked
    }

    fn sort(&mut self) {
        self.ranked
            .sort_by(|a, b| b.parts.sum().total_cmp(&a.parts.sum()).then(a.id.cmp(&b.id)));
    }

    /// Raises those whose schema has more of the question than others: a question is about one of them, as a rule.
    /// `schemas` says where relations are; all others stay where they are.
    pub fn by_schema(&mut self, schemas: &HashMap<i64, String>, matches: &Matches) {
        // of each schema the best of each word, and the best similarity
        let mut had: HashMap<&str, (BTreeMap<usize, f32>, f32)> = HashMap::new();
        let mut best_of_all: BTreeMap<usize, f32> = BTreeMap::new();
        for one in &self.ranked {
            let Some(schema) = schemas.get(&one.id) else { continue };
            let (words, similarity) = had.entry(schema.as_str()).or_default();
            *similarity = similarity.max(one.parts.similarity);
            for found in matches.of(one.id) {
                for best in [&mut *words, &mut best_of_all] {
                    let best = best.entry(found.word).or_default();
                    *best = best.max(found.score);
                }
            }
        }
        if had.len() < 2 {
            return; // nothing to compare it with
        }
        let all: f32 = best_of_all.values().sum();
        for one in &mut self.ranked {
            let Some((words, similarity)) = schemas.get(&one.id).and_then(|schema| had.get(schema.as_str())) else {
                continue;
            };
            let share = words.values().sum::<f32>() / all.max(f32::EPSILON);
            one.parts.schema = self.weights.schema_words * share + self.weights.schema_similarity * similarity;
        }
        self.sort();
    }

    /// Raises what the best relation refers to by a key that the question speaks of: the colour for "blue eyes", where heroes
    /// have an `eye_colour_id`.
    pub fn by_keys(&mut self, keys: &[KeyColumn], asked: &[Asked]) {
        let (Some(best), Some(last)) = (self.ranked.first(), self.ranked.get(BEFORE_KEYS - 1)) else {
            return;
        };
        let (best, below) = (best.id, last.parts.sum());
        let mut raised: HashMap<i64, (f32, &str)> = HashMap::new();
        for key in keys.iter().filter(|key| key.from.0 == best && key.to.0 != best) {
            let similar = key.similarity.map_or(0.0, |value| self.similarity.z(value));
            let gain = self.weights.key_words * share_asked(&key.name, asked)
                + self.weights.key_similarity * similar.clamp(0.0, MOST_SIMILAR);
            let known = raised.entry(key.to.0).or_insert((0.0, ""));
            if gain > known.0 {
                *known = (gain, &key.name);
            }
        }
        for one in self.ranked.iter_mut().skip(BEFORE_KEYS) {
            if let Some((gain, name)) = raised.get(&one.id).filter(|(gain, _)| *gain > 0.0) {
                one.parts.gain(*gain, below);
                one.referred = Some((*name).to_owned());
            }
        }
        self.sort();
    }
}

/// Share of the words of a key's name that the question has, a synonym by its weight.
fn share_asked(name: &str, asked: &[Asked]) -> f32 {
    words_asked([name], asked) / key_words([name]).len().max(1) as f32
}

/// The words of names of keys that say what these refer to.
fn key_words<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let words = names.into_iter().flat_map(terms);
    words.filter(|word| !REFERRED_TO.contains(&word.as_str())).collect()
}

/// How many of the words of some keys' names a question has, a synonym by its weight.
pub fn words_asked<'a>(names: impl IntoIterator<Item = &'a str>, asked: &[Asked]) -> f32 {
    let weight = |word: &String| {
        let weights = asked.iter().filter(|one| one.term == *word).map(|one| one.weight);
        weights.max_by(f32::total_cmp).unwrap_or(0.0)
    };
    key_words(names).iter().map(weight).sum()
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
    use crate::bm25::{Corpus, Posting, asked, bm25};

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

    fn order(ranking: &Ranking) -> Vec<i64> {
        ranking.ranked().iter().map(|one| one.id).collect()
    }

    fn ranking(candidates: &[Candidate], matches: &Matches, edges: &[(i64, i64)]) -> Ranking {
        Ranking::new(candidates, matches, edges, Weights::default())
    }

    #[test]
    fn both_scores_count_and_the_lexical_one_suffices() {
        let both = [
            candidate(1, Some(0.5)),
            candidate(2, Some(0.5)),
            candidate(3, Some(0.9)),
        ];
        assert_eq!(order(&ranking(&both, &having(&[(2, 3)]), &[])), [3, 2, 1]);
        let lexical = [candidate(1, None), candidate(2, None)];
        assert_eq!(order(&ranking(&lexical, &having(&[(1, 1), (2, 2)]), &[])), [2, 1]);
    }

    #[test]
    fn a_neighbour_of_a_good_one_rises_and_the_parts_add_up() {
        let candidates = [
            candidate(1, Some(0.9)),
            candidate(2, Some(0.3)),
            candidate(3, Some(0.3)),
            candidate(4, Some(0.3)),
        ];
        let ranking = ranking(&candidates, &having(&[(1, 2)]), &[(4, 1), (3, 3)]);
        assert_eq!(order(&ranking), [1, 4, 2, 3]);
        let ranked = ranking.ranked();
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
        assert_eq!(order(&ranking(&candidates, &Matches::default(), &[]))[0], 2);
    }

    #[test]
    fn a_schema_that_has_more_of_the_question_wins() {
        let words = |matches: &[(i64, usize)]| {
            let asked = [0, 1].map(|word| Asked {
                term: format!("t{word}"),
                word,
                weight: 1.0,
            });
            let posting = |(document, asked): &(i64, usize)| Posting {
                asked: *asked,
                document: *document,
                weight: 1,
                length: 10,
            };
            let corpus = Corpus {
                documents: 10,
                mean_length: 10.0,
            };
            bm25(&asked, &matches.iter().map(posting).collect::<Vec<_>>(), corpus)
        };
        // 1 and 2 have a word each and so have 3 and 4, but 3 and 4 not the same one
        let matches = words(&[(1, 0), (2, 0), (3, 0), (4, 1)]);
        let candidates = [0.51, 0.5, 0.5, 0.3].map(Some);
        let candidates: Vec<Candidate> = (1..).zip(candidates).map(|(id, one)| candidate(id, one)).collect();
        let mut ranking = ranking(&candidates, &matches, &[]);
        let place = |ranking: &Ranking, id| order(ranking).iter().position(|one| *one == id);
        assert!(place(&ranking, 1) < place(&ranking, 3), "{:?}", order(&ranking));
        ranking.by_schema(&[(1, "shop".to_owned())].into(), &matches);
        assert_eq!(
            ranking.ranked()[0].parts.schema,
            0.0,
            "one schema has nothing to compare it with"
        );
        let schemas = [(1, "shop"), (2, "shop"), (3, "zoo"), (4, "zoo")];
        let schemas = schemas.map(|(id, schema)| (id, schema.to_owned())).into();
        ranking.by_schema(&schemas, &matches);
        assert!(place(&ranking, 3) < place(&ranking, 1), "{:?}", order(&ranking));
        assert!(ranking.ranked()[0].parts.schema > 0.0);
    }

    #[test]
    fn schemas_alike_stay_in_order() {
        let asked: Vec<Asked> = (0..9)
            .map(|word| Asked {
                term: format!("t{word}"),
                word,
                weight: 1.0 / (word + 3) as f32,
            })
            .collect();
        let posting = |(document, asked): (i64, usize)| Posting {
            asked,
            document,
            weight: 1,
            length: 10,
        };
        let postings: Vec<Posting> = (1..=2)
            .flat_map(|id| (0..9).map(move |word| posting((id, word))))
            .collect();
        let corpus = Corpus {
            documents: 50,
            mean_length: 10.0,
        };
        let schemas: HashMap<i64, String> = [(1, "a".to_owned()), (2, "b".to_owned())].into();
        for _ in 0..50 {
            let matches = bm25(&asked, &postings, corpus);
            let twins = [candidate(1, Some(0.5)), candidate(2, Some(0.5))];
            let mut ranking = ranking(&twins, &matches, &[]);
            ranking.by_schema(&schemas, &matches);
            assert_eq!(order(&ranking), [1, 2]);
        }
    }

    #[test]
    fn a_key_that_is_spoken_of_leads_on() {
        let similarities = [0.9, 0.6, 0.5, 0.32, 0.31, 0.3].map(Some);
        let candidates: Vec<Candidate> = (1..).zip(similarities).map(|(id, one)| candidate(id, one)).collect();
        let key = |name: &str, from, to, similarity| KeyColumn {
            from: (from, 2),
            to: (to, 1),
            name: name.to_owned(),
            similarity,
        };
        let led = |keys: &[KeyColumn]| {
            let mut ranking = ranking(&candidates, &Matches::default(), &[]);
            ranking.by_keys(keys, &asked("heroes with blue eyes"));
            let referred = ranking.ranked().iter().find_map(|one| one.referred.clone());
            (order(&ranking), referred)
        };
        let eye = key("eye_colour_id", 1, 6, None);
        let (ranked, referred) = led(std::slice::from_ref(&eye));
        assert_eq!(ranked, [1, 2, 3, 6, 4, 5], "not before the third");
        assert_eq!(referred.as_deref(), Some("eye_colour_id"));
        assert_eq!(led(&[key("alignment_id", 1, 6, Some(0.8))]).0, [1, 2, 3, 6, 4, 5]);
        let untouched = vec![1, 2, 3, 4, 5, 6];
        for key in [
            key("alignment_id", 1, 6, None),
            key("alignment_id", 1, 6, Some(0.3)),
            key("eye_colour_id", 2, 6, None),
            key("eye_id", 1, 2, None),
            key("eye_id", 1, 1, None),
            key("eye_id", 1, 77, None),
        ] {
            assert_eq!(led(&[key]), (untouched.clone(), None));
        }
    }

    #[test]
    fn equal_scores_give_finite_numbers() {
        let equal = [candidate(1, Some(0.5)), candidate(2, Some(0.5))];
        let mut ranking_of_equal = ranking(&equal, &Matches::default(), &[]);
        let schemas = [(1, "a".to_owned()), (2, "b".to_owned())];
        ranking_of_equal.by_schema(&schemas.into(), &Matches::default());
        assert!(ranking_of_equal.ranked().iter().all(|one| one.parts.sum().is_finite()));
        let mut nothing = ranking(&[], &Matches::default(), &[]);
        nothing.by_schema(&HashMap::new(), &Matches::default());
        nothing.by_keys(&[], &[]);
        assert!(nothing.into_ranked().is_empty());
    }
}
