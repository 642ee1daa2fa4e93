//! A statement prepared once per session.

use pgrx::datum::DatumWithOid;
use pgrx::pg_sys;
use std::ffi::CStr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::encoding::parameter;
use crate::error::{Error, Result};

/// Types of parameters.
pub const INT8: pg_sys::Oid = pg_sys::INT8OID;
/// As above.
pub const TEXT: pg_sys::Oid = pg_sys::TEXTOID;

/// A statement whose plan is kept for the rest of the session; PostgreSQL plans it again by itself when
/// what it names changes.
pub struct Kept {
    sql: &'static CStr,
    types: &'static [pg_sys::Oid],
    plan: AtomicPtr<pg_sys::_SPI_plan>,
}

impl Kept {
    /// A statement with the types of its parameters. Nothing is prepared yet.
    pub const fn new(sql: &'static CStr, types: &'static [pg_sys::Oid]) -> Kept {
        Kept {
            sql,
            types,
            plan: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// Runs it; gives the number of rows.
    pub fn execute(&self, arguments: &[DatumWithOid<'_>]) -> Result<u64> {
        assert_eq!(
            arguments.len(),
            self.types.len(),
            "a kept plan got another number of arguments"
        );
        // The datums are used before `arguments` goes out of scope.
        let datum = |argument: &DatumWithOid<'_>| argument.datum().map(|datum| datum.sans_lifetime());
        let mut values: Vec<pg_sys::Datum> = arguments
            .iter()
            // SAFETY: the argument's type is what its datum was made of.
            .map(|argument| datum(argument).map(|datum| unsafe { parameter(argument.oid(), datum) }))
            .map(|datum| datum.unwrap_or(pg_sys::Datum::from(0)))
            .collect();
        let nulls: Vec<std::ffi::c_char> = arguments
            .iter()
            .map(|argument| if datum(argument).is_some() { b' ' } else { b'n' } as std::ffi::c_char)
            .collect();
        // SAFETY: SPI is connected and finished here, an error unwinds to the end of the subtransaction,
        // which cleans up; the plan is kept by SPI_keepplan before it is remembered; the arrays have as
        // many entries as the plan has parameters.
        unsafe {
            pg_sys::SPI_connect();
            let mut plan = self.plan.load(Ordering::Relaxed);
            if plan.is_null() {
                plan = pg_sys::SPI_prepare(
                    self.sql.as_ptr(),
                    self.types.len() as i32,
                    self.types.as_ptr().cast_mut(),
                );
                if plan.is_null() || pg_sys::SPI_keepplan(plan) != 0 {
                    pg_sys::SPI_finish();
                    return Err(Error::Unsettled);
                }
                self.plan.store(plan, Ordering::Relaxed);
            }
            let status = pg_sys::SPI_execute_plan(plan, values.as_mut_ptr(), nulls.as_ptr(), false, 0);
            let processed = pg_sys::SPI_processed;
            pg_sys::SPI_finish();
            if status < 0 {
                Err(Error::Unsettled)
            } else {
                Ok(processed)
            }
        }
    }
}
