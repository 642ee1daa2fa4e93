//! The order in which what stays gets its new names.

use serde_json::Value;
use std::collections::BTreeSet;

use super::Statement;
use super::pair::Plan;
use super::same::find;
use crate::definition::{Definition, Kind, Part, PartKind};
use crate::render::{alter, beside, name, statistics_name};
use crate::sql::{ident, literal};

/// Something that has to be called otherwise.
struct Rename {
    id: i64,
    /// Which names it competes with.
    space: String,
    from: (String, String),
    to: (String, String),
}

/// The statements that give everything that stays its new name.
pub(super) fn renames(plan: &Plan<'_>) -> Vec<Statement> {
    let mut statements = schemas(plan);
    statements.extend(new_schemas(plan));
    statements.extend(set_aside(plan));
    statements.extend(objects(plan));
    for id in plan.present.keys() {
        statements.extend(parts(plan, *id));
    }
    statements
}

/// Schemas among themselves.
fn schemas(plan: &Plan<'_>) -> Vec<Statement> {
    let is_schema = |id: &i64| plan.before[id].kind == Kind::Schema;
    let list = plan.present.keys().filter(|id| is_schema(id)).map(|id| Rename {
        id: *id,
        space: "schema".to_owned(),
        from: (String::new(), plan.before[id].name.clone()),
        to: (String::new(), plan.after[id].name.clone()),
    });
    let list: Vec<Rename> = list.filter(|rename| rename.from != rename.to).collect();
    let occupied = plan
        .before
        .values()
        .filter(|definition| definition.kind == Kind::Schema)
        .map(|definition| ("schema".to_owned(), String::new(), definition.name.clone()))
        .collect();
    settle(plan, list, occupied)
}

/// Schemas that come: something may be moved into them.
fn new_schemas(plan: &Plan<'_>) -> Vec<Statement> {
    let new = plan
        .after
        .iter()
        .filter(|(id, definition)| definition.kind == Kind::Schema && !plan.is_present(**id));
    new.map(|(_, definition)| Statement::new(definition, format!("CREATE SCHEMA {}", ident(&definition.name))))
        .collect()
}

/// What a schema is called once the schemas have their new names.
pub(super) fn schema_now(plan: &Plan<'_>, schema: &str) -> String {
    plan.schemas.get(schema).cloned().unwrap_or_else(|| schema.to_owned())
}

/// Types that are made anew, or are in the way of something new, get a name out of the way until they are dropped.
fn set_aside(plan: &Plan<'_>) -> Vec<Statement> {
    let wanted: BTreeSet<(String, String)> = plan
        .after
        .iter()
        .filter(|(id, definition)| definition.schema.is_some() && !is_unchanged(plan, **id))
        .map(|(_, definition)| (definition.schema.clone().unwrap_or_default(), definition.name.clone()))
        .collect();
    let mut statements = Vec::new();
    for id in &plan.late {
        let mut old = plan.before[id].clone();
        let Some(schema) = old.schema.clone() else { continue };
        old.schema = Some(schema_now(plan, &schema));
        let key = (old.schema.clone().unwrap_or_default(), old.name.clone());
        if !wanted.contains(&key) {
            continue;
        }
        let aside = free_name(plan, &key.0, &old.name);
        let sql = format!("{} RENAME TO {}", alter(&old), ident(&aside));
        statements.push(Statement::new(&old, sql).noting("set aside until what uses it has been altered"));
        plan.set_aside.borrow_mut().insert(*id, aside);
    }
    statements
}

fn is_unchanged(plan: &Plan<'_>, id: i64) -> bool {
    let (Some(old), Some(new)) = (plan.before.get(&id), plan.after.get(&id)) else {
        return false;
    };
    plan.is_present(id) && old.name == new.name && old.schema == new.schema
}

/// A name nobody has before or after.
fn free_name(plan: &Plan<'_>, schema: &str, wanted: &str) -> String {
    let taken = |name: &str| {
        let key = (schema.to_owned(), name.to_owned());
        plan.before_names.contains_key(&key) || plan.after_names.contains_key(&key)
    };
    let start: String = wanted.chars().take(40).collect();
    let mut number = 1;
    loop {
        let name = format!("{start}__old{number}");
        if !taken(&name) {
            return name;
        }
        number += 1;
    }
}

fn space(definition: &Definition) -> &'static str {
    match definition.kind {
        Kind::Function | Kind::Procedure | Kind::Aggregate => "function",
        Kind::Extension => "extension",
        // relations have row types: they share names with types
        _ => "relation",
    }
}

/// Objects in schemas.
fn objects(plan: &Plan<'_>) -> Vec<Statement> {
    let mut list = Vec::new();
    let mut occupied = BTreeSet::new();
    for (id, old) in plan.before {
        let Some(schema) = &old.schema else { continue };
        let gone = !plan.is_present(*id) && !plan.late.contains(id);
        if gone || plan.set_aside.borrow().contains_key(id) {
            continue;
        }
        let from = (schema_now(plan, schema), old.name.clone());
        let own = match &old.arguments {
            Some(arguments) => format!("{}({arguments}", old.name),
            None => old.name.clone(),
        };
        occupied.insert((space(old).to_owned(), from.0.clone(), own));
        if !plan.is_present(*id) {
            continue;
        }
        let new = &plan.after[id];
        let to = (new.schema.clone().unwrap_or_default(), new.name.clone());
        if from != to && !moves_along(plan, *id, &from, &to) {
            let space = space(old).to_owned();
            list.push(Rename {
                id: *id,
                space,
                from,
                to,
            });
        }
    }
    // What only moves along with its table may still have another name.
    settle(plan, list, occupied)
}

/// A sequence of a column is moved with the table.
fn moves_along(plan: &Plan<'_>, id: i64, from: &(String, String), to: &(String, String)) -> bool {
    let old = &plan.before[&id];
    if old.kind != Kind::Sequence || from.1 != to.1 {
        return false;
    }
    super::pair::owner(old, &plan.before_names)
        .filter(|(table, _)| plan.is_present(*table))
        .is_some_and(|(table, _)| plan.after[&table].schema.as_deref() == Some(to.0.as_str()))
}

/// Makes renames in an order in which no name is taken, by way of a third name where names are swapped.
fn settle(plan: &Plan<'_>, mut list: Vec<Rename>, mut occupied: BTreeSet<(String, String, String)>) -> Vec<Statement> {
    let mut statements = Vec::new();
    while !list.is_empty() {
        let suffix = |id: i64| match &plan.before[&id].arguments {
            Some(arguments) => format!("({arguments}"),
            None => String::new(),
        };
        let key = |rename: &Rename, schema: &str, name: &str| {
            (
                rename.space.clone(),
                schema.to_owned(),
                format!("{name}{}", suffix(rename.id)),
            )
        };
        let free = |rename: &Rename, schema: &str, name: &str| !occupied.contains(&key(rename, schema, name));
        let ready = list.iter().position(|one| {
            free(one, &one.to.0, &one.to.1)
                && (one.from.0 == one.to.0
                    || one.from.1 == one.to.1
                    || free(one, &one.from.0, &one.to.1)
                    || free(one, &one.to.0, &one.from.1))
        });
        let Some(at) = ready else {
            let one = &mut list[0];
            let aside = free_name(plan, &one.from.0, &one.from.1);
            statements.push(rename_to(plan, one, &one.from.0, &one.from.1, &aside));
            let old = (
                one.space.clone(),
                one.from.0.clone(),
                format!("{}{}", one.from.1, suffix(one.id)),
            );
            occupied.remove(&old);
            occupied.insert((
                one.space.clone(),
                one.from.0.clone(),
                format!("{aside}{}", suffix(one.id)),
            ));
            one.from.1 = aside;
            continue;
        };
        let one = &list[at];
        let (from, to) = (&one.from, &one.to);
        if from.0 == to.0 {
            statements.push(rename_to(plan, one, &from.0, &from.1, &to.1));
        } else if from.1 == to.1 {
            statements.push(move_to(plan, one, &from.0, &from.1, &to.0));
        } else if free(one, &from.0, &to.1) {
            statements.push(rename_to(plan, one, &from.0, &from.1, &to.1));
            statements.push(move_to(plan, one, &from.0, &to.1, &to.0));
        } else {
            statements.push(move_to(plan, one, &from.0, &from.1, &to.0));
            statements.push(rename_to(plan, one, &to.0, &from.1, &to.1));
        }
        let (gone, come) = (key(one, &from.0, &from.1), key(one, &to.0, &to.1));
        occupied.remove(&gone);
        occupied.insert(come);
        list.remove(at);
    }
    statements
}

/// The object under a name it has for the moment.
fn under(plan: &Plan<'_>, id: i64, schema: &str, name: &str) -> Definition {
    let mut definition = Definition::new(plan.before[&id].kind, None, name.to_owned());
    if definition.kind != Kind::Schema && definition.kind != Kind::Extension {
        definition.schema = Some(schema.to_owned());
    }
    definition.arguments.clone_from(&plan.present[&id].arguments);
    definition
}

fn rename_to(plan: &Plan<'_>, rename: &Rename, schema: &str, from: &str, to: &str) -> Statement {
    let old = under(plan, rename.id, schema, from);
    let sql = format!("{} RENAME TO {}", alter(&old), ident(to));
    Statement::new(&under(plan, rename.id, schema, to), sql)
}

fn move_to(plan: &Plan<'_>, rename: &Rename, schema: &str, name: &str, to: &str) -> Statement {
    let old = under(plan, rename.id, schema, name);
    let sql = format!("{} SET SCHEMA {}", alter(&old), ident(to));
    Statement::new(&under(plan, rename.id, to, name), sql)
}

/// Columns, constraints, indexes and the rest of what an object has, under the object's new name.
fn parts(plan: &Plan<'_>, id: i64) -> Vec<Statement> {
    let object = &plan.after[&id];
    let ancestors = plan.lasting_parents(id);
    let renamed = |of: i64, kind: PartKind| -> Vec<(String, String)> {
        let range = plan.kept.range((of, kind, String::new())..);
        range
            .take_while(|((object, part, _), _)| *object == of && *part == kind)
            .filter(|((_, _, from), to)| from != *to)
            .map(|((_, _, from), to)| (from.clone(), to.clone()))
            .collect()
    };
    let mut statements = Vec::new();
    for kind in [
        PartKind::Column,
        PartKind::Value,
        PartKind::Constraint,
        PartKind::Index,
        PartKind::Trigger,
        PartKind::Policy,
        PartKind::Rule,
        PartKind::Statistics,
    ] {
        let mut list = renamed(id, kind);
        if matches!(kind, PartKind::Column | PartKind::Constraint) {
            // renamed with the parent's
            let inherited: Vec<_> = ancestors.iter().flat_map(|parent| renamed(*parent, kind)).collect();
            list.retain(|pair| !inherited.contains(pair));
        }
        let mut taken: BTreeSet<String> = plan.before[&id]
            .parts
            .iter()
            .filter(|part| part.kind == kind)
            .filter(|part| plan.kept.contains_key(&(id, kind, part.name.clone())))
            .map(|part| part.name.clone())
            .collect();
        while !list.is_empty() {
            let (from, to) = match list.iter().position(|(_, to)| !taken.contains(to)) {
                Some(at) => list.remove(at),
                None => {
                    let aside = format!("{}__old", list[0].0.chars().take(50).collect::<String>());
                    let from = std::mem::replace(&mut list[0].0, aside.clone());
                    (from, aside)
                }
            };
            statements.push(rename_part(object, kind, &from, &to));
            taken.remove(&from);
            taken.insert(to);
        }
        if kind == PartKind::Statistics {
            statements.extend(moved_statistics(plan, id));
        }
    }
    statements
}

fn rename_part(object: &Definition, kind: PartKind, from: &str, to: &str) -> Statement {
    let (old, new) = (ident(from), ident(to));
    let of = name(object);
    let sql = match (kind, object.kind) {
        (PartKind::Column, Kind::CompositeType) => format!("{} RENAME ATTRIBUTE {old} TO {new}", alter(object)),
        (PartKind::Column, _) => format!("{} RENAME COLUMN {old} TO {new}", alter(object)),
        (PartKind::Constraint, _) => format!("{} RENAME CONSTRAINT {old} TO {new}", alter(object)),
        (PartKind::Index, _) => format!("ALTER INDEX {} RENAME TO {new}", beside(object, from)),
        (PartKind::Trigger, _) => format!("ALTER TRIGGER {old} ON {of} RENAME TO {new}"),
        (PartKind::Policy, _) => format!("ALTER POLICY {old} ON {of} RENAME TO {new}"),
        (PartKind::Rule, _) => format!("ALTER RULE {old} ON {of} RENAME TO {new}"),
        (PartKind::Statistics, _) => {
            let mut part = Part::new(kind, from.to_owned(), 0);
            let known = find(object, kind, to).and_then(|part| part.text("schema"));
            if let Some(schema) = known {
                part.attributes.insert("schema".into(), Value::from(schema));
            }
            format!("ALTER STATISTICS {} RENAME TO {new}", statistics_name(object, &part))
        }
        (PartKind::Value, _) => format!("{} RENAME VALUE {} TO {}", alter(object), literal(from), literal(to)),
    };
    Statement::new(object, sql)
}

/// Statistics objects do not move with their relation.
fn moved_statistics(plan: &Plan<'_>, id: i64) -> Vec<Statement> {
    let (old, new) = (&plan.before[&id], &plan.after[&id]);
    let mut statements = Vec::new();
    for part in old.parts_of(PartKind::Statistics) {
        let Some(after) = plan.kept.get(&(id, part.kind, part.name.clone())) else {
            continue;
        };
        let Some(target) = find(new, part.kind, after) else {
            continue;
        };
        let from = schema_now(plan, part.text("schema").unwrap_or_default());
        let to = target.text("schema").unwrap_or_default();
        if from != to {
            let mut now = target.clone();
            now.attributes.insert("schema".into(), Value::from(from));
            let sql = format!(
                "ALTER STATISTICS {} SET SCHEMA {}",
                statistics_name(new, &now),
                ident(to)
            );
            statements.push(Statement::new(new, sql));
        }
    }
    statements
}
