//! What is asked beyond search: which relations a name means, how they are joined, what of them a prompt needs,
//! what business terms mean, whether a statement is right.
//!
//! Everything is read with the caller's rights, through the views that filter by them or from the catalogs with the
//! same checks. What is thought about it is in [`retrieve`] and [`schema`].

mod build;
mod context;
mod description;
mod find;
mod gather;
mod graph;
mod join;
mod name;
mod optimize;
mod owner;
mod repair;
mod request;
pub mod semantic;
mod suggest;
pub mod term;
mod validate;
mod value;

pub use build::{Built, answer, build};
pub use context::context;
pub use find::{Hit, find};
pub use gather::Filter;
pub use join::{Guesses, join_paths};
pub use name::resolve;
pub use optimize::advice;
pub use repair::repair;
pub use request::violations;
pub use validate::{Verdict, validate};
