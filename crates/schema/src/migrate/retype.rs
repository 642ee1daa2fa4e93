//! Columns that get another type.

use super::pair::Plan;
use super::{Cast, Statement};
use crate::definition::{Definition, Part};
use crate::render::alter;
use crate::sql::{ident, mentions};

/// One `ALTER TABLE` for all columns that get another type, so that the table is rewritten once.
pub(super) fn retype(plan: &Plan<'_>, definition: &Definition, columns: &[(&Part, &Part)]) -> Option<Statement> {
    let mut statement = Statement::new(definition, String::new());
    let mut actions = Vec::new();
    for (old, new) in columns {
        let (from, to) = (old.text("type").unwrap_or("text"), new.text("type").unwrap_or("text"));
        let own = ident(&new.name);
        let collation = match (new.text("collation"), old.text("collation")) {
            (Some(name), _) => format!(" COLLATE {name}"),
            (None, Some(_)) => " COLLATE pg_catalog.\"default\"".to_owned(),
            (None, None) => String::new(),
        };
        let using = match how(plan, from, to) {
            Cast::Assignment => String::new(),
            Cast::Explicit => format!(" USING {own}::{to}"),
            Cast::None => {
                let between = if to.ends_with("[]") && from.ends_with("[]") {
                    "text[]"
                } else {
                    "text"
                };
                statement =
                    statement.noting("values are converted by way of their text; one that does not fit is an error");
                format!(" USING {own}::{between}::{to}")
            }
        };
        actions.push(format!("ALTER COLUMN {own} TYPE {to}{collation}{using}"));
        if is_lossy(from, to) {
            statement = statement.destroying();
        }
    }
    statement.sql = format!("{} {}", alter(definition), actions.join(", "));
    (!actions.is_empty()).then_some(statement)
}

/// A type that is made anew is another type under the same name, to which only its text leads.
fn how(plan: &Plan<'_>, from: &str, to: &str) -> Cast {
    let is_anew = |text: &str| {
        let found = mentions(text);
        found
            .iter()
            .filter_map(|name| plan.before_names.get(name))
            .any(|id| plan.late.contains(id))
    };
    let is_unknown = |text: &str| {
        let found = mentions(text);
        found
            .iter()
            .filter_map(|name| plan.after_names.get(name))
            .any(|id| !plan.is_present(*id))
    };
    match is_anew(from) || is_unknown(to) {
        true => Cast::None,
        false if from == to => Cast::Assignment,
        false => (plan.options.cast)(from, to),
    }
}

/// Whether values change without an error: digits, fractions of a second, the time of day.
fn is_lossy(from: &str, to: &str) -> bool {
    let base = |text: &str| text.split(['(', '[']).next().unwrap_or(text).trim().to_owned();
    let (a, b) = (base(from), base(to));
    let has_fraction = |name: &str| matches!(name, "numeric" | "real" | "double precision");
    let is_whole = |name: &str| matches!(name, "smallint" | "integer" | "bigint");
    let is_moment = |name: &str| name.starts_with("timestamp");
    (has_fraction(&a) && (is_whole(&b) || (b == "numeric" && to.contains('(')) || b == "real"))
        || (is_moment(&a) && (b == "date" || b.starts_with("time ")))
        || (is_moment(&a) && is_moment(&b) && to.contains('(') && from != to)
        || (a.starts_with("json") && b == "jsonb" && a == "json")
}
