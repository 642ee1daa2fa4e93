//! What a view or a function computes is another.

use super::{Subject, Verdict, high};
use crate::change::ChangeKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.what == ChangeKind::Redefined).then(|| high("what it computes may be another"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind};
    use serde_json::json;

    #[test]
    fn a_view_of_another_query() {
        let told = judged(
            ChangeKind::Redefined,
            Kind::View,
            None,
            json!({"query": "a"}),
            json!({"query": "b"}),
        );
        assert_eq!(told, ("redefined", Impact::High));
    }
}
