//! A column is gone with its values; of a view or composite type, with its name.

use super::{Subject, Verdict, breaking};
use crate::change::ChangeKind;
use crate::definition::{Kind, PartKind};

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    (subject.is_of(PartKind::Column) && subject.what == ChangeKind::Dropped).then(|| match subject.object {
        Kind::Table | Kind::MaterializedView => {
            breaking("every statement that names it fails, and its values are gone")
        }
        _ => breaking("every statement that names it fails"),
    })
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn of_a_table_and_of_a_view() {
        for kind in [Kind::Table, Kind::View] {
            let told = judged(
                ChangeKind::Dropped,
                kind,
                Some(PartKind::Column),
                json!({"type": "text"}),
                json!(null),
            );
            assert_eq!(told, ("column_dropped", Impact::Breaking));
        }
    }
}
