//! What the words of a phrase say of the figure that is asked for.

use crate::model::Function;

/// The last word of what a phrase is about: "unit cost of goods" is about a cost, "units sold" about units.
pub(super) fn head(phrase: &str) -> String {
    let words = retrieve::split_identifier(phrase);
    let end = words
        .iter()
        .position(|word| ["at", "for", "from", "in", "of", "on", "to"].contains(&word.as_str()));
    let words = &words[..end.filter(|end| *end > 0).unwrap_or(words.len())];
    let is_participle = |word: &&String| {
        !(word.ends_with("ed") || ["bought", "made", "paid", "sent", "sold", "spent"].contains(&word.as_str()))
    };
    words
        .iter()
        .rev()
        .find(is_participle)
        .or(words.last())
        .cloned()
        .unwrap_or_default()
}

/// Whether a phrase names something that is measured, not counted.
pub(super) fn names_figure(phrase: &str) -> bool {
    const FIGURES: &[&str] = &[
        "age",
        "amount",
        "balance",
        "bonus",
        "commission",
        "cost",
        "credit",
        "debit",
        "discount",
        "distance",
        "duration",
        "expense",
        "fee",
        "freight",
        "height",
        "hours",
        "income",
        "length",
        "margin",
        "minutes",
        "pay",
        "percentage",
        "pieces",
        "points",
        "price",
        "profit",
        "quantity",
        "rate",
        "rating",
        "refund",
        "revenue",
        "salary",
        "score",
        "size",
        "spend",
        "stock",
        "subtotal",
        "tax",
        "time",
        "total",
        "turnover",
        "units",
        "value",
        "volume",
        "wage",
        "weight",
    ];
    let head = head(phrase);
    FIGURES
        .iter()
        .any(|figure| head == *figure || head.strip_suffix('s') == Some(figure))
}

/// What kind of figure a word is, where it is one: money, or a number of things.
pub(super) fn figure(word: &str) -> Option<bool> {
    const MONEY: &[&str] = &[
        "amount", "balance", "cost", "expense", "fee", "freight", "income", "margin", "pay", "price", "profit",
        "revenue", "salary", "spend", "subtotal", "tax", "total", "turnover", "value", "wage",
    ];
    const THINGS: &[&str] = &["count", "number", "piece", "quantity", "unit", "volume"];
    let word = word.strip_suffix('s').unwrap_or(word);
    let is_in = |list: &[&str]| list.contains(&word);
    (is_in(MONEY) || is_in(THINGS)).then(|| is_in(MONEY))
}

pub(super) fn names_day(phrase: &str) -> bool {
    let words = retrieve::split_identifier(phrase);
    words
        .iter()
        .any(|word| ["date", "day", "time"].contains(&word.as_str()))
}

/// What is usually computed of a column: shares, prices and rates are averaged, amounts added up.
pub(super) fn usual(name: &str) -> Function {
    const AVERAGED: &[&str] = &[
        "age",
        "averag",
        "degre",
        "grade",
        "height",
        "index",
        "latitud",
        "level",
        "longitud",
        "margin",
        "mean",
        "pct",
        "percent",
        "percentag",
        "price",
        "rank",
        "rate",
        "ratio",
        "score",
        "share",
        "speed",
        "star",
        "temperatur",
        "weight",
        "width",
    ];
    let words = retrieve::terms(name);
    match words.iter().any(|word| AVERAGED.contains(&word.as_str())) {
        true => Function::Avg,
        false => Function::Sum,
    }
}
