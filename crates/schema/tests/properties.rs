//! What holds for every definition and every pair of them, not only for those somebody thought of.

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use schema::{Attributes, Change, ChangeKind, Continuity, Definition, Fingerprints, Kind, Part, PartKind, diff};
use serde_json::{Value, json};

const NAMES: [&str; 6] = ["id", "Größe", "note", "a b", "\"", "due"];
const KINDS: [PartKind; 4] = [
    PartKind::Column,
    PartKind::Constraint,
    PartKind::Index,
    PartKind::Trigger,
];

fn attributes() -> impl Strategy<Value = Attributes> {
    let pool = [
        ("type", json!("integer")),
        ("type", json!("text")),
        ("collation", json!("C")),
        ("default", json!("0")),
        ("not_null", json!(true)),
        ("comment", json!("it's \"so\"\n")),
        ("definition", json!("CHECK (a > 0)")),
        ("storage", json!("external")),
        ("options", json!(["fillfactor=70"])),
    ];
    let count = pool.len();
    subsequence(pool.to_vec(), 0..=count).prop_map(|chosen| {
        let mut attributes = Attributes::new();
        for (name, value) in chosen {
            attributes.insert(name.into(), value);
        }
        attributes
    })
}

/// Parts with names that are unique within a kind, numbered from 1; columns first, as they are stored.
fn parts() -> impl Strategy<Value = Vec<Part>> {
    let all: Vec<(PartKind, &str)> = KINDS
        .iter()
        .flat_map(|kind| NAMES.iter().map(|name| (*kind, *name)))
        .collect();
    let count = all.len();
    (subsequence(all, 0..count), prop::collection::vec(attributes(), count)).prop_map(|(names, attributes)| {
        let parts = names.into_iter().zip(attributes).enumerate();
        parts
            .map(|(at, ((kind, name), attributes))| {
                let mut part = Part::new(kind, name.to_owned(), at as u32 + 1);
                part.attributes = attributes;
                part
            })
            .collect()
    })
}

fn definition() -> impl Strategy<Value = Definition> {
    let owner = prop::sample::select(vec!["anna", "bert"]);
    (prop::sample::select(NAMES.to_vec()), attributes(), parts(), owner).prop_map(|(name, attributes, parts, owner)| {
        let mut definition = Definition::new(Kind::Table, Some("shop".to_owned()), name.to_owned());
        definition.attributes = attributes;
        definition.parts = parts;
        definition.access.owner = owner.to_owned();
        definition
    })
}

/// What may happen to a table between two readings of the catalog: some parts go, some get other names or attributes,
/// some come, and the table itself changes.
fn altered() -> impl Strategy<Value = (Definition, Definition)> {
    let dice = prop::collection::vec((0..4_u8, any::<Index>(), attributes()), 0..24);
    (definition(), definition(), any::<bool>(), dice).prop_map(|(before, other, is_other, dice)| {
        let mut after = if is_other { other.clone() } else { before.clone() };
        let fresh = other.parts;
        after.parts = before.parts.clone();
        for ((what, pick, attributes), new) in dice.into_iter().zip(fresh) {
            let names_of_kind = |parts: &[Part], kind| -> Vec<String> {
                parts
                    .iter()
                    .filter(|part| part.kind == kind)
                    .map(|part| part.name.clone())
                    .collect()
            };
            match what {
                0 if !after.parts.is_empty() => {
                    let at = pick.index(after.parts.len());
                    after.parts.remove(at);
                }
                1 if !after.parts.is_empty() => {
                    let at = pick.index(after.parts.len());
                    after.parts[at].attributes = attributes;
                }
                2 if after.parts.len() > 1 => {
                    // two parts of a kind swap their names
                    let at = pick.index(after.parts.len());
                    let partner = after
                        .parts
                        .iter()
                        .rposition(|part| part.kind == after.parts[at].kind)
                        .unwrap_or(at);
                    let (left, right) = (after.parts[at].name.clone(), after.parts[partner].name.clone());
                    after.parts[at].name = right;
                    after.parts[partner].name = left;
                }
                _ => {
                    // a rebuilt index or constraint keeps its name and is told as itself: only columns come anew here
                    let taken = names_of_kind(&after.parts, PartKind::Column);
                    if new.kind == PartKind::Column && !taken.contains(&new.name) {
                        let highest = before.parts.len() + after.parts.len() + 100;
                        let mut new = new;
                        new.number = highest as u32;
                        let columns = after.parts.iter().filter(|part| part.kind == PartKind::Column).count();
                        after.parts.insert(columns, new);
                    }
                }
            }
        }
        (before, after)
    })
}

fn set(attributes: &mut Attributes, before: &Value, after: &Value) {
    let names = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .into_iter()
            .flat_map(|map| map.keys().cloned())
            .collect()
    };
    let mut kept = Attributes::new();
    for (name, value) in attributes.iter() {
        if !names(before).contains(&name.to_owned()) {
            kept.insert(name.to_owned().into(), value.clone());
        }
    }
    for name in names(after) {
        kept.insert(name.clone().into(), after[&name].clone());
    }
    *attributes = kept;
}

/// Does to a definition what the changes say.
fn apply(changes: &[Change], mut definition: Definition) -> Definition {
    let of_part = |change: &&Change| change.part.is_some();
    for change in changes.iter().filter(|change| !of_part(change)) {
        match change.what {
            ChangeKind::Renamed => definition.name = change.after.as_str().unwrap_or("").to_owned(),
            ChangeKind::Moved => definition.schema = change.after.as_str().map(str::to_owned),
            ChangeKind::OwnerChanged => definition.access.owner = change.after.as_str().unwrap_or("").to_owned(),
            _ => set(&mut definition.attributes, &change.before, &change.after),
        }
    }
    let parts: Vec<(&Change, PartKind, &str)> = changes
        .iter()
        .filter_map(|change| change.part.as_ref().map(|(kind, name)| (change, *kind, name.as_str())))
        .collect();
    let named = |what: ChangeKind, kind: PartKind, name: &str| {
        parts
            .iter()
            .any(|part| part.0.what == what && part.1 == kind && part.2 == name)
    };
    definition
        .parts
        .retain(|part| !named(ChangeKind::Dropped, part.kind, &part.name));
    // all at once: two may swap their names
    for part in &mut definition.parts {
        let renamed = parts.iter().find(|(change, kind, _)| {
            change.what == ChangeKind::Renamed && *kind == part.kind && change.before == json!(part.name)
        });
        if let Some((_, _, name)) = renamed {
            part.name = (*name).to_owned();
        }
    }
    for (change, kind, name) in &parts {
        match change.what {
            ChangeKind::Dropped | ChangeKind::Renamed => {}
            ChangeKind::Added => {
                let mut part = Part::new(*kind, (*name).to_owned(), 0);
                set(&mut part.attributes, &Value::Null, &change.after);
                let mut without_name = Attributes::new();
                for (attribute, value) in part.attributes.iter().filter(|(attribute, _)| *attribute != "name") {
                    without_name.insert(attribute.to_owned().into(), value.clone());
                }
                part.attributes = without_name;
                definition.parts.push(part);
            }
            _ => {
                for part in definition
                    .parts
                    .iter_mut()
                    .filter(|part| part.kind == *kind && part.name == *name)
                {
                    set(&mut part.attributes, &change.before, &change.after);
                }
            }
        }
    }
    definition
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_differs_from_itself(definition in definition()) {
        for continuity in [Continuity::Same, Continuity::Rebound] {
            prop_assert!(diff(Some(&definition), Some(&definition), continuity).is_empty());
        }
    }

    #[test]
    fn order_and_numbers_of_parts_are_no_structure((definition, seed) in definition().prop_flat_map(|definition| {
        let count = definition.parts.len();
        (Just(definition), Just((0..count).collect::<Vec<usize>>()).prop_shuffle())
    })) {
        let mut shuffled = definition.clone();
        shuffled.parts = seed.iter().map(|at| definition.parts[*at].clone()).collect();
        for (number, part) in shuffled.parts.iter_mut().enumerate() {
            part.number = 1_000 + number as u32;
        }
        let (left, right) = (Fingerprints::of(&definition), Fingerprints::of(&shuffled));
        prop_assert_eq!((left.structure, left.access), (right.structure, right.access));
        let columns = |definition: &Definition| -> Vec<String> {
            definition.parts_of(PartKind::Column).map(|column| column.name.clone()).collect()
        };
        prop_assert_eq!(left.layout == right.layout, columns(&definition) == columns(&shuffled));
    }

    #[test]
    fn what_is_stored_is_what_was_read(definition in definition()) {
        let text = serde_json::to_string(&definition).expect("writes");
        let again: Definition = serde_json::from_str(&text).expect("reads");
        prop_assert_eq!(Fingerprints::of(&again), Fingerprints::of(&definition));
        prop_assert_eq!(again, definition);
    }

    #[test]
    fn changes_lead_from_one_definition_to_the_other((before, after) in altered()) {
        let changes = diff(Some(&before), Some(&after), Continuity::Same);
        let (left, right) = (Fingerprints::of(&before), Fingerprints::of(&after));
        // Two columns that are alike may swap their names, which only the layout tells, and the last one may be dropped and
        // added again, which only its number tells.
        let is_as_it_was = left == right && before.column_numbers() == after.column_numbers();
        prop_assert_eq!(changes.is_empty(), is_as_it_was, "{:?}", changes);
        let applied = Fingerprints::of(&apply(&changes, before));
        prop_assert_eq!(applied, right, "{:?}", changes);
    }
}
