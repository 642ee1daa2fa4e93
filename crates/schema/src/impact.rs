//! How dangerous a change is for those who use the object.
//!
//! The rule looks at compatibility alone: would a statement that worked before fail, or silently answer
//! otherwise? It knows neither sizes nor dependents.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::change::ChangeKind;
use crate::definition::{Kind, PartKind};

/// Four steps, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impact {
    /// Nothing that worked can notice.
    Low,
    /// Results, plans or speed may differ.
    Medium,
    /// Some statement that worked may fail.
    High,
    /// Every statement that uses it fails, or rows are gone.
    Breaking,
}

impl Impact {
    /// The name used in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Impact::Low => "low",
            Impact::Medium => "medium",
            Impact::High => "high",
            Impact::Breaking => "breaking",
        }
    }
}

/// The impact of a change to an object (`part` is `None`) or to a part of it.
pub fn impact_of(what: ChangeKind, object: Kind, part: Option<PartKind>, before: &Value, after: &Value) -> Impact {
    match part {
        Some(part) => of_part(what, part, before, after),
        None => of_object(what, object),
    }
}

fn of_object(what: ChangeKind, object: Kind) -> Impact {
    match what {
        ChangeKind::Added | ChangeKind::CommentChanged => Impact::Low,
        ChangeKind::Dropped | ChangeKind::Renamed | ChangeKind::Moved => Impact::Breaking,
        ChangeKind::Recreated if object == Kind::Table => Impact::Breaking,
        ChangeKind::Recreated | ChangeKind::Redefined | ChangeKind::TypeChanged => Impact::High,
        ChangeKind::PrivilegesChanged | ChangeKind::OwnerChanged => Impact::High,
        _ => Impact::Medium,
    }
}

fn of_part(what: ChangeKind, part: PartKind, before: &Value, after: &Value) -> Impact {
    use ChangeKind::{Added, CommentChanged, Dropped, Moved, NullabilityChanged, Renamed, TypeChanged};
    match (part, what) {
        (_, CommentChanged) => Impact::Low,
        (PartKind::Column, Dropped | Renamed | Moved) => Impact::Breaking,
        (PartKind::Column, TypeChanged) => Impact::High,
        // NOT NULL newly required refuses rows that were accepted.
        (PartKind::Column, NullabilityChanged) if after.get("not_null").is_some() => Impact::High,
        (PartKind::Column, Added) => {
            let required = after.get("not_null").is_some();
            let filled = ["default", "identity", "generated"]
                .iter()
                .any(|name| after.get(*name).is_some());
            if required && !filled { Impact::High } else { Impact::Low }
        }
        (PartKind::Value, Dropped | Renamed) => Impact::Breaking,
        (PartKind::Value, _) => Impact::Low,
        // A new constraint refuses rows that were accepted; one that is gone lets rows in.
        (PartKind::Constraint, Added) => Impact::High,
        (PartKind::Constraint | PartKind::Policy, Dropped) => Impact::Medium,
        (PartKind::Policy | PartKind::Trigger | PartKind::Rule, _) => Impact::High,
        (_, ChangeKind::PrivilegesChanged) => Impact::High,
        (PartKind::Index, Added) if before.is_null() && after.get("unique").is_some() => Impact::High,
        (PartKind::Index | PartKind::Statistics, Added) => Impact::Low,
        _ => Impact::Medium,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_required_column_without_default_is_worse_than_an_optional_one() {
        let added = |after| {
            impact_of(
                ChangeKind::Added,
                Kind::Table,
                Some(PartKind::Column),
                &Value::Null,
                &after,
            )
        };
        assert_eq!(added(json!({"type": "text"})), Impact::Low);
        assert_eq!(added(json!({"type": "text", "not_null": true})), Impact::High);
        assert_eq!(added(json!({"not_null": true, "default": "''"})), Impact::Low);
    }

    #[test]
    fn steps_are_ordered() {
        assert!(Impact::Breaking > Impact::High && Impact::High > Impact::Medium && Impact::Medium > Impact::Low);
    }
}
