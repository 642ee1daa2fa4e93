//! A column that could be left empty must have a value now.

use super::{Subject, Verdict, high};
use crate::change::ChangeKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.what == ChangeKind::NullabilityChanged && subject.after.get("not_null").is_some())
        .then(|| high("rows without a value, which were accepted, are refused"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn and_the_other_way_round_is_another_rule() {
        let part = Some(PartKind::Column);
        let told = |before, after| judged(ChangeKind::NullabilityChanged, Kind::Table, part, before, after);
        assert_eq!(
            told(json!({}), json!({"not_null": true})),
            ("not_null_added", Impact::High)
        );
        assert_eq!(told(json!({"not_null": true}), json!({})).0, "not_null_removed");
    }
}
