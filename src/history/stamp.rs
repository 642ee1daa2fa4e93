//! Which migration made a version: what the tables of migration tools say is written beside the version that stands.

use pgrx::datum::DatumWithOid;
use std::collections::HashSet;

use super::event;
use super::store;
use super::tool::{self, Book, Migration};
use crate::error::Result;
use crate::pg::query;
use crate::pg::transaction::with_fresh_snapshot;

const STANDING: &str = "
    SELECT m.schema_name, m.table_name, m.revision FROM schema_monitor._migration AS m
    WHERE m.withdrawn_version IS NULL AND m.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

const INSERT: &str = "
    INSERT INTO schema_monitor._migration (tool, schema_name, table_name, revision, description, applied_at, version)
    SELECT n.tool, n.schema_name, n.table_name, n.revision, n.description, n.applied_at::timestamptz, $7
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6))
        AS n(tool, schema_name, table_name, revision, description, applied_at)
    ON CONFLICT (schema_name, table_name, revision, version, incarnation) DO UPDATE SET withdrawn_version = NULL";

const WITHDRAW: &str = "
    UPDATE schema_monitor._migration AS m
    SET withdrawn_version = $4
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)) AS n(schema_name, table_name, revision)
    WHERE m.schema_name OPERATOR(pg_catalog.=) n.schema_name AND m.table_name OPERATOR(pg_catalog.=) n.table_name
      AND m.revision OPERATOR(pg_catalog.=) n.revision
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
    let mut standing: HashSet<[String; 3]> = HashSet::new();
    query::read(STANDING, &[], |row| {
        standing.insert([0, 1, 2].map(|at| row.text(at).unwrap_or_default()));
        Ok(())
    })?;
    let mut rows = Rows::default();
    for book in books {
        let Some(migrations) = &book.migrations else {
            standing.retain(|[schema, table, _]| (schema, table) != (&book.schema, &book.table));
            continue;
        };
        let mut told = HashSet::new();
        for one in migrations.iter().filter(|one| told.insert(one.revision.as_str())) {
            if !standing.remove(&[book.schema.clone(), book.table.clone(), one.revision.clone()]) {
                rows.add(book, one);
            }
        }
    }
    withdraw(standing, version)?;
    rows.write(version)
}

fn withdraw(gone: HashSet<[String; 3]>, version: i64) -> Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let (mut schemas, mut tables, mut revisions) = (Vec::new(), Vec::new(), Vec::new());
    for [schema, table, revision] in gone {
        schemas.push(schema);
        tables.push(table);
        revisions.push(revision);
    }
    let arguments = [schemas.into(), tables.into(), revisions.into(), version.into()];
    query::execute(WITHDRAW, &arguments).map(drop)
}

/// The columns of `_migration`.
#[derive(Default)]
struct Rows {
    tools: Vec<&'static str>,
    schemas: Vec<String>,
    tables: Vec<String>,
    revisions: Vec<String>,
    descriptions: Vec<Option<String>>,
    times: Vec<Option<String>>,
}

impl Rows {
    fn add(&mut self, book: &Book, one: &Migration) {
        self.tools.push(book.tool);
        self.schemas.push(book.schema.clone());
        self.tables.push(book.table.clone());
        self.revisions.push(one.revision.clone());
        self.descriptions.push(one.description.clone());
        self.times.push(one.applied_at.clone());
    }

    fn write(self, version: i64) -> Result<()> {
        if self.tools.is_empty() {
            return Ok(());
        }
        let arguments: [DatumWithOid<'_>; 7] = [
            self.tools.into(),
            self.schemas.into(),
            self.tables.into(),
            self.revisions.into(),
            self.descriptions.into(),
            self.times.into(),
            version.into(),
        ];
        query::execute(INSERT, &arguments).map(drop)
    }
}
