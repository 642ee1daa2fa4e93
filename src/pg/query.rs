//! SPI for many rows: a row is taken apart once, and columns are read by position with their type checked.
//!
//! pgrx's own rows cost about 0.2 µs a column; reading a catalog of 25,000 columns takes half a million of
//! them. [`read`] runs under the active snapshot whatever the transaction did before, so several queries
//! see one state; [`write`] takes a new snapshot and may change data. [`read_often`] keeps the plan.

use pgrx::datum::DatumWithOid;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};

use super::encoding::{ServerText, parameter, server_text, utf8};
use crate::error::{Error, Result};

/// One row, valid while its query's closure runs.
pub struct Row<'a> {
    values: &'a [pg_sys::Datum],
    nulls: &'a [bool],
    types: &'a [pg_sys::Oid],
}

/// Runs a query under the active snapshot and hands each row to `each`.
pub fn read(sql: &str, arguments: &[DatumWithOid<'_>], each: impl FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
    run(sql, arguments, Mode::Read, each).map(drop)
}

/// The same as [`read`] for one of the few queries that a session runs again and again: planning those of one search
/// takes as long as running them. The server plans anew what a change of the catalog, the role or the search path
/// concerns. The text must be one of a fixed few: a plan is kept for as long as the session lasts.
pub fn read_often(sql: &str, arguments: &[DatumWithOid<'_>], each: impl FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
    run(sql, arguments, Mode::ReadOften, each).map(drop)
}

/// Runs a statement that may write, under a new snapshot; gives the number of rows.
pub fn write(sql: &str, arguments: &[DatumWithOid<'_>], each: impl FnMut(&Row<'_>) -> Result<()>) -> Result<u64> {
    run(sql, arguments, Mode::Write, each)
}

/// Runs a statement for its effect; gives the number of rows.
pub fn execute(sql: &str, arguments: &[DatumWithOid<'_>]) -> Result<u64> {
    run(sql, arguments, Mode::Write, |_| Ok(()))
}

/// The first column of the first row, read by `get`; `None` without a row.
pub fn one<T>(sql: &str, arguments: &[DatumWithOid<'_>], get: impl Fn(&Row<'_>) -> T) -> Result<Option<T>> {
    let mut found = None;
    read(sql, arguments, |row| {
        found.get_or_insert_with(|| get(row));
        Ok(())
    })?;
    Ok(found)
}

/// How a statement is run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Read,
    ReadOften,
    Write,
}

fn run(
    sql: &str,
    arguments: &[DatumWithOid<'_>],
    mode: Mode,
    mut each: impl FnMut(&Row<'_>) -> Result<()>,
) -> Result<u64> {
    let source = CString::new(server_text(sql)).map_err(|_| Error::Content {
        place: "a query",
        reason: "a zero byte".to_owned(),
    })?;
    let mut types: Vec<pg_sys::Oid> = arguments.iter().map(|argument| argument.oid()).collect();
    let mut values: Vec<pg_sys::Datum> = Vec::with_capacity(arguments.len());
    let mut nulls: Vec<std::ffi::c_char> = Vec::with_capacity(arguments.len());
    for argument in arguments {
        // The datum is used before `arguments` goes out of scope.
        let datum = argument.datum().map(|datum| datum.sans_lifetime());
        // SAFETY: the argument's type is what its datum was made of.
        let datum = datum.map(|datum| unsafe { parameter(argument.oid(), datum) });
        nulls.push(if datum.is_some() { b' ' } else { b'n' } as std::ffi::c_char);
        values.push(datum.unwrap_or(pg_sys::Datum::from(0)));
    }
    // SAFETY: SPI is connected and finished here. An error raised by the server unwinds past SPI_finish;
    // the abort of the (sub)transaction then cleans up SPI's stack, as PostgreSQL itself relies on. The
    // arrays live across the call and have `arguments.len()` entries each.
    unsafe {
        pg_sys::SPI_connect();
        let status = match mode {
            Mode::ReadOften => {
                let plan = kept_plan(source, types);
                pg_sys::SPI_execute_plan(plan, values.as_mut_ptr(), nulls.as_ptr(), true, 0)
            }
            Mode::Read | Mode::Write => pg_sys::SPI_execute_with_args(
                source.as_ptr(),
                arguments.len() as i32,
                types.as_mut_ptr(),
                values.as_mut_ptr(),
                nulls.as_ptr(),
                mode == Mode::Read,
                0,
            ),
        };
        if status < 0 {
            pg_sys::SPI_finish();
            let reason = CStr::from_ptr(pg_sys::SPI_result_code_string(status)).to_string_lossy();
            return Err(Error::Content {
                place: "a query",
                reason: reason.into_owned(),
            });
        }
        let processed = pg_sys::SPI_processed;
        let outcome = visit(pg_sys::SPI_tuptable, &mut each);
        pg_sys::SPI_finish();
        outcome.map(|()| processed)
    }
}

type Plans = HashMap<(CString, Vec<pg_sys::Oid>), pg_sys::SPIPlanPtr>;

thread_local! {
    /// Plans by their text and the types of their parameters.
    static PLANS: RefCell<Plans> = RefCell::default();
}

/// The session's plan of a query, made when it is first asked for.
///
/// # Safety
/// SPI is connected.
unsafe fn kept_plan(source: CString, mut types: Vec<pg_sys::Oid>) -> pg_sys::SPIPlanPtr {
    let key = (source, types.clone());
    if let Some(plan) = PLANS.with_borrow(|plans| plans.get(&key).copied()) {
        return plan;
    }
    // SAFETY: the text and the types live across the call. Where no plan can be made the server raises an error or gives
    // null, which SPI_keepplan refuses, and SPI_execute_plan by its status.
    unsafe {
        let plan = pg_sys::SPI_prepare(key.0.as_ptr(), types.len() as i32, types.as_mut_ptr());
        if pg_sys::SPI_keepplan(plan) == 0 {
            PLANS.with_borrow_mut(|plans| plans.insert(key, plan));
        }
        plan
    }
}

/// Takes each tuple apart.
///
/// # Safety
/// `table` is null or the table of the SPI call just made.
unsafe fn visit(table: *mut pg_sys::SPITupleTable, each: &mut impl FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
    if table.is_null() {
        return Ok(());
    }
    // SAFETY: the tuple table, its descriptor and `numvals` tuples stay until SPI_finish or SPI_freetuptable;
    // heap_deform_tuple fills `natts` entries of both arrays.
    unsafe {
        let descriptor = (*table).tupdesc;
        let width = (*descriptor).natts as usize;
        let types: Vec<pg_sys::Oid> = (0..width)
            .map(|at| pg_sys::SPI_gettypeid(descriptor, at as i32 + 1))
            .collect();
        let mut values = vec![pg_sys::Datum::from(0); width];
        let mut nulls = vec![false; width];
        for at in 0..(*table).numvals as usize {
            let tuple = *(*table).vals.add(at);
            pg_sys::heap_deform_tuple(tuple, descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
            each(&Row {
                values: &values,
                nulls: &nulls,
                types: &types,
            })?;
        }
        pg_sys::SPI_freetuptable(table);
    }
    Ok(())
}

impl Row<'_> {
    /// The datum at a position, counted from 0, of one of the given types.
    fn get(&self, at: usize, expected: &[pg_sys::Oid]) -> Option<pg_sys::Datum> {
        assert!(
            expected.contains(&self.types[at]),
            "column {at} of a query has type {:?}, not one of {expected:?}",
            self.types[at]
        );
        (!self.nulls[at]).then(|| self.values[at])
    }

    /// Whether it is NULL.
    pub fn is_null(&self, at: usize) -> bool {
        self.nulls[at]
    }

    /// An OID; 0 for NULL.
    pub fn oid(&self, at: usize) -> u32 {
        self.get(at, &[pg_sys::OIDOID, pg_sys::REGCLASSOID, pg_sys::REGPROCOID])
            .map_or(0, |datum| datum.value() as u32)
    }

    /// A smallint; 0 for NULL.
    pub fn i16(&self, at: usize) -> i16 {
        self.get(at, &[pg_sys::INT2OID]).map_or(0, |datum| datum.value() as i16)
    }

    /// An integer; 0 for NULL.
    pub fn i32(&self, at: usize) -> i32 {
        self.get(at, &[pg_sys::INT4OID]).map_or(0, |datum| datum.value() as i32)
    }

    /// A bigint; 0 for NULL.
    pub fn i64(&self, at: usize) -> i64 {
        self.get(at, &[pg_sys::INT8OID]).map_or(0, |datum| datum.value() as i64)
    }

    /// A double precision; 0 for NULL.
    pub fn f64(&self, at: usize) -> f64 {
        self.get(at, &[pg_sys::FLOAT8OID])
            .map_or(0.0, |datum| f64::from_bits(datum.value() as u64))
    }

    /// A real; 0 for NULL.
    pub fn f32(&self, at: usize) -> f32 {
        self.get(at, &[pg_sys::FLOAT4OID])
            .map_or(0.0, |datum| f32::from_bits(datum.value() as u32))
    }

    /// A boolean; false for NULL.
    pub fn bool(&self, at: usize) -> bool {
        self.get(at, &[pg_sys::BOOLOID])
            .is_some_and(|datum| datum.value() & 0xFF != 0)
    }

    /// A `"char"`; `'\0'` for NULL.
    pub fn char(&self, at: usize) -> char {
        self.get(at, &[pg_sys::CHAROID])
            .map_or('\0', |datum| char::from(datum.value() as u8))
    }

    /// A name; empty for NULL.
    pub fn name(&self, at: usize) -> String {
        let Some(datum) = self.get(at, &[pg_sys::NAMEOID, pg_sys::CSTRINGOID]) else {
            return String::new();
        };
        // SAFETY: a datum of type name points to a NameData, which is zero-terminated.
        utf8(unsafe { CStr::from_ptr(datum.cast_mut_ptr()) }.to_bytes())
    }

    /// A text or jsonb read as text.
    pub fn text(&self, at: usize) -> Option<String> {
        let datum = self.get(at, &[pg_sys::TEXTOID, pg_sys::VARCHAROID])?;
        // SAFETY: the datum is a varlena of the checked type.
        Some(utf8(&unsafe { bytes(datum) }))
    }

    /// A text as it is, to be handed on.
    pub fn server_text(&self, at: usize) -> Option<ServerText> {
        let datum = self.get(at, &[pg_sys::TEXTOID])?;
        // SAFETY: the datum is a varlena of the checked type.
        Some(unsafe { bytes(datum) })
    }

    /// A bytea.
    pub fn bytes(&self, at: usize) -> Option<Vec<u8>> {
        let datum = self.get(at, &[pg_sys::BYTEAOID])?;
        // SAFETY: the datum is a varlena of the checked type.
        Some(unsafe { bytes(datum) })
    }

    /// A text[] without its NULLs.
    pub fn texts(&self, at: usize) -> Option<Vec<String>> {
        let datum = self.get(at, &[pg_sys::TEXTARRAYOID])?;
        // SAFETY: the datum is an array of text.
        let elements = unsafe { present(datum, pg_sys::TEXTOID, -1, false, b'i') };
        // SAFETY: so each element is a text.
        Some(elements.map(|element| utf8(&unsafe { bytes(element) })).collect())
    }

    /// A smallint[] or int2vector; empty for NULL.
    pub fn i16s(&self, at: usize) -> Vec<i16> {
        let datum = self.get(at, &[pg_sys::INT2ARRAYOID, pg_sys::INT2VECTOROID]);
        // SAFETY: the datum is an array of int2; an int2vector has the same layout.
        let elements = datum.map(|datum| unsafe { present(datum, pg_sys::INT2OID, 2, true, b's') });
        elements
            .into_iter()
            .flatten()
            .map(|element| element.value() as i16)
            .collect()
    }

    /// An oid[] or oidvector; empty for NULL.
    pub fn oids(&self, at: usize) -> Vec<u32> {
        let datum = self.get(at, &[pg_sys::OIDARRAYOID, pg_sys::OIDVECTOROID]);
        // SAFETY: the datum is an array of oid; an oidvector has the same layout.
        let elements = datum.map(|datum| unsafe { present(datum, pg_sys::OIDOID, 4, true, b'i') });
        elements
            .into_iter()
            .flatten()
            .map(|element| element.value() as u32)
            .collect()
    }
}

/// The bytes of a varlena, detoasted.
///
/// # Safety
/// The datum must be a varlena.
pub(super) unsafe fn bytes(datum: pg_sys::Datum) -> Vec<u8> {
    // SAFETY: pg_detoast_datum_packed gives a readable varlena, which lives in SPI's memory context.
    unsafe {
        let varlena = pg_sys::pg_detoast_datum_packed(datum.cast_mut_ptr());
        let length = pgrx::varsize_any_exhdr(varlena);
        std::slice::from_raw_parts(pgrx::vardata_any(varlena).cast::<u8>(), length).to_vec()
    }
}

/// The elements of an array and which of them are NULL.
///
/// # Safety
/// The datum must be an array of the element type described by the other arguments.
pub(super) unsafe fn elements(
    datum: pg_sys::Datum,
    element: pg_sys::Oid,
    length: i32,
    by_value: bool,
    align: u8,
) -> (Vec<pg_sys::Datum>, Vec<bool>) {
    let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
    // SAFETY: as promised by the caller; both arrays have `count` entries.
    unsafe {
        let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        pg_sys::deconstruct_array(
            array,
            element,
            length,
            by_value,
            align as std::ffi::c_char,
            &mut values,
            &mut nulls,
            &mut count,
        );
        (0..count as usize).map(|at| (*values.add(at), *nulls.add(at))).unzip()
    }
}

/// The elements of an array that are not NULL.
///
/// # Safety
/// As for [`elements`].
unsafe fn present(
    datum: pg_sys::Datum,
    element: pg_sys::Oid,
    length: i32,
    by_value: bool,
    align: u8,
) -> impl Iterator<Item = pg_sys::Datum> {
    // SAFETY: as promised by the caller.
    let (values, nulls) = unsafe { elements(datum, element, length, by_value, align) };
    values
        .into_iter()
        .zip(nulls)
        .filter(|(_, is_null)| !is_null)
        .map(|(value, _)| value)
}
