//! A loaded model.

use ort::session::builder::GraphOptimizationLevel;
use ort::session::{NoSelectedOutputs, RunOptions, Session};
use ort::value::TensorRef;
use std::sync::Arc;

use crate::batch;
use crate::directory::ModelDirectory;
use crate::error::EmbedError;
use crate::pooling::{normalize, pool};
use crate::runtime::Runtime;
use crate::tokenizer::Tokenizer;

/// What a text is to the model: the two get different prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Something asked.
    Query,
    /// Something found.
    Passage,
}

/// A model in memory. One run at a time; a clone of its [`Canceller`] stops a run from elsewhere.
pub struct Embedder {
    directory: ModelDirectory,
    tokenizer: Tokenizer,
    session: Session,
    inputs: Vec<Input>,
    options: Arc<RunOptions<NoSelectedOutputs>>,
}

/// The inputs a sentence encoder may have, in the order of its graph.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Ids,
    Mask,
    TokenTypes,
}

/// Texts that go through the graph together: [`Embedder::plan`] makes them, [`Embedder::run`] runs them.
pub struct Run {
    /// Their indices among the texts that were planned.
    pub texts: Vec<usize>,
    tokens: Vec<Vec<i64>>,
}

/// Stops the run in progress; every later run fails at once, too, until [`Canceller::reset`].
#[derive(Clone)]
pub struct Canceller(Arc<RunOptions<NoSelectedOutputs>>);

impl Canceller {
    /// Asks the run to stop; it does between two operators of the graph.
    pub fn cancel(&self) -> Result<(), EmbedError> {
        self.0.terminate().map_err(inference)
    }

    /// Lets later runs go on.
    pub fn reset(&self) -> Result<(), EmbedError> {
        self.0.unterminate().map_err(inference)
    }
}

fn inference(error: impl std::fmt::Display) -> EmbedError {
    EmbedError::Inference(error.to_string())
}

impl Embedder {
    /// Loads a model with `threads` for one run, and proves with one short text that what comes out is a
    /// finite vector of the stated dimension.
    pub fn load(runtime: Runtime, directory: ModelDirectory, threads: usize) -> Result<Embedder, EmbedError> {
        let tokenizer = Tokenizer::load(&directory.tokenizer, directory.max_tokens)?;
        let bad = |reason: String| EmbedError::BadFile {
            path: directory.onnx.clone(),
            reason,
        };
        let session = session(runtime, &directory, threads).map_err(|error| bad(error.to_string()))?;
        let inputs = session
            .inputs()
            .iter()
            .map(|input| match input.name() {
                "input_ids" => Ok(Input::Ids),
                "attention_mask" => Ok(Input::Mask),
                "token_type_ids" => Ok(Input::TokenTypes),
                other => Err(bad(format!(
                    "it wants an input \"{other}\", which no sentence encoder has"
                ))),
            })
            .collect::<Result<Vec<_>, _>>()?;
        if !inputs.contains(&Input::Ids) {
            return Err(bad("it has no input \"input_ids\"".to_owned()));
        }
        let options = Arc::new(RunOptions::new().map_err(inference)?);
        let mut embedder = Embedder {
            directory,
            tokenizer,
            session,
            inputs,
            options,
        };
        match embedder.embed(Purpose::Passage, &["probe"]) {
            Ok(_) => Ok(embedder),
            Err(EmbedError::BadOutput(reason)) => Err(EmbedError::BadFile {
                path: embedder.directory.onnx,
                reason: format!("it gives {reason}"),
            }),
            Err(error) => Err(error),
        }
    }

    /// What is known of the model.
    pub fn directory(&self) -> &ModelDirectory {
        &self.directory
    }

    /// A handle that stops a run from another thread.
    pub fn canceller(&self) -> Canceller {
        Canceller(Arc::clone(&self.options))
    }

    /// The vectors of `texts`, in their order.
    pub fn embed<T: AsRef<str>>(&mut self, purpose: Purpose, texts: &[T]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut vectors = vec![Vec::new(); texts.len()];
        for run in self.plan(purpose, texts)? {
            for (index, vector) in run.texts.iter().zip(self.run(&run)?) {
                vectors[*index] = vector;
            }
        }
        Ok(vectors)
    }

    /// Cuts `texts` into tokens and says which of them run together.
    pub fn plan<T: AsRef<str>>(&self, purpose: Purpose, texts: &[T]) -> Result<Vec<Run>, EmbedError> {
        let prefix = match purpose {
            Purpose::Query => &self.directory.query_prefix,
            Purpose::Passage => &self.directory.passage_prefix,
        };
        let tokens = texts
            .iter()
            .map(|text| self.tokenizer.encode(prefix, text.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        let lengths: Vec<usize> = tokens.iter().map(Vec::len).collect();
        let runs = batch::plan(&lengths, self.directory.precision).into_iter();
        Ok(runs
            .map(|texts| Run {
                tokens: texts.iter().map(|index| tokens[*index].clone()).collect(),
                texts,
            })
            .collect())
    }

    /// Runs the graph once over texts padded to the longest, and pools: a vector for each of `run.texts`.
    pub fn run(&mut self, run: &Run) -> Result<Vec<Vec<f32>>, EmbedError> {
        let batch = &run.tokens;
        let longest = batch.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let shape = [batch.len(), longest];
        let mut ids = vec![0_i64; batch.len() * longest];
        let mut mask = vec![0_i64; batch.len() * longest];
        for (row, tokens) in batch.iter().enumerate() {
            ids[row * longest..][..tokens.len()].copy_from_slice(tokens);
            mask[row * longest..][..tokens.len()].fill(1);
        }
        let types = vec![0_i64; batch.len() * longest];
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            let (name, data) = match input {
                Input::Ids => ("input_ids", &ids),
                Input::Mask => ("attention_mask", &mask),
                Input::TokenTypes => ("token_type_ids", &types),
            };
            let tensor = TensorRef::from_array_view((shape, data.as_slice())).map_err(inference)?;
            inputs.push((name, tensor));
        }
        let outputs = self.session.run_with_options(inputs, &*self.options).map_err(|error| {
            let reason = error.to_string();
            if reason.contains("terminate flag") {
                EmbedError::Cancelled
            } else {
                EmbedError::Inference(reason)
            }
        })?;
        let output = outputs.get("last_hidden_state").unwrap_or(&outputs[0]);
        let (shape, values) = output.try_extract_tensor::<f32>().map_err(inference)?;
        let dimensions = self.directory.dimensions;
        if shape[..] != [batch.len() as i64, longest as i64, dimensions as i64] {
            return Err(EmbedError::BadOutput(format!(
                "an output of shape {:?} where [texts, tokens, {dimensions}] was expected",
                &shape[..]
            )));
        }
        let pooled = values
            .chunks_exact(longest * dimensions)
            .zip(batch)
            .map(|(matrix, tokens)| {
                let mut vector = pool(matrix, tokens.len(), dimensions, self.directory.pooling);
                if self.directory.normalize {
                    normalize(&mut vector);
                }
                if vector.iter().all(|value| value.is_finite()) {
                    Ok(vector)
                } else {
                    Err(EmbedError::BadOutput("a vector that is not finite".to_owned()))
                }
            });
        pooled.collect()
    }
}

/// Memory patterns are off: they are kept per input shape, and every length is a shape.
fn session(runtime: Runtime, directory: &ModelDirectory, threads: usize) -> ort::Result<Session> {
    Session::builder(runtime.environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(threads.max(1))?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_memory_pattern(false)?
        .commit_from_file(&directory.onnx)
}
