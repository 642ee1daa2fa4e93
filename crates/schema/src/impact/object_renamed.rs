//! A name that is used in statements is no more: renamed, or moved to another schema.

use super::{Subject, Verdict, breaking};
use crate::change::ChangeKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    match (subject.part, subject.what) {
        (None, ChangeKind::Renamed) => Some(breaking("every statement that uses the old name fails")),
        (None, ChangeKind::Moved) => Some(breaking("it is found under its old schema no more")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind};
    use serde_json::json;

    #[test]
    fn renamed_and_moved() {
        for what in [ChangeKind::Renamed, ChangeKind::Moved] {
            let told = judged(what, Kind::View, None, json!("a"), json!("b"));
            assert_eq!(told, ("object_renamed", Impact::Breaking));
        }
    }
}
