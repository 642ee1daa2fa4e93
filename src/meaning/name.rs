//! Relations by the names people and models write.

use pgrx::datum::DatumWithOid;
use retrieve::nearest_names;
use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::pg::Oid;
use crate::pg::query::{self, Row};

/// Names that are offered where one is wrong.
const OFFERED: usize = 3;

/// Longest text that can be a qualified name, in bytes: two identifiers of 63 with every character quoted.
const MAX_NAME: usize = 260;

/// Longest identifier, in bytes (`NAMEDATALEN` - 1): what is longer is cut.
const MAX_IDENTIFIER: usize = 63;

/// A name, with a number where it is taken.
pub fn numbered(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let cut = |most: usize| &name[..name.floor_char_boundary(most)];
    let mut alias = cut(MAX_IDENTIFIER).to_owned();
    let mut number = 2;
    while is_taken(&alias) {
        let suffix = format!("_{number}");
        alias = format!("{}{suffix}", cut(MAX_IDENTIFIER - suffix.len()));
        number += 1;
    }
    alias
}

/// A recorded relation that the caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its identity.
    pub object_id: i64,
    /// Its OID.
    pub oid: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Both, quoted where needed.
    pub identity: String,
}

/// Behind a condition: the columns of [`Named`].
macro_rules! named {
    ($condition:literal) => {
        concat!(
            "SELECT r.object_id, r.oid, r.schema_name, r.name, r.identity FROM schema_monitor._visible_relation AS r WHERE ",
            $condition
        )
    };
}

fn read(sql: &str, arguments: &[DatumWithOid<'_>]) -> Result<Vec<Named>> {
    let mut found = Vec::new();
    query::read_often(sql, arguments, |row: &Row<'_>| {
        found.push(Named {
            object_id: row.i64(0),
            oid: row.oid(1),
            schema: row.text(2).unwrap_or_default(),
            name: row.text(3).unwrap_or_default(),
            identity: row.text(4).unwrap_or_default(),
        });
        Ok(())
    })?;
    Ok(found)
}

/// The relations of names as a statement would write them, looked up as PostgreSQL would in the caller's `search_path`,
/// else by the name alone where only one has it.
///
/// # Errors
/// [`Error::NoRelation`] with the nearest names for one that is not there, or that the caller may not see.
pub fn resolve(names: &[String]) -> Result<Vec<Named>> {
    names.iter().map(|name| resolve_one(name)).collect()
}

fn resolve_one(name: &str) -> Result<Named> {
    if name.len() > MAX_NAME {
        return Err(Error::NoRelation {
            name: retrieve::sanitize(name, 63),
            offered: Vec::new(),
        });
    }
    let mut found = match schema::qualified(name) {
        Some((schema, name)) => read(
            named!("r.schema_name OPERATOR(pg_catalog.=) $1 AND r.name OPERATOR(pg_catalog.=) $2"),
            &[schema.into(), name.into()],
        )?,
        None => by_bare_name(name)?,
    };
    match found.len() {
        1 => Ok(found.remove(0)),
        _ => Err(missing(name, &found)?),
    }
}

fn by_bare_name(name: &str) -> Result<Vec<Named>> {
    let bare = bare(name);
    let on_path = match bare.is_empty() {
        true => None,
        false => query::one(
            "SELECT pg_catalog.to_regclass(pg_catalog.quote_ident($1))::pg_catalog.oid",
            &[bare.as_str().into()],
            |row| row.oid(0),
        )?,
    };
    let on_path = match on_path.unwrap_or(0) {
        0 => Vec::new(),
        oid => read(named!("r.oid OPERATOR(pg_catalog.=) $1"), &[Oid::from(oid).into()])?,
    };
    if !on_path.is_empty() {
        return Ok(on_path);
    }
    read(named!("r.name OPERATOR(pg_catalog.=) $1"), &[bare.into()])
}

/// An identifier as SQL writes it → the name: without its quotes, or in lower case.
fn bare(identifier: &str) -> String {
    let identifier = identifier.trim();
    match identifier.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => identifier.to_ascii_lowercase(),
    }
}

/// No relation of that name, or several: those, or the ones named most like it.
fn missing(name: &str, several: &[Named]) -> Result<Error> {
    let offered = match several {
        [] => like(name)?.into_iter().map(|one| one.identity).collect(),
        several => several.iter().take(OFFERED).map(|one| one.identity.clone()).collect(),
    };
    Ok(Error::NoRelation {
        name: name.to_owned(),
        offered,
    })
}

/// Every relation that the caller may see.
pub fn all() -> Result<Vec<Named>> {
    read(named!("true"), &[])
}

/// The relations named most like it, best first.
fn like(name: &str) -> Result<Vec<Named>> {
    let all = all()?;
    let own = name.rsplit('.').next().unwrap_or(name).trim_matches('"');
    let nearest = nearest_names(own, all.iter().map(|one| one.name.as_str()), OFFERED);
    Ok(nearest.into_iter().map(|(at, _)| all[at].clone()).collect())
}

/// Relations by their identities.
pub fn by_ids(ids: &[i64]) -> Result<HashMap<i64, Named>> {
    let found = read(
        named!("r.object_id OPERATOR(pg_catalog.=) ANY ($1)"),
        &[ids.to_vec().into()],
    )?;
    Ok(found.into_iter().map(|one| (one.object_id, one)).collect())
}

const COLUMNS: &str = "
    SELECT a.attrelid, a.attnum, a.attname
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid OPERATOR(pg_catalog.=) ANY ($1)
      AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
      AND schema_monitor._sees_passage(a.attrelid, a.attnum)
    ORDER BY a.attrelid, a.attnum";

/// Names of the columns of relations by OID and number, as far as the caller may see them.
pub fn columns(relations: &[u32]) -> Result<HashMap<(u32, i16), String>> {
    let oids: Vec<Oid> = relations.iter().map(|oid| Oid::from(*oid)).collect();
    let mut found = HashMap::new();
    query::read_often(COLUMNS, &[oids.into()], |row| {
        found.insert((row.oid(0), row.i16(1)), row.name(2));
        Ok(())
    })?;
    Ok(found)
}
