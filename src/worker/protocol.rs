//! What goes over the embedder's socket. Numbers are little-endian; lengths count bytes.

use embed::Purpose;

/// Most texts in one request: a query never waits behind more than these.
pub const MAX_TEXTS: usize = 16;

/// Longest text, in bytes; what is longer is cut by the sender.
pub const MAX_TEXT: usize = 64 * 1024;

/// SHA-256 of a model's files.
pub type ModelHash = [u8; 32];

/// Longest request.
pub const MAX_REQUEST: usize = 34 + MAX_TEXTS * (MAX_TEXT + 4);

/// Texts to embed and by which model: its hash, a byte for the purpose, a count, and each text with its length.
pub fn encode_request(model: ModelHash, purpose: Purpose, texts: &[&str]) -> Vec<u8> {
    let mut request = model.to_vec();
    request.extend([u8::from(purpose == Purpose::Passage), texts.len() as u8]);
    for text in texts {
        let text = &text[..text.floor_char_boundary(MAX_TEXT)];
        request.extend_from_slice(&(text.len() as u32).to_le_bytes());
        request.extend_from_slice(text.as_bytes());
    }
    request
}

/// The inverse; `None` for what is no request.
pub fn decode_request(request: &[u8]) -> Option<(ModelHash, Purpose, Vec<String>)> {
    let (model, rest) = request.split_first_chunk()?;
    let (purpose, rest) = rest.split_first()?;
    let (count, mut rest) = rest.split_first()?;
    let purpose = if *purpose == 0 {
        Purpose::Query
    } else {
        Purpose::Passage
    };
    let mut texts = Vec::with_capacity(usize::from(*count).min(MAX_TEXTS));
    for _ in 0..*count {
        let length = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let text = rest.get(4..)?.get(..length)?;
        texts.push(String::from_utf8_lossy(text).into_owned());
        rest = &rest[4 + length..];
    }
    (rest.is_empty() && texts.len() <= MAX_TEXTS).then_some((*model, purpose, texts))
}

/// An answer: 1, the dimension, and the vectors; or 0 and why not.
pub fn encode_answer(answer: &Result<Vec<Vec<f32>>, String>) -> Vec<u8> {
    match answer {
        Ok(vectors) => {
            let dimensions = vectors.first().map_or(0, Vec::len);
            let mut bytes = Vec::with_capacity(5 + vectors.len() * dimensions * 4);
            bytes.push(1);
            bytes.extend_from_slice(&(dimensions as u32).to_le_bytes());
            vectors
                .iter()
                .flatten()
                .for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
            bytes
        }
        Err(reason) => [&[0], reason.as_bytes()].concat(),
    }
}

/// The inverse; an error for what is no answer.
pub fn decode_answer(answer: &[u8]) -> Result<Vec<Vec<f32>>, String> {
    let broken = || "the embedder gave a broken answer".to_owned();
    match answer.split_first() {
        Some((1, rest)) => {
            let (dimensions, rest) = rest.split_at_checked(4).ok_or_else(broken)?;
            let dimensions = u32::from_le_bytes(dimensions.try_into().map_err(|_| broken())?) as usize;
            if dimensions == 0 || rest.len() % (dimensions * 4) != 0 {
                return Err(broken());
            }
            let (values, _) = rest.as_chunks::<4>();
            let values: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            Ok(values.chunks_exact(dimensions).map(<[f32]>::to_vec).collect())
        }
        Some((0, reason)) => Err(String::from_utf8_lossy(reason).into_owned()),
        _ => Err(broken()),
    }
}
