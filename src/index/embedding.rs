//! Vectors: which are missing, writing them, and keeping them in line with the passages.

use pgrx::datum::DatumWithOid;

use crate::error::{Error, Result};
use crate::pg::query;
use crate::pg::relation;
use crate::pg::vector;

/// Which table of vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `schema_embeddings`, which search reads.
    Served,
    /// `_next_embeddings`, which is to take its place once it has a vector of another model for every passage.
    Beside,
}

/// A statement for either table.
macro_rules! in_either {
    ($before:literal, $after:literal) => {
        [
            concat!($before, "schema_monitor.schema_embeddings", $after),
            concat!($before, "schema_monitor._next_embeddings", $after),
        ]
    };
}

/// A passage that has no vector, or one of another text or model.
pub struct Stale {
    /// The relation.
    pub object_id: i64,
    /// The column; 0 for the relation.
    pub column: i16,
    /// What to embed.
    pub passage: String,
    /// Its hash.
    pub hash: Vec<u8>,
}

const STALE: [&str; 2] = in_either!(
    "
    SELECT p.object_id, p.column_number, p.passage, p.passage_hash
    FROM schema_monitor._passage AS p
    LEFT JOIN ",
    " AS e
        ON e.object_id OPERATOR(pg_catalog.=) p.object_id
        AND e.column_number OPERATOR(pg_catalog.=) p.column_number
        AND e.incarnation OPERATOR(pg_catalog.=) p.incarnation
    WHERE p.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND (e.passage_hash IS NULL
           OR e.passage_hash OPERATOR(pg_catalog.<>) p.passage_hash
           OR e.model OPERATOR(pg_catalog.<>) $1)
      AND NOT EXISTS (
          SELECT FROM schema_monitor._quarantine AS q
          WHERE q.passage_hash OPERATOR(pg_catalog.=) p.passage_hash
            AND q.model OPERATOR(pg_catalog.=) $1
            AND q.incarnation OPERATOR(pg_catalog.=) p.incarnation)
      AND ($3 IS NULL OR p.object_id OPERATOR(pg_catalog.=) ANY ($3))
    ORDER BY p.column_number OPERATOR(pg_catalog.<>) 0, p.object_id, p.column_number
    LIMIT $2"
);

/// Passages that need a vector of the model, relations before columns, at most `limit`; of some objects
/// only where it is known that no other can have changed.
pub fn stale(place: Place, model: &[u8], limit: i64, only: Option<&[i64]>) -> Result<Vec<Stale>> {
    let mut stale = Vec::new();
    query::read(
        STALE[place as usize],
        &[model.into(), limit.into(), only.map(<[i64]>::to_vec).into()],
        |row| {
            stale.push(Stale {
                object_id: row.i64(0),
                column: row.i16(1),
                passage: row.text(2).unwrap_or_default(),
                hash: row.bytes(3).unwrap_or_default(),
            });
            Ok(())
        },
    )?;
    Ok(stale)
}

// What was dropped or changed while the model ran has another passage by now and is left out.
const UPSERT: [&str; 2] = in_either!(
    "
    INSERT INTO ",
    " AS e (
        object_id, relation, column_number, kind, schema_name, object_name, column_name, passage, passage_hash, model,
        embedding)
    SELECT
        p.object_id, o.oid, p.column_number,
        CASE WHEN p.column_number OPERATOR(pg_catalog.=) 0 THEN o.kind ELSE 'column' END,
        o.schema_name, o.name, p.column_name, p.passage, p.passage_hash, $4, $5
    FROM schema_monitor._passage AS p
    JOIN schema_monitor._object AS o
        ON o.object_id OPERATOR(pg_catalog.=) p.object_id AND o.incarnation OPERATOR(pg_catalog.=) p.incarnation
    WHERE p.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND p.object_id OPERATOR(pg_catalog.=) $1
      AND p.column_number OPERATOR(pg_catalog.=) $2
      AND p.passage_hash OPERATOR(pg_catalog.=) $3
    ON CONFLICT (object_id, column_number, incarnation) DO UPDATE
    SET relation = excluded.relation, kind = excluded.kind, schema_name = excluded.schema_name,
        object_name = excluded.object_name, column_name = excluded.column_name, passage = excluded.passage,
        passage_hash = excluded.passage_hash, model = excluded.model, embedding = excluded.embedding,
        embedded_at = pg_catalog.now()"
);

/// Writes the vectors of passages; gives how many still fitted.
pub fn upsert(place: Place, vectors: Vec<(&Stale, Vec<f32>)>, model: &[u8]) -> Result<u64> {
    let (type_oid, _) = vector_column(place)?;
    let mut written = 0;
    for (one, values) in vectors {
        let arguments: [DatumWithOid<'_>; 5] = [
            one.object_id.into(),
            one.column.into(),
            one.hash.clone().into(),
            model.into(),
            vector::argument(values, type_oid)?,
        ];
        written += query::execute(UPSERT[place as usize], &arguments)?;
    }
    Ok(written)
}

const LEAVE_OUT: &str = "
    INSERT INTO schema_monitor._quarantine (passage_hash, model, reason)
    VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING";

/// Notes that a passage is not embedded by the model, and why.
pub fn leave_out(one: &Stale, model: &[u8], reason: &str) -> Result<()> {
    query::execute(LEAVE_OUT, &[one.hash.clone().into(), model.into(), reason.into()]).map(drop)
}

const LEFT_OUT: &str = "
    SELECT pg_catalog.count(*)
    FROM schema_monitor._passage AS p
    JOIN schema_monitor._quarantine AS q
        ON q.passage_hash OPERATOR(pg_catalog.=) p.passage_hash
        AND q.incarnation OPERATOR(pg_catalog.=) p.incarnation
    WHERE p.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND q.model OPERATOR(pg_catalog.=) $1";

/// How many passages are not embedded by the model because it must not be run on them.
pub fn left_out(model: &[u8]) -> Result<i64> {
    let count = query::one(LEFT_OUT, &[model.into()], |row| row.i64(0))?;
    Ok(count.unwrap_or(0))
}

/// Lets every passage be tried again.
pub fn readmit() -> Result<()> {
    query::execute(
        "DELETE FROM schema_monitor._quarantine AS q
         WHERE q.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
        &[],
    )
    .map(drop)
}

// Vectors of what is gone go at once; those of what is renamed, or made anew under its name, get the new names
// at once and a new vector later.
const FORGET: [&str; 2] = in_either!(
    "
    DELETE FROM ",
    " AS e
    WHERE ($1 IS NULL OR e.object_id OPERATOR(pg_catalog.=) ANY ($1))
      AND e.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND NOT EXISTS (
          SELECT FROM schema_monitor._passage AS p
          WHERE p.object_id OPERATOR(pg_catalog.=) e.object_id
            AND p.column_number OPERATOR(pg_catalog.=) e.column_number
            AND p.incarnation OPERATOR(pg_catalog.=) e.incarnation)"
);

const RENAME: [&str; 2] = in_either!(
    "
    UPDATE ",
    " AS e
    SET relation = o.oid, schema_name = o.schema_name, object_name = o.name, column_name = p.column_name
    FROM schema_monitor._object AS o
    JOIN schema_monitor._passage AS p
        ON p.object_id OPERATOR(pg_catalog.=) o.object_id AND p.incarnation OPERATOR(pg_catalog.=) o.incarnation
    WHERE ($1 IS NULL OR o.object_id OPERATOR(pg_catalog.=) ANY ($1))
      AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND e.object_id OPERATOR(pg_catalog.=) o.object_id
      AND e.column_number OPERATOR(pg_catalog.=) p.column_number
      AND e.incarnation OPERATOR(pg_catalog.=) o.incarnation
      AND (e.relation, e.schema_name, e.object_name, coalesce(e.column_name, ''))
          IS DISTINCT FROM (o.oid, o.schema_name, o.name, coalesce(p.column_name, ''))"
);

/// Brings vectors in line with the passages of some objects, or of all, as far as no model is needed for it.
pub fn follow(place: Place, objects: Option<&[i64]>) -> Result<()> {
    let arguments = [objects.map(<[i64]>::to_vec).into()];
    query::execute(FORGET[place as usize], &arguments)?;
    query::execute(RENAME[place as usize], &arguments)?;
    Ok(())
}

/// Every vector counts as one of no model, so that all are made anew.
pub fn forget_models() -> Result<()> {
    query::execute(
        "UPDATE schema_monitor.schema_embeddings AS e SET model = ''::bytea
         WHERE e.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()",
        &[],
    )
    .map(drop)
}

/// Type and dimension of the column of vectors.
pub fn vector_column(place: Place) -> Result<(u32, i32)> {
    let (name, place) = match place {
        Place::Served => (c"schema_embeddings", "schema_monitor.schema_embeddings"),
        Place::Beside => (c"_next_embeddings", "schema_monitor._next_embeddings"),
    };
    relation::column_type(c"schema_monitor", name, c"embedding").ok_or(Error::Content {
        place,
        reason: "it has no column \"embedding\"".to_owned(),
    })
}

/// How many vectors so many relations have, about: a good guess is enough to choose between two ways to the same
/// answer. 0 where the tables have not been analysed yet, as they are once they have grown.
pub fn estimated_vectors(documents: i64) -> i64 {
    let rows = |name| relation::estimated_rows(c"schema_monitor", name);
    match (rows(c"schema_embeddings"), rows(c"_document")) {
        (Some(vectors), Some(all)) if all > 0.0 => (documents as f32 * vectors / all) as i64,
        _ => 0,
    }
}

const PENDING: [&str; 2] = in_either!(
    "
    SELECT pg_catalog.count(*)
    FROM schema_monitor._passage AS p
    LEFT JOIN ",
    " AS e
        ON e.object_id OPERATOR(pg_catalog.=) p.object_id
        AND e.column_number OPERATOR(pg_catalog.=) p.column_number
        AND e.incarnation OPERATOR(pg_catalog.=) p.incarnation
    WHERE p.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND (e.passage_hash IS NULL
           OR e.passage_hash OPERATOR(pg_catalog.<>) p.passage_hash
           OR e.model OPERATOR(pg_catalog.<>) $1)
      AND NOT EXISTS (
          SELECT FROM schema_monitor._quarantine AS q
          WHERE q.passage_hash OPERATOR(pg_catalog.=) p.passage_hash
            AND q.model OPERATOR(pg_catalog.=) $1
            AND q.incarnation OPERATOR(pg_catalog.=) p.incarnation)"
);

/// How many passages have no vector of the model; while it is being changed, beside.
pub fn pending(model: &[u8]) -> Result<i64> {
    let place = match relation::hold(c"schema_monitor", c"_next_embeddings") {
        true => Place::Beside,
        false => Place::Served,
    };
    let count = query::one(PENDING[place as usize], &[model.into()], |row| row.i64(0))?;
    Ok(count.unwrap_or(0))
}

/// Whether every passage has its vector where search reads it.
pub fn is_complete(model: &[u8]) -> Result<bool> {
    Ok(stale(Place::Served, model, 1, None)?.is_empty())
}

/// Tells listeners that a version is searchable, once for each version.
pub fn announce(version: i64) -> Result<()> {
    let told = query::execute(
        "UPDATE schema_monitor._state AS s SET notified = $1
         WHERE s.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
           AND s.notified OPERATOR(pg_catalog.<) $1",
        &[version.into()],
    )?;
    if told > 0 {
        let payload = serde_json::json!({ "version": version }).to_string();
        query::execute("SELECT pg_catalog.pg_notify('schema_indexed', $1)", &[payload.into()])?;
    }
    Ok(())
}
