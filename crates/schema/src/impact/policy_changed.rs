//! Who sees and writes which rows is decided otherwise.

use serde_json::Value;

use super::{Subject, Verdict, high, medium};
use crate::change::ChangeKind;
use crate::definition::PartKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    let row_security = |value: &Value| {
        value
            .as_object()
            .is_some_and(|all| all.keys().any(|name| name.contains("row_security")))
    };
    if subject.part.is_none() && (row_security(subject.before) || row_security(subject.after)) {
        return Some(high("rows may be hidden, refused or shown that were not"));
    }
    (subject.is_of(PartKind::Policy) && subject.what != ChangeKind::Renamed).then(|| match subject.what {
        ChangeKind::Dropped => medium("other rows are visible or writable"),
        _ => high("rows may be hidden or refused that were not"),
    })
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn policies_and_the_switch_that_turns_them_on() {
        let told = |what, part, after| judged(what, Kind::Table, part, json!({}), after);
        let policy = Some(PartKind::Policy);
        assert_eq!(
            told(ChangeKind::Added, policy, json!({})),
            ("policy_changed", Impact::High)
        );
        assert_eq!(
            told(ChangeKind::Dropped, policy, json!(null)),
            ("policy_changed", Impact::Medium)
        );
        let switch = told(ChangeKind::Altered, None, json!({"row_security": true}));
        assert_eq!(switch, ("policy_changed", Impact::High));
    }
}
