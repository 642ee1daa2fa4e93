//! What runs on relations: rows, size, dependents, scans, and the statements that name them.
//!
//! Catalogs and the server's statistics alone: no relation is opened, so nobody waits for this and this waits for
//! nobody. Sizes are those of the last vacuum or analyze.

use std::collections::HashMap;

use schema::{Weight, has_identifier};

use crate::error::Result;
use crate::pg::acting::Acting;
use crate::pg::lookup::quoted;
use crate::pg::subtransaction::undone;
use crate::pg::transaction::with_fresh_snapshot;
use crate::pg::{Oid, query};

/// What was measured of one relation.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// What the rules of impact look at.
    pub weight: Weight,
    /// Sequential scans since the statistics began, those of partitions included.
    pub sequential_scans: i64,
    /// Rows that these read.
    pub sequential_rows: i64,
    /// Scans of its indexes.
    pub index_scans: i64,
}

const USAGE: &str = "
    WITH RECURSIVE member AS (
        SELECT c.oid AS root, c.oid, c.reltype, c.reltuples, c.relpages
        FROM pg_catalog.pg_class AS c
        WHERE c.oid OPERATOR(pg_catalog.=) ANY ($1)
        UNION ALL
        SELECT m.root, c.oid, c.reltype, c.reltuples, c.relpages
        FROM member AS m
        JOIN pg_catalog.pg_inherits AS i ON i.inhparent OPERATOR(pg_catalog.=) m.oid
        JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) i.inhrelid AND c.relispartition
    ), measured AS (
        SELECT m.root,
            pg_catalog.sum(greatest(m.reltuples, pg_catalog.pg_stat_get_live_tuples(m.oid)::float4, 0)) AS live_rows,
            pg_catalog.sum(m.relpages::float8 OPERATOR(pg_catalog.*) pg_catalog.current_setting('block_size')::float8) AS bytes,
            pg_catalog.sum(pg_catalog.pg_stat_get_numscans(m.oid)) AS sequential_scans,
            pg_catalog.sum(pg_catalog.pg_stat_get_tuples_returned(m.oid)) AS sequential_rows,
            pg_catalog.sum(x.scans) AS index_scans,
            pg_catalog.max(greatest(pg_catalog.pg_stat_get_lastscan(m.oid), x.last_scan)) AS last_scan
        FROM member AS m
        CROSS JOIN LATERAL (
            SELECT pg_catalog.sum(pg_catalog.pg_stat_get_numscans(x.indexrelid)) AS scans,
                pg_catalog.max(pg_catalog.pg_stat_get_lastscan(x.indexrelid)) AS last_scan
            FROM pg_catalog.pg_index AS x
            WHERE x.indrelid OPERATOR(pg_catalog.=) m.oid) AS x
        GROUP BY m.root
    )
    SELECT m.root, m.live_rows::float8, m.bytes::float8, coalesce(m.sequential_scans, 0)::bigint,
        coalesce(m.sequential_rows, 0)::bigint, coalesce(m.index_scans, 0)::bigint,
        pg_catalog.date_trunc('second', m.last_scan)::text, (
            SELECT pg_catalog.count(DISTINCT ROW(d.classid, coalesce(w.ev_class, d.objid)))
            FROM pg_catalog.pg_depend AS d
            LEFT JOIN pg_catalog.pg_rewrite AS w
                ON d.classid OPERATOR(pg_catalog.=) 2618 AND w.oid OPERATOR(pg_catalog.=) d.objid
            LEFT JOIN pg_catalog.pg_constraint AS k
                ON d.classid OPERATOR(pg_catalog.=) 2606 AND k.oid OPERATOR(pg_catalog.=) d.objid
            LEFT JOIN pg_catalog.pg_policy AS p
                ON d.classid OPERATOR(pg_catalog.=) 3256 AND p.oid OPERATOR(pg_catalog.=) d.objid
            WHERE d.deptype OPERATOR(pg_catalog.=) ANY ('{n,a}'::\"char\"[])
              AND d.classid OPERATOR(pg_catalog.=) ANY ('{2618,2606,3256,1255,6106}'::oid[])
              AND (d.refclassid OPERATOR(pg_catalog.=) 1259 AND d.refobjid OPERATOR(pg_catalog.=) m.root
                   OR d.refclassid OPERATOR(pg_catalog.=) 1247 AND d.refobjid OPERATOR(pg_catalog.=) (
                       SELECT c.reltype FROM pg_catalog.pg_class AS c
                       WHERE c.oid OPERATOR(pg_catalog.=) m.root AND c.reltype OPERATOR(pg_catalog.<>) 0))
              AND coalesce(w.ev_class, k.conrelid, p.polrelid, 0) OPERATOR(pg_catalog.<>) m.root)
    FROM measured AS m";

/// What is known of some relations; of what is gone, nothing.
pub fn usage(relations: &[u32]) -> Result<HashMap<u32, Usage>> {
    let mut found = HashMap::new();
    if relations.is_empty() {
        return Ok(found);
    }
    let relations: Vec<Oid> = relations.iter().copied().map(Oid::from).collect();
    query::read(USAGE, &[relations.into()], |row| {
        let (sequential_scans, index_scans) = (row.i64(3), row.i64(5));
        let usage = Usage {
            weight: Weight {
                rows: row.f64(1),
                bytes: row.f64(2),
                dependents: row.i64(7),
                scans: sequential_scans + index_scans,
                last_scan: row.text(6),
                statements: Vec::new(),
            },
            sequential_scans,
            sequential_rows: row.i64(4),
            index_scans,
        };
        found.insert(row.oid(0), usage);
        Ok(())
    })?;
    Ok(found)
}

/// A statement that was run, as pg_stat_statements counted it.
pub struct Statement {
    /// Its number there.
    pub id: i64,
    /// The names of `names` that it has.
    pub names: Vec<String>,
    /// How often it was run.
    pub calls: i64,
    /// For how long altogether, in milliseconds.
    pub milliseconds: f64,
}

// Only where the library runs can its view be read.
const STATEMENTS_SCHEMA: &str = "
    SELECT n.nspname
    FROM pg_catalog.pg_extension AS e
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
    WHERE e.extname OPERATOR(pg_catalog.=) 'pg_stat_statements'
      AND pg_catalog.current_setting('pg_stat_statements.max', true) IS NOT NULL";

/// The statements of this database that name one of some relations, as far as the effective user may read them;
/// nothing without pg_stat_statements. Those that took longest come first; names are compared without their schemas.
pub fn statements(names: &[&str]) -> Result<Vec<Statement>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    // Somebody else's extension: no right to read it, another version, not preloaded any more. Then nothing is known.
    match undone(|| with_fresh_snapshot(|| read_statements(names))) {
        Err(error) if error.is_interrupt() => Err(error),
        other => Ok(other.unwrap_or_default()),
    }
}

/// The same for a worker: with no more rights than it takes.
pub fn statements_by_worker(names: &[&str]) -> Result<Vec<Statement>> {
    let _acting = Acting::as_role(READ_ALL_STATS.into());
    statements(names)
}

/// `pg_read_all_stats`, fixed by the server's catalogs.
const READ_ALL_STATS: u32 = 3375;

fn read_statements(names: &[&str]) -> Result<Vec<Statement>> {
    let mut found = Vec::new();
    let Some(schema) = query::one(STATEMENTS_SCHEMA, &[], |row| row.name(0))? else {
        return Ok(found);
    };
    // A name cannot be bound; it is quoted.
    let sql = format!(
        "SELECT s.queryid, s.query, pg_catalog.sum(s.calls)::bigint, pg_catalog.sum(s.total_exec_time)
         FROM {}.pg_stat_statements AS s
         WHERE s.dbid OPERATOR(pg_catalog.=) $1 AND s.queryid IS NOT NULL
         GROUP BY s.queryid, s.query
         ORDER BY 4 DESC",
        quoted(&schema)
    );
    query::read(&sql, &[Oid::from(crate::pg::process::database()).into()], |row| {
        let text = row.text(1).unwrap_or_default();
        let folded = text.to_ascii_lowercase();
        let names: Vec<String> = names
            .iter()
            .filter(|name| folded.contains(&name.to_ascii_lowercase()) && has_identifier(&text, name))
            .map(|name| (*name).to_owned())
            .collect();
        if !names.is_empty() {
            found.push(Statement {
                id: row.i64(0),
                names,
                calls: row.i64(2),
                milliseconds: row.f64(3),
            });
        }
        Ok(())
    })?;
    Ok(found)
}
