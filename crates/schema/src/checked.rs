//! What a column may hold, as far as a CHECK says it.

use crate::definition::{Definition, Part, PartKind};
use crate::sql::{self, Token};

/// Longest expression that is looked into, in bytes: what lists more has no words for people.
const MAX_EXPRESSION: usize = 10_000;

/// Columns with the texts that a CHECK of theirs alone compares them with, in the order of the constraints.
pub fn checked_values(definition: &Definition) -> Vec<(&str, Vec<String>)> {
    let of = |constraint: &Part| {
        let expression = constraint
            .text("expression")
            .filter(|text| text.len() <= MAX_EXPRESSION)?;
        let mut named = definition
            .parts_of(PartKind::Column)
            .filter(|column| sql::has_word(expression, &column.name));
        let (Some(column), None) = (named.next(), named.next()) else {
            return None;
        };
        Some((column.name.as_str(), texts_in(expression)))
    };
    definition.parts_of(PartKind::Constraint).filter_map(of).collect()
}

/// The texts in an expression that are words for people; patterns are none: only what has letters, digits and the
/// punctuation of names.
pub fn texts_in(expression: &str) -> Vec<String> {
    let texts = sql::tokens(expression)
        .into_iter()
        .filter_map(|(token, _)| match token {
            Token::Text(text) if text.chars().all(|c| c.is_alphanumeric() || " _-/&.".contains(c)) => {
                Some(text.into_owned())
            }
            _ => None,
        });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Kind;
    use serde_json::json;

    #[test]
    fn texts_are_those_of_one_column() {
        let mut orders = Definition::new(Kind::Table, Some("s".to_owned()), "orders".to_owned());
        for (number, name) in ["status", "code"].into_iter().enumerate() {
            orders
                .parts
                .push(Part::new(PartKind::Column, name.to_owned(), number as u32));
        }
        for (number, expression) in [
            "(status = ANY (ARRAY['open'::text, 'in transit'::text]))",
            "((status <> 'open'::text) OR (code = 'x'::text))",
            "(code ~ '^[A-Z]+$'::text)",
        ]
        .into_iter()
        .enumerate()
        {
            let mut check = Part::new(PartKind::Constraint, format!("c{number}"), number as u32);
            check.attributes.insert("expression".into(), json!(expression));
            orders.parts.push(check);
        }
        let found = checked_values(&orders);
        assert_eq!(found[0], ("status", vec!["open".to_owned(), "in transit".to_owned()]));
        assert!(found[1..].iter().all(|(_, texts)| texts.is_empty()));
    }
}
