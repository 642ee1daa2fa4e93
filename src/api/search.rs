//! `search()`: from a question to the right relations, as far as the asker may see them.
//!
//! SQL gathers what the asker may see — postings of the question's terms, the nearest vectors, foreign
//! keys — through views that filter by rights before anything is cut; [`retrieve`] ranks. Document
//! frequencies and means are those of what is visible, so what is not leaves no trace in the scores.

use crate::pg::ErrorReport;
use embed::Purpose;
use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use retrieve::{Candidate, Corpus, Posting, Weights, bm25, query_terms, rank};
use schema::Kind;
use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::index::{self, Near};
use crate::pg::encoding::{ServerText, utf8};
use crate::pg::query;
use crate::settings;
use crate::worker;

/// Results where the caller does not say.
const DEFAULT_RESULTS: i32 = 10;

/// Most results one call gives.
const MAX_RESULTS: i32 = 1_000;

/// A hit.
struct Hit {
    object_id: i64,
    /// The column that matched better than its relation, or the column asked for; 0 for none.
    column: i16,
    score: f32,
    similarity: Option<f32>,
    lexical: f32,
}

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
    // NULL asks nothing, or leaves the number to us.
    let query = utf8(&query.unwrap_or_default());
    let max_results = max_results.unwrap_or(DEFAULT_RESULTS);
    if !(0..=MAX_RESULTS).contains(&max_results) {
        return Err(invalid(
            format!("max_results is {max_results}"),
            format!("It may be between 0 and {MAX_RESULTS}."),
        ));
    }
    let filter = Filter::new(kinds, schemas)?;
    let rows = answer(&query, max_results as usize, &filter)?;
    Ok(TableIterator::new(rows))
}

fn invalid(message: String, detail: String) -> ErrorReport {
    ErrorReport::new(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, message, "search").set_detail(detail)
}

/// What the asker wants to see of what may be seen.
struct Filter {
    /// Kinds of relation; `None` for all.
    kinds: Option<Vec<String>>,
    /// Whether columns are listed as hits of their own.
    columns: bool,
    schemas: Option<Vec<String>>,
}

impl Filter {
    fn new(
        kinds: Option<Array<'_, &[u8]>>,
        schemas: Option<Array<'_, &[u8]>>,
    ) -> std::result::Result<Filter, ErrorReport> {
        let named =
            |list: Option<Array<'_, &[u8]>>| list.map(|list| list.iter().flatten().map(utf8).collect::<Vec<_>>());
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

    fn arguments(&self) -> [DatumWithOid<'static>; 2] {
        [self.kinds.clone().into(), self.schemas.clone().into()]
    }
}

fn answer(question: &str, max_results: usize, filter: &Filter) -> Result<Vec<Row>> {
    let terms = query_terms(question);
    if terms.is_empty() || max_results == 0 {
        return Ok(Vec::new());
    }
    let (lexical, documents) = lexical_scores(&terms, filter)?;
    let nearest = match by_vectors(question, filter, documents, max_results) {
        Ok(nearest) => nearest,
        Err(error) if error.is_interrupt() => return Err(error),
        // Without a vector the words decide; status() says why.
        Err(Error::Embedder(_) | Error::EmbedderTimeout(_) | Error::Embed(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    let hits = if filter.columns {
        columns(&nearest, &lexical)
    } else {
        relations(&nearest, &lexical, max_results)?
    };
    describe(&hits[..hits.len().min(max_results)])
}

/// Similarities by the model that the vectors are of. When that changes, the news of it comes a moment after the vectors.
fn by_vectors(question: &str, filter: &Filter, documents: i64, max_results: usize) -> Result<Vec<Near>> {
    let timeout = settings::embedder_timeout();
    let nearest = |embedded: worker::Embedded| {
        let (kinds, schemas) = (filter.kinds.as_deref(), filter.schemas.as_deref());
        index::nearest(embedded.vector, &embedded.model, kinds, schemas, documents, max_results)
    };
    let embedded = worker::embed(Purpose::Query, question, timeout)?;
    let model = embedded.model;
    let found = nearest(embedded)?;
    match worker::configured_model() {
        Ok(configured) if found.is_empty() && configured.hash != model => {
            nearest(worker::embed_by(configured.hash, Purpose::Query, question, timeout)?)
        }
        _ => Ok(found),
    }
}

const CORPUS: &str = "
    SELECT pg_catalog.count(*), pg_catalog.sum(d.length)
    FROM schema_monitor._visible_document AS d
    WHERE ($1 IS NULL OR d.kind OPERATOR(pg_catalog.=) ANY ($1))
      AND ($2 IS NULL OR d.schema_name OPERATOR(pg_catalog.=) ANY ($2))";

const POSTINGS: &str = "
    SELECT p.term, p.object_id, p.weight, p.length
    FROM schema_monitor._visible_posting AS p
    WHERE p.term OPERATOR(pg_catalog.=) ANY ($3)
      AND ($1 IS NULL OR p.kind OPERATOR(pg_catalog.=) ANY ($1))
      AND ($2 IS NULL OR p.schema_name OPERATOR(pg_catalog.=) ANY ($2))";

/// BM25 of each relation that has one of the terms, and how many relations may be seen.
fn lexical_scores(terms: &[String], filter: &Filter) -> Result<(HashMap<i64, f32>, i64)> {
    let mut postings = Vec::new();
    let [kinds, schemas] = filter.arguments();
    query::read(POSTINGS, &[kinds, schemas, terms.to_vec().into()], |row| {
        let term = row.text(0).unwrap_or_default();
        postings.push(Posting {
            term: terms.iter().position(|known| *known == term).unwrap_or(terms.len()),
            document: row.i64(1),
            weight: row.i32(2) as u32,
            length: row.i32(3) as u32,
        });
        Ok(())
    })?;
    let (documents, length) =
        query::one(CORPUS, &filter.arguments(), |row| (row.i64(0), row.i64(1)))?.unwrap_or((0, 0));
    let corpus = Corpus {
        documents: documents as u64,
        mean_length: length as f32 / documents.max(1) as f32,
    };
    Ok((bm25(&postings, corpus), documents))
}

// Apart, each by its index: an OR would look at every relation.
const EDGES: &str = "
    SELECT r.object_id, r.referenced_id
    FROM schema_monitor._visible_reference AS r
    WHERE r.object_id OPERATOR(pg_catalog.=) ANY ($1)
    UNION ALL
    SELECT r.object_id, r.referenced_id
    FROM schema_monitor._visible_reference AS r
    WHERE r.referenced_id OPERATOR(pg_catalog.=) ANY ($1)";

/// Relations whose foreign keys are followed, for each that is wanted: the strongest, for a weak one lifts nobody.
const FOLLOWED_FOR_EACH: usize = 5;

/// Ranks relations by the better of their own and their best column's similarity.
fn relations(nearest: &[Near], lexical: &HashMap<i64, f32>, max_results: usize) -> Result<Vec<Hit>> {
    let mut best: HashMap<i64, (f32, i16)> = HashMap::new();
    for near in nearest {
        let entry = best.entry(near.object_id).or_insert((near.similarity, near.column));
        if near.similarity > entry.0 {
            *entry = (near.similarity, near.column);
        }
    }
    let mut ids: Vec<i64> = best.keys().chain(lexical.keys()).copied().collect();
    ids.sort_unstable();
    ids.dedup();
    let candidates: Vec<Candidate> = ids
        .iter()
        .map(|id| Candidate {
            id: *id,
            similarity: best.get(id).map(|(similarity, _)| *similarity),
            lexical: lexical.get(id).copied().unwrap_or(0.0),
        })
        .collect();
    let alone = rank(&candidates, &[], Weights::default());
    let followed = FOLLOWED_FOR_EACH * max_results.max(DEFAULT_RESULTS as usize);
    let strong: Vec<i64> = alone.iter().take(followed).map(|ranked| ranked.id).collect();
    let mut edges = Vec::new();
    query::read(EDGES, &[strong.into()], |row| {
        edges.push((row.i64(0), row.i64(1)));
        Ok(())
    })?;
    let ranked = rank(&candidates, &edges, Weights::default());
    Ok(ranked
        .into_iter()
        .map(|ranked| Hit {
            object_id: ranked.id,
            column: best.get(&ranked.id).map_or(0, |(_, column)| *column),
            score: ranked.score,
            similarity: best.get(&ranked.id).map(|(similarity, _)| *similarity),
            lexical: lexical.get(&ranked.id).copied().unwrap_or(0.0),
        })
        .collect())
}

/// Ranks columns by their own similarity and their relation's words.
fn columns(nearest: &[Near], lexical: &HashMap<i64, f32>) -> Vec<Hit> {
    let found: Vec<&Near> = nearest.iter().filter(|near| near.column != 0).collect();
    let candidates: Vec<Candidate> = found
        .iter()
        .enumerate()
        .map(|(at, near)| Candidate {
            id: at as i64,
            similarity: Some(near.similarity),
            lexical: lexical.get(&near.object_id).copied().unwrap_or(0.0),
        })
        .collect();
    rank(&candidates, &[], Weights::default())
        .into_iter()
        .map(|ranked| {
            let near = found[ranked.id as usize];
            Hit {
                object_id: near.object_id,
                column: near.column,
                score: ranked.score,
                similarity: Some(near.similarity),
                lexical: lexical.get(&near.object_id).copied().unwrap_or(0.0),
            }
        })
        .collect()
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
    query::read(DESCRIBE, &[ids.into(), columns.into()], |row| {
        let hit = &hits[row.i64(0) as usize - 1];
        rows.push((
            rows.len() as i32 + 1,
            row.server_text(1).unwrap_or_default(),
            row.server_text(2).unwrap_or_default(),
            row.server_text(3).unwrap_or_default(),
            row.server_text(4).unwrap_or_default(),
            row.server_text(5),
            f64::from(hit.score),
            hit.similarity.map(f64::from),
            f64::from(hit.lexical),
            row.server_text(6),
        ));
        Ok(())
    })?;
    Ok(rows)
}
