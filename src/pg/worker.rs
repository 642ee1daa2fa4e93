//! Background workers: registered at server start or started on demand, ended by SIGTERM at once.

use pgrx::bgworkers::{BackgroundWorkerBuilder, BgWorkerStartTime};
use pgrx::prelude::*;
use pgrx::{IntoDatum, pg_sys};
use std::ffi::CString;
use std::time::Duration;

/// When a registered worker starts.
#[derive(Clone, Copy)]
pub enum Start {
    /// As soon as the server can be read, also as a standby.
    Readable,
    /// When the server can be written: at once on a primary, after promotion on a standby.
    Writable,
}

/// Registers a worker of this library with the postmaster; for `_PG_init` only. It starts again a while
/// after it ended for whatever reason but success.
pub fn register(name: &str, function: &str, start: Start, restart: Duration) {
    BackgroundWorkerBuilder::new(name)
        .set_type(name)
        .set_library("schema_monitor")
        .set_function(function)
        .enable_shmem_access(None)
        .enable_spi_access()
        .set_start_time(match start {
            Start::Readable => BgWorkerStartTime::ConsistentState,
            Start::Writable => BgWorkerStartTime::RecoveryFinished,
        })
        .set_restart_time(Some(restart))
        .load();
}

/// Asks for a worker for a database. `false` when every worker slot of the server is taken.
pub fn start_for_database(name: &str, function: &str, database: u32) -> bool {
    BackgroundWorkerBuilder::new(name)
        .set_type("schema_monitor monitor")
        .set_library("schema_monitor")
        .set_function(function)
        .enable_spi_access()
        .set_argument(pg_sys::Oid::from(database).into_datum())
        .set_notify_pid(crate::pg::process::pid())
        .load_dynamic()
        .is_ok()
}

// The handlers themselves, not pgrx's wrappers of them: those set a jump target, which a signal handler
// must not.
unsafe extern "C-unwind" {
    fn die(signal: i32);
    fn SignalHandlerForConfigReload(signal: i32);
}

/// Installs signal handlers and lets signals in. SIGTERM is PostgreSQL's own `die`: pgrx's handler only
/// sets a flag, so that a running query went on for seconds.
pub fn accept_signals() {
    // SAFETY: the handlers are PostgreSQL's own, made for processes like this one.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        use pg_sys::pqsignal;
        #[cfg(feature = "pg18")]
        use pg_sys::pqsignal_be as pqsignal;
        pqsignal(pg_sys::SIGTERM as i32, Some(die));
        pqsignal(pg_sys::SIGHUP as i32, Some(SignalHandlerForConfigReload));
        pg_sys::BackgroundWorkerUnblockSignals();
    }
}

/// Connects to the shared catalogs only.
pub fn connect_to_shared_catalogs() {
    // SAFETY: once per worker, after accept_signals.
    unsafe { pg_sys::BackgroundWorkerInitializeConnection(std::ptr::null(), std::ptr::null(), 0) };
}

/// Connects to a database as its bootstrap superuser; ends the process when that cannot be.
pub fn connect_to_database(database: u32) {
    // SAFETY: once per worker, after accept_signals.
    unsafe { pg_sys::BackgroundWorkerInitializeConnectionByOid(database.into(), pg_sys::InvalidOid, 0) };
}

/// Reads the configuration files again if SIGHUP asked for it; whether it did.
pub fn reload_if_asked() -> bool {
    // SAFETY: the flag is set by the handler; resetting and reloading is what every worker of
    // PostgreSQL does in its main loop.
    unsafe {
        if pg_sys::ConfigReloadPending == 0 {
            return false;
        }
        pg_sys::ConfigReloadPending = 0;
        pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP);
    }
    true
}

/// Registers what must happen when this process ends, also by FATAL, which does not unwind. To be called before
/// the process connects: callbacks run last to first, so this one runs when the process is in no database any more.
pub fn on_exit(callback: unsafe extern "C-unwind" fn(i32, pg_sys::Datum)) {
    // SAFETY: the callback is a function of this library, which is never unloaded.
    unsafe { pg_sys::on_shmem_exit(Some(callback), pg_sys::Datum::from(0)) };
}

/// What pg_stat_activity shows.
pub fn report(activity: &str) {
    let Ok(activity) = CString::new(activity) else {
        return;
    };
    // SAFETY: the text is copied.
    unsafe { pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, activity.as_ptr()) };
}

/// Shows the process as idle and sends the statistics it gathered.
pub fn report_idle() {
    // SAFETY: both calls are made for the main loop of a worker, outside a transaction.
    unsafe {
        pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_IDLE, std::ptr::null());
        pg_sys::pgstat_report_stat(true);
    }
}

/// Ends this worker so that the postmaster starts it again after its restart time.
#[allow(
    unreachable_code,
    reason = "the bindings of some major versions say that proc_exit does not return"
)]
pub fn leave_and_return() -> ! {
    // SAFETY: ends the process the way PostgreSQL's processes do.
    unsafe { pg_sys::proc_exit(1) };
    unreachable!("proc_exit does not return")
}

/// Writes a line to the server log.
pub fn log(line: &str) {
    ereport!(PgLogLevel::LOG, PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, line);
}
