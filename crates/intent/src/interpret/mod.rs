//! From what a question says to what it means in a schema: each phrase may be several things, and those are right
//! together that fit their phrases and lie near each other.

mod computed;
mod filter;
mod time;
mod words;

use retrieve::Semantic;

use self::computed::{expressions, said};
use self::words::{figure, head, names_day, names_figure, usual};
use crate::fact::{Column, Facts, JOIN, Meaning, Reach};
use crate::fit::{Fit, Phrase, Words};
use crate::model::{Dimension, Direction, Function, Intent, Metric, Order};
use crate::reading::Reading;

/// What a measure may be, at most so many, and what each group may be beside each of them.
const MEASURES: usize = 40;
const GROUPS: usize = 3;

/// Interpretations that are told.
const MOST: usize = 5;

/// What the whole question's fit to the table counts that figures are of.
const QUESTION: f32 = 0.5;

/// What speaks for counting where a question asks how many, and against it where it names what is measured.
const COUNTED: f32 = 0.4;
const MEASURED: f32 = 1.1;

/// What a view counts less than a table, a table of what was than one of what is, and one of parts where no parts are named.
const VIEW: f32 = 0.8;
const PAST: f32 = 0.3;
const PARTS: f32 = 0.2;

/// What is lost where a column is averaged though the question does not say so, and where a number is no figure.
const AVERAGED: f32 = 0.15;
const NO_FIGURE: f32 = 0.3;

/// What is lost where money is asked for and the column counts pieces, or the other way round.
const OTHER_FIGURE: f32 = 1.5;

/// What a column that refers to a table adds to that, where several do.
const REFERS: f32 = 0.2;

/// What the confidence is multiplied by for each phrase that has no place.
const LEFT: f32 = 0.4;

/// What is lost where each figure is of a single row, which nobody asks for.
const ALONE: f32 = 1.5;

/// What a question may mean.
#[derive(Clone, Debug)]
pub struct Interpretation {
    /// As an intent.
    pub intent: Intent,
    /// How sure it is that it is meant, from 0 to 1.
    pub confidence: f32,
    /// What each phrase was taken for.
    pub taken: Vec<Taken>,
    /// What of the question has no place in it.
    pub left: Vec<String>,
    score: f32,
    /// Words of the measure that say which rows count, or when.
    explained: usize,
}

/// What a phrase was taken for.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The phrase.
    pub phrase: String,
    /// A table, a column, a filter.
    pub mapping: String,
    /// How sure that is, from 0 to 1.
    pub confidence: f32,
}

/// The phrases of a question in the order in which facts have their cosines: the whole question first.
pub fn phrases(question: &str, reading: &Reading) -> Vec<String> {
    let mut phrases = vec![question.to_owned(), reading.measure.clone()];
    phrases.extend(reading.groups.iter().cloned());
    phrases.extend(reading.conditions.iter().cloned());
    phrases
}

/// Where phrases stand among those.
const QUESTION_AT: usize = 0;
const MEASURE_AT: usize = 1;
const GROUPS_AT: usize = 2;

/// What a figure may be of.
#[derive(Clone, Copy)]
struct Measure {
    table: usize,
    /// `None` for its rows, and for an expression.
    column: Option<usize>,
    /// Position of an expression.
    expression: Option<usize>,
    fit: Fit,
    worth: f32,
}

/// What figures may be told apart by.
#[derive(Clone, Copy)]
struct Group {
    table: usize,
    /// `None` for its rows.
    column: Option<usize>,
    /// The column that refers to the table, where that was meant.
    by: Option<usize>,
    fit: Fit,
}

struct Interpreter<'a> {
    reading: &'a Reading,
    facts: &'a Facts,
    /// The phrases, as texts and to be compared.
    texts: Vec<String>,
    phrases: Vec<Phrase>,
    tables: Vec<Words>,
    columns: Vec<Words>,
    /// What figures may be computed by, with their tables and how well they fit.
    expressions: Vec<(String, usize, Fit)>,
}

/// What a question may mean, the likeliest first; nothing where there is nothing to compare with.
pub fn interpret(question: &str, reading: &Reading, facts: &Facts) -> Vec<Interpretation> {
    let texts = phrases(question, reading);
    let phrase = |(number, text): (usize, &String)| {
        let similarities = facts
            .columns
            .iter()
            .map(|one| one.similarity.get(number).copied().flatten());
        Phrase::of(text, number, similarities)
    };
    let column = |(at, one): (usize, &Column)| {
        let table = &facts.tables[one.table];
        match table.label == Some(at) {
            // What a customer's name is called is the customer.
            true => Words::of(&format!("{} {}", table.name, one.name), table, &one.comment),
            false => Words::of(&one.name, table, &one.comment),
        }
    };
    let interpreter = Interpreter {
        reading,
        facts,
        phrases: texts.iter().enumerate().map(phrase).collect(),
        tables: facts
            .tables
            .iter()
            .map(|one| Words::of(&one.name, one, &one.comment))
            .collect(),
        columns: facts.columns.iter().enumerate().map(column).collect(),
        expressions: expressions(facts, &texts[MEASURE_AT]),
        texts,
    };
    interpreter.interpret()
}

impl Interpreter<'_> {
    fn interpret(&self) -> Vec<Interpretation> {
        let groups: Vec<Vec<Group>> = (0..self.reading.groups.len())
            .map(|at| self.groups(GROUPS_AT + at))
            .collect();
        let mut found: Vec<Interpretation> = Vec::new();
        for measure in self.measures() {
            let reach = self.facts.reach(measure.table);
            let mut chosen: Vec<Vec<Group>> = vec![Vec::new()];
            for options in &groups {
                let worth = |one: &Group| Some(one.fit.score - self.distance(one, &reach)?);
                let options = options
                    .iter()
                    .filter(|one| one.column.is_none() || one.column != measure.column);
                let mut ranked: Vec<(f32, Group)> = options.filter_map(|one| Some((worth(one)?, *one))).collect();
                ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
                ranked.truncate(GROUPS);
                let with = |before: &Vec<Group>| {
                    let before = before.clone();
                    ranked
                        .iter()
                        .map(move |(_, one)| before.iter().copied().chain([*one]).collect())
                };
                chosen = chosen
                    .iter()
                    .flat_map(with)
                    .take(GROUPS * GROUPS)
                    .collect::<Vec<Vec<Group>>>();
            }
            found.extend(
                chosen
                    .iter()
                    .filter_map(|groups| self.together(measure, groups, &reach)),
            );
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut distinct: Vec<Interpretation> = Vec::new();
        for one in found {
            if distinct.iter().all(|known| known.intent != one.intent) {
                distinct.push(one);
            }
            if distinct.len() == MOST {
                break;
            }
        }
        distinct
    }

    fn of_table(&self, phrase: usize, table: usize) -> Fit {
        let fit = self.phrases[phrase].fit(&self.tables[table], &self.facts.tables[table].similarity);
        self.taught(phrase, table, None).unwrap_or(fit)
    }

    fn of_column(&self, phrase: usize, column: usize) -> Fit {
        let fit = self.phrases[phrase].fit(&self.columns[column], &self.facts.columns[column].similarity);
        self.taught(phrase, self.facts.columns[column].table, Some(column))
            .unwrap_or(fit)
    }

    /// How well it fits by what somebody said.
    fn taught(&self, phrase: usize, table: usize, column: Option<usize>) -> Option<Fit> {
        let meant = |one: &&Meaning| {
            one.phrase == phrase && one.table == table && one.column == column && one.expression.is_none()
        };
        let confidences = self.facts.meanings.iter().filter(meant).map(|one| one.confidence);
        confidences.max_by(f32::total_cmp).map(said)
    }

    /// What figures may be of, best first.
    fn measures(&self) -> Vec<Measure> {
        let wanted = self.reading.function;
        let names_figure = names_figure(&self.texts[MEASURE_AT]);
        let mut found = Vec::new();
        let tables: Vec<f32> = (0..self.tables.len())
            .map(|table| QUESTION * self.of_table(QUESTION_AT, table).score + self.kind_of_table(table))
            .collect();
        if matches!(wanted, None | Some(Function::Count)) {
            let asked = match wanted {
                Some(_) => COUNTED,
                None if names_figure => -MEASURED,
                None => 0.0,
            };
            for (table, worth) in tables.iter().enumerate() {
                let fit = self.of_table(MEASURE_AT, table);
                found.push(Measure {
                    table,
                    column: None,
                    expression: None,
                    fit,
                    worth: fit.score + worth + asked,
                });
            }
        }
        for (at, column) in self.facts.columns.iter().enumerate() {
            let is_figure = column.is_number && column.semantic != Semantic::Identifier && column.refers.is_none();
            let is_day = column.is_time && names_day(&self.texts[MEASURE_AT]);
            let fits = match wanted {
                Some(Function::CountDistinct) => {
                    !matches!(column.semantic, Semantic::Json | Semantic::Geo | Semantic::Vector)
                }
                Some(Function::Count) => false,
                Some(Function::Min | Function::Max) => is_figure || is_day,
                Some(Function::Sum | Function::Avg) => is_figure,
                None => is_figure || (is_day && self.reading.is_ranking),
            };
            if !fits {
                continue;
            }
            let mut worth = tables[column.table];
            if column.is_number && column.semantic != Semantic::Metric && wanted != Some(Function::CountDistinct) {
                worth -= NO_FIGURE;
            }
            if wanted.is_none() && !self.reading.is_ranking && usual(&column.name) == Function::Avg {
                worth -= AVERAGED;
            }
            let asked = figure(&head(&self.texts[MEASURE_AT]));
            let own = retrieve::readable(&column.name).split(' ').rev().find_map(figure);
            if asked.is_some() && own.is_some() && asked != own {
                worth -= OTHER_FIGURE;
            }
            let fit = self.of_column(MEASURE_AT, at);
            found.push(Measure {
                table: column.table,
                column: Some(at),
                expression: None,
                fit,
                worth: worth + fit.score,
            });
        }
        if wanted != Some(Function::Count) {
            found.extend(
                self.expressions
                    .iter()
                    .enumerate()
                    .map(|(at, (_, table, fit))| Measure {
                        table: *table,
                        column: None,
                        expression: Some(at),
                        fit: *fit,
                        worth: fit.score + tables[*table],
                    }),
            );
        }
        found.sort_by(|a, b| b.worth.total_cmp(&a.worth));
        found.truncate(MEASURES);
        found
    }

    /// What a table counts less for what it is.
    fn kind_of_table(&self, table: usize) -> f32 {
        let asked = |words: &[&str]| {
            let has = |word: &&str| self.tables[table].name().contains(*word);
            let is_told = |word: &str| self.phrases[QUESTION_AT].terms.iter().any(|term| term == word);
            words.iter().any(|word| has(word) && !is_told(word))
        };
        let mut worth = 0.0;
        if !self.facts.tables[table].is_base {
            worth -= VIEW;
        }
        if asked(&["archiv", "audit", "backup", "histori", "log", "old", "tmp"]) {
            worth -= PAST;
        }
        if asked(&["detail", "item", "line", "posit"]) {
            worth -= PARTS;
        }
        worth
    }

    /// What figures may be told apart by.
    fn groups(&self, number: usize) -> Vec<Group> {
        let mut found = Vec::new();
        let has_short_key = |table: usize| self.facts.columns.iter().any(|one| one.table == table && one.is_key);
        for (table, known) in self.facts.tables.iter().enumerate() {
            // Of what has neither name nor number nobody says "per".
            if known.has_key && (known.has_names || has_short_key(table)) {
                found.push(Group {
                    table,
                    column: None,
                    by: None,
                    fit: self.of_table(number, table),
                });
            }
        }
        for (at, column) in self.facts.columns.iter().enumerate() {
            if matches!(column.semantic, Semantic::Json | Semantic::Geo | Semantic::Vector) {
                continue;
            }
            let table = &self.facts.tables[column.table];
            let fit = self.of_column(number, at);
            let label = |table: usize| self.facts.tables[table].label;
            let group = match column
                .refers
                .filter(|other| self.facts.tables[*other].has_names && *other != column.table)
            {
                // Whoever says courier means the one that the code refers to, by name.
                Some(other) => {
                    let own = label(other).map(|label| self.of_column(number, label));
                    let others = [Some(self.of_table(number, other)), own];
                    let best = others
                        .into_iter()
                        .flatten()
                        .chain([fit])
                        .max_by(|a, b| a.score.total_cmp(&b.score));
                    let best = best.unwrap_or(fit);
                    Group {
                        table: other,
                        column: None,
                        by: Some(at),
                        fit: best.lifted(REFERS * fit.score),
                    }
                }
                // What rows are called may be called so twice, and their number says nothing to people.
                None => Group {
                    table: column.table,
                    column: (!(table.has_key && (table.label == Some(at) || (column.is_key && table.has_names))))
                        .then_some(at),
                    by: None,
                    fit,
                },
            };
            found.push(group);
        }
        found
    }

    /// What it costs to join what a group needs.
    fn distance(&self, group: &Group, reach: &Reach) -> Option<f32> {
        match group.by {
            Some(column) => Some(reach.cost(self.facts.columns[column].table)? + JOIN),
            None => reach.cost(group.table),
        }
    }

    fn identity(&self, table: usize, column: Option<usize>) -> String {
        match column {
            Some(column) => self.facts.columns[column].identity.clone(),
            None => self.facts.tables[table].identity.clone(),
        }
    }

    /// All parts together.
    fn together(&self, measure: Measure, groups: &[Group], reach: &Reach) -> Option<Interpretation> {
        let tells_rows = |group: &Group| group.column.is_none_or(|column| self.facts.columns[column].is_key);
        let is_own = groups
            .iter()
            .any(|group| group.table == measure.table && group.by.is_none() && tells_rows(group));
        let is_count = measure.column.is_none() && measure.expression.is_none();
        let function = match (measure.column, self.reading.function) {
            _ if is_count => Function::Count,
            (_, Some(function)) => function,
            // Of a single row the figure is its own, whatever is computed.
            _ if is_own && self.reading.descending == Some(false) => Function::Min,
            _ if is_own => Function::Max,
            (Some(column), None) => usual(&self.facts.columns[column].name),
            (None, None) => Function::Sum,
        };
        let mut found = Interpretation {
            score: measure.worth,
            confidence: 1.0,
            explained: 0,
            intent: Intent {
                limit: self.reading.limit,
                ..Intent::default()
            },
            taken: Vec::new(),
            left: Vec::new(),
        };
        if is_own && (is_count || !self.reading.is_ranking) {
            found.score -= ALONE;
        }
        let of = match measure.expression {
            Some(expression) => self.expressions[expression].0.clone(),
            None => self.identity(measure.table, measure.column),
        };
        let mapping = of.clone();
        found.intent.metrics.push(Metric {
            function,
            of,
            alias: None,
        });
        for (number, group) in groups.iter().enumerate() {
            found.score += group.fit.score - self.distance(group, reach)?;
            found.confidence = found.confidence.min(group.fit.confidence);
            let of = self.identity(group.table, group.column);
            found.take(&self.texts[GROUPS_AT + number], of.clone(), group.fit.confidence);
            found.intent.dimensions.push(Dimension {
                of,
                grain: None,
                alias: None,
            });
            found
                .intent
                .via
                .extend(group.by.map(|column| self.facts.columns[column].name.clone()));
        }
        self.add_time(measure, reach, &mut found)?;
        self.add_filters(measure, groups, reach, &mut found);
        let words = self.phrases[MEASURE_AT].terms.len().max(1);
        let confidence = measure.fit.with_explained(found.explained as f32 / words as f32);
        found.confidence = found.confidence.min(confidence) * LEFT.powi(found.left.len() as i32);
        found.taken.insert(
            0,
            Taken {
                phrase: self.texts[MEASURE_AT].clone(),
                mapping,
                confidence,
            },
        );
        if self.reading.descending == Some(false) && self.reading.limit.is_some() {
            let alias = "least".to_owned();
            found.intent.metrics[0].alias = Some(alias.clone());
            found.intent.order.push(Order {
                by: alias,
                direction: Direction::Asc,
            });
        }
        Some(found)
    }
}

impl Interpretation {
    fn take(&mut self, phrase: &str, mapping: String, confidence: f32) {
        self.taken.push(Taken {
            phrase: phrase.to_owned(),
            mapping,
            confidence,
        });
    }
}

#[cfg(test)]
mod tests;
