//! Whatever named a dropped object fails.

use super::{Subject, Verdict, breaking};
use crate::change::ChangeKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.what == ChangeKind::Dropped && subject.part.is_none())
        .then(|| breaking("every statement that names it fails"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind};
    use serde_json::json;

    #[test]
    fn of_every_kind() {
        for kind in [Kind::Table, Kind::Function, Kind::Enum, Kind::Schema] {
            let told = judged(ChangeKind::Dropped, kind, None, json!({"name": "a"}), json!(null));
            assert_eq!(told, ("object_dropped", Impact::Breaking));
        }
    }
}
