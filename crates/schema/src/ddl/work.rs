//! How much of the table an action has to go through while it holds its lock.

use super::{Action, ConstraintKind, Filled};

/// What is done with the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// Only catalogs are changed.
    Nothing,
    /// Every row is read.
    Scan,
    /// Every row is read and an index is built.
    IndexBuild,
    /// Every row and every index is written anew.
    Rewrite,
}

impl Work {
    /// The word used in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Work::Nothing => "nothing",
            Work::Scan => "scan",
            Work::IndexBuild => "index build",
            Work::Rewrite => "rewrite",
        }
    }

    /// Seconds it takes for a table of that size, as an order of magnitude. The rates are assumed, not measured: a
    /// second to read a gigabyte, five to build an index, twenty to write everything anew.
    pub fn seconds(self, bytes: u64) -> f64 {
        let gigabytes = bytes as f64 / f64::from(1 << 30);
        gigabytes
            * match self {
                Work::Nothing => 0.0,
                Work::Scan => 1.0,
                Work::IndexBuild => 5.0,
                Work::Rewrite => 20.0,
            }
    }
}

/// What an action does with the rows that are there.
pub fn work(action: &Action) -> Work {
    use Action as A;
    match action {
        A::AddColumn {
            filled: Filled::PerRow, ..
        }
        | A::AlterColumnType { rewrites: true }
        | A::SetLogged
        | A::SetTablespace
        | A::SetAccessMethod
        | A::SetExpression
        | A::Cluster
        | A::VacuumFull
        | A::RefreshMaterializedView { concurrently: false } => Work::Rewrite,
        A::AddColumn { key: true, .. } | A::CreateIndex { .. } | A::Reindex { .. } => Work::IndexBuild,
        A::AddColumn { check: true, .. } => Work::Scan,
        A::AddConstraint { using_index: true, .. } | A::AddConstraint { not_valid: true, .. } => Work::Nothing,
        A::AddConstraint { kind, .. } => match kind {
            ConstraintKind::Primary | ConstraintKind::Unique | ConstraintKind::Exclusion => Work::IndexBuild,
            ConstraintKind::Check | ConstraintKind::Foreign | ConstraintKind::NotNull => Work::Scan,
        },
        // the query is run, and what it gives compared with what is there
        A::RefreshMaterializedView { concurrently: true }
        | A::SetNotNull { proved: false }
        | A::ValidateConstraint
        | A::AttachedPartition
        | A::AlterDomain { scans: true } => Work::Scan,
        _ => Work::Nothing,
    }
}
