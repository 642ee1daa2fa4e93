//! A label is gone or has another name.

use super::{Subject, Verdict, breaking};
use crate::change::ChangeKind;
use crate::definition::PartKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.is_of(PartKind::Value) && matches!(subject.what, ChangeKind::Dropped | ChangeKind::Renamed))
        .then(|| breaking("statements that write or compare the old label fail"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn a_label_more_is_none_less() {
        let told = |what| judged(what, Kind::Enum, Some(PartKind::Value), json!("a"), json!("b"));
        assert_eq!(told(ChangeKind::Dropped), ("enum_value_removed", Impact::Breaking));
        assert_eq!(told(ChangeKind::Renamed), ("enum_value_removed", Impact::Breaking));
        assert_eq!(told(ChangeKind::Added), ("added", Impact::Low));
    }
}
