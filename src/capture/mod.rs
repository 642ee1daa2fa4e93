//! What PostgreSQL calls when the schema changes: the two event-trigger functions and the commit callback.
//!
//! The trigger only appends rows to `ddl_event`, in a subtransaction of its own: it reads none of our
//! tables, takes no strong lock and sends no notification (that would break PREPARE TRANSACTION). Whatever
//! goes wrong in it, the user's DDL goes on; a flag in shared memory then makes the monitor compare
//! everything. The commit callback wakes the monitor, or the launcher that starts one.

use crate::pg::ErrorReport;
use pgrx::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::error::{Error, Result};
use crate::pg::acting::Acting;
use crate::pg::event_trigger;
use crate::pg::guc::Pinned;
use crate::pg::hook::{self, Noted, Statement};
use crate::pg::plan::{self, Kept};
use crate::pg::subtransaction::attempt;
use crate::pg::{FunctionCallInfo, extension, latch, process, shared, time, transaction};
use crate::settings;

/// Rows one DROP may leave behind: what depends on what was dropped is found by comparing.
const MAX_DROPPED_ROWS: i64 = 1_000;

static COMMANDS: Kept = Kept::new(
    c"INSERT INTO schema_monitor.ddl_event (
          xid, ordinal, occurred_at, command_tag, object_type, class_id, object_oid, column_number, schema_name,
          identity, dropped, session_role, \"current_role\", application, statement)
      SELECT
          pg_catalog.pg_current_xact_id(), $1 OPERATOR(pg_catalog.+) c.ordinal, pg_catalog.now(), c.command_tag,
          c.object_type, c.classid, c.objid, c.objsubid, c.schema_name, c.object_identity, false, $2, $3, $4,
          CASE WHEN c.object_type OPERATOR(pg_catalog.<>) 'foreign table' THEN $5 END
      FROM pg_catalog.pg_event_trigger_ddl_commands() WITH ORDINALITY AS c(
          classid, objid, objsubid, command_tag, object_type, schema_name, object_identity, in_extension, command,
          ordinal)
      WHERE NOT c.in_extension
        AND (c.schema_name IS NULL OR c.schema_name OPERATOR(pg_catalog.<>) ALL ('{pg_temp,schema_monitor}'::text[]))",
    &[plan::INT8, plan::TEXT, plan::TEXT, plan::TEXT, plan::TEXT],
);

static DROPS: Kept = Kept::new(
    c"INSERT INTO schema_monitor.ddl_event (
          xid, ordinal, occurred_at, command_tag, object_type, class_id, object_oid, column_number, schema_name,
          identity, dropped, session_role, \"current_role\", application, statement)
      SELECT
          pg_catalog.pg_current_xact_id(), $1 OPERATOR(pg_catalog.+) d.ordinal, pg_catalog.now(), $7,
          d.object_type, d.classid, d.objid, d.objsubid, d.schema_name, d.object_identity, true, $2, $3, $4, $5
      FROM pg_catalog.pg_event_trigger_dropped_objects() WITH ORDINALITY AS d(
          classid, objid, objsubid, original, normal, is_temporary, object_type, schema_name, object_name,
          object_identity, address_names, address_args, ordinal)
      WHERE (d.original OR d.normal) AND NOT d.is_temporary
        AND (d.schema_name IS NULL
             OR d.schema_name OPERATOR(pg_catalog.<>) ALL ('{pg_temp,schema_monitor,pg_toast}'::text[]))
      LIMIT $6",
    &[
        plan::INT8,
        plan::TEXT,
        plan::TEXT,
        plan::TEXT,
        plan::TEXT,
        plan::INT8,
        plan::TEXT,
    ],
);

/// Order of events within this session. Rises by enough for every row of the statement before.
static ORDINAL: AtomicI64 = AtomicI64::new(0);

/// Whether a warning has been given in this session.
static HAS_WARNED: AtomicBool = AtomicBool::new(false);

/// Whether events of the present transaction may be missing.
static HAS_GAP: AtomicBool = AtomicBool::new(false);

/// Tags whose text is kept: none that can carry a secret (roles, servers, user mappings, subscriptions,
/// foreign tables), none that is a program (functions, DO).
const TAGS_WITH_TEXT: &[&str] = &[
    "ALTER DOMAIN",
    "ALTER INDEX",
    "ALTER MATERIALIZED VIEW",
    "ALTER POLICY",
    "ALTER SCHEMA",
    "ALTER SEQUENCE",
    "ALTER STATISTICS",
    "ALTER TABLE",
    "ALTER TRIGGER",
    "ALTER TYPE",
    "ALTER VIEW",
    "COMMENT",
    "CREATE DOMAIN",
    "CREATE INDEX",
    "CREATE MATERIALIZED VIEW",
    "CREATE POLICY",
    "CREATE RULE",
    "CREATE SCHEMA",
    "CREATE SEQUENCE",
    "CREATE STATISTICS",
    "CREATE TABLE",
    "CREATE TABLE AS",
    "CREATE TRIGGER",
    "CREATE TYPE",
    "CREATE VIEW",
    "DROP DOMAIN",
    "DROP FUNCTION",
    "DROP INDEX",
    "DROP MATERIALIZED VIEW",
    "DROP POLICY",
    "DROP RULE",
    "DROP SCHEMA",
    "DROP SEQUENCE",
    "DROP STATISTICS",
    "DROP TABLE",
    "DROP TRIGGER",
    "DROP TYPE",
    "DROP VIEW",
    "GRANT",
    "REVOKE",
];

/// Registers the callbacks; for `_PG_init`. A library that is not preloaded leaves no hook behind: nobody
/// would have to be woken.
pub fn init(is_preloading: bool) {
    transaction::register_commit_callback(wake_after_commit);
    if is_preloading {
        hook::install(before_statement, after_statement);
    }
}

/// Event trigger on `ddl_command_end`.
#[pg_extern(sql = false)]
fn capture_commands(fcinfo: FunctionCallInfo) {
    // SAFETY: PostgreSQL passes the call information.  // entry point
    let command = unsafe { event_trigger::command(fcinfo) };
    capture(command, |tag| !tag.starts_with("DROP "), &COMMANDS);
}

/// Event trigger on `sql_drop`.
#[pg_extern(sql = false)]
fn capture_drops(fcinfo: FunctionCallInfo) {
    // SAFETY: PostgreSQL passes the call information.  // entry point
    let command = unsafe { event_trigger::command(fcinfo) };
    capture(command, |_| true, &DROPS);
}

fn capture(command: Result<event_trigger::Command>, wanted: fn(&str) -> bool, plan: &'static Kept) {
    let command = command.unwrap_or_else(|error| raise(error));
    if !settings::enabled() {
        note_gap();
        return;
    }
    // A read-only transaction cannot change what is declared (REINDEX fires triggers there from 17 on),
    // and the commands of an extension's script are told by the one command that runs it.
    if transaction::is_read_only() || extension::is_in_script() || !wanted(&command.tag) {
        return;
    }
    match attempt(|| append(&command, plan)) {
        Ok(0) => {}
        Ok(_) => transaction::note(),
        Err(error) if error.is_interrupt() => raise(error),
        Err(error) => {
            note_gap();
            warn_once(&error);
        }
    }
}

/// Raises an error that must not be swallowed.
fn raise(error: Error) -> ! {
    ErrorReport::from(error).report(PgLogLevel::ERROR);
    unreachable!("reporting an error unwinds")
}

/// Appends the rows of one command, as the extension's owner; gives their number.
fn append(command: &event_trigger::Command, plan: &'static Kept) -> Result<u64> {
    if let Some(extension) = extension::installed() {
        extension.require_served()?;
    }
    event_trigger::lock_without_waiting(c"ddl_event")?;
    let (session, current) = event_trigger::roles();
    let statement = match TAGS_WITH_TEXT.contains(&command.tag.as_str()) {
        true => hook::running_statement(),
        false => None,
    };
    let ordinal = ORDINAL.load(Ordering::Relaxed);
    let mut arguments: Vec<pgrx::datum::DatumWithOid<'_>> = vec![
        ordinal.into(),
        session.into(),
        current.into(),
        event_trigger::application().into(),
        statement.into(),
    ];
    if std::ptr::eq(plan, &DROPS) {
        arguments.push(MAX_DROPPED_ROWS.into());
        arguments.push(command.tag.as_str().into());
    }
    // From here on the owner's rights are in force: no name may be looked up where the caller says.
    let _pinned = Pinned::search_path();
    let _acting = Acting::as_role(command.owner);
    let rows = plan.execute(&arguments)?;
    // Filtered rows leave holes in the numbers, so the count of rows does not say how far to go on.
    ORDINAL.store(ordinal + ORDINALS_PER_STATEMENT, Ordering::Relaxed);
    Ok(rows)
}

/// Ordinals set aside for one statement; more rows than that collide and become a gap.
const ORDINALS_PER_STATEMENT: i64 = 1 << 24;

fn note_gap() {
    HAS_GAP.store(true, Ordering::Relaxed);
    transaction::note();
}

fn warn_once(error: &Error) {
    // During DROP EXTENSION our table goes before the trigger fires for the last time.
    if extension::installed().is_some() && !HAS_WARNED.swap(true, Ordering::Relaxed) {
        ereport!(
            PgLogLevel::WARNING,
            PgSqlErrorCode::ERRCODE_WARNING,
            "schema_monitor could not note a schema change",
            format!("{error}. The change itself is not affected; the next comparison will find it.")
        );
    }
}

/// After a commit that changed the schema: tells the block and wakes whoever does the work.
fn wake_after_commit() {
    let has_gap = HAS_GAP.swap(false, Ordering::Relaxed);
    wake_monitor(process::database(), has_gap);
}

fn wake_monitor(database: u32, has_gap: bool) {
    let now = time::now();
    let monitor = shared::with_database(database, |entry| {
        entry.probe = shared::Probe::Present;
        entry.work.pending = true;
        entry.work.gap |= has_gap;
        entry.commits += 1;
        entry.last_event = now;
        entry.monitor
    });
    match monitor {
        Some(0) => latch::wake(shared::with(|block| block.launcher).unwrap_or(0)),
        Some(monitor) => latch::wake(monitor),
        None => {}
    }
}

/// Before a command that needs a database to itself: the monitor in it leaves.
fn before_statement(statement: &Statement) {
    if let Statement::NeedsEmptyDatabase(name) = statement {
        let database = hook::database_by_name(name);
        // Whoever may not do it must not be able to turn our monitor out.
        if hook::may_manage_database(database) {
            crate::worker::evict(database);
        }
    }
}

fn after_statement(noted: Noted) {
    match noted {
        // The session that prepared the transaction may be gone: whoever commits it wakes the monitor.
        Noted::CommitPrepared => wake_monitor(process::database(), false),
        Noted::OurExtension => transaction::note(),
        Noted::Nothing => {}
    }
}
