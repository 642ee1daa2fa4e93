//! One statement analysed by PostgreSQL as it would be for the caller: never planned, never run.
//!
//! Analysis looks up names, takes a lock on each relation and checks types. It checks no rights; the executor does that,
//! with a function that is called here. Everything happens in a subtransaction that is rolled back, so that the locks go.

mod compared;
mod fact;
mod joined;
mod position;
mod source;

use pgrx::pg_sys;
use std::ffi::{CStr, CString};

pub use compared::{Comparison, Other, PLACE, Wrapping};
pub use fact::{Function, Statement, Used};
pub use source::Source;

use self::position::Position;
use crate::error::{Error, Result};
use crate::pg::encoding::utf8;
use crate::pg::subtransaction::undone;
use crate::pg::tree::nodes;

/// Why a statement is not valid.
pub struct Fault {
    /// What PostgreSQL said, or what it would not say.
    pub error: Error,
    /// Where in the text, in characters from 1, if that is known.
    pub position: Option<i32>,
    /// What the statement reads from and writes to, as it is written; empty where it does not parse.
    pub sources: Vec<Source>,
}

/// What is to be known of a statement beyond that it is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// What it reads and calls itself.
    Own,
    /// Also what views and policies call that stand in its place.
    Functions,
    /// Also what its conditions compare.
    Conditions,
}

/// Analyses one SELECT, INSERT, UPDATE, DELETE or MERGE, whose parameters may be of any type.
///
/// # Errors
/// What PostgreSQL raised, a privilege that lacks included; a text that is not one such statement.
pub fn analyse(sql: &[u8], wish: Wish) -> std::result::Result<Statement, Fault> {
    let position = Position::default();
    let mut sources = Vec::new();
    let outcome = undone(|| {
        let _noted = position.noted();
        let source = CString::new(sql).map_err(|_| Error::Argument {
            what: "a text without zero bytes",
            reason: "A statement cannot contain one.".to_owned(),
        })?;
        // SAFETY: the tree is the parser's and lives in the current memory context until the end of this call.
        unsafe {
            let raw = single(&source, &position)?;
            sources = source::sources((*raw).stmt);
            analysed(raw, &source, wish)
        }
    });
    outcome.map_err(|error| Fault {
        error,
        position: position.get(),
        sources,
    })
}

/// The only statement of a text.
///
/// # Safety
/// The tree it gives lives in the current memory context.
unsafe fn single(source: &CStr, position: &Position) -> Result<*mut pg_sys::RawStmt> {
    // SAFETY: the parser gives a list of RawStmt; the name of a command's tag is a constant.
    unsafe {
        let list = nodes(pg_sys::raw_parser(
            source.as_ptr(),
            pg_sys::RawParseMode::RAW_PARSE_DEFAULT,
        ));
        let [raw] = list.as_slice() else {
            if let Some(second) = list.get(1) {
                let before = (*second.cast::<pg_sys::RawStmt>()).stmt_location.max(0) as usize;
                let bytes = source.to_bytes();
                let blank = bytes[before..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_whitespace())
                    .count();
                position.set_byte(bytes, before + blank);
            }
            return Err(refused(
                pgrx::PgSqlErrorCode::ERRCODE_SYNTAX_ERROR,
                format!("expected one statement, found {}", list.len()),
                "A query is checked alone.",
            ));
        };
        let raw = raw.cast::<pg_sys::RawStmt>();
        use pg_sys::NodeTag as T;
        match (*(*raw).stmt).type_ {
            T::T_SelectStmt | T::T_InsertStmt | T::T_UpdateStmt | T::T_DeleteStmt | T::T_MergeStmt => Ok(raw),
            _ => {
                let tag = pg_sys::GetCommandTagName(pg_sys::CreateCommandTag((*raw).stmt));
                Err(refused(
                    pgrx::PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
                    format!(
                        "{} cannot be checked without running it",
                        utf8(CStr::from_ptr(tag).to_bytes())
                    ),
                    "SELECT, INSERT, UPDATE, DELETE and MERGE can.",
                ))
            }
        }
    }
}

fn refused(code: pgrx::PgSqlErrorCode, message: String, detail: &str) -> Error {
    Error::Postgres {
        code,
        message,
        detail: Some(detail.to_owned()),
        hint: None,
    }
}

/// # Safety
/// `raw` is the parse tree of `source`.
unsafe fn analysed(raw: *mut pg_sys::RawStmt, source: &CStr, wish: Wish) -> Result<Statement> {
    let (mut types, mut count) = (std::ptr::null_mut(), 0);
    // SAFETY: as promised by the caller; types of parameters are found and kept by the callee.
    unsafe {
        let query = pg_sys::parse_analyze_varparams(raw, source.as_ptr(), &mut types, &mut count, std::ptr::null_mut());
        let mut statement = fact::statement(query, wish)?;
        statement.star = source::star((*raw).stmt).map(|byte| position::characters(source.to_bytes(), byte));
        Ok(statement)
    }
}
