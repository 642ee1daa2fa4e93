//! A JSON document against a table: what an INSERT of it would say, without one.
//!
//! Each value is read by PostgreSQL as the column's type, and each CHECK is evaluated over the document, with the caller's
//! rights, as an INSERT would, and with `search_path` pinned; in subtransactions that are rolled back. No row is read or written, so
//! unique and foreign keys are not looked at.

use retrieve::nearest_names;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashSet};

use crate::error::{Error, Result};
use crate::pg::lookup::quoted;
use crate::pg::subtransaction::undone;
use crate::pg::{Oid, guc, query};

/// Most documents in one list.
const MAX_DOCUMENTS: usize = 10_000;

/// Most violations that are told.
const MAX_VIOLATIONS: usize = 1_000;

/// Unknown keys of a document for which names are offered.
const EXPLAINED: usize = 10;

/// Names that are offered where one is wrong.
const OFFERED: usize = 3;

/// Where a document does not fit.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which part of the document, as a path of JSON: `[2].status`.
    pub path: String,
    /// What is violated: `object`, `unknown_column`, `generated`, `required`, `not_null`, `type` or `check`.
    pub rule: &'static str,
    /// What an INSERT would fail with.
    pub sqlstate: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub expected: Option<String>,
}

struct Column {
    number: i16,
    name: String,
    type_name: String,
    is_required: bool,
    has_default: bool,
    is_generated: bool,
    labels: Vec<String>,
}

impl Column {
    /// Name and type as a column list declares them.
    fn declared(&self) -> String {
        format!("{} {}", quoted(&self.name), self.type_name)
    }
}

struct Check {
    name: String,
    expression: String,
    columns: Vec<i16>,
}

struct Table {
    identity: String,
    name: String,
    columns: Vec<Column>,
    checks: Vec<Check>,
}

// An identity column that is always generated refuses a value, too.
const COLUMNS: &str = "
    SELECT a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull OR t.typnotnull,
        a.atthasdef OR a.attidentity OPERATOR(pg_catalog.<>) ''::\"char\",
        a.attgenerated OPERATOR(pg_catalog.<>) ''::\"char\" OR a.attidentity OPERATOR(pg_catalog.=) 'a'::\"char\",
        (SELECT pg_catalog.array_agg(l.enumlabel::pg_catalog.text ORDER BY l.enumsortorder)
         FROM (
             SELECT e.enumlabel, e.enumsortorder FROM pg_catalog.pg_enum AS e
             WHERE e.enumtypid OPERATOR(pg_catalog.=) a.atttypid
             ORDER BY e.enumsortorder
             LIMIT 30) AS l)
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
    WHERE a.attrelid OPERATOR(pg_catalog.=) $1
      AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
      AND pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT, INSERT, UPDATE, REFERENCES')
    ORDER BY a.attnum";

const CHECKS: &str = "
    SELECT k.conname, pg_catalog.pg_get_expr(k.conbin, k.conrelid), k.conkey
    FROM pg_catalog.pg_constraint AS k
    WHERE k.conrelid OPERATOR(pg_catalog.=) $1
      AND k.contype OPERATOR(pg_catalog.=) 'c'::\"char\"
      AND coalesce(pg_catalog.to_jsonb(k.*) OPERATOR(pg_catalog.->>) 'conenforced', 'true') OPERATOR(pg_catalog.=) 'true'
      AND schema_monitor._sees_relation(k.conrelid)
    ORDER BY k.conname";

const IDENTITY: &str = "
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.relname
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.oid OPERATOR(pg_catalog.=) $1
      AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,f,v}'::\"char\"[])
      AND schema_monitor._sees_relation(c.oid) IS NOT NULL";

/// What of a document, or of a list of documents, a table would not take; nothing where it would take all.
///
/// # Errors
/// A relation that is not there or that the caller may not see; a list of more than 10,000 documents.
pub fn violations(document: &str, relation: u32) -> Result<Vec<Violation>> {
    let table = read(relation)?;
    let mut found = Vec::new();
    if kind(document) == "a list" {
        let list: Vec<&RawValue> = parsed(document)?;
        if list.len() > MAX_DOCUMENTS {
            return Err(Error::Argument {
                what: "a list of at most 10,000 documents",
                reason: format!("It has {}.", list.len()),
            });
        }
        for (at, one) in list.iter().enumerate() {
            table.look_at(one.get(), &format!("[{at}]"), &mut found)?;
            if found.len() >= MAX_VIOLATIONS {
                break;
            }
        }
    } else {
        table.look_at(document, "", &mut found)?;
    }
    found.truncate(MAX_VIOLATIONS);
    Ok(found)
}

fn read(relation: u32) -> Result<Table> {
    let _pinned = guc::Pinned::search_path();
    let oid = || Oid::from(relation);
    let names = query::one(IDENTITY, &[oid().into()], |row| {
        (row.text(0).unwrap_or_default(), row.name(1))
    })?;
    let Some((identity, name)) = names else {
        return Err(Error::Postgres {
            code: pgrx::PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
            message: "the relation is no table or view that you may see".to_owned(),
            detail: None,
            hint: None,
        });
    };
    let mut table = Table {
        identity,
        name,
        columns: Vec::new(),
        checks: Vec::new(),
    };
    query::read(COLUMNS, &[oid().into()], |row| {
        table.columns.push(Column {
            number: row.i16(0),
            name: row.name(1),
            type_name: row.text(2).unwrap_or_default(),
            is_required: row.bool(3),
            has_default: row.bool(4),
            is_generated: row.bool(5),
            labels: row.texts(6).unwrap_or_default(),
        });
        Ok(())
    })?;
    query::read(CHECKS, &[oid().into()], |row| {
        table.checks.push(Check {
            name: row.name(0),
            expression: row.text(1).unwrap_or_default(),
            columns: row.i16s(2),
        });
        Ok(())
    })?;
    Ok(table)
}

/// The path of a key below another.
fn below(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// What a value is, by how its text begins.
fn kind(value: &str) -> &'static str {
    match value.trim_start().as_bytes().first() {
        Some(b'n') => "null",
        Some(b't' | b'f') => "a boolean",
        Some(b'"') => "a string",
        Some(b'[') => "a list",
        Some(b'{') => "an object",
        _ => "a number",
    }
}

/// Reads one level; what is below stays text, so that no digit of a number is lost.
fn parsed<'a, T: serde::Deserialize<'a>>(document: &'a str) -> Result<T> {
    serde_json::from_str(document).map_err(|error| Error::Content {
        place: "a jsonb",
        reason: error.to_string(),
    })
}

/// The values of an object by their keys.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

impl Table {
    fn look_at(&self, document: &str, path: &str, found: &mut Vec<Violation>) -> Result<()> {
        if kind(document) != "an object" {
            found.push(Violation {
                path: path.to_owned(),
                rule: "object",
                sqlstate: "22023".to_owned(),
                message: format!("a row is an object, this is {}", kind(document)),
                expected: Some("an object with a key for each column".to_owned()),
            });
            return Ok(());
        }
        let fields: Fields<'_> = parsed(document)?;
        let before = found.len();
        self.unknown(&fields, path, found);
        for column in &self.columns {
            self.column(column, &fields, path, found)?;
        }
        // What is no value cannot be compared.
        if found[before..].iter().all(|one| one.rule != "type") {
            for check in &self.checks {
                self.check(check, &fields, path, found)?;
            }
        }
        Ok(())
    }

    fn unknown(&self, fields: &Fields<'_>, path: &str, found: &mut Vec<Violation>) {
        let names = || self.columns.iter().map(|column| column.name.as_str());
        let known: HashSet<&str> = names().collect();
        let unknown = fields.keys().filter(|key| !known.contains(key.as_str()));
        for (at, key) in unknown.take(MAX_VIOLATIONS).enumerate() {
            // Comparing names takes time, and whoever sends a hundred wrong ones does not read a hundred offers.
            let nearest = if at < EXPLAINED {
                nearest_names(key, names(), OFFERED)
            } else {
                Vec::new()
            };
            let offered: Vec<&str> = nearest.iter().map(|(at, _)| self.columns[*at].name.as_str()).collect();
            found.push(Violation {
                path: below(path, key),
                rule: "unknown_column",
                sqlstate: "42703".to_owned(),
                message: format!("{} has no column \"{key}\"", self.identity),
                expected: (!offered.is_empty()).then(|| offered.join(" or ")),
            });
        }
    }

    fn column(&self, column: &Column, fields: &Fields<'_>, path: &str, found: &mut Vec<Violation>) -> Result<()> {
        let violation = |rule, sqlstate: &str, message| Violation {
            path: below(path, &column.name),
            rule,
            sqlstate: sqlstate.to_owned(),
            message,
            expected: Some(match column.labels.is_empty() {
                true => column.type_name.clone(),
                false => format!("{}: one of {}", column.type_name, column.labels.join(", ")),
            }),
        };
        match fields.get(&column.name) {
            Some(_) if column.is_generated => {
                let message = format!("column \"{}\" is generated always", column.name);
                found.push(violation("generated", "428C9", message));
            }
            None if column.is_required && !column.has_default && !column.is_generated => {
                let message = format!("column \"{}\" must have a value", column.name);
                found.push(violation("required", "23502", message));
            }
            Some(value) if value.get() == "null" && column.is_required => {
                let message = format!("column \"{}\" must not be null", column.name);
                found.push(violation("not_null", "23502", message));
            }
            Some(value) => {
                if let Some(error) = Table::reading(column, value.get())? {
                    found.push(violation("type", &error.sqlstate(), error.to_string()));
                }
            }
            None => (),
        }
        Ok(())
    }

    /// What PostgreSQL says when it reads a value as its column's type.
    fn reading(column: &Column, value: &str) -> Result<Option<Error>> {
        let document = format!("{{{}: {value}}}", serde_json::Value::from(column.name.as_str()));
        let _pinned = guc::Pinned::search_path();
        let sql = format!(
            "SELECT r.{} IS NULL FROM pg_catalog.jsonb_to_record($1::pg_catalog.jsonb) AS r({})",
            quoted(&column.name),
            column.declared()
        );
        refusal(|| query::one(&sql, &[document.as_str().into()], |_| ()).map(drop))
    }

    fn check(&self, check: &Check, fields: &Fields<'_>, path: &str, found: &mut Vec<Violation>) -> Result<()> {
        let columns = || {
            check
                .columns
                .iter()
                .filter_map(|number| self.columns.iter().find(|one| one.number == *number))
        };
        // What the server fills in is not known here.
        let is_open =
            |column: &Column| column.is_generated || (column.has_default && !fields.contains_key(&column.name));
        if columns().any(is_open) {
            return Ok(());
        }
        let declared: Vec<String> = columns().map(Column::declared).collect();
        if declared.is_empty() {
            return Ok(());
        }
        let compared: Fields<'_> = columns()
            .filter_map(|column| Some((column.name.clone(), *fields.get(&column.name)?)))
            .collect();
        let document = serde_json::to_string(&compared).unwrap_or_default();
        // As PostgreSQL prints it with search_path pinned, names outside pg_catalog are qualified and columns are bare; with
        // the same pinned nobody's look-alikes come in between.
        let _pinned = guc::Pinned::search_path();
        let sql = format!(
            "SELECT ({}) IS NOT FALSE FROM pg_catalog.jsonb_to_record($1::pg_catalog.jsonb) AS {}({})",
            check.expression,
            quoted(&self.name),
            declared.join(", ")
        );
        let mut holds = true;
        let refused = refusal(|| {
            holds = query::one(&sql, &[document.as_str().into()], |row| row.bool(0))?.unwrap_or(true);
            Ok(())
        })?;
        if holds && refused.is_none() {
            return Ok(());
        }
        found.push(Violation {
            path: path.to_owned(),
            rule: "check",
            sqlstate: refused.as_ref().map_or_else(|| "23514".to_owned(), Error::sqlstate),
            message: match refused {
                Some(error) => format!("check \"{}\" cannot be evaluated: {error}", check.name),
                None => format!("check \"{}\" is violated", check.name),
            },
            expected: Some(check.expression.clone()),
        });
        Ok(())
    }
}

/// The error of something that is undone in any case; interrupts are thrown on.
fn refusal(body: impl FnOnce() -> Result<()>) -> Result<Option<Error>> {
    match undone(body) {
        Ok(()) => Ok(None),
        Err(error) if error.is_interrupt() => Err(error),
        Err(error) => Ok(Some(error)),
    }
}
