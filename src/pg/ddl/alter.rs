//! `ALTER TABLE` and what it does to columns and constraints.

use pgrx::pg_sys;
use schema::ddl::{Action, ConstraintKind, Filled};

use super::Reading;
use super::node::{are_gentle, calls, has_constrained_domain, name_of, type_of};
use crate::pg::coercion::rewrites;
use crate::pg::tree::{nodes, text};

impl Reading<'_> {
    /// # Safety
    /// As for [`Reading::statement`].
    pub(super) unsafe fn alter_table(&mut self, alter: &pg_sys::AlterTableStmt) {
        // SAFETY: as promised by the caller.
        unsafe {
            let relation = name_of(alter.relation);
            if alter.objtype == pg_sys::ObjectType::OBJECT_TYPE {
                return self.add(Action::AlterOther, None, None);
            }
            if alter.objtype == pg_sys::ObjectType::OBJECT_INDEX {
                return self.add(Action::SetOptions { gentle: true }, relation, None);
            }
            for command in nodes(alter.cmds) {
                self.alter_command(relation.clone(), &*command.cast::<pg_sys::AlterTableCmd>());
            }
        }
    }

    /// # Safety
    /// As for [`Reading::statement`].
    unsafe fn alter_command(&mut self, relation: Option<String>, command: &pg_sys::AlterTableCmd) {
        use pg_sys::AlterTableType as A;
        let table = relation.clone().unwrap_or_default();
        // SAFETY: as promised by the caller.
        let (column, action) = unsafe {
            let column = text(command.name);
            let own = column.clone().unwrap_or_default();
            let action = match command.subtype {
                A::AT_AddColumn => return self.add_column(relation, &*command.def.cast()),
                A::AT_ColumnDefault => Action::SetDefault,
                A::AT_DropNotNull => Action::DropNotNull,
                A::AT_SetNotNull => Action::SetNotNull {
                    proved: self.catalog.is_proved_not_null(&table, &own),
                },
                A::AT_DropExpression => Action::DropExpression,
                A::AT_SetStatistics => Action::SetStatistics,
                A::AT_SetOptions | A::AT_ResetOptions => Action::SetColumnOptions,
                A::AT_SetStorage | A::AT_SetCompression => Action::SetStorage,
                A::AT_DropColumn => Action::DropColumn,
                A::AT_AddConstraint => return self.add_constraint(relation, &*command.def.cast()),
                A::AT_AlterConstraint => Action::AlterConstraint,
                A::AT_ValidateConstraint => {
                    if let Some(other) = self.catalog.referenced_by(&table, &own) {
                        self.add(Action::ReferencedValidated, Some(other), None);
                    }
                    Action::ValidateConstraint
                }
                A::AT_DropConstraint => {
                    if let Some(other) = self.catalog.referenced_by(&table, &own) {
                        self.add(Action::Unreferenced, Some(other), None);
                    }
                    Action::DropConstraint
                }
                A::AT_AlterColumnType => {
                    for other in self.catalog.linked_by(&table, &own) {
                        self.add(Action::ReferenceRebuilt, Some(other), None);
                    }
                    self.alter_type(&table, &own, &*command.def.cast())
                }
                A::AT_ChangeOwner => Action::Owner,
                A::AT_ClusterOn | A::AT_DropCluster => Action::ClusterOn,
                A::AT_SetLogged | A::AT_SetUnLogged => Action::SetLogged,
                A::AT_SetAccessMethod => Action::SetAccessMethod,
                A::AT_SetTableSpace => Action::SetTablespace,
                A::AT_SetRelOptions | A::AT_ResetRelOptions | A::AT_ReplaceRelOptions => Action::SetOptions {
                    gentle: are_gentle(command.def.cast()),
                },
                A::AT_EnableTrig
                | A::AT_EnableAlwaysTrig
                | A::AT_EnableReplicaTrig
                | A::AT_DisableTrig
                | A::AT_EnableTrigAll
                | A::AT_DisableTrigAll
                | A::AT_EnableTrigUser
                | A::AT_DisableTrigUser => Action::Trigger,
                A::AT_EnableRule | A::AT_EnableAlwaysRule | A::AT_EnableReplicaRule | A::AT_DisableRule => Action::Rule,
                A::AT_AddInherit => {
                    self.add(Action::InheritParent, name_of(command.def.cast()), None);
                    Action::Inherit
                }
                A::AT_DropInherit => Action::NoInherit,
                A::AT_AddOf | A::AT_DropOf => Action::OfType,
                A::AT_ReplicaIdentity => Action::ReplicaIdentity,
                A::AT_EnableRowSecurity
                | A::AT_DisableRowSecurity
                | A::AT_ForceRowSecurity
                | A::AT_NoForceRowSecurity => Action::RowSecurity,
                A::AT_AttachPartition => {
                    let partition = &*command.def.cast::<pg_sys::PartitionCmd>();
                    self.add(Action::AttachedPartition, name_of(partition.name), None);
                    Action::AttachPartition
                }
                A::AT_DetachPartition => {
                    let partition = &*command.def.cast::<pg_sys::PartitionCmd>();
                    let concurrently = partition.concurrent;
                    self.add(
                        Action::DetachedPartition { concurrently },
                        name_of(partition.name),
                        None,
                    );
                    Action::DetachPartition { concurrently }
                }
                A::AT_AddIdentity | A::AT_SetIdentity | A::AT_DropIdentity => Action::Identity,
                #[cfg(any(feature = "pg17", feature = "pg18"))]
                A::AT_SetExpression => Action::SetExpression,
                _ => Action::AlterOther,
            };
            (column, action)
        };
        self.add(action, relation, column);
    }

    /// # Safety
    /// As for [`Reading::statement`].
    unsafe fn add_column(&mut self, relation: Option<String>, column: &pg_sys::ColumnDef) {
        use pg_sys::ConstrType as C;
        // SAFETY: as promised by the caller.
        unsafe {
            let name = text(column.colname);
            let type_name = text(pg_sys::TypeNameToString(column.typeName)).unwrap_or_default();
            let serial = matches!(
                type_name.as_str(),
                "serial" | "bigserial" | "smallserial" | "serial2" | "serial4" | "serial8"
            );
            let (mut filled, mut not_null, mut key, mut check) = (Filled::Nothing, column.is_not_null, false, false);
            if serial || has_constrained_domain(column.typeName) {
                filled = Filled::PerRow;
            }
            for node in nodes(column.constraints) {
                let constraint = &*node.cast::<pg_sys::Constraint>();
                match constraint.contype {
                    C::CONSTR_NOTNULL => not_null = true,
                    C::CONSTR_DEFAULT if filled != Filled::PerRow => {
                        filled = match self.is_volatile(constraint.raw_expr) {
                            true => Filled::PerRow,
                            false => Filled::Constant,
                        };
                    }
                    C::CONSTR_IDENTITY => (filled, not_null) = (Filled::PerRow, true),
                    C::CONSTR_GENERATED => filled = generated(constraint),
                    C::CONSTR_CHECK => check = true,
                    C::CONSTR_PRIMARY => (key, not_null) = (true, true),
                    C::CONSTR_UNIQUE => key = true,
                    C::CONSTR_FOREIGN => self.add(Action::Referenced, name_of(constraint.pktable), None),
                    _ => {}
                }
            }
            let action = Action::AddColumn {
                filled,
                not_null,
                key,
                check,
                serial,
            };
            self.add(action, relation, name);
        }
    }

    /// # Safety
    /// As for [`Reading::statement`].
    unsafe fn add_constraint(&mut self, relation: Option<String>, constraint: &pg_sys::Constraint) {
        use pg_sys::ConstrType as C;
        let kind = match constraint.contype {
            C::CONSTR_FOREIGN => ConstraintKind::Foreign,
            C::CONSTR_PRIMARY => ConstraintKind::Primary,
            C::CONSTR_UNIQUE => ConstraintKind::Unique,
            C::CONSTR_EXCLUSION => ConstraintKind::Exclusion,
            C::CONSTR_NOTNULL => ConstraintKind::NotNull,
            _ => ConstraintKind::Check,
        };
        // SAFETY: as promised by the caller.
        let referenced = unsafe { name_of(constraint.pktable) };
        if referenced.is_some() {
            self.add(Action::Referenced, referenced, None);
        }
        let action = Action::AddConstraint {
            kind,
            not_valid: constraint.skip_validation,
            using_index: !constraint.indexname.is_null(),
        };
        self.add(action, relation, None);
    }

    /// # Safety
    /// As for [`Reading::statement`].
    unsafe fn alter_type(&self, table: &str, column: &str, wanted: &pg_sys::ColumnDef) -> Action {
        // SAFETY: as promised by the caller.
        let to = unsafe { type_of(wanted.typeName) };
        // What a USING computes has to be stored.
        let rewrites = match (self.catalog.column_type(table, column), to) {
            (Some(from), Some(to)) => !wanted.raw_default.is_null() || rewrites(from, to),
            _ => true,
        };
        Action::AlterColumnType { rewrites }
    }

    /// # Safety
    /// `expression` is a raw expression or null.
    unsafe fn is_volatile(&self, expression: *mut pg_sys::Node) -> bool {
        // SAFETY: as promised by the caller.
        unsafe { calls(expression) }
            .iter()
            .any(|function| self.catalog.is_volatile(function))
    }
}

/// A generated column that is stored is computed for each row.
fn generated(constraint: &pg_sys::Constraint) -> Filled {
    #[cfg(feature = "pg18")]
    if constraint.generated_kind as u8 == b'v' {
        return Filled::Constant;
    }
    let _ = constraint;
    Filled::PerRow
}
