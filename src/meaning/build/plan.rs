//! From an intent to how its statement is put together.

use intent::{
    Branch, Column, Condition, Dimension, Direction, Figure, Function, Grain, Intent, Metric, Operator, Order, Plan,
    Source,
};
use retrieve::nearest_names;
use serde_json::{Value, json};
use std::collections::HashSet;

use super::fact::{Keys, labels};
use super::tree::{Expression, Tree, chosen, goes_by, refused};
use crate::error::{Error, Result};
use crate::meaning::join::{Join, Path};
use crate::meaning::name::{Named, numbered};
use crate::meaning::term::{Template, parse};
use crate::pg::guc;
use crate::pg::lookup::quoted;

/// Names that are offered where one is wrong.
const OFFERED: usize = 3;

/// A way to put the statement together.
pub struct Planned {
    /// The statement.
    pub plan: Plan,
    /// How sure its joins are.
    pub confidence: f64,
    /// Conditions of its joins.
    pub joins: Vec<String>,
    /// What the names of the intent were taken for.
    pub mappings: Vec<Value>,
}

/// What a name of an intent stands for.
enum Target {
    Rows(Named),
    Expression(Expression),
}

/// A figure, looked up.
struct Measure {
    function: Function,
    /// `None` for the rows.
    expression: Option<Expression>,
    /// The relation whose rows it is computed over; not known yet for an expression over several.
    home: Option<Named>,
    alias: String,
}

/// What figures are told apart by, looked up.
struct Grouping {
    expression: Expression,
    grain: Option<Grain>,
    alias: String,
}

/// Which rows count, looked up.
struct Restriction {
    expression: Expression,
    operator: Operator,
    values: Vec<Value>,
}

/// What an intent names, looked up.
#[derive(Default)]
struct Resolved {
    measures: Vec<Measure>,
    groupings: Vec<Grouping>,
    restrictions: Vec<Restriction>,
    mappings: Vec<Value>,
    aliases: Aliases,
}

/// The ways to do what an intent says, the surest first, at most so many.
///
/// # Errors
/// A name that is not there; an intent that cannot be a query; tables that nothing joins.
pub fn plan(intent: &Intent, most: usize) -> Result<Vec<Planned>> {
    let mut resolved = Resolved::of(intent)?;
    let order = resolved.order(intent)?;
    let _pinned = guc::Pinned::search_path();
    resolved.find_homes()?;
    let mut ways: Vec<(Vec<Branch>, Vec<Join>)> = vec![(Vec::new(), Vec::new())];
    for home in resolved.homes() {
        let branches = resolved.branches(&home, &intent.via)?;
        ways = ways
            .iter()
            .flat_map(|(before, joins)| {
                branches.iter().map(move |(branch, path)| {
                    (
                        before.iter().chain([branch]).cloned().collect(),
                        joins.iter().chain(&path.joins).cloned().collect(),
                    )
                })
            })
            .take(most)
            .collect();
    }
    let lacks = |name: &&String| {
        !ways
            .iter()
            .any(|(_, joins)| joins.iter().any(|join| goes_by(join, name)))
    };
    if let Some(name) = intent.via.iter().find(lacks) {
        return Err(refused(format!(
            "\"via\": no way to join these tables goes by a foreign key or a column called \"{name}\"."
        )));
    }
    let groupings = resolved.groupings.iter().map(|one| column(&one.alias, None));
    let measures = resolved
        .measures
        .iter()
        .map(|one| column(&one.alias, Some(one.function)));
    let (dimensions, figures): (Vec<Column>, Vec<Column>) = (groupings.collect(), measures.collect());
    let planned = |(branches, joins): (_, Vec<Join>)| Planned {
        plan: Plan {
            dimensions: dimensions.clone(),
            figures: figures.clone(),
            branches,
            order: order.clone(),
            limit: intent.limit,
        },
        confidence: joins.iter().map(|join| f64::from(join.confidence)).product(),
        joins: joins.iter().map(Join::condition).collect(),
        mappings: resolved.mappings.clone(),
    };
    Ok(ways.into_iter().map(planned).collect())
}

fn column(alias: &str, function: Option<Function>) -> Column {
    Column {
        alias: quoted(alias),
        function,
        type_name: None,
    }
}

impl Resolved {
    fn of(intent: &Intent) -> Result<Resolved> {
        let mut resolved = Resolved::default();
        if let Some(time) = &intent.time {
            let expression = resolved.expression(&time.of, "time")?;
            for (bound, operator) in [(&time.from, Operator::GreaterOrEqual), (&time.to, Operator::Less)] {
                if let Some(bound) = bound {
                    resolved.restrictions.push(Restriction {
                        expression: expression.clone(),
                        operator,
                        values: vec![Value::from(bound.as_str())],
                    });
                }
            }
            if let Some(grain) = time.grain {
                resolved.group(expression, Some(grain), grain.as_str());
            }
        }
        for (number, dimension) in intent.dimensions.iter().enumerate() {
            resolved.dimension(dimension, &format!("dimensions[{number}]"))?;
        }
        for (number, metric) in intent.metrics.iter().enumerate() {
            resolved.metric(metric, &format!("metrics[{number}]"))?;
        }
        for (number, filter) in intent.filters.iter().enumerate() {
            let expression = resolved.expression(&filter.of, &format!("filters[{number}]"))?;
            resolved.restrictions.push(Restriction {
                expression,
                operator: filter.operator,
                values: filter.values(),
            });
        }
        Ok(resolved)
    }

    /// What a name stands for; an error says where in the intent it is.
    fn target(&mut self, of: &str, key: &str) -> Result<Target> {
        let Template { text, parts } = parse(of).map_err(|error| inside(error, key))?;
        let mapping = Template {
            text: text.clone(),
            parts: parts.clone(),
        }
        .mapping();
        self.mappings.push(json!({ "key": key, "of": of, "mapping": mapping }));
        let mut columns = Vec::new();
        for part in parts {
            match part.column {
                Some((_, name)) => columns.push((part.relation, name)),
                None => return Ok(Target::Rows(part.relation)),
            }
        }
        Ok(Target::Expression(Expression { text, columns }))
    }

    /// The same where a table will not do.
    fn expression(&mut self, of: &str, key: &str) -> Result<Expression> {
        match self.target(of, key)? {
            Target::Expression(expression) => Ok(expression),
            Target::Rows(relation) => Err(refused(format!(
                "\"{key}.of\" is the table {}, and must be a column or an expression over columns.",
                relation.identity
            ))),
        }
    }

    fn group(&mut self, expression: Expression, grain: Option<Grain>, alias: &str) {
        let alias = self.aliases.add(alias);
        self.groupings.push(Grouping {
            expression,
            grain,
            alias,
        });
    }

    /// A column alone, or for a table its key and what its rows are called.
    fn dimension(&mut self, dimension: &Dimension, key: &str) -> Result<()> {
        let alias = dimension.alias.as_deref();
        let relation = match self.target(&dimension.of, key)? {
            Target::Expression(expression) => {
                let own = match (dimension.grain, expression.columns.as_slice()) {
                    (Some(grain), _) => grain.as_str(),
                    (None, [(_, name)]) if expression.text == "$1" => name,
                    _ => "expression",
                };
                let alias = alias.unwrap_or(own).to_owned();
                self.group(expression, dimension.grain, &alias);
                return Ok(());
            }
            Target::Rows(_) if dimension.grain.is_some() => {
                return Err(refused(format!(
                    "\"{key}\" has a grain and is a table: only a date or time has spans."
                )));
            }
            Target::Rows(relation) => relation,
        };
        let _pinned = guc::Pinned::search_path();
        let keys = Keys::of(&[relation.oid])?;
        let Some(columns) = keys.total(relation.oid) else {
            return Err(refused(format!(
                "\"{key}\": nothing tells the rows of {} apart. It has no primary key that you may see, and no unique one of columns that are NOT NULL.",
                relation.identity
            )));
        };
        let mut columns = columns.to_vec();
        for called in labels(relation.oid, &relation.name)? {
            if !columns.contains(&called) {
                columns.push(called);
            }
        }
        for name in columns {
            let alias = match alias {
                Some(alias) => format!("{alias}_{name}"),
                None => name.clone(),
            };
            self.group(Expression::of(relation.clone(), name), None, &alias);
        }
        Ok(())
    }

    fn metric(&mut self, metric: &Metric, key: &str) -> Result<()> {
        let function = metric.function;
        let (home, expression) = match self.target(&metric.of, key)? {
            Target::Rows(relation) if function == Function::Count => (Some(relation), None),
            Target::Rows(relation) => {
                return Err(refused(format!(
                    "\"{key}\": {} is a table. Its rows can be counted; {} is computed of a column or an expression.",
                    relation.identity,
                    function.as_str()
                )));
            }
            Target::Expression(expression) => (expression.only_relation(), Some(expression)),
        };
        let own = match (&expression, &home) {
            (None, Some(relation)) => format!("count_{}", relation.name),
            (Some(Expression { text, columns }), _) if text == "$1" => {
                format!("{}_{}", function.as_str(), columns[0].1)
            }
            _ => function.as_str().to_owned(),
        };
        let alias = self.aliases.add(metric.alias.as_deref().unwrap_or(&own));
        self.measures.push(Measure {
            function,
            expression,
            home,
            alias,
        });
        Ok(())
    }

    /// Positions of the result's columns to order by. What time spans there are come in order; a limit means the greatest.
    fn order(&self, intent: &Intent) -> Result<Vec<(usize, bool)>> {
        let groupings = self.groupings.iter().map(|one| one.alias.as_str());
        let names: Vec<&str> = groupings
            .chain(self.measures.iter().map(|one| one.alias.as_str()))
            .collect();
        let mut order: Vec<(usize, bool)> = Vec::new();
        for (number, Order { by, direction }) in intent.order.iter().enumerate() {
            let Some(at) = names.iter().position(|name| name == by) else {
                let nearest = nearest_names(by, names.iter().copied(), OFFERED);
                let offered: Vec<&str> = nearest.iter().map(|(at, _)| names[*at]).collect();
                let offered = if offered.is_empty() { names } else { offered };
                return Err(refused(format!(
                    "\"order[{number}].by\": the result has no column \"{by}\"; it has {}.",
                    offered.join(", ")
                )));
            };
            order.push((at + 1, *direction == Direction::Desc));
        }
        if order.is_empty() && intent.limit.is_some() && !self.measures.is_empty() {
            order.push((self.groupings.len() + 1, true));
        }
        // What is equal in these comes in the order of the rest, so that the answer is the same each time.
        let rest = (1..=self.groupings.len()).filter(|at| order.iter().all(|(known, _)| known != at));
        let rest: Vec<(usize, bool)> = rest.map(|at| (at, false)).collect();
        Ok(order.into_iter().chain(rest).collect())
    }

    /// The relation of an expression over several is the one of whose rows each has one of the others.
    fn find_homes(&mut self) -> Result<()> {
        for at in 0..self.measures.len() {
            let measure = &self.measures[at];
            let Some(expression) = measure.expression.as_ref().filter(|_| measure.home.is_none()) else {
                continue;
            };
            let relations = expression.relations();
            let mut home = None;
            for candidate in &relations {
                let tree = Tree::of(candidate, &relations)?;
                if tree.iter().any(|tree| relations.iter().all(|one| tree.is_single(one))) {
                    home = Some(candidate.clone());
                    break;
                }
            }
            let names: Vec<&str> = relations.iter().map(|one| one.identity.as_str()).collect();
            self.measures[at].home = Some(home.ok_or_else(|| {
                refused(format!(
                    "\"metrics[{at}]\": rows of {} belong to each other many to many, so that the expression would be computed more than once for some.",
                    names.join(" and ")
                ))
            })?);
        }
        Ok(())
    }

    /// The relations that figures are computed over; for a list of values the relation of the first.
    fn homes(&self) -> Vec<Named> {
        let mut homes: Vec<Named> = Vec::new();
        for measure in &self.measures {
            let new = measure.home.clone().filter(|home| !homes.contains(home));
            homes.extend(new);
        }
        if homes.is_empty() {
            let first = self.groupings.iter().flat_map(|one| one.expression.relations()).next();
            homes.extend(first);
        }
        homes
    }

    /// What is computed over one relation, by each way to join what that needs, the surest first.
    fn branches(&self, home: &Named, via: &[String]) -> Result<Vec<(Branch, Path)>> {
        let own = || {
            self.measures
                .iter()
                .enumerate()
                .filter(|(_, one)| one.home.as_ref() == Some(home))
        };
        let expressions = self.groupings.iter().map(|one| &one.expression);
        let expressions = expressions.chain(self.restrictions.iter().map(|one| &one.expression));
        let around: Vec<Named> = expressions.flat_map(Expression::relations).collect();
        let computed: Vec<Named> = own()
            .filter_map(|(_, one)| one.expression.as_ref())
            .flat_map(Expression::relations)
            .collect();
        let all: Vec<Named> = computed.iter().chain(&around).cloned().collect();
        let matters = own().any(|(_, one)| !one.function.ignores_repeats());
        let mut found = Vec::new();
        let mut trees = chosen(Tree::of(home, &all)?, via);
        // Each row with its one department rather than with the departments it leads.
        trees.sort_by_key(|tree| all.iter().filter(|one| !tree.is_single(one)).count());
        for tree in trees {
            let repeats = matters && around.iter().any(|one| !tree.is_single(one));
            let distinct = match tree.distinct_where(repeats, &computed) {
                Ok(distinct) => distinct,
                // Where the first way can be gone, a later one that cannot is none.
                Err(error) if !found.is_empty() && !error.is_interrupt() => continue,
                Err(error) => return Err(error),
            };
            let branch = Branch {
                from: Source {
                    identity: home.identity.clone(),
                    alias: quoted(&home.name),
                    is_plain: true,
                },
                joins: tree.joins().collect(),
                dimensions: self
                    .groupings
                    .iter()
                    .map(|one| {
                        let expression = tree.written(&one.expression);
                        match one.grain {
                            Some(grain) => format!("date_trunc('{}', {expression})", grain.as_str()),
                            None => expression,
                        }
                    })
                    .collect(),
                figures: own()
                    .map(|(number, one)| Figure {
                        number,
                        expression: one.expression.as_ref().map(|expression| tree.written(expression)),
                    })
                    .collect(),
                conditions: self
                    .restrictions
                    .iter()
                    .map(|one| Condition {
                        left: tree.written(&one.expression),
                        operator: one.operator,
                        values: one.values.clone(),
                    })
                    .collect(),
                distinct,
            };
            found.push((branch, tree.path));
        }
        Ok(found)
    }
}

/// An error about a part of the intent says which.
fn inside(error: Error, key: &str) -> Error {
    match error {
        error if error.is_interrupt() => error,
        Error::Postgres {
            code,
            message,
            detail,
            hint,
        } => Error::Postgres {
            code,
            message,
            detail: Some(detail.map_or_else(
                || format!("It is in \"{key}\"."),
                |detail| format!("{detail} It is in \"{key}\"."),
            )),
            hint,
        },
        Error::Argument { what, reason } => Error::Argument {
            what,
            reason: format!("\"{key}.of\": {reason}"),
        },
        error => error,
    }
}

/// What columns of the result are called.
#[derive(Default)]
struct Aliases(HashSet<String>);

impl Aliases {
    /// A name, with a number where it is taken, and never one of those that make rows distinct (`key_1` …).
    fn add(&mut self, name: &str) -> String {
        let name = match name {
            "" => "column".to_owned(),
            name if name == "key" || name.starts_with("key_") => format!("_{name}"),
            name => name.to_owned(),
        };
        let alias = numbered(&name, |alias| self.0.contains(alias));
        self.0.insert(alias.clone());
        alias
    }
}
