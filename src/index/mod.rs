//! What search reads, as verbs: [`refresh`] after a version, [`stale`] and [`upsert`] for vectors.
//!
//! Passages, terms and references are derived from definitions and written with the version that changes
//! them, so the lexical side is never behind. What to embed is derived, too, never queued: a passage needs
//! a vector when its hash or the model differs from the stored one, so a crash at any point loses nothing.

mod embedding;
mod lexicon;
mod model;
mod nearest;

pub use embedding::{Place, Stale, announce, forget_models, is_complete, leave_out, left_out, pending, stale, upsert};
pub use lexicon::{rebuild, refresh};
pub use model::{Model, adopt, swap};
pub use nearest::{Near, Nearest, columns_near, nearest, relations_near};
