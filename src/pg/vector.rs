//! `Vec<f32>` ↔ pgvector's type, in its binary wire format as the pgvector crate writes it.

use bytes::BytesMut;
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys;
use pgvector::Vector;
use postgres_types::{ToSql, Type};
use std::ffi::CStr;

use crate::error::{Error, Result};

/// A datum of the vector type with this OID.
pub fn datum(values: Vec<f32>, type_oid: pg_sys::Oid) -> Result<pg_sys::Datum> {
    let mut wire = BytesMut::new();
    // The crate writes the same bytes whatever type it is told.
    Vector::from(values)
        .to_sql(&Type::ANY, &mut wire)
        .map_err(|error| Error::Content {
            place: "a vector",
            reason: error.to_string(),
        })?;
    // SAFETY: the receive function is that of the type; the buffer lives across the call and is read, not
    // kept.
    unsafe {
        let (mut receive, mut parameter) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
        pg_sys::getTypeBinaryInputInfo(type_oid, &mut receive, &mut parameter);
        let mut message = pg_sys::StringInfoData {
            data: wire.as_mut_ptr().cast(),
            len: wire.len() as i32,
            maxlen: wire.len() as i32,
            cursor: 0,
        };
        Ok(pg_sys::OidReceiveFunctionCall(receive, &mut message, parameter, -1))
    }
}

/// pgvector's operator for the cosine distance, with the schema that the vector type with this OID is in.
pub fn cosine_distance(type_oid: u32) -> String {
    // SAFETY: the tuple is released after it was read, and begins with the struct.
    let schema = unsafe {
        let key = pg_sys::Datum::from(type_oid);
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::TYPEOID as i32, key);
        if tuple.is_null() {
            return "<=>".to_owned();
        }
        let schema = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_type>()).typnamespace;
        pg_sys::ReleaseSysCache(tuple);
        schema
    };
    // SAFETY: gives NULL for what is not there, else a zero-terminated string.
    let schema = unsafe {
        let name = pg_sys::get_namespace_name(schema);
        if name.is_null() {
            return "<=>".to_owned();
        }
        CStr::from_ptr(name).to_string_lossy().into_owned()
    };
    format!("OPERATOR({}.<=>)", super::lookup::quoted(&schema))
}

/// The same as an argument of a query.
pub fn argument(values: Vec<f32>, type_oid: u32) -> Result<DatumWithOid<'static>> {
    let datum = datum(values, type_oid.into())?;
    // SAFETY: the datum is of that type and lives in the memory context of the caller's statement.
    Ok(unsafe { DatumWithOid::new(Raw(datum), type_oid.into()) })
}

/// A datum of a type that is known only at run time.
struct Raw(pg_sys::Datum);

impl pgrx::IntoDatum for Raw {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(self.0)
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::InvalidOid
    }
}
