//! Migration tools, by the tables they keep their books in.
//!
//! A tool writes down which migrations it has run in a table of the database it migrates. Those tables belong to
//! users: they are read only where that evaluates nothing of theirs ([`crate::pg::table`]), only if their owner may read
//! them, and only as far as they are small.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::pg::acting::Acting;
use crate::pg::subtransaction::undone;
use crate::pg::table::{self, Limits, Value};
use crate::pg::{Oid, query};

/// How a tool keeps its books.
struct Tool {
    /// Its name.
    name: &'static str,
    /// Its table's usual name.
    table: &'static str,
    /// Columns that are read of it.
    columns: &'static [&'static str],
    /// A column that the table does not have: another tool uses the same name.
    lacks: &'static str,
    /// The migration that a row says stands, from the columns in their order.
    migration: fn(&[Option<Value>]) -> Option<Migration>,
}

/// A migration that its tool says stands.
pub(super) struct Migration {
    pub revision: String,
    pub description: Option<String>,
    pub applied_at: Option<Moment>,
}

/// A moment as a table has it.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    /// Seconds since 1970-01-01.
    pub seconds: f64,
    /// Whether that is UTC, and not the server's own time.
    pub zoned: bool,
}

/// Its table has the form that Rails' has; Rails keeps another beside it.
const DBMATE: &str = "dbmate";
const RAILS: &str = "ar_internal_metadata";

// In the order in which they are asked; the more particular ones first.
const TOOLS: [Tool; 10] = [
    Tool {
        name: "alembic",
        table: "alembic_version",
        columns: &["version_num"],
        lacks: "",
        migration: |row| Migration::new(text(&row[0])?),
    },
    Tool {
        name: "golang-migrate",
        table: "schema_migrations",
        columns: &["version", "dirty"],
        lacks: "",
        migration: |row| Migration::new(text(&row[0])?).filter(|_| !is_true(&row[1])),
    },
    Tool {
        name: DBMATE,
        table: "schema_migrations",
        columns: &["version"],
        lacks: "inserted_at",
        migration: |row| Migration::new(text(&row[0])?),
    },
    Tool {
        name: "flyway",
        table: "flyway_schema_history",
        columns: &["version", "description", "installed_on", "success"],
        lacks: "",
        migration: |row| {
            let found = Migration::new(text(&row[0]).or_else(|| text(&row[1]))?)?;
            Some(found.described(&row[1]).at(&row[2])).filter(|_| is_true(&row[3]))
        },
    },
    Tool {
        name: "django",
        table: "django_migrations",
        columns: &["app", "name", "applied"],
        lacks: "",
        migration: |row| Some(Migration::new(format!("{}.{}", text(&row[0])?, text(&row[1])?))?.at(&row[2])),
    },
    Tool {
        name: "diesel",
        table: "__diesel_schema_migrations",
        columns: &["version", "run_on"],
        lacks: "",
        migration: |row| Some(Migration::new(text(&row[0])?)?.at(&row[1])),
    },
    Tool {
        name: "sqlx",
        table: "_sqlx_migrations",
        columns: &["version", "description", "installed_on", "success"],
        lacks: "",
        migration: |row| {
            let found = Migration::new(text(&row[0])?)?;
            Some(found.described(&row[1]).at(&row[2])).filter(|_| is_true(&row[3]))
        },
    },
    Tool {
        name: "prisma",
        table: "_prisma_migrations",
        columns: &["migration_name", "finished_at", "rolled_back_at"],
        lacks: "",
        migration: |row| {
            let stands = row[1].is_some() && row[2].is_none();
            Some(Migration::new(text(&row[0])?)?.at(&row[1])).filter(|_| stands)
        },
    },
    Tool {
        name: "liquibase",
        table: "databasechangelog",
        columns: &["id", "author", "filename", "dateexecuted"],
        lacks: "",
        migration: |row| {
            let revision = format!("{}::{}::{}", text(&row[2])?, text(&row[0])?, text(&row[1])?);
            Some(Migration::new(revision)?.at(&row[3]))
        },
    },
    Tool {
        name: "sequelize",
        table: "SequelizeMeta",
        columns: &["name"],
        lacks: "",
        migration: |row| Migration::new(text(&row[0])?),
    },
];

/// What is read of a table, at most: of a larger one nothing.
const LIMITS: Limits = Limits {
    pages: 2_048,
    rows: 10_000,
    bytes: 500,
};

/// Tables that are read, at most: a schema for each of a thousand tenants has one each.
const BOOKS_READ: usize = 32;

impl Migration {
    fn new(revision: String) -> Option<Migration> {
        (!revision.is_empty()).then_some(Migration {
            revision,
            description: None,
            applied_at: None,
        })
    }

    fn described(self, value: &Option<Value>) -> Migration {
        let description = text(value);
        Migration { description, ..self }
    }

    fn at(self, value: &Option<Value>) -> Migration {
        let applied_at = moment(value);
        Migration { applied_at, ..self }
    }
}

fn text(value: &Option<Value>) -> Option<String> {
    match value {
        Some(Value::Text(text)) => Some(text.clone()),
        Some(Value::Integer(number)) => Some(number.to_string()),
        _ => None,
    }
}

fn is_true(value: &Option<Value>) -> bool {
    *value == Some(Value::Boolean(true))
}

/// PostgreSQL's moments are counted from 2000-01-01.
fn moment(value: &Option<Value>) -> Option<Moment> {
    const YEAR_2000: f64 = 946_684_800.0;
    let Some(Value::Time { microseconds, zoned }) = *value else {
        return None;
    };
    let seconds = match microseconds {
        i64::MIN => f64::NEG_INFINITY,
        i64::MAX => f64::INFINITY,
        _ => microseconds as f64 / 1e6 + YEAR_2000,
    };
    Some(Moment { seconds, zoned })
}

/// One tool's table.
pub(super) struct Book {
    pub tool: &'static str,
    pub oid: u32,
    pub schema: String,
    pub table: String,
    /// What is in it; `None` where it could not be read this time.
    pub migrations: Option<Vec<Migration>>,
}

const BOOKS: &str = "
    SELECT c.oid, n.nspname, c.relname, c.relowner,
        pg_catalog.array_agg(a.attname::text ORDER BY a.attnum),
        EXISTS (
            SELECT FROM pg_catalog.pg_class AS o
            WHERE o.relname OPERATOR(pg_catalog.=) $2 AND o.relnamespace OPERATOR(pg_catalog.=) c.relnamespace)
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
    WHERE c.relname OPERATOR(pg_catalog.=) ANY ($1)
      AND c.relkind OPERATOR(pg_catalog.=) 'r'
      AND NOT c.relrowsecurity
    GROUP BY c.oid, n.nspname, c.relname, c.relowner, c.relnamespace
    ORDER BY c.oid";

/// The tables of migration tools that are part of the picture, with what is in them.
pub(super) fn books() -> Result<Vec<Book>> {
    let names: BTreeSet<String> = TOOLS.iter().map(|tool| tool.table.to_owned()).collect();
    let names: Vec<String> = names.into_iter().collect();
    let exclusion = crate::settings::exclusion()?;
    let mut found: Vec<(Book, &Tool, Oid)> = Vec::new();
    query::read(BOOKS, &[names.into(), RAILS.into()], |row| {
        let (schema, table, columns) = (row.name(1), row.name(2), row.texts(4).unwrap_or_default());
        let has = |column: &str| columns.iter().any(|one| one == column);
        let fits =
            |tool: &&Tool| tool.table == table && !has(tool.lacks) && tool.columns.iter().all(|column| has(column));
        if let Some(tool) = TOOLS
            .iter()
            .find(fits)
            .filter(|_| !exclusion.covers(&schema, Some(&table)))
        {
            let book = Book {
                tool: if tool.name == DBMATE && row.bool(5) {
                    "rails"
                } else {
                    tool.name
                },
                oid: row.oid(0),
                schema,
                table,
                migrations: None,
            };
            found.push((book, tool, Oid::from(row.oid(3))));
        }
        Ok(())
    })?;
    for (book, tool, owner) in found.iter_mut().take(BOOKS_READ) {
        // Locked, dropped meanwhile, forbidden to its own owner, not to be read at all: then another time.
        let rows = undone(|| {
            let _acting = Acting::as_role(*owner);
            Ok(table::rows(book.oid, tool.columns, LIMITS))
        });
        let rows = match rows {
            Err(error) if error.is_interrupt() => return Err(error),
            other => other.unwrap_or_default(),
        };
        book.migrations = rows.map(|rows| rows.iter().filter_map(|row| (tool.migration)(row)).collect());
    }
    Ok(found.into_iter().map(|(book, ..)| book).collect())
}
