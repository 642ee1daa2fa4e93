//! Okapi BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009).

use std::collections::HashMap;

/// Saturation of repeated terms.
const K1: f32 = 1.2;

/// How far length counts against a document.
const B: f32 = 0.75;

/// One term in one document.
#[derive(Clone, Copy, Debug)]
pub struct Posting {
    /// Which of the question's terms.
    pub term: usize,
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

/// The score of every document that has one of the terms. Document frequencies are those of the given
/// postings, so documents that were left out for lack of rights leave no trace in the scores.
pub fn bm25(postings: &[Posting], corpus: Corpus) -> HashMap<i64, f32> {
    let mut frequencies: HashMap<usize, f32> = HashMap::new();
    for posting in postings {
        *frequencies.entry(posting.term).or_default() += 1.0;
    }
    let mut scores = HashMap::new();
    for posting in postings {
        let frequency = frequencies[&posting.term];
        let idf = (1.0 + (corpus.documents as f32 - frequency + 0.5).max(0.0) / (frequency + 0.5)).ln();
        let weight = posting.weight as f32;
        let relative = posting.length as f32 / corpus.mean_length.max(1.0);
        let saturated = weight * (K1 + 1.0) / (weight + K1 * (1.0 - B + B * relative));
        *scores.entry(posting.document).or_default() += idf * saturated;
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_terms_and_short_documents_win() {
        let posting = |term, document, length| Posting {
            term,
            document,
            weight: 1,
            length,
        };
        let corpus = Corpus {
            documents: 10,
            mean_length: 10.0,
        };
        let common: Vec<_> = (1..=8).map(|document| posting(0, document, 10)).collect();
        let scores = bm25(&[common, vec![posting(1, 1, 10), posting(1, 9, 5)]].concat(), corpus);
        assert!(scores[&9] > scores[&2], "rare beats common");
        assert!(scores[&1] > scores[&2], "two terms beat one");
        let scores = bm25(&[posting(0, 1, 5), posting(0, 2, 50)], corpus);
        assert!(scores[&1] > scores[&2]);
    }
}
