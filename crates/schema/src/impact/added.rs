//! What is new is used by nobody yet.

use super::{Subject, Verdict, low};
use crate::change::ChangeKind;
use crate::definition::PartKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.what == ChangeKind::Added).then(|| match subject.part {
        None => low("nothing uses it yet"),
        Some(PartKind::Column) => low("inserts that do not name it go on"),
        Some(PartKind::Value) => low("the labels there were go on"),
        Some(_) => low("answers are the same, only faster"),
    })
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn objects_columns_labels_and_indexes() {
        for part in [
            None,
            Some(PartKind::Column),
            Some(PartKind::Value),
            Some(PartKind::Index),
        ] {
            let told = judged(ChangeKind::Added, Kind::View, part, json!(null), json!({}));
            assert_eq!(told, ("added", Impact::Low));
        }
    }
}
