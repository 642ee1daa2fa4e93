//! Whether values of one type can become values of another.

use pgrx::pg_sys;

/// In which places a value is converted without being asked to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Coercion {
    /// When it is stored.
    Assignment,
    /// Only by a cast that is written.
    Explicit,
}

/// Whether there is such a conversion between two types.
pub fn exists(from: u32, to: u32, kind: Coercion) -> bool {
    let (mut input, mut target) = (pg_sys::Oid::from(from), pg_sys::Oid::from(to));
    let context = match kind {
        Coercion::Assignment => pg_sys::CoercionContext::COERCION_ASSIGNMENT,
        Coercion::Explicit => pg_sys::CoercionContext::COERCION_EXPLICIT,
    };
    // SAFETY: two arrays of one OID each; the function only looks into catalogs.
    unsafe { pg_sys::can_coerce_type(1, &mut input, &mut target, context) }
}
