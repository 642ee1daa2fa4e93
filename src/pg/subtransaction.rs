//! Subtransactions: go on after an error, or leave no trace.
//!
//! pgrx turns an error into a Rust panic and can catch it, but catching does not undo what the failed
//! statement held: only a subtransaction that is rolled back does.

use pgrx::pg_sys;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgSqlErrorCode, PgTryBuilder};
use std::panic::AssertUnwindSafe;

use crate::error::{Error, Result};

/// Runs `body` in a subtransaction that is kept when it succeeds and rolled back when it fails.
pub fn attempt<R>(body: impl FnOnce() -> Result<R>) -> Result<R> {
    run(body, true)
}

/// Runs `body` in a subtransaction that is always rolled back, so that the locks it took go.
pub fn undone<R>(body: impl FnOnce() -> Result<R>) -> Result<R> {
    run(body, false)
}

fn run<R>(body: impl FnOnce() -> Result<R>, keep: bool) -> Result<R> {
    // SAFETY: begun and ended here in pairs; memory context and resource owner are put back as
    // PL/pgSQL does around its exception blocks.
    let (context, owner) = unsafe {
        let saved = (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner);
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(saved.0);
        saved
    };
    let outcome = caught(body);
    // SAFETY: as above; exactly one of the two ends the subtransaction begun above.
    unsafe {
        if keep && outcome.is_ok() {
            pg_sys::ReleaseCurrentSubTransaction();
        } else {
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
        }
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
    }
    outcome
}

/// Runs `body` and gives an error PostgreSQL raised as a value. The caller must roll back.
pub(super) fn caught<R>(body: impl FnOnce() -> Result<R>) -> Result<R> {
    let mut body = Some(body);
    PgTryBuilder::new(AssertUnwindSafe(|| {
        body.take().map_or_else(|| Err(Error::Unsettled), |body| body())
    }))
    .catch_others(|error| Err(told(error)))
    .catch_rust_panic(|error| Err(told(error)))
    .execute()
}

fn told(error: CaughtError) -> Error {
    match error {
        CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => Error::Postgres {
            code: report.sql_error_code(),
            message: report.message().to_owned(),
            detail: report.detail().map(str::to_owned),
            hint: report.hint().map(str::to_owned),
        },
        CaughtError::RustPanic { ereport, .. } => Error::Postgres {
            code: PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
            message: ereport.message().to_owned(),
            detail: ereport.detail().map(str::to_owned),
            hint: None,
        },
    }
}
