//! Canonical form → SHA-256, as a tree: object → schema → database, in three branches.
//!
//! *Structure* is everything that is declared, columns by name; *layout* the order of columns, apart
//! because `ALTER` cannot restore it; *access* owners and privileges. Two servers that find different
//! roots walk down the same tree to find where they differ.
//!
//! The canonical form is JSON with sorted keys and sorted parts, without OIDs and attribute numbers.
//! Each hash starts with a label that names the branch and the level, so that no two levels can be
//! mistaken for each other and the form can be revised.

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;

use crate::access::Privileges;
use crate::attributes::Attributes;
use crate::definition::{Definition, Kind, PartKind};

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// One of the three parts a fingerprint tree has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// Everything that is declared, columns by name.
    Structure,
    /// The order of columns.
    Layout,
    /// Owners and privileges.
    Access,
}

/// The fingerprints of one object, schema or database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprints {
    /// Everything that is declared, columns by name.
    pub structure: Fingerprint,
    /// The order of columns.
    pub layout: Fingerprint,
    /// Owners and privileges.
    pub access: Fingerprint,
}

impl Fingerprint {
    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From 32 bytes; `None` for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Fingerprint> {
        bytes.try_into().ok().map(Fingerprint)
    }

    /// The hash of one text, for passages and files.
    pub fn of_text(text: &str) -> Fingerprint {
        Fingerprint(Sha256::digest(text.as_bytes()).into())
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes: Option<Vec<u8>> = (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
            .collect();
        bytes
            .and_then(|bytes| Fingerprint::from_bytes(&bytes))
            .ok_or_else(|| serde::de::Error::custom("a fingerprint is 64 hexadecimal digits"))
    }
}

/// What of an object is hashed as structure: a view of [`Definition`] without numbers.
#[derive(Serialize)]
struct Structure<'a> {
    kind: Kind,
    schema: Option<&'a str>,
    name: &'a str,
    arguments: Option<&'a str>,
    attributes: &'a Attributes,
    parts: Vec<(PartKind, &'a str, &'a Attributes)>,
}

/// What of an object is hashed as access.
#[derive(Serialize)]
struct AccessForm<'a> {
    owner: &'a str,
    privileges: &'a Privileges,
    revoked: bool,
    parts: Vec<(PartKind, &'a str, &'a Privileges)>,
}

impl Fingerprints {
    /// The fingerprints of one object.
    pub fn of(definition: &Definition) -> Fingerprints {
        let mut parts: Vec<_> = definition
            .parts
            .iter()
            .map(|part| (part.kind, part.name.as_str(), &part.attributes))
            .collect();
        // Names are unique within a kind, so attributes never decide.
        parts.sort_unstable_by_key(|(kind, name, _)| (*kind, *name));
        let structure = Structure {
            kind: definition.kind,
            schema: definition.schema.as_deref(),
            name: &definition.name,
            arguments: definition.arguments.as_deref(),
            attributes: &definition.attributes,
            parts,
        };
        let layout: Vec<&str> = definition
            .parts_of(PartKind::Column)
            .map(|column| column.name.as_str())
            .collect();
        let mut guarded: Vec<_> = definition
            .parts
            .iter()
            .filter(|part| !part.access.is_empty())
            .map(|part| (part.kind, part.name.as_str(), &part.access))
            .collect();
        guarded.sort_unstable_by_key(|(kind, name, _)| (*kind, *name));
        let access = AccessForm {
            owner: &definition.access.owner,
            privileges: &definition.access.privileges,
            revoked: definition.access.revoked,
            parts: guarded,
        };
        Fingerprints {
            structure: hash("structure", &structure),
            layout: hash("layout", &(definition.kind, layout)),
            access: hash("access", &access),
        }
    }

    /// One of the three.
    pub fn branch(&self, branch: Branch) -> Fingerprint {
        match branch {
            Branch::Structure => self.structure,
            Branch::Layout => self.layout,
            Branch::Access => self.access,
        }
    }
}

/// Hashes a labelled canonical form. Serialising these types cannot fail: keys are strings and writing
/// to a vector has no error, so a failure would be a defect; it is hashed as an empty form rather than
/// ending the process.
fn hash(label: &str, form: &impl Serialize) -> Fingerprint {
    let mut canonical = Vec::with_capacity(512);
    canonical.extend_from_slice(b"schema_monitor/1/object/");
    canonical.extend_from_slice(label.as_bytes());
    canonical.push(0);
    let start = canonical.len();
    if serde_json::to_writer(&mut canonical, form).is_err() {
        canonical.truncate(start);
    }
    Fingerprint(Sha256::digest(&canonical).into())
}

/// An object in its group.
#[derive(Clone, Debug)]
struct Leaf {
    kind: Kind,
    signature: String,
    fingerprints: Fingerprints,
}

/// The fingerprint tree of a database.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    groups: BTreeMap<String, Vec<Leaf>>,
}

impl Tree {
    /// An empty tree.
    pub fn new() -> Tree {
        Tree::default()
    }

    /// The tree of some definitions.
    pub fn of<'a>(definitions: impl IntoIterator<Item = &'a Definition>) -> Tree {
        let mut tree = Tree::new();
        for definition in definitions {
            let signature = definition.signature().into_owned();
            let fingerprints = Fingerprints::of(definition);
            tree.insert(definition.group(), definition.kind, signature, fingerprints);
        }
        tree
    }

    /// Adds an object under its group (schema name, or "" for the database's own); each object once.
    pub fn insert(&mut self, group: &str, kind: Kind, signature: String, fingerprints: Fingerprints) {
        let leaf = Leaf {
            kind,
            signature,
            fingerprints,
        };
        match self.groups.get_mut(group) {
            Some(objects) => objects.push(leaf),
            None => drop(self.groups.insert(group.to_owned(), vec![leaf])),
        }
    }

    /// Number of objects.
    pub fn len(&self) -> usize {
        self.groups.values().map(Vec::len).sum()
    }

    /// Whether it has no object.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Every object: its group, kind, signature and fingerprints.
    pub fn objects(&self) -> impl Iterator<Item = (&str, Kind, &str, Fingerprints)> {
        self.groups.iter().flat_map(|(group, objects)| {
            let of_group = objects.iter();
            of_group.map(move |leaf| (group.as_str(), leaf.kind, leaf.signature.as_str(), leaf.fingerprints))
        })
    }

    /// The fingerprints of each schema, in order of their names.
    pub fn schemas(&self) -> impl Iterator<Item = (&str, Fingerprints)> {
        self.groups.iter().map(|(name, objects)| {
            let mut sorted: Vec<&Leaf> = objects.iter().collect();
            sorted.sort_unstable_by(|a, b| (a.kind, &a.signature).cmp(&(b.kind, &b.signature)));
            let leaves = || {
                sorted
                    .iter()
                    .map(|leaf| (leaf.kind.as_str(), leaf.signature.as_str(), &leaf.fingerprints))
            };
            (name.as_str(), combine("schema", leaves))
        })
    }

    /// The fingerprints of the database.
    pub fn root(&self) -> Fingerprints {
        let schemas: Vec<_> = self.schemas().collect();
        combine("database", || schemas.iter().map(|(name, f)| ("", *name, f)))
    }
}

/// Combines named children into their parent's fingerprints.
fn combine<'a, I>(level: &str, children: impl Fn() -> I) -> Fingerprints
where
    I: Iterator<Item = (&'a str, &'a str, &'a Fingerprints)>,
{
    let one = |label: &str, branch: Branch| {
        let mut digest = Sha256::new();
        digest.update(b"schema_monitor/1/");
        digest.update(level.as_bytes());
        digest.update(b"/");
        digest.update(label.as_bytes());
        digest.update(b"\0");
        for (kind, name, fingerprints) in children() {
            digest.update(kind.as_bytes());
            digest.update(b"\0");
            digest.update(name.as_bytes());
            digest.update(b"\0");
            digest.update(fingerprints.branch(branch).as_bytes());
        }
        Fingerprint(digest.finalize().into())
    };
    Fingerprints {
        structure: one("structure", Branch::Structure),
        layout: one("layout", Branch::Layout),
        access: one("access", Branch::Access),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Part;
    use serde_json::json;

    fn table() -> Definition {
        let mut table = Definition::new(Kind::Table, Some("shop".into()), "orders".into());
        for (number, name) in [(1, "id"), (2, "total")] {
            let mut column = Part::new(PartKind::Column, name.into(), number);
            column.attributes.insert("type".into(), json!("integer"));
            table.parts.push(column);
        }
        table.access.owner = "ann".into();
        table
    }

    #[test]
    fn numbers_do_not_count_and_order_is_layout_only() {
        let before = Fingerprints::of(&table());
        let mut other = table();
        other.parts.reverse();
        other.parts.iter_mut().for_each(|part| part.number += 100);
        let after = Fingerprints::of(&other);
        assert_eq!(before.structure, after.structure);
        assert_eq!(before.access, after.access);
        assert_ne!(before.layout, after.layout);
    }

    #[test]
    fn every_declared_thing_counts_in_its_branch() {
        let before = Fingerprints::of(&table());
        let mut commented = table();
        commented.parts[1].attributes.insert("comment".into(), json!("net"));
        assert_ne!(before.structure, Fingerprints::of(&commented).structure);
        let mut granted = table();
        granted.parts[1].access.insert("bob".into(), "r".into());
        let after = Fingerprints::of(&granted);
        assert_eq!(before.structure, after.structure);
        assert_ne!(before.access, after.access);
    }

    #[test]
    fn the_tree_finds_where_two_databases_differ_whatever_the_order_of_creation() {
        let (mut a, mut b) = (Tree::new(), Tree::new());
        let fingerprints = Fingerprints::of(&table());
        let mut renamed = table();
        renamed.name = "order".into();
        a.insert("x", Kind::Table, "t".into(), fingerprints);
        a.insert("y", Kind::Table, "t".into(), fingerprints);
        b.insert("y", Kind::Table, "t".into(), fingerprints);
        b.insert("x", Kind::Table, "t".into(), fingerprints);
        assert_eq!(a.root(), b.root());
        b.insert("y", Kind::Table, "u".into(), Fingerprints::of(&renamed));
        assert_ne!(a.root().structure, b.root().structure);
        let differing: Vec<_> = a
            .schemas()
            .zip(b.schemas())
            .filter(|(left, right)| left.1 != right.1)
            .map(|(left, _)| left.0)
            .collect();
        assert_eq!(differing, ["y"]);
    }

    #[test]
    fn hexadecimal_goes_there_and_back() {
        let fingerprint = Fingerprint::of_text("x");
        let json = serde_json::to_string(&fingerprint).expect("serialises");
        assert_eq!(serde_json::from_str::<Fingerprint>(&json).expect("parses"), fingerprint);
        assert!(serde_json::from_str::<Fingerprint>("\"zz\"").is_err());
    }
}
