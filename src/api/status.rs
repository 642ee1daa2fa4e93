//! `status()` and `wait_until_indexed()`.

use crate::pg::ErrorReport;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;

use crate::error::Result;
use crate::index;
use crate::pg::encoding::{ServerText, server_text};
use crate::pg::shared::{Database, EmbedderState};
use crate::pg::time::{MILLISECOND, now};
use crate::pg::transaction::with_fresh_snapshot;
use crate::pg::{latch, process, query, shared};
use crate::worker;

/// What is recorded and how far the index is.
#[derive(Default)]
struct Recorded {
    version: i64,
    fingerprint: Option<String>,
    objects: i64,
    passages: i64,
    uncovered: i64,
    model: Option<String>,
    is_announced: bool,
}

const RECORDED: &str = "
    SELECT v.version, pg_catalog.encode(v.structure, 'hex'), v.objects,
        (SELECT pg_catalog.count(*) FROM schema_monitor._passage AS p
         WHERE p.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()),
        (SELECT pg_catalog.count(*) FROM schema_monitor.ddl_event AS e
         WHERE e.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
           AND (s.drained IS NULL
                OR (e.xid OPERATOR(pg_catalog.>=) pg_catalog.pg_snapshot_xmin(s.drained)
                    AND NOT pg_catalog.pg_visible_in_snapshot(e.xid, s.drained)))),
        s.model_name, s.notified OPERATOR(pg_catalog.>=) v.version
    FROM schema_monitor._state AS s
    LEFT JOIN LATERAL (
        SELECT l.version, l.structure, l.objects FROM schema_monitor._version AS l
        WHERE l.incarnation OPERATOR(pg_catalog.=) s.incarnation
        ORDER BY l.version DESC LIMIT 1) AS v ON true
    WHERE s.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

fn recorded() -> Result<Recorded> {
    let recorded = with_fresh_snapshot(|| {
        query::one(RECORDED, &[], |row| Recorded {
            version: row.i64(0),
            fingerprint: row.text(1),
            objects: row.i64(2),
            passages: row.i64(3),
            uncovered: row.i64(4),
            model: row.text(5),
            is_announced: row.bool(6),
        })
    })?;
    Ok(recorded.unwrap_or_default())
}

/// How things stand.
#[pg_extern(sql = false)]
fn status() -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(version, i64),
            name!(fingerprint, Option<String>),
            name!(objects, i64),
            name!(embedded, i64),
            name!(pending, i64),
            name!(quarantined, i64),
            name!(model, Option<ServerText>),
            name!(dimensions, Option<i32>),
            name!(launcher, String),
            name!(monitor, String),
            name!(embedder, ServerText),
            name!(last_event, Option<TimestampWithTimeZone>),
            name!(last_check, Option<TimestampWithTimeZone>),
            name!(lag, i64),
            name!(gap, bool),
            name!(last_error, Option<ServerText>),
        ),
    >,
    ErrorReport,
> {
    let recorded = recorded()?;
    let database = shared::with_database(process::database(), |entry| *entry);
    let model = worker::configured_model();
    let pending = match &model {
        Ok(model) => with_fresh_snapshot(|| index::pending(&model.hash))?,
        Err(_) => recorded.passages,
    };
    let quarantined = match &model {
        Ok(model) => with_fresh_snapshot(|| index::left_out(&model.hash))?,
        Err(_) => 0,
    };
    let own_error = database.as_ref().and_then(|database| database.error.get());
    let row = (
        recorded.version,
        recorded.fingerprint,
        recorded.objects,
        recorded.passages - pending - quarantined,
        pending,
        quarantined,
        model
            .as_ref()
            .ok()
            .map(|model| model.name.clone())
            .or(recorded.model)
            .map(|name| server_text(&name)),
        model.as_ref().ok().map(|model| model.dimensions as i32),
        process_state(shared::with(|block| block.launcher), "not running"),
        process_state(database.as_ref().map(|database| database.monitor), "idle"),
        server_text(&embedder_state()),
        database.as_ref().and_then(|database| time(database.last_event)),
        database.as_ref().and_then(|database| time(database.last_check)),
        recorded.uncovered,
        database.as_ref().is_some_and(has_gap),
        own_error
            .or_else(|| model.err().map(|error| error.to_string()))
            .map(|error| server_text(&error)),
    );
    Ok(TableIterator::once(row))
}

fn time(microseconds: i64) -> Option<TimestampWithTimeZone> {
    (microseconds != 0)
        .then(|| TimestampWithTimeZone::try_from(microseconds).ok())
        .flatten()
}

/// Whether events may be missing that no comparison has made up for yet.
fn has_gap(database: &Database) -> bool {
    database.work.gap || database.begun.gap
}

/// In words: a monitor that is not there is as it should be.
fn process_state(pid: Option<i32>, absent: &str) -> String {
    match pid {
        None => "not preloaded".to_owned(),
        Some(0) => absent.to_owned(),
        Some(pid) => format!("running (process {pid})"),
    }
}

fn embedder_state() -> String {
    match shared::embedder() {
        None => "not preloaded".to_owned(),
        Some(embedder) => match embedder.state {
            EmbedderState::Down => "not running".to_owned(),
            EmbedderState::Loading => "loading the model".to_owned(),
            EmbedderState::Ready => format!("ready (process {})", embedder.pid),
            EmbedderState::Failed => format!("no model: {}", embedder.error.get().unwrap_or_default()),
        },
    }
}

/// Waits until every committed change is recorded and embedded; `false` when the time is up.
#[pg_extern(sql = false)]
fn wait_until_indexed(timeout: Interval) -> std::result::Result<bool, ErrorReport> {
    let deadline = now() + timeout.as_micros().clamp(0, i64::MAX as i128 / 4) as i64;
    loop {
        if is_indexed()? {
            return Ok(true);
        }
        if now() >= deadline || !shared::is_preloaded() {
            return Ok(false);
        }
        latch::wait(10 * MILLISECOND);
    }
}

fn is_indexed() -> Result<bool> {
    let recorded = recorded()?;
    let busy = shared::with_database(process::database(), |entry| {
        entry.work.pending || has_gap(entry) || entry.begun.force
    })
    .unwrap_or(false);
    // Announced, so that a listener that starts now hears of later versions only.
    if recorded.version == 0 || recorded.uncovered > 0 || busy || !recorded.is_announced {
        return Ok(false);
    }
    match worker::configured_model() {
        Ok(model) => with_fresh_snapshot(|| index::is_complete(&model.hash)),
        Err(_) => Ok(false),
    }
}
