//! What PostgreSQL passes to an event-trigger function.

use pgrx::pg_sys;
use std::ffi::CStr;

use super::encoding::utf8;
use crate::error::{Error, Result};

/// The command that fired the trigger.
pub struct Command {
    /// Its tag, such as `ALTER TABLE`.
    pub tag: String,
    /// The owner of the event-trigger function: the extension's owner.
    pub owner: pg_sys::Oid,
}

/// Reads the call; an error when the function was not called by an event trigger.
///
/// # Safety
/// `fcinfo` is the argument PostgreSQL passed to the function.
pub unsafe fn command(fcinfo: pg_sys::FunctionCallInfo) -> Result<Command> {
    // SAFETY: as promised by the caller; the context's tag says what it is before it is read.
    unsafe {
        let context = (*fcinfo).context;
        if context.is_null() || (*context).type_ != pg_sys::NodeTag::T_EventTriggerData {
            return Err(Error::Postgres {
                code: pgrx::PgSqlErrorCode::ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED,
                message: "not called by the event trigger manager".to_owned(),
                detail: None,
                hint: None,
            });
        }
        let data = context.cast::<pg_sys::EventTriggerData>();
        let tag = CStr::from_ptr(pg_sys::GetCommandTagName((*data).tag))
            .to_string_lossy()
            .into_owned();
        let function = pg_sys::Datum::from((*(*fcinfo).flinfo).fn_oid);
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::PROCOID as i32, function);
        if tuple.is_null() {
            return Err(Error::Unsettled);
        }
        let owner = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>()).proowner;
        pg_sys::ReleaseSysCache(tuple);
        Ok(Command { tag, owner })
    }
}

/// Who is at work: the role that logged in and the one in force.
pub fn roles() -> (String, String) {
    let name = |oid| {
        // SAFETY: with noerr it gives NULL for a role that is gone.
        let name = unsafe { pg_sys::GetUserNameFromId(oid, true) };
        // SAFETY: not null, so a zero-terminated string.
        (!name.is_null()).then(|| utf8(unsafe { CStr::from_ptr(name) }.to_bytes()))
    };
    // SAFETY: both read globals.
    let (session, current) = unsafe { (pg_sys::GetSessionUserId(), pg_sys::GetUserId()) };
    (name(session).unwrap_or_default(), name(current).unwrap_or_default())
}

/// The session's application name.
pub fn application() -> String {
    // SAFETY: a zero-terminated string for as long as the process lives, or null early on.
    unsafe {
        match pg_sys::application_name.is_null() {
            true => String::new(),
            false => utf8(CStr::from_ptr(pg_sys::application_name).to_bytes()),
        }
    }
}

/// Takes the lock that inserting into a table of ours needs, without waiting for it: the user's DDL must
/// not wait for whoever holds our table. An error when it is held, or when there is no such table.
pub fn lock_without_waiting(table: &CStr) -> Result<()> {
    // SAFETY: with missing_ok both look-ups give InvalidOid for what is not there; the lock goes with the
    // (sub)transaction.
    let is_locked = unsafe {
        let schema = pg_sys::get_namespace_oid(c"schema_monitor".as_ptr(), true);
        let relation = pg_sys::get_relname_relid(table.as_ptr(), schema);
        relation != pg_sys::InvalidOid && pg_sys::ConditionalLockRelationOid(relation, pg_sys::RowExclusiveLock as i32)
    };
    if is_locked {
        return Ok(());
    }
    Err(Error::Postgres {
        code: pgrx::PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
        message: format!("table schema_monitor.{} is missing or locked", table.to_string_lossy()),
        detail: None,
        hint: None,
    })
}
