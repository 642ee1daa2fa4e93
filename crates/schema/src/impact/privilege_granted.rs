//! Somebody more is allowed to use it.

use super::{Subject, Verdict, low};
use crate::change::ChangeKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.what == ChangeKind::PrivilegesChanged).then(|| low("who was allowed to use it still is"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn to_a_column() {
        let part = Some(PartKind::Column);
        let told = judged(
            ChangeKind::PrivilegesChanged,
            Kind::Table,
            part,
            json!({}),
            json!({"bi": "r"}),
        );
        assert_eq!(told, ("privilege_granted", Impact::Low));
    }
}
