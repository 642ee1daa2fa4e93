//! Indexes that no constraint owns.

use schema::{Part, PartKind};

use super::constraint::columns;
use super::relation::of;
use super::{Definitions, RELATION_CLASS, Reading, flag, options, set, set_if};
use crate::error::Result;
use crate::pg::query::{self, Row};

// A constraint is looked for by its relation, for which there is an index, and not only by its own index.
// Invalid indexes are on their way in or out: REINDEX CONCURRENTLY's "_ccnew", a build that failed.
const INDEXES: &str = "
    SELECT
        x.indexrelid, x.indrelid, i.relname, a.amname, x.indisunique, x.indnullsnotdistinct, x.indisreplident,
        x.indisclustered, x.indkey, x.indnkeyatts, x.indclass, x.indoption, x.indcollation, i.reloptions,
        CASE WHEN i.reltablespace OPERATOR(pg_catalog.<>) 0 THEN (
            SELECT t.spcname FROM pg_catalog.pg_tablespace AS t WHERE t.oid OPERATOR(pg_catalog.=) i.reltablespace) END,
        CASE WHEN x.indexprs IS NOT NULL THEN pg_catalog.pg_get_expr(x.indexprs, x.indrelid) END,
        CASE WHEN x.indpred IS NOT NULL THEN pg_catalog.pg_get_expr(x.indpred, x.indrelid) END,
        CASE WHEN a.amname OPERATOR(pg_catalog.=) ANY ('{gist,gin,brin,hnsw,ivfflat,bloom}'::pg_catalog.name[]) THEN (
            SELECT pg_catalog.array_agg(
                coalesce(pg_catalog.array_to_string(t.attoptions, ','), '') ORDER BY t.attnum)
            FROM pg_catalog.pg_attribute AS t
            WHERE t.attrelid OPERATOR(pg_catalog.=) x.indexrelid
            HAVING pg_catalog.count(t.attoptions) OPERATOR(pg_catalog.>) 0) END
    FROM pg_catalog.pg_index AS x
    JOIN pg_catalog.pg_class AS i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid
    JOIN pg_catalog.pg_am AS a ON a.oid OPERATOR(pg_catalog.=) i.relam
    WHERE x.indisvalid
      AND x.indrelid OPERATOR(pg_catalog.>=) 16384
      AND ($1 IS NULL OR x.indrelid OPERATOR(pg_catalog.=) ANY ($1))
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_constraint AS k
          WHERE k.conrelid OPERATOR(pg_catalog.=) x.indrelid
            AND k.conindid OPERATOR(pg_catalog.=) x.indexrelid
            AND k.contype IN ('p', 'u', 'x'))";

// Flags of indexes that constraints own: they belong to the constraint's table.
const FLAGGED: &str = "
    SELECT x.indrelid, k.conname, x.indisreplident, x.indisclustered
    FROM pg_catalog.pg_index AS x
    JOIN pg_catalog.pg_constraint AS k
        ON k.conrelid OPERATOR(pg_catalog.=) x.indrelid
        AND k.conindid OPERATOR(pg_catalog.=) x.indexrelid
        AND k.contype IN ('p', 'u', 'x')
    WHERE (x.indisreplident OR x.indisclustered)
      AND ($1 IS NULL OR x.indrelid OPERATOR(pg_catalog.=) ANY ($1))";

/// Reads the indexes of the relations found.
pub(super) fn read(reading: &mut Reading<'_>, found: &mut Definitions) -> Result<()> {
    let relations = reading.scope.relations();
    query::read(INDEXES, &[relations.clone().into()], |row| {
        let relation = row.oid(1);
        if of(found, relation).is_none() {
            return Ok(());
        }
        let part = index(reading, found, row)?;
        if let Some(definition) = of(found, relation) {
            definition.parts.push(part);
        }
        Ok(())
    })?;
    query::read(FLAGGED, &[relations.into()], |row| {
        if let Some(definition) = of(found, row.oid(0)) {
            let name = row.name(1);
            let constraint = definition
                .parts
                .iter_mut()
                .find(|part| part.kind == PartKind::Constraint && part.name == name);
            if let Some(constraint) = constraint {
                flag(&mut constraint.attributes, "replica_identity", row.bool(2));
                flag(&mut constraint.attributes, "clustered", row.bool(3));
            }
        }
        Ok(())
    })
}

fn index(reading: &mut Reading<'_>, found: &mut Definitions, row: &Row<'_>) -> Result<Part> {
    let (oid, relation) = (row.oid(0), row.oid(1));
    let mut part = Part::new(PartKind::Index, row.name(2), oid);
    let numbers = row.i16s(8);
    let keys = (row.i16(9).max(0) as usize).min(numbers.len());
    // 0 stands for an expression; they follow in order under their own name.
    let mut named = |numbers: &[i16]| -> Result<Vec<String>> {
        let mut names = Vec::with_capacity(numbers.len());
        for number in numbers {
            names.push(match number {
                0 => "(expression)".to_owned(),
                number => columns(reading, found, relation, &[*number])?.remove(0),
            });
        }
        Ok(names)
    };
    let (key, included) = (named(&numbers[..keys])?, named(&numbers[keys..])?);
    let attributes = &mut part.attributes;
    set(attributes, "method", row.name(3));
    set(attributes, "columns", key);
    if !included.is_empty() {
        set(attributes, "include", included);
    }
    flag(attributes, "unique", row.bool(4));
    flag(attributes, "nulls_not_distinct", row.bool(5));
    flag(attributes, "replica_identity", row.bool(6));
    flag(attributes, "clustered", row.bool(7));
    let classes: Vec<String> = row
        .oids(10)
        .into_iter()
        .map(|class| reading.lookup.operator_class(class))
        .collect::<Result<_>>()?;
    set(attributes, "operator_classes", classes);
    // indoption: bit 0 descending, bit 1 nulls first.
    let orders: Vec<i16> = row.i16s(11);
    if orders.iter().any(|order| *order != 0) {
        let order = |bits: &i16| match bits & 3 {
            0 => "asc nulls last",
            1 => "desc nulls last",
            2 => "asc nulls first",
            _ => "desc nulls first",
        };
        set(attributes, "orders", orders.iter().map(order).collect::<Vec<_>>());
    }
    let collations = row.oids(12);
    // 100 is the default collation, 0 a type that has none.
    if collations.iter().any(|collation| !matches!(collation, 0 | 100)) {
        let name = |collation: &u32| match collation {
            0 | 100 => Ok(String::new()),
            collation => reading.lookup.collation(*collation),
        };
        let names: Vec<String> = collations.iter().map(name).collect::<Result<_>>()?;
        set(attributes, "collations", names);
    }
    options(attributes, "options", row.texts(13));
    if !row.is_null(14) {
        set(attributes, "tablespace", row.name(14));
    }
    set_if(attributes, "operator_class_options", row.texts(17));
    set_if(attributes, "expressions", row.text(15));
    set_if(attributes, "predicate", row.text(16));
    set_if(attributes, "comment", reading.comment(RELATION_CLASS, oid, 0));
    Ok(part)
}
