//! Primary key, unique, foreign key, check and exclusion constraints of relations.

use schema::{Part, PartKind};

use super::relation::{of, qualified};
use super::{Definitions, Reading, flag, options, set, set_if};
use crate::error::Result;
use crate::pg::query::{self, Row};

/// `pg_constraint`'s OID.
const CONSTRAINT_CLASS: u32 = 2606;

// Foreign keys with a parent are what PostgreSQL makes for partitions of either side of one a user made.
/// The part of the query that every server version shares.
macro_rules! constraints_rest {
    () => {
        "
        CASE k.contype
            WHEN 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid)
            WHEN 'x' THEN pg_catalog.pg_get_constraintdef(k.oid)
        END,
        x.indkey, x.indnkeyatts, x.indnullsnotdistinct, i.reloptions
    FROM pg_catalog.pg_constraint AS k
    LEFT JOIN pg_catalog.pg_index AS x
        ON k.contype IN ('p', 'u', 'x') AND x.indexrelid OPERATOR(pg_catalog.=) k.conindid
    LEFT JOIN pg_catalog.pg_class AS i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid
    WHERE k.contype IN ('p', 'u', 'f', 'c', 'x')
      AND NOT (k.contype OPERATOR(pg_catalog.=) 'f' AND k.conparentid OPERATOR(pg_catalog.<>) 0)
      AND k.oid OPERATOR(pg_catalog.>=) 16384
      AND k.conrelid OPERATOR(pg_catalog.<>) 0
      AND ($1 IS NULL OR k.conrelid OPERATOR(pg_catalog.=) ANY ($1))"
    };
}
// NOT NULL is an attribute of the column: PostgreSQL 18 keeps it here, too, under names nobody gave.
#[cfg(feature = "pg18")]
const CONSTRAINTS: &str = concat!(
    "SELECT k.oid, k.conname, k.conrelid, k.contypid, k.contype, k.condeferrable, k.condeferred, k.convalidated,
        k.connoinherit, k.conkey, k.confrelid, k.confkey, k.confupdtype, k.confdeltype, k.confmatchtype,
        k.confdelsetcols, NOT k.conenforced, k.conperiod,",
    constraints_rest!()
);
#[cfg(not(feature = "pg18"))]
const CONSTRAINTS: &str = concat!(
    "SELECT k.oid, k.conname, k.conrelid, k.contypid, k.contype, k.condeferrable, k.condeferred, k.convalidated,
        k.connoinherit, k.conkey, k.confrelid, k.confkey, k.confupdtype, k.confdeltype, k.confmatchtype,
        k.confdelsetcols, false, false,",
    constraints_rest!()
);

/// Reads the constraints of the relations found.
pub(super) fn read(reading: &mut Reading<'_>, found: &mut Definitions) -> Result<()> {
    query::read(CONSTRAINTS, &[reading.scope.relations().into()], |row| {
        let relation = row.oid(2);
        if of(found, relation).is_none() {
            return Ok(());
        }
        let part = constraint(reading, found, row)?;
        if let Some(definition) = of(found, relation) {
            definition.parts.push(part);
        }
        Ok(())
    })
}

fn constraint(reading: &mut Reading<'_>, found: &mut Definitions, row: &Row<'_>) -> Result<Part> {
    let (oid, relation, kind) = (row.oid(0), row.oid(2), row.char(4));
    let mut part = Part::new(PartKind::Constraint, row.name(1), oid);
    let keys = row.i16s(9);
    let attributes = &mut part.attributes;
    set(
        attributes,
        "kind",
        match kind {
            'p' => "primary key",
            'u' => "unique",
            'f' => "foreign key",
            'c' => "check",
            _ => "exclusion",
        },
    );
    flag(attributes, "deferrable", row.bool(5));
    flag(attributes, "initially_deferred", row.bool(6));
    flag(attributes, "not_valid", !row.bool(7));
    flag(attributes, "not_enforced", row.bool(16));
    match kind {
        'c' => {
            flag(attributes, "no_inherit", row.bool(8));
            set_if(attributes, "expression", row.text(18));
        }
        'x' => set_if(attributes, "definition", row.text(18)),
        // The keys of the others are columns in an expression, a whole row (number 0) among them.
        _ => {
            set(attributes, "columns", columns(reading, found, relation, &keys)?);
            flag(attributes, "period", row.bool(17));
        }
    }
    if kind == 'f' {
        let referenced = row.oid(10);
        let names = self::columns(reading, found, referenced, &row.i16s(11))?;
        set(attributes, "references", qualified(reading, referenced)?);
        set(attributes, "referenced_columns", names);
        set_if(attributes, "on_update", action(row.char(12)));
        set_if(attributes, "on_delete", action(row.char(13)));
        flag(attributes, "match_full", row.char(14) == 'f');
        let only = row.i16s(15);
        if !only.is_empty() {
            set(
                attributes,
                "on_delete_columns",
                self::columns(reading, found, relation, &only)?,
            );
        }
    }
    if matches!(kind, 'p' | 'u') {
        let included: Vec<i16> = row.i16s(19).into_iter().skip(row.i16(20).max(0) as usize).collect();
        if !included.is_empty() {
            set(
                attributes,
                "include",
                self::columns(reading, found, relation, &included)?,
            );
        }
        flag(attributes, "nulls_not_distinct", row.bool(21));
        options(attributes, "options", row.texts(22));
    }
    set_if(attributes, "comment", reading.comment(CONSTRAINT_CLASS, oid, 0));
    Ok(part)
}

/// Names of columns by number, from what was just read where it was.
pub(super) fn columns(
    reading: &mut Reading<'_>,
    found: &mut Definitions,
    relation: u32,
    numbers: &[i16],
) -> Result<Vec<String>> {
    let known = of(found, relation);
    let name = |number: i16| {
        let of_number = |part: &&Part| part.kind == PartKind::Column && part.number == number as u32;
        known
            .as_ref()
            .and_then(|definition| definition.parts.iter().find(of_number))
            .map(|part| part.name.clone())
    };
    numbers
        .iter()
        .map(|number| match name(*number) {
            Some(name) => Ok(name),
            None => reading.lookup.column(relation, *number),
        })
        .collect()
}

/// A referential action other than NO ACTION.
fn action(code: char) -> Option<&'static str> {
    match code {
        'r' => Some("restrict"),
        'c' => Some("cascade"),
        'n' => Some("set null"),
        'd' => Some("set default"),
        _ => None,
    }
}
