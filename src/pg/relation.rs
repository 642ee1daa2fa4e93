//! What the system caches know of one relation.

use pgrx::pg_sys;
use std::ffi::CStr;

/// The OID of a relation; `None` where there is none of that name.
fn find(schema: &CStr, name: &CStr) -> Option<pg_sys::Oid> {
    // SAFETY: both look-ups take zero-terminated names and give InvalidOid for what is not there.
    let oid = unsafe {
        let namespace = pg_sys::get_namespace_oid(schema.as_ptr(), true);
        pg_sys::get_relname_relid(name.as_ptr(), namespace)
    };
    (oid != pg_sys::InvalidOid).then_some(oid)
}

/// Whether there is a relation of that name. If so it stays until the end of the transaction.
pub fn hold(schema: &CStr, name: &CStr) -> bool {
    // SAFETY: the range variable points to zero-terminated names that outlive it; with missing_ok what is not there is
    // no error, and what is dropped while the lock is waited for is looked up again.
    let oid = unsafe {
        let range = pg_sys::makeRangeVar(schema.as_ptr().cast_mut(), name.as_ptr().cast_mut(), -1);
        pg_sys::RangeVarGetRelidExtended(
            range,
            pg_sys::AccessShareLock as i32,
            pg_sys::RVROption::RVR_MISSING_OK,
            None,
            std::ptr::null_mut(),
        )
    };
    oid != pg_sys::InvalidOid
}

/// Type and type modifier of a column.
pub fn column_type(schema: &CStr, name: &CStr, column: &CStr) -> Option<(u32, i32)> {
    let relation = find(schema, name)?;
    // SAFETY: the tuple is released before returning, and its fixed part read before that.
    unsafe {
        let tuple = pg_sys::SearchSysCacheAttName(relation, column.as_ptr());
        if tuple.is_null() {
            return None;
        }
        let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_attribute>();
        let found = ((*form).atttypid.to_u32(), (*form).atttypmod);
        pg_sys::ReleaseSysCache(tuple);
        Some(found)
    }
}

/// Rows as of the last VACUUM or ANALYZE; `None` where that is not known.
pub fn estimated_rows(schema: &CStr, name: &CStr) -> Option<f32> {
    let relation = find(schema, name)?;
    // SAFETY: the tuple is released before returning, and its fixed part read before that.
    let rows = unsafe {
        let key = pg_sys::Datum::from(relation);
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as i32, key);
        if tuple.is_null() {
            return None;
        }
        let rows = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>()).reltuples;
        pg_sys::ReleaseSysCache(tuple);
        rows
    };
    (rows >= 0.0).then_some(rows)
}
