//! What a query is to give, as JSON: figures, what they are told apart by, which rows count.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most parts of one kind in an intent.
const MAX_PARTS: usize = 64;

/// What is computed of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// Rows of a table, or of a column those that are not NULL.
    Count,
    /// Different values.
    CountDistinct,
    /// Sum.
    Sum,
    /// Arithmetic mean.
    Avg,
    /// Least.
    Min,
    /// Greatest.
    Max,
}

impl Function {
    /// As an intent names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Function::Count => "count",
            Function::CountDistinct => "count_distinct",
            Function::Sum => "sum",
            Function::Avg => "avg",
            Function::Min => "min",
            Function::Max => "max",
        }
    }

    /// Whether a row that is there several times changes nothing.
    pub fn ignores_repeats(self) -> bool {
        matches!(self, Function::CountDistinct | Function::Min | Function::Max)
    }
}

/// How long the spans are that times are put together in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    /// Hours.
    Hour,
    /// Days.
    Day,
    /// Weeks, from Monday.
    Week,
    /// Months.
    Month,
    /// Quarters.
    Quarter,
    /// Years.
    Year,
}

impl Grain {
    /// As `date_trunc()` and an intent name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Grain::Hour => "hour",
            Grain::Day => "day",
            Grain::Week => "week",
            Grain::Month => "month",
            Grain::Quarter => "quarter",
            Grain::Year => "year",
        }
    }
}

/// A figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// What is computed.
    pub function: Function,
    /// Of what: a table to count its rows, a column, or an expression over columns.
    pub of: String,
    /// What the column of the result is called.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

/// What figures are told apart by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimension {
    /// A column, an expression over columns, or a table: each of its rows apart.
    pub of: String,
    /// For a date or time: in which spans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grain: Option<Grain>,
    /// What the column of the result is called.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// Equal.
    #[serde(rename = "=")]
    Equal,
    /// Not equal.
    #[serde(rename = "<>")]
    NotEqual,
    /// Less.
    #[serde(rename = "<")]
    Less,
    /// Less or equal.
    #[serde(rename = "<=")]
    LessOrEqual,
    /// Greater.
    #[serde(rename = ">")]
    Greater,
    /// Greater or equal.
    #[serde(rename = ">=")]
    GreaterOrEqual,
    /// One of a list.
    #[serde(rename = "in")]
    In,
    /// None of a list.
    #[serde(rename = "not in")]
    NotIn,
    /// From the first to the second of two, both included.
    #[serde(rename = "between")]
    Between,
    /// By a pattern of LIKE.
    #[serde(rename = "like")]
    Like,
    /// The same in any case.
    #[serde(rename = "ilike")]
    Ilike,
    /// NULL.
    #[serde(rename = "is null")]
    IsNull,
    /// Not NULL.
    #[serde(rename = "is not null")]
    IsNotNull,
}

impl Operator {
    /// As SQL writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Operator::Equal => "=",
            Operator::NotEqual => "<>",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::In => "IN",
            Operator::NotIn => "NOT IN",
            Operator::Between => "BETWEEN",
            Operator::Like => "LIKE",
            Operator::Ilike => "ILIKE",
            Operator::IsNull => "IS NULL",
            Operator::IsNotNull => "IS NOT NULL",
        }
    }
}

/// Which rows count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// A column, or an expression over columns.
    pub of: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what: a text, a number, true or false; a list for `in`, `not in` and `between`; nothing for `is null`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub value: Value,
}

impl Filter {
    /// What is compared with, one by one.
    pub fn values(&self) -> Vec<Value> {
        match &self.value {
            Value::Null => Vec::new(),
            Value::Array(values) => values.clone(),
            value => vec![value.clone()],
        }
    }

    /// What is wrong with the value.
    fn complaint(&self) -> Option<&'static str> {
        let values = self.values();
        let is_list = self.value.is_array();
        let is_plain = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
        if !values.iter().all(is_plain) {
            return Some("has values that are not texts, numbers, true or false");
        }
        match self.operator {
            Operator::IsNull | Operator::IsNotNull if !values.is_empty() => Some("takes no value"),
            Operator::IsNull | Operator::IsNotNull => None,
            Operator::In | Operator::NotIn if !is_list || values.is_empty() => Some("needs a list of values"),
            Operator::In | Operator::NotIn => None,
            Operator::Between if values.len() != 2 => Some("needs a list of two values"),
            Operator::Between => None,
            _ if is_list || values.is_empty() => Some("needs one value"),
            _ => None,
        }
    }
}

/// From when to when, and in which spans.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// The date or time that counts.
    pub of: String,
    /// The first moment that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The first moment that does not count any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// In which spans the figures are told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grain: Option<Grain>,
}

/// Which way rows are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Least first.
    #[default]
    Asc,
    /// Greatest first.
    Desc,
}

/// What rows are ordered by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// A column of the result, by its name.
    pub by: String,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

/// What a query is to give.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Intent {
    /// Figures; without any, the different values of the dimensions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// What they are told apart by; without any, there is one row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<Dimension>,
    /// Which rows count: those that fit all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Order; by default spans of time first, with a limit the first figure downwards.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<Order>,
    /// Most rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Foreign keys or columns that joins are to go by, where there are several ways.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<String>,
}

impl Intent {
    /// Reads an intent.
    ///
    /// # Errors
    /// Which key is wrong, and why.
    pub fn parse(json: &str) -> Result<Intent, String> {
        // A list would be read as the parts in their order.
        if !json.trim_start().starts_with('{') {
            return Err("It is no object.".to_owned());
        }
        let mut reader = serde_json::Deserializer::from_str(json);
        let intent: Intent = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let what = error.inner().to_string();
            // Where in the text says nothing to whoever gave a jsonb.
            let what = what.split(" at line ").next().unwrap_or_default();
            match path.as_str() {
                "." => what.to_owned(),
                path => format!("\"{path}\": {what}"),
            }
        })?;
        intent.check()?;
        Ok(intent)
    }

    fn check(&self) -> Result<(), String> {
        if self.metrics.is_empty()
            && self.dimensions.is_empty()
            && self.time.as_ref().is_none_or(|time| time.grain.is_none())
        {
            return Err("It has neither \"metrics\" nor \"dimensions\".".to_owned());
        }
        for (key, length) in [
            ("metrics", self.metrics.len()),
            ("dimensions", self.dimensions.len()),
            ("filters", self.filters.len()),
            ("order", self.order.len()),
            ("via", self.via.len()),
        ] {
            if length > MAX_PARTS {
                return Err(format!("\"{key}\" has {length} parts, and may have {MAX_PARTS}."));
            }
        }
        for (at, filter) in self.filters.iter().enumerate() {
            if let Some(complaint) = filter.complaint() {
                return Err(format!(
                    "\"filters[{at}].value\": \"{}\" {complaint}.",
                    name(filter.operator)
                ));
            }
            if filter.values().len() > MAX_VALUES {
                return Err(format!("\"filters[{at}].value\" has more than {MAX_VALUES} values."));
            }
        }
        Ok(())
    }
}

/// Most values of one filter.
const MAX_VALUES: usize = 1_000;

fn name(operator: Operator) -> String {
    operator.as_str().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let text = r#"{"metrics":[{"function":"sum","of":"a.b"}],"dimensions":[{"of":"a.c","as":"x"}],
            "filters":[{"of":"a.d","operator":"in","value":["x",1,true]}],
            "time":{"of":"a.e","from":"2025-01-01","grain":"month"},"order":[{"by":"x","direction":"desc"}],"limit":5}"#;
        let intent = Intent::parse(text).expect("an intent");
        let again = Intent::parse(&serde_json::to_string(&intent).expect("JSON")).expect("an intent");
        assert_eq!(intent, again);
        assert_eq!(intent.filters[0].values().len(), 3);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_key() {
        for (json, told) in [
            ("{}", "neither \"metrics\" nor \"dimensions\""),
            ("[]", "no object"),
            (
                r#"{"metrics":[{"of":"a"}]}"#,
                "\"metrics[0]\": missing field `function`",
            ),
            (
                r#"{"metrics":[{"of":"a","function":"median"}]}"#,
                "\"metrics[0].function\": unknown variant `median`",
            ),
            (
                r#"{"metrics":[],"dimension":[]}"#,
                "\"dimension\": unknown field `dimension`",
            ),
            (
                r#"{"dimensions":[{"of":"a"}],"filters":[{"of":"a","operator":"in","value":1}]}"#,
                "\"filters[0].value\": \"in\" needs a list",
            ),
            (
                r#"{"dimensions":[{"of":"a"}],"filters":[{"of":"a","operator":"=","value":{}}]}"#,
                "\"filters[0].value\"",
            ),
            (r#"{"dimensions":[{"of":"a"}],"limit":-1}"#, "\"limit\": invalid value"),
        ] {
            let error = Intent::parse(json).expect_err(json);
            assert!(error.contains(told), "{json}: {error}");
        }
    }
}
