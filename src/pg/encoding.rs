//! Text between Rust, which knows UTF-8 only, and the database's encoding.
//!
//! pgrx copies the bytes of a `&str` into a text and takes those of a text for UTF-8. In a database of another
//! encoding both are wrong, so functions of SQL take and give the bytes of a text ([`ServerText`]), and parameters
//! of queries are converted on their way.

use pgrx::pg_sys;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use std::ffi::{CStr, CString};

use super::query::{bytes, elements};

/// The bytes of a `text` in the database's encoding: what a function of SQL takes and gives.
pub type ServerText = Vec<u8>;

const UTF8: i32 = pg_sys::pg_enc::PG_UTF8 as i32;

/// Whether texts of the database are taken as they are. SQL_ASCII knows no characters, only bytes.
fn is_same() -> bool {
    // SAFETY: reads a global.
    let encoding = unsafe { pg_sys::GetDatabaseEncoding() };
    encoding == UTF8 || encoding == pg_sys::pg_enc::PG_SQL_ASCII as i32
}

/// Text of the database's encoding as UTF-8; what cannot be converted is replaced.
pub fn utf8(bytes: &[u8]) -> String {
    let converted = match is_same() || bytes.is_ascii() {
        true => None,
        // SAFETY: the function gives its argument or a palloc'd zero-terminated copy.
        false => convert(bytes, |text, length| unsafe {
            pg_sys::pg_server_to_any(text, length, UTF8)
        }),
    };
    String::from_utf8_lossy(converted.as_deref().unwrap_or(bytes)).into_owned()
}

/// UTF-8 as text of the database's encoding. A character that it lacks is an error (22P05).
pub fn server_text(text: &str) -> ServerText {
    let converted = match is_same() || text.is_ascii() {
        true => None,
        // SAFETY: as above.
        false => convert(text.as_bytes(), |text, length| unsafe {
            pg_sys::pg_any_to_server(text, length, UTF8)
        }),
    };
    converted.unwrap_or_else(|| text.as_bytes().to_vec())
}

fn convert(bytes: &[u8], by: impl Fn(*const std::ffi::c_char, i32) -> *mut std::ffi::c_char) -> Option<Vec<u8>> {
    let zero_terminated = CString::new(bytes).ok()?;
    let converted = by(zero_terminated.as_ptr(), bytes.len() as i32);
    // SAFETY: a zero-terminated string, the argument itself or a copy.
    Some(unsafe { CStr::from_ptr(converted) }.to_bytes().to_vec())
}

/// A parameter made of Rust strings, in the database's encoding.
///
/// # Safety
/// The datum is a value of the type.
pub(super) unsafe fn parameter(type_oid: pg_sys::Oid, datum: pg_sys::Datum) -> pg_sys::Datum {
    if is_same() {
        return datum;
    }
    // SAFETY: as promised by the caller: a text, or an array of text whose NULLs are kept apart.
    unsafe {
        match type_oid {
            pg_sys::TEXTOID => text(datum),
            pg_sys::TEXTARRAYOID => {
                let (values, mut nulls) = elements(datum, pg_sys::TEXTOID, -1, false, b'i');
                let mut values: Vec<_> = values
                    .into_iter()
                    .zip(&nulls)
                    .map(|(value, is_null)| if *is_null { value } else { text(value) })
                    .collect();
                let (mut length, mut lower_bound) = (values.len() as i32, 1);
                pg_sys::Datum::from(pg_sys::construct_md_array(
                    values.as_mut_ptr(),
                    nulls.as_mut_ptr(),
                    1,
                    &mut length,
                    &mut lower_bound,
                    pg_sys::TEXTOID,
                    -1,
                    false,
                    b'i' as std::ffi::c_char,
                ))
            }
            _ => datum,
        }
    }
}

/// # Safety
/// The datum is a text made of a Rust string.
unsafe fn text(datum: pg_sys::Datum) -> pg_sys::Datum {
    // SAFETY: as promised by the caller; the bytes are copied.
    unsafe {
        let converted = server_text(&String::from_utf8_lossy(&bytes(datum)));
        pg_sys::Datum::from(pg_sys::cstring_to_text_with_len(
            converted.as_ptr().cast(),
            converted.len() as i32,
        ))
    }
}

/// An element of a `text[]` that a function of SQL gives.
pub struct Text(pub ServerText);

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(server_text(text))
    }
}

impl pgrx::IntoDatum for Text {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        // SAFETY: the bytes are copied.
        let text = unsafe { pg_sys::cstring_to_text_with_len(self.0.as_ptr().cast(), self.0.len() as i32) };
        Some(pg_sys::Datum::from(text))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::TEXTOID
    }
}

/// A `jsonb` that a function of SQL gives, as text.
pub struct Jsonb(pub ServerText);

impl pgrx::IntoDatum for Jsonb {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        let text = CString::new(self.0).ok()?;
        // SAFETY: the input function of jsonb takes a zero-terminated string and copies what it keeps.
        unsafe { pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(pg_sys::Datum::from(text.as_ptr()))]) }
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

// SAFETY: the datum is a jsonb in the current memory context, as for pgrx's own types.
unsafe impl pgrx::callconv::BoxRet for Jsonb {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut pgrx::callconv::FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        match pgrx::IntoDatum::into_datum(self) {
            // SAFETY: as above.
            Some(datum) => unsafe { fcinfo.return_raw_datum(datum) },
            None => fcinfo.return_null(),
        }
    }
}

/// The text of a `jsonb` argument, numbers digit by digit.
pub fn jsonb_text(document: &pgrx::AnyElement) -> String {
    // SAFETY: the argument is declared as jsonb, and may be toasted; the output function gives a zero-terminated copy.
    unsafe {
        let text = pgrx::direct_function_call::<&CStr>(pg_sys::jsonb_out, &[Some(document.datum())]);
        text.map(|text| utf8(text.to_bytes())).unwrap_or_default()
    }
}

/// How a type is called in the declarations that pgrx would write; ours are written by hand (`sql = false`).
macro_rules! declared_as {
    ($type:ty, $name:literal) => {
        // SAFETY: the name is that of the type whose datum `into_datum` makes.
        unsafe impl SqlTranslatable for $type {
            const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!($type);
            const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
            const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal($name));
            const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::literal($name)));
        }
    };
}

declared_as!(Text, "text");
declared_as!(Jsonb, "jsonb");
