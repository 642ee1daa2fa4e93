//! Taking over the history that a restored dump brought.
//!
//! `CREATE EXTENSION` in the target gives the installation a new incarnation, and its monitor may record
//! versions while the restore goes on; the dumped rows carry the incarnation they were recorded under, so
//! the two never collide. Here the dumped history takes the place of what was recorded meanwhile: that was
//! only the restore itself. Rows that a subscription brings belong to the publisher and are left alone.

use crate::error::Result;
use crate::pg::query;

// Both ends of the index: whether any incarnation but ours is there costs two look-ups.
const FOREIGN: &str = "
    SELECT f.incarnation::text
    FROM (
        (SELECT v.incarnation, v.version FROM schema_monitor._version AS v
         ORDER BY v.incarnation, v.version DESC LIMIT 1)
        UNION ALL
        (SELECT v.incarnation, v.version FROM schema_monitor._version AS v
         ORDER BY v.incarnation DESC, v.version DESC LIMIT 1)
    ) AS f
    WHERE f.incarnation OPERATOR(pg_catalog.<>) schema_monitor._incarnation()
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_subscription_rel AS s
          WHERE s.srrelid OPERATOR(pg_catalog.=) 'schema_monitor._version'::pg_catalog.regclass)
      -- nor what a subscription brought before it was dropped: a dump has no row of this table
      AND NOT EXISTS (
          SELECT FROM schema_monitor._state AS s WHERE s.incarnation OPERATOR(pg_catalog.=) f.incarnation)
      -- a parallel restore loads the tables one by one: wait until all of them are there
      AND (
          SELECT v.objects FROM schema_monitor._version AS v
          WHERE v.incarnation OPERATOR(pg_catalog.=) f.incarnation AND v.version OPERATOR(pg_catalog.=) f.version
      ) OPERATOR(pg_catalog.=) (
          SELECT pg_catalog.count(*) FROM schema_monitor._object AS o
          WHERE o.incarnation OPERATOR(pg_catalog.=) f.incarnation AND o.dropped_version IS NULL)
      AND NOT EXISTS (
          SELECT FROM schema_monitor._object AS o
          WHERE o.incarnation OPERATOR(pg_catalog.=) f.incarnation
            AND NOT EXISTS (
                SELECT FROM schema_monitor._definition AS d
                WHERE d.incarnation OPERATOR(pg_catalog.=) o.incarnation
                  AND d.object_id OPERATOR(pg_catalog.=) o.object_id
                  AND d.version OPERATOR(pg_catalog.=) o.last_version))
      AND (
          SELECT pg_catalog.sum(v.changes) FROM schema_monitor._version AS v
          WHERE v.incarnation OPERATOR(pg_catalog.=) f.incarnation
      ) OPERATOR(pg_catalog.=) (
          SELECT pg_catalog.count(*) FROM schema_monitor._change AS c
          WHERE c.incarnation OPERATOR(pg_catalog.=) f.incarnation)
    ORDER BY f.version DESC
    LIMIT 1";

/// What was recorded under our own incarnation, and what is derived from it.
const OWN: [&str; 15] = [
    "DELETE FROM schema_monitor._change WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
    "DELETE FROM schema_monitor._definition WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
    "DELETE FROM schema_monitor._object WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
    "DELETE FROM schema_monitor._version WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
    "DELETE FROM schema_monitor._migration WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
    "DELETE FROM schema_monitor._statistic WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
    "DELETE FROM schema_monitor._description WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
    "DELETE FROM schema_monitor._activity WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
    "DELETE FROM schema_monitor._term WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
    "DELETE FROM schema_monitor._term_object WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
    "DELETE FROM schema_monitor._passage WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
    "DELETE FROM schema_monitor._posting WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
    "DELETE FROM schema_monitor._document WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
    "DELETE FROM schema_monitor._reference WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
    "DELETE FROM schema_monitor.schema_embeddings
     WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
];

const ADOPTED: [&str; 9] = [
    "UPDATE schema_monitor._version SET incarnation = schema_monitor._incarnation()
     WHERE incarnation OPERATOR(pg_catalog.=) $1::uuid",
    "UPDATE schema_monitor._object SET incarnation = schema_monitor._incarnation()
     WHERE incarnation OPERATOR(pg_catalog.=) $1::uuid",
    "UPDATE schema_monitor._definition SET incarnation = schema_monitor._incarnation()
     WHERE incarnation OPERATOR(pg_catalog.=) $1::uuid",
    "UPDATE schema_monitor._change SET incarnation = schema_monitor._incarnation()
     WHERE incarnation OPERATOR(pg_catalog.=) $1::uuid",
    "UPDATE schema_monitor._migration SET incarnation = schema_monitor._incarnation(), relation_oid = 0
     WHERE incarnation OPERATOR(pg_catalog.=) $1::uuid",
    "UPDATE schema_monitor._term SET incarnation = schema_monitor._incarnation()
     WHERE incarnation OPERATOR(pg_catalog.=) $1::uuid",
    // Columns are counted anew by a restore: their names are looked up.
    "UPDATE schema_monitor._description SET incarnation = schema_monitor._incarnation(), column_number = 0
     WHERE incarnation OPERATOR(pg_catalog.=) $1::uuid",
    "UPDATE schema_monitor._term_object SET incarnation = schema_monitor._incarnation(), column_number = 0
     WHERE incarnation OPERATOR(pg_catalog.=) $1::uuid",
    // The OIDs in it are another database's: re-bind by name.
    "UPDATE schema_monitor._state SET stamp = $1, notified = 0
     WHERE incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
];

/// Adopts a restored history if there is one; whether there was.
pub(super) fn adopt() -> Result<bool> {
    let Some(Some(foreign)) = query::one(FOREIGN, &[], |row| row.text(0))? else {
        return Ok(false);
    };
    for statement in OWN {
        query::execute(statement, &[])?;
    }
    for statement in ADOPTED {
        query::execute(statement, &[foreign.as_str().into()])?;
    }
    Ok(true)
}
