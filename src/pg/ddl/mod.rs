//! Statements taken apart by PostgreSQL's own parser. Nothing is analysed, planned or run.

mod alter;
mod node;

use pgrx::pg_sys;
use schema::ddl::Action;
use std::ffi::CString;

use node::{name_of, name_of_list, name_without_last};

use crate::error::{Error, Result};
use crate::pg::tree::{nodes, text};

/// One thing a statement does.
pub struct Step {
    /// Place of the statement among the others, from 1.
    pub ordinal: i32,
    /// The statement's own text.
    pub statement: String,
    /// What is done.
    pub action: Action,
    /// The relation it is done to, as it is written; `None` where it is no relation.
    pub relation: Option<String>,
    /// The column it is about.
    pub column: Option<String>,
}

/// What the parser cannot know, asked while the statement is taken apart.
pub trait Catalog {
    /// Type, modifier and OID of a column that is there.
    fn column_type(&self, relation: &str, column: &str) -> Option<(u32, i32)>;
    /// Whether a valid CHECK constraint says that a column is not null.
    fn is_proved_not_null(&self, relation: &str, column: &str) -> bool;
    /// Whether a function of that name may give another value at each call.
    fn is_volatile(&self, function: &str) -> bool;
    /// The other table of a foreign key.
    fn referenced_by(&self, relation: &str, constraint: &str) -> Option<String>;
    /// The other tables of the foreign keys a column is part of.
    fn linked_by(&self, relation: &str, column: &str) -> Vec<String>;
    /// The table of an index.
    fn table_of(&self, index: &str) -> Option<String>;
    /// Tables that a foreign key of this one points to.
    fn references(&self, relation: &str) -> Vec<String>;
}

/// Takes a text apart into what its statements do. A text that does not parse is the parser's own error.
pub fn steps(sql: &str, catalog: &dyn Catalog) -> Result<Vec<Step>> {
    let source = CString::new(sql).map_err(|_| Error::Argument {
        what: "a text without zero bytes",
        reason: "A statement cannot contain one.".to_owned(),
    })?;
    let mut reading = Reading {
        catalog,
        ordinal: 0,
        statement: String::new(),
        steps: Vec::new(),
    };
    // SAFETY: the parser copies what it keeps; its nodes live in the current memory context until the end of the call.
    unsafe {
        let list = pg_sys::raw_parser(source.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT);
        for raw in nodes(list) {
            let raw = raw.cast::<pg_sys::RawStmt>();
            let from = (*raw).stmt_location.max(0) as usize;
            let length = (*raw).stmt_len as usize;
            let bytes = source.to_bytes();
            let own = if length == 0 {
                &bytes[from..]
            } else {
                &bytes[from..(from + length).min(bytes.len())]
            };
            reading.ordinal += 1;
            reading.statement = String::from_utf8_lossy(own).trim().to_owned();
            reading.statement((*raw).stmt);
        }
    }
    Ok(reading.steps)
}

struct Reading<'a> {
    catalog: &'a dyn Catalog,
    ordinal: i32,
    statement: String,
    steps: Vec<Step>,
}

impl Reading<'_> {
    fn add(&mut self, action: Action, relation: Option<String>, column: Option<String>) {
        self.steps.push(Step {
            ordinal: self.ordinal,
            statement: self.statement.clone(),
            action,
            relation,
            column,
        });
    }

    /// # Safety
    /// `node` is a raw statement: of the type its tag says, with children of the types PostgreSQL's grammar gives them.
    unsafe fn statement(&mut self, node: *mut pg_sys::Node) {
        use pg_sys::NodeTag as T;
        // SAFETY: as promised by the caller, for every cast below.
        unsafe {
            match (*node).type_ {
                T::T_AlterTableStmt => self.alter_table(&*node.cast()),
                T::T_IndexStmt => {
                    let index = &*node.cast::<pg_sys::IndexStmt>();
                    let action = Action::CreateIndex {
                        unique: index.unique,
                        concurrently: index.concurrent,
                    };
                    self.add(action, name_of(index.relation), None);
                }
                T::T_DropStmt => self.drop(&*node.cast()),
                T::T_RenameStmt => self.rename(&*node.cast()),
                T::T_AlterObjectSchemaStmt => {
                    let moved = &*node.cast::<pg_sys::AlterObjectSchemaStmt>();
                    match name_of(moved.relation) {
                        Some(relation) => self.add(Action::SetSchema, Some(relation), None),
                        None => self.add(Action::AlterOther, None, None),
                    }
                }
                T::T_CreateStmt => self.create_table(&*node.cast()),
                T::T_CreateForeignTableStmt => {
                    self.create_table(&(*node.cast::<pg_sys::CreateForeignTableStmt>()).base);
                }
                T::T_CreateTableAsStmt => self.add(Action::CreateTableAs, None, None),
                T::T_ViewStmt => {
                    let view = &*node.cast::<pg_sys::ViewStmt>();
                    let name = name_of(view.view);
                    let action = if view.replace {
                        Action::ReplaceView
                    } else {
                        Action::CreateView
                    };
                    self.add(action, name, None);
                }
                T::T_RefreshMatViewStmt => {
                    let refresh = &*node.cast::<pg_sys::RefreshMatViewStmt>();
                    let action = Action::RefreshMaterializedView {
                        concurrently: refresh.concurrent,
                    };
                    self.add(action, name_of(refresh.relation), None);
                }
                T::T_TruncateStmt => {
                    let truncate = &*node.cast::<pg_sys::TruncateStmt>();
                    let cascade = truncate.behavior == pg_sys::DropBehavior::DROP_CASCADE;
                    for relation in nodes(truncate.relations) {
                        self.add(Action::Truncate { cascade }, name_of(relation.cast()), None);
                    }
                }
                T::T_CreateTrigStmt => {
                    let trigger = &*node.cast::<pg_sys::CreateTrigStmt>();
                    self.add(Action::CreateTrigger, name_of(trigger.relation), None);
                }
                T::T_RuleStmt => self.add(
                    Action::CreateRule,
                    name_of((*node.cast::<pg_sys::RuleStmt>()).relation),
                    None,
                ),
                T::T_CreatePolicyStmt => {
                    self.add(
                        Action::CreatePolicy,
                        name_of((*node.cast::<pg_sys::CreatePolicyStmt>()).table),
                        None,
                    );
                }
                T::T_AlterPolicyStmt => {
                    self.add(
                        Action::AlterPolicy,
                        name_of((*node.cast::<pg_sys::AlterPolicyStmt>()).table),
                        None,
                    );
                }
                T::T_ReindexStmt => self.reindex(&*node.cast()),
                T::T_ClusterStmt => self.add(
                    Action::Cluster,
                    name_of((*node.cast::<pg_sys::ClusterStmt>()).relation),
                    None,
                ),
                T::T_VacuumStmt => self.vacuum(&*node.cast()),
                T::T_CommentStmt => self.comment(&*node.cast()),
                T::T_GrantStmt => {
                    let grant = &*node.cast::<pg_sys::GrantStmt>();
                    let action = if grant.is_grant { Action::Grant } else { Action::Revoke };
                    self.add(action, None, None);
                }
                T::T_CreateStatsStmt => {
                    let statistics = &*node.cast::<pg_sys::CreateStatsStmt>();
                    for relation in nodes(statistics.relations) {
                        if (*relation).type_ == T::T_RangeVar {
                            self.add(Action::CreateStatistics, name_of(relation.cast()), None);
                        }
                    }
                }
                T::T_AlterSeqStmt => {
                    self.add(
                        Action::AlterSequence,
                        name_of((*node.cast::<pg_sys::AlterSeqStmt>()).sequence),
                        None,
                    );
                }
                T::T_AlterEnumStmt => {
                    let renames = !(*node.cast::<pg_sys::AlterEnumStmt>()).oldVal.is_null();
                    let action = if renames {
                        Action::RenameEnumValue
                    } else {
                        Action::AddEnumValue
                    };
                    self.add(action, None, None);
                }
                T::T_AlterDomainStmt => {
                    let domain = &*node.cast::<pg_sys::AlterDomainStmt>();
                    let skips = !domain.def.is_null()
                        && (*domain.def).type_ == T::T_Constraint
                        && (*domain.def.cast::<pg_sys::Constraint>()).skip_validation;
                    // C adds a constraint, V validates one, O sets NOT NULL
                    let scans = matches!(domain.subtype as u8, b'C' | b'V' | b'O') && !skips;
                    self.add(Action::AlterDomain { scans }, None, None);
                }
                T::T_CreateFunctionStmt => {
                    let replace = (*node.cast::<pg_sys::CreateFunctionStmt>()).replace;
                    self.add(Action::CreateFunction { replace }, None, None);
                }
                tag => {
                    let written = format!("{tag:?}");
                    let action = if written.starts_with("T_Create")
                        || written == "T_DefineStmt"
                        || written == "T_CompositeTypeStmt"
                    {
                        Action::CreateOther
                    } else if written.starts_with("T_Alter") || matches!(tag, T::T_SecLabelStmt | T::T_GrantRoleStmt) {
                        Action::AlterOther
                    } else if written.starts_with("T_Drop") {
                        Action::DropOther { cascade: false }
                    } else {
                        Action::NotDdl
                    };
                    self.add(action, None, None);
                }
            }
        }
    }

    /// # Safety
    /// As for [`Reading::statement`].
    unsafe fn create_table(&mut self, create: &pg_sys::CreateStmt) {
        use pg_sys::NodeTag as T;
        // SAFETY: as promised by the caller.
        unsafe {
            self.add(Action::CreateTable, name_of(create.relation), None);
            let partition = !create.partbound.is_null();
            for parent in nodes(create.inhRelations) {
                let action = if partition {
                    Action::CreatePartition
                } else {
                    Action::CreateChild
                };
                self.add(action, name_of(parent.cast()), None);
            }
            for element in nodes(create.tableElts) {
                let constraints = match (*element).type_ {
                    T::T_ColumnDef => nodes((*element.cast::<pg_sys::ColumnDef>()).constraints),
                    T::T_Constraint => vec![element],
                    _ => Vec::new(),
                };
                for node in constraints {
                    let constraint = &*node.cast::<pg_sys::Constraint>();
                    if constraint.contype == pg_sys::ConstrType::CONSTR_FOREIGN {
                        self.add(Action::Referenced, name_of(constraint.pktable), None);
                    }
                }
            }
        }
    }

    /// # Safety
    /// As for [`Reading::statement`].
    unsafe fn drop(&mut self, drop: &pg_sys::DropStmt) {
        use pg_sys::ObjectType as O;
        let cascade = drop.behavior == pg_sys::DropBehavior::DROP_CASCADE;
        // SAFETY: as promised by the caller.
        for object in unsafe { nodes(drop.objects) } {
            // SAFETY: relations, and triggers and their kin, are lists of names.
            let name = unsafe {
                let is_list = (*object).type_ == pg_sys::NodeTag::T_List;
                is_list.then(|| name_of_list(object)).flatten()
            };
            let action = match drop.removeType {
                O::OBJECT_TABLE | O::OBJECT_FOREIGN_TABLE => {
                    for other in self.catalog.references(name.as_deref().unwrap_or_default()) {
                        self.add(Action::Unreferenced, Some(other), None);
                    }
                    Action::DropTable
                }
                O::OBJECT_VIEW => Action::DropView,
                O::OBJECT_MATVIEW => Action::DropMaterializedView,
                O::OBJECT_SEQUENCE => Action::DropSequence,
                O::OBJECT_INDEX => {
                    let table = self.catalog.table_of(name.as_deref().unwrap_or_default());
                    self.add(
                        Action::DropIndex {
                            concurrently: drop.concurrent,
                        },
                        table,
                        None,
                    );
                    continue;
                }
                O::OBJECT_TRIGGER | O::OBJECT_RULE | O::OBJECT_POLICY => {
                    let action = match drop.removeType {
                        O::OBJECT_TRIGGER => Action::DropTrigger,
                        O::OBJECT_RULE => Action::DropRule,
                        _ => Action::DropPolicy,
                    };
                    // SAFETY: the relation's name with the trigger's, rule's or policy's behind it.
                    let relation = unsafe { name_without_last(object) };
                    self.add(action, relation, None);
                    continue;
                }
                O::OBJECT_SCHEMA => Action::DropSchema { cascade },
                _ => Action::DropOther { cascade },
            };
            let relation = match action {
                Action::DropSchema { .. } | Action::DropOther { .. } => None,
                _ => name,
            };
            self.add(action, relation, None);
        }
    }

    /// # Safety
    /// As for [`Reading::statement`].
    unsafe fn rename(&mut self, rename: &pg_sys::RenameStmt) {
        use pg_sys::ObjectType as O;
        // SAFETY: as promised by the caller.
        let (relation, column) = unsafe { (name_of(rename.relation), text(rename.subname)) };
        let action = match rename.renameType {
            O::OBJECT_TABLE | O::OBJECT_VIEW | O::OBJECT_MATVIEW | O::OBJECT_FOREIGN_TABLE | O::OBJECT_SEQUENCE => {
                // ALTER TABLE renames an index, too, and with the lock of an index
                match self.catalog.table_of(relation.as_deref().unwrap_or_default()) {
                    Some(_) => Action::RenameIndex,
                    None => Action::Rename,
                }
            }
            O::OBJECT_COLUMN => Action::RenameColumn,
            O::OBJECT_INDEX => Action::RenameIndex,
            O::OBJECT_TABCONSTRAINT => Action::RenameConstraint,
            O::OBJECT_TRIGGER | O::OBJECT_RULE | O::OBJECT_POLICY => Action::RenameConstraint,
            _ => Action::RenameOther,
        };
        self.add(action, relation, column);
    }

    /// # Safety
    /// As for [`Reading::statement`].
    unsafe fn reindex(&mut self, reindex: &pg_sys::ReindexStmt) {
        // SAFETY: as promised by the caller.
        unsafe {
            let concurrently = nodes(reindex.params)
                .into_iter()
                .any(|option| text((*option.cast::<pg_sys::DefElem>()).defname).as_deref() == Some("concurrently"));
            let own = name_of(reindex.relation);
            let table = match reindex.kind {
                pg_sys::ReindexObjectType::REINDEX_OBJECT_INDEX => {
                    self.catalog.table_of(own.as_deref().unwrap_or_default())
                }
                _ => own,
            };
            self.add(Action::Reindex { concurrently }, table, None);
        }
    }

    /// # Safety
    /// As for [`Reading::statement`].
    unsafe fn vacuum(&mut self, vacuum: &pg_sys::VacuumStmt) {
        // SAFETY: as promised by the caller.
        unsafe {
            let full = nodes(vacuum.options)
                .into_iter()
                .any(|option| text((*option.cast::<pg_sys::DefElem>()).defname).as_deref() == Some("full"));
            for relation in nodes(vacuum.rels) {
                let action = if full { Action::VacuumFull } else { Action::NotDdl };
                self.add(
                    action,
                    name_of((*relation.cast::<pg_sys::VacuumRelation>()).relation),
                    None,
                );
            }
        }
    }

    /// # Safety
    /// As for [`Reading::statement`].
    unsafe fn comment(&mut self, comment: &pg_sys::CommentStmt) {
        use pg_sys::ObjectType as O;
        // SAFETY: as promised by the caller: names of relations and columns are lists.
        let relation = unsafe {
            match comment.objtype {
                O::OBJECT_TABLE | O::OBJECT_VIEW | O::OBJECT_MATVIEW | O::OBJECT_FOREIGN_TABLE | O::OBJECT_SEQUENCE => {
                    name_of_list(comment.object)
                }
                O::OBJECT_COLUMN => name_without_last(comment.object),
                _ => None,
            }
        };
        match relation {
            Some(relation) => self.add(Action::Comment, Some(relation), None),
            None => self.add(Action::AlterOther, None, None),
        }
    }
}
