//! A model on disk, in the layout of the Hugging Face hub.
//!
//! `model.onnx` (or `onnx/model.onnx`), `tokenizer.json` and `config.json` must be there. How texts are
//! prefixed and token vectors pooled is never guessed from a name: it is read from
//! `schema_monitor.json`, or else from sentence-transformers' own `1_Pooling/config.json` and
//! `config_sentence_transformers.json`; a directory that says neither is refused.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::EmbedError;

/// How the vectors of a text's tokens become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The mean over the tokens of the attention mask.
    Mean,
    /// The vector of the first token.
    Cls,
}

/// How the weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32-bit floats: a text gives the same vector alone and in any batch.
    Fp32,
    /// Dynamically quantised: the scale of activations spans a whole batch, so texts run one by one.
    Int8,
}

/// What is known of a model before it is loaded.
#[derive(Clone, Debug)]
pub struct ModelDirectory {
    /// The directory.
    pub path: PathBuf,
    /// What people call the model.
    pub name: String,
    /// SHA-256 over the files that decide the vectors: two directories with the same hash give the same.
    pub hash: [u8; 32],
    /// Length of the vectors.
    pub dimensions: usize,
    /// Longest input in tokens, special tokens included; the rest of a text is cut off.
    pub max_tokens: usize,
    /// Put before a query.
    pub query_prefix: String,
    /// Put before a passage.
    pub passage_prefix: String,
    /// How token vectors become one.
    pub pooling: Pooling,
    /// Whether vectors are scaled to length 1.
    pub normalize: bool,
    /// How the weights are stored.
    pub precision: Precision,
    /// Size of the weights in bytes.
    pub weight_bytes: u64,
    /// The ONNX file.
    pub(crate) onnx: PathBuf,
    /// The tokenizer.
    pub(crate) tokenizer: PathBuf,
}

#[derive(Deserialize)]
struct Config {
    hidden_size: usize,
    max_position_embeddings: Option<usize>,
    model_type: Option<String>,
}

/// `schema_monitor.json`, what `make model` and `make` write beside a model.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: Option<String>,
    query_prefix: String,
    passage_prefix: String,
    pooling: Pooling,
    #[serde(default = "yes")]
    normalize: bool,
    max_tokens: usize,
    #[serde(default = "fp32")]
    precision: Precision,
}

fn yes() -> bool {
    true
}

fn fp32() -> Precision {
    Precision::Fp32
}

#[derive(Deserialize)]
struct PoolingConfig {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
}

#[derive(Deserialize)]
struct SentenceTransformers {
    #[serde(default)]
    prompts: std::collections::BTreeMap<String, String>,
}

impl ModelDirectory {
    /// Reads and checks a directory and hashes its files; loads no model. A large model takes about a
    /// second per gigabyte.
    pub fn read(path: &Path) -> Result<ModelDirectory, EmbedError> {
        let mut directory = ModelDirectory::inspect(path)?;
        directory.hash = hash(path, &directory.onnx, &directory.tokenizer)?;
        Ok(directory)
    }

    /// As [`ModelDirectory::read`] without the hash (all zero): enough to know the dimension.
    pub fn inspect(path: &Path) -> Result<ModelDirectory, EmbedError> {
        if !path.is_dir() {
            return Err(EmbedError::NoDirectory(path.to_owned()));
        }
        let onnx = [path.join("model.onnx"), path.join("onnx/model.onnx")]
            .into_iter()
            .find(|candidate| candidate.is_file())
            .ok_or_else(|| EmbedError::MissingFile(path.join("model.onnx")))?;
        let tokenizer = path.join("tokenizer.json");
        if !tokenizer.is_file() {
            return Err(EmbedError::MissingFile(tokenizer));
        }
        let config_path = path.join("config.json");
        let config: Config = json(&config_path)?.ok_or_else(|| EmbedError::MissingFile(config_path.clone()))?;
        if !(1..=16_000).contains(&config.hidden_size) {
            return Err(bad(
                &config_path,
                format!("hidden_size {} is not between 1 and 16000", config.hidden_size),
            ));
        }
        let metadata = match json::<Metadata>(&path.join("schema_monitor.json"))? {
            Some(metadata) => metadata,
            None => sentence_transformers(path, &config)?,
        };
        let weight_bytes = size(&onnx)? + size(&onnx.with_file_name("model.onnx_data")).unwrap_or(0);
        Ok(ModelDirectory {
            name: metadata.name.unwrap_or_else(|| name_of(path)),
            path: path.to_owned(),
            hash: [0; 32],
            dimensions: config.hidden_size,
            max_tokens: metadata.max_tokens.max(8),
            query_prefix: metadata.query_prefix,
            passage_prefix: metadata.passage_prefix,
            pooling: metadata.pooling,
            normalize: metadata.normalize,
            precision: metadata.precision,
            weight_bytes,
            onnx,
            tokenizer,
        })
    }

    /// Refuses a model whose weights alone are larger than `limit` (bytes), before anything is loaded.
    pub fn require_fits(&self, limit: u64) -> Result<(), EmbedError> {
        if self.weight_bytes <= limit {
            return Ok(());
        }
        Err(EmbedError::TooLarge {
            path: self.onnx.clone(),
            size: self.weight_bytes,
            limit,
        })
    }

    /// The hash in hexadecimal.
    pub fn hash_hex(&self) -> String {
        self.hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Prefixes and pooling as sentence-transformers writes them.
fn sentence_transformers(path: &Path, config: &Config) -> Result<Metadata, EmbedError> {
    let prompts = json::<SentenceTransformers>(&path.join("config_sentence_transformers.json"))?
        .map(|file| file.prompts)
        .unwrap_or_default();
    let passage = prompts.get("passage").or_else(|| prompts.get("document"));
    let (Some(query_prefix), Some(passage_prefix)) = (prompts.get("query"), passage) else {
        return Err(EmbedError::NoPrefixes(path.to_owned()));
    };
    let pooling_path = path.join("1_Pooling/config.json");
    let pooling = json::<PoolingConfig>(&pooling_path)?;
    let pooling = match pooling {
        Some(modes) if modes.pooling_mode_mean_tokens => Pooling::Mean,
        Some(modes) if modes.pooling_mode_cls_token => Pooling::Cls,
        Some(_) => return Err(bad(&pooling_path, "neither mean nor cls pooling")),
        None => return Err(EmbedError::MissingFile(pooling_path)),
    };
    // XLM-R counts positions from padding_idx + 1 = 2, so two of them are never used.
    let positions = config.max_position_embeddings.unwrap_or(512);
    let reserved = if config.model_type.as_deref() == Some("xlm-roberta") {
        2
    } else {
        0
    };
    Ok(Metadata {
        name: None,
        query_prefix: query_prefix.clone(),
        passage_prefix: passage_prefix.clone(),
        pooling,
        normalize: true,
        max_tokens: (positions - reserved.min(positions)).min(512),
        precision: Precision::Fp32,
    })
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn bad(path: &Path, reason: impl ToString) -> EmbedError {
    EmbedError::BadFile {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// Parses a file; `None` where it does not exist.
fn json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, EmbedError> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| bad(path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(bad(path, error)),
    }
}

fn size(path: &Path) -> Result<u64, EmbedError> {
    path.metadata()
        .map(|metadata| metadata.len())
        .map_err(|error| bad(path, error))
}

/// Hashes names and contents of the files that decide a vector, those that exist.
fn hash(root: &Path, onnx: &Path, tokenizer: &Path) -> Result<[u8; 32], EmbedError> {
    let files = [
        onnx.to_owned(),
        onnx.with_file_name("model.onnx_data"),
        tokenizer.to_owned(),
        root.join("config.json"),
        root.join("1_Pooling/config.json"),
        root.join("config_sentence_transformers.json"),
        root.join("schema_monitor.json"),
    ];
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    for path in files.iter().filter(|path| path.is_file()) {
        let relative = path.strip_prefix(root).unwrap_or(path);
        digest.update(relative.to_string_lossy().as_bytes());
        digest.update([0]);
        digest.update(size(path)?.to_le_bytes());
        let mut file = File::open(path).map_err(|error| bad(path, error))?;
        loop {
            match file.read(&mut buffer).map_err(|error| bad(path, error))? {
                0 => break,
                read => digest.update(&buffer[..read]),
            }
        }
    }
    Ok(digest.finalize().into())
}
