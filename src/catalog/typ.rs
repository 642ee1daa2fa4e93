//! Enums, domains, composite types, ranges and base types.

use schema::{Definition, Kind, Part, PartKind};
use serde_json::{Value, json};
use std::collections::HashMap;

use super::{Address, Definitions, RELATION_CLASS, Reading, TYPE_CLASS, flag, set, set_if};
use crate::error::Result;
use crate::pg::query::{self, Row};

// Row types of relations, arrays and multiranges are told by what they belong to.
const TYPES: &str = "
    SELECT
        t.oid, t.typname, t.typnamespace, t.typtype, t.typowner, t.typacl::text[], t.typrelid, t.typbasetype,
        t.typtypmod, t.typnotnull, t.typcollation, pg_catalog.pg_get_expr(t.typdefaultbin, 0),
        r.rngsubtype, r.rngcollation, r.rngsubopc,
        CASE WHEN r.rngcanonical OPERATOR(pg_catalog.<>) 0 THEN r.rngcanonical::pg_catalog.regproc::text END,
        CASE WHEN r.rngsubdiff OPERATOR(pg_catalog.<>) 0 THEN r.rngsubdiff::pg_catalog.regproc::text END,
        r.rngmultitypid, t.typinput::pg_catalog.regproc::text
    FROM pg_catalog.pg_type AS t
    LEFT JOIN pg_catalog.pg_range AS r ON r.rngtypid OPERATOR(pg_catalog.=) t.oid
    WHERE t.oid OPERATOR(pg_catalog.>=) 16384
      AND ($1 IS NULL OR t.oid OPERATOR(pg_catalog.=) ANY ($1))
      AND (t.typtype IN ('e', 'd', 'r', 'p')
           OR (t.typtype OPERATOR(pg_catalog.=) 'b' AND t.typelem OPERATOR(pg_catalog.=) 0)
           OR (t.typtype OPERATOR(pg_catalog.=) 'c' AND EXISTS (
               SELECT FROM pg_catalog.pg_class AS c
               WHERE c.oid OPERATOR(pg_catalog.=) t.typrelid AND c.relkind OPERATOR(pg_catalog.=) 'c')))";

const VALUES: &str = "
    SELECT e.enumtypid, e.oid, e.enumlabel
    FROM pg_catalog.pg_enum AS e
    WHERE $1 IS NULL OR e.enumtypid OPERATOR(pg_catalog.=) ANY ($1)
    ORDER BY e.enumtypid, e.enumsortorder";

const DOMAIN_CONSTRAINTS: &str = "
    SELECT k.contypid, k.oid, k.conname, pg_catalog.pg_get_expr(k.conbin, 0), k.convalidated
    FROM pg_catalog.pg_constraint AS k
    WHERE k.contype OPERATOR(pg_catalog.=) 'c'
      AND k.conrelid OPERATOR(pg_catalog.=) 0
      AND k.contypid OPERATOR(pg_catalog.<>) 0
      AND k.oid OPERATOR(pg_catalog.>=) 16384
      AND ($1 IS NULL OR k.contypid OPERATOR(pg_catalog.=) ANY ($1))";

const ATTRIBUTES: &str = "
    SELECT t.oid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attrelid
    FROM pg_catalog.pg_type AS t
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) t.typrelid
    WHERE t.oid OPERATOR(pg_catalog.=) ANY ($1)
      AND a.attnum OPERATOR(pg_catalog.>) 0
      AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum";

/// Reads the types of the scope.
pub(super) fn read(reading: &mut Reading<'_>, found: &mut Definitions) -> Result<()> {
    let types = reading.scope.types();
    let mut composites = Vec::new();
    query::read(TYPES, &[types.clone().into()], |row| {
        if let Some((address, definition)) = a_type(reading, row)? {
            if definition.kind == Kind::CompositeType {
                composites.push(crate::pg::Oid::from(address.oid));
            }
            found.insert(address, definition);
        }
        Ok(())
    })?;
    let mut values: HashMap<u32, Vec<Value>> = HashMap::new();
    query::read(VALUES, &[types.clone().into()], |row| {
        if let Some(definition) = of(found, row.oid(0)) {
            let label = row.name(2);
            values.entry(row.oid(0)).or_default().push(json!(label));
            definition.parts.push(Part::new(PartKind::Value, label, row.oid(1)));
        }
        Ok(())
    })?;
    for (oid, labels) in values {
        if let Some(definition) = of(found, oid) {
            set(&mut definition.attributes, "values", labels);
        }
    }
    query::read(DOMAIN_CONSTRAINTS, &[types.into()], |row| {
        if let Some(definition) = of(found, row.oid(0)) {
            let mut part = Part::new(PartKind::Constraint, row.name(2), row.oid(1));
            set(&mut part.attributes, "kind", "check");
            set_if(&mut part.attributes, "expression", row.text(3));
            flag(&mut part.attributes, "not_valid", !row.bool(4));
            definition.parts.push(part);
        }
        Ok(())
    })?;
    if composites.is_empty() {
        return Ok(());
    }
    query::read(ATTRIBUTES, &[composites.into()], |row| {
        let mut part = Part::new(PartKind::Column, row.name(2), row.i16(1) as u32);
        let type_oid = row.oid(3);
        set(
            &mut part.attributes,
            "type",
            reading.lookup.type_name(type_oid, row.i32(4))?,
        );
        let collation = row.oid(5);
        if collation != 0 && collation != reading.lookup.type_defaults(type_oid)?.collation {
            set(&mut part.attributes, "collation", reading.lookup.collation(collation)?);
        }
        let comment = reading.comment(RELATION_CLASS, row.oid(6), row.i16(1).into());
        set_if(&mut part.attributes, "comment", comment);
        if let Some(definition) = of(found, row.oid(0)) {
            definition.parts.push(part);
        }
        Ok(())
    })
}

fn of(found: &mut Definitions, oid: u32) -> Option<&mut Definition> {
    found.get_mut(&Address { class: TYPE_CLASS, oid })
}

fn a_type(reading: &mut Reading<'_>, row: &Row<'_>) -> Result<Option<(Address, Definition)>> {
    let (oid, name) = (row.oid(0), row.name(1));
    let address = Address { class: TYPE_CLASS, oid };
    let Some(schema) = reading.schema_of(address, row.oid(2), &name) else {
        return Ok(None);
    };
    let kind = match row.char(3) {
        'e' => Kind::Enum,
        'd' => Kind::Domain,
        'c' => Kind::CompositeType,
        'r' => Kind::RangeType,
        _ => Kind::BaseType,
    };
    let mut definition = Definition::new(kind, Some(schema), name);
    let attributes = &mut definition.attributes;
    match kind {
        Kind::Domain => {
            let base = row.oid(7);
            set(attributes, "type", reading.lookup.type_name(base, row.i32(8))?);
            flag(attributes, "not_null", row.bool(9));
            set_if(attributes, "default", row.text(11));
            let collation = row.oid(10);
            if collation != 0 && collation != reading.lookup.type_defaults(base)?.collation {
                set(attributes, "collation", reading.lookup.collation(collation)?);
            }
        }
        Kind::RangeType => {
            let subtype = row.oid(12);
            set(attributes, "type", reading.lookup.type_name(subtype, -1)?);
            let collation = row.oid(13);
            if collation != 0 && collation != reading.lookup.type_defaults(subtype)?.collation {
                set(attributes, "collation", reading.lookup.collation(collation)?);
            }
            set(
                attributes,
                "operator_class",
                reading.lookup.operator_class(row.oid(14))?,
            );
            set_if(attributes, "canonical", row.text(15));
            set_if(attributes, "difference", row.text(16));
            set(attributes, "multirange", reading.lookup.type_name(row.oid(17), -1)?);
        }
        Kind::BaseType => set_if(attributes, "input", row.text(18)),
        _ => {}
    }
    set_if(attributes, "comment", reading.comment(TYPE_CLASS, oid, 0));
    definition.access = reading.access(row.oid(4), row.texts(5), "U");
    Ok(Some((address, definition)))
}
