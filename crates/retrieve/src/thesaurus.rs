//! Words that mean about the same, for questions in other words than the schema's.
//!
//! `data/thesaurus.txt` is made by `python -m tools.thesaurus` from two sources: WordNet (shared senses of nouns and
//! verbs), and a sentence encoder (common words that it puts close together). It is searched where it lies: a line
//! is a stem and its synonyms with weights in tenths, lines are sorted by their bytes.

static THESAURUS: &str = include_str!("../data/thesaurus.txt");

/// The stems that mean about the same as a stem, with weights up to 1.
pub(crate) fn synonyms(stem: &str) -> impl Iterator<Item = (&'static str, f32)> {
    line_of(stem).unwrap_or("").split(' ').skip(1).filter_map(|synonym| {
        let (word, weight) = synonym.split_at_checked(synonym.len().checked_sub(1)?)?;
        Some((word, weight.parse::<f32>().ok()? / 10.0))
    })
}

/// The line that begins with the word, by halving the file.
fn line_of(word: &str) -> Option<&'static str> {
    let (mut low, mut high) = (0, THESAURUS.len());
    while low < high {
        let middle = (low + high) / 2;
        let start = THESAURUS.as_bytes()[..middle]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let line = THESAURUS[start..].lines().next()?;
        let found = line.split(' ').next()?;
        match found.cmp(word) {
            std::cmp::Ordering::Equal => return Some(line),
            std::cmp::Ordering::Less => low = start + line.len() + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::terms;

    #[test]
    fn every_line_is_found_and_sorted() {
        let words: Vec<&str> = THESAURUS.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(words.is_sorted() && words.len() > 1_000);
        for line in THESAURUS.lines() {
            assert_eq!(line_of(line.split(' ').next().expect("a word")), Some(line));
        }
        assert_eq!(line_of("zzz"), None);
        assert_eq!(line_of(""), None);
    }

    #[test]
    fn synonyms_are_stems_with_weights() {
        let of = |word: &str| synonyms(&terms(word)[0]).collect::<Vec<_>>();
        assert!(
            of("vocalist")
                .iter()
                .any(|(word, weight)| *word == "singer" && *weight > 0.5)
        );
        assert!(of("zzz").is_empty());
        let all = THESAURUS
            .lines()
            .flat_map(|line| synonyms(line.split(' ').next().expect("a word")));
        assert!(
            all.into_iter()
                .all(|(word, weight)| !word.is_empty() && (0.5..=1.0).contains(&weight))
        );
    }
}
