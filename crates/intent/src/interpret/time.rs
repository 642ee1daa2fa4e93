//! Which of several dates counts.

use serde_json::{Value, json};

use super::{Interpretation, Interpreter, MEASURE_AT, Measure, QUESTION_AT};
use crate::fact::Reach;
use crate::model::{Dimension, Filter, Grain, Operator, Time};
use crate::reading::Reading;

/// What counts: words of the date's name in what is measured ("parcels delivered"), the fit of the question, that every row
/// has one, that it is named after its table; joins, beside what they cost; a note of when the row was written; a date that lies ahead.
const NAMED: f32 = 0.8;
const FIT: f32 = 0.25;
const NEEDED: f32 = 0.15;
const OF_TABLE: f32 = 0.3;
const BEYOND: f32 = 1.6;
const BOOKKEEPING: f32 = 0.8;
const AHEAD: f32 = 0.2;

/// Words beside which a year says of when a figure is.
const OF_A_YEAR: &[&str] = &[
    "a", "by", "current", "each", "every", "last", "next", "per", "previous", "prior", "so", "the", "this",
];

/// What a year that is kept as a number counts less than a date.
const NUMBER: f32 = 0.1;

/// How sure a date is: the best of those near.
const WHEN: f32 = 0.8;

/// Beginnings of words that say so.
const WRITTEN: &[&str] = &["chang", "delet", "modifi", "updat"];
const LATER: &[&str] = &["due", "end", "expir", "promis", "until"];

impl Interpreter<'_> {
    /// Adds when; `None` where nothing near says when.
    pub(super) fn add_time(&self, measure: Measure, reach: &Reach, found: &mut Interpretation) -> Option<()> {
        let reading = self.reading;
        if reading.grain.is_none() && reading.from.is_none() && reading.to.is_none() {
            return Some(());
        }
        let years = whole_years(reading);
        let counts = |at: &usize| self.facts.columns[*at].is_time || years.is_some() && self.is_year(*at);
        let times = (0..self.facts.columns.len()).filter(counts);
        let ranked = times.filter_map(|at| Some((at, self.time_worth(measure, at, reach)?)));
        let (at, worth) = ranked.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        found.score += worth;
        let of = self.facts.columns[at].identity.clone();
        if self.names_time(at) {
            found.explained += 1;
        }
        found.take("when", of.clone(), WHEN);
        if let Some(years) = years.filter(|_| !self.facts.columns[at].is_time) {
            years.add(of, reading.grain, found);
            return Some(());
        }
        let span = [reading.from, reading.to].map(|day| day.map(|day| day.to_string()));
        let [from, to] = span;
        found.intent.time = Some(Time {
            of,
            from,
            to,
            grain: reading.grain,
        });
        Some(())
    }

    fn time_worth(&self, measure: Measure, at: usize, reach: &Reach) -> Option<f32> {
        let column = &self.facts.columns[at];
        let near = reach.cost(column.table).filter(|_| reach.is_single(column.table))?;
        let name = self.columns[at].name();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(*word));
        let mut worth = FIT * self.of_column(QUESTION_AT, at).score - BEYOND * near;
        if column.table == measure.table && self.names_time(at) {
            worth += NAMED;
        }
        if column.is_needed {
            worth += NEEDED;
        }
        if self.tables[column.table].name().iter().any(|term| name.contains(term)) {
            worth += OF_TABLE;
        }
        if has(WRITTEN) {
            worth -= BOOKKEEPING;
        }
        if has(LATER) {
            worth -= AHEAD;
        }
        if !column.is_time {
            worth -= NUMBER;
        }
        Some(worth)
    }

    /// Whether a column has years as numbers: `release_year`, not `sales_last_year`.
    fn is_year(&self, at: usize) -> bool {
        let column = &self.facts.columns[at];
        let words = retrieve::split_identifier(&column.name);
        let is_year = words.last().is_some_and(|last| last == "year");
        column.is_number && is_year && !words.iter().any(|word| OF_A_YEAR.contains(&word.as_str()))
    }

    /// Whether what is measured has a word of the date's name: "parcels delivered" that of delivered_at.
    fn names_time(&self, at: usize) -> bool {
        let terms = &self.phrases[MEASURE_AT].terms;
        let name = self.columns[at].name();
        terms
            .iter()
            .skip(1)
            .any(|term| name.contains(term) && !self.tables[self.facts.columns[at].table].name().contains(term))
    }
}

/// A span of whole years: the first, and the one after the last.
struct Years {
    from: Option<i16>,
    to: Option<i16>,
}

/// The years of a reading, where it says no more of time than years.
fn whole_years(reading: &Reading) -> Option<Years> {
    let is_whole = |day: Option<jiff::civil::Date>| day.is_none_or(|day| day.month() == 1 && day.day() == 1);
    let is_by_year = matches!(reading.grain, None | Some(Grain::Year));
    (is_by_year && is_whole(reading.from) && is_whole(reading.to)).then(|| Years {
        from: reading.from.map(|day| day.year()),
        to: reading.to.map(|day| day.year()),
    })
}

impl Years {
    /// Adds them as values of a column of numbers.
    fn add(&self, of: String, grain: Option<Grain>, found: &mut Interpretation) {
        let value: Option<(Operator, Value)> = match (self.from, self.to) {
            (Some(from), Some(to)) if to == from + 1 => Some((Operator::Equal, json!(from))),
            (Some(from), Some(to)) => Some((Operator::Between, json!([from, to - 1]))),
            (Some(from), None) => Some((Operator::GreaterOrEqual, json!(from))),
            (None, Some(to)) => Some((Operator::Less, json!(to))),
            (None, None) => None,
        };
        found.intent.filters.extend(value.map(|(operator, value)| Filter {
            of: of.clone(),
            operator,
            value,
        }));
        if grain.is_some() {
            found.intent.dimensions.push(Dimension {
                of,
                grain: None,
                alias: None,
            });
        }
    }
}
