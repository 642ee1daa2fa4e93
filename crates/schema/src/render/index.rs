//! Indexes.

use super::{is_set, name, options, text, texts};
use crate::definition::{Definition, Part};
use crate::sql::{ident, idents, split_list};

/// `CREATE INDEX …`; online builds it without blocking writers, outside a transaction block.
pub(crate) fn create_index(definition: &Definition, part: &Part, online: bool) -> String {
    let attributes = &part.attributes;
    let unique = if is_set(attributes, "unique") { "UNIQUE " } else { "" };
    let concurrently = if online { "CONCURRENTLY " } else { "" };
    let mut written = format!(
        "CREATE {unique}INDEX {concurrently}{} ON {} USING {} ({})",
        ident(&part.name),
        name(definition),
        ident(text(attributes, "method").unwrap_or("btree")),
        keys(part)
    );
    let included = texts(attributes, "include");
    if !included.is_empty() {
        written.push_str(&format!(" INCLUDE ({})", idents(included)));
    }
    if is_set(attributes, "nulls_not_distinct") {
        written.push_str(" NULLS NOT DISTINCT");
    }
    let stored = texts(attributes, "options");
    if !stored.is_empty() {
        written.push_str(&format!(" WITH ({})", options(&stored)));
    }
    if let Some(tablespace) = text(attributes, "tablespace") {
        written.push_str(&format!(" TABLESPACE {}", ident(tablespace)));
    }
    if let Some(predicate) = text(attributes, "predicate") {
        written.push_str(&format!(" WHERE {predicate}"));
    }
    written
}

/// Key columns and expressions with collation, operator class and order. An access method without an order keeps none.
fn keys(part: &Part) -> String {
    let attributes = &part.attributes;
    let expressions = text(attributes, "expressions").map(split_list).unwrap_or_default();
    let (collations, classes) = (texts(attributes, "collations"), texts(attributes, "operator_classes"));
    let class_options = texts(attributes, "operator_class_options");
    let orders = texts(attributes, "orders");
    let mut expression = expressions.into_iter();
    let columns = texts(attributes, "columns");
    let key = |(at, column): (usize, &str)| {
        let mut written = match column {
            "(expression)" => format!("({})", expression.next().unwrap_or("NULL")),
            column => ident(column),
        };
        if let Some(collation) = collations.get(at).filter(|name| !name.is_empty()) {
            written.push_str(&format!(" COLLATE {collation}"));
        }
        if let Some(class) = classes.get(at) {
            written.push(' ');
            written.push_str(class);
        }
        if let Some(list) = class_options.get(at).filter(|list| !list.is_empty()) {
            let list: Vec<&str> = list.split(',').collect();
            written.push_str(&format!(" ({})", options(&list)));
        }
        match orders.get(at) {
            None | Some(&"asc nulls last") => {}
            Some(order) => written.push_str(&format!(" {}", order.to_ascii_uppercase())),
        }
        written
    };
    columns.into_iter().enumerate().map(key).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Kind, PartKind};
    use serde_json::json;

    #[test]
    fn expressions_stand_where_they_belong() {
        let table = Definition::new(Kind::Table, Some("s".into()), "t".into());
        let mut part = Part::new(PartKind::Index, "i".into(), 1);
        for (name, value) in [
            ("method", json!("btree")),
            ("columns", json!(["(expression)", "a", "(expression)"])),
            ("expressions", json!("lower(b), (c || ','::text)")),
            ("operator_classes", json!(["text_ops", "int4_ops", "text_ops"])),
            (
                "orders",
                json!(["asc nulls last", "desc nulls first", "asc nulls last"]),
            ),
            ("predicate", json!("(a > 0)")),
            ("unique", json!(true)),
        ] {
            part.attributes.insert(name.into(), value);
        }
        assert_eq!(
            create_index(&table, &part, false),
            "CREATE UNIQUE INDEX i ON s.t USING btree ((lower(b)) text_ops, a int4_ops DESC NULLS FIRST, \
             ((c || ','::text)) text_ops) WHERE (a > 0)"
        );
    }
}
