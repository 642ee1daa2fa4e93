//! Readers may meet a NULL where there was none.

use super::{Subject, Verdict, medium};
use crate::change::ChangeKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.what == ChangeKind::NullabilityChanged && subject.after.get("not_null").is_none())
        .then(|| medium("readers may meet NULL where there was none"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn of_a_column_and_of_a_domain() {
        for (kind, part) in [(Kind::Table, Some(PartKind::Column)), (Kind::Domain, None)] {
            let told = judged(
                ChangeKind::NullabilityChanged,
                kind,
                part,
                json!({"not_null": true}),
                json!({}),
            );
            assert_eq!(told, ("not_null_removed", Impact::Medium));
        }
    }
}
