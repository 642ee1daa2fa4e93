//! What is embedded for a relation and its columns.
//!
//! One passage for the relation: its name, the words of the name, its comment and its columns' names;
//! types and foreign keys in the text never helped where it was measured, and often hurt. One passage
//! for each column: the relation's words, the column's words, its comment, its declared values: the better of a table's own
//! and its best column's similarity was the largest gain of all over one vector per table.

use crate::text::sanitize;
use crate::words::{readable, split_identifier, terms};
use std::collections::BTreeMap;

/// Longest comment that goes into a passage, in characters.
const MAX_COMMENT: usize = 400;

/// Most values of a column that are told and looked for, and the longest in characters.
const MAX_VALUES: usize = 30;
const MAX_VALUE: usize = 64;

/// Longest passage, in characters: about what 512 tokens hold.
const MAX_PASSAGE: usize = 2_000;

/// Weight of a term of the relation's own name, as occurrences.
const NAME_WEIGHT: u32 = 3;

/// A relation as far as it matters for finding it.
#[derive(Clone, Debug)]
pub struct Relation<'a> {
    /// Its schema.
    pub schema: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its comment.
    pub comment: Option<&'a str>,
    /// Its columns in order.
    pub columns: Vec<Column<'a>>,
}

/// A column as far as it matters for finding it.
#[derive(Clone, Debug)]
pub struct Column<'a> {
    /// `attnum`.
    pub number: i16,
    /// Its name.
    pub name: &'a str,
    /// Its comment.
    pub comment: Option<&'a str>,
    /// What it may hold, as far as that is declared: labels of its enum, texts of its CHECK.
    pub values: Vec<&'a str>,
}

/// A text to embed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The column it is about; 0 for the relation.
    pub column: i16,
    /// The text.
    pub text: String,
}

/// The passages of a relation: its own first, then one for each column.
pub fn passages(relation: &Relation<'_>) -> Vec<Passage> {
    let name = sanitize(relation.name, 128);
    let words = readable(&name);
    // The name itself is worth telling only where it is not just its words.
    let mut text = match split_identifier(&name).join(" ") == words {
        true => words.clone(),
        false => format!("{name} {words}"),
    };
    if let Some(comment) = comment(relation.comment) {
        text.push_str(": ");
        text.push_str(&comment);
    }
    let columns: Vec<String> = relation
        .columns
        .iter()
        .map(|column| sanitize(column.name, 128))
        .collect();
    if !columns.is_empty() {
        text.push_str(". columns: ");
        let readable: Vec<String> = columns.iter().map(|column| readable(column)).collect();
        text.push_str(&readable.join(", "));
    }
    let own = Passage {
        column: 0,
        text: cut(text),
    };
    let of_columns = relation.columns.iter().zip(&columns).map(|(column, name)| {
        let mut text = format!("{words} {}", readable(name));
        let said: Vec<String> = comment(column.comment).into_iter().chain(values(column)).collect();
        if !said.is_empty() {
            text.push_str(": ");
            text.push_str(&said.join(", "));
        }
        Passage {
            column: column.number,
            text: cut(text),
        }
    });
    std::iter::once(own).chain(of_columns).collect()
}

fn comment(comment: Option<&str>) -> Option<String> {
    comment
        .map(|text| sanitize(text, MAX_COMMENT))
        .filter(|text| !text.is_empty())
}

fn values(column: &Column<'_>) -> Vec<String> {
    let values = column.values.iter().take(MAX_VALUES);
    values.map(|value| sanitize(value, MAX_VALUE)).collect()
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_PASSAGE) {
        text.truncate(end);
    }
    text
}

/// The terms of a relation with their weights, and the sum of the weights (its length for BM25).
pub fn terms_of(relation: &Relation<'_>) -> (BTreeMap<String, u32>, u32) {
    let mut weights = BTreeMap::new();
    let mut add = |text: &str, weight: u32| {
        for term in terms(text) {
            *weights.entry(term).or_insert(0) += weight;
        }
    };
    add(relation.name, NAME_WEIGHT);
    add(relation.schema, 1);
    add(&comment(relation.comment).unwrap_or_default(), 1);
    for column in &relation.columns {
        add(column.name, 1);
        add(&comment(column.comment).unwrap_or_default(), 1);
        add(&values(column).join(" "), 1);
    }
    let length = weights.values().sum();
    (weights, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders() -> Relation<'static> {
        Relation {
            schema: "sales",
            name: "cust_ord_hdr",
            comment: Some("One row per\u{202E} order"),
            columns: vec![Column {
                number: 7,
                name: "ship_dt",
                comment: None,
                values: vec![],
            }],
        }
    }

    #[test]
    fn a_relation_and_each_column_have_a_passage() {
        let passages = passages(&orders());
        assert_eq!(
            passages[0].text,
            "cust_ord_hdr customer order header: One row per order. columns: ship date"
        );
        assert_eq!(
            (passages[1].column, passages[1].text.as_str()),
            (7, "customer order header ship date")
        );
    }

    #[test]
    fn declared_values_are_told_and_looked_for() {
        let mut orders = orders();
        orders.columns[0].values = vec!["in transit", "returned"];
        assert_eq!(
            passages(&orders)[1].text,
            "customer order header ship date: in transit, returned"
        );
        orders.columns[0].comment = Some("Where it is");
        assert_eq!(
            passages(&orders)[1].text,
            "customer order header ship date: Where it is, in transit, returned"
        );
        assert_eq!(terms_of(&orders).0["transit"], 1);
    }

    #[test]
    fn names_weigh_more_than_columns() {
        let (weights, length) = terms_of(&orders());
        assert_eq!((weights["custom"], weights["ship"]), (3, 1));
        assert_eq!(length, weights.values().sum::<u32>());
    }
}
