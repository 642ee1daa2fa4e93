//! Writing does other things: a trigger or a rule came, went or is another.

use super::{Subject, Verdict, high};
use crate::change::ChangeKind;
use crate::definition::PartKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    ((subject.is_of(PartKind::Trigger) || subject.is_of(PartKind::Rule)) && subject.what != ChangeKind::Renamed)
        .then(|| high("writing to it does other things"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn another_name_does_nothing() {
        let told = |what| judged(what, Kind::Table, Some(PartKind::Trigger), json!({}), json!({}));
        assert_eq!(told(ChangeKind::Dropped), ("trigger_changed", Impact::High));
        assert_eq!(told(ChangeKind::Renamed).0, "altered");
    }
}
