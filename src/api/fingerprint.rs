//! `fingerprint()`: reads the catalog now, whatever is recorded.

use crate::pg::{ErrorReport, Oid};
use pgrx::prelude::*;
use schema::{Tree, TreeForm};

use crate::catalog::{self, Scope};
use crate::error::{Error, Result};
use crate::history;
use crate::pg::encoding::{ServerText, server_text, utf8};
use crate::pg::transaction::with_fresh_snapshot;

/// The structure of the whole database.
#[pg_extern(sql = false)]
fn fingerprint() -> std::result::Result<String, ErrorReport> {
    Ok(tree()?.root().structure.to_hex())
}

/// The structure of one relation.
#[pg_extern(sql = false)]
fn fingerprint_of_relation(relation: Oid) -> std::result::Result<String, ErrorReport> {
    let fingerprint = with_fresh_snapshot(|| history::fingerprint_of_relation(relation.to_u32()))?;
    Ok(fingerprint.to_hex())
}

/// The fingerprints of the database, of each schema and of each object, as JSON.
#[pg_extern(sql = false)]
fn _fingerprint_tree() -> std::result::Result<ServerText, ErrorReport> {
    let form = TreeForm::from(&tree()?);
    let text = serde_json::to_string(&form).map_err(|error| Error::Content {
        place: "the fingerprint tree",
        reason: error.to_string(),
    })?;
    Ok(server_text(&text))
}

/// Where this database is other than the one of the tree.
#[pg_extern(sql = false)]
fn _compare(
    fingerprint_tree: ServerText,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(difference, String),
            name!(kind, String),
            name!(schema_name, Option<ServerText>),
            name!(object_name, ServerText),
        ),
    >,
    ErrorReport,
> {
    let there: TreeForm = serde_json::from_str(&utf8(&fingerprint_tree)).map_err(|error| Error::Argument {
        what: "a tree as fingerprint_tree() gives it",
        reason: error.to_string(),
    })?;
    let here = TreeForm::from(&tree()?);
    let rows: Vec<_> = schema::compare(&here, &there)
        .into_iter()
        .map(|one| {
            (
                one.difference.as_str().to_owned(),
                one.kind.as_str().to_owned(),
                (!one.schema.is_empty()).then(|| server_text(one.schema)),
                server_text(one.signature),
            )
        })
        .collect();
    Ok(TableIterator::new(rows))
}

fn tree() -> Result<Tree> {
    let found = with_fresh_snapshot(|| catalog::read(&Scope::everything()))?;
    Ok(Tree::of(found.values()))
}
