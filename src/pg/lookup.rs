//! Names by OID from the system caches, remembered for one reading of the catalog.
//!
//! These see the newest committed catalog, not the snapshot: a reading that spans a DDL is thrown away.

use pgrx::pg_sys;
use std::collections::HashMap;
use std::ffi::{CStr, c_char};

use crate::error::{Error, Result};
use crate::pg::encoding::utf8;

/// What a column's type says about its columns by default.
#[derive(Clone, Copy)]
pub struct TypeDefaults {
    /// `typstorage`.
    pub storage: char,
    /// `typcollation`.
    pub collation: u32,
}

/// Remembered look-ups.
#[derive(Default)]
pub struct Lookup {
    types: HashMap<(u32, i32), String>,
    defaults: HashMap<u32, TypeDefaults>,
    roles: HashMap<u32, String>,
    collations: HashMap<u32, String>,
    operator_classes: HashMap<u32, String>,
    relations: HashMap<u32, (String, String)>,
}

fn lost(what: &'static str, oid: u32) -> Error {
    Error::Postgres {
        code: pgrx::PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
        message: format!("{what} with OID {oid} does not exist"),
        detail: None,
        hint: None,
    }
}

/// # Safety
/// `text` is null or zero-terminated.
unsafe fn owned(text: *const c_char) -> Option<String> {
    // SAFETY: as promised by the caller.
    (!text.is_null()).then(|| utf8(unsafe { CStr::from_ptr(text) }.to_bytes()))
}

impl Lookup {
    /// A type's name with its modifier, qualified unless in `pg_catalog` (search_path is pinned).
    pub fn type_name(&mut self, oid: u32, modifier: i32) -> Result<String> {
        if let Some(name) = self.types.get(&(oid, modifier)) {
            return Ok(name.clone());
        }
        let flags = pg_sys::FORMAT_TYPE_TYPEMOD_GIVEN | pg_sys::FORMAT_TYPE_INVALID_AS_NULL;
        // SAFETY: gives a palloc'd string, or NULL for an OID that is no type.
        let name = unsafe { owned(pg_sys::format_type_extended(oid.into(), modifier, flags as u16)) }
            .ok_or_else(|| lost("type", oid))?;
        self.types.insert((oid, modifier), name.clone());
        Ok(name)
    }

    /// What a type says about storage and collation.
    pub fn type_defaults(&mut self, oid: u32) -> Result<TypeDefaults> {
        if let Some(known) = self.defaults.get(&oid) {
            return Ok(*known);
        }
        // SAFETY: the tuple is released before returning, and its fixed part read before that.
        let defaults = unsafe {
            let key = pg_sys::Datum::from(pg_sys::Oid::from(oid));
            let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::TYPEOID as i32, key);
            if tuple.is_null() {
                return Err(lost("type", oid));
            }
            let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_type>();
            let defaults = TypeDefaults {
                storage: char::from((*form).typstorage as u8),
                collation: (*form).typcollation.to_u32(),
            };
            pg_sys::ReleaseSysCache(tuple);
            defaults
        };
        self.defaults.insert(oid, defaults);
        Ok(defaults)
    }

    /// A role's name; its number where the role is gone, as PostgreSQL shows it.
    pub fn role(&mut self, oid: u32) -> String {
        let found = self.roles.entry(oid).or_insert_with(|| {
            // SAFETY: with noerr it gives NULL for an OID that is no role.
            unsafe { owned(pg_sys::GetUserNameFromId(oid.into(), true)) }.unwrap_or_else(|| oid.to_string())
        });
        found.clone()
    }

    /// A collation's name as SQL writes it, qualified unless in `pg_catalog`.
    pub fn collation(&mut self, oid: u32) -> Result<String> {
        if let Some(name) = self.collations.get(&oid) {
            return Ok(name.clone());
        }
        let cache = pg_sys::SysCacheIdentifier::COLLOID as i32;
        let name = named(cache, oid, "collation", |tuple| {
            // SAFETY: the caller hands a tuple of that catalog, whose fixed part is read.
            unsafe {
                let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_collation>();
                ((*form).collname, (*form).collnamespace)
            }
        })?;
        self.collations.insert(oid, name.clone());
        Ok(name)
    }

    /// An operator class's name as SQL writes it, qualified unless in `pg_catalog`.
    pub fn operator_class(&mut self, oid: u32) -> Result<String> {
        if let Some(name) = self.operator_classes.get(&oid) {
            return Ok(name.clone());
        }
        let cache = pg_sys::SysCacheIdentifier::CLAOID as i32;
        let name = named(cache, oid, "operator class", |tuple| {
            // SAFETY: the caller hands a tuple of that catalog, whose fixed part is read.
            unsafe {
                let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_opclass>();
                ((*form).opcname, (*form).opcnamespace)
            }
        })?;
        self.operator_classes.insert(oid, name.clone());
        Ok(name)
    }

    /// Schema and name of a relation.
    pub fn relation(&mut self, oid: u32) -> Result<(String, String)> {
        if let Some(names) = self.relations.get(&oid) {
            return Ok(names.clone());
        }
        // SAFETY: both give NULL for what is not there.
        let names = unsafe {
            let name = owned(pg_sys::get_rel_name(oid.into()));
            let schema = owned(pg_sys::get_namespace_name(pg_sys::get_rel_namespace(oid.into())));
            name.zip(schema).map(|(name, schema)| (schema, name))
        };
        let names = names.ok_or_else(|| lost("relation", oid))?;
        self.relations.insert(oid, names.clone());
        Ok(names)
    }

    /// The name of a column.
    pub fn column(&self, relation: u32, number: i16) -> Result<String> {
        // SAFETY: with missing_ok it gives NULL for what is not there.
        unsafe { owned(pg_sys::get_attname(relation.into(), number, true)) }
            .ok_or_else(|| lost("column of relation", relation))
    }
}

/// The name of what a system cache has under an OID, with its schema unless that is `pg_catalog`.
fn named(
    cache: i32,
    oid: u32,
    what: &'static str,
    parts: impl Fn(pg_sys::HeapTuple) -> (pg_sys::NameData, pg_sys::Oid),
) -> Result<String> {
    // SAFETY: the tuple is released before returning, and what is read of it is copied before that; a namespace that
    // is gone gives NULL.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(pg_sys::Oid::from(oid)));
        if tuple.is_null() {
            return Err(lost(what, oid));
        }
        let (name, namespace) = parts(tuple);
        pg_sys::ReleaseSysCache(tuple);
        let name = owned(name.data.as_ptr()).unwrap_or_default();
        if namespace == pg_sys::Oid::from(pg_sys::PG_CATALOG_NAMESPACE) {
            return Ok(quoted(&name));
        }
        let schema = owned(pg_sys::get_namespace_name(namespace)).ok_or_else(|| lost(what, oid))?;
        Ok(format!("{}.{}", quoted(&schema), quoted(&name)))
    }
}

/// An identifier with quotes where it needs them.
pub fn quoted(identifier: &str) -> String {
    pgrx::spi::quote_identifier(identifier)
}
