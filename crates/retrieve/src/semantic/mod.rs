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
/// `title` …; one named after the table before another name, which may be that of a company or a station.
pub fn label(table: &str, columns: &[String]) -> Option<usize> {
    let table = terms(table);
    let words: Vec<Vec<String>> = columns.iter().map(|column| words_of(column)).collect();
    let has_name = words
        .iter()
        .any(|words| words.last().is_some_and(|last| last == "name"));
    let rank = |words: &Vec<String>| {
        let (last, rest) = words.split_last()?;
        let place = LABELS.iter().position(|label| label == last)?;
        let is_of_table = !rest.is_empty() && terms(&rest.join(" ")).iter().all(|term| table.contains(term));
        let is_own = rest.is_empty() || rest == ["full"] || rest == ["display"] || is_of_table;
        let is_part = rest.iter().any(|word| PARTS_OF_NAMES.contains(&word.as_str()));
        match last.as_str() {
            "name" => (is_own || !is_part).then_some((!is_own, place, rest.len())),
            // A person's title is none.
            "description" => is_of_table.then_some((!is_own, place, rest.len())),
            _ => (is_own && !has_name).then_some((!is_own, place, rest.len())),
        }
    };
    let ranked = words
        .iter()
        .enumerate()
        .filter_map(|(at, words)| Some((rank(words)?, at)));
    let named = ranked.min().map(|(_, at)| at);
    // A country's country is what it is called.
    named.or_else(|| {
        words
            .iter()
            .position(|words| !table.is_empty() && terms(&words.join(" ")) == table)
    })
}

/// What rows of a table are called in words: its [`label`], or for people both of their names.
pub fn labels(table: &str, columns: &[String]) -> Vec<usize> {
    let of = |wanted: &[&str]| {
        let is = |column: &String| match words_of(column).as_slice() {
            [part, name] => name == "name" && wanted.contains(&part.as_str()),
            _ => false,
        };
        columns.iter().position(is)
    };
    if let Some(label) = label(table, columns) {
        return vec![label];
    }
    match (of(&["first", "given"]), of(&["last", "family"])) {
        (Some(first), Some(last)) => vec![first, last],
        _ => Vec::new(),
    }
}

/// What columns are called, in their last word, that say what a row is.
const LABELS: &[&str] = &["name", "title", "label", "caption", "subject", "description"];

/// Names of these kinds are not what a row is called.
const PARTS_OF_NAMES: &[&str] = &[
    "alias", "contact", "family", "file", "first", "given", "host", "last", "login", "maiden", "middle", "nick",
    "path", "ship", "short", "type", "user",
];

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
        assert_eq!(
            label("shippers", &["company_name", "phone"]).as_deref(),
            Some("company_name")
        );
        assert_eq!(label("employees", &["last_name", "first_name", "title"]), None);
        assert_eq!(
            label("region", &["region_description"]).as_deref(),
            Some("region_description")
        );
    }

    #[test]
    fn names_are_what_people_would_say() {
        assert_eq!(display_name("cust_ord_hdr"), "Customer order header");
        assert_eq!(display_name("__"), "");
    }
}
