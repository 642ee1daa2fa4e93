//! Figures that no column has: what was taught, and what is computed of columns in most companies.

use super::MEASURE_AT;
use super::words::names_figure;
use crate::fact::{Column, Facts};
use crate::fit::Fit;

/// What counts as much as the best of fits.
const SAID: f32 = 5.0;

/// The fit of what somebody said a phrase means.
pub(super) fn said(confidence: f32) -> Fit {
    Fit::of(SAID * confidence, confidence)
}

/// The fit of a figure that is computed as it is in most companies: a column that is called so fits better.
const COMPUTED: (f32, f32) = (2.0, 0.7);

/// What figures of that name are computed by: as somebody said, or of columns that are called as the operands are.
pub(super) fn expressions(facts: &Facts, measure: &str) -> Vec<(String, usize, Fit)> {
    let taught = facts.meanings.iter().filter(|one| one.phrase == MEASURE_AT);
    let mut found: Vec<(String, usize, Fit)> = taught
        .filter_map(|one| Some((one.expression.clone()?, one.table, said(one.confidence))))
        .collect();
    let named = |formula: &&retrieve::Formula| names_figure(measure) || formula.is_called(measure);
    for formula in retrieve::formulas(measure).filter(named) {
        for table in 0..facts.tables.len() {
            let columns: Vec<&Column> = facts.columns.iter().filter(|one| one.table == table).collect();
            let names: Vec<&str> = columns.iter().map(|one| one.name.as_str()).collect();
            let is_called = names.iter().any(|name| formula.is_called(name));
            if let Some(operands) = formula.operands_among(&names).filter(|_| !is_called) {
                let identities: Vec<String> = operands.iter().map(|at| columns[*at].identity.clone()).collect();
                found.push((
                    retrieve::filled(formula.template, &identities),
                    table,
                    Fit::of(COMPUTED.0, COMPUTED.1),
                ));
            }
        }
    }
    found
}
