//! What is asked for, as SQL, without PostgreSQL: an [`Intent`] says what a query is to give, a [`Plan`] how it is
//! put together, and its text follows from that.

mod fact;
mod fit;
mod interpret;
mod model;
mod plan;
mod reading;

pub use fact::{Column as FactColumn, Facts, Meaning, Reference, Table};
pub use interpret::{Interpretation, Taken, interpret, phrases};
pub use model::{Dimension, Direction, Filter, Function, Grain, Intent, Metric, Operator, Order, Time};
pub use plan::{Branch, Column, Condition, Distinct, Figure, Joined, Plan, Source, Values};
pub use reading::{Reading, read};
