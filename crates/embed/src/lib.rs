//! Text → vector: model directory, tokenizer, ONNX session, pooling, batching.
//!
//! A [`ModelDirectory`] in Hugging Face layout is checked before anything is loaded; an [`Embedder`]
//! then turns queries and passages into unit vectors exactly as the model's own files say (prefixes,
//! pooling, normalisation, length). It loads ONNX Runtime through a [`Runtime`], which exists once per
//! process and refuses to start unless the library's telemetry is switched off.
//!
//! Nothing here knows PostgreSQL. [`protocol`] is what a process that embeds and its clients send each
//! other. A run can be stopped from another thread with a [`Canceller`].

mod batch;
mod directory;
mod embedder;
mod error;
mod pooling;
pub mod protocol;
mod runtime;
mod tokenizer;

pub use directory::{ModelDirectory, Pooling, Precision};
pub use embedder::{Canceller, Embedder, Purpose, Run};
pub use error::EmbedError;
pub use runtime::Runtime;
pub use tokenizer::Tokenizer;
