//! From one schema to another: the statements, in order, that make the first into the second.
//!
//! Objects are matched by identity, so a rename is a rename. The order is: what is in the way or gone is dropped,
//! dependents first; what is kept gets its new names; what is new is created and what differs altered, in the order
//! of dependencies; at last come comments, owners and privileges. Dependents of what must be dropped are dropped and
//! created again; nothing is ever dropped by `CASCADE`, so what nobody knows of makes a statement fail and is not lost.
//!
//! What depends on what is read off the definitions: their texts name everything outside `pg_catalog` by its
//! qualified name. Columns are looked for by name in the texts that name their relation, which errs on the side of
//! creating a view again that could have stayed.

mod access;
mod alter;
mod create;
mod depend;
mod drop;
mod equal;
mod order;
mod pair;
mod rename;
mod retype;
mod same;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::definition::{Definition, Kind};
use crate::render;

/// A schema: every object by its identity.
pub type Objects = BTreeMap<i64, Definition>;

/// How values of one type become values of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// By assignment: `ALTER COLUMN … TYPE` needs no `USING`, and what does not fit is an error.
    Assignment,
    /// By an explicit cast only.
    Explicit,
    /// By no cast: through the text of the value.
    None,
}

/// How a migration is written.
pub struct Options<'a> {
    /// Major version of the server that will run it.
    pub server_version: u32,
    /// Build indexes without blocking writers and validate constraints apart; such statements need a transaction of
    /// their own.
    pub online: bool,
    /// How values of a type (first) become values of another, on that server.
    pub cast: &'a dyn Fn(&str, &str) -> Cast,
    /// Objects that were made anew in between: their columns are matched by name.
    pub recreated: HashSet<i64>,
}

/// One statement of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The statement, without a semicolon.
    pub sql: String,
    /// What it is about.
    pub kind: Kind,
    /// Its name, after the statement where that changes it.
    pub identity: String,
    /// Whether rows or values are gone afterwards.
    pub destroys_data: bool,
    /// Whether it must run outside a transaction block.
    pub own_transaction: bool,
    /// What a person must know that the statement does not say.
    pub notes: Vec<&'static str>,
}

impl Statement {
    fn new(definition: &Definition, sql: String) -> Statement {
        Statement {
            sql,
            kind: definition.kind,
            identity: render::signature(definition),
            destroys_data: false,
            own_transaction: false,
            notes: Vec::new(),
        }
    }

    fn destroying(mut self) -> Statement {
        self.destroys_data = true;
        self
    }

    fn alone(mut self, own: bool) -> Statement {
        self.own_transaction = own;
        self
    }

    fn noting(mut self, note: &'static str) -> Statement {
        self.notes.push(note);
        self
    }
}

/// The statements that make `before` into `after`. Same structure and access are meant; the order of columns cannot
/// be changed by `ALTER`, and says so in a note.
pub fn migrate(before: &Objects, after: &Objects, options: &Options<'_>) -> Vec<Statement> {
    let plan = pair::Plan::new(before, after, options);
    let mut statements = drop::drops(&plan);
    statements.extend(rename::renames(&plan));
    statements.extend(create::creations(&plan));
    statements.extend(drop::late_drops(&plan));
    statements.extend(access::comments_and_access(&plan));
    let creates_functions = statements.iter().any(|statement| {
        matches!(statement.kind, Kind::Function | Kind::Procedure) && statement.sql.starts_with("CREATE")
    });
    if creates_functions && let Some(first) = statements.first() {
        // As pg_dump does: a body may name what comes later.
        let sql = "SET check_function_bodies = off".to_owned();
        let setting = Statement {
            sql,
            destroys_data: false,
            own_transaction: false,
            notes: Vec::new(),
            ..first.clone()
        };
        statements.insert(0, setting);
    }
    statements
}

/// Identities of the objects a relation is a partition or child of, nearest first, by name.
fn parents(objects: &Objects, names: &BTreeMap<(String, String), i64>, id: i64) -> Vec<i64> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([id]);
    let mut next = vec![id];
    while let Some(id) = next.pop() {
        let Some(definition) = objects.get(&id) else { continue };
        let of = render::text(&definition.attributes, "partition_of");
        let listed = render::texts(&definition.attributes, "inherits");
        for parent in of.into_iter().chain(listed) {
            let parent = crate::sql::qualified(parent).and_then(|name| names.get(&name));
            if let Some(parent) = parent.filter(|parent| seen.insert(**parent)) {
                found.push(*parent);
                next.push(*parent);
            }
        }
    }
    found
}
