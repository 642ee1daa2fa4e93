//! What the views in `sql/visibility.sql` ask of each row.

use crate::error::Result;
use crate::pg::{ErrorReport, Oid, mask, query, right};
use pgrx::prelude::*;

/// Whether the effective user sees a relation: true for all of it, false for some columns of it, NULL for nothing.
#[pg_extern(sql = false)]
fn _sees_relation(relation: Oid) -> Option<bool> {
    right::sight(relation.to_u32()).map(|sight| sight == right::Sight::Whole)
}

/// Whether the effective user may see what is about a relation (column 0) or a column.
#[pg_extern(sql = false)]
fn _sees_passage(relation: Oid, column: i16) -> std::result::Result<bool, ErrorReport> {
    let relation = relation.to_u32();
    let sees = match right::sight(relation) {
        Some(right::Sight::Whole) => true,
        Some(right::Sight::Columns) => column != 0 && right::sees_column(relation, column),
        None => false,
    };
    Ok(sees && !mask::hides(relation, column, manages)?)
}

/// Whether the effective user manages the extension: may call check().
fn manages() -> Result<bool> {
    let sql = "SELECT pg_catalog.has_function_privilege('schema_monitor.check(boolean)', 'EXECUTE')";
    Ok(query::one(sql, &[], |row| row.bool(0))?.unwrap_or(false))
}
