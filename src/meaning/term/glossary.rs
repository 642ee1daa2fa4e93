//! A glossary as a file: taught terms out and in.

use serde::{Deserialize, Serialize};

use super::entry::{entries, learn};
use super::template::parse;
use crate::error::{Error, Result};
use crate::pg::guc;
use crate::pg::subtransaction::attempt;

/// How a glossary is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A list of objects.
    Json,
    /// A header and a line for each.
    Csv,
}

/// A line of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    term: String,
    mapping: String,
    #[serde(default)]
    confidence: Option<f64>,
}

/// What was taught and is not stale, as far as the caller may see it.
pub fn export(format: Format) -> Result<String> {
    let _pinned = guc::Pinned::search_path();
    let lines = entries(None)?
        .into_iter()
        .filter(|entry| !entry.is_stale)
        .map(|entry| Line {
            term: entry.term,
            mapping: entry.mapping,
            confidence: Some(entry.confidence),
        });
    match format {
        Format::Json => {
            let lines: Vec<Line> = lines.collect();
            serde_json::to_string_pretty(&lines).map_err(|error| unreadable("JSON", &error))
        }
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for line in lines {
                writer.serialize(line).map_err(|error| unreadable("CSV", &error))?;
            }
            let bytes = writer.into_inner().map_err(|error| unreadable("CSV", &error))?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
    }
}

/// Teaches every line, or none of them; gives how many there were.
///
/// # Errors
/// A text that is not of the format, and a mapping that is not there, with the number of its line.
pub fn import(content: &str, format: Format) -> Result<i64> {
    let lines: Vec<Line> = match format {
        Format::Json => serde_json::from_str(content).map_err(|error| unreadable("JSON", &error))?,
        Format::Csv => csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(content.as_bytes())
            .deserialize()
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| unreadable("CSV", &error))?,
    };
    attempt(|| {
        for (at, line) in lines.iter().enumerate() {
            teach(line).map_err(|error| match error {
                error if error.is_interrupt() => error,
                error => Error::Line {
                    number: at + 1,
                    error: Box::new(error),
                },
            })?;
        }
        Ok(lines.len() as i64)
    })
}

fn teach(line: &Line) -> Result<()> {
    if line
        .confidence
        .is_some_and(|confidence| !(0.0..=1.0).contains(&confidence))
    {
        return Err(Error::Argument {
            what: "a confidence",
            reason: "It is between 0 and 1.".to_owned(),
        });
    }
    learn(&line.term, &parse(&line.mapping)?, line.confidence).map(drop)
}

fn unreadable(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Argument {
        what: "a glossary: a list of term, mapping and confidence",
        reason: format!("As {what} it is wrong: {error}."),
    }
}
