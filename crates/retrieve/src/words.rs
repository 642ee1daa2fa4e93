//! Identifiers and prose → words and terms.
//!
//! A *word* is what a person reads in an identifier (`custOrdHdr2` → cust, ord, hdr, 2); a *term* is a
//! word made comparable: lower case, words written together apart, abbreviations written out, stop words
//! dropped, stemmed with the
//! English stemmer that PostgreSQL's text search uses. Other languages pass through the same rules;
//! their words are compared whole where the stemmer leaves them alone.

use rust_stemmers::{Algorithm, Stemmer};

use crate::abbreviation::{expand, shortened};
use crate::segment::segment;
use crate::spelling::respelled;

/// Longest word that becomes a term, in characters: longer ones are data, not language.
const MAX_WORD: usize = 64;

/// Longest text that is read of a question, in bytes.
const MAX_QUESTION: usize = 16 * 1024;

/// Most terms that are taken from one question.
const MAX_QUERY_TERMS: usize = 256;

/// Words that say nothing about which table is meant. Question words and the verbs of asking included.
const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "been", "before", "being",
    "between", "both", "but", "by", "can", "could", "did", "do", "does", "each", "every", "find", "for", "from", "get",
    "give", "had", "has", "have", "having", "he", "her", "his", "how", "i", "if", "in", "into", "is", "it", "its",
    "list", "many", "me", "more", "most", "much", "my", "no", "not", "of", "off", "on", "one", "only", "or", "our",
    "out", "over", "per", "s", "she", "should", "show", "so", "some", "such", "t", "tell", "than", "that", "the",
    "their", "them", "there", "these", "they", "this", "those", "to", "under", "up", "us", "was", "we", "were", "what",
    "when", "where", "which", "who", "whom", "whose", "why", "will", "with", "would", "you", "your",
];

/// What asks in a question and names something in a schema: whoever means goods that came back says returns.
const ASKING: &str = "return";

/// Splits an identifier into lower-case words: at anything that is no letter or digit, between lower
/// and upper case, before the last capital of a run followed by lower case, and between letters and
/// digits.
pub fn split_identifier(identifier: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut flush = |word: &mut String| {
        if !word.is_empty() {
            words.push(word.to_lowercase());
            word.clear();
        }
    };
    let characters: Vec<char> = identifier.chars().collect();
    for (at, c) in characters.iter().enumerate() {
        if !c.is_alphanumeric() {
            flush(&mut word);
            continue;
        }
        let next_is_lower = characters.get(at + 1).is_some_and(|next| next.is_lowercase());
        let boundary = word.chars().next_back().is_some_and(|previous| {
            (previous.is_lowercase() && c.is_uppercase())
                || (previous.is_uppercase() && c.is_uppercase() && next_is_lower)
                || (previous.is_numeric() != c.is_numeric())
        });
        if boundary {
            flush(&mut word);
        }
        word.push(*c);
    }
    flush(&mut word);
    words
}

/// The words of an identifier or a text: those that were written together apart, abbreviations written out.
pub(crate) fn words_of(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for run in split_identifier(text) {
        for word in segment(&run) {
            words.extend(expand(word).unwrap_or(word).split(' ').map(str::to_owned));
        }
    }
    words
}

/// What a person would call an identifier: its words, abbreviations written out.
pub fn readable(identifier: &str) -> String {
    words_of(identifier).join(" ")
}

/// The terms of an identifier or a text, in order, repeated where they repeat.
pub fn terms(text: &str) -> Vec<String> {
    let stemmer = Stemmer::create(Algorithm::English);
    let mut terms = Vec::new();
    for word in words_of(text) {
        if word.chars().count() <= MAX_WORD && STOP_WORDS.binary_search(&word.as_str()).is_err() {
            terms.push(stemmer.stem(&word).into_owned());
        }
    }
    terms
}

/// Words that a phrase means the same without.
const ARTICLES: &[&str] = &["a", "an", "in", "of", "s", "the", "to"];

/// A word of a phrase.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    /// As people read it.
    pub(crate) text: String,
    /// Stemmed.
    pub(crate) stem: String,
}

/// The words of a phrase in order, without articles.
pub(crate) fn phrase(text: &str) -> Vec<Word> {
    let stemmer = Stemmer::create(Algorithm::English);
    let end = text.floor_char_boundary(MAX_QUESTION);
    words_of(&text[..end])
        .into_iter()
        .filter(|word| !ARTICLES.contains(&word.as_str()))
        .map(|text| Word {
            stem: stemmer.stem(&text).into_owned(),
            text,
        })
        .collect()
}

/// What a phrase is known by: the stems of its words in order, without articles.
pub fn phrase_key(text: &str) -> String {
    let stems: Vec<String> = phrase(text).into_iter().map(|word| word.stem).collect();
    stems.join(" ")
}

/// A word of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueryWord {
    /// Its term.
    pub(crate) term: String,
    /// Terms of what it may have been meant to be, or may be shortened to.
    pub(crate) others: Vec<String>,
}

/// The words of a question with distinct terms, at most 256; none for nothing but stop words. A long text is cut: what
/// matters in a question is said early.
pub(crate) fn query_words(question: &str) -> Vec<QueryWord> {
    let stemmer = Stemmer::create(Algorithm::English);
    let stem = |word: &str| stemmer.stem(word).into_owned();
    let end = question.floor_char_boundary(MAX_QUESTION);
    let mut distinct: Vec<QueryWord> = Vec::new();
    for run in split_identifier(&question[..end]) {
        let respelled = respelled(&run);
        // What is a slip of the keyboard away from a word was not written together.
        let words = if respelled.is_empty() {
            words_of(&run)
        } else {
            vec![run]
        };
        for word in words {
            let term = stem(&word);
            let is_new = distinct.iter().all(|known| known.term != term);
            let says_nothing = word == ASKING || STOP_WORDS.binary_search(&word.as_str()).is_ok();
            if !is_new || word.chars().count() > MAX_WORD || says_nothing {
                continue;
            }
            if distinct.len() == MAX_QUERY_TERMS {
                return distinct;
            }
            let others = respelled.iter().cloned().chain(shortened(singular(&word)));
            let mut others: Vec<String> = others
                .map(|other| stem(&other))
                .filter(|other| *other != term)
                .collect();
            others.sort_unstable();
            others.dedup();
            distinct.push(QueryWord { term, others });
        }
    }
    distinct
}

/// A word without the s of a plural: what is shortened is the singular.
fn singular(word: &str) -> &str {
    word.strip_suffix('s')
        .filter(|rest| !rest.ends_with('s'))
        .unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_sorted() {
        assert!(STOP_WORDS.is_sorted());
    }

    #[test]
    fn identifiers_are_split_where_people_see_words() {
        for (identifier, words) in [
            ("cust_ord_hdr", vec!["cust", "ord", "hdr"]),
            ("salesOrderID", vec!["sales", "order", "id"]),
            ("HTTPServer2xx", vec!["http", "server", "2", "xx"]),
            ("größe_Ähnlich", vec!["größe", "ähnlich"]),
            ("__", vec![]),
        ] {
            assert_eq!(split_identifier(identifier), words, "{identifier}");
        }
    }

    #[test]
    fn terms_meet_whatever_the_form() {
        assert_eq!(terms("cust_ord_qty"), terms("Customers' ordered quantities"));
        assert_eq!(terms("CUSTORDQTY"), terms("customer order quantity"));
        assert_eq!(readable("emp_mstr"), "employee master");
        assert_eq!(readable("LISTEDSECURITY"), "listed security");
    }

    #[test]
    fn returns_are_goods_and_return_is_a_verb() {
        assert_eq!(terms("rtn_rqst"), ["return", "request"]);
        let asked = |question: &str| {
            query_words(question)
                .into_iter()
                .map(|one| one.term)
                .collect::<Vec<_>>()
        };
        assert_eq!(asked("Return the names"), ["name"]);
        assert_eq!(asked("how many returns"), ["return"]);
    }

    #[test]
    fn absurd_questions_are_harmless() {
        assert!(query_words("what is the").is_empty());
        assert!(query_words(&"💥 \u{0}".repeat(100_000)).is_empty());
        assert!(query_words(&(0..5_000).map(|i| format!("w{i}x ")).collect::<String>()).len() <= 256);
    }
}
