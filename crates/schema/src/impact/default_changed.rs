//! A column gets another value by itself.

use super::{Subject, Verdict, medium};
use crate::change::ChangeKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.what == ChangeKind::DefaultChanged).then(|| medium("rows inserted without a value get another"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn also_where_there_was_none() {
        let told = judged(
            ChangeKind::DefaultChanged,
            Kind::Table,
            Some(PartKind::Column),
            json!({}),
            json!({"default": "1"}),
        );
        assert_eq!(told, ("default_changed", Impact::Medium));
    }
}
