//! Dropped and made again under its name: a table has lost its rows, whatever it is its dependents.

use super::{Subject, Verdict, breaking, high};
use crate::change::ChangeKind;
use crate::definition::Kind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    if subject.what != ChangeKind::Recreated {
        return None;
    }
    Some(match subject.object {
        Kind::Table => breaking("it was dropped and made again: its rows are gone"),
        _ => high("it was dropped and made again: what depended on it may be gone"),
    })
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind};
    use serde_json::json;

    #[test]
    fn only_tables_lose_rows() {
        let told = |kind| judged(ChangeKind::Recreated, kind, None, json!(null), json!(null));
        assert_eq!(told(Kind::Table), ("object_recreated", Impact::Breaking));
        assert_eq!(told(Kind::View), ("object_recreated", Impact::High));
    }
}
