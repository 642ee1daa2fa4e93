//! Text → token ids, as the model's own `tokenizer.json` says.

use std::path::Path;
use tokenizers::{Tokenizer as Inner, TruncationParams};

use crate::error::EmbedError;

/// Longest text that is looked at, in bytes: more than any model's 512 tokens hold.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// A tokenizer that cuts at a model's length and never pads.
pub struct Tokenizer(Inner);

impl Tokenizer {
    /// Loads `tokenizer.json`; padding and truncation it carries are replaced.
    pub fn load(path: &Path, max_tokens: usize) -> Result<Tokenizer, EmbedError> {
        let bad = |reason: String| EmbedError::BadFile {
            path: path.to_owned(),
            reason,
        };
        let mut inner = Inner::from_file(path).map_err(|error| bad(error.to_string()))?;
        inner.with_padding(None);
        let truncation = TruncationParams {
            max_length: max_tokens,
            ..TruncationParams::default()
        };
        inner
            .with_truncation(Some(truncation))
            .map_err(|error| bad(error.to_string()))?;
        Ok(Tokenizer(inner))
    }

    /// The ids of `prefix + text` with the model's special tokens.
    pub fn encode(&self, prefix: &str, text: &str) -> Result<Vec<i64>, EmbedError> {
        let end = text.floor_char_boundary(MAX_TEXT_BYTES);
        let whole = format!("{prefix}{}", &text[..end]);
        let encoding = self
            .0
            .encode_fast(whole, true)
            .map_err(|error| EmbedError::Tokenize(error.to_string()))?;
        Ok(encoding.get_ids().iter().map(|id| i64::from(*id)).collect())
    }
}
