//! `large_relation`: what takes long, or makes queries slow, does so in proportion to the rows.

use super::{Remark, Weight};
use crate::change::{Change, ChangeKind};
use crate::definition::PartKind;

/// From here on a scan of all rows is felt: some hundred milliseconds on common machines.
const ROWS: f64 = 1e6;
const BYTES: f64 = (1u64 << 27) as f64;

pub(super) fn judge(change: &Change, weight: &Weight) -> Option<Remark> {
    if weight.rows < ROWS && weight.bytes < BYTES {
        return None;
    }
    let loses_a_path = change.what == ChangeKind::Dropped
        && matches!(
            change.part,
            Some((PartKind::Index | PartKind::Statistics | PartKind::Constraint, _))
        );
    Some(Remark {
        rule: "large_relation",
        reason: format!(
            "the relation is large: about {:.0} rows in {:.0} MB",
            weight.rows,
            weight.bytes / (1u64 << 20) as f64
        ),
        raises: loses_a_path,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Weight, example::weighed};
    use crate::{ChangeKind, Impact, PartKind};

    #[test]
    fn an_index_dropped_from_many_rows_is_dangerous() {
        let large = Weight {
            rows: 5e6,
            ..Weight::default()
        };
        let told = weighed(ChangeKind::Dropped, PartKind::Index, &large);
        assert_eq!(told, (Impact::High, vec!["large_relation"]));
        let told = weighed(ChangeKind::DefaultChanged, PartKind::Column, &large);
        assert_eq!(told, (Impact::Medium, vec!["large_relation"]));
        let told = weighed(ChangeKind::Dropped, PartKind::Index, &Weight::default());
        assert_eq!(told, (Impact::Medium, vec![]));
    }
}
