//! Comments are for people: no statement notices.

use super::{Subject, Verdict, low};
use crate::change::ChangeKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.what == ChangeKind::CommentChanged).then(|| low("comments change no statement's result"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn whatever_it_is_on() {
        for part in [None, Some(PartKind::Column), Some(PartKind::Trigger)] {
            let told = judged(
                ChangeKind::CommentChanged,
                Kind::Table,
                part,
                json!({}),
                json!({"comment": "x"}),
            );
            assert_eq!(told, ("comment_changed", Impact::Low));
        }
    }
}
