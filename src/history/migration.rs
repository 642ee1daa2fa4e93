//! The statements that lead from one recorded version to another.

use schema::{Cast, Definition, Objects, Options, Statement, migrate};
use std::collections::{BTreeSet, HashSet};

use super::between::{definitions, recreated, require_versions};
use crate::error::Result;
use crate::pg::coercion::{Coercion, exists};
use crate::pg::query;

/// A migration and what is known of it.
pub struct Migration {
    /// The statements in their order.
    pub statements: Vec<Statement>,
    /// The schema they lead to.
    pub target: Objects,
    /// Objects that the effective user may not see, so that nothing is said of them.
    pub left_out: i64,
}

const OBJECTS: &str = "
    SELECT coalesce(pg_catalog.max(v.objects), 0)::bigint FROM schema_monitor.versions AS v
    WHERE v.version OPERATOR(pg_catalog.=) $1";

/// Major version of the server.
const SERVER_VERSION: u32 = if cfg!(feature = "pg18") {
    18
} else if cfg!(feature = "pg17") {
    17
} else {
    16
};

/// What leads from version `from` to version `to`, as far as the effective user may see it. Version 0 is the empty
/// schema.
pub fn migration(from: i64, to: i64, online: bool) -> Result<Migration> {
    require_versions(&[from, to])?;
    let before: Objects = definitions(from, None)?.into_iter().collect();
    let after: Objects = definitions(to, None)?.into_iter().collect();
    let mut left_out = 0;
    for (version, seen) in [(from, before.len()), (to, after.len())] {
        let all = query::one(OBJECTS, &[version.into()], |row| row.i64(0))?.unwrap_or(0);
        left_out = left_out.max(all - seen as i64);
    }
    let options = Options {
        server_version: SERVER_VERSION,
        online,
        cast: &cast,
        recreated: recreated(from, to)?.into_iter().collect::<HashSet<i64>>(),
    };
    let mut statements = migrate(&before, &after, &options);
    note_order(&after, &before, &mut statements);
    Ok(Migration {
        statements,
        target: after,
        left_out,
    })
}

const TYPE: &str = "SELECT pg_catalog.to_regtype($1)::oid";

/// How values are converted. A type that is not there (any more, or yet) has no cast.
fn cast(from: &str, to: &str) -> Cast {
    let oid = |name: &str| {
        query::one(TYPE, &[name.into()], |row| row.oid(0))
            .ok()
            .flatten()
            .unwrap_or(0)
    };
    match (oid(from), oid(to)) {
        (0, _) | (_, 0) => Cast::None,
        (from, to) if exists(from, to, Coercion::Assignment) => Cast::Assignment,
        (from, to) if exists(from, to, Coercion::Explicit) => Cast::Explicit,
        _ => Cast::None,
    }
}

/// Says where the order of columns cannot be that of the target: a column that comes back comes last.
fn note_order(after: &Objects, before: &Objects, statements: &mut [Statement]) {
    let names = |definition: &Definition| -> Vec<String> {
        let columns = definition.parts_of(schema::PartKind::Column);
        columns.map(|column| column.name.clone()).collect()
    };
    let mut reordered = BTreeSet::new();
    for (id, new) in after {
        let Some(old) = before.get(id) else { continue };
        let (was, is) = (names(old), names(new));
        let kept: Vec<&String> = was.iter().filter(|name| is.contains(name)).collect();
        let added: Vec<&String> = is.iter().filter(|name| !was.contains(name)).collect();
        if !added.is_empty() && kept.into_iter().chain(added).ne(is.iter()) {
            reordered.insert(crate::catalog::identity(new));
        }
    }
    for statement in statements {
        if statement.sql.contains(" ADD COLUMN ") && reordered.contains(&statement.identity) {
            statement
                .notes
                .push("the column comes last: only making the table anew gives it its place");
        }
    }
}
