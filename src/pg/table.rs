//! Reading a user's table from its first row to its last without evaluating anything of the user's: no planner, which
//! looks at index predicates and checks, no policy, no rule, no type that is not built in.

use pgrx::pg_sys;
use std::ffi::CString;

use super::encoding::utf8;
use super::query::bytes;

/// A value of one of the types that are read.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// text, varchar or char; cut off where it is longer than asked for.
    Text(String),
    /// integer or bigint.
    Integer(i64),
    /// boolean.
    Boolean(bool),
    /// timestamp, or with `zoned` timestamptz: microseconds since 2000-01-01.
    Time {
        /// Since then; the least and the greatest are the infinities.
        microseconds: i64,
        /// Whether that is UTC.
        zoned: bool,
    },
}

/// What may be read, at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Pages of the table.
    pub pages: u32,
    /// Its rows.
    pub rows: usize,
    /// Bytes of a text.
    pub bytes: usize,
}

/// The rows of a table with the columns asked for. `None` unless it is there and not locked, an ordinary table in heap
/// form without row-level security whose owner may read it, has those columns with types of [`Value`], and is within the
/// limits. Run it in a subtransaction that is rolled back: the lock goes with it.
pub fn rows(oid: u32, columns: &[&str], limits: Limits) -> Option<Vec<Vec<Option<Value>>>> {
    let oid = pg_sys::Oid::from(oid);
    // SAFETY: the lock is not waited for; a relation that is gone gives null; it is closed before returning.
    unsafe {
        if !pg_sys::ConditionalLockRelationOid(oid, pg_sys::AccessShareLock as i32) {
            return None;
        }
        let relation = pg_sys::try_table_open(oid, pg_sys::NoLock as i32);
        if relation.is_null() {
            return None;
        }
        let found = is_plain(&*(*relation).rd_rel, oid)
            && pg_sys::RelationGetNumberOfBlocksInFork(relation, pg_sys::ForkNumber::MAIN_FORKNUM) <= limits.pages;
        let columns = match found {
            true => columns.iter().map(|name| column(oid, name)).collect::<Option<Vec<_>>>(),
            false => None,
        };
        let rows = columns.and_then(|columns| scan(relation, &columns, limits));
        pg_sys::table_close(relation, pg_sys::NoLock as i32);
        rows
    }
}

fn is_plain(form: &pg_sys::FormData_pg_class, oid: pg_sys::Oid) -> bool {
    form.relkind as u8 == b'r'
        && form.relpersistence as u8 != b't'
        && !form.relrowsecurity
        && form.relam == pg_sys::HEAP_TABLE_AM_OID
        // SAFETY: asks the system caches.
        && unsafe {
            pg_sys::pg_class_aclcheck(oid, form.relowner, pg_sys::ACL_SELECT.into()) == pg_sys::AclResult::ACLCHECK_OK
        }
}

/// Number and type of a column; `None` unless it is stored and of a type that is read.
fn column(relation: pg_sys::Oid, name: &str) -> Option<(i32, pg_sys::Oid)> {
    let name = CString::new(name).ok()?;
    // SAFETY: the tuple is released before returning, and its fixed part read before that.
    let (number, type_oid, is_generated) = unsafe {
        let tuple = pg_sys::SearchSysCacheAttName(relation, name.as_ptr());
        if tuple.is_null() {
            return None;
        }
        let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_attribute>();
        let found = ((*form).attnum, (*form).atttypid, (*form).attgenerated != 0);
        pg_sys::ReleaseSysCache(tuple);
        found
    };
    let is_read = matches!(
        type_oid,
        pg_sys::BOOLOID
            | pg_sys::INT8OID
            | pg_sys::INT4OID
            | pg_sys::TEXTOID
            | pg_sys::BPCHAROID
            | pg_sys::VARCHAROID
            | pg_sys::TIMESTAMPOID
            | pg_sys::TIMESTAMPTZOID
    );
    (is_read && !is_generated).then_some((i32::from(number), type_oid))
}

/// # Safety
/// The relation is open and locked; the columns are its own.
unsafe fn scan(
    relation: pg_sys::Relation,
    columns: &[(i32, pg_sys::Oid)],
    limits: Limits,
) -> Option<Vec<Vec<Option<Value>>>> {
    let mut rows = Some(Vec::new());
    // SAFETY: the scan is ended before returning; a tuple is valid until the next is asked for, and fits the relation's
    // descriptor.
    unsafe {
        let snapshot = pg_sys::GetActiveSnapshot();
        let scan = pg_sys::systable_beginscan(relation, pg_sys::InvalidOid, false, snapshot, 0, std::ptr::null_mut());
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            let row = columns.iter().map(|(number, type_oid)| {
                let mut is_null = false;
                let datum = pg_sys::heap_getattr(tuple, *number, (*relation).rd_att, &mut is_null);
                (!is_null).then(|| value(datum, *type_oid, limits.bytes))
            });
            match &mut rows {
                Some(rows) if rows.len() < limits.rows => rows.push(row.collect()),
                _ => {
                    rows = None;
                    break;
                }
            }
        }
        pg_sys::systable_endscan(scan);
    }
    rows
}

/// # Safety
/// The datum is a value of the type, which is one of those that are read.
unsafe fn value(datum: pg_sys::Datum, type_oid: pg_sys::Oid, limit: usize) -> Value {
    match type_oid {
        pg_sys::BOOLOID => Value::Boolean(datum.value() & 0xFF != 0),
        pg_sys::INT8OID => Value::Integer(datum.value() as i64),
        pg_sys::INT4OID => Value::Integer(i64::from(datum.value() as i32)),
        pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID => Value::Time {
            microseconds: datum.value() as i64,
            zoned: type_oid == pg_sys::TIMESTAMPTZOID,
        },
        // SAFETY: a varlena; of a long one no more than the beginning is read. The copy is freed.
        _ => unsafe {
            let slice = pg_sys::pg_detoast_datum_slice(datum.cast_mut_ptr(), 0, limit as i32);
            let mut text = bytes(pg_sys::Datum::from(slice));
            pg_sys::pfree(slice.cast());
            let whole = pg_sys::pg_mbcliplen(text.as_ptr().cast(), text.len() as i32, limit as i32);
            text.truncate(whole as usize);
            Value::Text(utf8(&text))
        },
    }
}
