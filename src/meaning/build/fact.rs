//! What must be known of tables to write statements over them.

use std::collections::{BTreeSet, HashMap};

use crate::error::Result;
use crate::pg::{Oid, query};

/// A set of columns no two rows have the same values in.
#[derive(Clone, Debug)]
pub struct UniqueKey {
    /// The columns, in the index's order.
    pub columns: Vec<String>,
    /// Whether none of them can be NULL, so that every row is told apart.
    pub is_total: bool,
}

/// The unique keys of relations by OID, the primary key first, then the shortest.
#[derive(Debug, Default)]
pub struct Keys(HashMap<u32, Vec<UniqueKey>>);

// An index over expressions has a 0 among its keys, which is no column.
const KEYS: &str = "
    SELECT x.indrelid, c.names, c.are_there
    FROM pg_catalog.pg_index AS x
    CROSS JOIN LATERAL (
        SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY k.ordinal) AS names,
            pg_catalog.count(a.attnum) AS found, pg_catalog.bool_and(a.attnotnull) AS are_there
        FROM pg_catalog.unnest(x.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k(number, ordinal)
        LEFT JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid OPERATOR(pg_catalog.=) x.indrelid AND a.attnum OPERATOR(pg_catalog.=) k.number
            AND a.attnum OPERATOR(pg_catalog.>) 0 AND schema_monitor._sees_passage(x.indrelid, a.attnum)
        WHERE k.ordinal OPERATOR(pg_catalog.<=) x.indnkeyatts
    ) AS c
    WHERE x.indrelid OPERATOR(pg_catalog.=) ANY ($1)
      AND x.indisunique AND x.indisvalid AND x.indimmediate AND x.indpred IS NULL
      AND c.found OPERATOR(pg_catalog.=) x.indnkeyatts
    ORDER BY x.indrelid, x.indisprimary DESC, x.indnkeyatts, x.indexrelid";

impl Keys {
    /// Of some relations, as far as the caller sees all columns of a key.
    pub fn of(relations: &[u32]) -> Result<Keys> {
        let oids: Vec<Oid> = relations.iter().map(|oid| Oid::from(*oid)).collect();
        let mut found: HashMap<u32, Vec<UniqueKey>> = HashMap::new();
        query::read(KEYS, &[oids.into()], |row| {
            found.entry(row.oid(0)).or_default().push(UniqueKey {
                columns: row.texts(1).unwrap_or_default(),
                is_total: row.bool(2),
            });
            Ok(())
        })?;
        Ok(Keys(found))
    }

    /// Whether at most one row has given values in these columns.
    pub fn are_unique<'a>(&self, relation: u32, columns: impl Iterator<Item = &'a str>) -> bool {
        let columns: BTreeSet<&str> = columns.collect();
        let keys = self.0.get(&relation).map_or(&[] as &[UniqueKey], Vec::as_slice);
        keys.iter()
            .any(|key| key.columns.iter().all(|column| columns.contains(column.as_str())))
    }

    /// The columns by which every row is told apart.
    pub fn total(&self, relation: u32) -> Option<&[String]> {
        let keys = self.0.get(&relation)?;
        keys.iter().find(|key| key.is_total).map(|key| key.columns.as_slice())
    }
}

const NAMES: &str = "
    SELECT a.attname, t.typcategory OPERATOR(pg_catalog.=) 'S'::\"char\"
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
    WHERE a.attrelid OPERATOR(pg_catalog.=) $1 AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
      AND schema_monitor._sees_passage(a.attrelid, a.attnum)
    ORDER BY a.attnum";

/// The columns that say in words which row of a relation it is: one, for people two, or none.
pub fn labels(relation: u32, name: &str) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    query::read(NAMES, &[Oid::from(relation).into()], |row| {
        if row.bool(1) {
            texts.push(row.name(0));
        }
        Ok(())
    })?;
    let found = retrieve::labels(name, &texts);
    Ok(found.into_iter().map(|at| texts[at].clone()).collect())
}
