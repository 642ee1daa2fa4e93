//! `validate_query()`.

use crate::pg::ErrorReport;
use pgrx::prelude::*;

use crate::error::{Error, Result};
use crate::meaning::{self, Verdict};
use crate::pg::encoding::{Jsonb, ServerText, Text, server_text};

/// Longest statement that is taken, in bytes.
const MAX_TEXT: usize = 1 << 20;

type Row = (
    bool,
    Option<String>,
    Option<ServerText>,
    Option<ServerText>,
    Option<ServerText>,
    Option<i32>,
    Vec<Text>,
    Jsonb,
);

/// What PostgreSQL's analyser says of a statement.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn validate_query(
    sql: Option<ServerText>,
    read_only: Option<bool>,
    since_version: Option<i64>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(valid, bool),
            name!(sqlstate, Option<String>),
            name!(message, Option<ServerText>),
            name!(detail, Option<ServerText>),
            name!(hint, Option<ServerText>),
            name!(position, Option<i32>),
            name!(suggestions, Vec<Text>),
            name!(warnings, Jsonb),
        ),
    >,
    ErrorReport,
> {
    let sql = sql.unwrap_or_default();
    check_length(&sql)?;
    let verdict = meaning::validate(&sql, read_only.unwrap_or(false), since_version)?;
    Ok(TableIterator::once(row(verdict)))
}

fn check_length(sql: &[u8]) -> Result<()> {
    match sql.len() {
        0..=MAX_TEXT => Ok(()),
        length => Err(Error::Argument {
            what: "a statement of at most 1 MB",
            reason: format!("It has {length} bytes."),
        }),
    }
}

fn row(verdict: Verdict) -> Row {
    let error = verdict.error.as_ref();
    let text = |text: Option<String>| text.as_deref().map(server_text);
    let warnings = serde_json::Value::from(verdict.warnings);
    (
        error.is_none(),
        error.map(|error| error.sqlstate()),
        text(error.map(ToString::to_string)),
        text(error.and_then(Error::detail)),
        text(error.and_then(Error::hint)),
        verdict.position,
        verdict.suggestions.iter().map(|one| Text::from(one.as_str())).collect(),
        Jsonb(server_text(&warnings.to_string())),
    )
}
