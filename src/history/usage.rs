//! What ran on the relations of a version: weighs its changes, and is kept to be compared with what runs later.

use pgrx::datum::DatumWithOid;
use schema::{ChangeKind, Kind};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

use super::between::require_versions;
use super::compare::Finding;
use super::store::Known;
use crate::catalog::{self, RELATION_CLASS, Statement, Usage};
use crate::error::{Error, Result};
use crate::pg::query;

/// Relations of one version that are measured, at most: a migration of thousands is no cause to look for.
const MEASURED: usize = 200;

/// Statements kept of one relation, at most: those that took longest.
const STATEMENTS: usize = 50;

/// What was measured, by relation.
pub(super) type Measured = HashMap<u32, Usage>;

/// Measures the relations that are there and changed more than slightly, and weighs their changes.
pub(super) fn weigh(findings: &mut [Finding]) -> Result<Measured> {
    let relations: Vec<u32> = findings
        .iter()
        .filter(|one| matters(one))
        .filter_map(relation)
        .take(MEASURED)
        .collect();
    let measured = catalog::usage(&relations)?;
    for finding in findings {
        let Some(usage) = relation(finding).and_then(|oid| measured.get(&oid)) else {
            continue;
        };
        for change in &mut finding.changes {
            change.weigh(&usage.weight);
        }
    }
    Ok(measured)
}

/// Whether a relation that was there is declared otherwise.
fn matters(finding: &Finding) -> bool {
    finding.known.is_some()
        && finding
            .changes
            .iter()
            .any(|change| change.what != ChangeKind::CommentChanged)
}

fn relation(finding: &Finding) -> Option<u32> {
    let (address, definition, _) = finding.found.as_ref()?;
    let measurable = address.class == RELATION_CLASS && matches!(definition.kind, Kind::Table | Kind::MaterializedView);
    measurable.then_some(address.oid)
}

const INSERT: &str = "
    INSERT INTO schema_monitor._statistic (
        version, object_id, measured_at, live_rows, sequential_scans, sequential_rows, index_scans, statements)
    SELECT $7, n.object_id, pg_catalog.clock_timestamp(), n.live_rows, n.sequential_scans, n.sequential_rows, n.index_scans,
        n.statements::jsonb
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6))
        AS n(object_id, live_rows, sequential_scans, sequential_rows, index_scans, statements)";

/// Keeps what was measured of the relations of a version.
pub(super) fn keep(findings: &[Finding], measured: &Measured, version: i64) -> Result<()> {
    let kept: Vec<(&Known, &Usage)> = findings
        .iter()
        .filter_map(|finding| Some((finding.known.as_ref()?, measured.get(&relation(finding)?)?)))
        .collect();
    if kept.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = kept.iter().map(|(known, _)| known.name.as_str()).collect();
    let statements = catalog::statements_by_worker(&names)?;
    let of = |name: &str| {
        let naming = statements.iter().filter(|one| one.names.iter().any(|its| its == name));
        let told = naming
            .take(STATEMENTS)
            .map(|one| (one.id.to_string(), json!([one.calls, one.milliseconds])));
        let told: Map<String, Value> = told.collect();
        (!told.is_empty()).then(|| Value::Object(told).to_string())
    };
    let arguments: [DatumWithOid<'_>; 7] = [
        kept.iter().map(|(known, _)| known.object_id).collect::<Vec<_>>().into(),
        kept.iter()
            .map(|(_, usage)| usage.weight.rows)
            .collect::<Vec<_>>()
            .into(),
        kept.iter()
            .map(|(_, usage)| usage.sequential_scans)
            .collect::<Vec<_>>()
            .into(),
        kept.iter()
            .map(|(_, usage)| usage.sequential_rows)
            .collect::<Vec<_>>()
            .into(),
        kept.iter()
            .map(|(_, usage)| usage.index_scans)
            .collect::<Vec<_>>()
            .into(),
        names.iter().map(|name| of(name)).collect::<Vec<_>>().into(),
        version.into(),
    ];
    query::execute(INSERT, &arguments).map(drop)
}

/// One figure, before a version and since.
#[derive(Debug, PartialEq)]
pub struct Comparison {
    /// The relation.
    pub identity: String,
    /// What is compared.
    pub measure: &'static str,
    /// The number of the statement in pg_stat_statements, where it is about one.
    pub statement: Option<i64>,
    /// From the beginning of the server's statistics to the version; `None` where nothing was counted.
    pub before: Option<f64>,
    /// From the version on; `None` where nothing has been counted yet.
    pub after: Option<f64>,
}

const KEPT: &str = "
    SELECT r.oid, r.identity, r.name, s.sequential_scans, s.sequential_rows, s.index_scans, s.live_rows,
        coalesce(s.statements::text, '{}')
    FROM schema_monitor._visible_statistic AS s
    JOIN schema_monitor._visible_relation AS r ON r.object_id OPERATOR(pg_catalog.=) s.object_id
    WHERE s.version OPERATOR(pg_catalog.=) $1
    ORDER BY r.identity";

/// What was kept of one relation.
struct Kept {
    oid: u32,
    identity: String,
    name: String,
    sequential_scans: i64,
    sequential_rows: i64,
    index_scans: i64,
    rows: f64,
    statements: HashMap<i64, (i64, f64)>,
}

/// How the relations that a version changed were read before it and are since, as far as the effective user may see
/// them. What the server counts is reset now and then; then everything counted is from after the version.
pub fn performance_since(version: i64) -> Result<Vec<Comparison>> {
    require_versions(&[version])?;
    let mut kept = Vec::new();
    query::read(KEPT, &[version.into()], |row| {
        let statements: HashMap<String, (i64, f64)> =
            serde_json::from_str(&row.text(7).unwrap_or_default()).map_err(|error| Error::Content {
                place: "schema_monitor._statistic",
                reason: error.to_string(),
            })?;
        kept.push(Kept {
            oid: row.oid(0),
            identity: row.text(1).unwrap_or_default(),
            name: row.text(2).unwrap_or_default(),
            sequential_scans: row.i64(3),
            sequential_rows: row.i64(4),
            index_scans: row.i64(5),
            rows: row.f64(6),
            statements: statements
                .into_iter()
                .filter_map(|(id, counts)| Some((id.parse().ok()?, counts)))
                .collect(),
        });
        Ok(())
    })?;
    let now = catalog::usage(&kept.iter().map(|one| one.oid).collect::<Vec<_>>())?;
    let running = catalog::statements(&kept.iter().map(|one| one.name.as_str()).collect::<Vec<_>>())?;
    let mut compared = Vec::new();
    for one in &kept {
        let usage = now.get(&one.oid).cloned().unwrap_or_default();
        compare_relation(one, &usage, &mut compared);
        compare_statements(one, &running, &mut compared);
    }
    Ok(compared)
}

fn ratio(of: i64, by: i64) -> Option<f64> {
    (by > 0).then(|| of as f64 / by as f64)
}

fn compare_relation(kept: &Kept, now: &Usage, to: &mut Vec<Comparison>) {
    // Everything was counted since, where the counters began anew.
    let began_anew = now.sequential_scans < kept.sequential_scans
        || now.index_scans < kept.index_scans
        || now.sequential_rows < kept.sequential_rows;
    let since = |now: i64, then: i64| if began_anew { now } else { now - then };
    let sequential = since(now.sequential_scans, kept.sequential_scans);
    let indexed = since(now.index_scans, kept.index_scans);
    let read = since(now.sequential_rows, kept.sequential_rows);
    let scans = kept.sequential_scans + kept.index_scans;
    let figures = [
        ("scans", Some(scans as f64), Some((sequential + indexed) as f64)),
        (
            "share of sequential scans",
            ratio(kept.sequential_scans, scans),
            ratio(sequential, sequential + indexed),
        ),
        (
            "rows read by a sequential scan",
            ratio(kept.sequential_rows, kept.sequential_scans),
            ratio(read, sequential),
        ),
        ("rows", Some(kept.rows), Some(now.weight.rows)),
    ];
    to.extend(figures.map(|(measure, before, after)| Comparison {
        identity: kept.identity.clone(),
        measure,
        statement: None,
        before,
        after,
    }));
}

fn compare_statements(kept: &Kept, running: &[Statement], to: &mut Vec<Comparison>) {
    let mean = |calls: i64, milliseconds: f64| (calls > 0).then(|| milliseconds / calls as f64);
    let named = running
        .iter()
        .filter(|one| one.names.contains(&kept.name) || kept.statements.contains_key(&one.id));
    for one in named {
        let before = kept.statements.get(&one.id).copied();
        let (calls, milliseconds) = match before {
            Some((calls, milliseconds)) if calls <= one.calls && milliseconds <= one.milliseconds => {
                (one.calls - calls, one.milliseconds - milliseconds)
            }
            _ => (one.calls, one.milliseconds),
        };
        if calls == 0 {
            continue; // it has not been run since
        }
        to.push(Comparison {
            identity: kept.identity.clone(),
            measure: "mean time of a statement, ms",
            statement: Some(one.id),
            before: before.and_then(|(calls, milliseconds)| mean(calls, milliseconds)),
            after: mean(calls, milliseconds),
        });
    }
}
