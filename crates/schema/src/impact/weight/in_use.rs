//! `in_use`: how often it was read since the server's statistics began, and when last.

use super::{Remark, Weight};
use crate::change::Change;

pub(super) fn judge(_: &Change, weight: &Weight) -> Option<Remark> {
    if weight.scans == 0 {
        return None;
    }
    let last = weight.last_scan.as_deref();
    let last = last.map(|time| format!(", last at {time}")).unwrap_or_default();
    let times = if weight.scans == 1 {
        "once".to_owned()
    } else {
        format!("{} times", weight.scans)
    };
    Some(Remark {
        rule: "in_use",
        reason: format!("it was read {times} since its statistics began{last}"),
        raises: false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Weight, example::weighed};
    use crate::{ChangeKind, Impact, PartKind};

    #[test]
    fn is_told_and_raises_nothing() {
        let read = Weight {
            scans: 12,
            ..Weight::default()
        };
        let told = weighed(ChangeKind::DefaultChanged, PartKind::Column, &read);
        assert_eq!(told, (Impact::Medium, vec!["in_use"]));
    }
}
