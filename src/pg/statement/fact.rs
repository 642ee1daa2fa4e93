//! What an analysed statement reads, writes and calls.

use pgrx::pg_sys;
use pgrx::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_void;
use std::rc::Rc;

use super::joined;
use crate::error::Result;
use crate::pg::ddl::node::{nodes, text};
use crate::pg::tree::children;

/// `FirstLowInvalidHeapAttributeNumber` of access/sysattr.h, by which sets of columns are shifted.
const SHIFT: i32 = -7;

/// What is known of a valid statement.
#[derive(Default)]
pub struct Statement {
    /// The command that writes or locks rows: INSERT, SELECT FOR UPDATE, SELECT INTO …; `None` for one that reads.
    pub writes: Option<&'static str>,
    /// Relations it needs a privilege on.
    pub relations: Vec<Used>,
    /// Functions it calls, operators' and casts' included, each once.
    pub functions: Vec<Function>,
    /// How many columns it gives.
    pub columns: usize,
    /// Where it asks for `*`, in characters from 1.
    pub star: Option<i32>,
    /// Names of relations of the same FROM that nothing joins, a pair for each query that has such.
    pub unjoined: Vec<(String, String)>,
    /// Columns that are cast before they are compared.
    pub casts: Vec<Cast>,
}

/// A relation and the columns of it that are read or written.
pub struct Used {
    /// Its OID.
    pub relation: u32,
    /// `attnum`s; 0 for the whole row.
    pub columns: Vec<i16>,
}

/// A function.
pub struct Function {
    /// Its name, without schema.
    pub name: String,
    /// Whether it may have effects.
    pub is_volatile: bool,
    /// Whether it is PostgreSQL's own.
    pub is_built_in: bool,
}

/// A column that a condition casts without being told to.
pub struct Cast {
    /// The column.
    pub column: String,
    /// The type it is cast to.
    pub to: String,
}

/// What is collected on the way through a query.
#[derive(Default)]
struct Walk {
    statement: Statement,
    functions: BTreeSet<u32>,
    relations: BTreeMap<u32, BTreeSet<i16>>,
}

/// Looks through an analysed query. A privilege that lacks is PostgreSQL's own error.
///
/// # Safety
/// `query` is what analysis gave.
pub(super) unsafe fn statement(query: *mut pg_sys::Query) -> Result<Statement> {
    let mut walk = Walk::default();
    // SAFETY: as promised by the caller; a utility statement that analysis gives for a SELECT is SELECT INTO.
    unsafe {
        let mut query = query;
        if (*query).commandType == pg_sys::CmdType::CMD_UTILITY {
            let utility = (*query).utilityStmt;
            if !utility.is_null() && (*utility).type_ == pg_sys::NodeTag::T_CreateTableAsStmt {
                walk.statement.writes = Some("SELECT INTO");
                query = (*utility.cast::<pg_sys::CreateTableAsStmt>()).query.cast();
            }
        }
        walk.statement.columns = nodes((*query).targetList)
            .into_iter()
            .filter(|target| !(*target.cast::<pg_sys::TargetEntry>()).resjunk)
            .count();
        walk.look(query);
        for function in std::mem::take(&mut walk.functions) {
            walk.statement.functions.push(called(function.into()));
        }
    }
    let used = |(relation, columns): (u32, BTreeSet<i16>)| Used {
        relation,
        columns: columns.into_iter().collect(),
    };
    walk.statement.relations = walk.relations.into_iter().map(used).collect();
    Ok(walk.statement)
}

/// # Safety
/// `walk` is a `Walk`.
#[pg_guard]
unsafe extern "C-unwind" fn note_function(function: pg_sys::Oid, walk: *mut c_void) -> bool {
    // SAFETY: as promised by the caller.
    unsafe { (*walk.cast::<Walk>()).functions.insert(function.to_u32()) };
    false
}

impl Walk {
    /// # Safety
    /// `query` is an analysed query.
    unsafe fn look(&mut self, query: *mut pg_sys::Query) {
        // Each with the queries around it, from the outermost on.
        let mut open: Vec<(*mut pg_sys::Node, Rc<[*mut pg_sys::Query]>)> = vec![(query.cast(), Rc::from([]))];
        while let Some((node, around)) = open.pop() {
            // SAFETY: as promised by the caller; children of an analysed query are parts of it, and a node is of the
            // type its tag says.
            unsafe {
                let within = if (*node).type_ == pg_sys::NodeTag::T_Query {
                    let within: Rc<[_]> = around.iter().copied().chain([node.cast()]).collect();
                    self.note(&*node.cast::<pg_sys::Query>(), &within);
                    within
                } else {
                    pg_sys::check_functions_in_node(node, Some(note_function), std::ptr::from_mut(self).cast());
                    around
                };
                open.extend(children(node).into_iter().map(|child| (child, within.clone())));
            }
        }
    }

    /// # Safety
    /// `query` is an analysed query, the last of `queries`, which are the ones around it.
    unsafe fn note(&mut self, query: &pg_sys::Query, queries: &[*mut pg_sys::Query]) {
        use pg_sys::CmdType as C;
        // SAFETY: as promised by the caller; the first call raises an error for a privilege that lacks.
        unsafe {
            pg_sys::ExecCheckPermissions(query.rtable, query.rteperminfos, true);
            for info in nodes(query.rteperminfos) {
                self.use_columns(&*info.cast::<pg_sys::RTEPermissionInfo>());
            }
            let writes = match query.commandType {
                C::CMD_INSERT => Some("INSERT"),
                C::CMD_UPDATE => Some("UPDATE"),
                C::CMD_DELETE => Some("DELETE"),
                C::CMD_MERGE => Some("MERGE"),
                _ if !query.rowMarks.is_null() => Some("SELECT FOR UPDATE or SHARE"),
                _ => None,
            };
            self.statement.writes = self.statement.writes.or(writes);
            self.statement.unjoined.extend(joined::unjoined(query, queries));
            self.statement.casts.extend(joined::casts(query));
        }
    }

    /// # Safety
    /// The sets are those of an analysed query.
    unsafe fn use_columns(&mut self, info: &pg_sys::RTEPermissionInfo) {
        let columns = self.relations.entry(info.relid.to_u32()).or_default();
        for set in [info.selectedCols, info.insertedCols, info.updatedCols] {
            let mut member = -1;
            loop {
                // SAFETY: as promised by the caller; an empty set has no member.
                member = unsafe { pg_sys::bms_next_member(set, member) };
                if member < 0 {
                    break;
                }
                columns.insert((member + SHIFT) as i16);
            }
        }
    }
}

/// What a function is; an error if the caller may not call it.
///
/// # Safety
/// `function` is named by an analysed query.
unsafe fn called(function: pg_sys::Oid) -> Function {
    // SAFETY: look-ups by OID; a function that is gone meanwhile has no name, and the error for it is PostgreSQL's.
    unsafe {
        let name = pg_sys::get_func_name(function);
        let allowed = pg_sys::object_aclcheck(
            pg_sys::ProcedureRelationId,
            function,
            pg_sys::GetUserId(),
            pg_sys::ACL_EXECUTE.into(),
        );
        if allowed != pg_sys::AclResult::ACLCHECK_OK {
            pg_sys::aclcheck_error(allowed, pg_sys::ObjectType::OBJECT_FUNCTION, name);
        }
        Function {
            name: text(name).unwrap_or_default(),
            is_volatile: pg_sys::func_volatile(function) as u8 == pg_sys::PROVOLATILE_VOLATILE,
            is_built_in: function.to_u32() < pg_sys::FirstNormalObjectId,
        }
    }
}
