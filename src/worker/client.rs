//! Asking for vectors: from the embedder, or from a model loaded into this session if that is wanted.

use embed::{EmbedError, Embedder, ModelDirectory, Purpose, Runtime};
use std::cell::RefCell;

use crate::error::{Error, Result};
use crate::pg::shared::EmbedderState;
use crate::pg::thread::SignalsBlocked;
use crate::pg::{process, shared, socket};
use crate::settings;
use embed::protocol::{Answer, ModelHash, decode_answer, encode_request};

/// A vector and the model it is of.
pub struct Embedded {
    /// The vector.
    pub vector: Vec<f32>,
    /// SHA-256 of the model's files.
    pub model: ModelHash,
}

thread_local! {
    /// The model of a session that was told to load it.
    static IN_SESSION: RefCell<Option<Embedder>> = const { RefCell::new(None) };
}

/// What is known of the configured model.
pub struct ConfiguredModel {
    /// SHA-256 of its files.
    pub hash: ModelHash,
    /// Its name.
    pub name: String,
    /// Length of its vectors.
    pub dimensions: usize,
}

/// The model the settings name, or why it does not answer.
pub fn configured_model() -> Result<ConfiguredModel> {
    match shared::embedder() {
        Some(embedder) if embedder.state == EmbedderState::Ready => Ok(ConfiguredModel {
            hash: embedder.model,
            name: embedder.name.get().unwrap_or_default(),
            dimensions: embedder.dimensions as usize,
        }),
        _ => with_own(|own| {
            let directory = own.directory();
            Ok(ConfiguredModel {
                hash: directory.hash,
                name: directory.name.clone(),
                dimensions: directory.dimensions,
            })
        }),
    }
}

/// Why the configured model does not answer.
fn absent(embedder: Option<shared::Embedder>) -> Error {
    Error::Embedder(match embedder {
        None => "schema_monitor is not preloaded, so no embedder runs".to_owned(),
        Some(embedder) => match embedder.state {
            EmbedderState::Loading => "the embedder is still loading the model".to_owned(),
            EmbedderState::Failed => embedder.error.get().unwrap_or_default(),
            EmbedderState::Down | EmbedderState::Ready => "the embedder is not running".to_owned(),
        },
    })
}

/// The vector of a text by the model this database's vectors are of, which is the one before while another is being
/// taken up; waits at most `timeout_ms` for an answer.
pub fn embed(purpose: Purpose, text: &str, timeout_ms: i32) -> Result<Embedded> {
    let model = answering()?;
    let answer = embed_by(model, purpose, text, timeout_ms);
    if matches!(answer, Err(Error::Embedder(_))) {
        // The embedder lets go of a model once every database has changed it: this one may have meanwhile.
        if let Some(other) = answering().ok().filter(|now| *now != model) {
            return embed_by(other, purpose, text, timeout_ms);
        }
    }
    answer
}

/// The model that questions in this database are embedded by.
fn answering() -> Result<ModelHash> {
    let of_database = shared::with_database(process::database(), |entry| entry.model);
    let answering = shared::embedder()
        .zip(of_database)
        .filter(|(embedder, model)| embedder.answers(*model));
    match answering {
        Some((_, model)) => Ok(model),
        None => configured_model().map(|configured| configured.hash),
    }
}

/// The vector of a text by one model.
pub fn embed_by(model: ModelHash, purpose: Purpose, text: &str, timeout_ms: i32) -> Result<Embedded> {
    match embed_batch(model, purpose, &[text], timeout_ms)?.pop() {
        Some(Answer::Vector(vector)) => Ok(Embedded { vector, model }),
        Some(Answer::Refused(reason)) => Err(Error::Embedder(format!("the text is left out: {reason}"))),
        Some(Answer::NotYet) | None => Err(Error::Embedder("the text took too long".to_owned())),
    }
}

/// What becomes of some texts, at most [`embed::protocol::MAX_TEXTS`], by one model.
pub fn embed_batch(model: ModelHash, purpose: Purpose, texts: &[&str], timeout_ms: i32) -> Result<Vec<Answer>> {
    if !shared::embedder().is_some_and(|embedder| embedder.answers(model)) {
        return with_own(|embedder| {
            if embedder.directory().hash != model {
                return Err(Error::Embedder("the session has loaded another model".to_owned()));
            }
            Ok(embedder
                .embed(purpose, texts)?
                .into_iter()
                .map(Answer::Vector)
                .collect())
        });
    }
    let answer = socket::exchange(&encode_request(model, purpose, texts), timeout_ms)?;
    let answers = decode_answer(&answer).map_err(Error::Embedder)?;
    if answers.len() != texts.len() {
        return Err(Error::Embedder(
            "the embedder gave another number of answers".to_owned(),
        ));
    }
    Ok(answers)
}

/// The session's own model, loaded at the first use, if the session may have one.
fn with_own<R>(body: impl FnOnce(&mut Embedder) -> Result<R>) -> Result<R> {
    if !settings::embed_in_session() {
        return Err(absent(shared::embedder()));
    }
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
