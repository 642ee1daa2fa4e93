//! `validate_request()`.

use crate::pg::{ErrorReport, Oid};
use pgrx::AnyElement;
use pgrx::prelude::*;

use crate::meaning;
use crate::pg::encoding::{ServerText, jsonb_text, server_text};

/// What of a JSON document a table would not take.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn validate_request(
    document: AnyElement,
    relation: Oid,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(path, ServerText),
            name!(rule, &'static str),
            name!(sqlstate, String),
            name!(message, ServerText),
            name!(expected, Option<ServerText>),
        ),
    >,
    ErrorReport,
> {
    let found = meaning::violations(&jsonb_text(&document), relation.to_u32())?;
    let rows = found.into_iter().map(|one| {
        (
            server_text(&one.path),
            one.rule,
            one.sqlstate,
            server_text(&one.message),
            one.expected.as_deref().map(server_text),
        )
    });
    Ok(TableIterator::new(rows.collect::<Vec<_>>()))
}
