//! Arguments that several functions take.

use pgrx::prelude::*;

use crate::error::{Error, Result};
use crate::pg::encoding::utf8;

/// A list of names, none of which may be NULL.
pub fn names(list: Array<'_, &[u8]>, parameter: &'static str) -> Result<Vec<String>> {
    let names: Option<Vec<String>> = list.iter().map(|name| name.map(utf8)).collect();
    match names {
        Some(names) if !names.is_empty() => Ok(names),
        _ => Err(Error::Argument {
            what: "a list of names",
            reason: format!("\"{parameter}\" is empty or has a NULL in it."),
        }),
    }
}
