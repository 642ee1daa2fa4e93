//! What goes: dependents first.

use std::collections::{BTreeMap, BTreeSet};

use super::Statement;
use super::depend::Unit;
use super::order::{Direction, Node, ordered};
use super::pair::{Plan, owner};
use super::same::find;
use crate::definition::{Definition, Kind, Part, PartKind};
use crate::render::{alter, beside, is_set, keyword, name, signature, statistics_name, text, texts};
use crate::sql::{ident, qualified};

/// The statements that drop what is gone or must be made anew, in the names of before.
pub(super) fn drops(plan: &Plan<'_>) -> Vec<Statement> {
    let mut statements = releases(plan);
    statements.extend(detachments(plan));
    let mut nodes = Vec::new();
    let circular = circular_keys(plan);
    let mut children: BTreeMap<i64, Vec<(String, String)>> = BTreeMap::new();
    for (id, definition) in plan.before {
        let own = (definition.schema.clone().unwrap_or_default(), definition.name.clone());
        for parent in plan.lasting_parents(*id) {
            children.entry(parent).or_default().push(below(&own));
        }
    }
    for unit in plan.drops.iter().chain(&circular) {
        let Some(definition) = plan.before.get(&unit.object()) else {
            continue;
        };
        // What is in an object that is dropped goes with it.
        let within = !matches!(unit, Unit::Object(_));
        if within && plan.drops.contains(&Unit::Object(unit.object())) && !circular.contains(unit) {
            continue;
        }
        let Some(statement) = drop_unit(plan, definition, unit) else {
            continue;
        };
        let own = (definition.schema.clone().unwrap_or_default(), definition.name.clone());
        let mut requires = plan.dependencies.mentioned_by(plan.before, unit, &circular);
        // Who refers to a table may need a key of it.
        let keys: Vec<_> = requires.iter().map(key_of).collect();
        requires.extend(keys);
        let is_shared = matches!(unit, Unit::Part(_, PartKind::Constraint | PartKind::Index, _));
        let mut provides = match within {
            false => vec![own.clone()],
            true if is_key(definition, unit) => vec![key_of(&own)],
            true => Vec::new(),
        };
        if is_shared {
            // A partition's own goes with its parent's, and cannot go before.
            provides.push(below(&own));
            requires.extend(children.get(&unit.object()).into_iter().flatten().cloned());
        }
        nodes.push(Node {
            rank: (rank(definition, unit), plan.parents_before(unit.object()).len() as i32),
            name: format!("{} {}", statement.identity, statement.sql),
            provides,
            requires,
            statements: vec![statement],
        });
    }
    statements.extend(ordered(nodes, Direction::Dropping));
    statements
}

/// Stands for the keys of a table among the names that nodes provide.
fn key_of((schema, name): &(String, String)) -> (String, String) {
    (schema.clone(), format!("{name}\0key"))
}

/// Stands for the indexes and constraints of a table that are those of a parent, too.
fn below((schema, name): &(String, String)) -> (String, String) {
    (schema.clone(), format!("{name}\0below"))
}

fn is_key(definition: &Definition, unit: &Unit) -> bool {
    let Unit::Part(_, kind, name) = unit else { return false };
    find(definition, *kind, name).is_some_and(|part| match kind {
        PartKind::Constraint => matches!(part.text("kind"), Some("primary key" | "unique")),
        PartKind::Index => is_set(&part.attributes, "unique"),
        _ => false,
    })
}

/// Foreign keys among tables that are dropped and that refer to each other in a circle: the tables can go only after
/// these.
fn circular_keys(plan: &Plan<'_>) -> BTreeSet<Unit> {
    let mut keys: Vec<(i64, i64, Unit)> = Vec::new();
    for unit in &plan.drops {
        let Unit::Object(id) = unit else { continue };
        for part in plan.before[id].parts_of(PartKind::Constraint) {
            let referenced = part.text("references").and_then(qualified);
            let referenced = referenced.and_then(|name| plan.before_names.get(&name));
            if let Some(to) = referenced.filter(|to| *to != id && plan.drops.contains(&Unit::Object(**to))) {
                keys.push((*id, *to, Unit::part(*id, part)));
            }
        }
    }
    // Tables nobody refers to can go, and then those only they referred to; what remains is in a circle or above one.
    loop {
        let referenced: BTreeSet<i64> = keys.iter().map(|(_, to, _)| *to).collect();
        let known = keys.len();
        keys.retain(|(from, _, _)| referenced.contains(from));
        if keys.len() == known {
            break;
        }
    }
    loop {
        let referring: BTreeSet<i64> = keys.iter().map(|(from, _, _)| *from).collect();
        let known = keys.len();
        keys.retain(|(_, to, _)| referring.contains(to));
        if keys.len() == known {
            break;
        }
    }
    keys.into_iter().map(|(_, _, unit)| unit).collect()
}

fn rank(definition: &Definition, unit: &Unit) -> u32 {
    match unit {
        Unit::Part(_, PartKind::Rule | PartKind::Policy | PartKind::Trigger, _) => 0,
        Unit::Part(_, PartKind::Constraint, name) => {
            let foreign = find(definition, PartKind::Constraint, name);
            let foreign = foreign.is_some_and(|part| part.text("kind") == Some("foreign key"));
            if foreign { 20 } else { 30 }
        }
        Unit::Part(_, PartKind::Column, _) => 60,
        Unit::Part(..) => 30,
        Unit::Default(..) | Unit::Column(..) => 40,
        Unit::Object(_) => match definition.kind {
            Kind::View | Kind::MaterializedView => 10,
            Kind::Function | Kind::Procedure | Kind::Aggregate => 50,
            Kind::Table | Kind::ForeignTable => 70,
            _ => 80,
        },
    }
}

fn drop_unit(plan: &Plan<'_>, definition: &Definition, unit: &Unit) -> Option<Statement> {
    let id = unit.object();
    match unit {
        Unit::Object(_) => {
            let sql = format!("DROP {} {}", keyword(definition.kind), signature(definition));
            let statement = Statement::new(definition, sql);
            Some(match definition.kind {
                Kind::Table => statement.destroying(),
                _ => statement,
            })
        }
        Unit::Default(_, column) => {
            let sql = format!("{} ALTER COLUMN {} DROP DEFAULT", alter_only(definition), ident(column));
            Some(Statement::new(definition, sql))
        }
        Unit::Part(_, kind, name) => {
            let part = find(definition, *kind, name)?;
            if goes_with_a_column(plan, id, part) {
                return None;
            }
            drop_part(plan, id, definition, part)
        }
        Unit::Column(..) => None,
    }
}

/// Keys, indexes and statistics go with any of their columns.
fn goes_with_a_column(plan: &Plan<'_>, id: i64, part: &Part) -> bool {
    matches!(part.kind, PartKind::Constraint | PartKind::Index | PartKind::Statistics)
        && texts(&part.attributes, "columns").into_iter().any(|column| {
            plan.drops
                .contains(&Unit::Part(id, PartKind::Column, column.to_owned()))
        })
}

/// Whether a relation this one inherits from drops a part of that kind that is the same.
fn drops_above(plan: &Plan<'_>, id: i64, part: &Part) -> bool {
    let same = |other: &&Part| match part.kind {
        PartKind::Index => texts(&other.attributes, "columns") == texts(&part.attributes, "columns"),
        PartKind::Constraint => {
            other.text("kind") == part.text("kind")
                && (other.name == part.name
                    || texts(&other.attributes, "columns") == texts(&part.attributes, "columns"))
        }
        _ => other.name == part.name,
    };
    plan.lasting_parents(id).into_iter().any(|parent| {
        let definition = &plan.before[&parent];
        let all = plan.drops.contains(&Unit::Object(parent));
        let mut alike = definition
            .parts
            .iter()
            .filter(|other| other.kind == part.kind)
            .filter(same);
        alike.any(|other| all || plan.drops.contains(&Unit::part(parent, other)))
    })
}

fn drop_part(plan: &Plan<'_>, id: i64, definition: &Definition, part: &Part) -> Option<Statement> {
    let own = ident(&part.name);
    let of = name(definition);
    let above = drops_above(plan, id, part);
    let is_partition = text(&definition.attributes, "partition_of").is_some();
    if above && is_partition && part.kind == PartKind::Column {
        return None;
    }
    let exists = if above { "IF EXISTS " } else { "" };
    let sql = match (part.kind, definition.kind) {
        (PartKind::Column, Kind::CompositeType) => format!("{} DROP ATTRIBUTE {own}", alter(definition)),
        (PartKind::Column, Kind::View | Kind::MaterializedView) | (PartKind::Value, _) => return None,
        (PartKind::Column, _) => format!("{} DROP COLUMN {exists}{own}", alter(definition)),
        (PartKind::Constraint, _) => format!("{} DROP CONSTRAINT {exists}{own}", alter(definition)),
        (PartKind::Index, _) => {
            let concurrently = if plan.options.online { "CONCURRENTLY " } else { "" };
            format!("DROP INDEX {concurrently}{exists}{}", beside(definition, &part.name))
        }
        (PartKind::Trigger, _) => format!("DROP TRIGGER {own} ON {of}"),
        (PartKind::Policy, _) => format!("DROP POLICY {own} ON {of}"),
        (PartKind::Rule, _) => format!("DROP RULE {own} ON {of}"),
        (PartKind::Statistics, _) => format!("DROP STATISTICS {}", statistics_name(definition, part)),
    };
    let statement = Statement::new(definition, sql).alone(part.kind == PartKind::Index && plan.options.online);
    let holds_data =
        part.kind == PartKind::Column && definition.kind != Kind::ForeignTable && part.text("generated").is_none();
    Some(if holds_data { statement.destroying() } else { statement })
}

/// `ALTER TABLE ONLY`: a default is each table's own.
pub(super) fn alter_only(definition: &Definition) -> String {
    match definition.kind {
        Kind::Table => format!("ALTER TABLE ONLY {}", name(definition)),
        _ => alter(definition),
    }
}

/// Sequences that stay while their column goes.
fn releases(plan: &Plan<'_>) -> Vec<Statement> {
    let mut statements = Vec::new();
    for (id, sequence) in plan.before.iter().filter(|(_, one)| one.kind == Kind::Sequence) {
        let Some((table, column)) = owner(sequence, &plan.before_names) else {
            continue;
        };
        let goes = !plan.is_present(table) || plan.drops.contains(&Unit::Part(table, PartKind::Column, column));
        if plan.is_present(*id) && goes {
            let sql = format!("{} OWNED BY NONE", alter(sequence));
            statements.push(Statement::new(sequence, sql));
        }
    }
    statements
}

/// Tables that stay and are partition or child of another no more, or with other bounds.
fn detachments(plan: &Plan<'_>) -> Vec<Statement> {
    let mut statements = Vec::new();
    for (id, parent) in &plan.detached {
        let (child, of) = (&plan.before[id], &plan.before[parent]);
        let sql = match text(&child.attributes, "partition_of") {
            Some(_) => format!("ALTER TABLE {} DETACH PARTITION {}", name(of), name(child)),
            None => format!("ALTER TABLE {} NO INHERIT {}", name(child), name(of)),
        };
        statements.push(Statement::new(child, sql));
    }
    statements
}

/// Types, extensions and schemas that are gone, once nothing uses them any more.
pub(super) fn late_drops(plan: &Plan<'_>) -> Vec<Statement> {
    let mut nodes = Vec::new();
    for id in &plan.late {
        let old = &plan.before[id];
        let mut now = old.clone();
        if let Some(schema) = &old.schema {
            now.schema = Some(super::rename::schema_now(plan, schema));
        }
        if let Some(aside) = plan.set_aside.borrow().get(id) {
            now.name.clone_from(aside);
        }
        let sql = format!("DROP {} {}", keyword(now.kind), signature(&now));
        let rank = match now.kind {
            Kind::Extension => 1,
            Kind::Schema => 2,
            _ => 0,
        };
        nodes.push(Node {
            rank: (rank, 0),
            name: now.name.clone(),
            provides: vec![(old.schema.clone().unwrap_or_default(), old.name.clone())],
            requires: match rank {
                0 => plan
                    .dependencies
                    .mentioned_by(plan.before, &Unit::Object(*id), &BTreeSet::new()),
                _ => BTreeSet::new(),
            },
            statements: vec![Statement::new(&now, sql)],
        });
    }
    ordered(nodes, Direction::Dropping)
}
