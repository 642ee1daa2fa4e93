//! A column has another name.

use super::{Subject, Verdict, breaking};
use crate::change::ChangeKind;
use crate::definition::PartKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.is_of(PartKind::Column) && subject.what == ChangeKind::Renamed)
        .then(|| breaking("every statement that uses the old name fails"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn other_parts_than_columns_have_names_that_statements_do_not_use() {
        let told = |part| judged(ChangeKind::Renamed, Kind::Table, Some(part), json!("a"), json!("b"));
        assert_eq!(told(PartKind::Column), ("column_renamed", Impact::Breaking));
        assert_eq!(told(PartKind::Index).0, "altered");
    }
}
