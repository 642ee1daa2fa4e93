//! Queries of views and materialized views.
//!
//! `pg_get_viewdef` locks what the view reads until the end of the transaction, and a user's ALTER waits
//! for that. So a few views at a time are read in a subtransaction that is rolled back: its locks go.

use schema::Kind;

use super::{Definitions, RELATION_CLASS, Reading, set};
use crate::error::Result;
use crate::pg::query;
use crate::pg::subtransaction::undone;

/// Views read between two releases of locks.
const VIEWS_AT_A_TIME: usize = 16;

const QUERIES: &str = "
    SELECT v.oid, pg_catalog.pg_get_viewdef(v.oid)
    FROM pg_catalog.unnest($1) AS v(oid)";

/// Reads the queries of the views found.
pub(super) fn read(_reading: &mut Reading<'_>, found: &mut Definitions) -> Result<()> {
    let mut views: Vec<u32> = found
        .iter()
        .filter(|(_, definition)| matches!(definition.kind, Kind::View | Kind::MaterializedView))
        .map(|(address, _)| address.oid)
        .collect();
    views.sort_unstable();
    for some in views.chunks(VIEWS_AT_A_TIME) {
        let mut queries = Vec::with_capacity(some.len());
        undone(|| {
            let oids: Vec<crate::pg::Oid> = some.iter().map(|oid| (*oid).into()).collect();
            query::read(QUERIES, &[oids.into()], |row| {
                queries.push((row.oid(0), row.text(1)));
                Ok(())
            })
        })?;
        for (oid, query) in queries {
            let address = super::Address {
                class: RELATION_CLASS,
                oid,
            };
            match (found.get_mut(&address), query) {
                (Some(definition), Some(query)) => set(&mut definition.attributes, "query", canonical(&query)),
                // The view is in the snapshot and gone from the newest catalog: whoever dropped it has
                // left an event, and it is read again.
                (Some(_), None) => drop(found.remove(&address)),
                (None, _) => {}
            }
        }
    }
    Ok(())
}

/// The query without what differs between server versions and means nothing: white space outside
/// quotes, and the semicolon.
fn canonical(query: &str) -> String {
    let mut text = String::with_capacity(query.len());
    let mut quote = None;
    for c in query.trim().trim_end_matches(';').chars() {
        match quote {
            Some(open) => {
                text.push(c);
                if c == open {
                    quote = None;
                }
            }
            None if c.is_whitespace() => {
                if !text.ends_with([' ', '(']) {
                    text.push(' ');
                }
            }
            None => {
                if matches!(c, '\'' | '"') {
                    quote = Some(c);
                }
                if c == ')' && text.ends_with(' ') {
                    text.pop();
                }
                text.push(c);
            }
        }
    }
    text
}
