//! What columns and tables are, in the terms of who asks for figures: read off types, keys, names and statistics.

mod column;
mod table;

pub use column::{ColumnFacts, SEMANTICS, Semantic, column_semantic};
pub use table::{PURPOSES, Purpose, TableFacts, table_purpose};

use crate::words::{readable, terms, words_of};

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

/// Which of the columns of text says in words what a row of a table is, if one does: `name`, `full_name`, `product_name`,
/// `title` …; one named after the table before others.
pub fn label(table: &str, columns: &[String]) -> Option<usize> {
    let table = terms(table);
    let rank = |column: &String| {
        let words = words_of(column);
        let (last, rest) = words.split_last()?;
        let place = LABELS.iter().position(|label| label == last)?;
        let is_own = rest.is_empty()
            || rest == ["full"]
            || rest == ["display"]
            || terms(&rest.join(" ")).iter().all(|term| table.contains(term));
        is_own.then_some((place, rest.len()))
    };
    let ranked = columns
        .iter()
        .enumerate()
        .filter_map(|(at, column)| Some((rank(column)?, at)));
    ranked.min().map(|(_, at)| at)
}

/// What columns are called, in their last word, that say what a row is.
const LABELS: &[&str] = &["name", "title", "label", "caption", "subject"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_is_called() {
        let label = |table: &str, columns: &[&str]| {
            let columns: Vec<String> = columns.iter().map(|&one| one.to_owned()).collect();
            label(table, &columns).map(|at| columns[at].clone())
        };
        assert_eq!(label("product", &["sku", "brand", "name"]).as_deref(), Some("name"));
        assert_eq!(
            label("emp_mstr", &["first_name", "last_name", "full_name"]).as_deref(),
            Some("full_name")
        );
        assert_eq!(
            label("department", &["dept_cd", "dept_name"]).as_deref(),
            Some("dept_name")
        );
        assert_eq!(label("kb_article", &["body", "title"]).as_deref(), Some("title"));
        assert_eq!(label("dlv_addr", &["street", "city"]), None);
    }

    #[test]
    fn names_are_what_people_would_say() {
        assert_eq!(display_name("cust_ord_hdr"), "Customer order header");
        assert_eq!(display_name("__"), "");
    }
}
