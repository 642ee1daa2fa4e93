//! The view `semantics`, `set_semantics()` and `reset_semantics()`.

use crate::pg::ErrorReport;
use pgrx::prelude::*;

use crate::error::{Error, Result};
use crate::meaning::semantic::{self, Description};
use crate::pg::encoding::{ServerText, Text, server_text, utf8};

/// What columns and tables are, for the view.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn _semantics() -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(object_id, i64),
            name!(kind, ServerText),
            name!(schema_name, ServerText),
            name!(object_name, ServerText),
            name!(column_name, Option<ServerText>),
            name!(semantic_type, ServerText),
            name!(display_name, ServerText),
            name!(confidence, f64),
            name!(reason, ServerText),
            name!(tags, Vec<Text>),
            name!(described, bool),
        ),
    >,
    ErrorReport,
> {
    let rows = semantic::semantics(None)?.into_iter().map(|row| {
        (
            row.object_id,
            server_text(&row.kind),
            server_text(&row.schema),
            server_text(&row.relation),
            row.column.as_deref().map(server_text),
            server_text(&row.semantic_type),
            server_text(&row.display_name),
            f64::from(row.confidence),
            server_text(&row.reason),
            row.tags.iter().map(|tag| Text::from(tag.as_str())).collect::<Vec<_>>(),
            row.is_described,
        )
    });
    Ok(TableIterator::new(rows.collect::<Vec<_>>()))
}

/// Says what a table or a column is.
#[pg_extern(sql = false)]
fn set_semantics(
    object: Option<ServerText>,
    semantic_type: Option<ServerText>,
    display_name: Option<ServerText>,
    tags: Option<Array<'_, &[u8]>>,
) -> std::result::Result<(), ErrorReport> {
    let text = |text: Option<ServerText>| text.map(|text| utf8(&text));
    let description = Description {
        semantic_type: text(semantic_type),
        display_name: text(display_name),
        tags: tags.map(words).transpose()?,
    };
    Ok(semantic::describe(&text(object).unwrap_or_default(), description)?)
}

fn words(list: Array<'_, &[u8]>) -> Result<Vec<String>> {
    let words: Option<Vec<String>> = list.iter().map(|word| word.map(utf8)).collect();
    words.ok_or_else(|| Error::Argument {
        what: "a list of tags",
        reason: "\"tags\" has a NULL in it.".to_owned(),
    })
}

/// Forgets what was said of a table or a column.
#[pg_extern(sql = false)]
fn reset_semantics(object: Option<ServerText>) -> std::result::Result<bool, ErrorReport> {
    Ok(semantic::forget(&utf8(&object.unwrap_or_default()))?)
}
