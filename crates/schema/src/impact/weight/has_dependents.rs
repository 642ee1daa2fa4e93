//! `has_dependents`: what reads it meets the change, too.

use super::{Remark, Weight};
use crate::change::Change;
use crate::definition::PartKind;

pub(super) fn judge(change: &Change, weight: &Weight) -> Option<Remark> {
    // Nothing depends on how rows are found.
    let inside = matches!(
        change.part,
        Some((
            PartKind::Index | PartKind::Statistics | PartKind::Trigger | PartKind::Policy,
            _
        ))
    );
    if weight.dependents == 0 || inside {
        return None;
    }
    let depend = if weight.dependents == 1 {
        "object depends"
    } else {
        "objects depend"
    };
    Some(Remark {
        rule: "has_dependents",
        reason: format!(
            "{} {depend} on the relation directly: dependents() names them",
            weight.dependents
        ),
        raises: true,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Weight, example::weighed};
    use crate::{ChangeKind, Impact, PartKind};

    #[test]
    fn what_a_view_reads_is_more_dangerous_to_change() {
        let read = Weight {
            dependents: 2,
            ..Weight::default()
        };
        let told = weighed(ChangeKind::NullabilityChanged, PartKind::Column, &read);
        assert_eq!(told, (Impact::High, vec!["has_dependents"]));
        let told = weighed(ChangeKind::Dropped, PartKind::Index, &read);
        assert_eq!(told, (Impact::Medium, vec![]));
    }
}
