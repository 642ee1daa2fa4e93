//! Definitions as statements: what creates an object or a part, comments on it, gives it to its owner.
//!
//! Every name is qualified, so a statement means the same under any `search_path`. Statements have no semicolon.

mod access;
mod constraint;
mod function;
mod index;
mod relation;
mod rule;
mod typ;

pub(crate) use access::{column_grants, grants, owner};
pub(crate) use constraint::{constraint, is_not_valid};
pub(crate) use function::{create_function, is_sql_body};
pub(crate) use index::create_index;
pub(crate) use relation::{
    column, compression_word, create_sequence, create_table, create_view, foreign_option_changes, identity_clause,
    is_inline, relation_options, sequence_options, storage_word,
};
pub(crate) use rule::{create_policy, create_rule, create_statistics, create_trigger, trigger_state};
pub(crate) use typ::{create_domain, create_type};

use serde_json::Value;

use crate::attributes::Attributes;
use crate::definition::{Definition, Kind, Part, PartKind};
use crate::sql::{ident, literal};

/// The qualified name, without arguments.
pub(crate) fn name(definition: &Definition) -> String {
    match &definition.schema {
        Some(schema) => format!("{}.{}", ident(schema), ident(&definition.name)),
        None => ident(&definition.name),
    }
}

/// What a statement calls the object: the qualified name, for functions with the types that identify it.
pub(crate) fn signature(definition: &Definition) -> String {
    match (&definition.arguments, definition.kind) {
        (Some(arguments), Kind::Aggregate) if arguments.is_empty() => format!("{}(*)", name(definition)),
        (Some(arguments), _) => format!("{}({arguments})", name(definition)),
        (None, _) => name(definition),
    }
}

/// The words for a kind of object in `ALTER`, `DROP` and `COMMENT ON`.
pub(crate) fn keyword(kind: Kind) -> &'static str {
    match kind {
        Kind::Schema => "SCHEMA",
        Kind::Table => "TABLE",
        Kind::ForeignTable => "FOREIGN TABLE",
        Kind::View => "VIEW",
        Kind::MaterializedView => "MATERIALIZED VIEW",
        Kind::Sequence => "SEQUENCE",
        Kind::Domain => "DOMAIN",
        Kind::Enum | Kind::CompositeType | Kind::RangeType | Kind::BaseType => "TYPE",
        Kind::Function => "FUNCTION",
        Kind::Procedure => "PROCEDURE",
        Kind::Aggregate => "AGGREGATE",
        Kind::Extension => "EXTENSION",
    }
}

/// `ALTER TABLE shop.orders`, with the word for its kind.
pub(crate) fn alter(definition: &Definition) -> String {
    format!("ALTER {} {}", keyword(definition.kind), signature(definition))
}

/// `COMMENT ON … IS …`, for the object or a part of it.
pub(crate) fn comment(definition: &Definition, part: Option<&Part>, text: Option<&str>) -> String {
    let target = match part {
        None => format!("{} {}", keyword(definition.kind), signature(definition)),
        Some(part) => part_target(definition, part),
    };
    format!("COMMENT ON {target} IS {}", text.map_or("NULL".to_owned(), literal))
}

/// What a statement calls a part: `COLUMN shop.orders.id`, `TRIGGER t ON shop.orders`.
pub(crate) fn part_target(definition: &Definition, part: &Part) -> String {
    let own = ident(&part.name);
    let of = name(definition);
    match part.kind {
        PartKind::Column => format!("COLUMN {of}.{own}"),
        PartKind::Constraint if definition.kind == Kind::Domain => format!("CONSTRAINT {own} ON DOMAIN {of}"),
        PartKind::Constraint => format!("CONSTRAINT {own} ON {of}"),
        PartKind::Index => format!("INDEX {}", beside(definition, &part.name)),
        PartKind::Trigger => format!("TRIGGER {own} ON {of}"),
        PartKind::Policy => format!("POLICY {own} ON {of}"),
        PartKind::Rule => format!("RULE {own} ON {of}"),
        PartKind::Statistics => format!("STATISTICS {}", statistics_name(definition, part)),
        PartKind::Value => own,
    }
}

/// The name of an index: it lives in the schema of its relation.
pub(crate) fn beside(definition: &Definition, own: &str) -> String {
    match &definition.schema {
        Some(schema) => format!("{}.{}", ident(schema), ident(own)),
        None => ident(own),
    }
}

/// A statistics object may live in another schema than its relation.
pub(crate) fn statistics_name(definition: &Definition, part: &Part) -> String {
    let schema = part.text("schema").or(definition.schema.as_deref()).unwrap_or("public");
    format!("{}.{}", ident(schema), ident(&part.name))
}

/// A flag attribute.
pub(crate) fn is_set(attributes: &Attributes, name: &str) -> bool {
    attributes.get(name).is_some_and(|value| value == &Value::Bool(true))
}

/// A text attribute.
pub(crate) fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name).and_then(Value::as_str)
}

/// A list of texts.
pub(crate) fn texts<'a>(attributes: &'a Attributes, name: &str) -> Vec<&'a str> {
    let list = attributes.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Options as they are stored (`fillfactor=70`) as they are written (`fillfactor='70'`).
pub(crate) fn options(list: &[&str]) -> String {
    let written = list.iter().map(|option| match option.split_once('=') {
        Some((name, value)) => format!("{}={}", option_name(name), literal(value)),
        None => option_name(option),
    });
    written.collect::<Vec<_>>().join(", ")
}

/// The names of options, for `RESET`.
pub(crate) fn option_names(list: &[&str]) -> String {
    let names = list
        .iter()
        .map(|option| option_name(option.split_once('=').map_or(*option, |(name, _)| name)));
    names.collect::<Vec<_>>().join(", ")
}

fn option_name(name: &str) -> String {
    name.split('.').map(ident).collect::<Vec<_>>().join(".")
}
