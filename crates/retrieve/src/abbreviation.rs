//! What people shorten names to when they name tables.
//!
//! `data/abbreviations.txt` has only what stands for one thing in practice; what depends on the company is learned
//! elsewhere. Collected from the naming guides of ISO/IEC 11179 style data standards and from public schemas.

use crate::segment::is_known;
use std::collections::HashMap;
use std::sync::LazyLock;

static ABBREVIATIONS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| lines().collect());

/// Each abbreviation with the words it stands for.
fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    include_str!("../data/abbreviations.txt")
        .lines()
        .filter_map(|line| line.split_once(' '))
}

/// What a lower-case word stands for, if it is an abbreviation: a word or several.
pub(crate) fn expand(word: &str) -> Option<&'static str> {
    ABBREVIATIONS.get(word).copied()
}

/// Shortest word that is shortened, and shortest form that is told.
const SHORTENED: usize = 5;
const SHORTEST: usize = 3;

/// Forms that people shorten a lower-case word to when no list says how. None of them is a word or a listed abbreviation.
pub(crate) fn shortened(word: &str) -> Vec<String> {
    if word.len() < SHORTENED || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Vec::new();
    }
    let mut forms = forms(word);
    forms.retain(|form| !is_known(form));
    forms
}

/// A word's first letters, its consonants, and its first letters with the last. Of the 460 abbreviations of one word in
/// `data/abbreviations.txt` these rules give 364.
fn forms(word: &str) -> Vec<String> {
    let (first, rest) = word.split_at(1);
    let bare: String = first
        .chars()
        .chain(rest.chars().filter(|c| !"aeiou".contains(*c)))
        .collect();
    let mut single = bare.clone().into_bytes();
    single.dedup();
    let single = String::from_utf8_lossy(&single).into_owned();
    let beginning = |text: &str, length: usize| text.get(..length).map(str::to_owned);
    let ends = |text: &str, length: usize, last: &str| Some(format!("{}{}", text.get(..length)?, last));
    let last = |text: &str| text.get(text.len() - 1..).map(str::to_owned).unwrap_or_default();
    let mut forms: Vec<String> = Vec::new();
    for length in 3..=5 {
        forms.extend(beginning(word, length));
    }
    for consonants in [&bare, &single] {
        for length in 3..=6 {
            forms.extend(beginning(consonants, length));
        }
        forms.push(consonants.clone());
        for length in 2..=3 {
            forms.extend(ends(consonants, length, &last(consonants)));
            forms.extend(ends(word, length, &last(consonants)));
        }
    }
    for length in 2..=3 {
        forms.extend(ends(word, length, &last(word)));
    }
    forms.sort_unstable();
    forms.dedup();
    forms.retain(|form| (SHORTEST..word.len() - 1).contains(&form.len()));
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_are_sorted_and_none_is_listed_twice() {
        let shorts: Vec<_> = lines().map(|(short, _)| short).collect();
        assert!(shorts.is_sorted() && shorts.len() == ABBREVIATIONS.len() && shorts.len() > 400);
    }

    #[test]
    fn words_stay_words() {
        assert_eq!(expand("cust"), Some("customer"));
        assert_eq!(expand("customer"), None);
    }

    #[test]
    fn the_rules_give_what_people_write() {
        for (word, short) in [("warranty", "wrnty"), ("specimen", "spcmn"), ("dispatch", "dsptch")] {
            assert!(
                shortened(word).contains(&short.to_owned()),
                "{word}: {:?}",
                shortened(word)
            );
        }
        let told: Vec<_> = lines()
            .filter(|(_, word)| !word.contains(' ') && word.len() >= SHORTENED)
            .collect();
        let given = told
            .iter()
            .filter(|(short, word)| forms(word).contains(&(*short).to_owned()))
            .count();
        assert!(given * 10 >= told.len() * 7, "{given} of {}", told.len());
        assert!(shortened("größer").is_empty() && shortened("code").is_empty());
    }
}
