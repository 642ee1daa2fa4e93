//! Which migration made a version: what the tables of migration tools say is written beside the version that stands.

use pgrx::datum::DatumWithOid;
use std::collections::HashSet;

use super::event;
use super::store;
use super::tool::{self, Book};
use crate::error::Result;
use crate::pg::query;
use crate::pg::transaction::with_fresh_snapshot;

const STANDING: &str = "
    SELECT m.relation, m.revision FROM schema_monitor._migration AS m
    WHERE m.withdrawn_version IS NULL AND m.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

const INSERT: &str = "
    INSERT INTO schema_monitor._migration (tool, relation, revision, description, applied_at, version)
    SELECT n.tool, n.relation, n.revision, n.description, n.applied_at::timestamptz, $6
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5))
        AS n(tool, relation, revision, description, applied_at)
    ON CONFLICT (relation, revision, version, incarnation) DO UPDATE SET withdrawn_version = NULL";

const WITHDRAW: &str = "
    UPDATE schema_monitor._migration AS m
    SET withdrawn_version = $3
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS n(relation, revision)
    WHERE m.relation OPERATOR(pg_catalog.=) n.relation AND m.revision OPERATOR(pg_catalog.=) n.revision
      AND m.withdrawn_version IS NULL AND m.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

/// Reads the tables again when nothing else is to do: some tools write down what they ran after its commit.
pub fn stamp() -> Result<()> {
    store::lock()?;
    with_fresh_snapshot(|| {
        let state = store::state()?;
        // Before the first version, or where one is due, the comparison does this itself.
        if state.version == 0 || event::have_come_since(state.drained.as_deref().unwrap_or("1:1:"))? {
            return Ok(());
        }
        write(&tool::books()?, state.version)
    })
}

/// Writes down what is new in the tables, and what is there no more, as of a version.
pub(super) fn write(books: &[Book], version: i64) -> Result<()> {
    let mut standing: HashSet<(String, String)> = HashSet::new();
    query::read(STANDING, &[], |row| {
        standing.insert((row.text(0).unwrap_or_default(), row.text(1).unwrap_or_default()));
        Ok(())
    })?;
    let (mut tools, mut relations, mut revisions) = (Vec::new(), Vec::new(), Vec::new());
    let (mut descriptions, mut times) = (Vec::new(), Vec::new());
    for book in books {
        let Some(migrations) = &book.migrations else {
            standing.retain(|(relation, _)| *relation != book.relation);
            continue;
        };
        let mut told = HashSet::new();
        for one in migrations.iter().filter(|one| told.insert(one.revision.as_str())) {
            if !standing.remove(&(book.relation.clone(), one.revision.clone())) {
                tools.push(one.tool);
                relations.push(book.relation.clone());
                revisions.push(one.revision.clone());
                descriptions.push(one.description.clone());
                times.push(one.applied_at.clone());
            }
        }
    }
    if !standing.is_empty() {
        let (relations, revisions): (Vec<String>, Vec<String>) = standing.into_iter().unzip();
        query::execute(WITHDRAW, &[relations.into(), revisions.into(), version.into()])?;
    }
    if tools.is_empty() {
        return Ok(());
    }
    let arguments: [DatumWithOid<'_>; 6] = [
        tools.into(),
        relations.into(),
        revisions.into(),
        descriptions.into(),
        times.into(),
        version.into(),
    ];
    query::execute(INSERT, &arguments).map(drop)
}
