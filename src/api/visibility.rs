//! What the views in `sql/visibility.sql` ask of each row.

use crate::pg::{Oid, right};
use pgrx::prelude::*;

/// Whether the effective user sees a relation: true for all of it, false for some columns of it, NULL for nothing.
#[pg_extern(sql = false)]
fn _sees_relation(relation: Oid) -> Option<bool> {
    right::sight(relation.to_u32()).map(|sight| sight == right::Sight::Whole)
}

/// Whether the effective user may see what is about a relation (column 0) or a column.
#[pg_extern(sql = false)]
fn _sees_passage(relation: Oid, column: i16) -> bool {
    let relation = relation.to_u32();
    match right::sight(relation) {
        Some(right::Sight::Whole) => true,
        Some(right::Sight::Columns) => column != 0 && right::sees_column(relation, column),
        None => false,
    }
}
