//! `named_by_statements`: statements that were run name it, as pg_stat_statements counted them.

use super::{Remark, Weight};
use crate::change::Change;

pub(super) fn judge(_: &Change, weight: &Weight) -> Option<Remark> {
    let statements = match weight.statements {
        0 => return None,
        1 => "1 statement that was run names".to_owned(),
        many => format!("{many} statements that were run name"),
    };
    Some(Remark {
        rule: "named_by_statements",
        reason: format!("{statements} it: see pg_stat_statements"),
        raises: false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Weight, example::weighed};
    use crate::{ChangeKind, Impact, PartKind};

    #[test]
    fn is_told_and_raises_nothing() {
        let named = Weight {
            statements: 3,
            ..Weight::default()
        };
        let told = weighed(ChangeKind::DefaultChanged, PartKind::Column, &named);
        assert_eq!(told, (Impact::Medium, vec!["named_by_statements"]));
    }
}
