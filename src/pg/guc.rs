//! Settings of the server held at given values for a while.

use pgrx::pg_sys;
use std::ffi::{CStr, CString};

/// Settings that go back to what they were when this is dropped. When an error unwinds past it, the end
/// of the (sub)transaction puts them back, too.
pub struct Pinned {
    level: i32,
}

/// What changes the text of `pg_get_*def`, so that a definition is the same whoever reads it.
const CANONICAL: &[(&CStr, &CStr)] = &[
    (c"search_path", c"pg_catalog"),
    (c"DateStyle", c"ISO, YMD"),
    (c"TimeZone", c"UTC"),
    (c"IntervalStyle", c"postgres"),
    (c"extra_float_digits", c"1"),
    (c"bytea_output", c"hex"),
    (c"quote_all_identifiers", c"off"),
    (c"standard_conforming_strings", c"on"),
];

impl Pinned {
    /// Pins what decides the text of definitions.
    pub fn canonical() -> Pinned {
        Pinned::at(CANONICAL)
    }

    /// Pins where names are looked up to PostgreSQL's own schema.
    pub fn search_path() -> Pinned {
        Pinned::at(&[(c"search_path", c"pg_catalog, pg_temp")])
    }

    /// Pins settings at values.
    pub fn at(settings: &[(&CStr, &CStr)]) -> Pinned {
        // SAFETY: opens a nest level that Drop closes.
        let level = unsafe { pg_sys::NewGUCNestLevel() };
        let pinned = Pinned { level };
        for (name, value) in settings {
            set(name, value, pg_sys::GucAction::GUC_ACTION_SAVE);
        }
        pinned
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: closes the level opened by the constructor.
        unsafe { pg_sys::AtEOXact_GUC(true, self.level) };
    }
}

/// Sets a setting for the rest of this process.
pub fn set_for_process(name: &CStr, value: &str) {
    if let Ok(value) = CString::new(value) {
        set(name, &value, pg_sys::GucAction::GUC_ACTION_SET);
    }
}

fn set(name: &CStr, value: &CStr, action: pg_sys::GucAction::Type) {
    // SAFETY: both strings are zero-terminated and copied by the callee.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            pg_sys::GucSource::PGC_S_SESSION,
            action,
            true,
            0,
            false,
        );
    }
}
