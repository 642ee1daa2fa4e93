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

/// What a rule says of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How dangerous it is.
    pub impact: Impact,
    /// Why, in words that people understand.
    pub reason: &'static str,
}

const fn low(reason: &'static str) -> Verdict {
    let impact = Impact::Low;
    Verdict { impact, reason }
}

const fn medium(reason: &'static str) -> Verdict {
    let impact = Impact::Medium;
    Verdict { impact, reason }
}

const fn high(reason: &'static str) -> Verdict {
    let impact = Impact::High;
    Verdict { impact, reason }
}

const fn breaking(reason: &'static str) -> Verdict {
    let impact = Impact::Breaking;
    Verdict { impact, reason }
}

/// The impact of a change to an object (`part` is `None`) or to a part of it, and why.
pub fn impact_of(what: ChangeKind, object: Kind, part: Option<PartKind>, before: &Value, after: &Value) -> Verdict {
    match part {
        Some(part) => of_part(what, part, before, after),
        None => of_object(what, object),
    }
}

fn of_object(what: ChangeKind, object: Kind) -> Verdict {
    match what {
        ChangeKind::Added => low("nothing uses it yet"),
        ChangeKind::CommentChanged => low("comments change no statement's result"),
        ChangeKind::Dropped => breaking("every statement that names it fails"),
        ChangeKind::Renamed => breaking("every statement that uses the old name fails"),
        ChangeKind::Moved => breaking("it is found under its old schema no more"),
        ChangeKind::Recreated if object == Kind::Table => breaking("it was dropped and made again: its rows are gone"),
        ChangeKind::Recreated => high("it was dropped and made again: what depended on it may be gone"),
        ChangeKind::Redefined => high("what it computes may be another"),
        ChangeKind::TypeChanged => high("values and comparisons of another type"),
        ChangeKind::PrivilegesChanged => high("who was allowed to use it may not be any more"),
        ChangeKind::OwnerChanged => high("the former owner may not alter it any more"),
        ChangeKind::PartitionChanged => medium("queries on the parent find other rows"),
        ChangeKind::ColumnOrderChanged => medium("SELECT * and INSERT without columns meet another order"),
        _ => medium("it is declared otherwise"),
    }
}

fn of_part(what: ChangeKind, part: PartKind, before: &Value, after: &Value) -> Verdict {
    use ChangeKind::{
        Added, CommentChanged, DefaultChanged, Dropped, NullabilityChanged, PrivilegesChanged, Renamed, TypeChanged,
    };
    match (part, what) {
        (_, CommentChanged) => low("comments change no statement's result"),
        (PartKind::Column, Dropped) => breaking("every statement that names it fails, and its values are gone"),
        (PartKind::Column, Renamed | ChangeKind::Moved) => breaking("every statement that uses the old name fails"),
        (PartKind::Column, TypeChanged) => high("values that fitted may not fit, and comparisons may fail"),
        (PartKind::Column, NullabilityChanged) if after.get("not_null").is_some() => {
            high("rows without a value, which were accepted, are refused")
        }
        (PartKind::Column, NullabilityChanged) => medium("readers may meet NULL where there was none"),
        (PartKind::Column, DefaultChanged) => medium("rows inserted without a value get another, or none"),
        (PartKind::Column, Added) => {
            let required = after.get("not_null").is_some();
            let filled = ["default", "identity", "generated"]
                .iter()
                .any(|name| after.get(*name).is_some());
            if required && !filled {
                high("inserts that do not name it fail: it is required and has no default")
            } else {
                low("inserts that do not name it go on")
            }
        }
        (PartKind::Value, Dropped | Renamed) => breaking("statements that write or compare the old label fail"),
        (PartKind::Value, _) => low("the labels there were go on"),
        (PartKind::Constraint, Added) => high("rows that were accepted may be refused"),
        (PartKind::Constraint, Dropped) => medium("rows that were refused get in"),
        (PartKind::Policy, Dropped) => medium("other rows are visible or writable"),
        (PartKind::Policy, _) => high("rows may be hidden or refused that were not"),
        (PartKind::Trigger | PartKind::Rule, _) => high("writing to it does other things"),
        (_, PrivilegesChanged) => high("who was allowed to use it may not be any more"),
        (PartKind::Index, Added) if before.is_null() && after.get("unique").is_some() => {
            high("rows that were accepted may be refused as duplicates")
        }
        (PartKind::Index | PartKind::Statistics, Added) => low("answers are the same, only faster"),
        (PartKind::Index | PartKind::Statistics, Dropped) => medium("queries that used it may become slow"),
        _ => medium("it is declared otherwise"),
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
            .impact
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
