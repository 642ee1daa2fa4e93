//! Writing a version's objects, definitions and changes, each table with one statement.

use pgrx::datum::DatumWithOid;
use schema::{Definition, Fingerprints};

use super::compare::Finding;
use crate::catalog::{Address, identity};
use crate::error::{Error, Result};
use crate::pg::{Oid, query};

const INSERT_OBJECTS: &str = "
    INSERT INTO schema_monitor._object (
        object_id, kind, class_id, oid, schema_name, name, identity, owner, structure, layout, access,
        column_numbers, first_version, last_version)
    SELECT n.object_id, n.kind, n.class_id, n.oid, n.schema_name, n.name, n.identity, n.owner, n.structure, n.layout, n.access,
        n.column_numbers::smallint[], $13, $13
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8), pg_catalog.unnest($9), pg_catalog.unnest($10), pg_catalog.unnest($11), pg_catalog.unnest($12))
        AS n(object_id, kind, class_id, oid, schema_name, name, identity, owner, structure, layout, access, column_numbers)";

const UPDATE_OBJECTS: &str = "
    UPDATE schema_monitor._object AS o
    SET kind = n.kind, class_id = n.class_id, oid = n.oid, schema_name = n.schema_name, name = n.name,
        identity = n.identity, owner = n.owner, structure = n.structure, layout = n.layout, access = n.access,
        column_numbers = n.column_numbers::smallint[], last_version = $13
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8), pg_catalog.unnest($9), pg_catalog.unnest($10), pg_catalog.unnest($11), pg_catalog.unnest($12))
        AS n(object_id, kind, class_id, oid, schema_name, name, identity, owner, structure, layout, access, column_numbers)
    WHERE o.object_id OPERATOR(pg_catalog.=) n.object_id
      AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

const DROP_OBJECTS: &str = "
    UPDATE schema_monitor._object AS o
    SET dropped_version = $2, last_version = $2
    WHERE o.object_id OPERATOR(pg_catalog.=) ANY ($1)
      AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

const INSERT_DEFINITIONS: &str = "
    INSERT INTO schema_monitor._definition (object_id, version, definition)
    SELECT n.object_id, $3, n.definition::jsonb
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS n(object_id, definition)
    ON CONFLICT (object_id, version, incarnation) DO UPDATE SET definition = excluded.definition";

const INSERT_CHANGES: &str = "
    INSERT INTO schema_monitor._change (version, ordinal, change, object_id, part, before, after, impact, rules)
    SELECT $8, n.ordinal, n.change, n.object_id, n.part, n.before::jsonb, n.after::jsonb, n.impact,
        pg_catalog.string_to_array(n.rules, ' ')
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7))
        WITH ORDINALITY AS n(change, object_id, part, before, after, impact, rules, ordinal)";

/// The columns of `_object` for some findings.
#[derive(Default)]
struct Rows {
    ids: Vec<i64>,
    kinds: Vec<String>,
    classes: Vec<Oid>,
    oids: Vec<Oid>,
    schemas: Vec<String>,
    names: Vec<String>,
    identities: Vec<String>,
    owners: Vec<String>,
    structures: Vec<Vec<u8>>,
    layouts: Vec<Vec<u8>>,
    accesses: Vec<Vec<u8>>,
    /// Arrays as text: those of one array would have to be of one length.
    column_numbers: Vec<String>,
}

impl Rows {
    fn add(&mut self, object_id: i64, address: Address, definition: &Definition, fingerprints: &Fingerprints) {
        self.ids.push(object_id);
        self.kinds.push(definition.kind.as_str().to_owned());
        self.classes.push(address.class.into());
        self.oids.push(address.oid.into());
        self.schemas.push(definition.group().to_owned());
        self.names.push(definition.signature().into_owned());
        self.identities.push(identity(definition));
        self.owners.push(definition.access.owner.clone());
        self.structures.push(fingerprints.structure.as_bytes().to_vec());
        self.layouts.push(fingerprints.layout.as_bytes().to_vec());
        self.accesses.push(fingerprints.access.as_bytes().to_vec());
        let numbers: Vec<String> = definition.column_numbers().iter().map(i16::to_string).collect();
        self.column_numbers.push(format!("{{{}}}", numbers.join(",")));
    }

    fn write(self, sql: &str, version: i64) -> Result<()> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let arguments: [DatumWithOid<'_>; 13] = [
            self.ids.into(),
            self.kinds.into(),
            self.classes.into(),
            self.oids.into(),
            self.schemas.into(),
            self.names.into(),
            self.identities.into(),
            self.owners.into(),
            self.structures.into(),
            self.layouts.into(),
            self.accesses.into(),
            self.column_numbers.into(),
            version.into(),
        ];
        query::execute(sql, &arguments).map(drop)
    }
}

/// Writes objects, definitions and changes of a version; gives the identities of what is new or changed
/// and of what is gone. The first version is the starting point and has no changes.
pub(super) fn write_findings(findings: &[Finding], version: i64) -> Result<(Vec<i64>, Vec<i64>)> {
    let next = query::one(
        "SELECT coalesce(pg_catalog.max(o.object_id), 0) OPERATOR(pg_catalog.+) 1 FROM schema_monitor._object AS o
         WHERE o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
        &[],
        |row| row.i64(0),
    )?;
    let mut next = next.unwrap_or(1);
    let (mut inserted, mut updated) = (Rows::default(), Rows::default());
    let (mut present, mut gone) = (Vec::new(), Vec::new());
    let (mut defined, mut texts): (Vec<i64>, Vec<Option<String>>) = (Vec::new(), Vec::new());
    let mut changes = ChangeRows::default();
    for finding in findings {
        let object_id = match (&finding.known, &finding.found) {
            (known, Some((address, definition, fingerprints))) => {
                let id = known.as_ref().map_or(next, |known| known.object_id);
                let rows = if known.is_some() { &mut updated } else { &mut inserted };
                next += i64::from(known.is_none());
                rows.add(id, *address, definition, fingerprints);
                let text = serde_json::to_string(definition).map_err(|error| Error::Content {
                    place: "a definition",
                    reason: error.to_string(),
                })?;
                defined.push(id);
                texts.push(Some(text));
                present.push(id);
                id
            }
            (Some(known), None) => {
                defined.push(known.object_id);
                texts.push(None);
                gone.push(known.object_id);
                known.object_id
            }
            (None, None) => continue,
        };
        if version > 1 {
            changes.add(object_id, finding);
        }
    }
    inserted.write(INSERT_OBJECTS, version)?;
    updated.write(UPDATE_OBJECTS, version)?;
    if !gone.is_empty() {
        query::execute(DROP_OBJECTS, &[gone.clone().into(), version.into()])?;
    }
    query::execute(INSERT_DEFINITIONS, &[defined.into(), texts.into(), version.into()])?;
    changes.write(version)?;
    Ok((present, gone))
}

/// The columns of `_change`.
#[derive(Default)]
struct ChangeRows {
    names: Vec<String>,
    ids: Vec<i64>,
    parts: Vec<Option<String>>,
    before: Vec<Option<String>>,
    after: Vec<Option<String>>,
    impacts: Vec<String>,
    rules: Vec<String>,
}

impl ChangeRows {
    fn add(&mut self, object_id: i64, finding: &Finding) {
        let json = |value: &serde_json::Value| (!value.is_null()).then(|| value.to_string());
        for change in &finding.changes {
            self.names.push(change.name());
            self.ids.push(object_id);
            self.parts.push(change.part.as_ref().map(|(_, name)| name.clone()));
            self.before.push(json(&change.before));
            self.after.push(json(&change.after));
            self.impacts.push(change.impact.as_str().to_owned());
            self.rules.push(change.rules().join(" "));
        }
    }

    fn write(self, version: i64) -> Result<()> {
        if self.names.is_empty() {
            return Ok(());
        }
        let arguments: [DatumWithOid<'_>; 8] = [
            self.names.into(),
            self.ids.into(),
            self.parts.into(),
            self.before.into(),
            self.after.into(),
            self.impacts.into(),
            self.rules.into(),
            version.into(),
        ];
        query::execute(INSERT_CHANGES, &arguments).map(drop)
    }
}
