//! `join_path()`.

use crate::pg::ErrorReport;
use pgrx::prelude::*;

use super::argument;
use crate::error::{Error, Result};
use crate::meaning::{Guesses, join_paths, resolve};
use crate::pg::encoding::{ServerText, server_text, utf8};

/// Most ways one call gives.
const MAX_PATHS: i32 = 20;

/// The joins that connect relations.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn join_path(
    tables: Array<'_, &[u8]>,
    max_paths: i32,
    question: ServerText,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(path, i32),
            name!(step, i32),
            name!(from_table, ServerText),
            name!(from_alias, ServerText),
            name!(to_table, ServerText),
            name!(to_alias, ServerText),
            name!(condition, ServerText),
            name!(constraint_name, Option<ServerText>),
            name!(confidence, f64),
        ),
    >,
    ErrorReport,
> {
    let names = argument::names(tables, "tables")?;
    let paths = join_paths(
        &resolve(&names)?,
        ways(max_paths)?,
        Guesses::Everything,
        &utf8(&question),
    )?;
    let mut rows = Vec::new();
    for (path, found) in (1..).zip(&paths) {
        for (step, join) in (1..).zip(&found.joins) {
            rows.push((
                path,
                step,
                server_text(&join.from.identity),
                server_text(&join.from_alias),
                server_text(&join.to.identity),
                server_text(&join.to_alias),
                server_text(&join.condition()),
                (!join.constraints.is_empty()).then(|| server_text(&join.constraints.join(", "))),
                (f64::from(join.confidence) * 100.0).round() / 100.0,
            ));
        }
    }
    Ok(TableIterator::new(rows))
}

fn ways(max_paths: i32) -> Result<usize> {
    if !(1..=MAX_PATHS).contains(&max_paths) {
        return Err(Error::Argument {
            what: "a number of paths",
            reason: format!("max_paths is {max_paths} and may be between 1 and {MAX_PATHS}."),
        });
    }
    Ok(max_paths as usize)
}
