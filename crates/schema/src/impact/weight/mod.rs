//! What no linter of files can know: how much is there, who depends on it, who reads it.
//!
//! Each rule may add a remark to a change that is more than low; what makes a medium change dangerous raises it to
//! high. Weight never lowers an impact: what nobody has read since the statistics began may be read tomorrow.

mod has_dependents;
mod in_use;
mod large_relation;
mod named_by_statements;

use super::Impact;
use crate::change::Change;

/// What is known of a relation now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weight {
    /// Estimated number of rows, with those of its partitions.
    pub rows: f64,
    /// Size in bytes, as of the last vacuum or analyze.
    pub bytes: f64,
    /// Objects that depend on it directly: views, functions, foreign keys, policies, publications.
    pub dependents: i64,
    /// Sequential and index scans since the statistics began.
    pub scans: i64,
    /// The last of them, as text; from PostgreSQL 16 on.
    pub last_scan: Option<String>,
    /// Numbers of the statements of pg_stat_statements, where that is there, that name it; those that took longest first.
    pub statements: Vec<i64>,
}

/// What a rule adds to a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The name of the rule.
    pub rule: &'static str,
    /// Why, in words that people understand.
    pub reason: String,
    /// Whether it makes a medium change a high one.
    pub raises: bool,
}

type WeightRule = fn(&Change, &Weight) -> Option<Remark>;

static RULES: [WeightRule; 4] = [
    large_relation::judge,
    has_dependents::judge,
    in_use::judge,
    named_by_statements::judge,
];

/// Adds what the weight of the relation says to a change of it.
pub(crate) fn weigh(change: &mut Change, weight: &Weight) {
    if change.impact == Impact::Low {
        return;
    }
    change.remarks = RULES.iter().filter_map(|rule| rule(change, weight)).collect();
    if change.impact == Impact::Medium && change.remarks.iter().any(|remark| remark.raises) {
        change.impact = Impact::High;
    }
}

#[cfg(test)]
mod example {
    use super::*;
    use crate::change::ChangeKind;
    use crate::definition::{Kind, PartKind};
    use serde_json::Value;

    /// A change of a table that is medium by itself.
    pub(super) fn changed() -> Change {
        Change {
            what: ChangeKind::Altered,
            object: Kind::Table,
            part: None,
            before: Value::Null,
            after: Value::Null,
            impact: Impact::Medium,
            rule: "altered",
            reason: "",
            remarks: Vec::new(),
        }
    }

    /// Impact, and names of the rules that spoke, of such a change of a part.
    pub(super) fn weighed(what: ChangeKind, part: PartKind, weight: &Weight) -> (Impact, Vec<&'static str>) {
        let part = Some((part, "x".to_owned()));
        let mut change = Change {
            what,
            part,
            ..changed()
        };
        weigh(&mut change, weight);
        (change.impact, change.remarks.iter().map(|remark| remark.rule).collect())
    }
}
