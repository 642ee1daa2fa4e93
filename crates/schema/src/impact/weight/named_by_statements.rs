//! `named_by_statements`: statements that were run name it, as pg_stat_statements counted them.

use super::{Remark, Weight};
use crate::change::Change;

/// Statements that are named; the others are counted.
const NAMED: usize = 3;

pub(super) fn judge(_: &Change, weight: &Weight) -> Option<Remark> {
    let all = weight.statements.len();
    let named: Vec<String> = weight.statements.iter().take(NAMED).map(i64::to_string).collect();
    let (statements, more) = match all {
        0 => return None,
        1 => ("1 statement that was run names".to_owned(), ""),
        _ => (
            format!("{all} statements that were run name"),
            if all > NAMED { " …" } else { "" },
        ),
    };
    Some(Remark {
        rule: "named_by_statements",
        reason: format!("{statements} it: queryid {}{more}", named.join(", ")),
        raises: false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Weight;
    use super::super::example::{changed, weighed};
    use super::judge;
    use crate::{ChangeKind, Impact, PartKind};

    #[test]
    fn is_told_and_raises_nothing() {
        let named = Weight {
            statements: vec![11, -12, 13, 14],
            ..Weight::default()
        };
        let told = weighed(ChangeKind::DefaultChanged, PartKind::Column, &named);
        assert_eq!(told, (Impact::Medium, vec!["named_by_statements"]));
        let reason = judge(&changed(), &named).map(|remark| remark.reason);
        assert_eq!(
            reason.as_deref(),
            Some("4 statements that were run name it: queryid 11, -12, 13 …")
        );
    }
}
