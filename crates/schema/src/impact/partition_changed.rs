//! A table is a partition or a child of another one, or no more, or of other bounds.

use super::{Subject, Verdict, medium};
use crate::change::ChangeKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.what == ChangeKind::PartitionChanged).then(|| medium("queries on the parent find other rows"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind};
    use serde_json::json;

    #[test]
    fn attached() {
        let told = judged(
            ChangeKind::PartitionChanged,
            Kind::Table,
            None,
            json!({}),
            json!({"partition_of": "p"}),
        );
        assert_eq!(told, ("partition_changed", Impact::Medium));
    }
}
