//! Queries go on, some of them slowly: an index or a statistics object is gone.

use super::{Subject, Verdict, medium};
use crate::change::ChangeKind;
use crate::definition::PartKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    ((subject.is_of(PartKind::Index) || subject.is_of(PartKind::Statistics)) && subject.what == ChangeKind::Dropped)
        .then(|| medium("queries that used it may become slow"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn both() {
        for part in [PartKind::Index, PartKind::Statistics] {
            let told = judged(ChangeKind::Dropped, Kind::Table, Some(part), json!({}), json!(null));
            assert_eq!(told, ("index_dropped", Impact::Medium));
        }
    }
}
