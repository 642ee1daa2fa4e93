//! Texts, by the tokenizers of the test models (`SCHEMA_MONITOR_TEST_MODELS`: run through make fuzz).
#![no_main]

use embed::Tokenizer;
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;

const MAX_TOKENS: usize = 64;

thread_local! {
    static TOKENIZERS: Vec<Tokenizer> = {
        let models = std::env::var("SCHEMA_MONITOR_TEST_MODELS").expect("SCHEMA_MONITOR_TEST_MODELS");
        ["random-bert", "random-xlmr"]
            .map(|name| PathBuf::from(&models).join(name).join("tokenizer.json"))
            .map(|path| Tokenizer::load(&path, MAX_TOKENS).expect("the tokenizer loads"))
            .into()
    };
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    TOKENIZERS.with(|tokenizers| {
        for tokenizer in tokenizers {
            let tokens = tokenizer.encode("passage: ", &text).expect("any text has tokens");
            assert!((2..=MAX_TOKENS).contains(&tokens.len()));
        }
    });
});
