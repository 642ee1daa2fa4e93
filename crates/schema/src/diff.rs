//! What changed between two definitions of one object.
//!
//! Attributes fall into groups that people name with one word (a type with its collation is the
//! *type*); each group that differs is one [`Change`] whose `before` and `after` hold just that group.
//! Parts are matched by number where the object is the very same one in the catalogs, by name where it
//! was made anew, so that a renamed column is a rename and not a drop and an add. Parts that hold no values are
//! matched first by all that is declared of them.

use serde_json::{Map, Value, json};

use crate::access::{Access, DEFAULT, Privileges};
use crate::attributes::Attributes;
use crate::change::{Change, ChangeKind};
use crate::definition::{Definition, Part, PartKind};
use crate::impact::{Judgement, Subject, judge};

/// How the later definition continues the earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// The same catalog entry: OID and attribute numbers still mean the same.
    Same,
    /// Dropped and created again under the same name: numbers mean nothing, and rows are gone.
    Recreated,
    /// The same object in another incarnation of the database (a restored dump): matched by name.
    Rebound,
}

/// The changes that lead from one definition to the other, the object's own first. `None` on the left
/// is an object that was not there, on the right one that is no more.
pub fn diff(before: Option<&Definition>, after: Option<&Definition>, continuity: Continuity) -> Vec<Change> {
    let mut changes = Vec::new();
    match (before, after) {
        (None, None) => {}
        (None, Some(after)) => note(
            &mut changes,
            ChangeKind::Added,
            after,
            None,
            Value::Null,
            summary(after),
        ),
        (Some(before), None) => note(
            &mut changes,
            ChangeKind::Dropped,
            before,
            None,
            summary(before),
            Value::Null,
        ),
        (Some(before), Some(after)) => {
            if continuity == Continuity::Recreated {
                note(
                    &mut changes,
                    ChangeKind::Recreated,
                    after,
                    None,
                    Value::Null,
                    Value::Null,
                );
            }
            own(before, after, &mut changes);
            parts(before, after, continuity, &mut changes);
            // The list of an enum's values says their order; what came, went or was renamed says the rest.
            if changes
                .iter()
                .any(|change| matches!(change.part, Some((PartKind::Value, _))))
            {
                changes.retain(|change| change.part.is_some() || change.after.get("values").is_none());
            }
        }
    }
    changes
}

/// The groups of attributes, each with the change it makes. What is in none is `Altered`.
fn group_of(attribute: &str, of_column: bool) -> ChangeKind {
    match attribute {
        "type" | "collation" => ChangeKind::TypeChanged,
        "default" | "generated" | "identity" if of_column => ChangeKind::DefaultChanged,
        "not_null" => ChangeKind::NullabilityChanged,
        "comment" => ChangeKind::CommentChanged,
        "partition_of" | "partition_bound" | "inherits" => ChangeKind::PartitionChanged,
        "query" | "body" | "arguments" | "returns" | "language" | "definition" => ChangeKind::Redefined,
        _ => ChangeKind::Altered,
    }
}

/// In the order in which they are told.
const GROUPS: [ChangeKind; 7] = [
    ChangeKind::TypeChanged,
    ChangeKind::NullabilityChanged,
    ChangeKind::DefaultChanged,
    ChangeKind::Redefined,
    ChangeKind::PartitionChanged,
    ChangeKind::Altered,
    ChangeKind::CommentChanged,
];

/// Changes of the object itself.
fn own(before: &Definition, after: &Definition, changes: &mut Vec<Change>) {
    if before.name != after.name {
        note(
            changes,
            ChangeKind::Renamed,
            after,
            None,
            json!(before.name),
            json!(after.name),
        );
    }
    if before.schema != after.schema {
        note(
            changes,
            ChangeKind::Moved,
            after,
            None,
            json!(before.schema),
            json!(after.schema),
        );
    }
    attributes(&before.attributes, &after.attributes, after, None, changes);
    if before.arguments != after.arguments {
        let (from, to) = (json!(before.arguments), json!(after.arguments));
        note(changes, ChangeKind::Redefined, after, None, from, to);
    }
    if before.access.owner != after.access.owner {
        let (from, to) = (json!(before.access.owner), json!(after.access.owner));
        note(changes, ChangeKind::OwnerChanged, after, None, from, to);
    }
    if (&before.access.privileges, before.access.revoked) != (&after.access.privileges, after.access.revoked) {
        let (from, to) = (told(&before.access, &after.access), told(&after.access, &before.access));
        note(changes, ChangeKind::PrivilegesChanged, after, None, from, to);
    }
}

/// The privileges on one side of a change. What is there by default stands in no list: it is named where the other side
/// lacks it.
fn told(access: &Access, other: &Access) -> Value {
    let mut privileges = access.privileges.clone();
    let mut name = |who: &str| {
        privileges.entry(who.to_owned()).or_insert_with(|| DEFAULT.to_owned());
    };
    if other.revoked && !access.revoked {
        name("PUBLIC");
    }
    if access.owner == other.owner && other.privileges.contains_key(&other.owner) {
        name(&access.owner);
    }
    json!(privileges)
}

/// For each later part the place of the earlier one that it goes on from, if there is one; none is taken twice.
fn continued(before: &[Part], after: &[Part], continuity: Continuity) -> Vec<Option<usize>> {
    let mut is_free = vec![true; before.len()];
    let mut places = vec![None; after.len()];
    let mut take = |goes_on: &dyn Fn(&Part, &Part) -> bool| {
        for (part, place) in after.iter().zip(&mut places).filter(|(_, place)| place.is_none()) {
            let mut free = before.iter().enumerate().filter(|(at, _)| is_free[*at]);
            *place = free
                .find(|(_, old)| old.kind == part.kind && goes_on(old, part))
                .map(|(at, _)| at);
            if let Some(at) = *place {
                is_free[at] = false;
            }
        }
    };
    // Rows have their values by the number of a column or of an enum's value. Of what else is declared the name is all that
    // tells it from another that is alike: where two such swap their names, nothing is other than it was.
    let has_rows = |part: &Part| matches!(part.kind, PartKind::Column | PartKind::Value);
    take(&|old, part| {
        !has_rows(part) && (&old.name, &old.attributes, &old.access) == (&part.name, &part.attributes, &part.access)
    });
    take(&|old, part| match continuity {
        Continuity::Same => old.number == part.number,
        Continuity::Recreated | Continuity::Rebound => old.name == part.name,
    });
    // An index or constraint rebuilt under its name in one comparison is the same part.
    take(&|old, part| part.kind != PartKind::Column && old.name == part.name);
    places
}

/// Changes of the parts: gone, there before under this or another name, new, and the columns' order.
fn parts(before: &Definition, after: &Definition, continuity: Continuity, changes: &mut Vec<Change>) {
    let places = continued(&before.parts, &after.parts, continuity);
    for (at, part) in before.parts.iter().enumerate() {
        if !places.contains(&Some(at)) {
            note(
                changes,
                ChangeKind::Dropped,
                after,
                Some(part),
                part_summary(part),
                Value::Null,
            );
        }
    }
    for (part, place) in after.parts.iter().zip(places) {
        let Some(old) = place.map(|at| &before.parts[at]) else {
            note(
                changes,
                ChangeKind::Added,
                after,
                Some(part),
                Value::Null,
                part_summary(part),
            );
            continue;
        };
        if old.name != part.name {
            note(
                changes,
                ChangeKind::Renamed,
                after,
                Some(part),
                json!(old.name),
                json!(part.name),
            );
        }
        attributes(&old.attributes, &part.attributes, after, Some(part), changes);
        privileges(&old.access, &part.access, after, part, changes);
    }
    column_order(before, after, continuity, changes);
}

fn privileges(before: &Privileges, after: &Privileges, object: &Definition, part: &Part, changes: &mut Vec<Change>) {
    if before != after {
        let (from, to) = (json!(before), json!(after));
        note(changes, ChangeKind::PrivilegesChanged, object, Some(part), from, to);
    }
}

/// Columns that are in both, in another order. Adding at the end and dropping are no reordering.
fn column_order(before: &Definition, after: &Definition, continuity: Continuity, changes: &mut Vec<Change>) {
    if continuity == Continuity::Same {
        return; // ALTER TABLE cannot reorder
    }
    let order = |one: &Definition, other: &Definition| -> Vec<String> {
        one.parts_of(PartKind::Column)
            .filter(|column| other.parts_of(PartKind::Column).any(|known| known.name == column.name))
            .map(|column| column.name.clone())
            .collect()
    };
    let (from, to) = (order(before, after), order(after, before));
    if from != to {
        note(
            changes,
            ChangeKind::ColumnOrderChanged,
            after,
            None,
            json!(from),
            json!(to),
        );
    }
}

/// One change for each group of attributes that differs.
fn attributes(
    before: &Attributes,
    after: &Attributes,
    object: &Definition,
    part: Option<&Part>,
    changes: &mut Vec<Change>,
) {
    if before == after {
        return;
    }
    let of_column = part.is_some_and(|part| part.kind == PartKind::Column);
    let mut names: Vec<&str> = before.iter().chain(after.iter()).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| before.get(name) != after.get(name));
    for group in GROUPS {
        let pick = |from: &Attributes| -> Value {
            let of_group = names.iter().filter(|name| group_of(name, of_column) == group);
            let found: Map<String, Value> = of_group
                .filter_map(|name| Some(((*name).to_owned(), from.get(name)?.clone())))
                .collect();
            Value::Object(found)
        };
        if names.iter().any(|name| group_of(name, of_column) == group) {
            note(changes, group, object, part, pick(before), pick(after));
        }
    }
}

/// What an added or dropped object looks like in a change: its columns or values, and its comment.
fn summary(definition: &Definition) -> Value {
    let mut summary = Map::new();
    summary.insert("name".into(), json!(definition.signature()));
    if let Some(schema) = &definition.schema {
        summary.insert("schema".into(), json!(schema));
    }
    if let Some(comment) = definition.comment() {
        summary.insert("comment".into(), json!(comment));
    }
    let columns: Map<String, Value> = definition
        .parts_of(PartKind::Column)
        .map(|column| (column.name.clone(), json!(column.text("type"))))
        .collect();
    if !columns.is_empty() {
        summary.insert("columns".into(), Value::Object(columns));
    }
    Value::Object(summary)
}

fn part_summary(part: &Part) -> Value {
    let mut summary: Map<String, Value> = part
        .attributes
        .iter()
        .map(|(name, value)| (name.to_string(), value.clone()))
        .collect();
    summary.insert("name".into(), json!(part.name));
    Value::Object(summary)
}

fn note(
    changes: &mut Vec<Change>,
    what: ChangeKind,
    object: &Definition,
    part: Option<&Part>,
    before: Value,
    after: Value,
) {
    let Judgement { impact, rule, reason } = judge(&Subject {
        what,
        object: object.kind,
        part: part.map(|part| part.kind),
        attributes: part.map(|part| &part.attributes),
        before: &before,
        after: &after,
    });
    changes.push(Change {
        what,
        object: object.kind,
        part: part.map(|part| (part.kind, part.name.clone())),
        before,
        after,
        impact,
        rule,
        reason,
        remarks: Vec::new(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Kind;
    use crate::impact::Impact;

    fn column(number: u32, name: &str) -> Part {
        let mut column = Part::new(PartKind::Column, name.into(), number);
        column.attributes.insert("type".into(), json!("integer"));
        column
    }

    fn table(columns: &[(u32, &str)]) -> Definition {
        let mut table = Definition::new(Kind::Table, Some("shop".into()), "orders".into());
        table.parts = columns.iter().map(|(number, name)| column(*number, name)).collect();
        table
    }

    fn names(changes: &[Change]) -> Vec<String> {
        changes.iter().map(Change::name).collect()
    }

    #[test]
    fn a_rename_is_exact_even_when_two_names_are_swapped() {
        let changes = diff(
            Some(&table(&[(1, "a"), (2, "b")])),
            Some(&table(&[(1, "b"), (2, "a")])),
            Continuity::Same,
        );
        assert_eq!(names(&changes), ["column_renamed", "column_renamed"]);
        assert_eq!((&changes[0].before, &changes[0].after), (&json!("a"), &json!("b")));
    }

    #[test]
    fn dropped_and_added_under_one_name_is_not_a_rename() {
        let changes = diff(Some(&table(&[(1, "a")])), Some(&table(&[(2, "a")])), Continuity::Same);
        assert_eq!(names(&changes), ["column_dropped", "column_added"]);
    }

    #[test]
    fn a_recreated_table_is_told_and_matched_by_name() {
        let changes = diff(
            Some(&table(&[(1, "a"), (3, "b")])),
            Some(&table(&[(1, "b"), (2, "a")])),
            Continuity::Recreated,
        );
        assert_eq!(names(&changes), ["table_recreated", "table_column_order_changed"]);
        assert_eq!(changes[0].impact, Impact::Breaking);
    }

    #[test]
    fn a_rebuilt_index_stays_itself() {
        let with_index = |oid, method: &str| {
            let mut table = table(&[(1, "a")]);
            let mut index = Part::new(PartKind::Index, "i".into(), oid);
            index.attributes.insert("method".into(), json!(method));
            table.parts.push(index);
            table
        };
        let rebuilt = diff(
            Some(&with_index(10, "btree")),
            Some(&with_index(11, "btree")),
            Continuity::Same,
        );
        assert!(rebuilt.is_empty(), "{rebuilt:?}");
        let other = diff(
            Some(&with_index(10, "btree")),
            Some(&with_index(11, "hash")),
            Continuity::Same,
        );
        assert_eq!(names(&other), ["index_altered"]);
    }

    #[test]
    fn alike_parts_that_swap_names_are_as_they_were() {
        let with = |names: [&str; 2], checks: [&str; 2]| {
            let mut table = table(&[(1, "a")]);
            for (number, (name, check)) in (10..).zip(names.into_iter().zip(checks)) {
                let mut constraint = Part::new(PartKind::Constraint, name.into(), number);
                constraint.attributes.insert("definition".into(), json!(check));
                table.parts.push(constraint);
            }
            table
        };
        let swapped = |checks| {
            let (before, after) = (with(["c", "d"], checks), with(["d", "c"], checks));
            diff(Some(&before), Some(&after), Continuity::Same)
        };
        assert_eq!(swapped(["CHECK (a > 0)", "CHECK (a > 0)"]), []);
        let renamed = names(&swapped(["CHECK (a > 0)", "CHECK (a > 1)"]));
        assert_eq!(renamed, ["constraint_renamed", "constraint_renamed"]);
        // of two alike one is gone, and the other has its name
        let (before, mut after) = (with(["c", "d"], ["x", "x"]), with(["d", "c"], ["x", "x"]));
        after.parts.pop();
        let changes = diff(Some(&before), Some(&after), Continuity::Same);
        assert_eq!(names(&changes), ["constraint_dropped"]);
        assert_eq!(changes[0].part, Some((PartKind::Constraint, "c".to_owned())));
    }

    #[test]
    fn each_group_of_attributes_is_one_change() {
        let before = table(&[(1, "a")]);
        let mut after = before.clone();
        let a = &mut after.parts[0].attributes;
        a.insert("type".into(), json!("bigint"));
        a.insert("not_null".into(), json!(true));
        a.insert("comment".into(), json!("x"));
        let changes = diff(Some(&before), Some(&after), Continuity::Same);
        assert_eq!(
            names(&changes),
            [
                "column_type_changed",
                "column_nullability_changed",
                "column_comment_changed"
            ]
        );
        assert_eq!(changes[0].before, json!({"type": "integer"}));
    }
}
