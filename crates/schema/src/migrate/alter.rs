//! What stays and differs.

use std::collections::{BTreeMap, BTreeSet};

use super::drop::alter_only;
use super::order::{Node, node, rank};
use super::pair::Plan;
use super::retype::retype;
use super::same::find;
use super::{Objects, Statement, depend};
use crate::definition::{Definition, Kind, Part, PartKind};
use crate::render::{self, alter, is_set, name, text, texts};
use crate::sql::{ident, literal};

/// The nodes that alter what is present, parents before children: what a statement does to the parent it does to
/// them, too.
pub(super) fn alterations(plan: &Plan<'_>) -> Vec<Node> {
    let mut ids: Vec<i64> = plan.present.keys().copied().collect();
    ids.sort_by_key(|id| plan.parents_after(*id).len());
    let mut family = Family {
        now: plan.present.clone(),
        children: BTreeMap::new(),
        converted: BTreeSet::new(),
    };
    for id in &ids {
        for parent in plan.lasting_parents(*id) {
            if plan.is_present(parent) {
                family.children.entry(parent).or_default().push(*id);
            }
        }
    }
    let mut nodes = Vec::new();
    for id in ids {
        let new = &plan.after[&id];
        let present = family.now[&id].clone();
        let statements = match new.kind {
            Kind::Table | Kind::ForeignTable => table(plan, id, &present, new, &mut family),
            Kind::View => view(&present, new),
            Kind::MaterializedView => storage(&present, new),
            Kind::Sequence => sequence(&present, new),
            Kind::Enum => enumeration(&present, new),
            Kind::Domain => domain(&present, new),
            Kind::CompositeType => composite(&present, new),
            Kind::Function | Kind::Procedure => function(&present, new),
            Kind::Extension => extension(&present, new),
            Kind::Schema | Kind::Aggregate | Kind::RangeType | Kind::BaseType => Vec::new(),
        };
        if statements.is_empty() {
            continue;
        }
        let mut uses = depend::whole_text(new);
        if matches!(new.kind, Kind::Table | Kind::ForeignTable) {
            for part in new.parts_of(PartKind::Column) {
                for name in ["default", "expression"] {
                    uses.push_str(part.text(name).unwrap_or_default());
                    uses.push(' ');
                }
            }
        }
        let rank = match new.kind {
            Kind::Enum | Kind::Domain | Kind::CompositeType => rank::TYPE,
            Kind::Function | Kind::Procedure => rank::FUNCTION,
            Kind::View => rank::VIEW,
            Kind::Extension => rank::EXTENSION,
            _ => rank::ALTERED,
        };
        let mut made = node(rank, new, &uses, statements);
        made.rank.1 = plan.parents_after(id).len() as i32;
        nodes.push(made);
    }
    nodes
}

/// What is there as the statements written so far have left it, and who inherits from whom.
struct Family {
    now: Objects,
    children: BTreeMap<i64, Vec<i64>>,
    /// Columns that were altered together with a parent's.
    converted: BTreeSet<(i64, String)>,
}

fn table(plan: &Plan<'_>, id: i64, present: &Definition, new: &Definition, below: &mut Family) -> Vec<Statement> {
    let one = |sql: String| Statement::new(new, sql);
    let mut statements = storage(present, new);
    if text(&present.attributes, "of_type") != text(&new.attributes, "of_type") {
        let action = text(&new.attributes, "of_type").map_or("NOT OF".to_owned(), |of| format!("OF {of}"));
        statements.push(one(format!("{} {action}", alter(new))));
    }
    let pairs: Vec<(&Part, &Part)> = present
        .parts_of(PartKind::Column)
        .filter_map(|part| Some((part, find(new, PartKind::Column, &part.name)?)))
        .collect();
    for (old, _) in pairs
        .iter()
        .filter(|(old, new)| old.text("identity").is_some() && new.text("identity").is_none())
    {
        statements.push(one(format!(
            "{} ALTER COLUMN {} DROP IDENTITY",
            alter(new),
            ident(&old.name)
        )));
    }
    let retyped: Vec<(&Part, &Part)> = pairs
        .iter()
        .copied()
        .filter(|(old, target)| {
            let key = (id, old.name.clone());
            plan.retyped.contains(&key) && !below.converted.contains(&key) && old.kind == target.kind
        })
        .collect();
    statements.extend(retype(plan, new, &retyped));
    let mut tell: Vec<Part> = retyped.iter().map(|(_, target)| (*target).clone()).collect();
    let is_partition = text(&new.attributes, "partition_of").is_some();
    for target in new.parts_of(PartKind::Column) {
        if find(present, PartKind::Column, &target.name).is_none() {
            let sequence = plan.identity_sequence(new, target);
            let column = render::column(target, sequence, new.kind, is_partition);
            let statement = one(format!("{} ADD COLUMN {column}", alter(new)));
            let filled = ["default", "generated", "identity"]
                .iter()
                .any(|name| target.attributes.contains_key(name));
            statements.push(match is_set(&target.attributes, "not_null") && !filled {
                true => statement.noting("fails where the table has rows: no value is known for them"),
                false => statement,
            });
            tell.push(target.clone());
        }
    }
    for (old, target) in &pairs {
        let (mut changes, inherited) = column(plan, new, old, target);
        statements.append(&mut changes);
        if inherited {
            tell.push((*target).clone());
        }
    }
    for constraint in present.parts_of(PartKind::Constraint) {
        let validates = render::is_not_valid(constraint)
            && find(new, PartKind::Constraint, &constraint.name).is_some_and(|part| !render::is_not_valid(part));
        if validates {
            let own = ident(&constraint.name);
            statements.push(one(format!("{} VALIDATE CONSTRAINT {own}", alter(new))));
        }
    }
    for (kind, word) in [(PartKind::Trigger, "TRIGGER"), (PartKind::Rule, "RULE")] {
        for part in present.parts_of(kind) {
            let Some(target) = find(new, kind, &part.name) else {
                continue;
            };
            if part.text("enabled") != target.text("enabled") {
                let sql = format!("ALTER TABLE {} {}", name(new), render::trigger_state(target, word));
                statements.push(one(sql));
            }
        }
    }
    for child in below.children.get(&id).into_iter().flatten() {
        for target in &tell {
            inherit(&mut below.now, *child, target);
            below.converted.insert((*child, target.name.clone()));
        }
    }
    statements
}

/// What an ALTER of the parent did to a child's column.
fn inherit(now: &mut Objects, child: i64, target: &Part) {
    let Some(definition) = now.get_mut(&child) else { return };
    let known = definition
        .parts
        .iter_mut()
        .find(|part| part.kind == PartKind::Column && part.name == target.name);
    match known {
        Some(part) => {
            for name in ["type", "collation", "not_null", "expression", "generated"] {
                match target.attributes.get(name) {
                    Some(value) => part.attributes.insert(name.into(), value.clone()),
                    None => part.attributes.remove(name),
                }
            }
        }
        None => {
            let mut part = target.clone();
            part.attributes.remove("comment");
            part.attributes.remove("identity");
            part.access.clear();
            definition.parts.push(part);
        }
    }
}

/// Everything about a column but its type; and whether children follow.
fn column(plan: &Plan<'_>, table: &Definition, old: &Part, new: &Part) -> (Vec<Statement>, bool) {
    let own = ident(&new.name);
    let act = |action: String| Statement::new(table, format!("{} ALTER COLUMN {own} {action}", alter(table)));
    let only = |action: String| Statement::new(table, format!("{} ALTER COLUMN {own} {action}", alter_only(table)));
    let mut statements = Vec::new();
    let mut inherited = false;
    let (before, after) = (&old.attributes, &new.attributes);
    if text(before, "generated").is_some() && text(after, "generated").is_none() {
        statements.push(act("DROP EXPRESSION".to_owned()));
        inherited = true;
    } else if text(before, "expression") != text(after, "expression")
        && let Some(expression) = text(after, "expression")
    {
        statements.push(act(format!("SET EXPRESSION AS ({expression})")));
        inherited = true;
    }
    if text(before, "default") != text(after, "default") {
        statements.push(match text(after, "default") {
            Some(default) => only(format!("SET DEFAULT {default}")),
            None => only("DROP DEFAULT".to_owned()),
        });
    }
    match (is_set(before, "not_null"), is_set(after, "not_null")) {
        (false, true) => {
            statements.push(act("SET NOT NULL".to_owned()));
            inherited = true;
        }
        (true, false) => {
            statements.push(act("DROP NOT NULL".to_owned()));
            inherited = true;
        }
        _ => {}
    }
    let is_partition = text(&table.attributes, "partition_of").is_some();
    match (text(before, "identity"), text(after, "identity")) {
        (None, Some(_)) if !is_partition => {
            let clause = render::identity_clause(new, plan.identity_sequence(table, new));
            statements.push(act(format!("ADD {clause}")));
        }
        (Some(a), Some(b)) if a != b && !is_partition => {
            let word = if b == "always" { "ALWAYS" } else { "BY DEFAULT" };
            statements.push(act(format!("SET GENERATED {word}")));
        }
        _ => {}
    }
    if text(before, "storage") != text(after, "storage") {
        let word = text(after, "storage").map_or("DEFAULT", render::storage_word);
        statements.push(act(format!("SET STORAGE {word}")));
    }
    if text(before, "compression") != text(after, "compression") {
        let word = text(after, "compression").map_or("default", render::compression_word);
        statements.push(act(format!("SET COMPRESSION {word}")));
    }
    for action in render::relation_options(&texts(before, "options"), &texts(after, "options")) {
        statements.push(act(action));
    }
    let (stored, wanted) = (texts(before, "foreign_options"), texts(after, "foreign_options"));
    if let Some(list) = render::foreign_option_changes(&stored, &wanted) {
        statements.push(act(list));
    }
    (statements, inherited)
}

/// Options, persistence, access method and tablespace of what has a file.
fn storage(present: &Definition, new: &Definition) -> Vec<Statement> {
    let (before, after) = (&present.attributes, &new.attributes);
    let mut actions = Vec::new();
    match (is_set(before, "unlogged"), is_set(after, "unlogged")) {
        (false, true) => actions.push("SET UNLOGGED".to_owned()),
        (true, false) => actions.push("SET LOGGED".to_owned()),
        _ => {}
    }
    if text(before, "access_method") != text(after, "access_method") {
        let method = text(after, "access_method").unwrap_or("heap");
        actions.push(format!("SET ACCESS METHOD {}", ident(method)));
    }
    if text(before, "tablespace") != text(after, "tablespace") {
        let tablespace = text(after, "tablespace").unwrap_or("pg_default");
        actions.push(format!("SET TABLESPACE {}", ident(tablespace)));
    }
    actions.extend(render::relation_options(
        &texts(before, "options"),
        &texts(after, "options"),
    ));
    let (stored, wanted) = (texts(before, "foreign_options"), texts(after, "foreign_options"));
    actions.extend(render::foreign_option_changes(&stored, &wanted));
    let statement = |action: String| Statement::new(new, format!("{} {action}", alter(new)));
    actions.into_iter().map(statement).collect()
}

fn view(present: &Definition, new: &Definition) -> Vec<Statement> {
    let columns = |one: &Definition| one.parts_of(PartKind::Column).count();
    if text(&present.attributes, "query") != text(&new.attributes, "query") || columns(present) != columns(new) {
        return vec![Statement::new(new, render::create_view(new, true))];
    }
    storage(present, new)
}

/// Defaults of a view's columns, for INSERT into it.
pub(super) fn view_defaults(present: Option<&Definition>, new: &Definition) -> Vec<Statement> {
    let mut statements = Vec::new();
    for part in new.parts_of(PartKind::Column) {
        let known = present.and_then(|one| find(one, PartKind::Column, &part.name));
        let (before, after) = (known.and_then(|part| part.text("default")), part.text("default"));
        if before != after {
            let action = after.map_or("DROP DEFAULT".to_owned(), |default| format!("SET DEFAULT {default}"));
            let sql = format!("{} ALTER COLUMN {} {action}", alter(new), ident(&part.name));
            statements.push(Statement::new(new, sql));
        }
    }
    statements
}

fn sequence(present: &Definition, new: &Definition) -> Vec<Statement> {
    let of = |one: &Definition| render::sequence_options(&one.attributes, Some("AS"));
    let mut statements = Vec::new();
    if is_set(&present.attributes, "unlogged") != is_set(&new.attributes, "unlogged") {
        let word = if is_set(&new.attributes, "unlogged") {
            "UNLOGGED"
        } else {
            "LOGGED"
        };
        statements.push(Statement::new(new, format!("{} SET {word}", alter(new))));
    }
    if of(present) != of(new) {
        statements.push(Statement::new(new, format!("{} {}", alter(new), of(new))));
    }
    statements
}

/// Values that are new, each put beside one that is there.
fn enumeration(present: &Definition, new: &Definition) -> Vec<Statement> {
    let mut known: Vec<&str> = texts(&present.attributes, "values");
    let wanted = texts(&new.attributes, "values");
    let mut statements = Vec::new();
    for (at, label) in wanted.iter().enumerate() {
        if known.contains(label) {
            continue;
        }
        let place = match (at.checked_sub(1).map(|before| wanted[before]), known.first()) {
            // at the end, where it goes by itself
            (Some(before), _) if known.last() == Some(&before) => String::new(),
            (Some(before), _) => format!(" AFTER {}", literal(before)),
            (None, Some(first)) => format!(" BEFORE {}", literal(first)),
            (None, None) => String::new(),
        };
        let sql = format!("{} ADD VALUE {}{place}", alter(new), literal(label));
        statements.push(Statement::new(new, sql).noting("the new value can be used only once this is committed"));
        let position = at
            .checked_sub(1)
            .and_then(|before| known.iter().position(|one| *one == wanted[before]));
        known.insert(position.map_or(0, |position| position + 1), label);
    }
    statements
}

fn domain(present: &Definition, new: &Definition) -> Vec<Statement> {
    let (before, after) = (&present.attributes, &new.attributes);
    let mut actions = Vec::new();
    if text(before, "default") != text(after, "default") {
        actions
            .push(text(after, "default").map_or("DROP DEFAULT".to_owned(), |default| format!("SET DEFAULT {default}")));
    }
    match (is_set(before, "not_null"), is_set(after, "not_null")) {
        (false, true) => actions.push("SET NOT NULL".to_owned()),
        (true, false) => actions.push("DROP NOT NULL".to_owned()),
        _ => {}
    }
    for part in present
        .parts_of(PartKind::Constraint)
        .filter(|part| render::is_not_valid(part))
    {
        if find(new, PartKind::Constraint, &part.name).is_some_and(|target| !render::is_not_valid(target)) {
            actions.push(format!("VALIDATE CONSTRAINT {}", ident(&part.name)));
        }
    }
    let statement = |action: String| Statement::new(new, format!("{} {action}", alter(new)));
    actions.into_iter().map(statement).collect()
}

fn composite(present: &Definition, new: &Definition) -> Vec<Statement> {
    let mut statements = Vec::new();
    for target in new.parts_of(PartKind::Column) {
        let own = ident(&target.name);
        let type_name = target.text("type").unwrap_or("text");
        let collation = target
            .text("collation")
            .map_or(String::new(), |name| format!(" COLLATE {name}"));
        let action = match find(present, PartKind::Column, &target.name) {
            None => format!("ADD ATTRIBUTE {own} {type_name}{collation}"),
            Some(old)
                if old.text("type") != target.text("type") || old.text("collation") != target.text("collation") =>
            {
                format!("ALTER ATTRIBUTE {own} TYPE {type_name}{collation}")
            }
            Some(_) => continue,
        };
        statements.push(Statement::new(new, format!("{} {action}", alter(new))));
    }
    statements
}

fn function(present: &Definition, new: &Definition) -> Vec<Statement> {
    let (mut before, mut after) = (present.attributes.clone(), new.attributes.clone());
    before.remove("comment");
    after.remove("comment");
    match before == after {
        true => Vec::new(),
        false => vec![Statement::new(new, render::create_function(new))],
    }
}

fn extension(present: &Definition, new: &Definition) -> Vec<Statement> {
    let mut statements = Vec::new();
    let version = |one: &Definition| text(&one.attributes, "version").map(str::to_owned);
    let schema = |one: &Definition| text(&one.attributes, "schema").map(str::to_owned);
    if let (true, Some(version)) = (version(present) != version(new), version(new)) {
        let sql = format!("{} UPDATE TO {}", alter(new), literal(&version));
        statements.push(Statement::new(new, sql).noting("the scripts of that version must be installed"));
    }
    if let (true, Some(schema)) = (schema(present) != schema(new), schema(new)) {
        statements.push(Statement::new(
            new,
            format!("{} SET SCHEMA {}", alter(new), ident(&schema)),
        ));
    }
    statements
}
