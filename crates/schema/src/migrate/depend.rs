//! Who depends on whom, as far as the texts of definitions say it.

use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

use super::Objects;
use crate::attributes::Attributes;
use crate::definition::{Definition, Kind, Part, PartKind};
use crate::render::{is_set, text, texts};
use crate::sql::{has_word, mentions};

/// What can be dropped by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Unit {
    /// An object with all that is in it.
    Object(i64),
    /// A part, by the name it has before.
    Part(i64, PartKind, String),
    /// The default of a column.
    Default(i64, String),
    /// A column as a user of its type: it is not dropped but given another type.
    Column(i64, String),
}

impl Unit {
    pub(super) fn part(id: i64, part: &Part) -> Unit {
        Unit::Part(id, part.kind, part.name.clone())
    }

    pub(super) fn object(&self) -> i64 {
        match self {
            Unit::Object(id) | Unit::Part(id, ..) | Unit::Default(id, _) | Unit::Column(id, _) => *id,
        }
    }
}

/// A unit and the text that says what it uses.
struct Entry {
    unit: Unit,
    text: String,
}

/// The units of a schema, found by what they mention and by the object they are part of.
pub(super) struct Dependencies {
    entries: Vec<Entry>,
    by_mention: HashMap<(String, String), Vec<usize>>,
    by_object: HashMap<i64, Vec<usize>>,
}

impl Dependencies {
    pub(super) fn of(objects: &Objects) -> Dependencies {
        let mut found = Dependencies {
            entries: Vec::new(),
            by_mention: HashMap::new(),
            by_object: HashMap::new(),
        };
        for (id, definition) in objects {
            if is_whole(definition.kind) {
                found.add(Unit::Object(*id), whole_text(definition));
            }
            for part in &definition.parts {
                found.add_part(*id, definition, part);
            }
        }
        found
    }

    fn add_part(&mut self, id: i64, definition: &Definition, part: &Part) {
        match part.kind {
            PartKind::Value => {}
            PartKind::Column => {
                self.add(
                    Unit::Column(id, part.name.clone()),
                    part.text("type").unwrap_or_default().to_owned(),
                );
                if let Some(default) = part.text("default").filter(|_| definition.kind != Kind::CompositeType) {
                    self.add(Unit::Default(id, part.name.clone()), default.to_owned());
                }
                if let Some(expression) = part.text("expression") {
                    self.add(Unit::part(id, part), expression.to_owned());
                }
            }
            _ => self.add(Unit::part(id, part), part_text(part)),
        }
    }

    fn add(&mut self, unit: Unit, text: String) {
        let at = self.entries.len();
        let named: BTreeSet<(String, String)> = mentions(&text).into_iter().collect();
        for name in named {
            self.by_mention.entry(name).or_default().push(at);
        }
        self.by_object.entry(unit.object()).or_default().push(at);
        self.entries.push(Entry { unit, text });
    }

    fn naming(&self, definition: &Definition) -> impl Iterator<Item = &Entry> {
        let key = (definition.schema.clone().unwrap_or_default(), definition.name.clone());
        let found = self.by_mention.get(&key);
        found.into_iter().flatten().map(|at| &self.entries[*at])
    }

    fn own(&self, id: i64) -> impl Iterator<Item = &Entry> {
        self.by_object
            .get(&id)
            .into_iter()
            .flatten()
            .map(|at| &self.entries[*at])
    }

    /// Whatever mentions an object and is not part of it.
    pub(super) fn of_object(&self, objects: &Objects, id: i64) -> Vec<Unit> {
        let Some(definition) = objects.get(&id) else {
            return Vec::new();
        };
        let others = self.naming(definition).filter(|entry| entry.unit.object() != id);
        others.map(|entry| entry.unit.clone()).collect()
    }

    /// What has to go before a unit can.
    pub(super) fn of_dropped(&self, objects: &Objects, unit: &Unit) -> Vec<Unit> {
        match unit {
            Unit::Object(id) => self.of_object(objects, *id),
            Unit::Part(id, PartKind::Column, name) => self.using_column(objects, *id, name).collect(),
            Unit::Part(id, kind, name) => {
                let Some(definition) = objects.get(id) else {
                    return Vec::new();
                };
                let part = definition
                    .parts
                    .iter()
                    .find(|part| part.kind == *kind && part.name == *name);
                part.map_or_else(Vec::new, |part| self.needing_key(definition, part))
            }
            Unit::Default(..) | Unit::Column(..) => Vec::new(),
        }
    }

    /// What PostgreSQL does not rebuild by itself when a column gets another type.
    pub(super) fn of_retyped(&self, objects: &Objects, id: i64, column: &str) -> Vec<Unit> {
        let blocks = |unit: &Unit| match unit {
            Unit::Object(_) => true,
            Unit::Default(..) | Unit::Column(..) => false,
            Unit::Part(owner, kind, name) => match kind {
                PartKind::Constraint => objects
                    .get(owner)
                    .and_then(|one| one.parts.iter().find(|part| part.kind == *kind && part.name == *name))
                    .is_some_and(|part| part.text("kind") == Some("foreign key")),
                PartKind::Index | PartKind::Statistics | PartKind::Value => false,
                PartKind::Column | PartKind::Trigger | PartKind::Policy | PartKind::Rule => true,
            },
        };
        let mut found: Vec<Unit> = self.using_column(objects, id, column).filter(blocks).collect();
        found.extend(
            self.own(id)
                .filter(|entry| entry.unit == Unit::Default(id, column.to_owned()))
                .map(|entry| entry.unit.clone()),
        );
        found
    }

    /// Units of the relation, and those that mention it, in whose text a column occurs.
    fn using_column<'a>(&'a self, objects: &'a Objects, id: i64, column: &'a str) -> impl Iterator<Item = Unit> + 'a {
        let naming = objects
            .get(&id)
            .into_iter()
            .flat_map(|definition| self.naming(definition));
        self.own(id)
            .chain(naming)
            .filter(move |entry| entry.unit != Unit::Part(id, PartKind::Column, column.to_owned()))
            .filter(move |entry| !matches!(entry.unit, Unit::Default(owner, _) | Unit::Column(owner, _) if owner == id))
            .filter(|entry| !matches!(entry.unit, Unit::Column(..)))
            .filter(move |entry| has_word(&entry.text, column))
            .map(|entry| entry.unit.clone())
    }

    /// Foreign keys that point to the columns of a key, and views that group by it.
    fn needing_key(&self, definition: &Definition, part: &Part) -> Vec<Unit> {
        let is_key = match part.kind {
            PartKind::Constraint => matches!(part.text("kind"), Some("primary key" | "unique")),
            PartKind::Index => is_set(&part.attributes, "unique"),
            _ => false,
        };
        if !is_key {
            return Vec::new();
        }
        let own: BTreeSet<&str> = texts(&part.attributes, "columns").into_iter().collect();
        let own_id = self.naming(definition);
        own_id
            .filter(|entry| match &entry.unit {
                Unit::Part(_, PartKind::Constraint, _) => own.iter().all(|column| has_word(&entry.text, column)),
                Unit::Object(_) => part.text("kind") == Some("primary key") && entry.text.contains("GROUP BY"),
                _ => false,
            })
            .map(|entry| entry.unit.clone())
            .collect()
    }

    /// What a unit uses, but for what parts of it use that are dropped before.
    pub(super) fn mentioned_by(
        &self,
        objects: &Objects,
        unit: &Unit,
        but: &BTreeSet<Unit>,
    ) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        match unit {
            Unit::Object(id) => {
                for entry in self.own(*id).filter(|entry| !but.contains(&entry.unit)) {
                    found.extend(mentions(&entry.text));
                }
                if let Some(definition) = objects.get(id) {
                    found.extend(mentions(&table_text(definition)));
                }
            }
            _ => {
                for entry in self.own(unit.object()).filter(|entry| entry.unit == *unit) {
                    found.extend(mentions(&entry.text));
                }
            }
        }
        found
    }
}

/// Kinds that use others by themselves, not by their parts.
fn is_whole(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Table | Kind::ForeignTable | Kind::Sequence | Kind::Schema | Kind::Extension
    )
}

/// What a table uses that is not in its parts.
pub(super) fn table_text(definition: &Definition) -> String {
    let mut all = String::new();
    for name in ["of_type", "partition_key", "partition_of"] {
        all.push_str(text(&definition.attributes, name).unwrap_or_default());
        all.push(' ');
    }
    for parent in texts(&definition.attributes, "inherits") {
        all.push_str(parent);
        all.push(' ');
    }
    all
}

/// What a view, function or type says of others. A function's body counts where it is parsed at creation.
pub(super) fn whole_text(definition: &Definition) -> String {
    let is_routine = matches!(definition.kind, Kind::Function | Kind::Procedure);
    let keeps = |name: &str| match name {
        "comment" | "language" | "library" | "settings" | "values" => false,
        "body" => is_routine && crate::render::is_sql_body(definition),
        _ => true,
    };
    let mut all = flat(&definition.attributes, keeps);
    for part in definition.parts_of(PartKind::Column) {
        all.push_str(part.text("type").unwrap_or_default());
        all.push(' ');
    }
    all
}

/// Everything a constraint, index, trigger, policy or rule says. Names of columns are written as identifiers.
pub(super) fn part_text(part: &Part) -> String {
    let keeps = |name: &str| !matches!(name, "comment" | "kind" | "enabled" | "method" | "options" | "command");
    flat(&part.attributes, keeps)
}

fn flat(attributes: &Attributes, keeps: impl Fn(&str) -> bool) -> String {
    let mut all = String::new();
    let bare = ["columns", "referenced_columns", "include", "on_delete_columns"];
    for (name, value) in attributes.iter().filter(|(name, _)| keeps(name)) {
        let mut add = |text: &str| {
            match bare.contains(&name) && text != "(expression)" {
                true => all.push_str(&crate::sql::ident(text)),
                false => all.push_str(text),
            }
            all.push(' ');
        };
        match value {
            Value::String(text) => add(text),
            Value::Array(list) => list.iter().filter_map(Value::as_str).for_each(add),
            _ => {}
        }
    }
    all
}
