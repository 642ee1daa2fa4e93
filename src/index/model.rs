//! Changing the model: its vectors are made beside those that are searched, and take their place in one transaction.

use super::embedding::{Place, follow, stale, vector_column};
use crate::error::Result;
use crate::pg::query;

/// A model as far as the index is concerned.
pub struct Model<'a> {
    /// SHA-256 of its files.
    pub hash: &'a [u8],
    /// Its name.
    pub name: &'a str,
    /// Length of its vectors.
    pub dimensions: usize,
}

const SERVED: &str = "
    SELECT s.model, EXISTS (
        SELECT FROM schema_monitor.schema_embeddings AS e
        WHERE e.incarnation OPERATOR(pg_catalog.=) s.incarnation)
    FROM schema_monitor._state AS s
    WHERE s.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

/// Whether the vectors of a model go where search reads them or beside, and the model that is served meanwhile.
pub fn adopt(model: &Model<'_>) -> Result<(Place, Option<Vec<u8>>)> {
    let (served, has_vectors) = query::one(SERVED, &[], |row| (row.bytes(0), row.bool(1)))?.unwrap_or((None, false));
    let dimensions = model.dimensions as i32;
    let beside = vector_column(Place::Beside).ok().map(|(_, dimensions)| dimensions);
    if served.as_deref() == Some(model.hash) || !has_vectors || served.is_none() {
        if vector_column(Place::Served)?.1 != dimensions {
            begin(dimensions)?;
            query::execute("SELECT schema_monitor._swap_embeddings()", &[])?;
        } else if beside.is_some() {
            query::execute("SELECT schema_monitor._abandon_embeddings()", &[])?;
        }
        serve(model)?;
        return Ok((Place::Served, Some(model.hash.to_vec())));
    }
    if beside != Some(dimensions) {
        begin(dimensions)?;
    }
    Ok((Place::Beside, served))
}

fn begin(dimensions: i32) -> Result<()> {
    query::execute("SELECT schema_monitor._begin_embeddings($1)", &[dimensions.into()]).map(drop)
}

fn serve(model: &Model<'_>) -> Result<()> {
    query::execute(
        "UPDATE schema_monitor._state AS s SET model = $1, model_name = $2
         WHERE s.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
           AND s.model IS DISTINCT FROM $1",
        &[model.hash.into(), model.name.into()],
    )
    .map(drop)
}

/// Puts the vectors made beside in the place of those that are searched, if none is missing; whether it did.
pub fn swap(model: &Model<'_>) -> Result<bool> {
    follow(Place::Beside, None)?;
    if !stale(Place::Beside, model.hash, 1, None)?.is_empty() {
        return Ok(false);
    }
    query::execute("SELECT schema_monitor._swap_embeddings()", &[])?;
    serve(model)?;
    Ok(true)
}
