//! What an object is declared to be.
//!
//! A definition is sparse: an attribute that has PostgreSQL's default is absent, so a server version
//! that knows one attribute more gives the same definition for the same declaration. Attributes are
//! plain JSON values under names from a closed list ([`Attributes`]); what has a name of its own inside
//! a relation (column, constraint, index, trigger, policy, rule, statistics object, enum value) is a
//! [`Part`].

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::access::{Access, Privileges};
use crate::attributes::Attributes;

/// The kinds of object that have an identity, a history and a fingerprint of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A namespace.
    Schema,
    /// An ordinary or partitioned table, or a partition.
    Table,
    /// A table whose rows a foreign data wrapper brings.
    ForeignTable,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A sequence, those behind identity columns included.
    Sequence,
    /// An enumerated type.
    Enum,
    /// A domain.
    Domain,
    /// A composite type made by `CREATE TYPE … AS (…)`.
    CompositeType,
    /// A range type together with its multirange.
    RangeType,
    /// A base or shell type.
    BaseType,
    /// A function or window function.
    Function,
    /// A procedure.
    Procedure,
    /// An aggregate.
    Aggregate,
    /// An installed extension; its members are not listed one by one.
    Extension,
}

impl Kind {
    /// Every kind, in the order in which they are listed to people.
    pub const ALL: [Kind; 15] = [
        Kind::Schema,
        Kind::Table,
        Kind::ForeignTable,
        Kind::View,
        Kind::MaterializedView,
        Kind::Sequence,
        Kind::Enum,
        Kind::Domain,
        Kind::CompositeType,
        Kind::RangeType,
        Kind::BaseType,
        Kind::Function,
        Kind::Procedure,
        Kind::Aggregate,
        Kind::Extension,
    ];

    /// The name used in SQL, in JSON and in the names of changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Schema => "schema",
            Kind::Table => "table",
            Kind::ForeignTable => "foreign_table",
            Kind::View => "view",
            Kind::MaterializedView => "materialized_view",
            Kind::Sequence => "sequence",
            Kind::Enum => "enum",
            Kind::Domain => "domain",
            Kind::CompositeType => "composite_type",
            Kind::RangeType => "range_type",
            Kind::BaseType => "base_type",
            Kind::Function => "function",
            Kind::Procedure => "procedure",
            Kind::Aggregate => "aggregate",
            Kind::Extension => "extension",
        }
    }

    /// The inverse of [`Kind::as_str`]; `None` for a name that is no kind.
    pub fn parse(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether a query can read rows from it, so that it is embedded and searched.
    pub fn is_table_like(self) -> bool {
        matches!(
            self,
            Kind::Table | Kind::ForeignTable | Kind::View | Kind::MaterializedView
        )
    }
}

/// The kinds of part an object can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// A column of a relation or an attribute of a composite type; its number is `attnum`.
    Column,
    /// A primary key, unique, foreign key, check or exclusion constraint; its number is the OID.
    Constraint,
    /// An index that no constraint owns; its number is the OID.
    Index,
    /// A trigger a user made; its number is the OID.
    Trigger,
    /// A row-level security policy; its number is the OID.
    Policy,
    /// A rewrite rule other than a view's own; its number is the OID.
    Rule,
    /// An extended statistics object; its number is the OID.
    Statistics,
    /// A value of an enum; its number is the OID in `pg_enum`.
    Value,
}

impl PartKind {
    /// The name used in JSON and in the names of changes.
    pub fn as_str(self) -> &'static str {
        match self {
            PartKind::Column => "column",
            PartKind::Constraint => "constraint",
            PartKind::Index => "index",
            PartKind::Trigger => "trigger",
            PartKind::Policy => "policy",
            PartKind::Rule => "rule",
            PartKind::Statistics => "statistics",
            PartKind::Value => "value",
        }
    }
}

/// Something with a name of its own inside an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Its name, unquoted.
    pub name: String,
    /// What it is called in the catalogs (`attnum` or OID): tells a rename from a drop and an add.
    /// Never fingerprinted.
    pub number: u32,
    /// How it is declared.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// Who may use it: privileges of a column, roles of a policy.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub access: Privileges,
}

/// How one object is declared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// What it is.
    pub kind: Kind,
    /// The schema it lives in, unquoted; `None` for schemas and extensions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Its name, unquoted.
    pub name: String,
    /// Types of the arguments that identify a function, procedure or aggregate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
    /// How it is declared.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// Columns in `attnum` order first, then the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Owner and privileges.
    pub access: Access,
}

impl Definition {
    /// A definition without attributes and parts.
    pub fn new(kind: Kind, schema: Option<String>, name: String) -> Definition {
        Definition {
            kind,
            schema,
            name,
            arguments: None,
            attributes: Attributes::new(),
            parts: Vec::new(),
            access: Access::default(),
        }
    }

    /// The numbers of the columns, in order: one that was dropped and added again has another.
    pub fn column_numbers(&self) -> Vec<i16> {
        self.parts_of(PartKind::Column)
            .map(|column| column.number as i16)
            .collect()
    }

    /// The parts of one kind, in stored order.
    pub fn parts_of(&self, kind: PartKind) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |part| part.kind == kind)
    }

    /// The name of the group it is fingerprinted in: its schema, itself for a schema, "" for what
    /// belongs to the database.
    pub fn group(&self) -> &str {
        match (self.kind, &self.schema) {
            (Kind::Schema, _) => &self.name,
            (_, Some(schema)) => schema,
            (_, None) => "",
        }
    }

    /// What tells it from the others of its kind in its group: the name, with the argument types where
    /// functions may share one.
    pub fn signature(&self) -> Cow<'_, str> {
        match &self.arguments {
            Some(arguments) => Cow::Owned(format!("{}({arguments})", self.name)),
            None => Cow::Borrowed(&self.name),
        }
    }

    /// The comment, if it has one.
    pub fn comment(&self) -> Option<&str> {
        self.attributes.get("comment").and_then(Value::as_str)
    }
}

impl Part {
    /// A part without attributes.
    pub fn new(kind: PartKind, name: String, number: u32) -> Part {
        Part {
            kind,
            name,
            number,
            attributes: Attributes::new(),
            access: Privileges::new(),
        }
    }

    /// A text attribute, if it is there.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str)
    }
}
