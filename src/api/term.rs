//! Business terms: `map_term()`, `learn()`, `forget()` and what belongs to them.

use crate::pg::ErrorReport;
use pgrx::prelude::*;

use crate::error::{Error, Result};
use crate::meaning::term::{self, Format};
use crate::pg::encoding::{ServerText, server_text, utf8};

/// Mappings where the caller does not say.
const DEFAULT_RESULTS: i32 = 5;

/// Most mappings or terms of one answer.
const MAX_RESULTS: i32 = 100;

/// From here on a column is said to mean a term.
const DEFAULT_THRESHOLD: f64 = 0.5;

/// From here on a taught term is said to be like another.
const LIKE: f64 = 0.6;

/// Longest glossary that is read, in bytes.
const MAX_GLOSSARY: usize = 16 << 20;

fn limit(max_results: Option<i32>) -> Result<usize> {
    match max_results.unwrap_or(DEFAULT_RESULTS) {
        most @ 1..=MAX_RESULTS => Ok(most as usize),
        _ => Err(Error::Argument {
            what: "a number of results",
            reason: format!("\"max_results\" is between 1 and {MAX_RESULTS}."),
        }),
    }
}

fn share(value: Option<f64>, parameter: &str) -> Result<Option<f64>> {
    match value {
        Some(value) if !(0.0..=1.0).contains(&value) => Err(Error::Argument {
            what: "a share",
            reason: format!("\"{parameter}\" is between 0 and 1."),
        }),
        value => Ok(value),
    }
}

fn text(value: Option<ServerText>) -> String {
    utf8(&value.unwrap_or_default())
}

/// What a business term stands for, best first.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn map_term(
    term: Option<ServerText>,
    context: Option<ServerText>,
    max_results: Option<i32>,
    threshold: Option<f64>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(rank, i32),
            name!(mapping, ServerText),
            name!(kind, &'static str),
            name!(source, &'static str),
            name!(confidence, f64),
        ),
    >,
    ErrorReport,
> {
    let context = context
        .map(|context| utf8(&context))
        .filter(|context| !context.trim().is_empty());
    let threshold = share(threshold, "threshold")?.unwrap_or(DEFAULT_THRESHOLD);
    let found = term::map(&text(term), context.as_deref(), limit(max_results)?, threshold)?;
    let rows = found.into_iter().enumerate().map(|(at, one)| {
        (
            at as i32 + 1,
            server_text(&one.mapping),
            one.kind,
            one.source.as_str(),
            one.confidence,
        )
    });
    Ok(TableIterator::new(rows.collect::<Vec<_>>()))
}

/// Notes what a term stands for.
#[pg_extern(sql = false)]
fn learn(
    term: Option<ServerText>,
    mapping: Option<ServerText>,
    confidence: Option<f64>,
) -> std::result::Result<f64, ErrorReport> {
    let confidence = share(confidence, "confidence")?;
    let mapping = term::parse(&text(mapping))?;
    Ok(term::learn(&text(term), &mapping, confidence)?)
}

/// Forgets what a term stands for.
#[pg_extern(sql = false)]
fn forget(term: Option<ServerText>, mapping: Option<ServerText>) -> std::result::Result<i64, ErrorReport> {
    let mapping = mapping.map(|mapping| utf8(&mapping));
    Ok(term::forget(&text(term), mapping.as_deref())? as i64)
}

/// How sure it is that a term stands for something.
#[pg_extern(sql = false)]
fn mapping_confidence(term: ServerText, mapping: ServerText) -> std::result::Result<f64, ErrorReport> {
    let mapping = term::parse(&utf8(&mapping))?;
    Ok(term::confidence(&utf8(&term), &mapping)?)
}

/// Taught terms that are like a term.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn similar_terms(
    term: Option<ServerText>,
    threshold: Option<f64>,
    max_results: Option<i32>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(term, ServerText),
            name!(similarity, f64),
            name!(mapping, ServerText),
            name!(confidence, f64),
        ),
    >,
    ErrorReport,
> {
    let threshold = share(threshold, "threshold")?.unwrap_or(LIKE);
    let found = term::similar(&text(term), threshold, limit(max_results)?)?;
    let rows = found.into_iter().map(|(entry, similarity)| {
        (
            server_text(&entry.term),
            similarity,
            server_text(&entry.mapping),
            entry.confidence,
        )
    });
    Ok(TableIterator::new(rows.collect::<Vec<_>>()))
}

/// What taught terms stand for by the names of now, for the view `glossary`.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn _mappings() -> std::result::Result<
    TableIterator<'static, (name!(term_id, i64), name!(mapping, ServerText), name!(stale, bool))>,
    ErrorReport,
> {
    let entries = term::entries(None)?.into_iter();
    let rows = entries.map(|entry| (entry.term_id, server_text(&entry.mapping), entry.is_stale));
    Ok(TableIterator::new(rows.collect::<Vec<_>>()))
}

fn format(name: Option<ServerText>) -> Result<Format> {
    match name.as_deref() {
        None | Some(b"json") => Ok(Format::Json),
        Some(b"csv") => Ok(Format::Csv),
        Some(_) => Err(Error::Argument {
            what: "a format",
            reason: "\"format\" is json or csv.".to_owned(),
        }),
    }
}

/// The glossary as a file.
#[pg_extern(sql = false)]
fn export_glossary(format_name: Option<ServerText>) -> std::result::Result<ServerText, ErrorReport> {
    Ok(server_text(&term::export(format(format_name)?)?))
}

/// Teaches what a file says.
#[pg_extern(sql = false)]
fn import_glossary(
    content: Option<ServerText>,
    format_name: Option<ServerText>,
) -> std::result::Result<i64, ErrorReport> {
    let content = content.unwrap_or_default();
    if content.len() > MAX_GLOSSARY {
        return Err(Error::Argument {
            what: "a glossary of at most 16 MB",
            reason: format!("It has {} bytes.", content.len()),
        }
        .into());
    }
    Ok(term::import(&utf8(&content), format(format_name)?)?)
}
