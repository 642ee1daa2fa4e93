//! Another list of arguments, or another result, of a function: calls are written for the old one.

use serde_json::Value;

use super::{Subject, Verdict, breaking};
use crate::change::ChangeKind;
use crate::definition::Kind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    let callable = matches!(subject.object, Kind::Function | Kind::Procedure | Kind::Aggregate);
    let named = |value: &Value| value.is_string() || value.get("arguments").is_some() || value.get("returns").is_some();
    (callable && subject.what == ChangeKind::Redefined && (named(subject.before) || named(subject.after)))
        .then(|| breaking("calls written for the old arguments or result fail, or answer otherwise"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind};
    use serde_json::json;

    #[test]
    fn a_body_alone_is_no_signature() {
        let told = |before, after| judged(ChangeKind::Redefined, Kind::Function, None, before, after);
        let result = told(json!({"returns": "integer"}), json!({"returns": "text"}));
        assert_eq!(result, ("signature_changed", Impact::Breaking));
        assert_eq!(
            told(json!("integer"), json!("bigint")),
            ("signature_changed", Impact::Breaking)
        );
        assert_eq!(told(json!({"body": "a"}), json!({"body": "b"})).0, "redefined");
    }
}
