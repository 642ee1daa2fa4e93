//! `embed_query()` and `embed_passage()`.

use crate::pg::ErrorReport;
use embed::Purpose;
use pgrx::prelude::*;

use crate::error::Result;
use crate::pg::encoding::{ServerText, utf8};
use crate::settings;
use crate::worker;

/// The vector of a text, as `real[]`; the SQL functions around it give it pgvector's type.
#[pg_extern(sql = false)]
fn _embed(text: ServerText, is_query: bool) -> std::result::Result<Vec<f32>, ErrorReport> {
    let purpose = if is_query { Purpose::Query } else { Purpose::Passage };
    Ok(embed(purpose, &utf8(&text))?)
}

fn embed(purpose: Purpose, text: &str) -> Result<Vec<f32>> {
    Ok(worker::embed(purpose, text, settings::embedder_timeout())?.vector)
}

/// The dimension of the configured model, for the table of vectors; NULL, with a notice, where there is
/// no usable model.
#[pg_extern(sql = false)]
fn _model_dimensions() -> Option<i32> {
    match embed::ModelDirectory::inspect(&settings::model_directory()) {
        Ok(directory) => Some(directory.dimensions as i32),
        Err(error) => {
            let report = ErrorReport::from(crate::error::Error::from(error));
            ereport!(
                PgLogLevel::NOTICE,
                PgSqlErrorCode::ERRCODE_UNDEFINED_FILE,
                format!(
                    "schema_monitor has no model yet, search will answer by words: {}",
                    report.message()
                ),
                report.hint().unwrap_or_default()
            );
            None
        }
    }
}
