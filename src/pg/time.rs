//! Time as PostgreSQL counts it: microseconds since 2000-01-01.

use pgrx::pg_sys;

/// Now, in microseconds since 2000-01-01 UTC.
pub fn now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

/// One millisecond.
pub const MILLISECOND: i64 = 1_000;

/// One second.
pub const SECOND: i64 = 1_000_000;
