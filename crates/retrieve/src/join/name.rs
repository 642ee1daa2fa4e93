//! What the names of relations and columns say where joins are guessed.

use rust_stemmers::{Algorithm, Stemmer};

use crate::words::words_of;

/// Names of keys that say nothing of whose key they are.
pub(super) const GENERIC: &[&str] = &[
    "id", "key", "code", "name", "uuid", "guid", "number", "no", "oid", "pk", "type", "title", "value",
];

/// What may stand before one of them and says no more.
const OF_ROWS: &[&str] = &["record", "row", "sys"];

/// Names of people in part, which two relations have of different people: of these words with "name", or of one alone.
const PARTS_OF_NAMES: &[&str] = &["family", "first", "given", "last", "middle"];
const NAMES_OF_PEOPLE: &[&str] = &["firstname", "forename", "lastname", "surname"];

/// Names of keys that a column named only after the relation refers to; they do not say whose key it is.
pub(crate) const REFERRED_TO: &[&str] = &["id", "key", "code", "uuid", "guid", "number", "no"];

/// Those of them that are nothing but keys: a home phone number is no reference to a phone number.
pub(super) const KEYS: &[&str] = &["id", "key", "code", "uuid", "guid"];

/// What stands before or behind names of relations and says what kind they are, abbreviations written out.
const KINDS_OF_RELATIONS: &[&str] = &[
    "dim",
    "dimension",
    "fact",
    "lkp",
    "lookup",
    "master",
    "reference",
    "table",
];

/// Words of columns that count or measure what they name after them: no reference to one.
const COUNTS: &[&str] = &[
    "count", "max", "maximum", "min", "minimum", "num", "number", "qty", "quantity", "sum", "total",
];

/// Words that end as plurals do and need not be one.
const NO_PLURALS: &[&str] = &[
    "alias", "atlas", "bias", "canvas", "gas", "lens", "news", "series", "species",
];

/// What columns of many relations end in that say nothing of each other: what they measure, when and how they are.
pub(super) const OF_THEIR_OWN: &[&str] = &[
    "active",
    "address",
    "amount",
    "at",
    "by",
    "city",
    "comment",
    "count",
    "created",
    "date",
    "day",
    "deleted",
    "description",
    "email",
    "end",
    "flag",
    "height",
    "kind",
    "label",
    "length",
    "month",
    "note",
    "on",
    "order",
    "phone",
    "position",
    "price",
    "quantity",
    "rank",
    "score",
    "size",
    "start",
    "state",
    "status",
    "text",
    "time",
    "total",
    "updated",
    "url",
    "version",
    "weight",
    "width",
    "year",
];

/// A name as comparable words.
pub(super) type Words = Vec<String>;

/// Whether a key's name says nothing of whose it is.
pub(super) fn is_generic(key: &str) -> bool {
    words_of(key).split_last().is_some_and(|(last, before)| {
        GENERIC.contains(&last.as_str()) && before.iter().all(|word| OF_ROWS.contains(&word.as_str()))
    })
}

/// The words of a relation's name, and those but one at an end that says what kind of relation it is.
pub(super) fn owners(relation: &str) -> Vec<Words> {
    let words = words_of(relation);
    let says_kind = |word: &String| KINDS_OF_RELATIONS.contains(&word.as_str());
    let owner = match words.as_slice() {
        [first, rest @ ..] if !rest.is_empty() && says_kind(first) => Some(rest),
        [rest @ .., last] if !rest.is_empty() && says_kind(last) => Some(rest),
        _ => None,
    };
    let stemmed = |words: &[String]| words.iter().map(|word| stem(word)).collect();
    let all = std::iter::once(words.as_slice()).chain(owner);
    all.filter(|words| !words.is_empty()).map(stemmed).collect()
}

/// Whether people are told by it in part, so that others have the same.
pub(super) fn is_name_of_people(column: &str) -> bool {
    match words_of(column).as_slice() {
        [one] => NAMES_OF_PEOPLE.contains(&one.as_str()),
        [.., part, name] => name == "name" && PARTS_OF_NAMES.contains(&part.as_str()),
        [] => false,
    }
}

/// The name of a column that may refer to a key.
pub(super) struct Column {
    pub words: Words,
    /// Where the numbers begin that tell it from others like it: club_id of club_id_2.
    pub end: usize,
    /// Whether it may be how many there are of what it is called after: followers, num_product.
    pub is_count: bool,
    /// Whether its last word may be what it measures: sort_order.
    pub is_measure: bool,
}

impl Column {
    pub fn of(name: &str) -> Column {
        let words = words_of(name);
        let is_number = |word: &String| word.bytes().all(|byte| byte.is_ascii_digit());
        let end = words
            .iter()
            .rposition(|word| !is_number(word))
            .map_or(0, |last| last + 1);
        let is_singular = |word: &str| {
            !word.ends_with('s')
                || ["ss", "us", "is"].iter().any(|end| word.ends_with(end))
                || NO_PLURALS.contains(&word)
        };
        let ends_in = |is: &dyn Fn(&str) -> bool| words[..end].last().is_some_and(|last| is(last));
        Column {
            end,
            is_count: ends_in(&|last| !is_singular(last)) || words.iter().any(|word| COUNTS.contains(&word.as_str())),
            is_measure: ends_in(&|last| OF_THEIR_OWN.contains(&last)),
            words: words.iter().map(|word| stem(word)).collect(),
        }
    }

    /// Places of the words that may name a key: all, the last ones, the same without numbers at the end.
    pub fn parts(&self) -> impl Iterator<Item = (usize, usize)> {
        let ends = [self.words.len(), self.end];
        let ends = ends.into_iter().take(if self.end < self.words.len() { 2 } else { 1 });
        ends.flat_map(|end| (0..end).map(move |start| (start, end)))
    }
}

/// The stems of a name's words.
pub(super) fn stems(name: &str) -> Words {
    words_of(name).iter().map(|word| stem(word)).collect()
}

fn stem(word: &str) -> String {
    Stemmer::create(Algorithm::English).stem(word).into_owned()
}
