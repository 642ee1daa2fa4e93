//! From a question to the right tables, without PostgreSQL and without a model.
//!
//! Identifiers are split into words ([`readable`]), the words and comments of a relation become a
//! [`Passage`] for the model and weighted terms for the lexical score ([`bm25`]), and both scores are
//! fused along foreign keys into one ranking ([`Ranking`]).

mod abbreviation;
mod answer;
mod bm25;
mod business;
mod column;
mod context;
mod formula;
mod join;
mod nearest;
mod passage;
mod rank;
mod segment;
mod semantic;
mod spelling;
mod term;
mod text;
mod thesaurus;
mod words;

pub use answer::{answerable, probability};
pub use bm25::{Asked, Corpus, Match, Matches, Posting, asked, bm25};
pub use business::{LONGEST_PHRASE, phrase_keys, reworded};
pub use column::{ColumnWords, Place, rank_columns};
pub use context::{Format, Frame, Table, TableColumn, TableReference, estimate_tokens, pack};
pub use formula::{Formula, filled, formulas};
pub use join::{
    Attribute, DECLARED_COST, Edge, Inferred, Keyed, MAX_TERMINALS, Tree, are_connected, infer, shared, trees,
};
pub use nearest::{likeness, nearest_names};
pub use passage::{Column, Passage, Relation, passages, terms_of};
pub use rank::{Candidate, KeyColumn, Parts, Ranked, Ranking, Weights, words_asked};
pub use semantic::{
    ColumnFacts, Guess, PURPOSES, Purpose, SEMANTICS, Semantic, TableFacts, column_semantic, display_name, label,
    labels, table_purpose,
};
pub use term::{Fit, MOST_VIEWS, REWORDED, TermColumn, ValueKind, rank_term};
pub use text::sanitize;
pub use words::{phrase_key, readable, split_identifier, terms};
