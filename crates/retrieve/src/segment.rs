//! Words that were written together: `listedsecurity` → listed, security.
//!
//! A unigram model: of all ways to cut the letters the one whose words are together the most probable, found by the
//! Viterbi algorithm (Norvig, "Natural Language Corpus Data", in *Beautiful Data*, 2009). Costs are those of
//! `data/words.txt`, made by `python -m tools.words`: ten times the negative logarithm of a probability.

use fst::Map;
use std::sync::LazyLock;

static WORDS: LazyLock<Map<&'static [u8]>> = LazyLock::new(|| {
    Map::new(include_bytes!(concat!(env!("OUT_DIR"), "/words.fst")).as_slice()).expect("build.rs packed it")
});

/// Shortest and longest run of letters that is looked into.
const LOOKED_INTO: std::ops::RangeInclusive<usize> = 5..=64;

/// What each word costs beside its own cost: fewer words are better.
const ANOTHER: u64 = 10;

/// What letters that are no word cost, and each of them. Three at least, or they stand first.
const UNKNOWN: u64 = 50;
const UNKNOWN_LETTER: u64 = 40;
const LEAST_UNKNOWN: usize = 3;

/// What a prefix of one or two letters costs that is no word: `dname`, `sbcustomer`.
const PREFIX: [u64; 2] = [80, 130];

/// What a plural costs beside its singular.
const PLURAL: u64 = 10;

/// Shortest word that may have an ending the list does not have.
const SHORTEST_STEM: usize = 4;

/// Endings with what they stand in the place of.
const ENDINGS: &[(&str, &str)] = &[
    ("s", ""),
    ("es", ""),
    ("ies", "y"),
    ("ed", ""),
    ("ed", "e"),
    ("ing", ""),
    ("ing", "e"),
    ("er", ""),
    ("er", "e"),
    ("ment", ""),
    ("ly", ""),
    ("ness", ""),
    ("able", ""),
    ("able", "e"),
    ("al", ""),
    ("ization", "ize"),
];

/// The words of a lower-case run of letters: itself where it is a word, too short or too long, or no cut is likelier.
pub(crate) fn segment(letters: &str) -> Vec<&str> {
    let plain = letters.bytes().all(|byte| byte.is_ascii_lowercase());
    if !plain || !LOOKED_INTO.contains(&letters.len()) || is_known(letters) {
        return vec![letters];
    }
    let (cost, mut words) = cheapest(letters);
    // What no word of the list ends may be a plural: it is cut as its singular is.
    if let Some(singular) = letters.strip_suffix('s').filter(|rest| !rest.ends_with('s')) {
        let (of_singular, mut cut) = cheapest(singular);
        if of_singular + PLURAL < cost {
            if let Some(last) = cut.pop() {
                cut.push(&letters[singular.len() - last.len()..]);
            }
            words = cut;
        }
    }
    words
}

/// The cheapest way to cut letters, and what it costs.
fn cheapest(letters: &str) -> (u64, Vec<&str>) {
    let length = letters.len();
    // the cheapest way to the place before each letter, and where its last word begins
    let mut cheapest = vec![(u64::MAX, 0); length + 1];
    cheapest[0].0 = 0;
    for start in 0..length {
        let so_far = cheapest[start].0;
        if so_far == u64::MAX {
            continue;
        }
        let mut reach = |end: usize, cost: u64| {
            let cost = so_far + cost + ANOTHER;
            if cost < cheapest[end].0 {
                cheapest[end] = (cost, start);
            }
        };
        for end in start + 1..=length {
            match end - start {
                size if size >= LEAST_UNKNOWN => reach(end, UNKNOWN + UNKNOWN_LETTER * size as u64),
                size if start == 0 => reach(end, PREFIX[size - 1]),
                _ => (),
            }
        }
        words_at(letters, start, reach);
    }
    let mut words = Vec::new();
    let mut end = length;
    while end > 0 {
        let start = cheapest[end].1;
        words.push(&letters[start..end]);
        end = start;
    }
    words.reverse();
    (cheapest[length].0, words)
}

/// Tells the end and the cost of every word, plurals included, that begins at a place.
fn words_at(letters: &str, start: usize, mut tell: impl FnMut(usize, u64)) {
    let words = WORDS.as_fst();
    let (mut node, mut cost) = (words.root(), 0);
    for (at, letter) in letters.bytes().enumerate().skip(start) {
        let Some(found) = node.find_input(letter) else { return };
        let step = node.transition(found);
        cost += step.out.value();
        node = words.node(step.addr);
        if node.is_final() {
            let (end, cost) = (at + 1, cost + node.final_output().value());
            tell(end, cost);
            if end - start >= SHORTEST_STEM && letters[end..].starts_with('s') {
                tell(end + 1, cost + PLURAL);
            }
        }
    }
}

/// What a word of the list costs.
pub(crate) fn cost_of(word: &str) -> Option<u64> {
    WORDS.get(word)
}

/// Whether it is a word of the list, or one with an ending.
pub(crate) fn is_known(word: &str) -> bool {
    let inflected = |(ending, instead): &(&str, &str)| {
        word.strip_suffix(ending)
            .is_some_and(|stem| stem.len() >= SHORTEST_STEM && WORDS.contains_key(format!("{stem}{instead}")))
    };
    WORDS.contains_key(word) || ENDINGS.iter().any(inflected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_written_together_are_told_apart() {
        for (letters, words) in [
            ("listedsecurity", "listed security"),
            ("hasmaturitydate", "has maturity date"),
            ("chartevents", "chart events"),
            ("microbiologyevents", "microbiology events"),
            ("custordhdr", "cust ord hdr"),
            ("sbcustomer", "sb customer"),
            ("dlocation", "d location"),
            ("hiredate", "hire date"),
            ("customerstatus", "customer status"),
            ("zorkmid", "zork mid"),
            ("zorkmids", "zork mids"),
        ] {
            assert_eq!(segment(letters).join(" "), words);
        }
    }

    #[test]
    fn words_stay_whole() {
        for word in [
            "order",
            "invoices",
            "enrollment",
            "discounted",
            "concomitant",
            "qty",
            "encntr",
            "snomed",
            "größe",
            "straße",
            "x",
            "",
        ] {
            assert_eq!(segment(word), [word]);
        }
        let long = "customer".repeat(9);
        assert_eq!(segment(&long), [long.as_str()]);
    }

    #[test]
    fn nothing_is_lost_and_it_ends() {
        for letters in [
            "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
            "qwrtpsdfg",
            "aaaaa",
        ] {
            assert_eq!(segment(letters).concat(), letters);
        }
    }
}
