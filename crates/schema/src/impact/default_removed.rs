//! A column gets no value by itself any more.

use serde_json::Value;

use super::{Subject, Verdict, high, medium};
use crate::change::ChangeKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    let has = |value: &Value| {
        ["default", "identity", "generated"]
            .iter()
            .any(|name| value.get(*name).is_some())
    };
    if subject.what != ChangeKind::DefaultChanged || !has(subject.before) || has(subject.after) {
        return None;
    }
    let required = subject
        .attributes
        .is_some_and(|attributes| attributes.get("not_null").is_some());
    Some(match required {
        true => high("inserts that do not name it fail: it is required and has no default any more"),
        false => medium("rows inserted without a value get none"),
    })
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged_in;
    use crate::{ChangeKind, Impact};
    use serde_json::json;

    #[test]
    fn a_required_column_without_one_is_worse() {
        let told = |required| judged_in(ChangeKind::DefaultChanged, json!({"default": "1"}), json!({}), required);
        assert_eq!(told(json!({"not_null": true})), ("default_removed", Impact::High));
        assert_eq!(told(json!({})), ("default_removed", Impact::Medium));
        let other = judged_in(
            ChangeKind::DefaultChanged,
            json!({"default": "1"}),
            json!({"default": "2"}),
            json!({}),
        );
        assert_eq!(other.0, "default_changed");
    }
}
