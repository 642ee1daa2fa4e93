//! What a question says, before anything is known of the schema: what is computed, of what, told apart by what, when.
//!
//! Questions for figures are of few shapes: "average X of Y by Z", "top 5 Z by X", "Z with the highest X", "how many Y
//! per month in 2025". The words between the fixed ones are phrases, and what they mean is for the schema to say.

mod span;
mod token;

use jiff::civil::Date;

use self::span::Span;
use self::token::{Token, tokens};
use crate::model::{Function, Grain};

/// Longest question that is read, in bytes: what is longer is no question for a figure.
const MAX_QUESTION: usize = 2_000;

/// Most parts that figures are told apart by.
const MAX_GROUPS: usize = 6;

/// What a question says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// What is computed, where it says so.
    pub function: Option<Function>,
    /// What it is computed of: what is counted or measured, with whatever restricts it.
    pub measure: String,
    /// What the figures are told apart by.
    pub groups: Vec<String>,
    /// Whether the first group is what the question is about: "top 5 buyers by order value".
    pub is_ranking: bool,
    /// In which spans of time.
    pub grain: Option<Grain>,
    /// From when on.
    pub from: Option<Date>,
    /// Until when, exclusive.
    pub to: Option<Date>,
    /// Which way, where it is ordered.
    pub descending: Option<bool>,
    /// Most rows.
    pub limit: Option<u64>,
    /// What follows "with", "whose", "where": which rows count.
    pub conditions: Vec<String>,
    /// Values: what stands in quotes, and what is no word.
    pub values: Vec<String>,
}

/// Reads a question. Spans such as "last month" end or begin at `today`.
///
/// # Errors
/// What about it cannot be read.
pub fn read(question: &str, today: Date) -> Result<Reading, String> {
    if question.len() > MAX_QUESTION {
        return Err(format!("It has {} bytes, and may have {MAX_QUESTION}.", question.len()));
    }
    let mut reader = Reader {
        tokens: tokens(question),
        reading: Reading::default(),
    };
    reader.span(today)?;
    reader.limit();
    reader.grain();
    reader.values();
    reader.split();
    let reading = reader.reading;
    match reading.measure.is_empty() && reading.groups.is_empty() {
        true => Err("It names nothing that could be counted or measured.".to_owned()),
        false => Ok(reading),
    }
}

struct Reader {
    tokens: Vec<Token>,
    reading: Reading,
}

/// Adjectives that say both which way and of what.
const TELLING: &[(&str, &str, bool)] = &[
    ("biggest", "size", true),
    ("cheapest", "price", false),
    ("earliest", "date", false),
    ("fastest", "speed", true),
    ("heaviest", "weight", true),
    ("latest", "date", true),
    ("lightest", "weight", false),
    ("newest", "date", true),
    ("oldest", "date", false),
    ("priciest", "price", true),
    ("slowest", "speed", false),
    ("tallest", "height", true),
    ("youngest", "birth date", true),
];

/// The same of two words.
const TELLING_PAIRS: &[(&str, &str, &str, bool)] = &[
    ("most", "expensive", "price", true),
    ("least", "expensive", "price", false),
    ("most", "costly", "cost", true),
    ("most", "recent", "date", true),
    ("best", "selling", "quantity sold", true),
    ("best", "paid", "salary", true),
    ("highest", "paid", "salary", true),
    ("lowest", "paid", "salary", false),
];

/// Words that say which way, of a measure that follows.
const GREATEST: &[&str] = &[
    "greatest", "highest", "largest", "longest", "max", "maximum", "most", "best", "top",
];
const LEAST: &[&str] = &[
    "fewest", "least", "lowest", "min", "minimum", "shortest", "smallest", "worst",
];

/// What is meant for a span of time without being told apart by it.
const RATED: &[&str] = &[
    "budget", "earnings", "fee", "fees", "income", "leave", "pay", "quota", "rate", "rates", "rent", "salary",
    "salaries", "spend", "wage", "wages",
];

/// Words that begin what figures are told apart by.
const EACH: &[&str] = &["each", "every"];
const BEFORE_EACH: &[&str] = &[
    "across", "at", "by", "for", "from", "in", "of", "on", "per", "to", "with", "within",
];

/// Words that begin a condition.
const CONDITION: &[&str] = &["having", "where", "whose", "with"];

/// Words at the beginning that ask.
const ASKING: &[&str] = &[
    "a",
    "all",
    "are",
    "calculate",
    "can",
    "compute",
    "display",
    "did",
    "do",
    "find",
    "get",
    "give",
    "have",
    "is",
    "list",
    "me",
    "our",
    "please",
    "show",
    "tell",
    "the",
    "us",
    "was",
    "were",
    "what",
    "which",
    "who",
    "you",
];

/// Words that add nothing to a phrase.
const EMPTY: &[&str] = &[
    "a", "all", "an", "any", "are", "been", "did", "do", "does", "each", "every", "had", "has", "have", "is", "many",
    "much", "our", "please", "the", "their", "there", "these", "those", "was", "we", "were", "will", "you", "your",
];

impl Reader {
    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.word())
    }

    fn is(&self, at: usize, words: &[&str]) -> bool {
        words.contains(&self.word(at))
    }

    /// Takes tokens out, a comma in their place where there is something on both sides.
    fn take(&mut self, at: usize, length: usize) {
        self.tokens.drain(at..at + length);
    }

    /// When: "in 2025", "last month", "since May 2024".
    fn span(&mut self, today: Date) -> Result<(), String> {
        let words: Vec<&str> = self.tokens.iter().map(Token::word).collect();
        let mut found: Option<(usize, usize, Span)> = None;
        for at in 0..words.len() {
            if let Some((length, span)) = Span::at(&words[at..], today)? {
                found = Some((at, length, span));
                break;
            }
        }
        if let Some((at, length, span)) = found {
            self.take(at, length);
            (self.reading.from, self.reading.to) = (span.from, span.to);
        }
        Ok(())
    }

    /// How many: "top 5", "the 3 largest", "bottom ten".
    fn limit(&mut self) {
        for at in 0..self.tokens.len() {
            let number = |token: Option<&Token>| {
                token
                    .and_then(Token::number)
                    .filter(|number| (1..=10_000).contains(number))
            };
            let before = self.is(at, &["top", "first", "best", "bottom", "last", "worst"]);
            if let Some(limit) = number(self.tokens.get(at + 1)).filter(|_| before) {
                self.reading.descending = Some(!self.is(at, &["bottom", "last", "worst"]));
                self.reading.limit = Some(limit);
                // At the end it is an afterthought, in front it says what is ranked.
                self.reading.is_ranking = at + 2 < self.tokens.len() && (at == 0 || self.is(at - 1, ASKING));
                self.take(at, 2);
                return;
            }
            let superlative =
                self.is(at + 1, GREATEST) || self.is(at + 1, LEAST) || telling(&self.words_from(at + 1)).is_some();
            if let Some(limit) = number(self.tokens.get(at)).filter(|_| superlative) {
                self.reading.limit = Some(limit);
                self.take(at, 1);
                return;
            }
        }
    }

    fn words_from(&self, at: usize) -> Vec<&str> {
        self.tokens.iter().skip(at).take(2).map(Token::word).collect()
    }

    /// "monthly", "per month", "in each month".
    fn grain(&mut self) {
        for at in 0..self.tokens.len() {
            // An hourly rate is a rate.
            if let Some(grain) = adjective(self.word(at)).filter(|_| !self.is(at + 1, RATED)) {
                self.reading.grain = Some(grain);
                self.take(at, 1);
                return;
            }
        }
        for at in 0..self.tokens.len() {
            let Some(grain) = unit(self.word(at)) else { continue };
            let each = at > 0 && self.is(at - 1, EACH);
            let before = at.checked_sub(1 + usize::from(each));
            let by = before.is_some_and(|before| self.is(before, BEFORE_EACH));
            if !(each || before.is_some_and(|before| self.is(before, &["by", "per"]))) {
                continue;
            }
            // "per month of birth" is not a span of any date.
            if self.is(at + 1, &["of"]) && self.tokens.len() > at + 2 {
                continue;
            }
            let start = if by { before.unwrap_or(at) } else { at - 1 };
            let of = usize::from(self.is(at + 1, &["of"]));
            self.reading.grain = Some(grain);
            self.take(start, at + 1 + of - start);
            return;
        }
    }

    /// What stands in quotes or is no word is a value; it stays in its phrase, too, for it tells where it belongs.
    fn values(&mut self) {
        let values = self.tokens.iter().filter(|token| token.is_value());
        self.reading.values = values.map(|token| token.text.clone()).collect();
    }

    /// Cuts the rest into phrases.
    fn split(&mut self) {
        self.function();
        let pieces = self.pieces();
        let mut pieces = pieces.into_iter();
        let first = pieces.next().unwrap_or_default();
        let (measure, condition) = self.cut(&first.1);
        self.reading.measure = phrase(measure);
        self.reading.conditions.extend(condition.map(phrase));
        let mut superlative = None;
        for (kind, tokens) in pieces {
            match kind {
                Piece::Group => self.reading.groups.push(phrase(&tokens)),
                Piece::Superlative(descending) => superlative = Some((descending, phrase(&tokens))),
                Piece::Condition => self.reading.conditions.push(phrase(&tokens)),
                Piece::Measure => {}
            }
        }
        self.reading.groups.retain(|group| !group.is_empty());
        self.reading.groups.truncate(MAX_GROUPS);
        self.reading.conditions.retain(|condition| !condition.is_empty());
        let reading = &mut self.reading;
        if let Some((descending, measure)) = superlative {
            // "vendors with the longest lead time"
            let entity = std::mem::replace(&mut reading.measure, measure);
            reading.groups.insert(0, entity);
            reading.descending = Some(descending);
            reading.limit.get_or_insert(1);
            reading.is_ranking = true;
        } else if reading.is_ranking && !reading.groups.is_empty() {
            // "top 5 buyers by order value"
            std::mem::swap(&mut reading.measure, &mut reading.groups[0]);
        }
    }

    /// Songs, and in the genre "Jazz": a value is a condition with what stands before it.
    fn cut<'a>(&self, tokens: &'a [Token]) -> (&'a [Token], Option<&'a [Token]>) {
        let value = tokens.iter().position(Token::is_value).unwrap_or(0);
        let is_before = |token: &Token| ["at", "for", "from", "in", "of", "on", "to"].contains(&token.word());
        match tokens[..value].iter().rposition(is_before).filter(|at| *at > 0) {
            Some(at) => (&tokens[..at], Some(&tokens[at + 1..])),
            None => (tokens, None),
        }
    }

    /// What is computed; of "heaviest article" also of what.
    fn function(&mut self) {
        while self.is(0, ASKING) {
            self.take(0, 1);
        }
        if let Some((length, measure, descending)) = telling(&self.words_from(0)) {
            self.take(0, length);
            self.reading.descending = Some(descending);
            self.reading.limit.get_or_insert(1);
            self.reading.is_ranking = true;
            let named = (0..self.tokens.len()).any(|at| self.is(at, &["by"]));
            if !named {
                self.tokens.push(Token::made("by"));
                self.tokens.extend(measure.split(' ').map(Token::made));
            }
            return;
        }
        let function = match (self.word(0), self.word(1)) {
            ("how", "many") => Some((2, Function::Count)),
            ("how", "much") => Some((2, Function::Sum)),
            ("number" | "count", "of") => Some((2, Function::Count)),
            ("total", "number") | ("total", "count") => Some((2 + usize::from(self.is(2, &["of"])), Function::Count)),
            ("sum" | "total", "of") => Some((2, Function::Sum)),
            ("total" | "overall" | "combined", _) => Some((1, Function::Sum)),
            ("average" | "avg" | "mean", _) => Some((1 + usize::from(self.is(1, &["of"])), Function::Avg)),
            (word, _) if GREATEST.contains(&word) => Some((1, Function::Max)),
            (word, _) if LEAST.contains(&word) => Some((1, Function::Min)),
            _ => None,
        };
        if let Some((length, function)) = function {
            self.take(0, length);
            self.reading.function = Some(function);
        }
        if self.reading.function == Some(Function::Count) && self.is(0, &["different", "distinct", "unique"]) {
            self.take(0, 1);
            self.reading.function = Some(Function::CountDistinct);
        }
        // "monthly average of", "average and total": what follows a function word is not looked at again
    }

    /// The phrases in order, each with what begins it.
    fn pieces(&self) -> Vec<(Piece, Vec<Token>)> {
        let mut pieces: Vec<(Piece, Vec<Token>)> = vec![(Piece::Measure, Vec::new())];
        let mut at = 0;
        while at < self.tokens.len() {
            if let Some((length, kind)) = self.beginning(at, pieces.last().map_or(Piece::Measure, |(kind, _)| *kind)) {
                pieces.push((kind, Vec::new()));
                at += length;
                continue;
            }
            if let Some((_, tokens)) = pieces.last_mut() {
                tokens.push(self.tokens[at].clone());
            }
            at += 1;
        }
        pieces
    }

    /// What begins at a word, and how many words say so.
    fn beginning(&self, at: usize, within: Piece) -> Option<(usize, Piece)> {
        let skip = |at: usize| at + usize::from(self.is(at, &["the", "a"]));
        if self.is(at, CONDITION) || self.is(at, &["having"]) {
            let next = skip(at + 1);
            if self.is(at, &["with", "having"]) && (self.is(next, GREATEST) || self.is(next, LEAST)) {
                return Some((next + 1 - at, Piece::Superlative(self.is(next, GREATEST))));
            }
            if self.is(at, &["with"]) && self.is(at + 1, EACH) {
                return Some((2, Piece::Group));
            }
            return Some((1, Piece::Condition));
        }
        if self.is(at, BEFORE_EACH) && self.is(at + 1, EACH) {
            return Some((2, Piece::Group));
        }
        if self.is(at, &["by", "per"]) {
            return Some((1, Piece::Group));
        }
        if self.is(at, &["grouped", "broken", "split"]) && (self.is(at + 1, &["by"]) || self.is(at + 2, &["by"])) {
            return Some((if self.is(at + 1, &["by"]) { 2 } else { 3 }, Piece::Group));
        }
        if self.is(at, EACH) && at > 0 {
            return Some((1, Piece::Group));
        }
        let joins = self.tokens.get(at).is_some_and(Token::is_comma) || self.is(at, &["and"]);
        if joins && within == Piece::Group && at + 1 < self.tokens.len() {
            let and = usize::from(!self.is(at, &["and"]) && self.is(at + 1, &["and"]));
            let by = usize::from(self.is(at + 1 + and, &["by", "per"]));
            return Some((1 + and + by, Piece::Group));
        }
        None
    }
}

/// What begins with a phrase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Piece {
    #[default]
    Measure,
    Group,
    Superlative(bool),
    Condition,
}

/// The words of a phrase, without those that add nothing at its ends.
fn phrase(tokens: &[Token]) -> String {
    let is_empty = |token: &&Token| token.is_comma() || (!token.is_value() && EMPTY.contains(&token.word()));
    let words: Vec<&str> = tokens
        .iter()
        .filter(|token| !is_empty(token))
        .map(|token| token.text.as_str())
        .collect();
    words.join(" ")
}

/// How many words at the beginning say what is measured and which way.
fn telling(words: &[&str]) -> Option<(usize, &'static str, bool)> {
    let (first, second) = (words.first().copied()?, words.get(1).copied().unwrap_or(""));
    let pair = TELLING_PAIRS
        .iter()
        .find(|(one, other, ..)| (*one, *other) == (first, second));
    if let Some((.., measure, descending)) = pair {
        return Some((2, measure, *descending));
    }
    let single = TELLING.iter().find(|(word, ..)| *word == first);
    single.map(|(_, measure, descending)| (1, *measure, *descending))
}

fn adjective(word: &str) -> Option<Grain> {
    Some(match word {
        "hourly" => Grain::Hour,
        "daily" => Grain::Day,
        "weekly" => Grain::Week,
        "monthly" => Grain::Month,
        "quarterly" => Grain::Quarter,
        "yearly" | "annual" | "annually" => Grain::Year,
        _ => return None,
    })
}

/// The span that a word names.
fn unit(word: &str) -> Option<Grain> {
    Some(match word {
        "hour" => Grain::Hour,
        "day" => Grain::Day,
        "week" => Grain::Week,
        "month" => Grain::Month,
        "quarter" => Grain::Quarter,
        "year" => Grain::Year,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
