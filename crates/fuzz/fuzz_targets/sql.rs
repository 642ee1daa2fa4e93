//! Expressions, bodies and statements as PostgreSQL or a person wrote them: the lexer of SQL stands any text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schema::{has_word, qualified, without_type_labels};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (word, text) = text.split_once('\n').unwrap_or(("", &text));
    let bare = without_type_labels(text);
    assert!(bare.len() <= text.len(), "labels are only taken away");
    has_word(text, word);
    if let Some((schema, name)) = qualified(text) {
        assert!(text.contains('.') && schema.len() + name.len() < text.len(), "a name is part of its text");
    }
});
