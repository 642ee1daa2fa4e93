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
    let (input, target) = (pg_sys::Oid::from(from), pg_sys::Oid::from(to));
    let context = match kind {
        Coercion::Assignment => pg_sys::CoercionContext::COERCION_ASSIGNMENT,
        Coercion::Explicit => pg_sys::CoercionContext::COERCION_EXPLICIT,
    };
    // SAFETY: two arrays of one OID each; the function only looks into catalogs.
    unsafe { pg_sys::can_coerce_type(1, &input, &target, context) }
}

/// `numeric`'s precision and scale are in its modifier above the length of a header.
const VARHDRSZ: i32 = 4;

/// Whether stored values have to be written anew when a column gets another type, each an OID with its modifier: as
/// `ATColumnChangeRequiresRewrite` of the server decides it, for the types whose length functions let a wider
/// modifier pass.
pub fn rewrites(from: (u32, i32), to: (u32, i32)) -> bool {
    // SAFETY: both look into catalogs.
    let (is_domain, is_same_bytes) = unsafe {
        (
            pg_sys::DomainHasConstraints(to.0.into()),
            pg_sys::IsBinaryCoercible(from.0.into(), to.0.into()),
        )
    };
    let is_moment = |oid: u32| {
        let oid = pg_sys::Oid::from(oid);
        oid == pg_sys::TIMESTAMPOID || oid == pg_sys::TIMESTAMPTZOID
    };
    // In UTC a time with its zone is the time without it.
    let is_utc = is_moment(from.0) && is_moment(to.0) && from.0 != to.0 && session_is_utc();
    if is_domain || !(is_same_bytes || is_utc) {
        return true;
    }
    let target = pg_sys::Oid::from(to.0);
    match (from.1, to.1) {
        (_, -1) => false,
        (a, b) if a == b && from.0 == to.0 => false,
        (-1, _) => true,
        (a, b) if target == pg_sys::VARCHAROID || target == pg_sys::VARBITOID => b < a,
        (a, b) if target == pg_sys::NUMERICOID => {
            let parts = |modifier: i32| ((modifier - VARHDRSZ) >> 16, (modifier - VARHDRSZ) & 0x7ff);
            let ((p, s), (q, t)) = (parts(a), parts(b));
            s != t || q < p
        }
        (a, b) if is_moment(to.0) || target == pg_sys::TIMEOID || target == pg_sys::TIMETZOID => b < a,
        _ => true,
    }
}

fn session_is_utc() -> bool {
    // SAFETY: the setting is there, and its value a zero-terminated string.
    let zone = unsafe {
        let value = pg_sys::GetConfigOption(c"TimeZone".as_ptr(), true, false);
        (!value.is_null()).then(|| std::ffi::CStr::from_ptr(value).to_string_lossy().into_owned())
    };
    zone.is_some_and(|zone| {
        matches!(
            zone.to_ascii_uppercase().as_str(),
            "UTC" | "ETC/UTC" | "GMT" | "UCT" | "ETC/GMT" | "ZULU"
        )
    })
}
