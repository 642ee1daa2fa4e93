//! Running a migration in the caller's transaction, and proving that it led where it should.

use schema::{Fingerprints, Objects, Statement, Tree, TreeForm, compare};

use super::migration::migration;
use crate::catalog::{self, Scope};
use crate::error::{Error, Result};
use crate::pg::guc::Pinned;
use crate::pg::query;
use crate::pg::subtransaction::attempt;
use crate::pg::transaction::with_fresh_snapshot;

/// What was done.
pub struct Applied {
    /// Number of statements that were run.
    pub statements: i64,
    /// The structure they led to.
    pub fingerprint: String,
}

/// Differences named in an error.
const NAMED: usize = 20;

/// Runs the migration between two versions as the effective user. The schema must be at `from`, as far as structure
/// and access go; unless it is at `to` afterwards, all of it is an error and nothing has happened.
pub fn apply(from: i64, to: i64) -> Result<Applied> {
    // Names are qualified, and what PostgreSQL printed is read as it was printed.
    let _pinned = Pinned::at(&[(c"search_path", c"pg_catalog"), (c"check_function_bodies", c"off")]);
    let way = migration(from, to, false)?;
    if way.left_out > 0 {
        return refuse(
            "you may not see all of the schema",
            format!("{} objects are hidden from you.", way.left_out),
        );
    }
    let start = migration(from, from, false)?.target;
    let missing = differences(&start)?;
    if !missing.is_empty() {
        return refuse(&format!("the schema is not that of version {from}"), missing);
    }
    if let Some(label) = enum_value_in_use(&way.statements) {
        return refuse("one transaction cannot add a value to an enum and use it", label);
    }
    let count = way.statements.len();
    for (at, statement) in way.statements.iter().enumerate() {
        attempt(|| query::execute(&statement.sql, &[])).map_err(|error| Error::MigrationStatement {
            statement: format!("Statement {} of {count}: {}", at + 1, statement.sql),
            error: Box::new(error),
        })?;
    }
    let missing = differences(&way.target)?;
    if !missing.is_empty() {
        return refuse(&format!("it does not lead to version {to}"), missing);
    }
    Ok(Applied {
        statements: count as i64,
        fingerprint: Tree::of(way.target.values()).root().structure.to_hex(),
    })
}

fn refuse<T>(what: &str, detail: String) -> Result<T> {
    let what = what.to_owned();
    Err(Error::Migration { what, detail })
}

/// Where the catalog is other than it should be, in structure or access; empty where it is not.
fn differences(wanted: &Objects) -> Result<String> {
    let found = with_fresh_snapshot(|| catalog::read(&Scope::everything()))?;
    let (here, wanted) = (Tree::of(found.values()), Tree::of(wanted.values()));
    let same = |a: Fingerprints, b: Fingerprints| a.structure == b.structure && a.access == b.access;
    if same(here.root(), wanted.root()) {
        return Ok(String::new());
    }
    let (here, wanted) = (TreeForm::from(&here), TreeForm::from(&wanted));
    let all = compare(&here, &wanted);
    let told = all.iter().filter(|one| one.difference.as_str() != "layout");
    let mut lines: Vec<String> = told
        .map(|one| {
            format!(
                "{} {} {}.{}",
                one.difference.as_str(),
                one.kind.as_str(),
                one.schema,
                one.signature
            )
        })
        .collect();
    let more = lines.len().saturating_sub(NAMED);
    lines.truncate(NAMED);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    Ok(format!("{}.", lines.join("; ")))
}

/// A value that is added by one statement and named by a later one.
fn enum_value_in_use(statements: &[Statement]) -> Option<String> {
    for (at, statement) in statements.iter().enumerate() {
        let Some((_, added)) = statement.sql.split_once(" ADD VALUE ") else {
            continue;
        };
        let label = added.split(" AFTER ").next().unwrap_or(added);
        let label = label.split(" BEFORE ").next().unwrap_or(label);
        let used = format!("{label}::{}", statement.identity);
        if let Some(user) = statements[at + 1..].iter().find(|later| later.sql.contains(&used)) {
            return Some(format!("Added by \"{}\", used by \"{}\".", statement.sql, user.sql));
        }
    }
    None
}
