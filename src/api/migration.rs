//! `migration()` and `apply_migration()`.

use crate::pg::ErrorReport;
use pgrx::prelude::*;

use crate::error::{Error, Result};
use crate::history;
use crate::pg::encoding::{ServerText, server_text};
use crate::pg::transaction::is_read_only;

/// The statements that lead from one version to another.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn _migration(
    from_version: i64,
    to_version: i64,
    online: bool,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(ordinal, i32),
            name!(statement, ServerText),
            name!(kind, String),
            name!(identity, ServerText),
            name!(destroys_data, bool),
            name!(own_transaction, bool),
            name!(note, Option<ServerText>),
        ),
    >,
    ErrorReport,
> {
    let way = history::migration(from_version, to_version, online)?;
    if way.left_out > 0 {
        ErrorReport::new(
            PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
            format!("{} objects that you may not see are left out", way.left_out),
            "migration",
        )
        .report(PgLogLevel::NOTICE);
    }
    let rows: Vec<_> = (1..)
        .zip(way.statements)
        .map(|(ordinal, statement)| {
            (
                ordinal,
                server_text(&statement.sql),
                statement.kind.as_str().to_owned(),
                server_text(&statement.identity),
                statement.destroys_data,
                statement.own_transaction,
                (!statement.notes.is_empty()).then(|| server_text(&statement.notes.join("; "))),
            )
        })
        .collect();
    Ok(TableIterator::new(rows))
}

/// Runs them in the present transaction.
#[pg_extern(sql = false)]
fn apply_migration(
    from_version: i64,
    to_version: i64,
    confirm: bool,
) -> std::result::Result<TableIterator<'static, (name!(statements, i64), name!(fingerprint, String))>, ErrorReport> {
    let applied = apply(from_version, to_version, confirm)?;
    Ok(TableIterator::once((applied.statements, applied.fingerprint)))
}

fn apply(from: i64, to: i64, confirm: bool) -> Result<history::Applied> {
    if is_read_only() {
        return Err(Error::ReadOnly("apply_migration()"));
    }
    if !confirm {
        return Err(Error::NotConfirmed);
    }
    history::apply(from, to)
}
