//! ONNX Runtime, loaded once per process.
//!
//! The published library starts a telemetry thread unless `ORT_DISABLE_TELEMETRY=1` is in the
//! environment before it is initialised (measured with 1.31.1: it looks up an outside host after about
//! nine seconds), and the tokenizer opens a thread pool unless `TOKENIZERS_PARALLELISM=false`. A database
//! server must do neither, so loading is refused until both are set.

use ort::environment::Environment;
use std::path::Path;
use std::sync::OnceLock;

use crate::error::EmbedError;

/// The environment lives as long as the process: ONNX Runtime does not support making it twice.
static ENVIRONMENT: OnceLock<Result<Environment, EmbedError>> = OnceLock::new();

/// A loaded ONNX Runtime.
#[derive(Clone, Copy)]
pub struct Runtime {
    pub(crate) environment: &'static Environment,
}

impl Runtime {
    /// Loads the library from `path`, or gives the one already loaded in this process.
    pub fn load(path: &Path) -> Result<Runtime, EmbedError> {
        for (name, wanted) in [("ORT_DISABLE_TELEMETRY", "1"), ("TOKENIZERS_PARALLELISM", "false")] {
            if std::env::var(name).as_deref() != Ok(wanted) {
                return Err(EmbedError::UnsafeEnvironment(name));
            }
        }
        match ENVIRONMENT.get_or_init(|| open(path)) {
            Ok(environment) => Ok(Runtime { environment }),
            Err(error) => Err(error.clone()),
        }
    }
}

fn open(path: &Path) -> Result<Environment, EmbedError> {
    let failed = |reason: String| EmbedError::NoRuntime {
        path: path.to_owned(),
        reason,
    };
    let builder = ort::init_from(path).map_err(|error| failed(error.to_string()))?;
    builder
        .with_name("schema_monitor")
        .with_telemetry(false)
        .build()
        .map_err(|error| failed(error.to_string()))
}
