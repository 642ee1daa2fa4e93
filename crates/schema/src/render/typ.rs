//! Types and domains.

use super::{constraint, is_set, name, text, texts};
use crate::definition::{Definition, Kind, PartKind};
use crate::sql::{ident, literal};

/// `CREATE TYPE …`; `None` for a base type, whose definition only the extension or library knows that made it.
pub(crate) fn create_type(definition: &Definition) -> Option<String> {
    let attributes = &definition.attributes;
    let own = name(definition);
    match definition.kind {
        Kind::Enum => {
            let values: Vec<String> = texts(attributes, "values").into_iter().map(literal).collect();
            Some(format!("CREATE TYPE {own} AS ENUM ({})", values.join(", ")))
        }
        Kind::CompositeType => {
            let columns: Vec<String> = definition
                .parts_of(PartKind::Column)
                .map(|part| {
                    let collation = part
                        .text("collation")
                        .map_or(String::new(), |name| format!(" COLLATE {name}"));
                    format!(
                        "{} {}{collation}",
                        ident(&part.name),
                        part.text("type").unwrap_or("text")
                    )
                })
                .collect();
            Some(format!("CREATE TYPE {own} AS ({})", columns.join(", ")))
        }
        Kind::RangeType => {
            let options: Vec<String> = [
                ("type", "SUBTYPE"),
                ("operator_class", "SUBTYPE_OPCLASS"),
                ("collation", "COLLATION"),
                ("canonical", "CANONICAL"),
                ("difference", "SUBTYPE_DIFF"),
                ("multirange", "MULTIRANGE_TYPE_NAME"),
            ]
            .into_iter()
            .filter_map(|(name, option)| Some(format!("{option} = {}", text(attributes, name)?)))
            .collect();
            Some(format!("CREATE TYPE {own} AS RANGE ({})", options.join(", ")))
        }
        _ => None,
    }
}

/// `CREATE DOMAIN …`.
pub(crate) fn create_domain(definition: &Definition) -> String {
    let attributes = &definition.attributes;
    let base = text(attributes, "type").unwrap_or("text");
    let mut written = format!("CREATE DOMAIN {} AS {base}", name(definition));
    if let Some(collation) = text(attributes, "collation") {
        written.push_str(&format!(" COLLATE {collation}"));
    }
    if let Some(default) = text(attributes, "default") {
        written.push_str(&format!(" DEFAULT {default}"));
    }
    if is_set(attributes, "not_null") {
        written.push_str(" NOT NULL");
    }
    for part in definition
        .parts_of(PartKind::Constraint)
        .filter(|part| !super::is_not_valid(part))
    {
        written.push(' ');
        written.push_str(&constraint(part));
    }
    written
}
