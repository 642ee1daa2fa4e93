//! What can go wrong between a text and its vector, each naming the file or limit it is about.

use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EmbedError {
    /// The model directory is not there.
    #[error("model directory \"{}\" does not exist", .0.display())]
    NoDirectory(PathBuf),
    /// A file that every model has is not there.
    #[error("model file \"{}\" does not exist", .0.display())]
    MissingFile(PathBuf),
    /// A file is there and cannot be used.
    #[error("model file \"{}\" cannot be used: {reason}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// Why, in the words of what read it.
        reason: String,
    },
    /// Its weights alone do not fit into what may be used.
    #[error("model file \"{}\" of {} MB does not fit into {} MB", path.display(), size >> 20, limit >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Size of the weights in bytes.
        size: u64,
        /// What may be used, in bytes.
        limit: u64,
    },
    /// Nothing in the directory says which prefixes the model was trained with.
    #[error("model directory \"{}\" does not say which prefixes the model wants", .0.display())]
    NoPrefixes(PathBuf),
    /// The ONNX Runtime library cannot be loaded.
    #[error("ONNX Runtime \"{}\" cannot be loaded: {reason}", path.display())]
    NoRuntime {
        /// The library.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The process environment would let a library open threads or connections of its own.
    #[error("environment variable {0} must be set before ONNX Runtime is loaded")]
    UnsafeEnvironment(&'static str),
    /// A text could not be cut into tokens.
    #[error("text cannot be tokenized: {0}")]
    Tokenize(String),
    /// The model could not be run.
    #[error("model cannot be run: {0}")]
    Inference(String),
    /// The model gave something that is not a finite vector of the stated dimension.
    #[error("model gave {0}")]
    BadOutput(String),
    /// The run was stopped through a [`crate::Canceller`].
    #[error("embedding was cancelled")]
    Cancelled,
}
