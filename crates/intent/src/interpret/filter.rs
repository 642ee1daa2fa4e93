//! Which rows count: words that are values of a column, or that say yes to one.

use retrieve::Semantic;
use serde_json::Value;

use super::{GROUPS_AT, Group, Interpretation, Interpreter, MEASURE_AT, Measure};
use crate::fact::Reach;
use crate::fit::Phrase;
use crate::model::{Filter, Operator};

/// What each word adds that has a place.
const PLACED: f32 = 0.35;

/// How sure a filter is.
const BY_VALUE: f32 = 0.9;
const BY_WORDS: f32 = 0.8;

/// How far away a column of a filter may be.
const NEAR: f32 = 1.2;

/// A filter, and how many words it explains.
struct Restriction {
    column: usize,
    operator: Operator,
    value: Value,
    words: usize,
    confidence: f32,
}

impl Interpreter<'_> {
    pub(super) fn add_filters(&self, measure: Measure, groups: &[Group], reach: &Reach, found: &mut Interpretation) {
        let is_near = |table: usize| {
            let is_known = reach.is_single(table) || groups.iter().any(|group| group.table == table);
            is_known && reach.cost(table).is_some_and(|cost| cost < NEAR)
        };
        let first = GROUPS_AT + self.reading.groups.len();
        for number in std::iter::once(MEASURE_AT).chain(first..self.texts.len()) {
            let is_condition = number != MEASURE_AT;
            let text = &self.texts[number];
            let open = self.open(measure, number, found);
            let literals: Vec<&String> = self
                .reading
                .values
                .iter()
                .filter(|value| text.contains(value.as_str()))
                .collect();
            let by_value = self.by_value(&open, &is_near, literals.first().copied());
            let filter = by_value
                .or_else(|| self.by_literal(number, literals.first()?, &is_near))
                .or_else(|| self.by_flag(&open, is_condition, &is_near));
            let Some(filter) = filter else {
                if is_condition || !literals.is_empty() {
                    found.left.push(text.clone());
                }
                continue;
            };
            let distance = reach.cost(self.facts.columns[filter.column].table).unwrap_or(NEAR);
            found.score += PLACED * filter.words as f32 * filter.confidence - distance;
            let of = self.facts.columns[filter.column].identity.clone();
            if is_condition {
                found.confidence = found.confidence.min(filter.confidence);
            } else {
                found.explained += filter.words;
            }
            let told = format!("{of} {} {}", filter.operator.as_str(), filter.value);
            found.take(text, told, filter.confidence);
            found.intent.filters.push(Filter {
                of,
                operator: filter.operator,
                value: filter.value,
            });
        }
    }

    /// The words of a phrase that what is measured does not explain.
    fn open(&self, measure: Measure, number: usize, found: &Interpretation) -> Vec<String> {
        let terms = &self.phrases[number].terms;
        if number != MEASURE_AT {
            return terms.clone();
        }
        let own = measure.column.map(|column| self.columns[column].name());
        let is_used = |term: &String| {
            self.tables[measure.table].name().contains(term) || own.is_some_and(|own| own.contains(term))
        };
        let mut open: Vec<String> = terms.iter().filter(|term| !is_used(term)).cloned().collect();
        // "orders placed in 2025" says when, "open orders" which.
        let time = found
            .intent
            .time
            .as_ref()
            .and_then(|time| self.facts.columns.iter().position(|column| column.identity == time.of));
        let is_when = |term: &String| time.is_some_and(|time| self.columns[time].name().contains(term));
        if open
            .last()
            .is_some_and(|last| terms.last() == Some(last) && is_when(last))
        {
            open.pop();
        }
        open
    }

    /// A run of words that is a value of a column near by.
    fn by_value(
        &self,
        open: &[String],
        is_near: &impl Fn(usize) -> bool,
        literal: Option<&String>,
    ) -> Option<Restriction> {
        let mut best: Option<(usize, usize, &String)> = None;
        for (at, column) in self
            .facts
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| is_near(column.table))
        {
            for value in &column.values {
                let words = retrieve::terms(value);
                let is_said = !words.is_empty() && open.windows(words.len()).any(|run| run == words);
                let is_there = is_said || literal.is_some_and(|literal| literal == value);
                if is_there && best.is_none_or(|(length, ..)| words.len() > length) {
                    best = Some((words.len(), at, value));
                }
            }
        }
        best.map(|(words, column, value)| Restriction {
            column,
            operator: Operator::Equal,
            value: Value::from(value.as_str()),
            words,
            confidence: BY_VALUE,
        })
    }

    /// A value in quotes, of the column that the words beside it name.
    fn by_literal(&self, number: usize, value: &str, is_near: &impl Fn(usize) -> bool) -> Option<Restriction> {
        let beside = self.texts[number].replace(value, " ");
        let phrase = Phrase::of(&beside, number, std::iter::empty());
        let can_hold = |at: &usize| {
            let column = &self.facts.columns[*at];
            is_near(column.table)
                && !column.is_number
                && !column.is_time
                && !matches!(
                    column.semantic,
                    Semantic::Boolean | Semantic::Json | Semantic::Geo | Semantic::Vector
                )
        };
        let fit = |at: usize| phrase.fit(&self.columns[at], &[]).score + self.of_column(number, at).score;
        let fits = (0..self.facts.columns.len()).filter(can_hold).map(|at| (at, fit(at)));
        let (column, _) = fits.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        Some(Restriction {
            column,
            operator: Operator::Equal,
            value: Value::from(value),
            words: phrase.terms.len(),
            confidence: self.of_column(number, column).confidence,
        })
    }

    /// Words of a column that says yes or no, or of what is said of it.
    fn by_flag(&self, open: &[String], is_condition: bool, is_near: &impl Fn(usize) -> bool) -> Option<Restriction> {
        let words = |at: usize| {
            let of = &self.columns[at];
            let is_own = |term: &&String| of.name().contains(*term) && !["flag", "has", "is"].contains(&term.as_str());
            let named = open.iter().filter(is_own).count();
            let said = open.iter().filter(|term| of.comment().contains(*term)).count();
            (named > 0 || said > 1 || (is_condition && said > 0)).then_some(named.max(said))
        };
        let is_flag = |at: &usize| {
            let column = &self.facts.columns[*at];
            column.semantic == Semantic::Boolean && !column.is_number && is_near(column.table)
        };
        let flags = (0..self.facts.columns.len()).filter(is_flag);
        let found = flags.filter_map(|at| Some((at, words(at)?)));
        let (column, words) = found.max_by_key(|(at, words)| (*words, std::cmp::Reverse(*at)))?;
        Some(Restriction {
            column,
            operator: Operator::Equal,
            value: Value::from(true),
            words,
            confidence: BY_WORDS,
        })
    }
}
