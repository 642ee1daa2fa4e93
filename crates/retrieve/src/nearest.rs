//! How alike two names are, for telling which one was meant.

use strsim::{jaro_winkler, normalized_damerau_levenshtein};

use crate::business::are_same;
use crate::thesaurus::synonyms;
use crate::words::terms;

/// Below this two names have nothing to do with each other.
const LEAST: f32 = 0.55;

/// What words that match count beside letters that do: a word more or less is more than a slip of the keyboard.
const BY_WORDS: f32 = 0.9;

/// What words count that business uses for the same thing.
const SAME_IN_BUSINESS: f32 = 0.8;

/// From this likeness on a word is the other one misspelled.
const SAME_WORD: f32 = 0.75;

/// How alike two names are, from 0 to 1, upper and lower case aside: by their letters, or by their words, of which
/// synonyms count by their weight.
pub fn likeness(one: &str, other: &str) -> f32 {
    let (one, other) = (cut(one), cut(other));
    let (a, b) = (terms(one), terms(other));
    let by_words = match a.is_empty() || b.is_empty() {
        true => 0.0,
        false if are_same(&a.join(" "), &b.join(" ")) => BY_WORDS,
        false => BY_WORDS * (matched(&a, &b) + matched(&b, &a)) / (a.len() + b.len()) as f32,
    };
    by_letters(&one.to_lowercase(), &other.to_lowercase()).max(by_words)
}

/// Longer than any identifier nothing is compared: time grows with the square of it.
fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(128)]
}

/// The edits that lead from one to the other (Damerau and Levenshtein); a common beginning counts more (Jaro and Winkler).
fn by_letters(one: &str, other: &str) -> f32 {
    (0.75 * normalized_damerau_levenshtein(one, other) + 0.25 * jaro_winkler(one, other)) as f32
}

/// The sum over the words of the best that each finds among the others.
fn matched(words: &[String], others: &[String]) -> f32 {
    let best = |word: &String| {
        others
            .iter()
            .map(|other| word_likeness(word, other))
            .fold(0.0, f32::max)
    };
    words.iter().map(best).sum()
}

fn word_likeness(word: &str, other: &str) -> f32 {
    if word == other {
        return 1.0;
    }
    let letters = by_letters(word, other);
    let meaning = synonyms(word)
        .find(|(synonym, _)| *synonym == other)
        .map_or(0.0, |(_, weight)| weight);
    let meaning = match are_same(word, other) {
        true => meaning.max(SAME_IN_BUSINESS),
        false => meaning,
    };
    if letters >= SAME_WORD {
        letters.max(meaning)
    } else {
        meaning
    }
}

/// The names most like the given one, best first, as positions with their likeness; none that is unlike it.
pub fn nearest_names<'a>(name: &str, names: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<(usize, f32)> {
    let mut found: Vec<(usize, f32)> = names
        .into_iter()
        .enumerate()
        .map(|(at, other)| (at, likeness(name, other)))
        .filter(|(_, likeness)| *likeness >= LEAST)
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    found.truncate(most);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_and_other_forms_find_the_name() {
        let names = [
            "customer",
            "customer_address",
            "order",
            "country",
            "custody",
            "city_name",
            "name",
        ];
        for (wrong, right) in [
            ("custmer", 0),
            ("Customers", 0),
            ("cutsomer", 0),
            ("cust_addr", 1),
            ("address_of_customer", 1),
            ("contry", 3),
            ("metropolis_name", 5),
        ] {
            assert_eq!(
                nearest_names(wrong, names, 3).first().map(|(at, _)| *at),
                Some(right),
                "{wrong}"
            );
        }
        assert!(nearest_names("zebra", names, 3).is_empty());
    }
}
