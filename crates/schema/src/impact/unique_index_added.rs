//! A unique index refuses what was accepted.

use super::{Subject, Verdict, high};
use crate::change::ChangeKind;
use crate::definition::PartKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.is_of(PartKind::Index) && subject.what == ChangeKind::Added && subject.after.get("unique").is_some())
        .then(|| high("rows that were accepted may be refused as duplicates"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn other_indexes_refuse_nothing() {
        let told = |after| {
            judged(
                ChangeKind::Added,
                Kind::Table,
                Some(PartKind::Index),
                json!(null),
                after,
            )
        };
        assert_eq!(told(json!({"unique": true})), ("unique_index_added", Impact::High));
        assert_eq!(told(json!({})), ("added", Impact::Low));
    }
}
