//! Which columns the setting `mask` hides from the effective user.
//!
//! Asked for every row of a search, so answers are kept as those about rights are: for one role and one setting, until the
//! caches they were read from are invalidated.

use pgrx::pg_sys;
use schema::Mask;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, c_char};

use super::encoding::utf8;
use super::right;
use crate::error::Result;
use crate::settings;

struct Known {
    role: pg_sys::Oid,
    at: u64,
    setting: String,
    mask: Mask,
    manages: bool,
    hidden: HashMap<(u32, i16), bool>,
}

thread_local! {
    static KNOWN: RefCell<Option<Known>> = const { RefCell::new(None) };
}

/// Whether a column is hidden. `manages` says whether the effective user manages the extension, from whom nothing is.
///
/// # Errors
/// A setting that cannot be read.
pub fn hides(relation: u32, column: i16, manages: impl FnOnce() -> Result<bool>) -> Result<bool> {
    let setting = settings::mask_text();
    if column <= 0 || setting.is_empty() {
        return Ok(false);
    }
    // SAFETY: reads a global.
    let role = unsafe { pg_sys::GetUserId() };
    let at = right::invalidations();
    let mut known = match KNOWN.take() {
        Some(known) if known.role == role && known.at == at && known.setting == setting => known,
        _ => Known {
            role,
            at,
            mask: settings::mask()?,
            setting,
            manages: manages()?,
            hidden: HashMap::new(),
        },
    };
    let hides = !known.manages && known.hides(relation, column);
    KNOWN.set(Some(known));
    Ok(hides)
}

impl Known {
    fn hides(&mut self, relation: u32, column: i16) -> bool {
        let mask = &self.mask;
        // What was dropped meanwhile has no name, and is not shown either.
        *self.hidden.entry((relation, column)).or_insert_with(|| {
            names(relation, column).is_none_or(|[schema, table, column]| mask.covers(&schema, &table, &column))
        })
    }
}

/// Names of the schema, the relation and the column.
fn names(relation: u32, column: i16) -> Option<[String; 3]> {
    // SAFETY: look-ups by OID and number that give a copy, or nothing for what is not there.
    unsafe {
        let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relation.into()));
        let table = pg_sys::get_rel_name(relation.into());
        let column = pg_sys::get_attname(relation.into(), column, true);
        Some([owned(schema)?, owned(table)?, owned(column)?])
    }
}

/// # Safety
/// A zero-terminated string, or nothing.
unsafe fn owned(text: *const c_char) -> Option<String> {
    // SAFETY: as promised by the caller.
    (!text.is_null()).then(|| utf8(unsafe { CStr::from_ptr(text) }.to_bytes()))
}
