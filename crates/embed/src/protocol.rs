//! What goes over the embedder's socket. Numbers are little-endian; lengths count bytes.

use crate::embedder::Purpose;

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

/// What became of one text.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Its vector.
    Vector(Vec<f32>),
    /// It took too long, and may be tried again.
    NotYet,
    /// It is not run any more, for this reason.
    Refused(String),
}

/// An answer to all texts: 1, and for each a byte for what became of it, a length, and the vector or the reason; or 0
/// and why there is none.
pub fn encode_answer(answer: &Result<Vec<Answer>, String>) -> Vec<u8> {
    let answers = match answer {
        Ok(answers) => answers,
        Err(reason) => return [&[0], reason.as_bytes()].concat(),
    };
    let mut bytes = vec![1];
    for answer in answers {
        let (what, content) = match answer {
            Answer::NotYet => (0, Vec::new()),
            Answer::Vector(values) => (1, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Answer::Refused(reason) => (2, reason.clone().into_bytes()),
        };
        bytes.push(what);
        bytes.extend_from_slice(&(content.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&content);
    }
    bytes
}

/// The inverse; an error for what is no answer.
pub fn decode_answer(answer: &[u8]) -> Result<Vec<Answer>, String> {
    match answer.split_first() {
        Some((1, rest)) => decode_answers(rest).ok_or_else(|| "the embedder gave a broken answer".to_owned()),
        Some((0, reason)) => Err(String::from_utf8_lossy(reason).into_owned()),
        _ => Err("the embedder gave a broken answer".to_owned()),
    }
}

fn decode_answers(mut rest: &[u8]) -> Option<Vec<Answer>> {
    let mut answers = Vec::new();
    while let Some((what, more)) = rest.split_first() {
        let (length, more) = more.split_first_chunk()?;
        let (content, more) = more.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = more;
        answers.push(match what {
            0 => Answer::NotYet,
            1 => Answer::Vector(floats(content)?),
            2 => Answer::Refused(String::from_utf8_lossy(content).into_owned()),
            _ => return None,
        });
    }
    Some(answers)
}

fn floats(content: &[u8]) -> Option<Vec<f32>> {
    let (values, rest) = content.as_chunks::<4>();
    let is_whole = rest.is_empty() && !values.is_empty();
    is_whole.then(|| values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}
