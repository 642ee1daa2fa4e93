//! Business terms: what people call things, and which relations, columns and expressions they mean by it.

mod entry;
mod glossary;
mod map;
mod template;

pub use entry::{Entry, entries, learn};
pub use glossary::{Format, export, import};
pub use map::{confidence, map};
pub use template::{Part, Template, parse};

use retrieve::{likeness, phrase_key};

use crate::error::Result;

/// Forgets what a term stands for, or one of it; gives how many mappings there were.
pub fn forget(term: &str, mapping: Option<&str>) -> Result<u64> {
    let known = entries(Some(vec![entry::key(term)?]))?;
    let meant = match mapping.map(parse) {
        Some(Ok(found)) => Some(found.mapping()),
        Some(Err(error)) if error.is_interrupt() => return Err(error),
        // One that is stale is no name any more, so it goes by its text.
        Some(Err(_)) => mapping.map(|mapping| mapping.trim().to_owned()),
        None => None,
    };
    let wanted = known
        .iter()
        .filter(|entry| meant.as_ref().is_none_or(|meant| *meant == entry.mapping));
    entry::forget(wanted.map(|entry| entry.term_id).collect())
}

/// Taught terms that are like a term, best first: alike in words, in meaning or in letters.
pub fn similar(term: &str, threshold: f64, most: usize) -> Result<Vec<(Entry, f64)>> {
    let key = entry::key(term)?;
    let like = |entry: Entry| {
        let likeness = if phrase_key(&entry.term) == key {
            1.0
        } else {
            f64::from(likeness(term, &entry.term))
        };
        (entry, likeness)
    };
    let mut found: Vec<(Entry, f64)> = entries(None)?
        .into_iter()
        .filter(|entry| !entry.is_stale)
        .map(like)
        .filter(|(_, likeness)| *likeness >= threshold)
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.confidence.total_cmp(&a.0.confidence)));
    found.truncate(most);
    Ok(found)
}
