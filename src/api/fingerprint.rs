//! `fingerprint()`: reads the catalog now, whatever is recorded.

use crate::pg::{ErrorReport, Oid};
use pgrx::prelude::*;
use schema::{Fingerprints, Tree};

use crate::catalog::{self, Scope};
use crate::error::Result;
use crate::history;
use crate::pg::encoding::{ServerText, server_text};
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

/// The three fingerprints of each schema and, under the name `*`, of the database.
#[pg_extern(sql = false)]
fn _fingerprint_tree() -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(schema_name, ServerText),
            name!(structure, String),
            name!(layout, String),
            name!(access, String),
        ),
    >,
    ErrorReport,
> {
    let tree = tree()?;
    let row = |name: &str, fingerprints: Fingerprints| {
        let Fingerprints {
            structure,
            layout,
            access,
        } = fingerprints;
        (server_text(name), structure.to_hex(), layout.to_hex(), access.to_hex())
    };
    let mut rows: Vec<_> = tree
        .schemas()
        .map(|(name, fingerprints)| row(name, fingerprints))
        .collect();
    rows.push(row("*", tree.root()));
    Ok(TableIterator::new(rows))
}

fn tree() -> Result<Tree> {
    let found = with_fresh_snapshot(|| catalog::read(&Scope::everything()))?;
    let mut tree = Tree::new();
    for definition in found.values() {
        let signature = definition.signature().into_owned();
        tree.insert(
            definition.group(),
            definition.kind,
            signature,
            Fingerprints::of(definition),
        );
    }
    Ok(tree)
}
