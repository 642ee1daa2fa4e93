//! Captured events, drained by visibility.
//!
//! An event is covered by a comparison if it was visible in its snapshot. Identity order is not commit
//! order, so no high-water mark would do: a transaction that got its number early may commit late.

use crate::catalog::{Address, Hint};
use crate::error::Result;
use crate::pg::query;
use crate::pg::transaction::wait_for_end;
use std::collections::BTreeSet;

/// Events that no comparison has covered yet.
pub(super) struct Pending {
    /// What they say.
    pub hints: Vec<Hint>,
    /// Start of the earliest of their transactions.
    pub first_at: Option<String>,
    /// The snapshot they were read under.
    pub snapshot: String,
}

// The index on xid makes this a look at the end of the table.
const PENDING: &str = "
    SELECT e.class_id, e.object_oid, e.dropped, e.command_tag, e.occurred_at::text, e.xid::text::bigint
    FROM schema_monitor.ddl_event AS e
    WHERE e.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND e.xid OPERATOR(pg_catalog.>=) pg_catalog.pg_snapshot_xmin($1::pg_catalog.pg_snapshot)
      AND NOT pg_catalog.pg_visible_in_snapshot(e.xid, $1::pg_catalog.pg_snapshot)
    ORDER BY e.xid, e.ordinal";

const ALL: &str = "
    SELECT e.class_id, e.object_oid, e.dropped, e.command_tag, e.occurred_at::text, e.xid::text::bigint
    FROM schema_monitor.ddl_event AS e
    WHERE e.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
    ORDER BY e.xid, e.ordinal";

/// The events visible now and not in the snapshot `drained`.
pub(super) fn pending(drained: Option<&str>) -> Result<Pending> {
    let snapshot = query::one("SELECT pg_catalog.pg_current_snapshot()::text", &[], |row| row.text(0))?;
    let mut pending = Pending {
        hints: Vec::new(),
        first_at: None,
        snapshot: snapshot.flatten().unwrap_or_default(),
    };
    let mut transactions = BTreeSet::new();
    let mut add = |row: &query::Row<'_>| {
        transactions.insert(row.i64(5));
        let at = row.text(4);
        if pending.first_at.is_none() || at < pending.first_at {
            pending.first_at = at;
        }
        pending.hints.push(Hint {
            address: Address {
                class: row.oid(0),
                oid: row.oid(1),
            },
            dropped: row.bool(2),
            tag: row.text(3).unwrap_or_default(),
        });
        Ok(())
    };
    match drained {
        Some(drained) => query::read(PENDING, &[drained.into()], &mut add)?,
        None => query::read(ALL, &[], &mut add)?,
    }
    // What a transaction changed is visible a moment before its invalidation messages are sent. Until then names that
    // are looked up, not read, would be those of before.
    for transaction in transactions {
        wait_for_end(transaction);
    }
    Ok(pending)
}

const HAVE_COME: &str = "
    SELECT EXISTS (
        SELECT FROM schema_monitor.ddl_event AS e
        WHERE e.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
          AND e.xid OPERATOR(pg_catalog.>=) pg_catalog.pg_snapshot_xmin($1::pg_catalog.pg_snapshot)
          AND NOT pg_catalog.pg_visible_in_snapshot(e.xid, $1::pg_catalog.pg_snapshot))";

/// Whether events are visible now that were not in a snapshot. Run it under a fresh one.
pub(super) fn have_come_since(snapshot: &str) -> Result<bool> {
    Ok(query::one(HAVE_COME, &[snapshot.into()], |row| row.bool(0))?.unwrap_or(false))
}
