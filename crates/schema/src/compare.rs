//! Two fingerprint trees beside each other: which objects differ, without a definition of either.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::definition::Kind;
use crate::fingerprint::{Fingerprints, Tree};

/// A tree as it is sent from one server to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeForm {
    /// Of the whole database.
    pub database: Fingerprints,
    /// Of each schema, "" for what belongs to none.
    pub schemas: BTreeMap<String, SchemaForm>,
}

/// One schema of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaForm {
    /// Of the schema with all that is in it.
    pub schema: Fingerprints,
    /// Of each object, by kind and signature.
    pub objects: BTreeMap<Kind, BTreeMap<String, Fingerprints>>,
}

/// How an object here is other than there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// It is only here.
    Here,
    /// It is only there.
    There,
    /// It is declared otherwise.
    Structure,
    /// Only its columns have another order.
    Layout,
    /// Only owner or privileges are others.
    Access,
}

impl Difference {
    /// The name used in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Difference::Here => "here",
            Difference::There => "there",
            Difference::Structure => "structure",
            Difference::Layout => "layout",
            Difference::Access => "access",
        }
    }
}

impl From<&Tree> for TreeForm {
    fn from(tree: &Tree) -> TreeForm {
        let mut schemas: BTreeMap<String, SchemaForm> = tree
            .schemas()
            .map(|(name, fingerprints)| {
                let form = SchemaForm {
                    schema: fingerprints,
                    objects: BTreeMap::new(),
                };
                (name.to_owned(), form)
            })
            .collect();
        for (group, kind, signature, fingerprints) in tree.objects() {
            if let Some(schema) = schemas.get_mut(group) {
                let of_kind = schema.objects.entry(kind).or_default();
                of_kind.insert(signature.to_owned(), fingerprints);
            }
        }
        TreeForm {
            database: tree.root(),
            schemas,
        }
    }
}

/// One object that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing<'a> {
    /// How.
    pub difference: Difference,
    /// Its kind.
    pub kind: Kind,
    /// Its schema; "" where it has none.
    pub schema: &'a str,
    /// Its name, with the argument types where functions may share one.
    pub signature: &'a str,
}

/// What differs, schema by schema. An object that differs in several branches is told once for each.
pub fn compare<'a>(here: &'a TreeForm, there: &'a TreeForm) -> Vec<Differing<'a>> {
    let mut differing = Vec::new();
    if here.database == there.database {
        return differing;
    }
    let names = here.schemas.keys().chain(there.schemas.keys());
    let names: std::collections::BTreeSet<&String> = names.collect();
    for name in names {
        let (left, right) = (here.schemas.get(name), there.schemas.get(name));
        if left.is_some() && left.map(|form| &form.schema) == right.map(|form| &form.schema) {
            continue;
        }
        let mut found = objects(left);
        for (key, fingerprints) in objects(right) {
            let mut tell = |difference| {
                differing.push(Differing {
                    difference,
                    kind: key.0,
                    schema: name,
                    signature: key.1,
                });
            };
            match found.remove(&key) {
                None => tell(Difference::There),
                Some(known) => {
                    if known.structure != fingerprints.structure {
                        tell(Difference::Structure);
                    }
                    if known.layout != fingerprints.layout {
                        tell(Difference::Layout);
                    }
                    if known.access != fingerprints.access {
                        tell(Difference::Access);
                    }
                }
            }
        }
        differing.extend(found.into_keys().map(|(kind, signature)| Differing {
            difference: Difference::Here,
            kind,
            schema: name,
            signature,
        }));
    }
    differing.sort_by(|a, b| {
        (a.schema, a.kind, a.signature, a.difference).cmp(&(b.schema, b.kind, b.signature, b.difference))
    });
    differing
}

fn objects(form: Option<&SchemaForm>) -> BTreeMap<(Kind, &str), &Fingerprints> {
    let kinds = form.into_iter().flat_map(|form| &form.objects);
    kinds
        .flat_map(|(kind, objects)| {
            objects
                .iter()
                .map(|(signature, known)| ((*kind, signature.as_str()), known))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Definition, Part, PartKind};

    fn form(tables: &[(&str, &[&str], &str)]) -> TreeForm {
        let mut tree = Tree::new();
        for (name, columns, owner) in tables {
            let mut table = Definition::new(Kind::Table, Some("shop".into()), (*name).into());
            for (number, column) in columns.iter().enumerate() {
                table
                    .parts
                    .push(Part::new(PartKind::Column, (*column).into(), number as u32 + 1));
            }
            table.access.owner = (*owner).into();
            tree.insert("shop", Kind::Table, (*name).into(), Fingerprints::of(&table));
        }
        TreeForm::from(&tree)
    }

    #[test]
    fn what_differs_is_named_with_how() {
        let here = form(&[
            ("a", &["x"], "ann"),
            ("b", &["x", "y"], "ann"),
            ("c", &["x"], "ann"),
            ("d", &["x"], "ann"),
        ]);
        let there = form(&[
            ("a", &["x"], "ann"),
            ("b", &["y", "x"], "ann"),
            ("c", &["x"], "bob"),
            ("e", &["x"], "ann"),
        ]);
        let told: Vec<_> = compare(&here, &there)
            .iter()
            .map(|one| (one.signature.to_owned(), one.difference))
            .collect();
        let expected = [
            ("b", Difference::Layout),
            ("c", Difference::Access),
            ("d", Difference::Here),
            ("e", Difference::There),
        ];
        assert_eq!(told, expected.map(|(name, how)| (name.to_owned(), how)));
        assert!(compare(&here, &here).is_empty());
    }

    #[test]
    fn a_tree_goes_there_and_back() {
        let form = form(&[("a", &["x"], "ann")]);
        let text = serde_json::to_string(&form).expect("writes");
        assert_eq!(serde_json::from_str::<TreeForm>(&text).expect("reads"), form);
        assert!(serde_json::from_str::<TreeForm>("{}").is_err());
    }
}
