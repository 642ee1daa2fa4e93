//! What a statement would do that has not been run: which lock it takes and for how much work, what is lost, and how
//! to do it more gently.
//!
//! A statement is taken apart elsewhere into [`Action`]s on relations. The locks are those of the manual (section
//! "Explicit Locking" and the pages of `ALTER TABLE`, `CREATE INDEX` and others), which a test compares with what
//! `pg_locks` shows when the statements are run.

mod hazard;
mod lock;
mod work;

pub use hazard::{Hazard, destroys_data, hazards};
pub use lock::{Lock, lock};
pub use work::{Work, work};

/// What a new column has in the rows that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// NULL.
    Nothing,
    /// A default that is computed once.
    Constant,
    /// A default that is computed for each row.
    PerRow,
}

/// A kind of constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstraintKind {
    /// `CHECK`.
    Check,
    /// `FOREIGN KEY`.
    Foreign,
    /// `PRIMARY KEY`.
    Primary,
    /// `UNIQUE`.
    Unique,
    /// `EXCLUDE`.
    Exclusion,
    /// `NOT NULL` with a name (PostgreSQL 18).
    NotNull,
}

/// One thing a statement does to one relation. Names of variants are the words of the statements.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named after the clause it stands for")]
pub enum Action {
    AddColumn {
        filled: Filled,
        not_null: bool,
        key: bool,
        check: bool,
        serial: bool,
    },
    DropColumn,
    AlterColumnType {
        /// Whether stored values have to be written anew.
        rewrites: bool,
    },
    SetDefault,
    SetNotNull {
        /// Whether a valid CHECK constraint says it already, so that no row is looked at.
        proved: bool,
    },
    DropNotNull,
    SetStatistics,
    SetColumnOptions,
    SetStorage,
    SetExpression,
    DropExpression,
    Identity,
    AddConstraint {
        kind: ConstraintKind,
        not_valid: bool,
        using_index: bool,
    },
    /// The other table of a foreign key that is added.
    Referenced,
    /// The other table of a foreign key that is dropped.
    Unreferenced,
    /// The other table of a foreign key that is made anew because its column gets another type.
    ReferenceRebuilt,
    /// The other table of a foreign key that is validated.
    ReferencedValidated,
    AlterConstraint,
    ValidateConstraint,
    DropConstraint,
    SetLogged,
    SetTablespace,
    SetAccessMethod,
    SetOptions {
        /// Whether it is a storage parameter that takes the weaker lock.
        gentle: bool,
    },
    Trigger,
    Rule,
    RowSecurity,
    ClusterOn,
    ReplicaIdentity,
    Inherit,
    InheritParent,
    NoInherit,
    OfType,
    Owner,
    AttachPartition,
    AttachedPartition,
    DetachPartition {
        concurrently: bool,
    },
    DetachedPartition {
        concurrently: bool,
    },
    Rename,
    RenameColumn,
    RenameIndex,
    RenameConstraint,
    RenameOther,
    SetSchema,
    CreateIndex {
        unique: bool,
        concurrently: bool,
    },
    DropIndex {
        concurrently: bool,
    },
    Reindex {
        concurrently: bool,
    },
    CreateTable,
    CreatePartition,
    CreateChild,
    CreateTableAs,
    CreateView,
    ReplaceView,
    RefreshMaterializedView {
        concurrently: bool,
    },
    DropTable,
    DropView,
    DropMaterializedView,
    DropSequence,
    DropSchema {
        cascade: bool,
    },
    DropOther {
        cascade: bool,
    },
    Truncate {
        cascade: bool,
    },
    CreateTrigger,
    DropTrigger,
    CreateRule,
    DropRule,
    CreatePolicy,
    AlterPolicy,
    DropPolicy,
    CreateStatistics,
    Comment,
    Grant,
    Revoke,
    Cluster,
    VacuumFull,
    AlterSequence,
    AddEnumValue,
    RenameEnumValue,
    AlterDomain {
        /// Whether the values that are stored are looked at.
        scans: bool,
    },
    CreateFunction {
        replace: bool,
    },
    CreateOther,
    AlterOther,
    /// A statement that changes no schema.
    NotDdl,
}

impl Action {
    /// What people call it: the variant's name in words.
    pub fn name(&self) -> String {
        let written = format!("{self:?}");
        let variant = written.split([' ', '{']).next().unwrap_or_default();
        let mut name = String::new();
        for (at, c) in variant.char_indices() {
            if c.is_ascii_uppercase() && at > 0 {
                name.push('_');
            }
            name.push(c.to_ascii_lowercase());
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_named_after_its_clause() {
        assert_eq!(Action::SetNotNull { proved: true }.name(), "set_not_null");
        assert_eq!(Action::Truncate { cascade: false }.name(), "truncate");
    }
}
