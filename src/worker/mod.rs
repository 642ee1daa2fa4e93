//! The background processes: launcher, monitor, embedder; and how sessions ask them.
//!
//! The launcher (one per cluster) knows no database; it starts a monitor where there is work. A monitor
//! (one per database with work) records versions, embeds what is stale and leaves when idle. The embedder
//! (one per cluster, no database) holds the model and answers on a socket.

mod client;
mod embedder;
mod launcher;
mod monitor;
mod quarantine;
mod service;
mod session;
mod watchdog;

pub use client::{Embedded, configured_model, embed, embed_by};
pub use session::{check_in_session, index_in_session, request_check};

use std::time::Duration;

use crate::pg::time::{MILLISECOND, SECOND, now};
use crate::pg::{latch, process, shared, worker};

/// How long a barred database gets no monitor: longer than any DROP DATABASE takes.
const BARRED: i64 = 5 * SECOND;

/// Registers the static workers; for `_PG_init` under shared_preload_libraries.
pub fn init() {
    if process::is_binary_upgrade() {
        return;
    }
    let restart = Duration::from_secs(5);
    worker::register(
        "schema_monitor launcher",
        "schema_monitor_launcher",
        worker::Start::Writable,
        restart,
    );
    worker::register(
        "schema_monitor embedder",
        "schema_monitor_embedder",
        worker::Start::Readable,
        restart,
    );
}

/// Makes the monitor of a database leave and keeps it out for a while; returns when it is gone, at the
/// latest after two seconds.
pub fn evict(database: u32) {
    if database == 0 {
        return;
    }
    let bar = || {
        shared::with(|block| {
            let entry = block.databases.iter_mut().find(|entry| entry.oid == database)?;
            entry.retry_at = entry.retry_at.max(now() + BARRED);
            Some(entry.monitor)
        })
        .flatten()
        .unwrap_or(0)
    };
    let deadline = now() + 2 * SECOND;
    let mut told = 0;
    while let monitor @ 1.. = bar() {
        if monitor != told {
            process::terminate(monitor);
            told = monitor;
        }
        if now() > deadline {
            break;
        }
        latch::wait(5 * MILLISECOND);
    }
}
