//! Whatever no other rule knows: it is the last one asked.

use super::{Subject, Verdict, medium};

pub(super) fn judge(_: &Subject<'_>) -> Option<Verdict> {
    Some(medium("it is declared otherwise"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind};
    use serde_json::json;

    #[test]
    fn a_storage_parameter() {
        let told = judged(
            ChangeKind::Altered,
            Kind::Table,
            None,
            json!({}),
            json!({"options": ["fillfactor=70"]}),
        );
        assert_eq!(told, ("altered", Impact::Medium));
    }
}
