//! One difference between two versions of an object, and the closed list of what it can be.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::{Kind, PartKind};
use crate::impact::{Impact, Remark, Weight, weigh};

/// What happened. Its name is `<noun>_<verb>`: the noun is the kind of object or part, the verb one of
/// these, so the list of all names is closed and can be documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Dropped,
    /// It was dropped and made again under the same name in one comparison: its rows are gone.
    Recreated,
    /// It has another name.
    Renamed,
    /// It is in another schema.
    Moved,
    /// What it computes is another: a view's query, a function's body.
    Redefined,
    /// A column, domain or attribute has another type.
    TypeChanged,
    /// A column's default or generation expression is another.
    DefaultChanged,
    /// NOT NULL was set or dropped.
    NullabilityChanged,
    /// It has another comment.
    CommentChanged,
    /// A table became or ceased to be a partition or child, or has other bounds.
    PartitionChanged,
    /// The columns have another order.
    ColumnOrderChanged,
    /// It has another owner.
    OwnerChanged,
    /// Others may use it, or roles of a policy are others.
    PrivilegesChanged,
    /// Something else that is declared is another.
    Altered,
}

impl ChangeKind {
    /// The second half of the change's name.
    pub fn verb(self) -> &'static str {
        match self {
            ChangeKind::Added => "added",
            ChangeKind::Dropped => "dropped",
            ChangeKind::Recreated => "recreated",
            ChangeKind::Renamed => "renamed",
            ChangeKind::Moved => "moved",
            ChangeKind::Redefined => "redefined",
            ChangeKind::TypeChanged => "type_changed",
            ChangeKind::DefaultChanged => "default_changed",
            ChangeKind::NullabilityChanged => "nullability_changed",
            ChangeKind::CommentChanged => "comment_changed",
            ChangeKind::PartitionChanged => "partition_changed",
            ChangeKind::ColumnOrderChanged => "column_order_changed",
            ChangeKind::OwnerChanged => "owner_changed",
            ChangeKind::PrivilegesChanged => "privileges_changed",
            ChangeKind::Altered => "altered",
        }
    }
}

/// One difference between two definitions of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What happened.
    pub what: ChangeKind,
    /// The kind of the object it happened to or in.
    pub object: Kind,
    /// The part it happened to, with its present (or last) name; `None` for the object itself.
    pub part: Option<(PartKind, String)>,
    /// What differs, as it was; null where it was not.
    pub before: Value,
    /// What differs, as it is; null where it is no more.
    pub after: Value,
    /// How dangerous it is for those who use the object.
    pub impact: Impact,
    /// The rule that says so.
    pub rule: &'static str,
    /// Why.
    pub reason: &'static str,
    /// What the weight of the relation adds.
    pub remarks: Vec<Remark>,
}

impl Change {
    /// Its name: `column_renamed`, `table_dropped`, `view_redefined` ….
    pub fn name(&self) -> String {
        let noun = match &self.part {
            Some((kind, _)) => kind.as_str(),
            None => self.object.as_str(),
        };
        format!("{noun}_{}", self.what.verb())
    }

    /// Takes into account how large the relation is, who depends on it and who reads it.
    pub fn weigh(&mut self, weight: &Weight) {
        weigh(self, weight);
    }

    /// The names of the rules that spoke, the deciding one first.
    pub fn rules(&self) -> Vec<&'static str> {
        std::iter::once(self.rule)
            .chain(self.remarks.iter().map(|remark| remark.rule))
            .collect()
    }

    /// What they said.
    pub fn reasons(&self) -> Vec<&str> {
        std::iter::once(self.reason)
            .chain(self.remarks.iter().map(|remark| remark.reason.as_str()))
            .collect()
    }
}
