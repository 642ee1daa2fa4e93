//! Which migration made a version: what the tables of migration tools say is written beside the version that stands.

use pgrx::datum::DatumWithOid;
use std::collections::HashSet;

use super::event;
use super::store;
use super::tool::{self, Book, Migration};
use crate::error::Result;
use crate::pg::transaction::with_fresh_snapshot;
use crate::pg::{Oid, query};

const STANDING: &str = "
    SELECT m.relation_oid, m.revision FROM schema_monitor._migration AS m
    WHERE m.withdrawn_version IS NULL AND m.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

// A restored history knows the tables by name only.
const REBIND: &str = "
    UPDATE schema_monitor._migration AS m
    SET relation_oid = n.relation_oid
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)) AS n(relation_oid, schema_name, table_name)
    WHERE m.schema_name OPERATOR(pg_catalog.=) n.schema_name AND m.table_name OPERATOR(pg_catalog.=) n.table_name
      AND m.relation_oid OPERATOR(pg_catalog.=) 0 AND m.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

const INSERT: &str = "
    INSERT INTO schema_monitor._migration (
        tool, relation_oid, schema_name, table_name, revision, description, applied_at, version)
    SELECT n.tool, n.relation_oid, n.schema_name, n.table_name, n.revision, n.description,
        CASE
            WHEN n.zoned THEN pg_catalog.to_timestamp(n.seconds)
            ELSE (pg_catalog.to_timestamp(n.seconds) AT TIME ZONE 'UTC')::timestamptz
        END, $9
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8))
        AS n(tool, relation_oid, schema_name, table_name, revision, description, seconds, zoned)
    ON CONFLICT (schema_name, table_name, revision, version, incarnation)
        DO UPDATE SET withdrawn_version = NULL, relation_oid = excluded.relation_oid";

const WITHDRAW: &str = "
    UPDATE schema_monitor._migration AS m
    SET withdrawn_version = $3
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS n(relation_oid, revision)
    WHERE m.relation_oid OPERATOR(pg_catalog.=) n.relation_oid AND m.revision OPERATOR(pg_catalog.=) n.revision
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
    rebind(books)?;
    let mut standing: HashSet<(u32, String)> = HashSet::new();
    // what this transaction wrote, too
    query::write(STANDING, &[], |row| {
        standing.insert((row.oid(0), row.text(1).unwrap_or_default()));
        Ok(())
    })?;
    let mut rows = Rows::default();
    for book in books {
        let Some(migrations) = &book.migrations else {
            standing.retain(|(oid, _)| *oid != book.oid);
            continue;
        };
        let mut told = HashSet::new();
        for one in migrations.iter().filter(|one| told.insert(one.revision.as_str())) {
            if !standing.remove(&(book.oid, one.revision.clone())) {
                rows.add(book, one);
            }
        }
    }
    withdraw(standing, version)?;
    rows.write(version)
}

fn rebind(books: &[Book]) -> Result<()> {
    if books.is_empty() {
        return Ok(());
    }
    let oids: Vec<Oid> = books.iter().map(|book| Oid::from(book.oid)).collect();
    let schemas: Vec<String> = books.iter().map(|book| book.schema.clone()).collect();
    let tables: Vec<String> = books.iter().map(|book| book.table.clone()).collect();
    query::execute(REBIND, &[oids.into(), schemas.into(), tables.into()]).map(drop)
}

fn withdraw(gone: HashSet<(u32, String)>, version: i64) -> Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let (oids, revisions): (Vec<Oid>, Vec<String>) = gone.into_iter().map(|(oid, name)| (Oid::from(oid), name)).unzip();
    query::execute(WITHDRAW, &[oids.into(), revisions.into(), version.into()]).map(drop)
}

/// The columns of `_migration`.
#[derive(Default)]
struct Rows {
    tools: Vec<&'static str>,
    oids: Vec<Oid>,
    schemas: Vec<String>,
    tables: Vec<String>,
    revisions: Vec<String>,
    descriptions: Vec<Option<String>>,
    seconds: Vec<Option<f64>>,
    zoned: Vec<bool>,
}

impl Rows {
    fn add(&mut self, book: &Book, one: &Migration) {
        self.tools.push(book.tool);
        self.oids.push(book.oid.into());
        self.schemas.push(book.schema.clone());
        self.tables.push(book.table.clone());
        self.revisions.push(one.revision.clone());
        self.descriptions.push(one.description.clone());
        self.seconds.push(one.applied_at.map(|moment| moment.seconds));
        self.zoned.push(one.applied_at.is_some_and(|moment| moment.zoned));
    }

    fn write(self, version: i64) -> Result<()> {
        if self.tools.is_empty() {
            return Ok(());
        }
        let arguments: [DatumWithOid<'_>; 9] = [
            self.tools.into(),
            self.oids.into(),
            self.schemas.into(),
            self.tables.into(),
            self.revisions.into(),
            self.descriptions.into(),
            self.seconds.into(),
            self.zoned.into(),
            version.into(),
        ];
        query::execute(INSERT, &arguments).map(drop)
    }
}
