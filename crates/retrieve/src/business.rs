//! What business calls the same, phrase by phrase, where the thesaurus has single words.
//!
//! `data/business.txt` is a small general vocabulary, written by hand: a line is a group of phrases that stand for the
//! same thing in most companies.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::words::{Word, phrase};

/// Longest phrase that is looked for, in words.
pub const LONGEST_PHRASE: usize = 6;

/// Words of a text that are looked at.
const MAX_WORDS: usize = 64;

struct Vocabulary {
    groups: Vec<Vec<&'static str>>,
    /// Stems of a phrase, joined by spaces, and the groups that have it.
    by_stems: HashMap<String, Vec<usize>>,
}

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    let groups: Vec<Vec<&str>> = include_str!("../data/business.txt")
        .lines()
        .map(|line| line.split(", ").collect())
        .collect();
    let mut by_stems: HashMap<String, Vec<usize>> = HashMap::new();
    for (group, phrases) in groups.iter().enumerate() {
        for one in phrases {
            let found = by_stems.entry(stems(&phrase(one))).or_default();
            if !found.contains(&group) {
                found.push(group);
            }
        }
    }
    Vocabulary { groups, by_stems }
});

fn stems(words: &[Word]) -> String {
    let stems: Vec<&str> = words.iter().map(|word| word.stem.as_str()).collect();
    stems.join(" ")
}

/// A phrase of a text that has others beside it.
struct Known {
    start: usize,
    end: usize,
    groups: &'static [usize],
}

/// The phrases of a text that are known, the longest first, none within another.
fn known(words: &[Word]) -> Vec<Known> {
    let mut found: Vec<Known> = Vec::new();
    for length in (1..=LONGEST_PHRASE.min(words.len())).rev() {
        for start in 0..=words.len() - length {
            let end = start + length;
            let is_free = found.iter().all(|one| end <= one.start || one.end <= start);
            if let Some(groups) = VOCABULARY.by_stems.get(&stems(&words[start..end])).filter(|_| is_free) {
                found.push(Known { start, end, groups });
            }
        }
    }
    found
}

fn others(one: &Known, words: &[Word]) -> impl Iterator<Item = (&'static str, Vec<Word>)> {
    let own = stems(&words[one.start..one.end]);
    one.groups
        .iter()
        .flat_map(|group| &VOCABULARY.groups[*group])
        .map(|other| (*other, phrase(other)))
        .filter(move |(_, words)| stems(words) != own)
}

/// The text with each of its known phrases put otherwise, one at a time and in turns, at most so many.
pub fn reworded(text: &str, most: usize) -> Vec<String> {
    let mut words = phrase(text);
    words.truncate(MAX_WORDS);
    let said = |words: &[Word]| words.iter().map(|word| word.text.clone()).collect::<Vec<_>>().join(" ");
    let mut found: Vec<(usize, String)> = Vec::new();
    for one in known(&words) {
        for (turn, (other, _)) in others(&one, &words).enumerate() {
            let parts = [said(&words[..one.start]), other.to_owned(), said(&words[one.end..])];
            let text = parts
                .iter()
                .filter(|part| !part.is_empty())
                .cloned()
                .collect::<Vec<_>>()
                .join(" ");
            if !found.iter().any(|(_, known)| *known == text) {
                found.push((turn, text));
            }
        }
    }
    found.sort_by_key(|(turn, _)| *turn);
    found.into_iter().map(|(_, text)| text).take(most).collect()
}

/// The stems of every run of up to six words of a text, joined by spaces: what a phrase in it would be known by.
pub fn phrase_keys(text: &str) -> Vec<String> {
    let mut words = phrase(text);
    words.truncate(MAX_WORDS);
    let mut found: Vec<String> = (0..words.len())
        .flat_map(|start| (start + 1..=words.len().min(start + LONGEST_PHRASE)).map(move |end| (start, end)))
        .map(|(start, end)| stems(&words[start..end]))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether two phrases, given by the stems of their words with spaces between them, are of one group.
pub(crate) fn are_same(one: &str, other: &str) -> bool {
    let groups = |stems: &str| VOCABULARY.by_stems.get(stems);
    match (groups(one), groups(other)) {
        (Some(one), Some(other)) => one.iter().any(|group| other.contains(group)),
        _ => false,
    }
}

/// The stem of the last word of each known phrase, with the stems of the others and whether those are one word alone.
pub(crate) fn others_of_heads(text: &str) -> Vec<(String, String, bool)> {
    let mut words = phrase(text);
    words.truncate(MAX_WORDS);
    let mut found = Vec::new();
    for one in known(&words) {
        let head = &words[one.end - 1].stem;
        for (_, other) in others(&one, &words) {
            let is_alone = other.len() == 1;
            let new = other
                .into_iter()
                .filter(|word| words[one.start..one.end].iter().all(|own| own.stem != word.stem));
            found.extend(new.map(|word| (head.clone(), word.stem, is_alone)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_put_otherwise() {
        let reworded = |text| reworded(text, 100);
        assert!(
            reworded("customer's surname").contains(&"customer last name".to_owned()),
            "{:?}",
            reworded("customer's surname")
        );
        assert!(reworded("Postal codes").contains(&"zip code".to_owned()));
        assert!(reworded("galaxy").is_empty() && reworded("").is_empty());
        assert_eq!(super::reworded("surname", 1).len(), 1);
        let both = super::reworded("seller's target", 4);
        assert!(
            both.contains(&"vendor target".to_owned()) && both.contains(&"seller sales quota".to_owned()),
            "{both:?}"
        );
        let are_same = |one, other| super::are_same(&stems(&phrase(one)), &stems(&phrase(other)));
        assert!(are_same("surnames", "last name") && !are_same("surname", "first name") && !are_same("x", "x"));
    }

    #[test]
    fn every_line_has_two_phrases_at_least_and_none_twice() {
        for phrases in &VOCABULARY.groups {
            let mut stems: Vec<String> = phrases.iter().map(|one| super::stems(&phrase(one))).collect();
            assert!(
                stems.len() > 1 && stems.iter().all(|one| !one.is_empty()),
                "{phrases:?}"
            );
            stems.sort_unstable();
            stems.dedup();
            assert!(stems.len() > 1, "{phrases:?}");
        }
    }
}
