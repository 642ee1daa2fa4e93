//! What the effective user may see of a relation.
//!
//! A question about all relations asks for the rights on each. One look into the system cache costs some
//! microseconds the first time, and a session's first search would pay for ten thousand of them. So the
//! first question reads `pg_class` once and asks PostgreSQL about one relation of each combination of owner,
//! schema and access list: of those there are a handful. The answers are kept as PostgreSQL keeps a role's
//! memberships: for one role, until the caches they were read from are invalidated.

use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use crate::pg::scan;

/// How much of a relation the effective user may see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sight {
    /// All of it: a privilege on the relation.
    Whole,
    /// Only the columns there is a privilege on.
    Columns,
}

/// Privileges on a relation any of which makes it visible, as in `information_schema`.
const ON_RELATION: u32 = pg_sys::ACL_SELECT
    | pg_sys::ACL_INSERT
    | pg_sys::ACL_UPDATE
    | pg_sys::ACL_DELETE
    | pg_sys::ACL_TRUNCATE
    | pg_sys::ACL_REFERENCES
    | pg_sys::ACL_TRIGGER;

/// Privileges on a column any of which makes it visible.
const ON_COLUMN: u32 = pg_sys::ACL_SELECT | pg_sys::ACL_INSERT | pg_sys::ACL_UPDATE | pg_sys::ACL_REFERENCES;

/// What the answers are read from; a change in any of them is a reason to ask again.
const READ_FROM: [pg_sys::SysCacheIdentifier::Type; 6] = [
    pg_sys::SysCacheIdentifier::RELOID,
    pg_sys::SysCacheIdentifier::ATTNUM,
    pg_sys::SysCacheIdentifier::NAMESPACEOID,
    pg_sys::SysCacheIdentifier::AUTHOID,
    pg_sys::SysCacheIdentifier::AUTHMEMMEMROLE,
    // who manages the extension is a privilege on a function
    pg_sys::SysCacheIdentifier::PROCOID,
];

/// What one role may see.
struct Known {
    role: pg_sys::Oid,
    /// Counts invalidations at the time of reading.
    at: u64,
    relations: HashMap<u32, Sight>,
    /// Relations of which the role may see some columns at most, as long as nobody asked which.
    unsettled: HashSet<u32>,
    /// How many of those were settled one by one.
    settled: usize,
}

/// Unsettled relations looked at one by one, some ten look-ups each, before all are settled by one scan of
/// `pg_attribute`. Many roles have a use for a schema and none for some of its tables.
const SETTLE_ONE_BY_ONE: usize = 64;

thread_local! {
    static KNOWN: RefCell<Option<Known>> = const { RefCell::new(None) };
    /// Invalidations so far; 0 until the callback is registered.
    static INVALIDATIONS: Cell<u64> = const { Cell::new(0) };
}

/// What the effective user may see of a relation; `None` for nothing, and for relations of the system itself. A
/// superuser sees everything, what is not there included.
pub fn sight(relation: u32) -> Option<Sight> {
    // SAFETY: reads a global, and looks up a role whose answer PostgreSQL keeps.
    let (role, is_superuser) = unsafe {
        let role = pg_sys::GetUserId();
        (role, pg_sys::superuser_arg(role))
    };
    if is_superuser {
        return Some(Sight::Whole);
    }
    // Taken out while it is used: what is read may call back here.
    let mut known = match KNOWN.take() {
        Some(known) if known.role == role && known.at == INVALIDATIONS.get() => known,
        _ => Known::read(role),
    };
    let sight = known.sight(relation);
    KNOWN.set(Some(known));
    sight
}

impl Known {
    /// Reads the rights of a role on all relations that can be searched.
    fn read(role: pg_sys::Oid) -> Known {
        count_invalidations();
        let mut known = Known {
            role,
            // What is invalidated while this reads makes the answer stale at once.
            at: INVALIDATIONS.get(),
            relations: HashMap::new(),
            unsettled: HashSet::new(),
            settled: 0,
        };
        let mut alike = HashMap::new();
        scan::relations(|relation| {
            let (oid, schema, owner) = (relation.oid, relation.schema, relation.owner);
            if oid < pg_sys::FirstNormalObjectId || !matches!(relation.kind, 'r' | 'p' | 'f' | 'v' | 'm') {
                return;
            }
            match alike
                .entry((schema, owner, relation.access_list()))
                .or_insert_with(|| on_alike(role, oid, schema, owner))
            {
                Some(Sight::Whole) => drop(known.relations.insert(oid, Sight::Whole)),
                Some(Sight::Columns) => drop(known.unsettled.insert(oid)),
                None => (),
            }
        });
        known
    }

    fn sight(&mut self, relation: u32) -> Option<Sight> {
        if self.unsettled.contains(&relation) {
            if self.settled < SETTLE_ONE_BY_ONE {
                self.settle(relation);
            } else {
                self.settle_all();
            }
        }
        self.relations.get(&relation).copied()
    }

    fn settle(&mut self, relation: u32) {
        self.settled += 1;
        self.unsettled.remove(&relation);
        // SAFETY: look-ups by OID; a relation that has no name any more was dropped since the scan saw it.
        let result = unsafe {
            if pg_sys::get_rel_name(relation.into()).is_null() {
                return;
            }
            let any = pg_sys::AclMaskHow::ACLMASK_ANY;
            pg_sys::pg_attribute_aclcheck_all(relation.into(), self.role, ON_COLUMN.into(), any)
        };
        if result == GRANTED {
            self.relations.insert(relation, Sight::Columns);
        }
    }

    /// Without an access list of its own there is no privilege on a column alone, and few columns have one.
    fn settle_all(&mut self) {
        let unsettled = std::mem::take(&mut self.unsettled);
        scan::columns_with_access_list(|relation, column| {
            if unsettled.contains(&relation) && has_column(self.role, relation, column) {
                self.relations.insert(relation, Sight::Columns);
            }
        });
    }
}

/// Whether there is a privilege on a column, or on the whole relation.
pub fn sees_column(relation: u32, column: i16) -> bool {
    // SAFETY: reads a global.
    has_column(unsafe { pg_sys::GetUserId() }, relation, column)
}

fn has_column(role: pg_sys::Oid, relation: u32, column: i16) -> bool {
    let mut is_missing = false;
    // SAFETY: look-ups by OID and number; with is_missing given, what is not there is no error.
    unsafe {
        pg_sys::pg_attribute_aclcheck_ext(relation.into(), column, role, ON_COLUMN.into(), &mut is_missing) == GRANTED
    }
}

const GRANTED: pg_sys::AclResult::Type = pg_sys::AclResult::ACLCHECK_OK;

/// What holds for every relation of the same schema, owner and access list, columns aside; `None` where the
/// schema hides it.
fn on_alike(role: pg_sys::Oid, relation: u32, schema: u32, owner: u32) -> Option<Sight> {
    let mut is_missing = false;
    // SAFETY: look-ups by OID; with is_missing given, a relation dropped meanwhile is no error.
    unsafe {
        // A schema dropped since the scan saw it has no name any more; asking for rights on it would be an error.
        let usage = pg_sys::ACL_USAGE.into();
        if pg_sys::get_namespace_name(schema.into()).is_null()
            || pg_sys::object_aclcheck(pg_sys::NamespaceRelationId, schema.into(), role, usage) != GRANTED
        {
            return None;
        }
        // An owner may have revoked its own privileges, and can grant them again.
        let whole = pg_sys::has_privs_of_role(role, owner.into())
            || pg_sys::pg_class_aclcheck_ext(relation.into(), role, ON_RELATION.into(), &mut is_missing) == GRANTED;
        Some(if whole { Sight::Whole } else { Sight::Columns })
    }
}

/// How often answers became stale so far: kept answers are good as long as this stays.
pub fn invalidations() -> u64 {
    count_invalidations();
    INVALIDATIONS.get()
}

/// From the first call on, counts what makes answers stale.
fn count_invalidations() {
    if INVALIDATIONS.get() > 0 {
        return;
    }
    INVALIDATIONS.set(1);
    for cache in READ_FROM {
        // SAFETY: the callback lives as long as the process and is registered once.
        unsafe { pg_sys::CacheRegisterSyscacheCallback(cache as i32, Some(invalidated), pg_sys::Datum::from(0)) };
    }
}

/// PostgreSQL calls it when a row of such a cache may have changed, at times when nothing may fail.
unsafe extern "C-unwind" fn invalidated(_: pg_sys::Datum, _: i32, _: u32) {
    INVALIDATIONS.set(INVALIDATIONS.get() + 1);
}
