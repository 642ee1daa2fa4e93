//! `performance_since()`.

use crate::pg::ErrorReport;
use pgrx::prelude::*;

use crate::history::{self, Comparison};
use crate::pg::encoding::{ServerText, server_text};

/// How the relations that a version changed were read before it and are since.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn performance_since(
    version: i64,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(identity, ServerText),
            name!(measure, String),
            name!(statement, Option<i64>),
            name!(before, Option<f64>),
            name!(after, Option<f64>),
        ),
    >,
    ErrorReport,
> {
    let rows: Vec<_> = history::performance_since(version)?
        .into_iter()
        .map(
            |Comparison {
                 identity,
                 measure,
                 statement,
                 before,
                 after,
             }| { (server_text(&identity), measure.to_owned(), statement, before, after) },
        )
        .collect();
    Ok(TableIterator::new(rows))
}
