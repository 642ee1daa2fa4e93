//! Rows that were accepted may be refused.

use super::{Subject, Verdict, high};
use crate::change::ChangeKind;
use crate::definition::PartKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.is_of(PartKind::Constraint) && subject.what == ChangeKind::Added)
        .then(|| high("rows that were accepted may be refused"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn of_every_type() {
        for after in [
            json!({"type": "check"}),
            json!({"type": "foreign_key"}),
            json!({"type": "unique"}),
        ] {
            let told = judged(
                ChangeKind::Added,
                Kind::Table,
                Some(PartKind::Constraint),
                json!(null),
                after,
            );
            assert_eq!(told, ("constraint_added", Impact::High));
        }
    }
}
