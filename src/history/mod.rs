//! Versions and changes as verbs: [`record`] compares the catalog with what is recorded and writes down
//! the difference.
//!
//! The catalog is the truth: captured events only say where to look. A comparison that finds nothing makes
//! no version. Objects keep an identity of their own, bound to an OID; what has another OID and the same
//! kind, schema and name is the same object made again.

mod activity;
mod adopt;
mod apply;
mod between;
mod compare;
mod event;
mod migration;
mod record;
mod retention;
mod stamp;
mod store;
mod term;
mod tool;
mod usage;
mod write;

pub use apply::{Applied, apply};
pub use between::{Difference, between, from_elsewhere};
pub use migration::migration;
pub use record::{Outcome, Request, record};
pub use retention::{forget_events, forget_versions};
pub use stamp::stamp;
pub use store::fingerprint_of_relation;
pub use usage::{Comparison, performance_since};
