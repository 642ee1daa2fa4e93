//! `check()` and what proves it right.

use crate::pg::ErrorReport;
use pgrx::prelude::*;
use schema::{Definition, Fingerprints};

use crate::catalog::{self, Scope};
use crate::error::Result;
use crate::pg::encoding::{ServerText, server_text};
use crate::pg::transaction::{require_usable_for_check, with_fresh_snapshot};
use crate::pg::{query, shared};
use crate::worker;

/// The version that stands.
struct Latest {
    version: i64,
    fingerprint: String,
    changes: i64,
    objects: i64,
}

const LATEST: &str = "
    SELECT v.version, pg_catalog.encode(v.structure, 'hex'), v.changes, v.objects
    FROM schema_monitor._version AS v
    WHERE v.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
    ORDER BY v.version DESC
    LIMIT 1";

fn latest() -> Result<Option<Latest>> {
    with_fresh_snapshot(|| {
        query::one(LATEST, &[], |row| Latest {
            version: row.i64(0),
            fingerprint: row.text(1).unwrap_or_default(),
            changes: row.i64(2),
            objects: row.i64(3),
        })
    })
}

/// Compares the catalog with what is recorded, now.
#[pg_extern(sql = false)]
fn check(
    force: bool,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(updated, bool),
            name!(message, ServerText),
            name!(version, i64),
            name!(fingerprint, String),
            name!(changes, i64),
        ),
    >,
    ErrorReport,
> {
    require_usable_for_check()?;
    let before = latest()?.map_or(0, |latest| latest.version);
    let mut note = String::new();
    if !worker::request_check(force)? {
        let outcome = worker::check_in_session(force)?;
        if let Err(error) = worker::index_in_session(force, outcome.version) {
            note = format!("; search answers by words: {error}");
        }
        if !shared::is_preloaded() {
            ErrorReport::new(
                PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
                "schema_monitor is not preloaded: the comparison ran in this session",
                "check",
            )
            .set_hint("Add schema_monitor to shared_preload_libraries to have changes noticed as they are committed.")
            .report(PgLogLevel::NOTICE);
        }
    }
    let after = latest()?;
    let row = after.map(|after| {
        let updated = after.version > before;
        let changes: i64 = if updated {
            changes_since(before).unwrap_or(after.changes)
        } else {
            0
        };
        let message = match (updated, before) {
            (false, _) => format!("no change since version {}{note}", after.version),
            (true, 0) => format!("version 1 recorded with {} objects{note}", after.objects),
            (true, _) => format!("version {} recorded{note}", after.version),
        };
        (
            updated,
            server_text(&message),
            after.version,
            after.fingerprint,
            changes,
        )
    });
    Ok(TableIterator::new(row))
}

fn changes_since(version: i64) -> Result<i64> {
    let sum = with_fresh_snapshot(|| {
        query::one(
            "SELECT pg_catalog.sum(v.changes)::bigint FROM schema_monitor._version AS v
             WHERE v.version OPERATOR(pg_catalog.>) $1
               AND v.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
            &[version.into()],
            |row| row.i64(0),
        )
    })?;
    Ok(sum.unwrap_or(0))
}

const RECORDED: &str = "
    SELECT o.class_id, o.oid, o.identity, o.structure, o.layout, o.access, d.definition::text,
        o.column_numbers
    FROM schema_monitor._object AS o
    CROSS JOIN LATERAL (
        SELECT l.definition FROM schema_monitor._definition AS l
        WHERE l.object_id OPERATOR(pg_catalog.=) o.object_id
          AND l.incarnation OPERATOR(pg_catalog.=) o.incarnation
        ORDER BY l.version DESC LIMIT 1) AS d
    WHERE o.dropped_version IS NULL
      AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

/// Every object whose recorded state is not what a full reading of the catalog gives, with why.
#[pg_extern(sql = false)]
fn _audit()
-> std::result::Result<TableIterator<'static, (name!(identity, ServerText), name!(problem, ServerText))>, ErrorReport> {
    let problems = with_fresh_snapshot(audit)?;
    let rows = problems
        .iter()
        .map(|(identity, problem)| (server_text(identity), server_text(problem)));
    Ok(TableIterator::new(rows.collect::<Vec<_>>()))
}

fn audit() -> Result<Vec<(String, String)>> {
    let mut found = catalog::read(&Scope::everything())?;
    let mut problems = Vec::new();
    query::read(RECORDED, &[], |row| {
        let address = catalog::Address {
            class: row.oid(0),
            oid: row.oid(1),
        };
        let identity = row.text(2).unwrap_or_default();
        let recorded = [3, 4, 5].map(|at| row.bytes(at).unwrap_or_default());
        let bytes = |fingerprints: Fingerprints| {
            [fingerprints.structure, fingerprints.layout, fingerprints.access].map(|one| one.as_bytes().to_vec())
        };
        let stored: Option<Definition> = row.text(6).and_then(|text| serde_json::from_str(&text).ok());
        if stored.as_ref().map(|definition| bytes(Fingerprints::of(definition))) != Some(recorded.clone()) {
            problems.push((
                identity.clone(),
                "the stored definition has another fingerprint".to_owned(),
            ));
        }
        match found.remove(&address) {
            None => problems.push((identity, "it is recorded and not in the catalog".to_owned())),
            Some(definition)
                if bytes(Fingerprints::of(&definition)) != recorded
                    || stored.is_none_or(|stored| stored.column_numbers() != definition.column_numbers())
                    || row.i16s(7) != definition.column_numbers() =>
            {
                let now = serde_json::to_string(&definition).unwrap_or_default();
                problems.push((identity, format!("it is declared otherwise: {now}")));
            }
            Some(_) => {}
        }
        Ok(())
    })?;
    let missing = found.values().map(|definition| {
        (
            catalog::identity(definition),
            "it is in the catalog and not recorded".to_owned(),
        )
    });
    problems.extend(missing);
    problems.sort();
    Ok(problems)
}
