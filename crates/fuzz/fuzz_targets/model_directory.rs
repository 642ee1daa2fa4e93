//! The files of a model directory: the first byte says which of them has the rest as its content.
#![no_main]

use embed::ModelDirectory;
use libfuzzer_sys::fuzz_target;
use std::fs;

const FILES: [(&str, &str); 5] = [
    ("config.json", r#"{"hidden_size": 32, "max_position_embeddings": 512}"#),
    (
        "schema_monitor.json",
        r#"{"query_prefix": "", "passage_prefix": "", "pooling": "mean", "max_tokens": 64}"#,
    ),
    ("config_sentence_transformers.json", r#"{"prompts": {"query": "q", "passage": "p"}}"#),
    ("1_Pooling/config.json", r#"{"pooling_mode_mean_tokens": true}"#),
    ("tokenizer.json", "{}"),
];

fuzz_target!(|data: &[u8]| {
    let Some((which, content)) = data.split_first() else {
        return;
    };
    let place = std::env::temp_dir().join(format!("schema_monitor_fuzz_{}", std::process::id()));
    fs::create_dir_all(place.join("1_Pooling")).expect("directory");
    fs::write(place.join("model.onnx"), b"").expect("written");
    let which = usize::from(*which);
    for (at, (file, usual)) in FILES.into_iter().enumerate() {
        let is_it = at == which % FILES.len();
        fs::write(place.join(file), if is_it { content } else { usual.as_bytes() }).expect("written");
    }
    // every other time sentence-transformers' files decide
    if which >= 128 {
        fs::remove_file(place.join("schema_monitor.json")).expect("removed");
    }
    if let Ok(directory) = ModelDirectory::read(&place) {
        assert!((1..=16_000).contains(&directory.dimensions) && directory.max_tokens >= 8);
    }
});
