//! A column that must have a value and gets none by itself.

use super::{Subject, Verdict, high};
use crate::change::ChangeKind;
use crate::definition::{Kind, PartKind};

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    let filled = ["default", "identity", "generated"];
    (subject.is_of(PartKind::Column)
        && subject.what == ChangeKind::Added
        && subject.object == Kind::Table
        && subject.after.get("not_null").is_some()
        && filled.iter().all(|name| subject.after.get(*name).is_none()))
    .then(|| high("inserts that do not name it fail: it is required and has no default"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn a_default_fills_it() {
        let told = |after| {
            judged(
                ChangeKind::Added,
                Kind::Table,
                Some(PartKind::Column),
                json!(null),
                after,
            )
        };
        assert_eq!(told(json!({"not_null": true})), ("required_column_added", Impact::High));
        assert_eq!(told(json!({"not_null": true, "default": "''"})), ("added", Impact::Low));
        assert_eq!(told(json!({"type": "text"})), ("added", Impact::Low));
    }
}
