//! The list of databases, for a process that is connected to none: without `pg_class` there is no SQL, so
//! the shared catalog is scanned as the autovacuum launcher does it.

use pgrx::pg_sys;

/// OIDs of the databases that accept connections and are no templates. Runs in a transaction.
pub fn connectable() -> Vec<u32> {
    let mut databases = Vec::new();
    // SAFETY: pg_database is a nailed relation, so it opens without a database; a tuple is read while the
    // scan is on it; scan and relation are closed in order.
    unsafe {
        let relation = pg_sys::table_open(pg_sys::DatabaseRelationId, pg_sys::AccessShareLock as i32);
        let scan = pg_sys::systable_beginscan(
            relation,
            pg_sys::InvalidOid,
            false,
            std::ptr::null_mut(),
            0,
            std::ptr::null_mut(),
        );
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_database>();
            // -2 marks a database whose DROP was interrupted.
            if (*form).datallowconn && !(*form).datistemplate && (*form).datconnlimit != -2 {
                databases.push((*form).oid.to_u32());
            }
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(relation, pg_sys::AccessShareLock as i32);
    }
    databases
}
