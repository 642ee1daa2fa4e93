//! Forgetting what is older than the settings say, a batch in a transaction.

use crate::error::Result;
use crate::pg::query;
use crate::settings;

/// Events deleted in one transaction, at most.
const EVENTS: i64 = 5_000;

/// Versions forgotten in one transaction, at most.
const VERSIONS: i64 = 100;

const FORGET_EVENTS: &str = "
    DELETE FROM schema_monitor.ddl_event AS e
    WHERE e.ctid OPERATOR(pg_catalog.=) ANY (ARRAY(
        SELECT o.ctid FROM schema_monitor.ddl_event AS o
        WHERE o.occurred_at OPERATOR(pg_catalog.<)
                (pg_catalog.now() OPERATOR(pg_catalog.-) pg_catalog.make_interval(days => $1))
          AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
        LIMIT $2))";

/// Deletes some of the events that are too old; whether there may be more.
pub fn forget_events() -> Result<bool> {
    let Some(days) = settings::event_retention() else {
        return Ok(false);
    };
    let deleted = query::execute(FORGET_EVENTS, &[days.into(), EVENTS.into()])?;
    Ok(deleted as i64 == EVENTS)
}

// The last version to go. The one that stands always stays.
const HORIZON: &str = "
    SELECT pg_catalog.max(o.version) FROM (
        SELECT v.version FROM schema_monitor._version AS v
        WHERE v.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
          AND v.recorded_at OPERATOR(pg_catalog.<)
                (pg_catalog.now() OPERATOR(pg_catalog.-) pg_catalog.make_interval(days => $1))
          AND v.version OPERATOR(pg_catalog.<) (
                SELECT pg_catalog.max(l.version) FROM schema_monitor._version AS l
                WHERE l.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation())
        ORDER BY v.version
        LIMIT $2) AS o";

// What the next version needs stays: the definition of each object as it was then, and what was dropped by it. So does
// the object with the highest identity: no identity is given twice.
const FORGET_VERSIONS: [&str; 9] = [
    "DELETE FROM schema_monitor._change AS c
     WHERE c.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
       AND c.version OPERATOR(pg_catalog.<=) $1",
    "DELETE FROM schema_monitor._definition AS d
     WHERE d.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
       AND d.version OPERATOR(pg_catalog.<=) $1
       AND (EXISTS (
                SELECT FROM schema_monitor._definition AS l
                WHERE l.incarnation OPERATOR(pg_catalog.=) d.incarnation
                  AND l.object_id OPERATOR(pg_catalog.=) d.object_id
                  AND l.version OPERATOR(pg_catalog.>) d.version
                  AND l.version OPERATOR(pg_catalog.<=) ($1 OPERATOR(pg_catalog.+) 1))
            OR EXISTS (
                SELECT FROM schema_monitor._object AS o
                WHERE o.incarnation OPERATOR(pg_catalog.=) d.incarnation
                  AND o.object_id OPERATOR(pg_catalog.=) d.object_id
                  AND o.dropped_version OPERATOR(pg_catalog.<=) $1
                  AND o.object_id OPERATOR(pg_catalog.<) (
                      SELECT pg_catalog.max(h.object_id) FROM schema_monitor._object AS h
                      WHERE h.incarnation OPERATOR(pg_catalog.=) o.incarnation)))",
    "DELETE FROM schema_monitor._object AS o
     WHERE o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
       AND o.dropped_version OPERATOR(pg_catalog.<=) $1
       AND o.object_id OPERATOR(pg_catalog.<) (
           SELECT pg_catalog.max(h.object_id) FROM schema_monitor._object AS h
           WHERE h.incarnation OPERATOR(pg_catalog.=) o.incarnation)",
    // and what was said of it, and the terms that stood for it
    "DELETE FROM schema_monitor._description AS d
     WHERE d.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
       AND NOT EXISTS (
           SELECT FROM schema_monitor._object AS o
           WHERE o.object_id OPERATOR(pg_catalog.=) d.object_id AND o.incarnation OPERATOR(pg_catalog.=) d.incarnation)",
    "DELETE FROM schema_monitor._term AS t
     WHERE t.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
       AND EXISTS (
           SELECT FROM schema_monitor._term_object AS p
           WHERE p.term_id OPERATOR(pg_catalog.=) t.term_id AND p.incarnation OPERATOR(pg_catalog.=) t.incarnation
             AND NOT EXISTS (
                 SELECT FROM schema_monitor._object AS o
                 WHERE o.object_id OPERATOR(pg_catalog.=) p.object_id
                   AND o.incarnation OPERATOR(pg_catalog.=) p.incarnation))",
    "DELETE FROM schema_monitor._term_object AS p
     WHERE p.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
       AND NOT EXISTS (
           SELECT FROM schema_monitor._term AS t
           WHERE t.term_id OPERATOR(pg_catalog.=) p.term_id AND t.incarnation OPERATOR(pg_catalog.=) p.incarnation)",
    "DELETE FROM schema_monitor._statistic AS s
     WHERE s.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
       AND s.version OPERATOR(pg_catalog.<=) $1",
    "DELETE FROM schema_monitor._migration AS m
     WHERE m.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
       AND m.withdrawn_version OPERATOR(pg_catalog.<=) $1",
    "DELETE FROM schema_monitor._version AS v
     WHERE v.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
       AND v.version OPERATOR(pg_catalog.<=) $1",
];

/// Forgets some of the versions that are too old, with their changes; whether there may be more.
pub fn forget_versions() -> Result<bool> {
    let Some(days) = settings::version_retention() else {
        return Ok(false);
    };
    let horizon = query::one(HORIZON, &[days.into(), VERSIONS.into()], |row| row.i64(0))?.unwrap_or(0);
    if horizon == 0 {
        return Ok(false);
    }
    let mut forgotten = 0;
    for statement in FORGET_VERSIONS {
        forgotten = query::execute(statement, &[horizon.into()])?;
    }
    Ok(forgotten as i64 == VERSIONS)
}
