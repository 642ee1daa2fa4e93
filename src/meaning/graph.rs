//! Which relations can be joined to which: declared foreign keys, and what names suggest.

use pgrx::datum::DatumWithOid;
use retrieve::{Attribute, DECLARED_COST, Edge, Inferred, KeyColumn, Keyed, are_connected, infer, shared};
use std::collections::{BTreeMap, BTreeSet};

use super::name::Named;
use crate::error::Result;
use crate::pg::{Oid, query};

/// How many foreign keys away from the wanted relations one is looked for that connects them.
const MAX_DISTANCE: usize = 6;

/// Relations around the wanted ones that are looked at, about: further steps are not taken beyond that.
const MAX_RELATIONS: usize = 2_000;

// Apart, each by its index: an OR would look at every relation.
const AROUND: &str = "
    SELECT r.object_id, r.referenced_id
    FROM schema_monitor._visible_reference AS r
    WHERE r.object_id OPERATOR(pg_catalog.=) ANY ($1)
    UNION ALL
    SELECT r.object_id, r.referenced_id
    FROM schema_monitor._visible_reference AS r
    WHERE r.referenced_id OPERATOR(pg_catalog.=) ANY ($1)";

/// Declared foreign keys around the given relations, as far as it takes to connect them and one step further, where
/// a relation between all of them may be.
pub fn declared(terminals: &[i64]) -> Result<Vec<Edge>> {
    let mut edges = BTreeSet::new();
    let mut known: BTreeSet<i64> = terminals.iter().copied().collect();
    let mut frontier = terminals.to_vec();
    let mut was_connected = false;
    let edge = |(a, b): &(i64, i64)| Edge {
        a: *a,
        b: *b,
        cost: DECLARED_COST,
    };
    for _ in 0..MAX_DISTANCE {
        let mut next = BTreeSet::new();
        for (a, b) in around(frontier)? {
            edges.insert((a.min(b), a.max(b)));
            next.extend([a, b].into_iter().filter(|id| !known.contains(id)));
        }
        if was_connected || next.is_empty() || known.len() + next.len() > MAX_RELATIONS {
            break;
        }
        was_connected = are_connected(terminals, &edges.iter().map(edge).collect::<Vec<_>>());
        known.extend(&next);
        frontier = next.into_iter().collect();
    }
    Ok(edges.iter().map(edge).collect())
}

/// Foreign keys from and to some relations, as pairs of the one that refers and the one referred to.
pub fn around(relations: Vec<i64>) -> Result<Vec<(i64, i64)>> {
    let mut found = Vec::new();
    query::read_often(AROUND, &[relations.into()], |row| {
        found.push((row.i64(0), row.i64(1)));
        Ok(())
    })?;
    Ok(found)
}

// Of relations that may be seen to relations that may be seen, where every column of the key may be.
const KEY_COLUMNS: &str = "
    SELECT f.object_id, c.number, t.object_id, c.referenced, a.attname
    FROM schema_monitor._visible_relation AS f
    JOIN pg_catalog.pg_constraint AS k
        ON k.conrelid OPERATOR(pg_catalog.=) f.oid AND k.contype OPERATOR(pg_catalog.=) 'f'
    JOIN schema_monitor._visible_relation AS t ON t.oid OPERATOR(pg_catalog.=) k.confrelid
    CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey)) AS c(number, referenced)
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid OPERATOR(pg_catalog.=) f.oid AND a.attnum OPERATOR(pg_catalog.=) c.number
    WHERE f.object_id OPERATOR(pg_catalog.=) ANY ($1)
      AND NOT EXISTS (
          SELECT FROM ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey)) AS s(number, referenced)
          WHERE (schema_monitor._sees_passage(k.conrelid, s.number)
                 AND schema_monitor._sees_passage(k.confrelid, s.referenced)) IS NOT TRUE)
    ORDER BY k.conrelid, k.conname, c.number";

/// The columns of the foreign keys of some relations.
pub fn key_columns(relations: Vec<i64>) -> Result<Vec<KeyColumn>> {
    let mut found = Vec::new();
    query::read_often(KEY_COLUMNS, &[relations.into()], |row| {
        found.push(KeyColumn {
            from: (row.i64(0), row.i16(1)),
            to: (row.i64(2), row.i16(3)),
            name: row.name(4),
            similarity: None,
        });
        Ok(())
    })?;
    Ok(found)
}

/// Behind [`COLUMNS`]: relations of the same schemas, or only the given ones.
const OF_SCHEMAS: &str = " AND r.schema_name OPERATOR(pg_catalog.=) ANY ($1)";
const OF_THESE: &str = " AND r.object_id OPERATOR(pg_catalog.=) ANY ($1)";

const COLUMNS: &str = "
    SELECT
        r.object_id, r.name, a.attnum, a.attname,
        -- numbers of any kind are joined with each other as a matter of course, and so are texts
        CASE
            WHEN t.typcategory OPERATOR(pg_catalog.=) 'N' THEN 'pg_catalog.numeric'::pg_catalog.regtype::oid
            WHEN t.typcategory OPERATOR(pg_catalog.=) 'S' THEN 'pg_catalog.text'::pg_catalog.regtype::oid
            ELSE t.oid
        END,
        EXISTS (
            SELECT FROM pg_catalog.pg_index AS x
            WHERE x.indrelid OPERATOR(pg_catalog.=) r.oid AND x.indisunique AND x.indisvalid
              AND x.indnkeyatts OPERATOR(pg_catalog.=) 1 AND x.indkey[0] OPERATOR(pg_catalog.=) a.attnum
              AND x.indpred IS NULL)
    FROM schema_monitor._visible_relation AS r
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) r.oid
    JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
    WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
      AND schema_monitor._sees_passage(r.oid, a.attnum)";

/// Joins that names suggest among the relations of the same schemas.
pub fn inferred(relations: &[Named]) -> Result<Vec<Inferred>> {
    let schemas: BTreeSet<&str> = relations.iter().map(|one| one.schema.as_str()).collect();
    let schemas: Vec<String> = schemas.into_iter().map(str::to_owned).collect();
    suggested(&[COLUMNS, OF_SCHEMAS].concat(), schemas.into())
}

/// Joins that names suggest between some relations.
pub fn inferred_between(relations: &[i64]) -> Result<Vec<Inferred>> {
    suggested(&[COLUMNS, OF_THESE].concat(), relations.to_vec().into())
}

/// Behind [`COLUMNS`]: what identifies something, and can be compared.
const OF_IDENTIFYING_TYPES: &str = "
      AND (t.typcategory OPERATOR(pg_catalog.=) 'N' OR t.typcategory OPERATOR(pg_catalog.=) 'S'
           OR t.oid OPERATOR(pg_catalog.=) 'pg_catalog.uuid'::pg_catalog.regtype)";

/// Joins by columns that some relations have in common and that are keys of none.
pub fn in_common(relations: &[i64]) -> Result<Vec<Inferred>> {
    let sql = [COLUMNS, OF_THESE, OF_IDENTIFYING_TYPES].concat();
    Ok(shared(&keyed(&sql, relations.to_vec().into())?))
}

fn suggested(sql: &str, of: DatumWithOid<'_>) -> Result<Vec<Inferred>> {
    Ok(infer(&keyed(sql, of)?))
}

/// Relations with their columns.
fn keyed(sql: &str, of: DatumWithOid<'_>) -> Result<Vec<Keyed>> {
    let mut keyed: BTreeMap<i64, Keyed> = BTreeMap::new();
    query::read_often(sql, &[of], |row| {
        let id = row.i64(0);
        let relation = keyed.entry(id).or_insert_with(|| Keyed {
            id,
            name: row.text(1).unwrap_or_default(),
            columns: Vec::new(),
        });
        relation.columns.push(Attribute {
            number: row.i16(2),
            name: row.name(3),
            type_oid: row.oid(4),
            is_unique: row.bool(5),
        });
        Ok(())
    })?;
    Ok(keyed.into_values().collect())
}

/// What a guess costs beside a declared key: a very good one less than a detour over a relation that nobody asked for,
/// a good one less than a detour over two.
pub fn cost(confidence: f32) -> u32 {
    (DECLARED_COST as f32 / confidence.powi(4)) as u32
}

/// A foreign key as a join of two relations.
pub struct Key {
    /// OID of the relation that refers.
    pub from: u32,
    /// OID of the one referred to.
    pub to: u32,
    /// Name of the constraint.
    pub constraint: String,
    /// Columns that refer, in the key's order.
    pub from_columns: Vec<String>,
    /// Columns referred to, in the same order.
    pub to_columns: Vec<String>,
}

// Names are the catalog's of this moment, not those recorded: what is joined must be there.
const KEYS: &str = "
    SELECT k.conrelid, k.confrelid, k.conname, f.names, t.names
    FROM pg_catalog.pg_constraint AS k
    CROSS JOIN LATERAL (
        SELECT pg_catalog.array_agg(a.attname::text ORDER BY c.ordinal) AS names,
            pg_catalog.bool_and(schema_monitor._sees_passage(k.conrelid, c.number)) AS are_seen
        FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS c(number, ordinal)
        JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid OPERATOR(pg_catalog.=) k.conrelid AND a.attnum OPERATOR(pg_catalog.=) c.number
    ) AS f
    CROSS JOIN LATERAL (
        SELECT pg_catalog.array_agg(a.attname::text ORDER BY c.ordinal) AS names,
            pg_catalog.bool_and(schema_monitor._sees_passage(k.confrelid, c.number)) AS are_seen
        FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS c(number, ordinal)
        JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid OPERATOR(pg_catalog.=) k.confrelid AND a.attnum OPERATOR(pg_catalog.=) c.number
    ) AS t
    WHERE k.contype OPERATOR(pg_catalog.=) 'f'
      AND k.conrelid OPERATOR(pg_catalog.=) ANY ($1) AND k.confrelid OPERATOR(pg_catalog.=) ANY ($1)
      AND f.are_seen AND t.are_seen
      -- FOREIGN KEY (…, PERIOD …) of PostgreSQL 18 compares ranges by what they contain
      AND coalesce(pg_catalog.to_jsonb(k.*) OPERATOR(pg_catalog.->>) 'conperiod', 'false') OPERATOR(pg_catalog.=) 'false'
    ORDER BY k.conrelid, k.confrelid, k.conkey, k.conname";

/// The foreign keys among relations, of whose columns the caller may see all.
pub fn keys(relations: &[u32]) -> Result<Vec<Key>> {
    let oids: Vec<Oid> = relations.iter().map(|oid| Oid::from(*oid)).collect();
    let mut found = Vec::new();
    query::read_often(KEYS, &[oids.into()], |row| {
        found.push(Key {
            from: row.oid(0),
            to: row.oid(1),
            constraint: row.name(2),
            from_columns: row.texts(3).unwrap_or_default(),
            to_columns: row.texts(4).unwrap_or_default(),
        });
        Ok(())
    })?;
    Ok(found)
}
