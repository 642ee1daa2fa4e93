//! The object model of a PostgreSQL schema, without PostgreSQL.
//!
//! A [`Definition`] says how one object (a table with its columns, constraints and indexes; a view; a
//! function …) is declared. Its canonical form has a SHA-256 [`Fingerprint`] in three branches —
//! *structure*, *layout* and *access* — and the fingerprints of objects combine into those of schemas
//! and of the database ([`Tree`]). [`diff`] says what changed between two definitions of one object, as
//! [`Change`]s with an [`Impact`].
//!
//! Nothing here knows a server: catalogs are read elsewhere and arrive as plain values.

mod access;
mod attributes;
mod change;
mod checked;
mod compare;
pub mod ddl;
mod definition;
mod diff;
mod fingerprint;
mod impact;
mod migrate;
mod pattern;
mod render;
mod sql;

pub use access::{Access, Privileges};
pub use attributes::Attributes;
pub use change::{Change, ChangeKind};
pub use checked::{checked_values, texts_in};
pub use compare::{Difference, Differing, SchemaForm, TreeForm, compare};
pub use definition::{Definition, Kind, Part, PartKind};
pub use diff::{Continuity, diff};
pub use fingerprint::{Branch, Fingerprint, Fingerprints, Tree};
pub use impact::{Impact, Remark, Weight};
pub use migrate::{Cast, Objects, Options, Statement, migrate};
pub use pattern::{Exclusion, Mask, PatternError};
pub use sql::{
    dotted_names, has_identifier, has_word, is_balanced, leading_name, literal, qualified, without_type_labels,
};
