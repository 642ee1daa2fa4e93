//! What columns and tables are, in the terms of who asks for figures: read off types, keys, names and statistics.

mod column;
mod table;

pub use column::{ColumnFacts, SEMANTICS, Semantic, column_semantic};
pub use table::{PURPOSES, Purpose, TableFacts, table_purpose};

use crate::words::readable;

/// A guess with how sure it is, from 0 to 1, and why.
#[derive(Clone, Debug)]
pub struct Guess<T> {
    /// What it is.
    pub what: T,
    /// How sure that is: a rule of thumb.
    pub confidence: f32,
    /// By what it was seen.
    pub reason: String,
}

fn guess<T>(what: T, confidence: f32, reason: impl Into<String>) -> Guess<T> {
    Guess {
        what,
        confidence,
        reason: reason.into(),
    }
}

/// What people would call something: its words, the first with a capital.
pub fn display_name(name: &str) -> String {
    let words = readable(name);
    let mut characters = words.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_people_would_say() {
        assert_eq!(display_name("cust_ord_hdr"), "Customer order header");
        assert_eq!(display_name("__"), "");
    }
}
