//! What relies on positions meets other columns there.

use super::{Subject, Verdict, high, medium};
use crate::change::ChangeKind;
use crate::definition::Kind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.what == ChangeKind::ColumnOrderChanged).then(|| match subject.object {
        Kind::CompositeType => high("row values written for the old order are other values, or fail"),
        _ => medium("SELECT * and INSERT without columns meet another order"),
    })
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind};
    use serde_json::json;

    #[test]
    fn of_a_view() {
        let told = |kind| {
            judged(
                ChangeKind::ColumnOrderChanged,
                kind,
                None,
                json!(["a", "b"]),
                json!(["b", "a"]),
            )
        };
        assert_eq!(told(Kind::View), ("column_order_changed", Impact::Medium));
        assert_eq!(told(Kind::CompositeType), ("column_order_changed", Impact::High));
    }
}
