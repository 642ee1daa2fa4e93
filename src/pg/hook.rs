//! The ProcessUtility hook: what a statement says, and commands that no event trigger sees.

use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::RefCell;
use std::ffi::{CStr, c_char};

/// A utility statement as far as anybody here cares.
pub enum Statement {
    /// It needs a database without other sessions: DROP, RENAME, SET TABLESPACE, or as a template.
    NeedsEmptyDatabase(String),
    /// It is of interest when it has succeeded.
    Noted(Noted),
    /// Anything else.
    Other,
}

/// A statement that is of interest when it has succeeded.
#[derive(Clone, Copy)]
#[repr(C)]
pub enum Noted {
    /// Any other statement.
    Nothing,
    /// It ends a prepared transaction, which may have changed the schema.
    CommitPrepared,
    /// It installs this extension.
    OurExtension,
}

/// Called before each statement of a client.
pub type Before = fn(&Statement);

/// Called after each statement that has succeeded.
pub type After = fn(Noted);

static mut PREVIOUS: pg_sys::ProcessUtility_hook_type = None;
static mut BEFORE: Option<Before> = None;
static mut AFTER: Option<After> = None;

thread_local! {
    /// The text of the statements that are running, innermost last, and of some that ended by an error. PostgreSQL's processes have one
    /// thread; the cell is for the compiler.
    static RUNNING: RefCell<Vec<Option<String>>> = const { RefCell::new(Vec::new()) };
}

/// Longest text of a statement that is kept, in bytes.
const MAX_STATEMENT: usize = 8_000;

/// Installs the hook; for `_PG_init` under shared_preload_libraries only.
pub fn install(before: Before, after: After) {
    // SAFETY: at server start this process has one thread and runs no statement.
    unsafe {
        BEFORE = Some(before);
        AFTER = Some(after);
        PREVIOUS = pg_sys::ProcessUtility_hook;
        pg_sys::ProcessUtility_hook = Some(process_utility);
    }
}

/// The text of the statement that is running: its own slice of what the client sent.
pub fn running_statement() -> Option<String> {
    RUNNING.with_borrow(|running| running.last().cloned().flatten())
}

// Itself, not pgrx's wrapper of it: see process_utility.
unsafe extern "C-unwind" {
    fn standard_ProcessUtility(
        plan: *mut pg_sys::PlannedStmt,
        source: *const c_char,
        read_only_tree: bool,
        context: pg_sys::ProcessUtilityContext::Type,
        parameters: pg_sys::ParamListInfo,
        environment: *mut pg_sys::QueryEnvironment,
        receiver: *mut pg_sys::DestReceiver,
        completion: *mut pg_sys::QueryCompletion,
    );
}

/// PostgreSQL calls this for every utility statement.
///
/// An error of the statement must reach its client as it was raised, with its context, its position in the query and
/// the names of what it is about. pgrx's guard would take it apart and keep only some of that. So there is none here:
/// an error jumps over this frame, which holds nothing that would have to be dropped. What is ours is done in `enter`
/// and `leave`, which have a guard of their own.
#[allow(clippy::too_many_arguments, reason = "the hook's signature is PostgreSQL's")]
unsafe extern "C-unwind" fn process_utility(
    plan: *mut pg_sys::PlannedStmt,
    source: *const c_char,
    read_only_tree: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    receiver: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    // SAFETY: the arguments are PostgreSQL's, valid during the call, and passed on unchanged.
    unsafe {
        let entered = enter(plan, source, context);
        let next = PREVIOUS.unwrap_or(standard_ProcessUtility);
        next(
            plan,
            source,
            read_only_tree,
            context,
            parameters,
            environment,
            receiver,
            completion,
        );
        leave(entered);
    }
}

/// What `leave` must know. It is dropped by nobody when an error jumps away.
#[derive(Clone, Copy)]
#[repr(C)]
struct Entered {
    /// How many statements are running around this one.
    depth: usize,
    noted: Noted,
}

/// Before the statement. Those that ended by an error are still on the
/// list above that: nothing is called when an error jumps away. A statement straight from the client is the first.
///
/// # Safety
/// The arguments are those passed to the hook.
#[pg_guard]
unsafe extern "C-unwind" fn enter(
    plan: *mut pg_sys::PlannedStmt,
    source: *const c_char,
    context: pg_sys::ProcessUtilityContext::Type,
) -> Entered {
    if context == pg_sys::ProcessUtilityContext::PROCESS_UTILITY_TOPLEVEL {
        RUNNING.with_borrow_mut(Vec::clear);
    }
    let depth = RUNNING.with_borrow(Vec::len);
    let mut noted = Noted::Nothing;
    // A subcommand belongs to the statement that is already there.
    if context != pg_sys::ProcessUtilityContext::PROCESS_UTILITY_SUBCOMMAND {
        // SAFETY: as promised by the caller.
        let (text, statement) = unsafe { (slice(plan, source), classify((*plan).utilityStmt)) };
        RUNNING.with_borrow_mut(|running| running.push(text));
        // SAFETY: written once, before the hook was installed.
        if let Some(before) = unsafe { BEFORE } {
            before(&statement);
        }
        if let Statement::Noted(what) = statement {
            noted = what;
        }
    }
    Entered { depth, noted }
}

/// After the statement, if it succeeded.
#[pg_guard]
unsafe extern "C-unwind" fn leave(entered: Entered) {
    RUNNING.with_borrow_mut(|running| running.truncate(entered.depth));
    // SAFETY: written once, before the hook was installed.
    if let Some(after) = unsafe { AFTER } {
        after(entered.noted);
    }
}

/// The statement's own part of the source.
///
/// # Safety
/// Both pointers are those passed to the hook.
unsafe fn slice(plan: *mut pg_sys::PlannedStmt, source: *const c_char) -> Option<String> {
    // SAFETY: as promised by the caller; location and length lie within the source.
    unsafe {
        if source.is_null() || (*plan).stmt_location < 0 {
            return None;
        }
        let whole = CStr::from_ptr(source).to_bytes();
        let rest = whole.get((*plan).stmt_location as usize..)?;
        let own = match (*plan).stmt_len {
            0 => rest,
            length => rest.get(..length as usize)?,
        };
        let text = crate::pg::encoding::utf8(own.get(..MAX_STATEMENT).unwrap_or(own));
        Some(text.trim().to_owned())
    }
}

/// # Safety
/// `node` is the utility statement of the plan passed to the hook.
unsafe fn classify(node: *mut pg_sys::Node) -> Statement {
    let text = |name: *const c_char| {
        // SAFETY: names in parse trees are zero-terminated.
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
    };
    // SAFETY: a node is of the type its tag says.
    let database = unsafe {
        match (*node).type_ {
            pg_sys::NodeTag::T_DropdbStmt => text((*node.cast::<pg_sys::DropdbStmt>()).dbname),
            pg_sys::NodeTag::T_AlterDatabaseStmt => text((*node.cast::<pg_sys::AlterDatabaseStmt>()).dbname),
            pg_sys::NodeTag::T_RenameStmt => {
                let rename = node.cast::<pg_sys::RenameStmt>();
                match (*rename).renameType {
                    pg_sys::ObjectType::OBJECT_DATABASE => text((*rename).subname),
                    _ => None,
                }
            }
            pg_sys::NodeTag::T_CreatedbStmt => {
                let create = node.cast::<pg_sys::CreatedbStmt>();
                options((*create).options).find_map(|option| {
                    let name = text((*option).defname)?;
                    let value = (*option).arg;
                    let is_text = !value.is_null() && (*value).type_ == pg_sys::NodeTag::T_String;
                    (name == "template" && is_text).then(|| text((*value.cast::<pg_sys::String>()).sval))?
                })
            }
            pg_sys::NodeTag::T_TransactionStmt => {
                let transaction = node.cast::<pg_sys::TransactionStmt>();
                if (*transaction).kind == pg_sys::TransactionStmtKind::TRANS_STMT_COMMIT_PREPARED {
                    return Statement::Noted(Noted::CommitPrepared);
                }
                None
            }
            pg_sys::NodeTag::T_CreateExtensionStmt => {
                let create = node.cast::<pg_sys::CreateExtensionStmt>();
                if text((*create).extname).as_deref() == Some("schema_monitor") {
                    return Statement::Noted(Noted::OurExtension);
                }
                None
            }
            _ => None,
        }
    };
    database.map_or(Statement::Other, Statement::NeedsEmptyDatabase)
}

/// The options of a statement.
///
/// # Safety
/// `list` is a list of DefElem nodes, or null.
unsafe fn options(list: *mut pg_sys::List) -> impl Iterator<Item = *mut pg_sys::DefElem> {
    // SAFETY: as promised by the caller.
    let length = if list.is_null() { 0 } else { unsafe { (*list).length } };
    // SAFETY: indices below the length are cells of the list.
    (0..length as usize).map(move |at| unsafe { (*(*list).elements.add(at)).ptr_value.cast() })
}

/// The OID of a database by name; 0 when there is none.
pub fn database_by_name(name: &str) -> u32 {
    let Ok(name) = std::ffi::CString::new(name) else {
        return 0;
    };
    // SAFETY: with missing_ok it gives InvalidOid for what is not there.
    unsafe { pg_sys::get_database_oid(name.as_ptr(), true).to_u32() }
}

/// Whether the present role may drop or rename a database.
pub fn may_manage_database(oid: u32) -> bool {
    // SAFETY: reads the catalog; an OID that is no database is nobody's, and not asked for.
    oid != 0 && unsafe { pg_sys::object_ownercheck(pg_sys::DatabaseRelationId, oid.into(), pg_sys::GetUserId()) }
}
