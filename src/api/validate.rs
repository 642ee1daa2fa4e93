//! `validate_query()`, `suggest_alternatives()` and `optimize_query()`.

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

/// Most alternatives one call gives.
const MAX_ALTERNATIVES: i32 = 10;

/// Valid statements that a wrong one may have been meant to be.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn suggest_alternatives(
    sql: ServerText,
    max_results: i32,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(rank, i32),
            name!(statement, ServerText),
            name!(changes, Vec<Text>),
        ),
    >,
    ErrorReport,
> {
    check_length(&sql)?;
    let found = meaning::repair(&sql, number(max_results)?)?;
    let rows: Vec<_> = (1..)
        .zip(&found)
        .map(|(rank, repair)| {
            let changes = repair
                .changes
                .iter()
                .map(|change| Text::from(change.as_str()))
                .collect();
            (rank, server_text(&repair.sql), changes)
        })
        .collect();
    Ok(TableIterator::new(rows))
}

/// What would make a statement faster.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn optimize_query(
    sql: ServerText,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(rule, &'static str),
            name!(object, ServerText),
            name!(message, ServerText),
            name!(reason, ServerText),
            name!(statement, Option<ServerText>),
            name!(rewritten, Option<ServerText>),
        ),
    >,
    ErrorReport,
> {
    check_length(&sql)?;
    let rows = meaning::advice(&sql)?.into_iter().map(|one| {
        (
            one.rule,
            server_text(&one.object),
            server_text(&one.message),
            server_text(&one.reason),
            one.statement.as_deref().map(server_text),
            one.rewritten.as_deref().map(server_text),
        )
    });
    Ok(TableIterator::new(rows.collect::<Vec<_>>()))
}

fn number(max_results: i32) -> Result<usize> {
    match (1..=MAX_ALTERNATIVES).contains(&max_results) {
        true => Ok(max_results as usize),
        false => Err(Error::Argument {
            what: "a number of alternatives",
            reason: format!("max_results is {max_results} and may be between 1 and {MAX_ALTERNATIVES}."),
        }),
    }
}
