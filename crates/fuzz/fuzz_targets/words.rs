//! Names, comments, questions and patterns: all of them are somebody's words.
#![no_main]

use libfuzzer_sys::fuzz_target;
use retrieve::{Column, Relation, asked, passages, readable, terms_of};
use schema::Exclusion;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(3, '\n');
    let (name, column, comment) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""), lines.next());
    let relation = Relation {
        schema: column,
        name,
        comment,
        columns: vec![Column {
            number: 1,
            name: column,
            comment,
            values: comment.into_iter().collect(),
        }],
    };
    for passage in passages(&relation) {
        assert!(passage.text.len() <= 16 * 1024, "a passage is bounded");
    }
    terms_of(&relation);
    asked(&text);
    readable(name);
    if let Ok(exclusion) = Exclusion::parse(&text) {
        exclusion.covers(name, Some(column));
    }
});
