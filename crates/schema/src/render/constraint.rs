//! Constraints as they stand in `CREATE TABLE` and behind `ADD`.

use super::{is_set, options, text, texts};
use crate::definition::Part;
use crate::sql::{ident, idents};

/// Whether it was added without a look at the rows that are there.
pub(crate) fn is_not_valid(part: &Part) -> bool {
    is_set(&part.attributes, "not_valid")
}

/// `CONSTRAINT name …`.
pub(crate) fn constraint(part: &Part) -> String {
    let attributes = &part.attributes;
    let kind = text(attributes, "kind").unwrap_or_default();
    let mut words = vec![format!("CONSTRAINT {}", ident(&part.name))];
    match kind {
        "primary key" | "unique" => {
            words.push(if kind == "unique" { "UNIQUE" } else { "PRIMARY KEY" }.to_owned());
            if is_set(attributes, "nulls_not_distinct") {
                words.push("NULLS NOT DISTINCT".to_owned());
            }
            let period = if is_set(attributes, "period") {
                " WITHOUT OVERLAPS"
            } else {
                ""
            };
            words.push(format!("({}{period})", idents(texts(attributes, "columns"))));
            let included = texts(attributes, "include");
            if !included.is_empty() {
                words.push(format!("INCLUDE ({})", idents(included)));
            }
            let stored = texts(attributes, "options");
            if !stored.is_empty() {
                words.push(format!("WITH ({})", options(&stored)));
            }
        }
        "foreign key" => words.push(foreign_key(part)),
        "check" => {
            words.push(format!("CHECK ({})", text(attributes, "expression").unwrap_or("true")));
            if is_set(attributes, "no_inherit") {
                words.push("NO INHERIT".to_owned());
            }
        }
        // PostgreSQL's own text, which says all of it
        _ => {
            words.extend(text(attributes, "definition").map(str::to_owned));
            return words.join(" ");
        }
    }
    if is_set(attributes, "deferrable") {
        words.push("DEFERRABLE".to_owned());
    }
    if is_set(attributes, "initially_deferred") {
        words.push("INITIALLY DEFERRED".to_owned());
    }
    if is_set(attributes, "not_enforced") {
        words.push("NOT ENFORCED".to_owned());
    } else if is_not_valid(part) {
        words.push("NOT VALID".to_owned());
    }
    words.join(" ")
}

fn foreign_key(part: &Part) -> String {
    let attributes = &part.attributes;
    let period = is_set(attributes, "period");
    let list = |name: &str| {
        let columns = texts(attributes, name);
        match columns.split_last() {
            Some((last, [])) if period => format!("PERIOD {}", ident(last)),
            Some((last, rest)) if period => format!("{}, PERIOD {}", idents(rest.iter().copied()), ident(last)),
            _ => idents(columns),
        }
    };
    let mut written = format!(
        "FOREIGN KEY ({}) REFERENCES {}({})",
        list("columns"),
        text(attributes, "references").unwrap_or_default(),
        list("referenced_columns")
    );
    if is_set(attributes, "match_full") {
        written.push_str(" MATCH FULL");
    }
    for (name, words) in [("on_update", " ON UPDATE "), ("on_delete", " ON DELETE ")] {
        if let Some(action) = text(attributes, name) {
            written.push_str(words);
            written.push_str(&action.to_ascii_uppercase());
        }
    }
    let only = texts(attributes, "on_delete_columns");
    if !only.is_empty() {
        written.push_str(&format!(" ({})", idents(only)));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::PartKind;
    use serde_json::json;

    #[test]
    fn a_foreign_key_says_all_it_is() {
        let mut part = Part::new(PartKind::Constraint, "fk".into(), 1);
        for (name, value) in [
            ("kind", json!("foreign key")),
            ("columns", json!(["a", "Order"])),
            ("references", json!("s.t")),
            ("referenced_columns", json!(["x", "y"])),
            ("on_delete", json!("set null")),
            ("on_delete_columns", json!(["a"])),
            ("deferrable", json!(true)),
            ("not_valid", json!(true)),
        ] {
            part.attributes.insert(name.into(), value);
        }
        assert_eq!(
            constraint(&part),
            "CONSTRAINT fk FOREIGN KEY (a, \"Order\") REFERENCES s.t(x, y) ON DELETE SET NULL (a) DEFERRABLE NOT VALID"
        );
    }
}
