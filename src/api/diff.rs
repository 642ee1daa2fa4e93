//! `diff()` and `diff_with()`.

use crate::pg::ErrorReport;
use pgrx::prelude::*;
use schema::Definition;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::history::{self, Difference};
use crate::pg::encoding::{ServerText, server_text, utf8};

type Row = (
    String,
    String,
    ServerText,
    Option<ServerText>,
    Option<ServerText>,
    Option<ServerText>,
    String,
    Vec<String>,
    Vec<String>,
);

/// What leads from one version to another.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn _diff(
    from_version: i64,
    to_version: i64,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(change, String),
            name!(kind, String),
            name!(identity, ServerText),
            name!(part, Option<ServerText>),
            name!(before, Option<ServerText>),
            name!(after, Option<ServerText>),
            name!(impact, String),
            name!(rules, Vec<String>),
            name!(reasons, Vec<String>),
        ),
    >,
    ErrorReport,
> {
    Ok(rows(history::between(from_version, to_version)?))
}

/// What leads from another database's schema to this one's.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn _diff_with(
    schema: ServerText,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(change, String),
            name!(kind, String),
            name!(identity, ServerText),
            name!(part, Option<ServerText>),
            name!(before, Option<ServerText>),
            name!(after, Option<ServerText>),
            name!(impact, String),
            name!(rules, Vec<String>),
            name!(reasons, Vec<String>),
        ),
    >,
    ErrorReport,
> {
    let there = objects(&utf8(&schema))?;
    Ok(rows(history::from_elsewhere(there)?))
}

/// What `schema_at()` gives, as far as it matters here.
#[derive(Deserialize)]
struct Schema {
    objects: Vec<Definition>,
}

fn objects(text: &str) -> Result<Vec<Definition>> {
    let schema: Schema = serde_json::from_str(text).map_err(|error| Error::Argument {
        what: "a schema as schema_at() gives it",
        reason: error.to_string(),
    })?;
    Ok(schema.objects)
}

fn rows(differences: Vec<Difference>) -> TableIterator<'static, Row> {
    let json = |value: &Value| (!value.is_null()).then(|| server_text(&value.to_string()));
    let rows: Vec<Row> = differences
        .into_iter()
        .map(|Difference { kind, identity, change }| {
            (
                change.name(),
                kind.as_str().to_owned(),
                server_text(&identity),
                change.part.as_ref().map(|(_, name)| server_text(name)),
                json(&change.before),
                json(&change.after),
                change.impact.as_str().to_owned(),
                change.rules().into_iter().map(str::to_owned).collect(),
                change.reasons().into_iter().map(str::to_owned).collect(),
            )
        })
        .collect();
    TableIterator::new(rows)
}
