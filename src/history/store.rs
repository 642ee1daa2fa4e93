//! The history tables.

use crate::pg::Oid;
use schema::{Definition, Fingerprint, Fingerprints, Kind, Tree};
use std::collections::{HashMap, HashSet};

use crate::catalog::{Address, Scope};
use crate::error::{Error, Result};
use crate::pg::query::{self, Row};

/// An object as it is recorded.
pub(super) struct Known {
    /// Its identity.
    pub object_id: i64,
    /// Where it is in the catalogs.
    pub address: Address,
    /// What it is.
    pub kind: Kind,
    /// Its schema; itself for a schema, "" for an extension.
    pub schema: String,
    /// Its name, for functions with the types of the arguments.
    pub name: String,
    /// Its fingerprints.
    pub fingerprints: Fingerprints,
    /// The numbers of its columns, in order: a column that was dropped and added again has another.
    pub column_numbers: Vec<i16>,
}

/// Where the monitor stands.
pub(super) struct State {
    /// What the recorded OIDs belong to.
    pub stamp: Option<String>,
    /// Snapshot of the last comparison.
    pub drained: Option<String>,
    /// Last version; 0 before the first.
    pub version: i64,
}

/// Takes the turn among the monitors of this database: the lock conflicts with itself and with nothing
/// that reads or writes rows.
pub(super) fn lock() -> Result<()> {
    // Whoever waits here holds a snapshot, for which a CREATE INDEX CONCURRENTLY would wait: come back later instead.
    query::execute("LOCK TABLE schema_monitor.ddl_event IN ACCESS SHARE MODE NOWAIT", &[])?;
    query::execute("LOCK TABLE schema_monitor._state IN SHARE UPDATE EXCLUSIVE MODE", &[]).map(drop)
}

const STATE: &str = "
    SELECT s.stamp, s.drained::text, (
        SELECT pg_catalog.max(v.version) FROM schema_monitor._version AS v
        WHERE v.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation())
    FROM schema_monitor._state AS s
    WHERE s.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

pub(super) fn state() -> Result<State> {
    let state = query::one(STATE, &[], |row| State {
        stamp: row.text(0),
        drained: row.text(1),
        version: row.i64(2),
    })?;
    state.ok_or(Error::Content {
        place: "schema_monitor._state",
        reason: "its row is missing".to_owned(),
    })
}

/// What the OIDs of this database belong to now.
pub(super) fn stamp() -> Result<String> {
    let database = crate::pg::process::database();
    let system = crate::pg::process::system_identifier();
    let extension = query::one(
        "SELECT e.oid FROM pg_catalog.pg_extension AS e WHERE e.extname OPERATOR(pg_catalog.=) 'schema_monitor'",
        &[],
        |row| row.oid(0),
    )?;
    Ok(format!("{system}/{database}/{}", extension.unwrap_or(0)))
}

const KNOWN: &str = "
    SELECT o.object_id, o.class_id, o.oid, o.kind, o.schema_name, o.name, o.structure, o.layout, o.access,
        o.column_numbers
    FROM schema_monitor._object AS o
    WHERE o.dropped_version IS NULL
      AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

const KNOWN_AMONG: &str = "
    SELECT o.object_id, o.class_id, o.oid, o.kind, o.schema_name, o.name, o.structure, o.layout, o.access,
        o.column_numbers
    FROM schema_monitor._object AS o
    WHERE o.dropped_version IS NULL
      AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND o.oid OPERATOR(pg_catalog.=) ANY ($1)
    UNION
    SELECT o.object_id, o.class_id, o.oid, o.kind, o.schema_name, o.name, o.structure, o.layout, o.access,
        o.column_numbers
    FROM schema_monitor._object AS o
    WHERE o.dropped_version IS NULL
      AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND o.object_id OPERATOR(pg_catalog.=) ANY ($2)";

/// The recorded objects of a scope, and those with the given identities.
pub(super) fn known(scope: &Scope, and: &HashSet<i64>) -> Result<Vec<Known>> {
    let mut known = Vec::new();
    let mut add = |row: &Row<'_>| {
        known.push(a_known(row)?);
        Ok(())
    };
    match scope.oids() {
        None => query::read(KNOWN, &[], &mut add)?,
        Some(oids) => {
            let and: Vec<i64> = and.iter().copied().collect();
            query::read(KNOWN_AMONG, &[oids.into(), and.into()], &mut add)?;
        }
    }
    Ok(known)
}

fn a_known(row: &Row<'_>) -> Result<Known> {
    let kind = row.text(3).unwrap_or_default();
    let bad = |reason: &str| Error::Content {
        place: "schema_monitor._object",
        reason: reason.to_owned(),
    };
    let hash = |at| {
        row.bytes(at)
            .and_then(|bytes| Fingerprint::from_bytes(&bytes))
            .ok_or_else(|| bad("no SHA-256"))
    };
    Ok(Known {
        object_id: row.i64(0),
        address: Address {
            class: row.oid(1),
            oid: row.oid(2),
        },
        kind: Kind::parse(&kind).ok_or_else(|| bad("an unknown kind"))?,
        schema: row.text(4).unwrap_or_default(),
        name: row.text(5).unwrap_or_default(),
        fingerprints: Fingerprints {
            structure: hash(6)?,
            layout: hash(7)?,
            access: hash(8)?,
        },
        column_numbers: row.i16s(9),
    })
}

const VANISHED: &str = "
    SELECT o.object_id
    FROM schema_monitor._object AS o
    WHERE o.dropped_version IS NULL
      AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND CASE o.class_id
            WHEN 1259 THEN NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) o.oid)
            WHEN 1247 THEN NOT EXISTS (SELECT FROM pg_catalog.pg_type AS t WHERE t.oid OPERATOR(pg_catalog.=) o.oid)
            WHEN 1255 THEN NOT EXISTS (SELECT FROM pg_catalog.pg_proc AS p WHERE p.oid OPERATOR(pg_catalog.=) o.oid)
            WHEN 2615 THEN NOT EXISTS (
                SELECT FROM pg_catalog.pg_namespace AS n WHERE n.oid OPERATOR(pg_catalog.=) o.oid)
            ELSE NOT EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.oid OPERATOR(pg_catalog.=) o.oid)
          END";

/// Recorded objects that no catalog has any more, whatever dropped them.
pub(super) fn vanished() -> Result<HashSet<i64>> {
    let mut vanished = HashSet::new();
    query::read(VANISHED, &[], |row| {
        vanished.insert(row.i64(0));
        Ok(())
    })?;
    Ok(vanished)
}

// Few commands are about a partitioned table: the others stop at the first join.
const PARTITIONS: &str = "
    WITH parent AS MATERIALIZED (
        SELECT p.identity
        FROM pg_catalog.pg_class AS c
        JOIN schema_monitor._object AS p
            ON p.oid OPERATOR(pg_catalog.=) c.oid AND p.class_id OPERATOR(pg_catalog.=) 1259
        WHERE c.oid OPERATOR(pg_catalog.=) ANY ($1)
          AND c.relkind OPERATOR(pg_catalog.=) 'p'
          AND p.dropped_version IS NULL
          AND p.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
    )
    SELECT o.class_id, o.oid
    FROM parent AS p
    CROSS JOIN LATERAL (
        SELECT DISTINCT d.object_id
        FROM schema_monitor._definition AS d
        WHERE ((d.definition OPERATOR(pg_catalog.->) 'attributes') OPERATOR(pg_catalog.->>) 'partition_of')
                  OPERATOR(pg_catalog.=) p.identity
          AND d.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
        OFFSET 0
    ) AS d
    JOIN schema_monitor._object AS o ON o.object_id OPERATOR(pg_catalog.=) d.object_id
    WHERE o.dropped_version IS NULL
      AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

/// The recorded partitions, now or once, of some relations.
pub(super) fn partitions(relations: Vec<u32>) -> Result<Vec<Address>> {
    let mut partitions = Vec::new();
    if relations.is_empty() {
        return Ok(partitions);
    }
    let relations: Vec<Oid> = relations.into_iter().map(Oid::from).collect();
    query::read(PARTITIONS, &[relations.into()], |row| {
        partitions.push(Address {
            class: row.oid(0),
            oid: row.oid(1),
        });
        Ok(())
    })?;
    Ok(partitions)
}

const DEFINITIONS: &str = "
    SELECT i.object_id, (
        SELECT d.definition::text FROM schema_monitor._definition AS d
        WHERE d.object_id OPERATOR(pg_catalog.=) i.object_id
          AND d.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
        ORDER BY d.version DESC LIMIT 1)
    FROM pg_catalog.unnest($1) AS i(object_id)";

/// The latest recorded definitions of objects.
pub(super) fn definitions(object_ids: Vec<i64>) -> Result<HashMap<i64, Definition>> {
    let mut definitions = HashMap::new();
    if object_ids.is_empty() {
        return Ok(definitions);
    }
    query::read(DEFINITIONS, &[object_ids.into()], |row| {
        if let Some(text) = row.text(1) {
            let definition = serde_json::from_str(&text).map_err(|error| Error::Content {
                place: "schema_monitor._definition",
                reason: error.to_string(),
            })?;
            definitions.insert(row.i64(0), definition);
        }
        Ok(())
    })?;
    Ok(definitions)
}

/// The fingerprint tree of what is recorded, as written by this transaction.
pub(super) fn tree() -> Result<Tree> {
    let mut tree = Tree::new();
    query::write(KNOWN, &[], |row| {
        let known = a_known(row)?;
        tree.insert(&known.schema, known.kind, known.name, known.fingerprints);
        Ok(())
    })?;
    Ok(tree)
}

/// The structure fingerprint of a relation as it is declared now.
pub fn fingerprint_of_relation(oid: u32) -> Result<Fingerprint> {
    let found = crate::catalog::read(&Scope::relation(oid))?;
    let address = Address {
        class: crate::catalog::RELATION_CLASS,
        oid,
    };
    found
        .get(&address)
        .map(|definition| Fingerprints::of(definition).structure)
        .ok_or(Error::NotRecorded(oid))
}
