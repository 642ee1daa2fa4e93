//! Rows that were refused get in.

use super::{Subject, Verdict, medium};
use crate::change::ChangeKind;
use crate::definition::PartKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.is_of(PartKind::Constraint) && subject.what == ChangeKind::Dropped)
        .then(|| medium("rows that were refused get in"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn readers_may_rely_on_it() {
        let told = judged(
            ChangeKind::Dropped,
            Kind::Table,
            Some(PartKind::Constraint),
            json!({}),
            json!(null),
        );
        assert_eq!(told, ("constraint_removed", Impact::Medium));
    }
}
