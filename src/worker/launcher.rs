//! The launcher: starts a monitor for each database that has work, never more than allowed.
//!
//! It sees the shared catalogs only. After a start each connectable, non-template database is looked at
//! once by a short-lived monitor, one at a time; later news comes from commits.

use pgrx::prelude::*;

use crate::error::Result;
use crate::pg::shared::{Database, Probe};
use crate::pg::time::{SECOND, now};
use crate::pg::{Datum, database, latch, process, shared, transaction, worker};
use crate::settings;

/// How long a monitor may take to come up before it counts as failed.
const START_LIMIT: i64 = 10 * SECOND;

/// How often the list of databases is read.
const LIST_INTERVAL: i64 = 60 * SECOND;

/// Entry point of the process.
#[pg_guard]
#[unsafe(no_mangle)] // entry point
pub extern "C-unwind" fn schema_monitor_launcher(_argument: Datum) {
    worker::accept_signals();
    worker::connect_to_shared_catalogs();
    worker::on_exit(leave);
    shared::with(|block| {
        block.launcher = process::pid();
        // What a crashed predecessor left behind.
        for database in &mut block.databases {
            database.starting_since = 0;
        }
    });
    let mut list_at = 0;
    loop {
        worker::reload_if_asked();
        if now() >= list_at {
            if let Err(error) = list_databases() {
                worker::log(&format!("schema_monitor launcher: cannot list databases: {error}"));
            }
            list_at = now() + LIST_INTERVAL;
        }
        let next = start_monitors().min(list_at);
        worker::report_idle();
        latch::wait(next - now());
    }
}

/// Makes an entry for each database there is and drops those of databases that are gone.
fn list_databases() -> Result<()> {
    let present = transaction::run(|| Ok(database::connectable()))?;
    shared::with(|block| {
        for entry in block
            .databases
            .iter_mut()
            .filter(|entry| entry.oid != 0 && entry.monitor == 0)
        {
            if !present.contains(&entry.oid) {
                *entry = Database::default();
            }
        }
    });
    for oid in present {
        shared::with_database(oid, |_| ());
    }
    Ok(())
}

/// Starts what may be started; gives the time of the next look.
fn start_monitors() -> i64 {
    let (now, interval) = (now(), settings::check_interval());
    let mut next = now + LIST_INTERVAL;
    let mut to_start: Vec<u32> = Vec::new();
    shared::with(|block| {
        let mut running = 0;
        for entry in block.databases.iter_mut().filter(|entry| entry.oid != 0) {
            if entry.starting_since != 0 && entry.monitor == 0 && now - entry.starting_since > START_LIMIT {
                entry.starting_since = 0;
                back_off(entry, now, "the monitor did not come up");
            }
            if entry.monitor == 0 && entry.starting_since == 0 && is_due(entry, now, interval) {
                if entry.retry_at > now {
                    next = next.min(entry.retry_at);
                } else {
                    to_start.push(entry.oid);
                }
            } else if entry.monitor != 0 || entry.starting_since != 0 {
                running += 1;
            }
            if let (Probe::Present, Some(interval)) = (entry.probe, interval) {
                next = next.min((entry.reconciled_at + interval).max(now + SECOND));
            }
        }
        // Databases that nobody has asked about wait until those with work are served, each in turn.
        let entry_of = |oid: &u32| block.databases.iter().find(|entry| entry.oid == *oid);
        to_start.sort_by_key(|oid| entry_of(oid).map(|entry| (!entry.work.pending, entry.last_check)));
        to_start.truncate(settings::max_workers().saturating_sub(running));
        for entry in block.databases.iter_mut().filter(|entry| to_start.contains(&entry.oid)) {
            entry.starting_since = now;
        }
    });
    for oid in to_start {
        next = next.min(now + START_LIMIT);
        let name = format!("schema_monitor monitor for database {oid}");
        if !worker::start_for_database(&name, "schema_monitor_monitor", oid) {
            // All slots are taken by others: quietly try again.
            shared::with_database(oid, |entry| {
                entry.starting_since = 0;
                entry.retry_at = now + 5 * SECOND;
            });
            next = next.min(now + 5 * SECOND);
        }
    }
    next
}

/// Whether it is time to compare everything. The interval is the one of now, not of the last time.
pub fn is_to_be_reconciled(entry: &Database, now: i64, interval: Option<i64>) -> bool {
    interval.is_some_and(|interval| entry.reconciled_at + interval <= now)
}

/// Whether every place is taken while a database other than this one has work.
pub fn others_wait(database: u32) -> bool {
    let now = now();
    let wait = shared::with(|block| {
        let running = block
            .databases
            .iter()
            .filter(|entry| entry.monitor != 0 || entry.starting_since != 0);
        let is_full = running.count() >= settings::max_workers();
        let waits = |entry: &Database| {
            let has_work = entry.work.pending || entry.requested > entry.completed;
            entry.oid != 0 && entry.monitor == 0 && entry.starting_since == 0 && has_work && entry.retry_at <= now
        };
        is_full
            && block
                .databases
                .iter()
                .any(|entry| entry.oid != database && waits(entry))
    });
    wait == Some(true)
}

fn is_due(entry: &Database, now: i64, interval: Option<i64>) -> bool {
    match entry.probe {
        Probe::Unknown => true,
        Probe::Absent => entry.work.pending,
        Probe::Present => {
            entry.work.pending || entry.requested > entry.completed || is_to_be_reconciled(entry, now, interval)
        }
    }
}

/// Waits twice as long after each failure in a row, from one second to five minutes.
pub fn back_off(entry: &mut Database, now: i64, reason: &str) {
    entry.failures = entry.failures.saturating_add(1);
    let seconds = 1_i64 << entry.failures.saturating_sub(1).min(9);
    entry.retry_at = now + seconds.min(300) * SECOND;
    entry.error.set(reason);
}

/// Gives every database with the extension another look: the model is there now.
pub fn wake_all() {
    let launcher = shared::with(|block| {
        for entry in block.databases.iter_mut().filter(|entry| entry.probe == Probe::Present) {
            entry.work.pending = true;
        }
        block.launcher
    });
    latch::wake(launcher.unwrap_or(0));
}

/// When the process ends.
#[pg_guard] // entry point
unsafe extern "C-unwind" fn leave(_code: i32, _argument: Datum) {
    shared::with(|block| {
        if block.launcher == process::pid() {
            block.launcher = 0;
        }
    });
}
