//! From what is asked for to a statement: an intent's names are looked up, its tables joined, and its text checked by
//! PostgreSQL before anybody sees it.

mod fact;
mod plan;
mod question;
mod tree;

pub use question::answer;

use intent::{Intent, Plan, Values};
use serde_json::{Value, json};

use self::plan::{Planned, plan};
use super::validate::validate;
use crate::error::{Error, Result};
use crate::pg::encoding::server_text;
use crate::pg::statement::{Wish, analyse};

/// Most other ways that are told.
const MOST_ALTERNATIVES: usize = 3;

/// A statement for what was asked.
#[derive(Debug, Default)]
pub struct Built {
    /// With its values as constants.
    pub sql: String,
    /// With `$1`, `$2` … in their places.
    pub prepared: String,
    /// What those stand for.
    pub parameters: Vec<String>,
    /// How sure it is that this is meant, from 0 to 1.
    pub confidence: f64,
    /// What was asked for.
    pub intent: Intent,
    /// What its words or names were taken for.
    pub mappings: Vec<Value>,
    /// Other statements that may be meant.
    pub alternatives: Vec<Value>,
}

/// The statement of an intent. It reads only, and PostgreSQL has found it valid for the caller.
///
/// # Errors
/// Names that are not there, with the nearest; tables that nothing joins; figures that cannot be added up without counting
/// rows twice; what PostgreSQL says of expressions and values.
pub fn build(intent: Intent) -> Result<Built> {
    let mut ways = plan(&intent, MOST_ALTERNATIVES + 1)?.into_iter();
    let Some(first) = ways.next() else {
        return Err(Error::Content {
            place: "an intent",
            reason: "nothing can be made of it".to_owned(),
        });
    };
    let mut built = written(first, intent)?;
    for way in ways {
        let joins = Value::from(way.joins.clone());
        let confidence = rounded(way.confidence);
        let other = written(way, Intent::default())?;
        built
            .alternatives
            .push(json!({ "sql": other.sql, "joins": joins, "confidence": confidence }));
    }
    Ok(built)
}

/// The text of a plan, checked.
fn written(planned: Planned, intent: Intent) -> Result<Built> {
    let plan = typed(planned.plan)?;
    let sql = plan.sql(&mut Values::Written);
    let mut values = Values::Numbered(Vec::new());
    let prepared = plan.sql(&mut values);
    for text in [&sql, &prepared] {
        let verdict = validate(&server_text(text), true, None)?;
        if let Some(error) = verdict.error {
            return Err(error);
        }
    }
    Ok(Built {
        sql,
        prepared,
        parameters: match values {
            Values::Numbered(values) => values,
            Values::Written => Vec::new(),
        },
        confidence: rounded(planned.confidence),
        intent,
        mappings: planned.mappings,
        alternatives: Vec::new(),
    })
}

/// The same with the types of figures, where there are several branches.
fn typed(mut plan: Plan) -> Result<Plan> {
    if plan.branches.len() < 2 {
        return Ok(plan);
    }
    for branch in plan.branches.clone() {
        let alone = Plan {
            branches: vec![branch.clone()],
            order: Vec::new(),
            limit: None,
            ..plan.clone()
        };
        let statement =
            analyse(&server_text(&alone.sql(&mut Values::Written)), Wish::Own).map_err(|fault| fault.error)?;
        let types = statement.columns.into_iter().skip(plan.dimensions.len());
        let mut numbers: Vec<usize> = branch.figures.iter().map(|figure| figure.number).collect();
        numbers.sort_unstable();
        for (number, type_name) in numbers.into_iter().zip(types) {
            plan.figures[number].type_name = Some(type_name);
        }
    }
    Ok(plan)
}

fn rounded(confidence: f64) -> f64 {
    (confidence * 100.0).round() / 100.0
}
