//! What is other in one version than in another, or here than in another database.

use schema::{Change, Continuity, Definition, Impact, Kind, diff};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use crate::catalog::{self, identity};
use crate::error::{Error, Result};
use crate::pg::query;

/// A change and the object it happened to or in.
pub struct Difference {
    /// The object's kind.
    pub kind: Kind,
    /// Its name as people read it: the later one.
    pub identity: String,
    /// What changed.
    pub change: Change,
}

const KEPT: &str = "
    SELECT pg_catalog.min(v.version), pg_catalog.max(v.version) FROM schema_monitor.versions AS v";

// The first version has no changes: what it begins with is other than nothing.
const TOUCHED: &str = "
    SELECT t.object_id, pg_catalog.bool_or(t.recreated)
    FROM (
        SELECT c.object_id, c.part IS NULL AND pg_catalog.right(c.change, 10) OPERATOR(pg_catalog.=) '_recreated'
        FROM schema_monitor.changes AS c
        WHERE c.version OPERATOR(pg_catalog.>) $1 AND c.version OPERATOR(pg_catalog.<=) $2
        UNION ALL
        SELECT d.object_id, false
        FROM schema_monitor._visible_definition AS d
        WHERE d.version OPERATOR(pg_catalog.=) 1 AND $1 OPERATOR(pg_catalog.<) 1) AS t(object_id, recreated)
    GROUP BY t.object_id";

const AS_OF: &str = "
    SELECT DISTINCT ON (d.object_id) d.object_id, d.definition::text
    FROM schema_monitor._visible_definition AS d
    WHERE d.version OPERATOR(pg_catalog.<=) $1
      AND ($2 IS NULL OR d.object_id OPERATOR(pg_catalog.=) ANY ($2))
    ORDER BY d.object_id, d.version DESC";

/// What leads from version `from` to version `to`, forwards or backwards, as far as the effective user may see it.
/// Version 0 is the empty schema.
pub fn between(from: i64, to: i64) -> Result<Vec<Difference>> {
    require_versions(&[from, to])?;
    let recreated = touched(from, to)?;
    let touched: Vec<i64> = recreated.keys().copied().collect();
    let mut before = definitions(from, Some(&touched))?;
    let mut after = definitions(to, Some(&touched))?;
    let mut differences = Vec::new();
    let mut by_object = Vec::new();
    for id in touched {
        let start = differences.len();
        let continuity = match recreated[&id] {
            true => Continuity::Recreated,
            false => Continuity::Same,
        };
        add(
            before.remove(&id).as_ref(),
            after.remove(&id).as_ref(),
            continuity,
            &mut differences,
        );
        if differences.len() > start {
            by_object.push((id, start..differences.len()));
        }
    }
    weigh(&by_object, &mut differences)?;
    sort(&mut differences);
    Ok(differences)
}

const RELATIONS: &str = "
    SELECT r.object_id, r.oid, r.name FROM schema_monitor._visible_relation AS r
    WHERE r.object_id OPERATOR(pg_catalog.=) ANY ($1)
      AND r.kind OPERATOR(pg_catalog.=) ANY ('{table,materialized_view}'::pg_catalog.text[])";

/// Takes into account what is there now: rows, dependents, scans, statements that name it.
fn weigh(by_object: &[(i64, Range<usize>)], differences: &mut [Difference]) -> Result<()> {
    let is_weighty = |range: &Range<usize>| {
        differences[range.clone()]
            .iter()
            .any(|one| one.change.impact > Impact::Low)
    };
    let weighty = by_object.iter().filter(|(_, range)| is_weighty(range));
    let objects: Vec<i64> = weighty.map(|(id, _)| *id).collect();
    if objects.is_empty() {
        return Ok(());
    }
    let mut relations: HashMap<i64, (u32, String)> = HashMap::new();
    query::read(RELATIONS, &[objects.into()], |row| {
        relations.insert(row.i64(0), (row.oid(1), row.text(2).unwrap_or_default()));
        Ok(())
    })?;
    let mut usage = catalog::usage(&relations.values().map(|(oid, _)| *oid).collect::<Vec<_>>())?;
    let statements = catalog::statements(&relations.values().map(|(_, name)| name.as_str()).collect::<Vec<_>>())?;
    for (id, range) in by_object {
        let Some((oid, name)) = relations.get(id) else { continue };
        let Some(usage) = usage.get_mut(oid) else { continue };
        let naming = statements.iter().filter(|one| one.names.contains(name));
        usage.weight.statements = naming.map(|one| one.id).collect();
        for difference in &mut differences[range.clone()] {
            difference.change.weigh(&usage.weight);
        }
    }
    Ok(())
}

/// Fails unless every one of them is kept. With nothing forgotten the empty schema is a version like any other.
pub(super) fn require_versions(versions: &[i64]) -> Result<()> {
    let (oldest, newest) = query::one(KEPT, &[], |row| (row.i64(0), row.i64(1)))?.unwrap_or_default();
    for version in versions {
        let is_start = *version == 0 && oldest <= 1;
        if !is_start && !(oldest.max(1)..=newest).contains(version) {
            return Err(Error::NoVersion {
                version: *version,
                oldest,
                newest,
            });
        }
    }
    Ok(())
}

/// Objects that were dropped and made again under their name between two versions.
pub(super) fn recreated(from: i64, to: i64) -> Result<HashSet<i64>> {
    let touched = touched(from, to)?;
    Ok(touched
        .into_iter()
        .filter(|(_, recreated)| *recreated)
        .map(|(id, _)| id)
        .collect())
}

/// Objects that are other in one of two versions than in the other, and whether they were made again meanwhile.
fn touched(from: i64, to: i64) -> Result<BTreeMap<i64, bool>> {
    let mut touched = BTreeMap::new();
    query::read(TOUCHED, &[from.min(to).into(), from.max(to).into()], |row| {
        touched.insert(row.i64(0), row.bool(1));
        Ok(())
    })?;
    Ok(touched)
}

/// What leads from the schema of another database to the standing version of this one, matched by name.
pub fn from_elsewhere(there: Vec<Definition>) -> Result<Vec<Difference>> {
    let key = |definition: &Definition| {
        (
            definition.kind,
            definition.group().to_owned(),
            definition.signature().into_owned(),
        )
    };
    let mut before: BTreeMap<_, Definition> = there.into_iter().map(|one| (key(&one), one)).collect();
    let mut differences = Vec::new();
    for definition in definitions(i64::MAX, None)?.into_values() {
        let known = before.remove(&key(&definition));
        add(known.as_ref(), Some(&definition), Continuity::Rebound, &mut differences);
    }
    for definition in before.into_values() {
        add(Some(&definition), None, Continuity::Rebound, &mut differences);
    }
    sort(&mut differences);
    Ok(differences)
}

fn add(before: Option<&Definition>, after: Option<&Definition>, continuity: Continuity, to: &mut Vec<Difference>) {
    let Some(named) = after.or(before) else { return };
    let changes = diff(before, after, continuity);
    to.extend(changes.into_iter().map(|change| Difference {
        kind: named.kind,
        identity: identity(named),
        change,
    }));
}

/// In the order in which people name things; the changes of one object stay as they are told.
fn sort(differences: &mut [Difference]) {
    differences.sort_by(|a, b| (a.kind, &a.identity).cmp(&(b.kind, &b.identity)));
}

/// How objects were declared as of a version; what was gone is not among them.
pub(super) fn definitions(version: i64, of: Option<&[i64]>) -> Result<HashMap<i64, Definition>> {
    let mut definitions = HashMap::new();
    query::read(AS_OF, &[version.into(), of.map(<[i64]>::to_vec).into()], |row| {
        if let Some(text) = row.text(1) {
            definitions.insert(row.i64(0), parse(&text)?);
        }
        Ok(())
    })?;
    Ok(definitions)
}

fn parse(text: &str) -> Result<Definition> {
    serde_json::from_str(text).map_err(|error| Error::Content {
        place: "schema_monitor._definition",
        reason: error.to_string(),
    })
}
