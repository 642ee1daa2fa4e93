//! Which lock an action takes on its relation.

use super::{Action, ConstraintKind};

/// Table-level locks, weakest first (manual, table 13.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lock {
    /// Conflicts only with the strongest.
    AccessShare,
    /// As `SELECT … FOR UPDATE` takes it.
    RowShare,
    /// As writers take it.
    RowExclusive,
    /// Neither readers nor writers wait; other schema changes and VACUUM do.
    ShareUpdateExclusive,
    /// Writers wait.
    Share,
    /// Writers wait.
    ShareRowExclusive,
    /// Writers and `SELECT … FOR UPDATE` wait.
    Exclusive,
    /// Everybody waits.
    AccessExclusive,
}

impl Lock {
    /// The name the manual has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Lock::AccessShare => "ACCESS SHARE",
            Lock::RowShare => "ROW SHARE",
            Lock::RowExclusive => "ROW EXCLUSIVE",
            Lock::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Lock::Share => "SHARE",
            Lock::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Lock::Exclusive => "EXCLUSIVE",
            Lock::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// Who waits meanwhile.
    pub fn blocks(self) -> &'static str {
        match self {
            Lock::AccessShare | Lock::RowShare | Lock::RowExclusive => "nobody",
            Lock::ShareUpdateExclusive => "schema changes",
            Lock::Share | Lock::ShareRowExclusive | Lock::Exclusive => "writes",
            Lock::AccessExclusive => "reads and writes",
        }
    }
}

/// The lock on the relation of the action; `None` where it takes none on a relation that is there.
pub fn lock(action: &Action) -> Option<Lock> {
    use Action as A;
    Some(match action {
        A::AddColumn { .. }
        | A::DropColumn
        | A::AlterColumnType { .. }
        | A::SetDefault
        | A::SetNotNull { .. }
        | A::DropNotNull
        | A::SetStorage
        | A::SetExpression
        | A::DropExpression
        | A::Identity
        | A::DropConstraint
        | A::Unreferenced
        | A::ReferenceRebuilt
        | A::SetLogged
        | A::SetTablespace
        | A::SetAccessMethod
        | A::Rule
        | A::RowSecurity
        | A::ReplicaIdentity
        | A::Inherit
        | A::NoInherit
        | A::OfType
        | A::Owner
        | A::AttachedPartition
        | A::DetachPartition { concurrently: false }
        | A::DetachedPartition { .. }
        | A::Rename
        | A::RenameColumn
        | A::RenameConstraint
        | A::SetSchema
        | A::DropIndex { concurrently: false }
        | A::CreatePartition
        | A::ReplaceView
        | A::RefreshMaterializedView { concurrently: false }
        | A::DropTable
        | A::DropView
        | A::DropMaterializedView
        | A::DropSequence
        | A::Truncate { .. }
        | A::DropTrigger
        | A::CreateRule
        | A::DropRule
        | A::CreatePolicy
        | A::AlterPolicy
        | A::DropPolicy
        | A::Cluster
        | A::VacuumFull
        | A::SetOptions { gentle: false } => Lock::AccessExclusive,
        A::AddConstraint { kind, .. } => match kind {
            ConstraintKind::Foreign => Lock::ShareRowExclusive,
            _ => Lock::AccessExclusive,
        },
        A::AlterConstraint => Lock::AccessExclusive,
        A::Referenced | A::Trigger | A::CreateTrigger | A::AlterSequence => Lock::ShareRowExclusive,
        A::RefreshMaterializedView { concurrently: true } => Lock::Exclusive,
        A::CreateIndex {
            concurrently: false, ..
        }
        | A::Reindex { concurrently: false } => Lock::Share,
        A::AlterDomain { scans: true } => Lock::Share,
        A::SetStatistics
        | A::SetColumnOptions
        | A::SetOptions { gentle: true }
        | A::ClusterOn
        | A::ValidateConstraint
        | A::InheritParent
        | A::CreateChild
        | A::AttachPartition
        | A::DetachPartition { concurrently: true }
        | A::CreateIndex { concurrently: true, .. }
        | A::DropIndex { concurrently: true }
        | A::Reindex { concurrently: true }
        | A::RenameIndex
        | A::CreateStatistics
        | A::Comment => Lock::ShareUpdateExclusive,
        A::ReferencedValidated => Lock::RowShare,
        A::RenameOther
        | A::CreateTable
        | A::CreateTableAs
        | A::CreateView
        | A::DropSchema { .. }
        | A::DropOther { .. }
        | A::Grant
        | A::Revoke
        | A::AddEnumValue
        | A::RenameEnumValue
        | A::AlterDomain { scans: false }
        | A::CreateFunction { .. }
        | A::CreateOther
        | A::AlterOther
        | A::NotDdl => return None,
    })
}
