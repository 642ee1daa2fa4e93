//! Somebody who was allowed to use it is not any more.

use serde_json::Value;

use super::{Subject, Verdict, high};
use crate::access::DEFAULT;
use crate::change::ChangeKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    let lost = |grantee: &str, letters: &str| {
        let now = subject.after.get(grantee).and_then(Value::as_str).unwrap_or_default();
        now != DEFAULT && letters.chars().any(|letter| letter != '*' && !now.contains(letter))
    };
    let had = subject.before.as_object()?;
    let revoked = had
        .iter()
        .any(|(grantee, letters)| lost(grantee, letters.as_str().unwrap_or_default()));
    (subject.what == ChangeKind::PrivilegesChanged && revoked)
        .then(|| high("who was allowed to use it is not any more"))
}

#[cfg(test)]
mod tests {
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind};
    use serde_json::json;

    #[test]
    fn granting_takes_nothing_away() {
        let told = |before, after| judged(ChangeKind::PrivilegesChanged, Kind::Table, None, before, after);
        let revoked = told(json!({"app": "arw"}), json!({"app": "r", "bi": "r"}));
        assert_eq!(revoked, ("privilege_revoked", Impact::High));
        assert_eq!(told(json!({"app": "r"}), json!({"app": "r*w"})).0, "privilege_granted");
        let owner = told(json!({"owner": "default"}), json!({"owner": "Drtx"}));
        assert_eq!(owner, ("privilege_revoked", Impact::High));
        assert_eq!(
            told(json!({"owner": "Drtx"}), json!({"owner": "default"})).0,
            "privilege_granted"
        );
    }
}
