//! Functions, procedures and aggregates.

use schema::{Attributes, Definition, Kind};

use super::{Address, Definitions, FUNCTION_CLASS, Reading, flag, options, set, set_if};
use crate::error::Result;
use crate::pg::query::{self, Row};

const FUNCTIONS: &str = "
    SELECT
        p.oid, p.proname, p.pronamespace, p.prokind, p.proowner, p.proacl::text[],
        pg_catalog.pg_get_function_identity_arguments(p.oid), pg_catalog.pg_get_function_arguments(p.oid),
        pg_catalog.pg_get_function_result(p.oid), l.lanname, p.prosrc, p.probin,
        CASE WHEN p.prosqlbody IS NOT NULL THEN pg_catalog.pg_get_function_sqlbody(p.oid) END,
        p.provolatile, p.proparallel, p.proisstrict, p.prosecdef, p.proleakproof, p.procost, p.prorows, p.proconfig,
        CASE WHEN p.prosupport OPERATOR(pg_catalog.<>) 0 THEN p.prosupport::pg_catalog.regproc::text END,
        a.aggtransfn::pg_catalog.regproc::text, a.aggfinalfn::pg_catalog.regproc::text,
        a.aggcombinefn::pg_catalog.regproc::text, a.aggtranstype, a.agginitval, a.aggkind,
        a.aggserialfn::pg_catalog.regproc::text, a.aggdeserialfn::pg_catalog.regproc::text,
        a.aggmtransfn::pg_catalog.regproc::text, a.aggminvtransfn::pg_catalog.regproc::text,
        a.aggmfinalfn::pg_catalog.regproc::text, a.aggmtranstype, a.aggminitval, a.aggtransspace, a.aggmtransspace,
        a.aggfinalextra, a.aggmfinalextra, a.aggfinalmodify, a.aggmfinalmodify, a.aggsortop::pg_catalog.regoper::text,
        p.protrftypes
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_language AS l ON l.oid OPERATOR(pg_catalog.=) p.prolang
    LEFT JOIN pg_catalog.pg_aggregate AS a ON a.aggfnoid OPERATOR(pg_catalog.=) p.oid
    WHERE p.oid OPERATOR(pg_catalog.>=) 16384
      AND ($1 IS NULL OR p.oid OPERATOR(pg_catalog.=) ANY ($1))
      AND p.pronamespace OPERATOR(pg_catalog.<>) 'schema_monitor'::pg_catalog.regnamespace
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend AS d
          WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
            AND d.objid OPERATOR(pg_catalog.=) p.oid
            AND d.deptype IN ('e', 'i'))";

/// Reads the functions of the scope. Those PostgreSQL made for a range type are told by the type.
pub(super) fn read(reading: &mut Reading<'_>, found: &mut Definitions) -> Result<()> {
    query::read(FUNCTIONS, &[reading.scope.functions().into()], |row| {
        if let Some((address, definition)) = function(reading, row)? {
            found.insert(address, definition);
        }
        Ok(())
    })
}

fn function(reading: &mut Reading<'_>, row: &Row<'_>) -> Result<Option<(Address, Definition)>> {
    let (oid, name) = (row.oid(0), row.name(1));
    let address = Address {
        class: FUNCTION_CLASS,
        oid,
    };
    let Some(schema) = reading.schema_of(address, row.oid(2), &name) else {
        return Ok(None);
    };
    let kind = match row.char(3) {
        'p' => Kind::Procedure,
        'a' => Kind::Aggregate,
        _ => Kind::Function,
    };
    let mut definition = Definition::new(kind, Some(schema), name);
    definition.arguments = row.text(6);
    let attributes = &mut definition.attributes;
    flag(attributes, "window", row.char(3) == 'w');
    set_if(attributes, "arguments", row.text(7));
    set_if(attributes, "returns", row.text(8));
    let language = row.name(9);
    match row.text(12) {
        Some(body) => set(attributes, "body", schema::without_type_labels(&body)),
        None if kind == Kind::Aggregate => {}
        None => set_if(attributes, "body", row.text(10)),
    }
    set_if(attributes, "library", row.text(11));
    match row.char(13) {
        'i' => set(attributes, "volatility", "immutable"),
        's' => set(attributes, "volatility", "stable"),
        _ => {}
    }
    match row.char(14) {
        's' => set(attributes, "parallel", "safe"),
        'r' => set(attributes, "parallel", "restricted"),
        _ => {}
    }
    flag(attributes, "strict", row.bool(15));
    flag(attributes, "security_definer", row.bool(16));
    flag(attributes, "leakproof", row.bool(17));
    let default_cost = if matches!(language.as_str(), "c" | "internal") {
        1.0
    } else {
        100.0
    };
    if kind != Kind::Aggregate && row.f32(18) != default_cost {
        set(attributes, "cost", row.f32(18).to_string());
    }
    if row.f32(19) != 0.0 && row.f32(19) != 1000.0 {
        set(attributes, "rows", row.f32(19).to_string());
    }
    options(attributes, "settings", row.texts(20));
    set_if(attributes, "support", row.text(21));
    if kind == Kind::Aggregate {
        aggregate(reading, attributes, row)?;
    } else {
        set(attributes, "language", language);
    }
    let transforms = row.oids(42);
    if !transforms.is_empty() {
        let names = transforms.into_iter().map(|oid| reading.lookup.type_name(oid, -1));
        set(attributes, "transforms", names.collect::<Result<Vec<_>>>()?);
    }
    set_if(attributes, "comment", reading.comment(FUNCTION_CLASS, oid, 0));
    definition.access = reading.access(row.oid(4), row.texts(5), "X");
    Ok(Some((address, definition)))
}

/// What `CREATE AGGREGATE` says.
fn aggregate(reading: &mut Reading<'_>, attributes: &mut Attributes, row: &Row<'_>) -> Result<()> {
    for (name, at) in [
        ("transition", 22),
        ("final", 23),
        ("combine", 24),
        ("serialize", 28),
        ("deserialize", 29),
        ("moving_transition", 30),
        ("moving_inverse", 31),
        ("moving_final", 32),
        ("sort_operator", 41),
    ] {
        set_if(attributes, name, row.text(at).filter(|name| name != "-" && name != "0"));
    }
    set(attributes, "state_type", reading.lookup.type_name(row.oid(25), -1)?);
    if row.oid(33) != 0 {
        set(
            attributes,
            "moving_state_type",
            reading.lookup.type_name(row.oid(33), -1)?,
        );
    }
    for (name, at) in [("initial_value", 26), ("moving_initial_value", 34)] {
        set_if(attributes, name, row.text(at));
    }
    for (name, at) in [("state_space", 35), ("moving_state_space", 36)] {
        set_if(
            attributes,
            name,
            Some(row.i32(at))
                .filter(|space| *space != 0)
                .map(|space| space.to_string()),
        );
    }
    flag(attributes, "final_extra", row.bool(37));
    flag(attributes, "moving_final_extra", row.bool(38));
    let kind = row.char(27);
    // An ordered-set aggregate's final function modifies its state by default, a plain one's does not.
    let default = if kind == 'n' { 'r' } else { 'w' };
    for (name, at) in [("final_modify", 39), ("moving_final_modify", 40)] {
        let word = match row.char(at) {
            modifies if modifies == default => continue,
            'r' => "read_only",
            's' => "shareable",
            _ => "read_write",
        };
        set(attributes, name, word);
    }
    match kind {
        'o' => set(attributes, "aggregate_kind", "ordered set"),
        'h' => set(attributes, "aggregate_kind", "hypothetical set"),
        _ => {}
    }
    Ok(())
}
