//! `build_query()`.

use crate::pg::ErrorReport;
use intent::Intent;
use pgrx::AnyElement;
use pgrx::prelude::*;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::meaning::{self, Built};
use crate::pg::encoding::{Jsonb, ServerText, Text, jsonb_text, server_text, utf8};

/// Longest intent that is taken, in bytes.
const MAX_INTENT: usize = 1 << 20;

type Row = (ServerText, ServerText, Vec<Text>, f64, Jsonb, Jsonb, Jsonb);

/// A statement for an intent.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn build_query(
    intent: AnyElement,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(sql, ServerText),
            name!(prepared, ServerText),
            name!(parameters, Vec<Text>),
            name!(confidence, f64),
            name!(intent_used, Jsonb),
            name!(mappings, Jsonb),
            name!(alternatives, Jsonb),
        ),
    >,
    ErrorReport,
> {
    let intent = read(&jsonb_text(&intent))?;
    Ok(TableIterator::once(row(meaning::build(intent)?)))
}

/// A statement for a question.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn build_query_for(
    question: ServerText,
    threshold: f64,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(sql, Option<ServerText>),
            name!(prepared, Option<ServerText>),
            name!(parameters, Option<Vec<Text>>),
            name!(confidence, f64),
            name!(intent_used, Option<Jsonb>),
            name!(mappings, Jsonb),
            name!(alternatives, Jsonb),
            name!(message, Option<ServerText>),
        ),
    >,
    ErrorReport,
> {
    if !(0.0..=1.0).contains(&threshold) {
        let error = Error::Argument {
            what: "a threshold",
            reason: format!("threshold is {threshold} and may be between 0 and 1."),
        };
        return Err(error.into());
    }
    let answer = meaning::answer(&utf8(&question), threshold)?;
    let jsonb = |value: Value| Jsonb(server_text(&value.to_string()));
    let built = answer.built.as_ref();
    let parameters = |built: &Built| built.parameters.iter().map(|one| Text::from(one.as_str())).collect();
    Ok(TableIterator::once((
        built.map(|built| server_text(&built.sql)),
        built.map(|built| server_text(&built.prepared)),
        built.map(parameters),
        answer.confidence,
        answer
            .intent
            .as_ref()
            .map(|intent| jsonb(serde_json::to_value(intent).unwrap_or_default())),
        jsonb(answer.mappings.into()),
        jsonb(answer.alternatives.into()),
        answer.message.as_deref().map(server_text),
    )))
}

fn read(json: &str) -> Result<Intent> {
    let refused = |reason| Error::Argument {
        what: "an intent that can be a query",
        reason,
    };
    if json.len() > MAX_INTENT {
        return Err(refused(format!(
            "It has {} bytes, and may have {MAX_INTENT}.",
            json.len()
        )));
    }
    Intent::parse(json).map_err(refused)
}

fn row(built: Built) -> Row {
    let jsonb = |value: Value| Jsonb(server_text(&value.to_string()));
    (
        server_text(&built.sql),
        server_text(&built.prepared),
        built.parameters.iter().map(|one| Text::from(one.as_str())).collect(),
        built.confidence,
        jsonb(serde_json::to_value(&built.intent).unwrap_or_default()),
        jsonb(built.mappings.into()),
        jsonb(built.alternatives.into()),
    )
}
