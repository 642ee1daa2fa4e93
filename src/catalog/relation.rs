//! Tables, views, sequences and the rest of `pg_class`, with their columns.

use schema::{Definition, Kind, Part, PartKind};
use serde_json::json;

use super::access::of_column;
use super::{Address, Definitions, RELATION_CLASS, Reading, flag, options, set, set_if};
use crate::error::Result;
use crate::pg::lookup::quoted;
use crate::pg::query::{self, Row};

const RELATIONS: &str = "
    SELECT
        c.oid, c.relname, c.relnamespace, c.relkind, c.relpersistence, c.relowner, c.relacl::text[], c.reloptions,
        c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
        CASE WHEN c.relam OPERATOR(pg_catalog.<>) 0 AND c.relam OPERATOR(pg_catalog.<>) 2 THEN (
            SELECT a.amname FROM pg_catalog.pg_am AS a WHERE a.oid OPERATOR(pg_catalog.=) c.relam) END,
        CASE WHEN c.reltablespace OPERATOR(pg_catalog.<>) 0 THEN (
            SELECT t.spcname FROM pg_catalog.pg_tablespace AS t WHERE t.oid OPERATOR(pg_catalog.=) c.reltablespace) END,
        CASE WHEN c.relispartition THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid) END,
        CASE WHEN c.relkind OPERATOR(pg_catalog.=) 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END,
        c.reloftype
    FROM pg_catalog.pg_class AS c
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
      AND c.relpersistence OPERATOR(pg_catalog.<>) 't'
      AND c.oid OPERATOR(pg_catalog.>=) 16384
      AND ($1 IS NULL OR c.oid OPERATOR(pg_catalog.=) ANY ($1))";

const COLUMNS: &str = "
    SELECT
        a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attidentity, a.attgenerated,
        a.attcollation, a.attstorage, a.attcompression, a.attacl::text[], a.attoptions, a.attfdwoptions
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) a.attrelid
    WHERE a.attnum OPERATOR(pg_catalog.>) 0
      AND NOT a.attisdropped
      AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
      AND c.oid OPERATOR(pg_catalog.>=) 16384
      AND ($1 IS NULL OR c.oid OPERATOR(pg_catalog.=) ANY ($1))";

// A default has no columns in it; given a relation all the same, pg_get_expr() would open each of them, which costs
// ten times what it takes to print the expression.
const DEFAULTS: &str = "
    SELECT
        d.adrelid, d.adnum,
        pg_catalog.pg_get_expr(
            d.adbin, CASE WHEN a.attgenerated OPERATOR(pg_catalog.=) '' THEN 0::oid ELSE d.adrelid END)
    FROM pg_catalog.pg_attrdef AS d
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid OPERATOR(pg_catalog.=) d.adrelid AND a.attnum OPERATOR(pg_catalog.=) d.adnum
    WHERE $1 IS NULL OR d.adrelid OPERATOR(pg_catalog.=) ANY ($1)";

const PARENTS: &str = "
    SELECT i.inhrelid, i.inhparent
    FROM pg_catalog.pg_inherits AS i
    WHERE NOT i.inhdetachpending
      AND ($1 IS NULL OR i.inhrelid OPERATOR(pg_catalog.=) ANY ($1))
    ORDER BY i.inhrelid, i.inhseqno";

// The owner of a sequence is an internal or automatic dependency on a column.
const SEQUENCES: &str = "
    SELECT
        s.seqrelid, s.seqtypid, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle,
        d.refobjid, d.refobjsubid
    FROM pg_catalog.pg_sequence AS s
    LEFT JOIN pg_catalog.pg_depend AS d
        ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.objid OPERATOR(pg_catalog.=) s.seqrelid
        AND d.deptype IN ('a', 'i')
        AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.refobjsubid OPERATOR(pg_catalog.>) 0
    WHERE $1 IS NULL OR s.seqrelid OPERATOR(pg_catalog.=) ANY ($1)";

const FOREIGN: &str = "
    SELECT f.ftrelid, s.srvname, f.ftoptions
    FROM pg_catalog.pg_foreign_table AS f
    JOIN pg_catalog.pg_foreign_server AS s ON s.oid OPERATOR(pg_catalog.=) f.ftserver
    WHERE $1 IS NULL OR f.ftrelid OPERATOR(pg_catalog.=) ANY ($1)";

/// Reads relations and what makes their columns.
pub(super) fn read(reading: &mut Reading<'_>, found: &mut Definitions) -> Result<()> {
    let relations = reading.scope.relations();
    query::read(RELATIONS, &[relations.clone().into()], |row| {
        relation(reading, found, row)
    })?;
    query::read(COLUMNS, &[relations.clone().into()], |row| column(reading, found, row))?;
    // Nothing but columns is there yet; sorting the few of each relation is cheaper than sorting all rows.
    for definition in found
        .values_mut()
        .filter(|definition| !definition.parts.is_sorted_by_key(|part| part.number))
    {
        definition.parts.sort_unstable_by_key(|part| part.number);
    }
    query::read(DEFAULTS, &[relations.clone().into()], |row| {
        if let Some(definition) = of(found, row.oid(0)) {
            let number = row.i16(1) as u32;
            let column = definition
                .parts
                .iter_mut()
                .find(|part| part.kind == PartKind::Column && part.number == number);
            if let Some(column) = column {
                let name = if column.attributes.contains_key("generated") {
                    "expression"
                } else {
                    "default"
                };
                set_if(&mut column.attributes, name, row.text(2));
            }
        }
        Ok(())
    })?;
    query::read(PARENTS, &[relations.clone().into()], |row| {
        let parent = qualified(reading, row.oid(1))?;
        if let Some(definition) = of(found, row.oid(0)) {
            let is_partition = definition.attributes.contains_key("partition_bound");
            match definition
                .attributes
                .get_mut("inherits")
                .and_then(|value| value.as_array_mut())
            {
                Some(parents) => parents.push(json!(parent)),
                None if is_partition => set(&mut definition.attributes, "partition_of", parent),
                None => set(&mut definition.attributes, "inherits", vec![parent]),
            }
        }
        Ok(())
    })?;
    query::read(SEQUENCES, &[relations.clone().into()], |row| {
        sequence(reading, found, row)
    })?;
    query::read(FOREIGN, &[relations.into()], |row| {
        if let Some(definition) = of(found, row.oid(0)) {
            set(&mut definition.attributes, "server", row.name(1));
            options(&mut definition.attributes, "foreign_options", row.texts(2));
        }
        Ok(())
    })
}

/// The definition of a relation that is part of the picture.
pub(super) fn of(found: &mut Definitions, oid: u32) -> Option<&mut Definition> {
    found.get_mut(&Address {
        class: RELATION_CLASS,
        oid,
    })
}

/// The qualified name of a relation, quoted where needed.
pub(super) fn qualified(reading: &mut Reading<'_>, oid: u32) -> Result<String> {
    let (schema, name) = reading.lookup.relation(oid)?;
    Ok(format!("{}.{}", quoted(&schema), quoted(&name)))
}

fn relation(reading: &mut Reading<'_>, found: &mut Definitions, row: &Row<'_>) -> Result<()> {
    let (oid, name) = (row.oid(0), row.name(1));
    let address = Address {
        class: RELATION_CLASS,
        oid,
    };
    let Some(schema) = reading.schema_of(address, row.oid(2), &name) else {
        return Ok(());
    };
    let kind = match row.char(3) {
        'f' => Kind::ForeignTable,
        'v' => Kind::View,
        'm' => Kind::MaterializedView,
        'S' => Kind::Sequence,
        _ => Kind::Table,
    };
    let mut definition = Definition::new(kind, Some(schema), name);
    let attributes = &mut definition.attributes;
    flag(attributes, "unlogged", row.char(4) == 'u');
    options(attributes, "options", row.texts(7));
    flag(attributes, "row_security", row.bool(8));
    flag(attributes, "force_row_security", row.bool(9));
    match row.char(10) {
        'f' if kind == Kind::Table => set(attributes, "replica_identity", "full"),
        'n' if kind == Kind::Table => set(attributes, "replica_identity", "nothing"),
        _ => {}
    }
    if !row.is_null(11) {
        set(attributes, "access_method", row.name(11));
    }
    if !row.is_null(12) {
        set(attributes, "tablespace", row.name(12));
    }
    set_if(attributes, "partition_bound", row.text(13));
    set_if(attributes, "partition_key", row.text(14));
    if row.oid(15) != 0 {
        set(attributes, "of_type", reading.lookup.type_name(row.oid(15), -1)?);
    }
    set_if(attributes, "comment", reading.comment(RELATION_CLASS, oid, 0));
    definition.access = reading.access(row.oid(5), row.texts(6), "");
    found.insert(address, definition);
    Ok(())
}

fn column(reading: &mut Reading<'_>, found: &mut Definitions, row: &Row<'_>) -> Result<()> {
    let relation = row.oid(0);
    let Some(definition) = of(found, relation) else {
        return Ok(());
    };
    let (number, type_oid) = (row.i16(1), row.oid(3));
    let mut column = Part::new(PartKind::Column, row.name(2), number as u32);
    let attributes = &mut column.attributes;
    set(attributes, "type", reading.lookup.type_name(type_oid, row.i32(4))?);
    flag(attributes, "not_null", row.bool(5));
    match row.char(6) {
        'a' => set(attributes, "identity", "always"),
        'd' => set(attributes, "identity", "by default"),
        _ => {}
    }
    match row.char(7) {
        's' => set(attributes, "generated", "stored"),
        'v' => set(attributes, "generated", "virtual"),
        _ => {}
    }
    let defaults = reading.lookup.type_defaults(type_oid)?;
    let collation = row.oid(8);
    if collation != 0 && collation != defaults.collation {
        set(attributes, "collation", reading.lookup.collation(collation)?);
    }
    let storage = row.char(9);
    let stores_rows = matches!(definition.kind, Kind::Table | Kind::MaterializedView);
    if stores_rows && storage != defaults.storage {
        set(attributes, "storage", storage.to_string());
    }
    if let method @ ('p' | 'l') = row.char(10) {
        set(attributes, "compression", method.to_string());
    }
    options(attributes, "options", row.texts(12));
    options(attributes, "foreign_options", row.texts(13));
    set_if(
        attributes,
        "comment",
        reading
            .comments
            .get(&(RELATION_CLASS, relation, number.into()))
            .map(String::as_str),
    );
    column.access = of_column(row.texts(11));
    definition.parts.push(column);
    Ok(())
}

fn sequence(reading: &mut Reading<'_>, found: &mut Definitions, row: &Row<'_>) -> Result<()> {
    if of(found, row.oid(0)).is_none() {
        return Ok(());
    }
    let type_name = reading.lookup.type_name(row.oid(1), -1)?;
    let owner = match row.oid(8) {
        0 => None,
        table => {
            let column = reading.lookup.column(table, row.i32(9) as i16)?;
            Some(format!("{}.{}", qualified(reading, table)?, quoted(&column)))
        }
    };
    if let Some(definition) = of(found, row.oid(0)) {
        let attributes = &mut definition.attributes;
        set(attributes, "type", type_name);
        for (at, name) in [
            (2, "start"),
            (3, "increment"),
            (4, "maximum"),
            (5, "minimum"),
            (6, "cache"),
        ] {
            set(attributes, name, row.i64(at));
        }
        flag(attributes, "cycle", row.bool(7));
        set_if(attributes, "owned_by", owner);
    }
    Ok(())
}
