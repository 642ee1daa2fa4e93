//! How dangerous a change is for those who use the object: rules with names, one in each file.
//!
//! The rules of this folder look at compatibility alone: would a statement that worked before fail, or silently
//! answer otherwise? The first rule that knows the change decides. Those in [`weight`] look at what is there: how large
//! the relation is, who depends on it, who reads it.

mod added;
mod altered;
mod column_dropped;
mod column_order_changed;
mod column_renamed;
mod comment_changed;
mod constraint_added;
mod constraint_removed;
mod default_changed;
mod default_removed;
mod enum_value_removed;
mod index_dropped;
mod not_null_added;
mod not_null_removed;
mod object_dropped;
mod object_recreated;
mod object_renamed;
mod owner_changed;
mod partition_changed;
mod policy_changed;
mod privilege_granted;
mod privilege_revoked;
mod redefined;
mod required_column_added;
mod signature_changed;
mod trigger_changed;
mod type_changed;
mod type_narrowed;
mod type_widened;
mod unique_index_added;
mod weight;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attributes::Attributes;
use crate::change::ChangeKind;
use crate::definition::{Kind, PartKind};

pub(crate) use weight::weigh;
pub use weight::{Remark, Weight};

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

/// What the rules look at.
pub(crate) struct Subject<'a> {
    /// What happened.
    pub what: ChangeKind,
    /// The kind of the object it happened to or in.
    pub object: Kind,
    /// The part it happened to; `None` for the object itself.
    pub part: Option<PartKind>,
    /// How that is declared now, or was where it is gone.
    pub attributes: Option<&'a Attributes>,
    /// What differs, as it was.
    pub before: &'a Value,
    /// What differs, as it is.
    pub after: &'a Value,
}

impl Subject<'_> {
    fn is_of(&self, part: PartKind) -> bool {
        self.part == Some(part)
    }
}

/// A rule, by the name that people find it by.
struct Rule {
    name: &'static str,
    judge: fn(&Subject<'_>) -> Option<Verdict>,
}

/// What a rule says of a change that it knows.
struct Verdict {
    impact: Impact,
    reason: &'static str,
}

/// What was said of a change, and by which rule.
pub(crate) struct Judgement {
    /// How dangerous it is.
    pub impact: Impact,
    /// The name of the rule.
    pub rule: &'static str,
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

/// The rules, by the names of their files, in the order in which they are asked.
macro_rules! rules {
    ($($rule:ident),* $(,)?) => {
        static RULES: &[Rule] = &[$(Rule { name: stringify!($rule), judge: $rule::judge }),*];
    };
}

rules![
    comment_changed,
    object_dropped,
    object_renamed,
    object_recreated,
    signature_changed,
    redefined,
    column_dropped,
    column_renamed,
    required_column_added,
    type_widened,
    type_narrowed,
    type_changed,
    not_null_added,
    not_null_removed,
    default_removed,
    default_changed,
    enum_value_removed,
    constraint_added,
    constraint_removed,
    unique_index_added,
    index_dropped,
    policy_changed,
    trigger_changed,
    privilege_revoked,
    privilege_granted,
    owner_changed,
    partition_changed,
    column_order_changed,
    added,
    altered,
];

/// What the first rule that knows the change says of it.
pub(crate) fn judge(subject: &Subject<'_>) -> Judgement {
    let (rule, Verdict { impact, reason }) = RULES
        .iter()
        .find_map(|rule| Some((rule.name, (rule.judge)(subject)?)))
        .unwrap_or(("altered", medium("it is declared otherwise")));
    Judgement { impact, rule, reason }
}

#[cfg(test)]
mod example {
    use super::*;
    use serde_json::json;

    /// Rule and impact of a change.
    pub(super) fn judged(
        what: ChangeKind,
        object: Kind,
        part: Option<PartKind>,
        before: Value,
        after: Value,
    ) -> (&'static str, Impact) {
        let (attributes, before, after) = (None, &before, &after);
        let judgement = judge(&Subject {
            what,
            object,
            part,
            attributes,
            before,
            after,
        });
        (judgement.rule, judgement.impact)
    }

    /// Those of a change of a table's column that is declared so now.
    pub(super) fn judged_in(what: ChangeKind, before: Value, after: Value, column: Value) -> (&'static str, Impact) {
        let attributes: Attributes = serde_json::from_value(column).expect("attributes");
        let judgement = judge(&Subject {
            what,
            object: Kind::Table,
            part: Some(PartKind::Column),
            attributes: Some(&attributes),
            before: &before,
            after: &after,
        });
        (judgement.rule, judgement.impact)
    }

    #[test]
    fn steps_are_ordered() {
        assert!(Impact::Breaking > Impact::High && Impact::High > Impact::Medium && Impact::Medium > Impact::Low);
    }

    #[test]
    fn something_is_said_of_whatever_comes() {
        let unknown = judged(ChangeKind::Altered, Kind::Schema, None, json!(null), json!(null));
        assert_eq!(unknown.0, "altered");
    }
}
