//! This extension in the present database.

use pgrx::pg_sys;

use super::encoding::utf8;
use crate::error::{Error, Result};

/// Versions of the SQL that this library can work with: its own and the one before, which a database has between the
/// server's restart with a new library and `ALTER EXTENSION … UPDATE`.
const SERVED: &[&str] = &[env!("CARGO_PKG_VERSION")];

/// The extension as it is installed.
#[derive(PartialEq, Eq)]
pub struct Installed {
    /// Its OID.
    pub oid: u32,
    /// The version of its SQL.
    pub version: String,
}

impl Installed {
    /// An error when this library cannot work with that SQL.
    pub fn require_served(&self) -> Result<()> {
        if SERVED.contains(&self.version.as_str()) {
            return Ok(());
        }
        Err(Error::SqlVersion(self.version.clone()))
    }
}

/// Looks the extension up; `None` where it is not installed.
pub fn installed() -> Option<Installed> {
    let name = pg_sys::Datum::from(c"schema_monitor".as_ptr());
    // SAFETY: relation and scan are closed before returning; an error unwinds to the end of the (sub)transaction, which
    // releases both. The tuple is copied from before the scan ends; it begins with the struct and fits the descriptor.
    unsafe {
        let relation = pg_sys::table_open(pg_sys::ExtensionRelationId, pg_sys::AccessShareLock as i32);
        let mut key = pg_sys::ScanKeyData::default();
        pg_sys::ScanKeyInit(
            &mut key,
            pg_sys::Anum_pg_extension_extname as i16,
            pg_sys::BTEqualStrategyNumber as u16,
            pg_sys::F_NAMEEQ.into(),
            name,
        );
        let newest = std::ptr::null_mut();
        let index = pg_sys::ExtensionNameIndexId.into();
        let scan = pg_sys::systable_beginscan(relation, index, true, newest, 1, &mut key);
        let tuple = pg_sys::systable_getnext(scan);
        let found = (!tuple.is_null()).then(|| {
            let form = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_extension>();
            let mut is_null = false;
            let attribute = pg_sys::Anum_pg_extension_extversion as i32;
            let version = pg_sys::heap_getattr(tuple, attribute, (*relation).rd_att, &mut is_null);
            Installed {
                oid: form.oid.to_u32(),
                version: utf8(&super::query::bytes(version)),
            }
        });
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(relation, pg_sys::AccessShareLock as i32);
        found
    }
}

/// Whether an extension's script is running: its commands are not the user's.
pub fn is_in_script() -> bool {
    // SAFETY: reads a global.
    unsafe { pg_sys::creating_extension }
}
