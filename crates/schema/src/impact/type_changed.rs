//! Another type, or another collation.

use super::{Subject, Verdict, high};
use crate::change::ChangeKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.what == ChangeKind::TypeChanged).then(|| high("values that fitted may not fit, and comparisons may fail"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn also_a_collation_alone() {
        let part = Some(PartKind::Column);
        let told = |before, after| judged(ChangeKind::TypeChanged, Kind::Table, part, before, after);
        let type_changed = told(json!({"type": "text"}), json!({"type": "integer"}));
        assert_eq!(type_changed, ("type_changed", Impact::High));
        let collation = told(json!({}), json!({"collation": "pg_catalog.\"C\""}));
        assert_eq!(collation, ("type_changed", Impact::High));
    }
}
