//! The vectors nearest to a question's, among those the effective user may see.

use std::collections::HashMap;
use std::ffi::CStr;

use super::embedding::{Place, estimated_vectors, vector_column};
use crate::error::Result;
use crate::pg::{Oid, guc, query, vector};
use crate::settings;

/// Vectors asked of the index for each relation that is wanted, where not all are compared: the columns of one
/// relation are many.
const NEAREST_FOR_EACH: usize = 10;

/// Least number of vectors asked of the index: a search in it sees so many anyway.
const LEAST_NEAREST: usize = 100;

/// Greatest number of vectors asked of the index where relations are wanted: what comes later hardly lifts one.
const MOST_NEAREST: usize = 200;

/// Similarity of one passage.
pub struct Near {
    /// The relation.
    pub object_id: i64,
    /// The column; 0 for the relation itself.
    pub column: i16,
    /// Cosine of the angle between the vectors.
    pub similarity: f32,
}

/// What is near to a question.
#[derive(Default)]
pub struct Nearest {
    /// The passages that were compared.
    pub found: Vec<Near>,
    /// The similarity of the last column among them, where not all were compared: all others are less similar.
    pub last: Option<f32>,
}

// `<=>` stands for the operator of the schema that pgvector is in. Straight from the table, so that its row-level security filters and its index is used: a security-barrier view
// would hide the index.
const EVERY: &str = "
    SELECT e.object_id, e.column_number, 1 OPERATOR(pg_catalog.-) (e.embedding <=> $1)
    FROM schema_monitor.schema_embeddings AS e
    WHERE e.model OPERATOR(pg_catalog.=) $2
      AND e.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND ($3 IS NULL OR e.schema_name OPERATOR(pg_catalog.=) ANY ($3))";

/// Behind [`EVERY`], where kinds are asked for.
const OF_KINDS: &str = "
      AND e.object_id IN (
          SELECT d.object_id FROM schema_monitor._visible_document AS d WHERE d.kind OPERATOR(pg_catalog.=) ANY ($4))";

/// Behind [`EVERY`]: of the relations themselves.
const OF_RELATIONS: &str = " AND e.column_number OPERATOR(pg_catalog.=) 0";

/// Behind [`EVERY`]: the nearest, by the index.
const NEAREST: &str = "
    ORDER BY e.embedding <=> $1
    LIMIT $5";

/// The index goes on until enough rows have passed the filter: rights and filters cost time and never rows. It is
/// chosen here, by what is known of the rights, and not by the planner, which guesses that a third may be seen.
const BY_INDEX: &[(&CStr, &CStr)] = &[
    (c"enable_sort", c"off"),
    (c"hnsw.iterative_scan", c"relaxed_order"),
    (c"hnsw.ef_search", c"100"),
    (c"hnsw.max_scan_tuples", c"2000000"),
];

/// Similarities of what may be seen of `documents` relations: of every vector where they are few enough, else of
/// every relation's own and of the nearest. A graph alone is not enough: among hundreds of tables that differ by
/// a number it does not find the one that is unlike them (measured: 0 of 15 vectors at ef_search 100).
///
/// `kinds` (of relation) and `schemas` filter where they are given; `columns` says that columns are wanted.
pub fn nearest(
    vector: Vec<f32>,
    model: &[u8],
    kinds: Option<&[String]>,
    schemas: Option<&[String]>,
    columns: bool,
    documents: i64,
    max_results: usize,
) -> Result<Nearest> {
    let (type_oid, dimensions) = vector_column(Place::Served)?;
    if dimensions as usize != vector.len() {
        return Ok(Nearest::default()); // of another model than the table's
    }
    let every = if kinds.is_some() {
        [EVERY, OF_KINDS].concat()
    } else {
        EVERY.to_owned()
    };
    let (kinds, schemas) = (
        kinds.map(<[String]>::to_vec).into(),
        schemas.map(<[String]>::to_vec).into(),
    );
    let distance = vector::cosine_distance(type_oid);
    let question = vector::argument(vector, type_oid)?;
    let mut found = Vec::new();
    let mut add = |row: &query::Row<'_>| {
        found.push(Near {
            object_id: row.i64(0),
            column: row.i16(1),
            similarity: row.f64(2) as f32,
        });
        Ok(())
    };
    let is_exact = estimated_vectors(documents) <= settings::exact_search_rows();
    if is_exact {
        query::read_often(
            &every.replace("<=>", &distance),
            &[question, model.into(), schemas, kinds],
            &mut add,
        )?;
    } else {
        let _pinned = guc::Pinned::at(BY_INDEX);
        let both = format!("({every}{OF_RELATIONS}) UNION ALL ({every}{NEAREST})");
        let greatest = if columns { usize::MAX } else { MOST_NEAREST };
        let most = (NEAREST_FOR_EACH * max_results).clamp(LEAST_NEAREST, greatest) as i64;
        query::read_often(
            &both.replace("<=>", &distance),
            &[question, model.into(), schemas, kinds, most.into()],
            &mut add,
        )?;
    }
    let columns = found.iter().filter(|near| near.column != 0);
    let last = columns.map(|near| near.similarity).min_by(f32::total_cmp);
    Ok(Nearest {
        last: last.filter(|_| !is_exact),
        found,
    })
}

const COLUMNS_NEAR: &str = "
    SELECT e.relation, e.column_number, 1 OPERATOR(pg_catalog.-) (e.embedding <=> $1)
    FROM schema_monitor.schema_embeddings AS e
    WHERE e.model OPERATOR(pg_catalog.=) $2
      AND e.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND e.relation OPERATOR(pg_catalog.=) ANY ($3) AND e.column_number OPERATOR(pg_catalog.<>) 0";

/// Similarities of the columns of some relations, by OID and number.
pub fn columns_near(vector: Vec<f32>, model: &[u8], relations: Vec<Oid>) -> Result<HashMap<(u32, i16), f32>> {
    let mut near = HashMap::new();
    let (type_oid, dimensions) = vector_column(Place::Served)?;
    if dimensions as usize == vector.len() {
        let sql = COLUMNS_NEAR.replace("<=>", &vector::cosine_distance(type_oid));
        let arguments = [vector::argument(vector, type_oid)?, model.into(), relations.into()];
        query::read(&sql, &arguments, |row| {
            near.insert((row.oid(0), row.i16(1)), row.f64(2) as f32);
            Ok(())
        })?;
    }
    Ok(near)
}

const RELATIONS_NEAR: &str = "
    SELECT e.object_id, 1 OPERATOR(pg_catalog.-) (e.embedding <=> $1)
    FROM schema_monitor.schema_embeddings AS e
    WHERE e.model OPERATOR(pg_catalog.=) $2
      AND e.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND e.column_number OPERATOR(pg_catalog.=) 0";

/// Similarities of all relations, without regard to their columns.
pub fn relations_near(vector: Vec<f32>, model: &[u8]) -> Result<HashMap<i64, f32>> {
    let mut near = HashMap::new();
    let (type_oid, dimensions) = vector_column(Place::Served)?;
    if dimensions as usize == vector.len() {
        let sql = RELATIONS_NEAR.replace("<=>", &vector::cosine_distance(type_oid));
        query::read(&sql, &[vector::argument(vector, type_oid)?, model.into()], |row| {
            near.insert(row.i64(0), row.f64(1) as f32);
            Ok(())
        })?;
    }
    Ok(near)
}
