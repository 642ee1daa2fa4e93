//! How a query is put together, and its text.
//!
//! Figures of one table are computed in a branch of their own, so that joins never count a row twice: where what they are
//! told apart by, or what rows must fit, lies on the side of many, the rows of the table are made distinct first; where
//! figures are of several tables, each is computed alone and the results are put side by side.

use schema::literal;
use serde_json::Value;

use crate::model::{Function, Operator};

/// A table under a name of its own.
#[derive(Clone, Debug)]
pub struct Source {
    /// Qualified and quoted.
    pub identity: String,
    /// Quoted.
    pub alias: String,
    /// Whether the alias is what the table is called anyway.
    pub is_plain: bool,
}

/// A table that is joined.
#[derive(Clone, Debug)]
pub struct Joined {
    /// The table.
    pub source: Source,
    /// When a row fits.
    pub condition: String,
}

/// Which rows count.
#[derive(Clone, Debug)]
pub struct Condition {
    /// An expression.
    pub left: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub values: Vec<Value>,
}

/// A figure of a branch.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Which of the plan's figures.
    pub number: usize,
    /// What it is computed of; `None` for the rows themselves.
    pub expression: Option<String>,
}

/// What is computed of one table.
#[derive(Clone, Debug)]
pub struct Branch {
    /// The table.
    pub from: Source,
    /// What is joined to it.
    pub joins: Vec<Joined>,
    /// Expressions of the plan's dimensions.
    pub dimensions: Vec<String>,
    /// Its figures.
    pub figures: Vec<Figure>,
    /// Which rows count: those that fit all.
    pub conditions: Vec<Condition>,
    /// Where joins can give a row several times, and that matters: how the rows are told apart.
    pub distinct: Option<Distinct>,
}

/// How rows of a table are told apart that joins give several times.
#[derive(Clone, Debug, Default)]
pub struct Distinct {
    /// The table's key, quoted.
    pub key: Vec<String>,
    /// What figures need beside the table itself, of which each row has one.
    pub joins: Vec<Joined>,
}

/// A column of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What it is called, quoted.
    pub alias: String,
    /// What is computed; `None` for a dimension.
    pub function: Option<Function>,
    /// The type of a figure, which matters where there are several branches: a NULL without one would be a text.
    pub type_name: Option<String>,
}

/// A query.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the figures are told apart by.
    pub dimensions: Vec<Column>,
    /// The figures.
    pub figures: Vec<Column>,
    /// Where they come from; one at least.
    pub branches: Vec<Branch>,
    /// Columns of the result by position from 1, and whether the greatest comes first.
    pub order: Vec<(usize, bool)>,
    /// Most rows.
    pub limit: Option<u64>,
}

/// How values are written.
#[derive(Debug)]
pub enum Values {
    /// As constants.
    Written,
    /// As `$1`, `$2`, …, with what they stand for.
    Numbered(Vec<String>),
}

impl Values {
    fn write(&mut self, value: &Value) -> String {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match (self, value) {
            (Values::Numbered(values), _) => {
                values.push(text);
                format!("${}", values.len())
            }
            (Values::Written, Value::String(_)) => literal(&text),
            (Values::Written, _) => text,
        }
    }
}

/// `count(*)`, `sum(x)` …
fn call(function: Function, expression: Option<&str>) -> String {
    match (function, expression) {
        (Function::Count, None) => "count(*)".to_owned(),
        (Function::CountDistinct, Some(expression)) => format!("count(DISTINCT {expression})"),
        (function, expression) => format!("{}({})", function.as_str(), expression.unwrap_or("*")),
    }
}

/// How figures of several branches are put into one row, of which all but one are NULL.
fn side_by_side(function: Function, alias: &str) -> String {
    match function {
        Function::Count | Function::CountDistinct => format!("coalesce(max({alias}), 0)"),
        Function::Min => format!("min({alias})"),
        _ => format!("max({alias})"),
    }
}

impl Condition {
    fn sql(&self, values: &mut Values) -> String {
        let left = &self.left;
        let operator = self.operator.as_str();
        match (self.operator, self.values.as_slice()) {
            (Operator::IsNull | Operator::IsNotNull, _) => format!("{left} {operator}"),
            (Operator::In | Operator::NotIn, list) => {
                let list: Vec<String> = list.iter().map(|value| values.write(value)).collect();
                format!("{left} {operator} ({})", list.join(", "))
            }
            (Operator::Between, [first, second]) => {
                let first = values.write(first);
                format!("{left} {operator} {first} AND {}", values.write(second))
            }
            (_, [value]) => format!("{left} {operator} {}", values.write(value)),
            (_, several) => format!("{left} {operator} ({} values)", several.len()),
        }
    }
}

/// Lines after a keyword, one after the other.
fn listed(keyword: &str, items: &[String], between: &str) -> String {
    match items {
        [] => String::new(),
        [one] => format!("{keyword} {one}\n"),
        several => format!("{keyword}\n    {}\n", several.join(between)),
    }
}

/// Every line further in.
fn indented(text: &str, by: &str) -> String {
    text.trim_end()
        .lines()
        .map(|line| format!("{by}{line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

impl Source {
    fn sql(&self) -> String {
        match self.is_plain {
            true => self.identity.clone(),
            false => format!("{} AS {}", self.identity, self.alias),
        }
    }
}

impl Joined {
    fn sql(&self) -> String {
        format!("JOIN {} ON {}\n", self.source.sql(), self.condition)
    }
}

impl Branch {
    fn from(&self) -> String {
        let joins: String = self.joins.iter().map(Joined::sql).collect();
        format!("FROM {}\n{joins}", self.from.sql())
    }

    fn conditions(&self, values: &mut Values) -> String {
        let conditions: Vec<String> = self.conditions.iter().map(|one| one.sql(values)).collect();
        match conditions.as_slice() {
            [] => String::new(),
            conditions => format!("WHERE {}\n", conditions.join("\n  AND ")),
        }
    }

    fn body(&self, values: &mut Values) -> String {
        format!("{}{}", self.from(), self.conditions(values))
    }
}

impl Plan {
    /// The query's text.
    pub fn sql(&self, values: &mut Values) -> String {
        let mut text = match self.branches.as_slice() {
            [branch] => self.branch(branch, values, false),
            branches => {
                let parts: Vec<String> = branches
                    .iter()
                    .map(|branch| indented(&self.branch(branch, values, true), "    "))
                    .collect();
                let dimensions = self.dimensions.iter().map(|one| one.alias.clone());
                let figures = self.figures.iter().map(|one| {
                    let function = one.function.unwrap_or(Function::Max);
                    format!("{} AS {}", side_by_side(function, &one.alias), one.alias)
                });
                let columns: Vec<String> = dimensions.chain(figures).collect();
                format!(
                    "{}FROM (\n{}\n) AS parts\n{}",
                    listed("SELECT", &columns, ",\n    "),
                    parts.join("\n    UNION ALL\n"),
                    self.grouped()
                )
            }
        };
        let order = self.order.iter().map(|(position, is_descending)| match is_descending {
            true => format!("{position} DESC NULLS LAST"),
            false => position.to_string(),
        });
        let order: Vec<String> = order.collect();
        if !order.is_empty() {
            text.push_str(&format!("ORDER BY {}\n", order.join(", ")));
        }
        if let Some(limit) = self.limit {
            text.push_str(&format!("LIMIT {limit}\n"));
        }
        text.trim_end().to_owned()
    }

    fn grouped(&self) -> String {
        let positions: Vec<String> = (1..=self.dimensions.len()).map(|at| at.to_string()).collect();
        match positions.is_empty() {
            true => String::new(),
            false => format!("GROUP BY {}\n", positions.join(", ")),
        }
    }

    /// One branch; as part of several it has a column for every figure.
    fn branch(&self, branch: &Branch, values: &mut Values, is_part: bool) -> String {
        let named = |expressions: Vec<String>| expressions.into_iter().zip(&self.dimensions);
        let aliased = |(expression, column): (String, &Column)| match expression == column.alias {
            true => expression,
            false => format!("{expression} AS {}", column.alias),
        };
        if self.figures.is_empty() {
            let columns: Vec<String> = named(branch.dimensions.clone()).map(aliased).collect();
            return format!(
                "{}{}",
                listed("SELECT DISTINCT", &columns, ",\n    "),
                branch.body(values)
            );
        }
        let figures = self.figures.iter().enumerate().filter_map(|(number, column)| {
            let own = branch.figures.iter().find(|figure| figure.number == number);
            let function = column.function.unwrap_or(Function::Count);
            match own {
                Some(figure) => Some(format!(
                    "{} AS {}",
                    call(function, figure.expression.as_deref()),
                    column.alias
                )),
                None => is_part.then(|| match &column.type_name {
                    Some(type_name) => format!("NULL::{type_name} AS {}", column.alias),
                    None => format!("NULL AS {}", column.alias),
                }),
            }
        });
        let figures: Vec<String> = figures.collect();
        let Some(Distinct { key, joins }) = &branch.distinct else {
            let columns: Vec<String> = named(branch.dimensions.clone()).map(aliased).chain(figures).collect();
            let select = listed("SELECT", &columns, ",\n    ");
            return format!("{select}{}{}", branch.body(values), self.grouped());
        };
        // Each row of the table once for each combination of dimensions.
        let table = &branch.from.alias;
        let inner: Vec<String> = named(branch.dimensions.clone())
            .map(|(expression, column)| format!("{expression} AS {}", column.alias))
            .chain(
                key.iter()
                    .enumerate()
                    .map(|(at, column)| format!("{table}.{column} AS {}", key_alias(at))),
            )
            .collect();
        let matched = key
            .iter()
            .enumerate()
            .map(|(at, column)| format!("{table}.{column} = matched.{}", key_alias(at)));
        let outer: Vec<String> = self
            .dimensions
            .iter()
            .map(|column| format!("matched.{}", column.alias))
            .chain(figures)
            .collect();
        let inner = format!(
            "{}{}",
            listed("SELECT DISTINCT", &inner, ",\n    "),
            branch.body(values)
        );
        let again = Joined {
            source: branch.from.clone(),
            condition: matched.collect::<Vec<_>>().join(" AND "),
        };
        format!(
            "{}FROM (\n{}\n) AS matched\n{}{}{}",
            listed("SELECT", &outer, ",\n    "),
            indented(&inner, "    "),
            again.sql(),
            joins.iter().map(Joined::sql).collect::<String>(),
            self.grouped()
        )
    }
}

/// What a column of a key is called where rows are made distinct.
fn key_alias(at: usize) -> String {
    format!("key_{}", at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn source(name: &str) -> Source {
        Source {
            identity: format!("shop.{name}"),
            alias: name.to_owned(),
            is_plain: true,
        }
    }

    fn joined(name: &str, condition: &str) -> Joined {
        Joined {
            source: source(name),
            condition: condition.to_owned(),
        }
    }

    fn figure(number: usize, expression: &str) -> Figure {
        Figure {
            number,
            expression: (!expression.is_empty()).then(|| expression.to_owned()),
        }
    }

    fn column(alias: &str, function: Option<Function>) -> Column {
        Column {
            alias: alias.to_owned(),
            function,
            type_name: function.map(|_| "bigint".to_owned()),
        }
    }

    fn lines() -> Plan {
        Plan {
            dimensions: vec![column("city", None)],
            figures: vec![column("total", Some(Function::Sum))],
            branches: vec![Branch {
                from: source("line"),
                joins: vec![joined("orders", "line.order_id = orders.id")],
                dimensions: vec!["orders.city".to_owned()],
                figures: vec![figure(0, "line.total")],
                conditions: vec![
                    Condition {
                        left: "orders.status".to_owned(),
                        operator: Operator::In,
                        values: vec![json!("it's"), json!(3), json!("back\\slash")],
                    },
                    Condition {
                        left: "orders.note".to_owned(),
                        operator: Operator::IsNull,
                        values: Vec::new(),
                    },
                ],
                distinct: None,
            }],
            order: vec![(2, true), (1, false)],
            limit: Some(5),
        }
    }

    #[test]
    fn one_branch_is_a_plain_query() {
        assert_eq!(
            lines().sql(&mut Values::Written),
            "SELECT\n    orders.city AS city,\n    sum(line.total) AS total\nFROM shop.line\nJOIN shop.orders ON line.order_id = orders.id\n\
             WHERE orders.status IN ('it''s', 3, E'back\\\\slash')\n  AND orders.note IS NULL\nGROUP BY 1\nORDER BY 2 DESC NULLS LAST, 1\nLIMIT 5"
        );
        let mut values = Values::Numbered(Vec::new());
        assert!(lines().sql(&mut values).contains("IN ($1, $2, $3)"));
        assert!(matches!(values, Values::Numbered(found) if found == ["it's", "3", "back\\slash"]));
    }

    #[test]
    fn rows_are_made_distinct_before_they_are_added_up() {
        let mut plan = lines();
        let branch = &mut plan.branches[0];
        branch.from = source("orders");
        branch.joins = vec![joined("line", "orders.id = line.order_id")];
        branch.dimensions = vec!["line.product".to_owned()];
        branch.figures = vec![figure(0, "orders.shipping")];
        branch.conditions.clear();
        branch.distinct = Some(Distinct {
            key: vec!["id".to_owned()],
            joins: Vec::new(),
        });
        assert_eq!(
            plan.sql(&mut Values::Written),
            "SELECT\n    matched.city,\n    sum(orders.shipping) AS total\nFROM (\n    SELECT DISTINCT\n        line.product AS city,\n        \
             orders.id AS key_1\n    FROM shop.orders\n    JOIN shop.line ON orders.id = line.order_id\n) AS matched\nJOIN shop.orders ON orders.id = matched.key_1\nGROUP BY 1\nORDER BY 2 DESC NULLS LAST, 1\nLIMIT 5"
        );
    }

    #[test]
    fn figures_of_two_tables_are_computed_apart() {
        let mut plan = lines();
        plan.figures.push(column("orders", Some(Function::Count)));
        plan.branches[0].conditions.clear();
        plan.branches.push(Branch {
            from: source("orders"),
            joins: Vec::new(),
            dimensions: vec!["orders.city".to_owned()],
            figures: vec![figure(1, "")],
            conditions: Vec::new(),
            distinct: None,
        });
        let sql = plan.sql(&mut Values::Written);
        assert!(
            sql.contains("NULL::bigint AS orders")
                && sql.contains("NULL::bigint AS total")
                && sql.contains("UNION ALL"),
            "{sql}"
        );
        assert!(
            sql.contains("max(total) AS total") && sql.contains("coalesce(max(orders), 0) AS orders"),
            "{sql}"
        );
        plan.dimensions.clear();
        plan.order.clear();
        for branch in &mut plan.branches {
            branch.dimensions.clear();
        }
        assert!(!plan.sql(&mut Values::Written).contains("GROUP BY"));
    }

    #[test]
    fn without_figures_it_is_a_list() {
        let mut plan = lines();
        plan.figures.clear();
        plan.branches[0].figures.clear();
        plan.order.clear();
        assert!(
            plan.sql(&mut Values::Written)
                .starts_with("SELECT DISTINCT orders.city AS city\nFROM shop.line\n")
        );
    }
}
