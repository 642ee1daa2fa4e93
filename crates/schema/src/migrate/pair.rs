//! What stays, under which name, and what of it differs.

use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::depend::{Dependencies, Unit};
use super::equal::Renames;
use super::same::{can_become, changes_type, find, must_replace, pair_parts, part_must_be_replaced};
use super::{Objects, Options, parents};
use crate::definition::{Definition, Kind, Part, PartKind};
use crate::render::{text, texts};
use crate::sql::qualified;

/// Names of relations, types and functions in schemas, and of schemas, as statements write them.
pub(super) type Names = BTreeMap<(String, String), i64>;

/// Everything that is decided before the first statement is written.
pub(super) struct Plan<'a> {
    pub before: &'a Objects,
    pub after: &'a Objects,
    pub options: &'a Options<'a>,
    pub before_names: Names,
    pub after_names: Names,
    /// The sequence of each identity column in `after`, by table and column.
    pub identities: HashMap<(i64, String), i64>,
    /// What the schemas that stay are called afterwards.
    pub schemas: HashMap<String, String>,
    /// What is there after the drops and renames, as it is declared then.
    pub present: Objects,
    /// What is dropped at the start: in before's names.
    pub drops: BTreeSet<Unit>,
    /// Types, schemas and extensions that are dropped at the end.
    pub late: BTreeSet<i64>,
    /// Columns of kept relations that get another type or are of a type that is made anew, in after's names.
    pub retyped: BTreeSet<(i64, String)>,
    /// Parts that stay: by object, kind and name before, the name after.
    pub kept: BTreeMap<(i64, PartKind, String), String>,
    pub dependencies: Dependencies,
    /// Tables that stay and are detached from a parent (second).
    pub detached: BTreeSet<(i64, i64)>,
    /// Types that are made anew, or that are in the way of a new name, under the name they have until they are dropped.
    pub set_aside: RefCell<BTreeMap<i64, String>>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(before: &'a Objects, after: &'a Objects, options: &'a Options<'a>) -> Plan<'a> {
        let dependencies = Dependencies::of(before);
        let after_names = names(after);
        let sequences = after.iter().filter(|(_, one)| one.kind == Kind::Sequence);
        let identities = sequences
            .filter_map(|(id, one)| Some((owner(one, &after_names)?, *id)))
            .collect();
        let mut plan = Plan {
            before,
            after,
            options,
            before_names: names(before),
            after_names,
            identities,
            schemas: HashMap::new(),
            present: Objects::new(),
            drops: BTreeSet::new(),
            late: BTreeSet::new(),
            retyped: BTreeSet::new(),
            kept: BTreeMap::new(),
            dependencies,
            detached: BTreeSet::new(),
            set_aside: RefCell::new(BTreeMap::new()),
        };
        plan.pair();
        plan.compare();
        plan.close();
        plan.forget();
        plan.detach();
        plan
    }

    /// The present object of a kept relation under its name after.
    pub(super) fn is_present(&self, id: i64) -> bool {
        self.present.contains_key(&id)
    }

    /// Which objects and parts stay, and what they are called afterwards.
    fn pair(&mut self) {
        for (id, old) in self.before {
            match self.after.get(id) {
                Some(new) if can_become(old, new) => {
                    for (from, to) in pair_parts(old, new, self.options.recreated.contains(id)) {
                        let key = (*id, from.kind, from.name.clone());
                        self.kept.insert(key, to.name.clone());
                    }
                    self.present.insert(*id, old.clone());
                }
                _ if is_late(old.kind) => drop(self.late.insert(*id)),
                _ => drop(self.drops.insert(Unit::Object(*id))),
            }
        }
        let stay = self.present.iter().filter(|(_, one)| one.kind == Kind::Schema);
        self.schemas = stay
            .map(|(id, one)| (one.name.clone(), self.after[id].name.clone()))
            .collect();
        let renames = Renames::between(&self.present, self.before, self.after, &self.kept);
        for (id, present) in &mut self.present {
            let new = &self.after[id];
            present.schema.clone_from(&new.schema);
            present.name.clone_from(&new.name);
            if renames.same(
                present.arguments.as_deref().unwrap_or(""),
                new.arguments.as_deref().unwrap_or(""),
            ) {
                present.arguments.clone_from(&new.arguments);
            }
            renames.settle(&mut present.attributes, &new.attributes);
            present.parts.retain_mut(|part| {
                let Some(name) = self.kept.get(&(*id, part.kind, part.name.clone())) else {
                    return false;
                };
                part.name.clone_from(name);
                let target = new
                    .parts
                    .iter()
                    .find(|other| other.kind == part.kind && other.name == *name);
                if let Some(target) = target {
                    renames.settle(&mut part.attributes, &target.attributes);
                }
                true
            });
        }
        for (id, old) in self.before.iter().filter(|(id, _)| self.present.contains_key(id)) {
            // Values of an enum are told by its list.
            for part in old.parts.iter().filter(|part| part.kind != PartKind::Value) {
                if !self.kept.contains_key(&(*id, part.kind, part.name.clone())) {
                    self.drops.insert(Unit::part(*id, part));
                }
            }
        }
    }

    /// What of the kept must be dropped and made anew because it cannot be altered.
    fn compare(&mut self) {
        let mut replaced = Vec::new();
        for (id, present) in &self.present {
            let new = &self.after[id];
            if must_replace(present, new) {
                replaced.push(*id);
                continue;
            }
            for part in &present.parts {
                let Some(target) = find(new, part.kind, &part.name) else {
                    continue;
                };
                match part.kind {
                    PartKind::Column if changes_type(part, target) => {
                        self.retyped.insert((*id, part.name.clone()));
                    }
                    PartKind::Column | PartKind::Value => {}
                    _ if part_must_be_replaced(part, target) => {
                        self.drops
                            .insert(Unit::Part(*id, part.kind, self.name_before(*id, part)));
                    }
                    _ => {}
                }
            }
            for column in present.parts_of(PartKind::Column) {
                let Some(target) = find(new, PartKind::Column, &column.name) else {
                    continue;
                };
                if self.column_must_be_replaced(column, target) {
                    self.drops
                        .insert(Unit::Part(*id, PartKind::Column, self.name_before(*id, column)));
                }
            }
        }
        for id in replaced {
            self.replace(id);
        }
    }

    /// A generation expression or its kind can be changed in place from PostgreSQL 17 on, and not into or out of one.
    fn column_must_be_replaced(&self, part: &Part, target: &Part) -> bool {
        let generated = |part: &Part| part.text("generated").map(str::to_owned);
        let expression = |part: &Part| part.text("expression").map(str::to_owned);
        if generated(part) != generated(target) {
            // A stored expression can be dropped: the values stay.
            let becomes_plain = generated(part).as_deref() == Some("stored") && generated(target).is_none();
            return !becomes_plain;
        }
        expression(part) != expression(target) && self.options.server_version < 17
    }

    /// Marks an object to be dropped and made anew.
    fn replace(&mut self, id: i64) {
        let Some(old) = self.before.get(&id) else { return };
        if is_late(old.kind) {
            self.late.insert(id);
        } else {
            self.drops.insert(Unit::Object(id));
        }
        self.present.remove(&id);
    }

    /// Everything that depends on what goes, goes, too; what of it is in `after` is made anew.
    fn close(&mut self) {
        let mut queue: Vec<Unit> = self.drops.iter().cloned().collect();
        let mut types: Vec<i64> = self
            .late
            .iter()
            .copied()
            .filter(|id| self.after.contains_key(id))
            .collect();
        let mut columns: Vec<(i64, String)> = self.retyped.iter().cloned().collect();
        loop {
            let mut dependents = Vec::new();
            while let Some(unit) = queue.pop() {
                dependents.extend(self.dependencies.of_dropped(self.before, &unit));
            }
            while let Some((id, name)) = columns.pop() {
                dependents.extend(
                    self.dependencies
                        .of_retyped(self.before, id, &self.column_before(id, &name)),
                );
            }
            while let Some(id) = types.pop() {
                for unit in self.dependencies.of_object(self.before, id) {
                    match &unit {
                        Unit::Column(owner, name) => {
                            // the name after, since columns are retyped when they have it
                            let name = self.kept.get(&(*owner, PartKind::Column, name.clone())).cloned();
                            if let Some(name) = name.filter(|_| self.present.contains_key(owner))
                                && self.retyped.insert((*owner, name.clone()))
                            {
                                columns.push((*owner, name));
                            }
                        }
                        _ => dependents.push(unit),
                    }
                }
            }
            for unit in dependents {
                self.take(unit, &mut queue, &mut types);
            }
            if queue.is_empty() && types.is_empty() && columns.is_empty() {
                return;
            }
        }
    }

    /// Adds a dependent to what is dropped.
    fn take(&mut self, unit: Unit, queue: &mut Vec<Unit>, types: &mut Vec<i64>) {
        match unit {
            Unit::Object(id) => {
                let Some(old) = self.before.get(&id) else { return };
                if is_late(old.kind) {
                    if self.late.insert(id) {
                        self.present.remove(&id);
                        types.push(id);
                    }
                } else if old.kind == Kind::Table || old.kind == Kind::Sequence {
                    // Tables depend on others by their columns, constraints and defaults, which are units of their own.
                } else if self.drops.insert(Unit::Object(id)) {
                    self.present.remove(&id);
                    queue.push(Unit::Object(id));
                }
            }
            Unit::Column(..) => {}
            unit => {
                let of_present = self.present.contains_key(&unit.object());
                if of_present && self.drops.insert(unit.clone()) {
                    queue.push(unit);
                }
            }
        }
    }

    /// What was dropped is not present any more, nor are the sequences that went with their columns.
    fn forget(&mut self) {
        let gone: Vec<i64> = self
            .before
            .iter()
            .filter(|(_, definition)| definition.kind == Kind::Sequence)
            .filter(|(id, _)| self.goes_with_its_column(**id))
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            // A sequence that is kept is let go before its column is dropped: only an identity's cannot.
            let stays = self.present.contains_key(&id) && !self.is_identity(self.before, &self.before_names, id);
            if !stays {
                self.present.remove(&id);
                self.drops.remove(&Unit::Object(id));
            }
        }
        let drops = std::mem::take(&mut self.drops);
        for unit in &drops {
            match unit {
                Unit::Part(id, kind, name) => {
                    let after = self.kept.remove(&(*id, *kind, name.clone()));
                    if let (Some(present), Some(after)) = (self.present.get_mut(id), after) {
                        present.parts.retain(|part| part.kind != *kind || part.name != after);
                        if *kind == PartKind::Column {
                            self.retyped.remove(&(*id, after));
                        }
                    }
                }
                Unit::Default(id, name) => {
                    let after = self.kept.get(&(*id, PartKind::Column, name.clone()));
                    if let (Some(present), Some(after)) = (self.present.get_mut(id), after)
                        && let Some(part) = present
                            .parts
                            .iter_mut()
                            .find(|part| part.kind == PartKind::Column && part.name == *after)
                    {
                        part.attributes.remove("default");
                    }
                }
                Unit::Object(_) | Unit::Column(..) => {}
            }
        }
        self.drops = drops;
    }

    /// Which tables leave a parent that goes, or that is theirs no more, or another part of it.
    fn detach(&mut self) {
        let mut detached = BTreeSet::new();
        for (id, present) in &mut self.present {
            let old = &self.before[id];
            let new = &self.after[id];
            let parent =
                |name: Option<&str>, names: &Names| name.and_then(qualified).and_then(|name| names.get(&name)).copied();
            let was = parent(text(&old.attributes, "partition_of"), &self.before_names);
            let is = parent(text(&new.attributes, "partition_of"), &self.after_names);
            let bound = |one: &Definition| text(&one.attributes, "partition_bound").map(str::to_owned);
            if let Some(was) = was {
                let stays = Some(was) == is && bound(present) == bound(new);
                if !stays || self.drops.contains(&Unit::Object(was)) {
                    detached.insert((*id, was));
                    present.attributes.remove("partition_of");
                    present.attributes.remove("partition_bound");
                }
            }
            let wanted: Vec<i64> = texts(&new.attributes, "inherits")
                .into_iter()
                .filter_map(|name| parent(Some(name), &self.after_names))
                .collect();
            for name in texts(&old.attributes, "inherits") {
                let Some(was) = parent(Some(name), &self.before_names) else {
                    continue;
                };
                if !wanted.contains(&was) || self.drops.contains(&Unit::Object(was)) {
                    detached.insert((*id, was));
                    // The name after, if it has one: what remains is told by `attach`.
                    let gone = self
                        .after
                        .get(&was)
                        .map_or_else(|| name.to_owned(), crate::render::name);
                    if let Some(Value::Array(list)) = present.attributes.get_mut("inherits") {
                        list.retain(|one| one.as_str() != Some(name) && one.as_str() != Some(gone.as_str()));
                    }
                }
            }
        }
        self.detached = detached;
    }

    /// Whether a sequence belongs to a column that goes, or is of an identity that goes.
    fn goes_with_its_column(&self, id: i64) -> bool {
        let Some((table, column)) = owner(&self.before[&id], &self.before_names) else {
            return false;
        };
        if !self.present.contains_key(&table)
            || self
                .drops
                .contains(&Unit::Part(table, PartKind::Column, column.clone()))
        {
            return true;
        }
        let is_identity = |objects: &Objects, name: &str| {
            objects
                .get(&table)
                .and_then(|one| find(one, PartKind::Column, name))
                .is_some_and(|part| part.text("identity").is_some())
        };
        let after = self.kept.get(&(table, PartKind::Column, column.clone()));
        is_identity(self.before, &column) && !after.is_some_and(|name| is_identity(self.after, name))
    }

    /// Whether a sequence is that of an identity column.
    pub(super) fn is_identity(&self, objects: &Objects, names: &Names, id: i64) -> bool {
        let found = objects.get(&id).and_then(|sequence| owner(sequence, names));
        found
            .and_then(|(table, column)| find(objects.get(&table)?, PartKind::Column, &column))
            .is_some_and(|part| part.text("identity").is_some())
    }

    /// The sequence behind an identity column of a table of `after`.
    pub(super) fn identity_sequence(&self, table: &Definition, part: &Part) -> Option<&Definition> {
        part.text("identity")?;
        let id = self
            .after_names
            .get(&(table.schema.clone().unwrap_or_default(), table.name.clone()))?;
        let sequence = self.identities.get(&(*id, part.name.clone()))?;
        self.after.get(sequence)
    }

    /// What a kept part was called before.
    pub(super) fn name_before(&self, id: i64, part: &Part) -> String {
        let mut found = self.kept.range((id, part.kind, String::new())..);
        found
            .find(|((object, kind, _), after)| *object != id || *kind != part.kind || **after == part.name)
            .filter(|((object, kind, _), _)| *object == id && *kind == part.kind)
            .map_or_else(|| part.name.clone(), |((_, _, name), _)| name.clone())
    }

    fn column_before(&self, id: i64, name: &str) -> String {
        self.name_before(id, &Part::new(PartKind::Column, name.to_owned(), 0))
    }

    /// The relations a kept or new relation inherits from, in `after`.
    pub(super) fn parents_after(&self, id: i64) -> Vec<i64> {
        parents(self.after, &self.after_names, id)
    }

    /// The relations a relation inherited from in `before` and goes on to while the statements run.
    pub(super) fn lasting_parents(&self, id: i64) -> Vec<i64> {
        let left = self.detached.iter().any(|(child, _)| *child == id);
        if left { Vec::new() } else { self.parents_before(id) }
    }

    /// The relations a relation inherited from, in `before`.
    pub(super) fn parents_before(&self, id: i64) -> Vec<i64> {
        parents(self.before, &self.before_names, id)
    }
}

/// The table and column a sequence belongs to.
pub(super) fn owner(sequence: &Definition, names: &Names) -> Option<(i64, String)> {
    let owned_by = text(&sequence.attributes, "owned_by")?;
    // A quoted name may hold a point, so the text is not cut at the last one.
    let tokens = crate::sql::tokens(owned_by);
    let (crate::sql::Token::Word(column), _) = tokens.last()? else {
        return None;
    };
    let end = tokens.get(tokens.len().checked_sub(2)?)?.1.start;
    let table = names.get(&qualified(&owned_by[..end])?)?;
    Some((*table, column.to_string()))
}

pub(super) fn names(objects: &Objects) -> Names {
    let mut names = Names::new();
    for (id, definition) in objects {
        if let Some(schema) = &definition.schema {
            // Functions may share a name with each other and with a relation: relations go first.
            let key = (schema.clone(), definition.name.clone());
            match definition.arguments {
                None => drop(names.insert(key, *id)),
                Some(_) => drop(names.entry(key).or_insert(*id)),
            }
        }
    }
    names
}

/// Types, schemas and extensions: what uses them is altered first.
pub(super) fn is_late(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Schema
            | Kind::Extension
            | Kind::Enum
            | Kind::Domain
            | Kind::CompositeType
            | Kind::RangeType
            | Kind::BaseType
    )
}
