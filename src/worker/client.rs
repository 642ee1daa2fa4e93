//! Asking for vectors: from the embedder, or from a model loaded into this session if that is wanted.

use embed::{EmbedError, Embedder, ModelDirectory, Purpose, Runtime};
use std::cell::RefCell;

use super::protocol::{MAX_TEXTS, decode_answer, encode_request};
use crate::error::{Error, Result};
use crate::pg::shared::EmbedderState;
use crate::pg::thread::SignalsBlocked;
use crate::pg::{process, shared, socket};
use crate::settings;

/// Vectors and the model they are of.
pub struct Embedded {
    /// One for each text.
    pub vectors: Vec<Vec<f32>>,
    /// SHA-256 of the model's files.
    pub model: [u8; 32],
}

thread_local! {
    /// The model of a session that was told to load it.
    static IN_SESSION: RefCell<Option<Embedder>> = const { RefCell::new(None) };
}

/// What is known of the model that answers now.
pub struct ServingModel {
    /// SHA-256 of its files.
    pub hash: [u8; 32],
    /// Its name.
    pub name: String,
    /// Length of its vectors.
    pub dimensions: usize,
}

/// The model that would answer, or why none would.
pub fn serving_model() -> Result<ServingModel> {
    match shared::embedder() {
        Some(embedder) if embedder.state == EmbedderState::Ready => Ok(ServingModel {
            hash: embedder.model,
            name: embedder.name.get().unwrap_or_default(),
            dimensions: embedder.dimensions as usize,
        }),
        _ if settings::embed_in_session() => with_own(|embedder| {
            let directory = embedder.directory();
            Ok(ServingModel {
                hash: directory.hash,
                name: directory.name.clone(),
                dimensions: directory.dimensions,
            })
        }),
        Some(embedder) => Err(Error::Embedder(match embedder.state {
            EmbedderState::Loading => "the embedder is still loading the model".to_owned(),
            EmbedderState::Failed => embedder.error.get().unwrap_or_default(),
            EmbedderState::Down | EmbedderState::Ready => "the embedder is not running".to_owned(),
        })),
        None => Err(Error::Embedder(
            "schema_monitor is not preloaded, so no embedder runs".to_owned(),
        )),
    }
}

/// The vectors of some texts; waits at most `timeout_ms` for each batch.
pub fn embed(purpose: Purpose, texts: &[&str], timeout_ms: i32) -> Result<Embedded> {
    let model = serving_model()?.hash;
    let is_served = shared::embedder().is_some_and(|embedder| embedder.state == EmbedderState::Ready);
    if !is_served {
        return with_own(|embedder| {
            Ok(Embedded {
                vectors: embedder.embed(purpose, texts)?,
                model,
            })
        });
    }
    let mut embedded = Embedded {
        vectors: Vec::with_capacity(texts.len()),
        model,
    };
    for some in texts.chunks(MAX_TEXTS) {
        let answer = socket::exchange(&encode_request(purpose, some), timeout_ms)?;
        let (vectors, model) = decode_answer(&answer).map_err(Error::Embedder)?;
        if vectors.len() != some.len() {
            return Err(Error::Embedder(
                "the embedder gave another number of vectors".to_owned(),
            ));
        }
        embedded.vectors.extend(vectors);
        embedded.model = model;
    }
    Ok(embedded)
}

/// The session's own model, loaded at the first use.
fn with_own<R>(body: impl FnOnce(&mut Embedder) -> Result<R>) -> Result<R> {
    IN_SESSION.with_borrow_mut(|slot| {
        let wanted = settings::model_directory();
        if slot.as_ref().is_none_or(|embedder| embedder.directory().path != wanted) {
            *slot = None;
            *slot = Some(load(&wanted)?);
        }
        slot.as_mut()
            .map_or_else(|| Err(Error::Embedder("the model was not loaded".to_owned())), body)
    })
}

/// One thread: a session has no business with more. Threads the library might start anyway inherit a mask
/// that keeps signals from them.
fn load(path: &std::path::Path) -> std::result::Result<Embedder, EmbedError> {
    process::quieten_libraries();
    let _blocked = SignalsBlocked::new();
    let directory = ModelDirectory::read(path)?;
    Embedder::load(Runtime::load(&settings::onnxruntime_library())?, directory, 1)
}
