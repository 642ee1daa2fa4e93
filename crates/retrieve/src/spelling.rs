//! What a misspelled word of a question may have been meant to be (Norvig, "How to Write a Spelling Corrector").

use crate::abbreviation::expand;
use crate::segment::{cost_of, is_known};

/// Shortest and longest word that is looked at: a shorter one is one slip away from everything.
const LOOKED_AT: std::ops::RangeInclusive<usize> = 4..=24;

/// Most words that are told.
const MOST: usize = 6;

/// The words that one slip of the keyboard makes of an unknown one, the commonest first: a letter left out, doubled,
/// swapped with the next or mistaken. None for a word that is known.
pub(crate) fn respelled(word: &str) -> Vec<String> {
    let plain = word.bytes().all(|byte| byte.is_ascii_lowercase());
    if !plain || !LOOKED_AT.contains(&word.len()) || cost_of(word).is_some() || expand(word).is_some() {
        return Vec::new();
    }
    let cost = |one: String| {
        let singular = one.strip_suffix('s').and_then(cost_of);
        cost_of(&one).or(singular).map(|cost| (cost, one))
    };
    let mut found: Vec<(u64, String)> = slips(word).filter_map(cost).collect();
    found.sort_unstable();
    found.dedup();
    // An ending that the list lacks is no slip, unless a word is there that differs by less than an ending.
    if is_known(word) {
        found.retain(|(_, one)| one.len() > word.len());
    }
    found.truncate(MOST);
    found.into_iter().map(|(_, one)| one).collect()
}

fn slips(word: &str) -> impl Iterator<Item = String> {
    (0..=word.len()).flat_map(move |at| {
        let (before, after) = word.split_at(at);
        let left_out = after.get(1..).map(|rest| format!("{before}{rest}"));
        let swapped = (after.len() > 1).then(|| format!("{before}{}{}{}", &after[1..2], &after[..1], &after[2..]));
        let others = (b'a'..=b'z').flat_map(move |letter| {
            let letter = char::from(letter);
            let mistaken = after.get(1..).map(|rest| format!("{before}{letter}{rest}"));
            [Some(format!("{before}{letter}{after}")), mistaken]
        });
        [left_out, swapped].into_iter().chain(others).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_seen() {
        for (wrong, right) in [
            ("custmer", "customer"),
            ("invocie", "invoice"),
            ("adress", "address"),
            ("shiped", "shipped"),
            ("paymennt", "payment"),
            ("salery", "salary"),
        ] {
            assert!(
                respelled(wrong).contains(&right.to_owned()),
                "{wrong}: {:?}",
                respelled(wrong)
            );
        }
    }

    #[test]
    fn what_is_right_or_no_language_stays() {
        for word in [
            "customer",
            "orders",
            "qty",
            "id",
            "x",
            "",
            "zzzzzz",
            "straße",
            "discounted",
        ] {
            assert_eq!(respelled(word), [""; 0], "{word}");
        }
        assert!(respelled("abcd").len() <= MOST);
    }
}
