//! A type that lacks some of the old one's values: what was written before may be refused or cut.

use serde_json::Value;

use super::type_widened::holds;
use super::{Subject, Verdict, high};
use crate::change::ChangeKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    let name = |value: &Value| value.get("type").and_then(Value::as_str).map(str::to_owned);
    let (from, to) = (name(subject.before)?, name(subject.after)?);
    (subject.what == ChangeKind::TypeChanged && from != to && holds(&from, &to))
        .then(|| high("values that fitted do not fit any more, and writing them fails"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn is_high() {
        let part = Some(PartKind::Column);
        let told = |before, after| {
            judged(
                ChangeKind::TypeChanged,
                Kind::Table,
                part,
                json!({"type": before}),
                json!({"type": after}),
            )
        };
        assert_eq!(told("bigint", "integer"), ("type_narrowed", Impact::High));
        assert_eq!(told("text", "character varying(10)"), ("type_narrowed", Impact::High));
        assert_eq!(told("text", "integer").0, "type_changed");
    }
}
