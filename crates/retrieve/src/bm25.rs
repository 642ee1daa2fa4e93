//! Okapi BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009), kept apart for
//! each word of a question, so that a synonym can stand for the word and a neighbour can have it.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::business::others_of_heads;
use crate::thesaurus::synonyms;
use crate::words::query_words;

/// Saturation of repeated terms.
const K1: f32 = 1.2;

/// How far length counts against a document.
const B: f32 = 0.75;

/// What a synonym counts beside the word itself, times its own weight.
const SYNONYM: f32 = 0.7;

/// What a word counts that the question's may have been meant to be, or may be shortened to.
const OTHER_FORM: f32 = 0.7;

/// What a phrase of one word counts that business uses for the question's, and a word of a longer one. Together they
/// gain 0.007 recall@5 in other words (spider_train) and cost up to 0.005 where the wording is the schema's own.
const SAME_PHRASE: f32 = 0.5;
const OF_SAME_PHRASE: f32 = 0.3;

/// Words of a question, from the first on, for which others are asked for, too.
const WITH_OTHERS: usize = 64;

/// A term to be looked up for a word of a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The term: the word's own, a synonym's, or what it may be short for or misspelled.
    pub term: String,
    /// Which of the question's words it stands for.
    pub word: usize,
    /// What it counts.
    pub weight: f32,
}

/// The terms to be looked up for a question: its own words first. Empty for nothing but stop words.
pub fn asked(question: &str) -> Vec<Asked> {
    let words = query_words(question);
    let terms: HashSet<&str> = words.iter().map(|word| word.term.as_str()).collect();
    let mut asked: Vec<Asked> = words
        .iter()
        .enumerate()
        .map(|(word, one)| Asked {
            term: one.term.clone(),
            word,
            weight: 1.0,
        })
        .collect();
    for (word, one) in words.iter().enumerate().take(WITH_OTHERS) {
        let synonyms = synonyms(&one.term).map(|(synonym, weight)| (synonym, SYNONYM * weight));
        let others = one.others.iter().map(|other| (other.as_str(), OTHER_FORM));
        let wanted = synonyms.chain(others).filter(|(term, _)| !terms.contains(term));
        asked.extend(wanted.map(|(term, weight)| Asked {
            term: term.to_owned(),
            word,
            weight,
        }));
    }
    let places: HashMap<&str, usize> = words
        .iter()
        .enumerate()
        .map(|(at, word)| (word.term.as_str(), at))
        .collect();
    for (head, term, is_alone) in others_of_heads(question) {
        let Some(word) = places
            .get(head.as_str())
            .copied()
            .filter(|_| !terms.contains(term.as_str()))
        else {
            continue;
        };
        let weight = if is_alone { SAME_PHRASE } else { OF_SAME_PHRASE };
        match asked.iter_mut().find(|one| one.word == word && one.term == term) {
            Some(known) => known.weight = known.weight.max(weight),
            None => asked.push(Asked { term, word, weight }),
        }
    }
    asked
}

/// One term in one document.
#[derive(Clone, Copy, Debug)]
pub struct Posting {
    /// Which of the terms that were asked for.
    pub asked: usize,
    /// The document.
    pub document: i64,
    /// How often it is there, weighted.
    pub weight: u32,
    /// Sum of the weights of the document.
    pub length: u32,
}

/// The documents the asker may see.
#[derive(Clone, Copy, Debug)]
pub struct Corpus {
    /// How many there are.
    pub documents: u64,
    /// Their mean length; 0 when there are none.
    pub mean_length: f32,
}

/// What a document has for one word of the question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// Which word of the question.
    pub word: usize,
    /// Which of the terms that were asked for: the one that counts most.
    pub asked: usize,
    /// BM25 of it.
    pub score: f32,
}

/// What every document that has one of the terms has for each word of the question.
#[derive(Clone, Debug, Default)]
pub struct Matches(HashMap<i64, Vec<Match>>);

/// The matches of every document that has one of the terms. Document frequencies are those of the given postings, so
/// documents that were left out for lack of rights leave no trace in the scores.
pub fn bm25(asked: &[Asked], postings: &[Posting], corpus: Corpus) -> Matches {
    let mut frequencies: HashMap<usize, f32> = HashMap::new();
    for posting in postings {
        *frequencies.entry(posting.asked).or_default() += 1.0;
    }
    let mut matches = Matches::default();
    for posting in postings {
        let frequency = frequencies[&posting.asked];
        let idf = (1.0 + (corpus.documents as f32 - frequency + 0.5).max(0.0) / (frequency + 0.5)).ln();
        let weight = posting.weight as f32;
        let relative = posting.length as f32 / corpus.mean_length.max(1.0);
        let saturated = weight * (K1 + 1.0) / (weight + K1 * (1.0 - B + B * relative));
        matches.add(
            posting.document,
            Match {
                word: asked[posting.asked].word,
                asked: posting.asked,
                score: asked[posting.asked].weight * idf * saturated,
            },
        );
    }
    matches
}

impl Matches {
    /// Of a word and its synonyms the best counts.
    fn add(&mut self, document: i64, new: Match) {
        let own = self.0.entry(document).or_default();
        match own.iter_mut().find(|old| old.word == new.word) {
            Some(old) if old.score >= new.score => (),
            Some(old) => *old = new,
            None => own.push(new),
        }
    }

    /// Documents that have anything.
    pub fn documents(&self) -> impl Iterator<Item = i64> {
        self.0.keys().copied()
    }

    /// What a document has, word by word.
    pub fn of(&self, document: i64) -> &[Match] {
        self.0.get(&document).map_or(&[], Vec::as_slice)
    }

    /// BM25 of a document; 0 where it has nothing.
    pub fn score(&self, document: i64) -> f32 {
        self.of(document).iter().map(|one| one.score).sum()
    }

    /// How well a document and its neighbours together have the words of the question: of each word the better of the
    /// document's own and `damping` times its best neighbour's.
    pub fn coverage(&self, document: i64, neighbours: &[i64], damping: f32) -> f32 {
        // in order: sums of the same numbers are the same
        let mut best: BTreeMap<usize, f32> = self.of(document).iter().map(|one| (one.word, one.score)).collect();
        for one in neighbours.iter().flat_map(|neighbour| self.of(*neighbour)) {
            let own = best.entry(one.word).or_default();
            *own = own.max(damping * one.score);
        }
        best.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posting(asked: usize, document: i64, length: u32) -> Posting {
        Posting {
            asked,
            document,
            weight: 1,
            length,
        }
    }

    const CORPUS: Corpus = Corpus {
        documents: 10,
        mean_length: 10.0,
    };

    fn plain(words: usize) -> Vec<Asked> {
        let asked = |word| Asked {
            term: format!("t{word}"),
            word,
            weight: 1.0,
        };
        (0..words).map(asked).collect()
    }

    #[test]
    fn rare_terms_and_short_documents_win() {
        let common: Vec<_> = (1..=8).map(|document| posting(0, document, 10)).collect();
        let found = bm25(
            &plain(2),
            &[common, vec![posting(1, 1, 10), posting(1, 9, 5)]].concat(),
            CORPUS,
        );
        assert!(found.score(9) > found.score(2), "rare beats common");
        assert!(found.score(1) > found.score(2), "two terms beat one");
        let found = bm25(&plain(1), &[posting(0, 1, 5), posting(0, 2, 50)], CORPUS);
        assert!(found.score(1) > found.score(2));
    }

    #[test]
    fn a_synonym_counts_less_than_the_word_and_not_twice() {
        let asked = asked("vocalists");
        assert_eq!((asked[0].term.as_str(), asked[0].weight), ("vocalist", 1.0));
        let singer = asked.iter().position(|one| one.term == "singer").expect("a synonym");
        assert!(asked[singer].weight < 1.0);
        let found = bm25(
            &asked,
            &[
                posting(0, 1, 10),
                posting(singer, 2, 10),
                posting(0, 3, 10),
                posting(singer, 3, 10),
            ],
            CORPUS,
        );
        assert!(found.score(1) > found.score(2) && found.score(2) > 0.0);
        assert_eq!(found.of(3).len(), 1);
    }

    #[test]
    fn slips_and_short_forms_are_asked_for() {
        let terms = |question: &str| asked(question).into_iter().map(|one| one.term).collect::<Vec<_>>();
        assert!(
            terms("unpaid invocies").contains(&"invoic".to_owned()),
            "{:?}",
            terms("unpaid invocies")
        );
        assert!(terms("specimens").contains(&"spcmn".to_owned()));
        assert!(!terms("listedsecurity").contains(&"listedsecur".to_owned()));
    }

    #[test]
    fn a_neighbour_has_what_is_missing() {
        let found = bm25(
            &plain(2),
            &[posting(0, 1, 10), posting(0, 2, 10), posting(1, 3, 10)],
            CORPUS,
        );
        let alone = found.coverage(1, &[], 0.6);
        assert_eq!(alone, found.score(1));
        assert!(found.coverage(1, &[3], 0.6) > alone);
        assert_eq!(found.coverage(1, &[2], 0.6), alone, "nothing new");
        assert!(found.coverage(9, &[3], 0.6) > 0.0);
    }
}
