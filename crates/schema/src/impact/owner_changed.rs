//! Only the owner may alter or drop it, and it is another one.

use super::{Subject, Verdict, high};
use crate::change::ChangeKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.what == ChangeKind::OwnerChanged).then(|| high("the former owner may not alter it any more"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind};
    use serde_json::json;

    #[test]
    fn of_a_table() {
        let told = judged(ChangeKind::OwnerChanged, Kind::Table, None, json!("a"), json!("b"));
        assert_eq!(told, ("owner_changed", Impact::High));
    }
}
