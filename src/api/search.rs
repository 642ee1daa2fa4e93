//! `search()` and `explain_search()`.

use crate::pg::ErrorReport;
use pgrx::prelude::*;
use schema::Kind;

use crate::error::Result;
use crate::meaning::{Filter, Hit, find};
use crate::pg::encoding::{ServerText, server_text, utf8};
use crate::pg::query;

/// Results where the caller does not say.
const DEFAULT_RESULTS: i32 = 10;

/// Most results one call gives.
const MAX_RESULTS: i32 = 1_000;

type Row = (
    i32,
    ServerText,
    ServerText,
    ServerText,
    ServerText,
    Option<ServerText>,
    f64,
    Option<f64>,
    f64,
    Option<ServerText>,
);

/// The relations (or columns) a question is about, best first.
#[pg_extern(sql = false)]
fn search(
    query: Option<ServerText>,
    max_results: Option<i32>,
    kinds: Option<Array<'_, &[u8]>>,
    schemas: Option<Array<'_, &[u8]>>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(rank, i32),
            name!(kind, ServerText),
            name!(identity, ServerText),
            name!(schema_name, ServerText),
            name!(object_name, ServerText),
            name!(column_name, Option<ServerText>),
            name!(score, f64),
            name!(vector_score, Option<f64>),
            name!(lexical_score, f64),
            name!(passage, Option<ServerText>),
        ),
    >,
    ErrorReport,
> {
    // NULL asks nothing.
    let query = utf8(&query.unwrap_or_default());
    let hits = find(&query, limit(max_results)?, &filter(kinds, schemas)?)?;
    let rows = describe(&hits)?;
    Ok(TableIterator::new(rows))
}

fn invalid(message: String, detail: String) -> ErrorReport {
    ErrorReport::new(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, message, "search").set_detail(detail)
}

/// Checks what is wanted.
fn filter(
    kinds: Option<Array<'_, &[u8]>>,
    schemas: Option<Array<'_, &[u8]>>,
) -> std::result::Result<Filter, ErrorReport> {
    let named = |list: Option<Array<'_, &[u8]>>| list.map(|list| list.iter().flatten().map(utf8).collect::<Vec<_>>());
    let kinds = named(kinds);
    for kind in kinds.iter().flatten() {
        if kind != "column" && !Kind::parse(kind).is_some_and(Kind::is_table_like) {
            return Err(invalid(
                format!("unknown kind \"{kind}\""),
                "Kinds are table, foreign_table, view, materialized_view and column.".to_owned(),
            ));
        }
    }
    let columns = kinds.iter().flatten().any(|kind| kind == "column");
    // Columns alone are asked for of every kind of relation.
    let kinds = kinds.map(|kinds| kinds.into_iter().filter(|kind| kind != "column").collect::<Vec<_>>());
    Ok(Filter {
        kinds: kinds.filter(|kinds| !kinds.is_empty() || !columns),
        columns,
        schemas: named(schemas),
    })
}

fn limit(max_results: Option<i32>) -> std::result::Result<usize, ErrorReport> {
    // NULL leaves the number to us.
    let max_results = max_results.unwrap_or(DEFAULT_RESULTS);
    if !(0..=MAX_RESULTS).contains(&max_results) {
        return Err(invalid(
            format!("max_results is {max_results}"),
            format!("It may be between 0 and {MAX_RESULTS}."),
        ));
    }
    Ok(max_results as usize)
}

const DESCRIBE: &str = "
    SELECT h.ordinal, p.kind, p.identity, p.schema_name, p.name, p.column_name, p.passage
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2))
        WITH ORDINALITY AS h(object_id, column_number, ordinal)
    JOIN schema_monitor._visible_passage AS p
        ON p.object_id OPERATOR(pg_catalog.=) h.object_id AND p.object_id OPERATOR(pg_catalog.=) ANY ($1)
        AND p.column_number OPERATOR(pg_catalog.=) h.column_number
    ORDER BY h.ordinal";

fn describe(hits: &[Hit]) -> Result<Vec<Row>> {
    let ids: Vec<i64> = hits.iter().map(|hit| hit.object_id).collect();
    let columns: Vec<i16> = hits.iter().map(|hit| hit.column).collect();
    let mut rows = Vec::with_capacity(hits.len());
    query::read_often(DESCRIBE, &[ids.into(), columns.into()], |row| {
        let hit = &hits[row.i64(0) as usize - 1];
        rows.push((
            rows.len() as i32 + 1,
            row.server_text(1).unwrap_or_default(),
            row.server_text(2).unwrap_or_default(),
            row.server_text(3).unwrap_or_default(),
            row.server_text(4).unwrap_or_default(),
            row.server_text(5),
            f64::from(hit.score()),
            hit.similarity.map(f64::from),
            f64::from(hit.lexical),
            row.server_text(6),
        ));
        Ok(())
    })?;
    Ok(rows)
}

type Reason = (
    i32,
    ServerText,
    Option<ServerText>,
    &'static str,
    f64,
    Option<ServerText>,
);

/// What each hit's score is made of.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn explain_search(
    query: Option<ServerText>,
    max_results: Option<i32>,
    kinds: Option<Array<'_, &[u8]>>,
    schemas: Option<Array<'_, &[u8]>>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(rank, i32),
            name!(identity, ServerText),
            name!(column_name, Option<ServerText>),
            name!(part, &'static str),
            name!(score, f64),
            name!(reason, Option<ServerText>),
        ),
    >,
    ErrorReport,
> {
    let query = utf8(&query.unwrap_or_default());
    let hits = find(&query, limit(max_results)?, &filter(kinds, schemas)?)?;
    let names = describe(&hits)?;
    let mut rows = Vec::new();
    for (hit, row) in hits.iter().zip(names) {
        rows.extend(reasons(hit, &row)?);
    }
    Ok(TableIterator::new(rows))
}

/// The parts of a hit's score that are not nothing. They add up to its logit.
fn reasons(hit: &Hit, row: &Row) -> Result<Vec<Reason>> {
    let passage = row.9.as_deref().map(utf8).unwrap_or_default();
    let meaning = hit
        .similarity
        .map(|cosine| format!("cosine {cosine:.3} to \"{passage}\""));
    let words = (!hit.terms.is_empty()).then(|| hit.terms.join(", "));
    let neighbour = match hit.neighbour {
        Some(id) => query::one(IDENTITY, &[id.into()], |row| row.text(0))?.flatten(),
        None => None,
    };
    let parts = [
        ("similarity", hit.parts.similarity, meaning),
        ("words", hit.parts.lexical, words.clone()),
        ("words of it and its neighbours", hit.parts.coverage, words),
        ("neighbour", hit.parts.neighbour, neighbour),
        ("schema", hit.parts.schema, Some(utf8(&row.3))),
        ("relation", hit.parts.relation, None),
        ("role", hit.parts.role, hit.referred.clone()),
        ("taught or stored", hit.parts.taught, None),
        ("level of the question", hit.level, None),
    ];
    let told = parts.into_iter().filter(|(_, score, _)| *score != 0.0);
    let reason = |(part, score, reason): (&'static str, f32, Option<String>)| {
        (
            row.0,
            row.2.clone(),
            row.5.clone(),
            part,
            f64::from(score),
            reason.as_deref().map(server_text),
        )
    };
    Ok(told.map(reason).collect())
}

const IDENTITY: &str = "
    SELECT r.identity FROM schema_monitor._visible_relation AS r WHERE r.object_id OPERATOR(pg_catalog.=) $1";
