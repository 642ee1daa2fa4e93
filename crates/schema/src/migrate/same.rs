//! What of two definitions of one object is the same, and whether the one can be altered into the other.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::attributes::Attributes;
use crate::definition::{Definition, Kind, Part, PartKind};
use crate::render::{is_set, text, texts};

/// The part of that kind and name.
pub(super) fn find<'d>(definition: &'d Definition, kind: PartKind, name: &str) -> Option<&'d Part> {
    definition
        .parts
        .iter()
        .find(|part| part.kind == kind && part.name == name)
}

/// Whether the old can be altered into the new at all.
pub(super) fn can_become(old: &Definition, new: &Definition) -> bool {
    let same = |name: &str| old.attributes.get(name) == new.attributes.get(name);
    old.kind == new.kind
        && match old.kind {
            // a partition key names columns, which may be renamed: it is compared afterwards
            Kind::Table => old.attributes.contains_key("partition_key") == new.attributes.contains_key("partition_key"),
            Kind::ForeignTable => same("server"),
            Kind::BaseType => same("input"),
            _ => true,
        }
}

/// Whether a kept object, under its new name, must be dropped and made anew.
pub(super) fn must_replace(present: &Definition, new: &Definition) -> bool {
    let differs = |name: &str| present.attributes.get(name) != new.attributes.get(name);
    match new.kind {
        Kind::Table => differs("partition_key"),
        Kind::View => (differs("query") && !is_replaceable(present, new)) || columns_differ(present, new),
        Kind::MaterializedView => differs("query") || columns_differ(present, new),
        Kind::Function | Kind::Procedure => {
            present.arguments != new.arguments
                || differs("returns")
                || differs("window")
                || (differs("arguments") && !arguments_grow(present, new))
        }
        Kind::Aggregate => {
            present.arguments != new.arguments || {
                let (mut a, mut b) = (present.attributes.clone(), new.attributes.clone());
                a.remove("comment");
                b.remove("comment");
                a != b
            }
        }
        Kind::Enum => !values_grow(present, new),
        Kind::RangeType => ["type", "collation", "operator_class", "canonical", "difference"]
            .iter()
            .any(|n| differs(n)),
        Kind::Domain => differs("type") || differs("collation"),
        Kind::Sequence | Kind::Schema | Kind::Extension | Kind::CompositeType | Kind::BaseType | Kind::ForeignTable => {
            false
        }
    }
}

/// A view's columns under names that were not told by a rename.
fn columns_differ(present: &Definition, new: &Definition) -> bool {
    !is_replaceable(present, new) && {
        let list = |one: &Definition| -> Vec<(String, Option<String>)> {
            one.parts_of(PartKind::Column)
                .map(|part| (part.name.clone(), part.text("type").map(str::to_owned)))
                .collect()
        };
        list(present) != list(new)
    }
}

/// `CREATE OR REPLACE VIEW` may add columns at the end, and change nothing about those that are there.
fn is_replaceable(present: &Definition, new: &Definition) -> bool {
    let column = |part: &Part| {
        let (text, collation) = (part.text("type"), part.text("collation"));
        (part.name.clone(), text.map(str::to_owned), collation.map(str::to_owned))
    };
    let old: Vec<_> = present.parts_of(PartKind::Column).map(column).collect();
    let new: Vec<_> = new.parts_of(PartKind::Column).map(column).collect();
    new.starts_with(&old)
}

/// Whether the old arguments differ from the new only by defaults that the old did not have: names and modes of
/// arguments cannot be changed, nor defaults taken away.
fn arguments_grow(present: &Definition, new: &Definition) -> bool {
    let split = |one: &Definition| -> Vec<(String, bool)> {
        crate::sql::split_list(text(&one.attributes, "arguments").unwrap_or_default())
            .into_iter()
            .map(|argument| match argument.split_once(" DEFAULT ") {
                Some((bare, _)) => (bare.to_owned(), true),
                None => (argument.to_owned(), false),
            })
            .collect()
    };
    let (old, new) = (split(present), split(new));
    old.len() == new.len() && old.iter().zip(&new).all(|(a, b)| a.0 == b.0 && (!a.1 || b.1))
}

/// Whether the new values are the old ones in their order, with others among them. Renamed ones have their new label
/// already.
fn values_grow(present: &Definition, new: &Definition) -> bool {
    let new = texts(&new.attributes, "values");
    let old = texts(&present.attributes, "values");
    let mut rest = new.iter();
    old.iter().all(|label| rest.any(|other| other == label))
}

/// Attributes that are altered in place, whatever the part.
const ALTERABLE: [&str; 4] = ["comment", "enabled", "replica_identity", "clustered"];

fn without(attributes: &Attributes, also: &str) -> BTreeMap<String, Value> {
    attributes
        .iter()
        .filter(|(name, _)| !ALTERABLE.contains(name) && *name != also)
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect()
}

pub(super) fn part_must_be_replaced(part: &Part, target: &Part) -> bool {
    // VALIDATE leads from the one to the other.
    let validates = is_set(&part.attributes, "not_valid") && !is_set(&target.attributes, "not_valid");
    let also = if validates { "not_valid" } else { "" };
    let access = part.kind == PartKind::Policy && part.access != target.access;
    without(&part.attributes, also) != without(&target.attributes, also) || access
}

pub(super) fn changes_type(part: &Part, target: &Part) -> bool {
    part.text("type") != target.text("type") || part.text("collation") != target.text("collation")
}

/// Parts that stay: by number where both are the same catalog entry, by name otherwise.
pub(super) fn pair_parts<'d>(old: &'d Definition, new: &'d Definition, by_name: bool) -> Vec<(&'d Part, &'d Part)> {
    let mut pairs: Vec<(&Part, &Part)> = Vec::new();
    let mut taken: BTreeSet<(PartKind, &str)> = BTreeSet::new();
    let by_number: HashMap<(PartKind, u32), &Part> = match by_name {
        true => HashMap::new(),
        false => new.parts.iter().map(|part| ((part.kind, part.number), part)).collect(),
    };
    let mut rest = Vec::new();
    for part in &old.parts {
        match by_number.get(&(part.kind, part.number)) {
            Some(target) => {
                taken.insert((target.kind, &target.name));
                pairs.push((part, target));
            }
            None => rest.push(part),
        }
    }
    for part in rest {
        let target = find(new, part.kind, &part.name).filter(|target| !taken.contains(&(target.kind, &*target.name)));
        // Dropped and added again: its values may as well stay, if they can.
        let fits = |target: &&Part| {
            part.kind != PartKind::Column
                || (part.text("type") == target.text("type") && part.text("generated") == target.text("generated"))
        };
        if let Some(target) = target.filter(fits) {
            taken.insert((target.kind, &target.name));
            pairs.push((part, target));
        }
    }
    pairs
}
