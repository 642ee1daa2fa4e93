//! Migration tools, by the tables they keep their books in.
//!
//! A tool writes down which migrations it has run in a table of the database it migrates. Those tables belong to
//! users: they are read only where that evaluates nothing of theirs (plain tables, no row-level security, columns of
//! built-in types), as their owner under the restrictions of a maintenance command, and only as far as they are small.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::pg::acting::Acting;
use crate::pg::lookup::quoted;
use crate::pg::subtransaction::undone;
use crate::pg::{Oid, query};

/// How a tool keeps its books.
struct Tool {
    /// Its name.
    name: &'static str,
    /// Its table's usual name.
    table: &'static str,
    /// Columns that table has; what is read of it needs no others.
    columns: &'static [&'static str],
    /// A column that the table does not have: another tool uses the same name.
    lacks: &'static str,
    /// Revision, description and time of each migration that stands, from the table `m`.
    select: &'static str,
}

// In the order in which they are asked; the more particular ones first.
const TOOLS: [Tool; 10] = [
    Tool {
        name: "alembic",
        table: "alembic_version",
        columns: &["version_num"],
        lacks: "",
        select: "m.version_num::text, NULL::text, NULL::timestamptz FROM m",
    },
    Tool {
        name: "golang-migrate",
        table: "schema_migrations",
        columns: &["version", "dirty"],
        lacks: "",
        select: "m.version::text, NULL::text, NULL::timestamptz FROM m WHERE NOT m.dirty",
    },
    Tool {
        name: DBMATE,
        table: "schema_migrations",
        columns: &["version"],
        lacks: "inserted_at",
        select: "m.version::text, NULL::text, NULL::timestamptz FROM m",
    },
    Tool {
        name: "flyway",
        table: "flyway_schema_history",
        columns: &["version", "description", "installed_on", "success"],
        lacks: "",
        select: "coalesce(m.version::text, m.description::text), m.description::text, m.installed_on::timestamptz
                 FROM m WHERE m.success",
    },
    Tool {
        name: "django",
        table: "django_migrations",
        columns: &["app", "name", "applied"],
        lacks: "",
        select: "pg_catalog.concat(m.app::text, '.', m.name::text), NULL::text, m.applied::timestamptz FROM m",
    },
    Tool {
        name: "diesel",
        table: "__diesel_schema_migrations",
        columns: &["version", "run_on"],
        lacks: "",
        select: "m.version::text, NULL::text, m.run_on::timestamptz FROM m",
    },
    Tool {
        name: "sqlx",
        table: "_sqlx_migrations",
        columns: &["version", "description", "installed_on", "success"],
        lacks: "",
        select: "m.version::text, m.description::text, m.installed_on::timestamptz FROM m WHERE m.success",
    },
    Tool {
        name: "prisma",
        table: "_prisma_migrations",
        columns: &["migration_name", "finished_at", "rolled_back_at"],
        lacks: "",
        select: "m.migration_name::text, NULL::text, m.finished_at::timestamptz
                 FROM m WHERE m.finished_at IS NOT NULL AND m.rolled_back_at IS NULL",
    },
    Tool {
        name: "liquibase",
        table: "databasechangelog",
        columns: &["id", "author", "filename", "dateexecuted"],
        lacks: "",
        select: "pg_catalog.concat(m.filename::text, '::', m.id::text, '::', m.author::text), NULL::text,
                 m.dateexecuted::timestamptz FROM m",
    },
    Tool {
        name: "sequelize",
        table: "SequelizeMeta",
        columns: &["name"],
        lacks: "",
        select: "m.name::text, NULL::text, NULL::timestamptz FROM m",
    },
];

/// Its table has the form that Rails' has; Rails keeps another beside it.
const DBMATE: &str = "dbmate";
const RAILS: &str = "ar_internal_metadata";

/// Rows of a table that are read, at most; and pages it may have.
const ROWS: i64 = 10_000;
const PAGES: i64 = 2_048;

/// Bytes kept of a revision or a description.
const BYTES: usize = 500;

/// A migration that its tool says stands.
pub(super) struct Migration {
    pub revision: String,
    pub description: Option<String>,
    pub applied_at: Option<String>,
}

/// One tool's table.
pub(super) struct Book {
    pub tool: &'static str,
    pub schema: String,
    pub table: String,
    /// What is in it; `None` where it could not be read this time.
    pub migrations: Option<Vec<Migration>>,
}

// relpages is of the last vacuum or analyze: the file's own length would need the relation opened.
const BOOKS: &str = "
    SELECT n.nspname, c.relname, c.relowner, c.relpages::bigint,
        pg_catalog.array_agg(a.attname::text ORDER BY a.attnum),
        EXISTS (
            SELECT FROM pg_catalog.pg_class AS o
            WHERE o.relname OPERATOR(pg_catalog.=) $2 AND o.relnamespace OPERATOR(pg_catalog.=) c.relnamespace)
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    JOIN pg_catalog.pg_am AS m ON m.oid OPERATOR(pg_catalog.=) c.relam AND m.amname OPERATOR(pg_catalog.=) 'heap'
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
        AND a.attgenerated OPERATOR(pg_catalog.=) ''
        -- bool, int8, int4, text, bpchar, varchar, timestamp, timestamptz
        AND a.atttypid OPERATOR(pg_catalog.=) ANY ('{16,20,23,25,1042,1043,1114,1184}'::oid[])
    WHERE c.relname OPERATOR(pg_catalog.=) ANY ($1)
      AND c.relkind OPERATOR(pg_catalog.=) 'r'
      AND c.relpersistence OPERATOR(pg_catalog.<>) 't'
      AND NOT c.relrowsecurity
    GROUP BY c.oid, n.nspname, c.relname, c.relowner, c.relpages, c.relnamespace
    ORDER BY n.nspname, c.relname";

/// The tables of migration tools that are there, with what is in them.
pub(super) fn books() -> Result<Vec<Book>> {
    let names: BTreeSet<String> = TOOLS.iter().map(|tool| tool.table.to_owned()).collect();
    let names: Vec<String> = names.into_iter().collect();
    let mut found: Vec<(Book, &Tool, Oid)> = Vec::new();
    query::read(BOOKS, &[names.into(), RAILS.into()], |row| {
        let (schema, table, columns) = (row.name(0), row.name(1), row.texts(4).unwrap_or_default());
        let has = |column: &str| columns.iter().any(|one| one == column);
        let fits =
            |tool: &&Tool| tool.table == table && !has(tool.lacks) && tool.columns.iter().all(|column| has(column));
        if let Some(tool) = TOOLS.iter().find(fits).filter(|_| row.i64(3) <= PAGES) {
            let book = Book {
                tool: if tool.name == DBMATE && row.bool(5) {
                    "rails"
                } else {
                    tool.name
                },
                schema,
                table,
                migrations: None,
            };
            found.push((book, tool, Oid::from(row.oid(2))));
        }
        Ok(())
    })?;
    found
        .into_iter()
        .map(|(mut book, tool, owner)| {
            // Locked, dropped meanwhile, forbidden to its own owner: then another time.
            book.migrations = match undone(|| read(&book, tool, owner)) {
                Err(error) if error.is_interrupt() => return Err(error),
                other => other.ok(),
            };
            Ok(book)
        })
        .collect()
}

/// Reads one table, in a subtransaction whose locks go at once.
fn read(book: &Book, tool: &Tool, owner: Oid) -> Result<Vec<Migration>> {
    let columns: Vec<String> = tool
        .columns
        .iter()
        .map(|column| format!("b.{}", quoted(column)))
        .collect();
    // Names cannot be bound: they are quoted. The limit counts before anything is sorted out.
    let sql = format!(
        "WITH m AS MATERIALIZED (SELECT {} FROM ONLY {}.{} AS b LIMIT {ROWS}), r(revision, description, applied_at) AS (
             SELECT {})
         SELECT r.revision, r.description, r.applied_at::text FROM r",
        columns.join(", "),
        quoted(&book.schema),
        quoted(&book.table),
        tool.select
    );
    let mut found = Vec::new();
    let _acting = Acting::as_role(owner);
    query::read(&sql, &[], |row| {
        let capped = |text: String| text.chars().take(BYTES).collect::<String>();
        if let Some(revision) = row.text(0).filter(|revision| !revision.is_empty()) {
            found.push(Migration {
                revision: capped(revision),
                description: row.text(1).map(capped),
                applied_at: row.text(2),
            });
        }
        Ok(())
    })?;
    Ok(found)
}
