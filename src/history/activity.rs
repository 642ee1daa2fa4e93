//! When tables were last seen to be written to.

use crate::error::Result;
use crate::pg::query;

// Only what moved is written. Counters that were reset begin anew, which is no write.
const SAMPLE: &str = "
    INSERT INTO schema_monitor._activity AS w (object_id, writes)
    SELECT o.object_id, s.writes
    FROM schema_monitor._object AS o
    JOIN (
        SELECT t.relid,
            (t.n_tup_ins OPERATOR(pg_catalog.+) t.n_tup_upd) OPERATOR(pg_catalog.+) t.n_tup_del AS writes
        FROM pg_catalog.pg_stat_all_tables AS t
    ) AS s ON s.relid OPERATOR(pg_catalog.=) o.oid
    LEFT JOIN schema_monitor._activity AS known
        ON known.object_id OPERATOR(pg_catalog.=) o.object_id
        AND known.incarnation OPERATOR(pg_catalog.=) o.incarnation
    WHERE o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND o.dropped_version IS NULL
      AND o.class_id OPERATOR(pg_catalog.=) 1259
      AND (known.writes IS NULL OR known.writes OPERATOR(pg_catalog.<>) s.writes)
    ON CONFLICT (object_id, incarnation) DO UPDATE
    SET writes = excluded.writes,
        moved_at = CASE WHEN excluded.writes OPERATOR(pg_catalog.>) w.writes THEN pg_catalog.now() ELSE w.moved_at END";

const FORGET: &str = "
    DELETE FROM schema_monitor._activity AS w
    WHERE w.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND w.object_id OPERATOR(pg_catalog.=) ANY ($1)";

/// Looks at the counters of all tables.
pub(super) fn sample() -> Result<()> {
    query::execute(SAMPLE, &[]).map(drop)
}

/// Forgets tables that are gone.
pub(super) fn forget(gone: &[i64]) -> Result<()> {
    match gone.is_empty() {
        true => Ok(()),
        false => query::execute(FORGET, &[gone.into()]).map(drop),
    }
}
