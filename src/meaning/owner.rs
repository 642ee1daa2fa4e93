//! Writing with the rights of the extension's owner, to whom the tables belong, what a caller may say.

use crate::error::Result;
use crate::pg::acting::Acting;
use crate::pg::subtransaction::attempt;
use crate::pg::{Oid, query};

/// Runs `body` with the rights of the extension's owner, who the tables belong to; nothing of it stays if it fails.
pub(super) fn as_owner<R>(body: impl FnOnce() -> Result<R>) -> Result<R> {
    let owner = query::one(
        "SELECT e.extowner FROM pg_catalog.pg_extension AS e WHERE e.extname OPERATOR(pg_catalog.=) 'schema_monitor'",
        &[],
        |row| row.oid(0),
    )?;
    let owner = Oid::from(owner.unwrap_or(0));
    attempt(|| {
        let _acting = Acting::as_role(owner);
        body()
    })
}

/// The role whose rights are in force.
pub(super) fn caller() -> Result<String> {
    let name = query::one("SELECT current_user::pg_catalog.text", &[], |row| row.text(0))?;
    Ok(name.flatten().unwrap_or_default())
}
