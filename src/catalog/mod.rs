//! `pg_catalog` → [`schema::Definition`], set-based, one file for each kind of object.
//!
//! Few queries read many rows and Rust puts them together: `pg_get_indexdef` and its kin cost 10 µs and
//! more a call, a catalog row less than one. Only expressions, view definitions, triggers, rules and
//! statistics objects are taken as PostgreSQL prints them.
//!
//! Queries see the active snapshot; what PostgreSQL prints comes from the newest committed catalog. So the
//! events committed since the snapshot are looked at afterwards, and what moved is read again.

mod access;
mod constraint;
mod function;
mod index;
mod namespace;
mod relation;
mod rule;
mod scope;
mod typ;
mod usage;
mod view;

use schema::{Attributes, Definition, Exclusion};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

use crate::error::Result;
use crate::pg::guc::Pinned;
use crate::pg::lookup::{Lookup, quoted};
use crate::pg::query;

pub use scope::{Hint, Scope};
pub use usage::{Statement, Usage, statements, statements_by_worker, usage};

/// Where an object is in the catalogs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// OID of the catalog.
    pub class: u32,
    /// OID of the object.
    pub oid: u32,
}

/// `pg_class`'s OID, fixed by the server's headers.
pub const RELATION_CLASS: u32 = 1259;
/// `pg_type`'s OID.
pub const TYPE_CLASS: u32 = 1247;
/// `pg_proc`'s OID.
pub const FUNCTION_CLASS: u32 = 1255;
/// `pg_namespace`'s OID.
pub const SCHEMA_CLASS: u32 = 2615;
/// `pg_extension`'s OID.
pub const EXTENSION_CLASS: u32 = 3079;

/// What was read.
pub type Definitions = HashMap<Address, Definition>;

/// What one reading carries along.
struct Reading<'a> {
    scope: &'a Scope,
    exclusion: Exclusion,
    lookup: Lookup,
    /// Schemas that are part of the picture.
    schemas: HashMap<u32, String>,
    /// Members of extensions, which are told by the extension.
    members: HashSet<Address>,
    /// Comments by catalog, object and column.
    comments: HashMap<(u32, u32, i32), String>,
}

impl Reading<'_> {
    fn comment(&self, class: u32, oid: u32, column: i32) -> Option<Value> {
        self.comments
            .get(&(class, oid, column))
            .map(|text| Value::from(text.as_str()))
    }

    /// The schema of an object that is part of the picture; `None` for one that is not.
    fn schema_of(&self, address: Address, namespace: u32, name: &str) -> Option<String> {
        let schema = self.schemas.get(&namespace)?;
        let out = self.members.contains(&address) || self.exclusion.covers(schema, Some(name));
        (!out).then(|| schema.clone())
    }
}

/// Reads the definitions of what the scope names, as far as they are part of the picture.
pub fn read(scope: &Scope) -> Result<Definitions> {
    let _pinned = Pinned::canonical();
    let mut reading = Reading {
        scope,
        exclusion: crate::settings::exclusion()?,
        lookup: Lookup::default(),
        schemas: HashMap::new(),
        members: HashSet::new(),
        comments: HashMap::new(),
    };
    let mut found = Definitions::new();
    reading.members = members()?;
    reading.comments = comments(scope)?;
    namespace::read(&mut reading, &mut found)?;
    relation::read(&mut reading, &mut found)?;
    constraint::read(&mut reading, &mut found)?;
    index::read(&mut reading, &mut found)?;
    view::read(&mut reading, &mut found)?;
    rule::read(&mut reading, &mut found)?;
    typ::read(&mut reading, &mut found)?;
    function::read(&mut reading, &mut found)?;
    Ok(found)
}

/// What people read: the qualified name, quoted where needed.
pub fn identity(definition: &Definition) -> String {
    let mut identity = String::new();
    if let Some(schema) = &definition.schema {
        identity.push_str(&quoted(schema));
        identity.push('.');
    }
    identity.push_str(&quoted(&definition.name));
    if let Some(arguments) = &definition.arguments {
        identity.push('(');
        identity.push_str(arguments);
        identity.push(')');
    }
    identity
}

const MEMBERS: &str = "
    SELECT d.classid, d.objid
    FROM pg_catalog.pg_depend AS d
    WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
      AND d.deptype OPERATOR(pg_catalog.=) 'e'";

fn members() -> Result<HashSet<Address>> {
    let mut members = HashSet::new();
    query::read(MEMBERS, &[], |row| {
        members.insert(Address {
            class: row.oid(0),
            oid: row.oid(1),
        });
        Ok(())
    })?;
    Ok(members)
}

// The comments initdb gives its own objects are left out; "public" is an object like any other.
const COMMENTS: &str = "
    SELECT d.classoid, d.objoid, d.objsubid, d.description
    FROM pg_catalog.pg_description AS d
    WHERE d.objoid OPERATOR(pg_catalog.>=) 16384 OR d.objoid OPERATOR(pg_catalog.=) 2200";

const COMMENTS_OF: &str = "
    WITH object AS (
        SELECT o.oid FROM pg_catalog.unnest($1) AS o(oid)
    ), commented AS (
        SELECT o.oid FROM object AS o
        UNION ALL
        SELECT k.oid FROM object AS o JOIN pg_catalog.pg_constraint AS k ON k.conrelid OPERATOR(pg_catalog.=) o.oid
        UNION ALL
        SELECT x.indexrelid FROM object AS o JOIN pg_catalog.pg_index AS x ON x.indrelid OPERATOR(pg_catalog.=) o.oid
        UNION ALL
        SELECT t.oid FROM object AS o JOIN pg_catalog.pg_trigger AS t ON t.tgrelid OPERATOR(pg_catalog.=) o.oid
        UNION ALL
        SELECT p.oid FROM object AS o JOIN pg_catalog.pg_policy AS p ON p.polrelid OPERATOR(pg_catalog.=) o.oid
        UNION ALL
        SELECT r.oid FROM object AS o JOIN pg_catalog.pg_rewrite AS r ON r.ev_class OPERATOR(pg_catalog.=) o.oid
        UNION ALL
        SELECT s.oid FROM object AS o JOIN pg_catalog.pg_statistic_ext AS s ON s.stxrelid OPERATOR(pg_catalog.=) o.oid
        UNION ALL
        SELECT t.typrelid FROM object AS o JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) o.oid
    )
    SELECT d.classoid, d.objoid, d.objsubid, d.description
    FROM commented AS c
    JOIN pg_catalog.pg_description AS d ON d.objoid OPERATOR(pg_catalog.=) c.oid";

fn comments(scope: &Scope) -> Result<HashMap<(u32, u32, i32), String>> {
    let mut comments = HashMap::new();
    let mut add = |row: &query::Row<'_>| {
        if let Some(text) = row.text(3) {
            comments.insert((row.oid(0), row.oid(1), row.i32(2)), text);
        }
        Ok(())
    };
    match scope.oids() {
        None => query::read(COMMENTS, &[], &mut add)?,
        Some(objects) => query::read(COMMENTS_OF, &[objects.into()], &mut add)?,
    }
    Ok(comments)
}

/// Sets an attribute.
fn set(attributes: &mut Attributes, name: &'static str, value: impl Into<Value>) {
    attributes.insert(name.into(), value.into());
}

/// Sets an attribute that is there.
fn set_if(attributes: &mut Attributes, name: &'static str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        set(attributes, name, value);
    }
}

/// Sets a flag that is on.
fn flag(attributes: &mut Attributes, name: &'static str, on: bool) {
    if on {
        set(attributes, name, true);
    }
}

/// Sets options (`name=value`), sorted, if there are any.
fn options(attributes: &mut Attributes, name: &'static str, options: Option<Vec<String>>) {
    if let Some(mut options) = options.filter(|options| !options.is_empty()) {
        options.sort_unstable();
        set(attributes, name, options);
    }
}
