//! Which of several dates counts.

use super::{Interpretation, Interpreter, MEASURE_AT, Measure, QUESTION_AT};
use crate::fact::Reach;
use crate::model::Time;

/// What counts: words of the date's name in what is measured ("parcels delivered"), the fit of the question, that every row
/// has one, that it is named after its table; joins, beside what they cost; a note of when the row was written; a date that lies ahead.
const NAMED: f32 = 0.8;
const FIT: f32 = 0.25;
const NEEDED: f32 = 0.15;
const OF_TABLE: f32 = 0.3;
const BEYOND: f32 = 1.6;
const BOOKKEEPING: f32 = 0.8;
const AHEAD: f32 = 0.2;

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
        let times = (0..self.facts.columns.len()).filter(|at| self.facts.columns[*at].is_time);
        let ranked = times.filter_map(|at| Some((at, self.time_worth(measure, at, reach)?)));
        let (at, worth) = ranked.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        found.score += worth;
        let of = self.facts.columns[at].identity.clone();
        let span = [reading.from, reading.to].map(|day| day.map(|day| day.to_string()));
        let [from, to] = span;
        if self.names_time(at) {
            found.explained += 1;
        }
        found.take("when", of.clone(), WHEN);
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
        Some(worth)
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
