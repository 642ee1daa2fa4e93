//! What may be called from SQL: thin functions that check arguments, call a room and shape rows. Their
//! SQL declarations, comments and rights are in `sql/functions.sql`.

mod argument;
mod build;
mod check;
mod classify;
mod context;
mod diff;
mod embedding;
mod fingerprint;
mod join;
mod migration;
mod performance;
mod request;
mod search;
mod semantic;
mod status;
mod term;
mod validate;
mod visibility;
