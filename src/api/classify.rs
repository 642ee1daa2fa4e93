//! `classify()`: what statements would do that have not been run.

use crate::pg::{ErrorReport, Oid};
use pgrx::prelude::*;
use schema::ddl::{Action, Work, destroys_data, hazards, lock, work};
use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::pg::ddl::{Catalog, Step, steps};
use crate::pg::encoding::{ServerText, server_text, utf8};
use crate::pg::query;

/// Longest text that is taken, in bytes.
const MAX_TEXT: usize = 10 << 20;

/// What each statement would do.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the columns of the function's result")]
fn classify(
    sql: ServerText,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(ordinal, i32),
            name!(statement, ServerText),
            name!(action, String),
            name!(relation, Option<ServerText>),
            name!(column_name, Option<ServerText>),
            name!(lock, Option<String>),
            name!(blocks, String),
            name!(work, String),
            name!(estimated_seconds, Option<f64>),
            name!(destroys_data, bool),
            name!(dependents, Option<i64>),
            name!(hazards, Vec<String>),
            name!(reasons, Vec<String>),
            name!(instead, Vec<String>),
        ),
    >,
    ErrorReport,
> {
    let found = found(&sql)?;
    let rows: Vec<_> = found
        .into_iter()
        .map(
            |Found {
                 step,
                 bytes,
                 dependents,
             }| {
                let lock = lock(&step.action);
                let work = work(&step.action);
                let dangers = hazards(&step.action);
                let words = |part: fn(&schema::ddl::Hazard) -> &'static str| -> Vec<String> {
                    dangers
                        .iter()
                        .map(part)
                        .filter(|text| !text.is_empty())
                        .map(str::to_owned)
                        .collect()
                };
                (
                    step.ordinal,
                    server_text(&step.statement),
                    step.action.name(),
                    step.relation.as_deref().map(server_text),
                    step.column.as_deref().map(server_text),
                    lock.map(|lock| lock.as_str().to_owned()),
                    lock.map_or("nobody", schema::ddl::Lock::blocks).to_owned(),
                    work.as_str().to_owned(),
                    bytes.map(|bytes| work.seconds(bytes)),
                    destroys_data(&step.action),
                    dependents,
                    words(|hazard| hazard.name),
                    words(|hazard| hazard.reason),
                    words(|hazard| hazard.instead),
                )
            },
        )
        .collect();
    Ok(TableIterator::new(rows))
}

/// A step and what of it the catalog knows.
struct Found {
    step: Step,
    /// Size of its relation, if the caller may see that.
    bytes: Option<u64>,
    /// How many depend on what it takes away or changes.
    dependents: Option<i64>,
}

const BYTES: &str = "
    SELECT c.relpages::bigint OPERATOR(pg_catalog.*) pg_catalog.current_setting('block_size')::bigint
    FROM pg_catalog.pg_class AS c
    WHERE c.oid OPERATOR(pg_catalog.=) $1 AND schema_monitor._sees_relation(c.oid) IS NOT NULL";

const DEPENDENTS: &str = "SELECT pg_catalog.count(*) FROM schema_monitor.dependents($1::pg_catalog.regclass, $2) AS d";

fn found(sql: &[u8]) -> Result<Vec<Found>> {
    if sql.len() > MAX_TEXT {
        return Err(Error::Argument {
            what: "a text of at most 10 MB",
            reason: format!("It has {} bytes.", sql.len()),
        });
    }
    let all = steps(&utf8(sql), &Now)?;
    if !all.is_empty() && all.iter().all(|step| step.action == Action::NotDdl) {
        return Err(Error::Argument {
            what: "a statement that changes the schema",
            reason: "Each of its statements reads or writes rows, or sets something for the session.".to_owned(),
        });
    }
    let mut known = HashMap::new();
    all.into_iter().map(|step| look_up(step, &mut known)).collect()
}

/// `known` are relations that were looked up before: a long script names the same ones again and again.
fn look_up(step: Step, known: &mut HashMap<String, u32>) -> Result<Found> {
    let relation = match &step.relation {
        None => 0,
        Some(name) => match known.get(name) {
            Some(oid) => *oid,
            None => {
                let oid = relation_of(name)?;
                known.insert(name.clone(), oid);
                oid
            }
        },
    };
    let mut found = Found {
        step,
        bytes: None,
        dependents: None,
    };
    if relation != 0 {
        let oid = Oid::from(relation);
        // Sizes matter only where the rows do.
        if work(&found.step.action) != Work::Nothing {
            found.bytes = query::one(BYTES, &[oid.into()], |row| row.i64(0).max(0) as u64)?;
        }
        if hurts_dependents(&found.step.action) {
            let column = found.step.column.clone();
            found.dependents = query::one(DEPENDENTS, &[oid.into(), column.into()], |row| row.i64(0))?;
        }
    }
    Ok(found)
}

/// Whether what depends on the relation, or the column, can notice.
fn hurts_dependents(action: &Action) -> bool {
    matches!(
        action,
        Action::DropTable
            | Action::DropView
            | Action::DropMaterializedView
            | Action::DropColumn
            | Action::AlterColumnType { .. }
            | Action::Rename
            | Action::RenameColumn
            | Action::SetSchema
            | Action::ReplaceView
    )
}

const NAMED: &str = "
    SELECT c.oid FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE n.nspname OPERATOR(pg_catalog.=) $1 AND c.relname OPERATOR(pg_catalog.=) $2";

/// The relation of a name as a statement writes it, found as the statement would find it; 0 for none. `to_regclass()`
/// alone would fail for a schema that the caller may not use.
fn relation_of(name: &str) -> Result<u32> {
    let found = match schema::qualified(name) {
        Some((schema, name)) => query::one(NAMED, &[schema.into(), name.into()], |row| row.oid(0))?,
        None => query::one(
            "SELECT pg_catalog.to_regclass($1)::pg_catalog.oid",
            &[name.into()],
            |row| row.oid(0),
        )?,
    };
    Ok(found.unwrap_or(0))
}

/// The catalog as it is, as far as the caller's own rights let him look.
struct Now;

/// The OID of a relation as a parameter of a query.
fn oid_of(relation: &str) -> Oid {
    Oid::from(relation_of(relation).unwrap_or(0))
}

fn text(sql: &str, arguments: &[pgrx::datum::DatumWithOid<'_>]) -> Option<String> {
    query::one(sql, arguments, |row| row.text(0)).ok().flatten().flatten()
}

fn texts(sql: &str, arguments: &[pgrx::datum::DatumWithOid<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    let outcome = query::read(sql, arguments, |row| {
        found.extend(row.text(0));
        Ok(())
    });
    outcome.map_or_else(|_| Vec::new(), |()| found)
}

impl Catalog for Now {
    fn column_type(&self, relation: &str, column: &str) -> Option<(u32, i32)> {
        let sql = "
            SELECT a.atttypid, a.atttypmod FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid OPERATOR(pg_catalog.=) $1
              AND a.attname OPERATOR(pg_catalog.=) $2 AND NOT a.attisdropped";
        query::one(sql, &[oid_of(relation).into(), column.into()], |row| {
            (row.oid(0), row.i32(1))
        })
        .ok()
        .flatten()
    }

    fn is_proved_not_null(&self, relation: &str, column: &str) -> bool {
        let sql = "
            SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint AS k
            JOIN pg_catalog.pg_attribute AS a
                ON a.attrelid OPERATOR(pg_catalog.=) k.conrelid AND a.attname OPERATOR(pg_catalog.=) $2
            WHERE k.conrelid OPERATOR(pg_catalog.=) $1
              AND k.contype OPERATOR(pg_catalog.=) 'c' AND k.convalidated
              AND k.conkey OPERATOR(pg_catalog.=) ARRAY[a.attnum]
              AND pg_catalog.pg_get_expr(k.conbin, k.conrelid) OPERATOR(pg_catalog.=)
                  pg_catalog.format('(%I IS NOT NULL)', a.attname)";
        query::one(sql, &[oid_of(relation).into(), column.into()], |row| row.i64(0) > 0)
            .ok()
            .flatten()
            .unwrap_or(false)
    }

    fn is_volatile(&self, function: &str) -> bool {
        let sql = "
            SELECT coalesce(pg_catalog.bool_or(p.provolatile OPERATOR(pg_catalog.=) 'v'), true)
            FROM pg_catalog.pg_proc AS p WHERE p.proname OPERATOR(pg_catalog.=) $1";
        query::one(sql, &[function.into()], |row| row.bool(0))
            .ok()
            .flatten()
            .unwrap_or(true)
    }

    fn referenced_by(&self, relation: &str, constraint: &str) -> Option<String> {
        let sql = "
            SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_constraint AS k
            JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) k.confrelid
            JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
            WHERE k.conrelid OPERATOR(pg_catalog.=) $1
              AND k.conname OPERATOR(pg_catalog.=) $2 AND k.confrelid OPERATOR(pg_catalog.<>) k.conrelid
              AND schema_monitor._sees_relation(c.oid) IS NOT NULL";
        text(sql, &[oid_of(relation).into(), constraint.into()])
    }

    fn linked_by(&self, relation: &str, column: &str) -> Vec<String> {
        let sql = "
            SELECT DISTINCT pg_catalog.format('%I.%I', n.nspname, c.relname)
            FROM pg_catalog.pg_attribute AS a
            JOIN pg_catalog.pg_constraint AS k
                ON k.contype OPERATOR(pg_catalog.=) 'f'
                AND ((k.conrelid OPERATOR(pg_catalog.=) a.attrelid AND a.attnum OPERATOR(pg_catalog.=) ANY (k.conkey))
                     OR (k.confrelid OPERATOR(pg_catalog.=) a.attrelid AND a.attnum OPERATOR(pg_catalog.=) ANY (k.confkey)))
            JOIN pg_catalog.pg_class AS c
                ON c.oid OPERATOR(pg_catalog.=) CASE
                    WHEN k.conrelid OPERATOR(pg_catalog.=) a.attrelid THEN k.confrelid ELSE k.conrelid END
            JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
            WHERE a.attrelid OPERATOR(pg_catalog.=) $1
              AND a.attname OPERATOR(pg_catalog.=) $2 AND c.oid OPERATOR(pg_catalog.<>) a.attrelid
              AND schema_monitor._sees_relation(c.oid) IS NOT NULL";
        texts(sql, &[oid_of(relation).into(), column.into()])
    }

    fn table_of(&self, index: &str) -> Option<String> {
        let sql = "
            SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_index AS x
            JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) x.indrelid
            JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
            WHERE x.indexrelid OPERATOR(pg_catalog.=) $1";
        text(sql, &[oid_of(index).into()])
    }

    fn references(&self, relation: &str) -> Vec<String> {
        let sql = "
            SELECT DISTINCT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_constraint AS k
            JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) k.confrelid
            JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
            WHERE k.conrelid OPERATOR(pg_catalog.=) $1
              AND k.confrelid OPERATOR(pg_catalog.<>) k.conrelid
              AND schema_monitor._sees_relation(c.oid) IS NOT NULL";
        texts(sql, &[oid_of(relation).into()])
    }
}
