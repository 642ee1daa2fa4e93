//! Vectors of a reference implementation (torch and transformers), computed once by
//! `tools/model/golden.py`: what this crate gives must not differ by more than 1e-5 anywhere.
//!
//! The models are made by `make setup`; their place and ONNX Runtime's come in the environment
//! (`SCHEMA_MONITOR_TEST_MODELS`, `ORT_DYLIB_PATH`). Without them the tests fail: nothing is skipped.

use embed::{EmbedError, Embedder, ModelDirectory, Precision, Purpose, Runtime};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    kind: String,
    text: String,
    vector: Vec<f32>,
}

fn models() -> PathBuf {
    PathBuf::from(
        std::env::var("SCHEMA_MONITOR_TEST_MODELS").expect("SCHEMA_MONITOR_TEST_MODELS: run through make test"),
    )
}

fn runtime() -> Runtime {
    let library = std::env::var("ORT_DYLIB_PATH").expect("ORT_DYLIB_PATH: run through make test");
    Runtime::load(Path::new(&library)).expect("ONNX Runtime loads")
}

fn load(name: &str) -> Embedder {
    let directory = ModelDirectory::read(&models().join(name)).expect("the model directory is whole");
    Embedder::load(runtime(), directory, 1).expect("the model loads")
}

fn purpose(case: &Case) -> Purpose {
    if case.kind == "query" {
        Purpose::Query
    } else {
        Purpose::Passage
    }
}

fn golden(name: &str) -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.json"));
    serde_json::from_slice(&fs::read(path).expect("golden vectors")).expect("golden vectors parse")
}

fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn assert_equals_reference(model: &str, file: &str) {
    let mut embedder = load(model);
    let golden = golden(file);
    assert!(golden.cases.len() >= 8);
    for case in &golden.cases {
        let vector = embedder.embed(purpose(case), &[&case.text]).expect("embeds").remove(0);
        let largest = difference(&vector, &case.vector);
        assert!(
            largest <= 1e-5,
            "{model}: {largest:e} for {:?}",
            &case.text[..case.text.len().min(40)]
        );
    }
    // The same, however texts share runs.
    for wanted in [Purpose::Query, Purpose::Passage] {
        let cases: Vec<&Case> = golden.cases.iter().filter(|case| purpose(case) == wanted).collect();
        let texts: Vec<&str> = cases.iter().map(|case| case.text.as_str()).collect();
        for (vector, case) in embedder.embed(wanted, &texts).expect("embeds").iter().zip(&cases) {
            assert!(difference(vector, &case.vector) <= 1e-5, "{model} in a batch");
        }
    }
}

#[test]
fn bert_with_word_pieces() {
    assert_equals_reference("random-bert", "bert");
}

#[test]
fn cls_pooling_and_a_tokenizer_that_pads_and_truncates() {
    assert_equals_reference("random-bert-cls", "bert_cls");
}

#[test]
fn xlm_r_without_token_types() {
    assert_equals_reference("random-xlmr", "xlmr");
}

#[test]
fn the_default_model_in_fp32() {
    assert_equals_reference("all-MiniLM-L6-v2-fp32", "minilm");
}

#[test]
fn the_default_model_in_int8_stays_close() {
    let mut embedder = load("all-MiniLM-L6-v2");
    assert_eq!(embedder.directory().precision, Precision::Int8);
    for case in golden("minilm")
        .cases
        .iter()
        .filter(|case| !case.text.trim().is_empty())
    {
        let vector = embedder.embed(purpose(case), &[&case.text]).expect("embeds").remove(0);
        let cosine = cosine(&vector, &case.vector);
        assert!(
            cosine >= 0.98,
            "{cosine} for {:?}",
            &case.text[..case.text.len().min(40)]
        );
    }
}

#[test]
fn a_cancelled_run_ends() {
    let mut embedder = load("random-bert");
    embedder.canceller().cancel().expect("cancels");
    assert!(matches!(
        embedder.embed(Purpose::Query, &["x"]),
        Err(EmbedError::Cancelled)
    ));
}

/// A copy of a model with one file changed.
fn broken(name: &str, change: impl FnOnce(&Path)) -> PathBuf {
    let copy = std::env::temp_dir().join(format!("schema_monitor_{name}_{}", std::process::id()));
    let _ = fs::remove_dir_all(&copy);
    fs::create_dir_all(copy.join("1_Pooling")).expect("directory");
    for file in ["model.onnx", "tokenizer.json", "config.json", "schema_monitor.json"] {
        fs::copy(models().join("random-bert").join(file), copy.join(file)).expect("copied");
    }
    change(&copy);
    copy
}

fn error_of(directory: &Path) -> EmbedError {
    match ModelDirectory::read(directory) {
        Err(error) => error,
        Ok(read) => Embedder::load(runtime(), read, 1)
            .map(drop)
            .expect_err("it must be refused"),
    }
}

#[test]
fn a_broken_directory_is_refused_with_the_files_name() {
    let missing = broken("missing", |path| {
        fs::remove_file(path.join("tokenizer.json")).expect("removed")
    });
    assert!(error_of(&missing).to_string().contains("tokenizer.json"));
    let truncated = broken("truncated", |path| {
        let bytes = fs::read(path.join("model.onnx")).expect("read");
        fs::write(path.join("model.onnx"), &bytes[..bytes.len() / 2]).expect("written");
    });
    assert!(error_of(&truncated).to_string().contains("model.onnx"));
    let nonsense = broken("nonsense", |path| {
        fs::write(path.join("config.json"), "{").expect("written")
    });
    assert!(error_of(&nonsense).to_string().contains("config.json"));
    let dimension = broken("dimension", |path| {
        let config = fs::read_to_string(path.join("config.json")).expect("read");
        fs::write(
            path.join("config.json"),
            config.replace("\"hidden_size\": 32", "\"hidden_size\": 33"),
        )
        .expect("written");
    });
    assert!(
        error_of(&dimension).to_string().contains("33"),
        "{}",
        error_of(&dimension)
    );
    let prefixes = broken("prefixes", |path| {
        fs::remove_file(path.join("schema_monitor.json")).expect("removed")
    });
    assert!(matches!(error_of(&prefixes), EmbedError::NoPrefixes(_)));
    assert!(matches!(
        error_of(Path::new("/nonexistent")),
        EmbedError::NoDirectory(_)
    ));
    for directory in [missing, truncated, nonsense, dimension, prefixes] {
        fs::remove_dir_all(directory).expect("removed");
    }
}

#[test]
fn another_file_gives_another_hash() {
    let whole = ModelDirectory::read(&models().join("random-bert")).expect("reads").hash;
    let changed = broken("hash", |path| {
        let text = fs::read_to_string(path.join("schema_monitor.json")).expect("read");
        fs::write(path.join("schema_monitor.json"), text + "\n").expect("written");
    });
    assert_ne!(ModelDirectory::read(&changed).expect("reads").hash, whole);
    fs::remove_dir_all(changed).expect("removed");
}
