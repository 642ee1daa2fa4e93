//! What comes over the embedder's socket, from either side.
#![no_main]

use embed::protocol::{Answer, decode_answer, decode_request, encode_answer, encode_request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((model, purpose, texts)) = decode_request(data) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let again = decode_request(&encode_request(model, purpose, &texts)).expect("what was read can be written");
        assert_eq!((again.0, again.1, again.2), (model, purpose, texts.iter().map(|text| (*text).to_owned()).collect()));
    }
    if let Ok(answers) = decode_answer(data) {
        let again = decode_answer(&encode_answer(&Ok(answers.clone()))).expect("what was read can be written");
        assert!(answers.iter().zip(&again).all(|pair| same(pair.0, pair.1)) && answers.len() == again.len());
    }
});

/// Bit by bit: a number that is none is not equal to itself.
fn same(left: &Answer, right: &Answer) -> bool {
    match (left, right) {
        (Answer::Vector(left), Answer::Vector(right)) => {
            left.iter().map(|value| value.to_bits()).eq(right.iter().map(|value| value.to_bits()))
        }
        _ => left == right,
    }
}
