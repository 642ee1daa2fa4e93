//! `context()`.

use crate::pg::ErrorReport;
use pgrx::prelude::*;
use retrieve::Format;

use super::argument;
use crate::error::{Error, Result};
use crate::meaning;
use crate::pg::encoding::{ServerText, server_text, utf8};

/// Smallest and largest budget.
const TOKENS: std::ops::RangeInclusive<i32> = 50..=1_000_000;

/// The budget where the caller gives NULL.
const DEFAULT_TOKENS: i32 = 4_000;

/// The part of the schema that a prompt needs.
#[pg_extern(sql = false)]
fn context(
    question: Option<ServerText>,
    max_tokens: Option<i32>,
    format: Option<ServerText>,
    tables: Option<Array<'_, &[u8]>>,
) -> std::result::Result<ServerText, ErrorReport> {
    let question = utf8(&question.unwrap_or_default());
    let tables = tables.map(|tables| argument::names(tables, "tables")).transpose()?;
    let format = format.map_or(Ok(Format::Ddl), |format| named(&utf8(&format)))?;
    let budget = budget(max_tokens.unwrap_or(DEFAULT_TOKENS))?;
    let text = meaning::context(&question, budget, format, tables.as_deref())?;
    Ok(server_text(&text))
}

fn budget(max_tokens: i32) -> Result<usize> {
    match TOKENS.contains(&max_tokens) {
        true => Ok(max_tokens as usize),
        false => Err(Error::Argument {
            what: "a number of tokens",
            reason: format!(
                "max_tokens is {max_tokens} and may be between {} and {}.",
                TOKENS.start(),
                TOKENS.end()
            ),
        }),
    }
}

fn named(format: &str) -> Result<Format> {
    Format::parse(format).ok_or_else(|| Error::Argument {
        what: "a format",
        reason: format!("There is no format \"{format}\"; there are ddl, text and json."),
    })
}
