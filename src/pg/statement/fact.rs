//! What an analysed statement reads, writes and calls.

use pgrx::pg_sys;
use pgrx::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString, c_void};
use std::rc::Rc;

use super::compared::{self, Conditions};
use super::{Wish, joined};
use crate::error::Result;
use crate::pg::encoding::utf8;
use crate::pg::query;
use crate::pg::tree::{children, nodes, text};

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
    /// The types of the columns it gives.
    pub columns: Vec<String>,
    /// Where it asks for `*`, in characters from 1.
    pub star: Option<i32>,
    /// Names of relations of the same FROM that nothing joins, a pair for each query that has such.
    pub unjoined: Vec<(String, String)>,
    /// Columns that are cast before they are compared.
    pub casts: Vec<Cast>,
    /// What its conditions compare.
    pub conditions: Conditions,
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
    /// Whether it always gives the same for the same arguments.
    pub is_immutable: bool,
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
    /// Domains that values are cast to.
    domains: BTreeSet<u32>,
    with_conditions: bool,
}

/// Looks through an analysed query. A privilege that lacks is PostgreSQL's own error. Where functions are wished for, also
/// what the query does not name itself is looked for them: views, policies, defaults of arguments, parts of aggregates,
/// checks of domains.
///
/// # Safety
/// `query` is what analysis gave.
pub(super) unsafe fn statement(query: *mut pg_sys::Query, wish: Wish) -> Result<Statement> {
    let mut walk = Walk {
        with_conditions: wish == Wish::Conditions,
        ..Walk::default()
    };
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
            .map(|target| target.cast::<pg_sys::TargetEntry>())
            .filter(|target| !(**target).resjunk)
            .map(|target| {
                let expression = (*target).expr.cast();
                let (of, modifier) = (pg_sys::exprType(expression), pg_sys::exprTypmod(expression));
                let name = pg_sys::format_type_with_typemod(of, modifier);
                utf8(CStr::from_ptr(name).to_bytes())
            })
            .collect();
        walk.look(query.cast(), Sight::Own);
        let own = walk.functions.clone();
        own.iter().for_each(|function| check_execute((*function).into()));
        if wish == Wish::Functions && walk.statement.writes.is_none() {
            walk.look_deeply(query)?;
        }
        walk.statement.functions = walk
            .functions
            .iter()
            .map(|function| described((*function).into()))
            .collect();
    }
    let used = |(relation, columns): (u32, BTreeSet<i16>)| Used {
        relation,
        columns: columns.into_iter().collect(),
    };
    walk.statement.relations = walk.relations.into_iter().map(used).collect();
    Ok(walk.statement)
}

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sight {
    /// What the statement says itself: the caller needs privileges on it, and is warned of it.
    Own,
    /// What PostgreSQL puts in its place: only what it calls and locks matters.
    Rewritten,
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
    /// `node` is an analysed query or part of one.
    unsafe fn look(&mut self, node: *mut pg_sys::Node, sight: Sight) {
        // Each with the queries around it, from the outermost on.
        let mut open: Vec<(*mut pg_sys::Node, Rc<[*mut pg_sys::Query]>)> = vec![(node, Rc::from([]))];
        while let Some((node, around)) = open.pop() {
            // SAFETY: as promised by the caller; children of an analysed query are parts of it, and a node is of the
            // type its tag says.
            unsafe {
                let mut children = children(node);
                let within = match (*node).type_ {
                    pg_sys::NodeTag::T_Query => {
                        let within: Rc<[_]> = around.iter().copied().chain([node.cast()]).collect();
                        self.note(&*node.cast::<pg_sys::Query>(), &within, sight);
                        within
                    }
                    pg_sys::NodeTag::T_FuncExpr => {
                        children.extend(defaults(&*node.cast::<pg_sys::FuncExpr>()));
                        around
                    }
                    pg_sys::NodeTag::T_CoerceToDomain => {
                        self.domains
                            .insert((*node.cast::<pg_sys::CoerceToDomain>()).resulttype.to_u32());
                        around
                    }
                    _ => around,
                };
                if (*node).type_ != pg_sys::NodeTag::T_Query {
                    pg_sys::check_functions_in_node(node, Some(note_function), std::ptr::from_mut(self).cast());
                }
                open.extend(children.into_iter().map(|child| (child, within.clone())));
            }
        }
    }

    /// # Safety
    /// `query` is an analysed query, whose relations are locked.
    unsafe fn look_deeply(&mut self, query: *mut pg_sys::Query) -> Result<()> {
        // SAFETY: as promised by the caller; the rewriter works on a copy, and evaluates nothing.
        unsafe {
            for rewritten in nodes(pg_sys::QueryRewrite(pg_sys::copyObjectImpl(query.cast()).cast())) {
                self.look(rewritten, Sight::Rewritten);
            }
        }
        for check in checks(&self.domains)? {
            // SAFETY: PostgreSQL wrote the text, and reads it back as the expression it was.
            unsafe { self.look(pg_sys::stringToNode(check.as_ptr()).cast(), Sight::Rewritten) };
        }
        self.functions.extend(parts_of_aggregates(&self.functions)?);
        Ok(())
    }

    /// # Safety
    /// `query` is an analysed query, the last of `queries`, which are the ones around it.
    unsafe fn note(&mut self, query: &pg_sys::Query, queries: &[*mut pg_sys::Query], sight: Sight) {
        use pg_sys::CmdType as C;
        // SAFETY: as promised by the caller; the first call raises an error for a privilege that lacks.
        unsafe {
            if sight == Sight::Own {
                pg_sys::ExecCheckPermissions(query.rtable, query.rteperminfos, true);
                for info in nodes(query.rteperminfos) {
                    self.use_columns(&*info.cast::<pg_sys::RTEPermissionInfo>());
                }
                self.statement.unjoined.extend(joined::unjoined(query, queries));
                self.statement.casts.extend(joined::casts(query));
                if self.with_conditions {
                    compared::conditions(query, queries, &mut self.statement.conditions);
                }
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

/// Raises PostgreSQL's error where the caller may not call a function.
///
/// # Safety
/// `function` is named by an analysed query.
unsafe fn check_execute(function: pg_sys::Oid) {
    // SAFETY: look-ups by OID; a function that is gone meanwhile has no name, and the error for it is PostgreSQL's.
    unsafe {
        let (class, role) = (pg_sys::ProcedureRelationId, pg_sys::GetUserId());
        let allowed = pg_sys::object_aclcheck(class, function, role, pg_sys::ACL_EXECUTE.into());
        if allowed != pg_sys::AclResult::ACLCHECK_OK {
            let name = pg_sys::get_func_name(function);
            pg_sys::aclcheck_error(allowed, pg_sys::ObjectType::OBJECT_FUNCTION, name);
        }
    }
}

/// # Safety
/// `function` is named by an analysed query.
unsafe fn described(function: pg_sys::Oid) -> Function {
    // SAFETY: look-ups by OID; a function that is gone meanwhile has no name.
    unsafe {
        Function {
            name: text(pg_sys::get_func_name(function)).unwrap_or_default(),
            is_volatile: pg_sys::func_volatile(function) as u8 == pg_sys::PROVOLATILE_VOLATILE,
            is_immutable: pg_sys::func_volatile(function) as u8 == pg_sys::PROVOLATILE_IMMUTABLE,
            is_built_in: function.to_u32() < pg_sys::FirstNormalObjectId,
        }
    }
}

/// Arguments that a call leaves to their defaults, as the planner would add them.
///
/// # Safety
/// The call is part of an analysed query.
unsafe fn defaults(call: &pg_sys::FuncExpr) -> Vec<*mut pg_sys::Node> {
    // SAFETY: as promised by the caller; the tuple is released after its last use, and the list is a copy where
    // anything is added.
    unsafe {
        let given = nodes(call.args);
        let key = pg_sys::Datum::from(call.funcid);
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::PROCOID as i32, key);
        if tuple.is_null() {
            return Vec::new();
        }
        let wanted = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>()).pronargs as usize;
        let all = match given.len() < wanted {
            true => nodes(pg_sys::expand_function_arguments(
                pg_sys::copyObjectImpl(call.args.cast()).cast(),
                false,
                call.funcresulttype,
                tuple,
            )),
            false => Vec::new(),
        };
        pg_sys::ReleaseSysCache(tuple);
        all
    }
}

const PARTS: &str = "
    SELECT a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn
    FROM pg_catalog.pg_aggregate AS a
    WHERE a.aggfnoid::pg_catalog.oid OPERATOR(pg_catalog.=) ANY ($1)";

/// The functions that those of them that are aggregates are made of.
fn parts_of_aggregates(functions: &BTreeSet<u32>) -> Result<Vec<u32>> {
    let oids: Vec<pg_sys::Oid> = functions.iter().map(|oid| (*oid).into()).collect();
    let mut found = Vec::new();
    query::read(PARTS, &[oids.into()], |row| {
        found.extend((0..6).map(|at| row.oid(at)).filter(|part| *part != 0));
        Ok(())
    })?;
    Ok(found)
}

const CHECKS: &str = "
    WITH RECURSIVE d(oid) AS (
        SELECT u.oid FROM pg_catalog.unnest($1) AS u(oid)
        UNION ALL
        SELECT t.typbasetype FROM d JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) d.oid
        WHERE t.typbasetype OPERATOR(pg_catalog.<>) 0
    )
    SELECT k.conbin::pg_catalog.text
    FROM d JOIN pg_catalog.pg_constraint AS k ON k.contypid OPERATOR(pg_catalog.=) d.oid
    WHERE k.conbin IS NOT NULL";

/// What the checks of domains, and of those they are made of, evaluate.
fn checks(domains: &BTreeSet<u32>) -> Result<Vec<CString>> {
    let mut found = Vec::new();
    if domains.is_empty() {
        return Ok(found);
    }
    let oids: Vec<pg_sys::Oid> = domains.iter().map(|oid| (*oid).into()).collect();
    query::read(CHECKS, &[oids.into()], |row| {
        found.extend(row.server_text(0).and_then(|text| CString::new(text).ok()));
        Ok(())
    })?;
    Ok(found)
}
