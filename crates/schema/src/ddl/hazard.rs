//! What can go wrong, by name, and what to do in its place.
//!
//! The names are those under which linters of migrations know them (squawk's rules, the hazards of pg-schema-diff),
//! in snake case; the README has the table.

use super::{Action, ConstraintKind, Filled};

/// One danger of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hazard {
    /// Its name.
    pub name: &'static str,
    /// What happens.
    pub reason: &'static str,
    /// How to do it more gently; empty where there is no such way.
    pub instead: &'static str,
}

const fn hazard(name: &'static str, reason: &'static str, instead: &'static str) -> Hazard {
    Hazard { name, reason, instead }
}

/// The dangers of an action, the gravest first.
pub fn hazards(action: &Action) -> Vec<Hazard> {
    use Action as A;
    let mut found = Vec::new();
    match action {
        A::AddColumn {
            filled,
            not_null,
            key,
            check,
            serial,
        } => {
            if *not_null && *filled == Filled::Nothing {
                found.push(hazard(
                    "adding_required_field",
                    "it fails if the table has rows, and inserts that do not name the column fail from now on",
                    "add it nullable or with a constant default, fill it, then SET NOT NULL by way of a NOT VALID check",
                ));
            }
            if *serial {
                found.push(hazard(
                    "adding_serial_primary_key_field",
                    "every row is written anew to give it a number",
                    "add the column nullable, fill it in batches, then set default and NOT NULL",
                ));
            } else if *filled == Filled::PerRow {
                found.push(hazard(
                    "adding_field_with_default",
                    "the default differs from row to row, so every row is written anew",
                    "add the column without the default, set the default for new rows, fill old rows in batches",
                ));
            }
            if *key {
                found.push(hazard(
                    "disallowed_unique_constraint",
                    "an index is built while nobody can read or write",
                    "add the column, build a unique index CONCURRENTLY, then ADD CONSTRAINT … USING INDEX",
                ));
            }
            if *check {
                found.push(hazard(
                    "constraint_missing_not_valid",
                    "every row is checked while nobody can read or write",
                    "add the constraint NOT VALID, then VALIDATE CONSTRAINT",
                ));
            }
        }
        A::DropColumn => found.push(hazard(
            "ban_drop_column",
            "its values are gone, and statements that name it fail",
            "stop using it first; drop it when nothing names it any more (expand and contract)",
        )),
        A::AlterColumnType { rewrites } => {
            if *rewrites {
                found.push(hazard(
                    "changing_column_type",
                    "every row and index is written anew while nobody can read or write",
                    "add a column of the new type, keep both in step by a trigger, fill in batches, then swap the names",
                ));
            } else {
                found.push(hazard(
                    "changing_column_type",
                    "clients may expect the former type; indexes on it may be built anew",
                    "",
                ));
            }
        }
        A::SetNotNull { proved: false } => found.push(hazard(
            "adding_not_nullable_field",
            "every row is looked at while nobody can read or write",
            "ADD CONSTRAINT … CHECK (column IS NOT NULL) NOT VALID, VALIDATE CONSTRAINT, SET NOT NULL, drop the check",
        )),
        A::DropNotNull => found.push(hazard(
            "ban_drop_not_null",
            "readers may meet NULL where there was none",
            "",
        )),
        A::AddConstraint {
            kind,
            not_valid,
            using_index,
        } => match kind {
            ConstraintKind::Check if !not_valid => found.push(hazard(
                "constraint_missing_not_valid",
                "every row is checked while nobody can read or write",
                "ADD CONSTRAINT … NOT VALID, then VALIDATE CONSTRAINT in another transaction",
            )),
            ConstraintKind::Foreign if !not_valid => found.push(hazard(
                "adding_foreign_key_constraint",
                "every row is checked while nobody can write to either table",
                "ADD CONSTRAINT … NOT VALID, then VALIDATE CONSTRAINT in another transaction",
            )),
            ConstraintKind::Primary | ConstraintKind::Unique if !using_index => found.push(hazard(
                "disallowed_unique_constraint",
                "an index is built while nobody can read or write",
                "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … USING INDEX",
            )),
            ConstraintKind::Exclusion => found.push(hazard(
                "adding_exclusion_constraint",
                "an index is built and every row checked while nobody can read or write",
                "",
            )),
            _ => {}
        },
        A::CreateIndex {
            concurrently: false, ..
        } => found.push(hazard(
            "require_concurrent_index_creation",
            "nobody can write to the table while the index is built",
            "CREATE INDEX CONCURRENTLY, outside a transaction block",
        )),
        A::CreateIndex { concurrently: true, .. }
        | A::DropIndex { concurrently: true }
        | A::Reindex { concurrently: true }
        | A::DetachPartition { concurrently: true } => found.push(hazard(
            "ban_concurrent_index_creation_in_transaction",
            "it cannot run in a transaction block, and waits for every older transaction",
            "",
        )),
        A::DropIndex { concurrently: false } => found.push(hazard(
            "require_concurrent_index_deletion",
            "it waits for every reader of the table, and everybody waits behind it; queries that used it become slow",
            "DROP INDEX CONCURRENTLY, outside a transaction block",
        )),
        A::Reindex { concurrently: false } => found.push(hazard(
            "require_concurrent_reindex",
            "nobody can write to the table, nor read by the index, while it is built",
            "REINDEX … CONCURRENTLY",
        )),
        A::DropTable | A::DropMaterializedView => {
            found.push(hazard(
                "ban_drop_table",
                "its rows are gone, and statements that name it fail",
                "",
            ));
        }
        A::Truncate { cascade } => {
            found.push(hazard(
                "ban_truncate",
                "all rows are gone",
                "DELETE in batches, if readers must go on",
            ));
            if *cascade {
                found.push(hazard(
                    "ban_truncate_cascade",
                    "the rows of every table that refers to it are gone, too",
                    "",
                ));
            }
        }
        A::DropSchema { cascade } | A::DropOther { cascade } if *cascade => {
            found.push(hazard(
                "ban_drop_cascade",
                "whatever depends on it is dropped unseen",
                "drop the dependents by name",
            ));
        }
        A::Rename => found.push(hazard(
            "renaming_table",
            "statements that use the old name fail",
            "rename it and make a view under the old name in one transaction",
        )),
        A::RenameColumn => found.push(hazard(
            "renaming_column",
            "statements that use the old name fail",
            "add a column under the new name, keep both in step, drop the old one when nothing names it",
        )),
        A::SetSchema => found.push(hazard("moving_relation", "statements that use the old schema fail", "")),
        A::SetLogged | A::SetTablespace | A::SetAccessMethod | A::SetExpression | A::Cluster | A::VacuumFull => {
            found.push(hazard(
                "table_rewrite",
                "every row and index is written anew while nobody can read or write",
                "",
            ));
        }
        A::RefreshMaterializedView { concurrently: false } => found.push(hazard(
            "require_concurrent_refresh",
            "nobody can read the view while its query runs",
            "REFRESH MATERIALIZED VIEW CONCURRENTLY, which wants a unique index",
        )),
        A::AttachedPartition => found.push(hazard(
            "attaching_unchecked_partition",
            "every row of the partition is checked against its bounds while nobody can use it",
            "add a CHECK constraint that says the same as the bounds, validated before",
        )),
        A::DetachPartition { concurrently: false } => found.push(hazard(
            "require_concurrent_partition_detach",
            "nobody can read or write the whole partitioned table meanwhile",
            "DETACH PARTITION … CONCURRENTLY, outside a transaction block",
        )),
        A::AlterDomain { scans: true } => found.push(hazard(
            "ban_alter_domain_with_add_constraint",
            "every table with a column of the domain is read while nobody can write to it",
            "ADD CONSTRAINT … NOT VALID, then VALIDATE CONSTRAINT",
        )),
        A::AddEnumValue => found.push(hazard(
            "adding_enum_value",
            "the value can be used only once the transaction is committed, and can never be removed",
            "",
        )),
        A::RenameEnumValue => found.push(hazard(
            "renaming_enum_value",
            "statements that name the old label fail",
            "",
        )),
        A::Revoke => found.push(hazard(
            "revoking_privileges",
            "who was allowed to use it may not be any more",
            "",
        )),
        A::CreateFunction { replace: true } => {
            found.push(hazard(
                "function_replaced",
                "what it computes may be another from the next call on",
                "",
            ));
        }
        A::ReplaceView => found.push(hazard("view_replaced", "what it computes may be another", "")),
        A::CreateTrigger | A::DropTrigger | A::Trigger | A::CreateRule | A::DropRule | A::Rule => {
            found.push(hazard(
                "trigger_or_rule_changed",
                "writing to the table does other things",
                "",
            ));
        }
        A::RowSecurity | A::CreatePolicy | A::AlterPolicy | A::DropPolicy => {
            found.push(hazard("row_security_changed", "other rows are visible or writable", ""));
        }
        _ => {}
    }
    found
}

/// Whether rows or values are gone afterwards.
pub fn destroys_data(action: &Action) -> bool {
    matches!(
        action,
        Action::DropColumn
            | Action::DropTable
            | Action::Truncate { .. }
            | Action::DropSchema { cascade: true }
            | Action::DropOther { cascade: true }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_safe_form_has_no_hazard_of_its_own() {
        let foreign = |not_valid| {
            hazards(&Action::AddConstraint {
                kind: ConstraintKind::Foreign,
                not_valid,
                using_index: false,
            })
        };
        assert_eq!(foreign(false)[0].name, "adding_foreign_key_constraint");
        assert!(foreign(true).is_empty());
        assert!(hazards(&Action::SetNotNull { proved: true }).is_empty());
        assert!(!hazards(&Action::SetNotNull { proved: false }).is_empty());
    }

    #[test]
    fn a_constant_default_is_no_hazard() {
        let add = |filled, not_null| {
            hazards(&Action::AddColumn {
                filled,
                not_null,
                key: false,
                check: false,
                serial: false,
            })
        };
        assert!(add(Filled::Constant, true).is_empty() && add(Filled::Nothing, false).is_empty());
        assert_eq!(add(Filled::Nothing, true)[0].name, "adding_required_field");
        assert_eq!(add(Filled::PerRow, false)[0].name, "adding_field_with_default");
    }
}
