//! What comes, and what is altered, in the order of dependencies.

use super::order::{Direction, Node, key, node, ordered, rank};
use super::pair::{Plan, owner};
use super::same::find;
use super::{Statement, alter, depend};
use crate::definition::{Definition, Kind, Part, PartKind};
use crate::render::{self, is_set, text, texts};
use crate::sql::{ident, literal, qualified};

/// The statements that create and alter.
pub(super) fn creations(plan: &Plan<'_>) -> Vec<Statement> {
    let deepest = plan
        .after
        .keys()
        .map(|id| plan.parents_after(*id).len())
        .max()
        .unwrap_or(0) as i32;
    let mut nodes = Vec::new();
    for (id, new) in plan.after {
        if !plan.is_present(*id) {
            nodes.extend(create(plan, *id, new));
        }
        parts(plan, *id, new, deepest, &mut nodes);
        nodes.extend(attach(plan, *id, new, deepest));
        nodes.extend(own(plan, *id, new));
        nodes.extend(flags(plan, *id, new));
    }
    nodes.extend(alter::alterations(plan));
    ordered(nodes, Direction::Creating)
}

fn create(plan: &Plan<'_>, id: i64, new: &Definition) -> Option<Node> {
    let one = |sql: String| vec![Statement::new(new, sql)];
    let whole = depend::whole_text(new);
    Some(match new.kind {
        // made before anything is moved into it
        Kind::Schema => return None,
        Kind::Extension => create_extension(new),
        Kind::Enum | Kind::CompositeType | Kind::RangeType => {
            node(rank::TYPE, new, &whole, one(render::create_type(new)?))
        }
        Kind::Domain => node(rank::TYPE, new, &whole, create_domain(new)),
        // made by an extension or a library, not by a statement of SQL alone
        Kind::BaseType => return None,
        Kind::Sequence if plan.is_identity(plan.after, &plan.after_names, id) => return None,
        Kind::Sequence => node(rank::SEQUENCE, new, "", one(render::create_sequence(new))),
        Kind::Function | Kind::Procedure | Kind::Aggregate => {
            let rank = if new.kind == Kind::Aggregate {
                rank::FUNCTION + 1
            } else {
                rank::FUNCTION
            };
            node(rank, new, &whole, one(render::create_function(new)))
        }
        Kind::Table | Kind::ForeignTable => create_table(plan, new),
        Kind::View | Kind::MaterializedView => node(rank::VIEW, new, &whole, one(render::create_view(new, false))),
    })
}

fn create_extension(new: &Definition) -> Node {
    let mut sql = format!("CREATE EXTENSION {}", ident(&new.name));
    if let Some(schema) = text(&new.attributes, "schema") {
        sql.push_str(&format!(" WITH SCHEMA {}", ident(schema)));
    }
    if let Some(version) = text(&new.attributes, "version") {
        sql.push_str(&format!(" VERSION {}", literal(version)));
    }
    node(rank::EXTENSION, new, "", vec![Statement::new(new, sql)])
}

fn create_domain(new: &Definition) -> Vec<Statement> {
    let mut statements = vec![Statement::new(new, render::create_domain(new))];
    for part in new
        .parts_of(PartKind::Constraint)
        .filter(|part| render::is_not_valid(part))
    {
        let sql = format!("{} ADD {}", render::alter(new), render::constraint(part));
        statements.push(Statement::new(new, sql));
    }
    statements
}

fn create_table(plan: &Plan<'_>, new: &Definition) -> Node {
    let sequence = |part: &Part| plan.identity_sequence(new, part);
    let mut statements = vec![Statement::new(new, render::create_table(new, &sequence))];
    for part in new.parts_of(PartKind::Column) {
        let stored = texts(&part.attributes, "options");
        if !stored.is_empty() {
            let (own, list) = (ident(&part.name), render::options(&stored));
            let sql = format!("{} ALTER COLUMN {own} SET ({list})", render::alter(new));
            statements.push(Statement::new(new, sql));
        }
    }
    if let Some(of) = text(&new.attributes, "of_type") {
        statements.push(Statement::new(new, format!("{} OF {of}", render::alter(new))));
    }
    let mut uses = depend::table_text(new);
    for part in &new.parts {
        let own = match part.kind {
            PartKind::Column => ["type", "default", "expression", "collation"]
                .map(|name| part.text(name).unwrap_or_default())
                .join(" "),
            PartKind::Constraint if render::is_inline(new, part) => depend::part_text(part),
            _ => continue,
        };
        uses.push_str(&own);
        uses.push(' ');
    }
    let mut node = node(rank::TABLE, new, &uses, statements);
    node.rank.1 = plan
        .after_names
        .get(&key(new))
        .map_or(0, |id| plan.parents_after(*id).len() as i32);
    // A partition is attached later: it does not need its parent to be made.
    if let Some(parent) = text(&new.attributes, "partition_of").and_then(qualified) {
        node.requires.remove(&parent);
    }
    let sequences = new.parts_of(PartKind::Column).filter_map(sequence).map(key);
    node.provides.extend(sequences);
    node
}

/// Parts that are not there yet.
fn parts(plan: &Plan<'_>, id: i64, new: &Definition, deepest: i32, nodes: &mut Vec<Node>) {
    let present = plan.present.get(&id);
    let is_partitioned = new.attributes.contains_key("partition_key");
    let depth = plan.parents_after(id).len() as i32;
    for part in &new.parts {
        let known = present.is_some_and(|present| find(present, part.kind, &part.name).is_some());
        if known || matches!(part.kind, PartKind::Column | PartKind::Value) {
            continue;
        }
        if part.kind == PartKind::Constraint && new.kind == Kind::Domain && present.is_none() {
            continue; // with the domain
        }
        let inline = present.is_none() && part.kind == PartKind::Constraint && render::is_inline(new, part);
        let is_foreign = part.text("kind") == Some("foreign key");
        let (rank, statements) = match part.kind {
            PartKind::Constraint if inline => continue,
            PartKind::Constraint if inherits(plan, id, part) => continue,
            PartKind::Constraint => {
                let rank = if is_foreign { rank::FOREIGN_KEY } else { rank::KEY };
                (rank, add_constraint(plan, new, part))
            }
            PartKind::Index => {
                let online = plan.options.online && present.is_some() && !is_partitioned;
                let sql = render::create_index(new, part, online);
                (rank::KEY, vec![Statement::new(new, sql).alone(online)])
            }
            PartKind::Statistics => (
                rank::KEY,
                vec![Statement::new(new, render::create_statistics(new, part))],
            ),
            PartKind::Trigger => (
                rank::RULE,
                with_state(new, part, render::create_trigger(new, part), "TRIGGER"),
            ),
            PartKind::Policy => (rank::RULE, vec![Statement::new(new, render::create_policy(new, part))]),
            PartKind::Rule => (
                rank::RULE,
                with_state(new, part, render::create_rule(new, part), "RULE"),
            ),
            PartKind::Column | PartKind::Value => continue,
        };
        let mut made = node(rank, new, &depend::part_text(part), statements);
        made.provides.clear();
        made.requires.insert(key(new));
        made.name = format!("{} {}", made.name, part.name);
        // The indexes of partitions come before their parent's, which takes them as its own.
        made.rank.1 = if rank == rank::KEY { 2 * (deepest - depth) } else { 0 };
        nodes.push(made);
    }
}

/// Whether a check constraint comes with that of a parent.
fn inherits(plan: &Plan<'_>, id: i64, part: &Part) -> bool {
    part.text("kind") == Some("check")
        && plan.present.contains_key(&id)
        && plan.parents_after(id).into_iter().any(|parent| {
            let is_there = plan
                .present
                .get(&parent)
                .is_some_and(|one| find(one, part.kind, &part.name).is_some());
            let same = find(&plan.after[&parent], part.kind, &part.name);
            !is_there
                && same.is_some_and(|other| {
                    other.text("expression") == part.text("expression") && !is_set(&other.attributes, "no_inherit")
                })
        })
}

fn add_constraint(plan: &Plan<'_>, new: &Definition, part: &Part) -> Vec<Statement> {
    let add = |part: &Part| {
        let sql = format!("{} ADD {}", render::alter(new), render::constraint(part));
        Statement::new(new, sql)
    };
    let scans = matches!(part.text("kind"), Some("foreign key" | "check"));
    let is_partitioned = new.attributes.contains_key("partition_key");
    if !(plan.options.online && scans && new.kind == Kind::Table) || render::is_not_valid(part) || is_partitioned {
        return vec![add(part)];
    }
    let mut unchecked = part.clone();
    unchecked.attributes.insert("not_valid".into(), true.into());
    let validate = format!("{} VALIDATE CONSTRAINT {}", render::alter(new), ident(&part.name));
    vec![add(&unchecked), Statement::new(new, validate)]
}

fn with_state(new: &Definition, part: &Part, sql: String, word: &str) -> Vec<Statement> {
    let mut statements = vec![Statement::new(new, sql)];
    if part.text("enabled").is_some() {
        let sql = format!(
            "ALTER TABLE {} {}",
            render::name(new),
            render::trigger_state(part, word)
        );
        statements.push(Statement::new(new, sql));
    }
    statements
}

/// A table becomes a partition, or a child, of what it was not.
fn attach(plan: &Plan<'_>, id: i64, new: &Definition, deepest: i32) -> Option<Node> {
    let present = plan.present.get(&id);
    let depth = plan.parents_after(id).len() as i32;
    let mut statements = Vec::new();
    if let (Some(parent), Some(bound)) = (
        text(&new.attributes, "partition_of"),
        text(&new.attributes, "partition_bound"),
    ) {
        let was = present.and_then(|one| text(&one.attributes, "partition_of"));
        if was != Some(parent) {
            let sql = format!("ALTER TABLE {parent} ATTACH PARTITION {} {bound}", render::name(new));
            statements.push(Statement::new(new, sql));
        }
    }
    if let Some(present) = present {
        let had = texts(&present.attributes, "inherits");
        for parent in texts(&new.attributes, "inherits")
            .into_iter()
            .filter(|parent| !had.contains(parent))
        {
            statements.push(Statement::new(
                new,
                format!("ALTER TABLE {} INHERIT {parent}", render::name(new)),
            ));
        }
    }
    if statements.is_empty() {
        return None;
    }
    let mut made = node(rank::KEY, new, &depend::table_text(new), statements);
    made.rank.1 = 2 * (deepest - depth) + 1;
    made.provides.clear();
    made.requires.insert(key(new));
    Some(made)
}

/// The column a sequence belongs to.
fn own(plan: &Plan<'_>, id: i64, new: &Definition) -> Option<Node> {
    if new.kind != Kind::Sequence || plan.is_identity(plan.after, &plan.after_names, id) {
        return None;
    }
    let owned_by = text(&new.attributes, "owned_by");
    // What was released when its column went has no owner now.
    let was = plan.present.get(&id).and_then(|present| {
        let (table, column) = owner(&plan.before[&id], &plan.before_names)?;
        let stays = plan.is_present(table) && plan.kept.contains_key(&(table, PartKind::Column, column));
        stays.then(|| text(&present.attributes, "owned_by")).flatten()
    });
    if was == owned_by {
        return None;
    }
    let sql = format!("{} OWNED BY {}", render::alter(new), owned_by.unwrap_or("NONE"));
    let mut made = node(rank::OWNED, new, "", vec![Statement::new(new, sql)]);
    made.provides.clear();
    made.requires.insert(key(new));
    if let Some((table, _)) = owner(new, &plan.after_names) {
        made.requires.insert(key(&plan.after[&table]));
    }
    Some(made)
}

/// What a table is set to once its keys and policies are there.
fn flags(plan: &Plan<'_>, id: i64, new: &Definition) -> Option<Node> {
    if !matches!(
        new.kind,
        Kind::Table | Kind::MaterializedView | Kind::View | Kind::ForeignTable
    ) {
        return None;
    }
    let present = plan.present.get(&id);
    let was = |name: &str| present.is_some_and(|one| is_set(&one.attributes, name));
    let mut actions = Vec::new();
    for (name, on, off) in [
        (
            "row_security",
            "ENABLE ROW LEVEL SECURITY",
            "DISABLE ROW LEVEL SECURITY",
        ),
        (
            "force_row_security",
            "FORCE ROW LEVEL SECURITY",
            "NO FORCE ROW LEVEL SECURITY",
        ),
    ] {
        match (was(name), is_set(&new.attributes, name)) {
            (false, true) => actions.push(on.to_owned()),
            (true, false) => actions.push(off.to_owned()),
            _ => {}
        }
    }
    let replica = |definition: &Definition| -> String {
        let using = definition
            .parts
            .iter()
            .find(|part| is_set(&part.attributes, "replica_identity"));
        match (text(&definition.attributes, "replica_identity"), using) {
            (_, Some(part)) => format!("USING INDEX {}", ident(&part.name)),
            (Some(word), None) => word.to_ascii_uppercase(),
            (None, None) => "DEFAULT".to_owned(),
        }
    };
    if new.kind == Kind::Table && present.map_or_else(|| "DEFAULT".to_owned(), replica) != replica(new) {
        actions.push(format!("REPLICA IDENTITY {}", replica(new)));
    }
    let clustered = |definition: &Definition| {
        let found = definition
            .parts
            .iter()
            .find(|part| is_set(&part.attributes, "clustered"));
        found.map(|part| part.name.clone())
    };
    match (present.and_then(clustered), clustered(new)) {
        (was, now) if was == now => {}
        (_, Some(name)) => actions.push(format!("CLUSTER ON {}", ident(&name))),
        (_, None) => actions.push("SET WITHOUT CLUSTER".to_owned()),
    }
    let mut statements: Vec<Statement> = actions
        .into_iter()
        .map(|action| Statement::new(new, format!("{} {action}", render::alter(new))))
        .collect();
    let mut rank = rank::FLAG;
    if new.kind == Kind::View {
        rank = rank::VIEW_DETAIL;
        statements.extend(alter::view_defaults(present, new));
    }
    if statements.is_empty() {
        return None;
    }
    let mut made = node(rank, new, "", statements);
    made.provides.clear();
    made.requires.insert(key(new));
    Some(made)
}
