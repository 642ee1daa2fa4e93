//! The only room with `unsafe`: PostgreSQL's C interface behind small safe functions, one file for each
//! subsystem. Nothing here knows what the extension is for.

pub mod acting;
pub mod coercion;
pub mod database;
pub mod ddl;
pub mod encoding;
pub mod event_trigger;
pub mod extension;
pub mod guc;
pub mod hook;
pub mod latch;
pub mod lookup;
pub mod mapped;
pub mod mask;
pub mod plan;
pub mod process;
pub mod query;
pub mod relation;
pub mod right;
pub mod scan;
pub mod shared;
pub mod socket;
pub mod statement;
pub mod subtransaction;
pub mod table;
pub mod thread;
pub mod time;
pub mod transaction;
mod tree;
pub mod vector;
pub mod worker;

/// Types of PostgreSQL that entry points and arguments name.
pub use pgrx::pg_sys::panic::ErrorReport;
pub use pgrx::pg_sys::{Datum, FunctionCallInfo, Oid};
