//! Transactions of workers, snapshots, and what happens at their end.

use pgrx::pg_sys;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::pg::subtransaction::caught;

/// Runs `body` in a transaction of its own; rolled back on an error, which is given back as a value.
/// For workers only: a session has its transaction already.
pub fn run<R>(body: impl FnOnce() -> Result<R>) -> Result<R> {
    // SAFETY: a worker's main loop is outside any transaction; each start is paired with a commit or an
    // abort here.
    unsafe {
        pg_sys::SetCurrentStatementStartTimestamp();
        pg_sys::StartTransactionCommand();
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
    }
    let outcome = caught(|| {
        let value = body()?;
        // SAFETY: pops the snapshot pushed above and commits the transaction begun above.
        unsafe {
            pg_sys::PopActiveSnapshot();
            pg_sys::CommitTransactionCommand();
        }
        Ok(value)
    });
    if outcome.is_err() {
        // SAFETY: ends whatever is left of the transaction.
        unsafe { pg_sys::AbortCurrentTransaction() };
    }
    outcome
}

/// Runs `body` under a snapshot taken now.
pub fn with_fresh_snapshot<R>(body: impl FnOnce() -> Result<R>) -> Result<R> {
    // SAFETY: pushed and popped in pairs; an error unwinds past the pop, and the abort of the
    // (sub)transaction then drops the snapshot.
    unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot()) };
    let outcome = body();
    // SAFETY: as above.
    unsafe { pg_sys::PopActiveSnapshot() };
    outcome
}

/// Whether every statement of the present transaction sees the snapshot of the first.
pub fn keeps_its_snapshot() -> bool {
    // SAFETY: reads a global. The macro IsolationUsesXactSnapshot is this comparison.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32 }
}

/// Whether the present transaction may not write.
pub fn is_read_only() -> bool {
    // SAFETY: reads globals.
    unsafe { pg_sys::XactReadOnly || pg_sys::RecoveryInProgress() }
}

/// Whether the server is in recovery.
pub fn in_recovery() -> bool {
    // SAFETY: reads shared state.
    unsafe { pg_sys::RecoveryInProgress() }
}

static ON_COMMIT: AtomicBool = AtomicBool::new(false);

/// Whether the present transaction has asked for the commit callback.
pub fn has_noted() -> bool {
    ON_COMMIT.load(Ordering::Relaxed)
}

/// Asks for the commit callback at the end of the present transaction.
pub fn note() {
    ON_COMMIT.store(true, Ordering::Relaxed);
}

/// Function called after a commit that [`note`] asked for. It must not fail.
pub type CommitCallback = fn();

static mut CALLBACK: Option<CommitCallback> = None;

/// Registers the callback, once per process.
pub fn register_commit_callback(callback: CommitCallback) {
    // SAFETY: called from _PG_init, before anything else of ours runs in this process.
    unsafe {
        CALLBACK = Some(callback);
        pg_sys::RegisterXactCallback(Some(at_end_of_transaction), std::ptr::null_mut());
    }
}

/// PostgreSQL calls this at the end of every transaction.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn at_end_of_transaction(event: pg_sys::XactEvent::Type, _argument: *mut std::ffi::c_void) {
    use pg_sys::XactEvent::{XACT_EVENT_ABORT, XACT_EVENT_COMMIT, XACT_EVENT_PREPARE};
    if matches!(event, XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE)
        && ON_COMMIT.swap(false, Ordering::Relaxed)
        && event == XACT_EVENT_COMMIT
    {
        // SAFETY: written once, before the callback was registered.
        if let Some(callback) = unsafe { CALLBACK } {
            callback();
        }
    }
}

/// Waits until a committed transaction (a full transaction id) has told everybody what it changed and released its
/// locks, and takes notice of it.
pub fn wait_for_end(transaction: i64) {
    let xid = pg_sys::TransactionId::from(transaction as u32);
    // SAFETY: both are made to be called in a transaction; the first refuses to wait for the present one, which is
    // asked before. The relation and the row would only be named in a message.
    unsafe {
        if !pg_sys::TransactionIdIsCurrentTransactionId(xid) {
            let none = std::ptr::null_mut();
            pg_sys::XactLockTableWait(xid, none, std::ptr::null_mut(), pg_sys::XLTW_Oper::XLTW_None);
        }
        pg_sys::AcceptInvalidationMessages();
    }
}

/// Fails unless the present transaction can be the one in which the schema is compared.
pub fn require_usable_for_check() -> Result<()> {
    if is_read_only() {
        return Err(Error::ReadOnly("check()"));
    }
    if keeps_its_snapshot() {
        return Err(Error::TransactionInUse(
            "keeps its first snapshot (REPEATABLE READ or SERIALIZABLE)",
        ));
    }
    if has_noted() {
        return Err(Error::TransactionInUse("has changed the schema"));
    }
    Ok(())
}
