//! Whether a statement is right, and what was meant where a name in it is wrong.

use serde_json::{Value, json};

use super::suggest::suggestions;
use crate::error::{Error, Result};
use crate::pg::encoding::utf8;
use crate::pg::statement::{Fault, Function, Statement, Used, Wish, analyse};
use crate::pg::{Oid, query};

/// Columns from which on `SELECT *` is said to be wide.
const WIDE: usize = 20;

/// Volatile functions of PostgreSQL that change nothing.
const HARMLESS: &[&str] = &[
    "clock_timestamp",
    "gen_random_uuid",
    "random",
    "random_normal",
    "timeofday",
    "uuidv4",
    "uuidv7",
];

/// What is said of a statement.
#[derive(Default)]
pub struct Verdict {
    /// What is wrong: SQLSTATE, message, detail, hint; `None` for a valid statement.
    pub error: Option<Error>,
    /// Where, in characters from 1.
    pub position: Option<i32>,
    /// What may have been meant at that place, best first, as SQL.
    pub suggestions: Vec<String>,
    /// What is valid and yet likely wrong: objects with `rule`, `message`, and `position` where it is known.
    pub warnings: Vec<Value>,
}

/// Checks one statement as the caller, without running it. With `read_only` what writes is an error. Names whose
/// relations changed after a version are warned of.
///
/// # Errors
/// A cancelled statement, an ended session; nothing that is wrong with the statement.
pub fn validate(sql: &[u8], read_only: bool, since: Option<i64>) -> Result<Verdict> {
    let wish = if read_only { Wish::Functions } else { Wish::Own };
    match analyse(sql, wish) {
        Ok(statement) => {
            let refusal = if read_only { refusal(&statement) } else { None };
            Ok(Verdict {
                error: refusal,
                warnings: warnings(&statement, since)?,
                ..Verdict::default()
            })
        }
        Err(Fault { error, .. }) if error.is_interrupt() => Err(error),
        Err(fault) => Ok(Verdict {
            suggestions: suggestions(&utf8(sql), &fault)?,
            error: Some(fault.error),
            position: fault.position,
            warnings: Vec::new(),
        }),
    }
}

/// Why a statement must not run where nothing may be written.
fn refusal(statement: &Statement) -> Option<Error> {
    let refused = |message: String, detail: &str| Error::Postgres {
        code: pgrx::PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION,
        message,
        detail: Some(detail.to_owned()),
        hint: None,
    };
    if let Some(command) = statement.writes {
        return Some(refused(
            format!("cannot execute {command} read-only"),
            "It writes, or locks rows.",
        ));
    }
    let may_write = |function: &&Function| {
        function.is_volatile && !(function.is_built_in && HARMLESS.contains(&function.name.as_str()))
    };
    statement.functions.iter().find(may_write).map(|function| {
        refused(
            format!("cannot call function {}() read-only", function.name),
            "It is volatile: it may write or have other effects.",
        )
    })
}

fn warnings(statement: &Statement, since: Option<i64>) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    let mut warn = |rule: &str, message: String, position: Option<i32>| {
        let mut warning = json!({ "rule": rule, "message": message });
        if let Some(position) = position {
            warning["position"] = position.into();
        }
        found.push(warning);
    };
    for (one, other) in &statement.unjoined {
        let message = format!("nothing joins \"{one}\" and \"{other}\": every row of one meets every row of the other");
        warn("missing_join", message, None);
    }
    for cast in &statement.casts {
        let message = format!(
            "column \"{}\" is cast to {} before it is compared: an index on it is of no use",
            cast.column, cast.to
        );
        warn("implicit_cast", message, None);
    }
    if let Some(position) = statement.star.filter(|_| statement.columns.len() >= WIDE) {
        let message = format!("* stands for {} columns: name those you need", statement.columns.len());
        warn("select_star", message, Some(position));
    }
    for message in deprecated(&statement.relations)? {
        warn("deprecated", message, None);
    }
    if let Some(since) = since {
        for message in changed(&statement.relations, since)? {
            warn("changed", message, None);
        }
    }
    Ok(found)
}

/// Relations and columns as parameters of a query: a pair for each column, 0 for the relation itself.
fn pairs(used: &[Used]) -> (Vec<Oid>, Vec<i32>) {
    used.iter()
        .flat_map(|one| {
            let relation = Oid::from(one.relation);
            let columns = one.columns.iter().filter(|column| **column > 0);
            std::iter::once((relation, 0)).chain(columns.map(move |column| (relation, i32::from(*column))))
        })
        .unzip()
}

const DEPRECATED: &str = "
    SELECT CASE
        WHEN u.number OPERATOR(pg_catalog.=) 0 THEN pg_catalog.format('\"%s\" is deprecated: %s', c.relname, d.description)
        ELSE pg_catalog.format('\"%s\".\"%s\" is deprecated: %s', c.relname, a.attname, d.description)
    END
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS u(relation, number)
    JOIN pg_catalog.pg_description AS d
        ON d.objoid OPERATOR(pg_catalog.=) u.relation AND d.objsubid OPERATOR(pg_catalog.=) u.number
        AND d.classoid OPERATOR(pg_catalog.=) 1259
        AND schema_monitor._sees_passage(u.relation, u.number::pg_catalog.int2)
    JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) u.relation
    LEFT JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid OPERATOR(pg_catalog.=) u.relation AND a.attnum OPERATOR(pg_catalog.=) u.number
    WHERE d.description OPERATOR(pg_catalog.~*) $3
    ORDER BY u.relation, u.number";

/// What a comment says of what should not be used any more.
const SAYS_SO: &str = r"\m(deprecated|obsolete|do not use|no longer used)\M";

/// What comments say should not be used any more.
fn deprecated(used: &[Used]) -> Result<Vec<String>> {
    let (relations, columns) = pairs(used);
    let mut found = Vec::new();
    query::read(DEPRECATED, &[relations.into(), columns.into(), SAYS_SO.into()], |row| {
        found.extend(row.text(0).map(|text| retrieve::sanitize(&text, 300)));
        Ok(())
    })?;
    Ok(found)
}

// A column's changes carry its name; those of the relation itself concern whoever reads it.
const CHANGED: &str = "
    SELECT DISTINCT pg_catalog.format('%s of %s%s in version %s', k.change, k.identity, '.' OPERATOR(pg_catalog.||) k.part, k.version), k.version
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS u(relation, number)
    JOIN schema_monitor.objects AS o ON o.oid OPERATOR(pg_catalog.=) u.relation
    JOIN schema_monitor.changes AS k ON k.object_id OPERATOR(pg_catalog.=) o.object_id
    LEFT JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid OPERATOR(pg_catalog.=) u.relation AND a.attnum OPERATOR(pg_catalog.=) u.number
    WHERE k.version OPERATOR(pg_catalog.>) $3
      AND (u.number OPERATOR(pg_catalog.=) 0 AND k.part IS NULL OR a.attname OPERATOR(pg_catalog.=) k.part)
    ORDER BY k.version";

/// What changed of it after a version.
fn changed(used: &[Used], since: i64) -> Result<Vec<String>> {
    let (relations, columns) = pairs(used);
    let mut found = Vec::new();
    query::read(CHANGED, &[relations.into(), columns.into(), since.into()], |row| {
        found.extend(row.text(0));
        Ok(())
    })?;
    Ok(found)
}
