//! What a term stands for: a relation, a column, or an expression over columns, kept apart from their names.

use retrieve::{filled, nearest_names};
use schema::{dotted_names, is_balanced};

use super::super::name::{Named, resolve};
use crate::error::{Error, Result};
use crate::pg::Oid;
use crate::pg::encoding::server_text;
use crate::pg::lookup::quoted;
use crate::pg::query;
use crate::pg::statement::{Wish, analyse};

/// Longest mapping that is taken, in bytes.
const MAX_MAPPING: usize = 2_000;

/// Names that are offered where one is wrong.
const OFFERED: usize = 3;

/// A relation, or a column of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The relation.
    pub relation: Named,
    /// Number and name of the column.
    pub column: Option<(i16, String)>,
}

impl Part {
    /// As a statement would name it.
    pub fn identity(&self) -> String {
        match &self.column {
            Some((_, name)) => format!("{}.{}", self.relation.identity, quoted(name)),
            None => self.relation.identity.clone(),
        }
    }
}

/// An expression with `$1`, `$2` … for its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The expression.
    pub text: String,
    /// What the numbers stand for.
    pub parts: Vec<Part>,
}

impl Template {
    /// Of a relation or a column alone.
    pub fn of(part: Part) -> Template {
        Template {
            text: "$1".to_owned(),
            parts: vec![part],
        }
    }

    /// The expression with the names of now.
    pub fn mapping(&self) -> String {
        let identities: Vec<String> = self.parts.iter().map(Part::identity).collect();
        filled(&self.text, &identities)
    }
}

/// Reads a mapping with the caller's rights: `table`, `table.column`, `schema.table.column`, or an expression over such
/// columns, which PostgreSQL checks without running it.
///
/// # Errors
/// Names that are not there, with the nearest; what PostgreSQL says of the expression; a text that is neither.
pub fn parse(mapping: &str) -> Result<Template> {
    let mapping = mapping.trim();
    let refuse = |reason: &str| {
        Err(Error::Argument {
            what: "a table, a column or an expression over columns",
            reason: reason.to_owned(),
        })
    };
    if mapping.is_empty() || mapping.len() > MAX_MAPPING {
        return refuse("It is empty, or longer than 2,000 bytes.");
    }
    if ["$", "--", "/*"].iter().any(|odd| mapping.contains(odd))
        || mapping.contains(char::is_control)
        || !is_balanced(mapping)
    {
        return refuse("It has a $, a comment or a control character in it, or parentheses that do not fit.");
    }
    let names = dotted_names(mapping);
    if let [(parts, range)] = names.as_slice()
        && *range == (0..mapping.len())
    {
        return Ok(Template::of(named(parts)?));
    }
    let (mut text, mut end, mut parts) = (String::new(), 0, Vec::new());
    for (name, range) in names.iter().filter(|(name, _)| name.len() > 1) {
        let part = column(name)?;
        let at = parts.iter().position(|known| *known == part).unwrap_or(parts.len());
        if at == parts.len() {
            parts.push(part);
        }
        text.push_str(&mapping[end..range.start]);
        text.push_str(&format!("${}", at + 1));
        end = range.end;
    }
    text.push_str(&mapping[end..]);
    if parts.is_empty() {
        return refuse("Columns are written as table.column or schema.table.column.");
    }
    let template = Template { text, parts };
    check(&template)?;
    Ok(template)
}

/// A relation or a column.
fn named(parts: &[String]) -> Result<Part> {
    let text = |parts: &[String]| parts.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(".");
    let relation = |parts: &[String]| resolve(&[text(parts)]).map(|mut found| found.remove(0));
    match parts.len() {
        1 | 2 => match relation(parts) {
            Ok(relation) => Ok(Part { relation, column: None }),
            // Where the table is there, its column is what is wrong.
            Err(error) if parts.len() == 2 => column(parts).map_err(|other| match other {
                Error::Postgres { .. } => other,
                _ => error,
            }),
            Err(error) => Err(error),
        },
        _ => column(parts),
    }
}

/// The column of `table.column` or `schema.table.column`.
fn column(parts: &[String]) -> Result<Part> {
    let (name, relation) = match parts {
        [.., _, _, _, _] | [] | [_] => {
            return Err(Error::Argument {
                what: "a table, a column or an expression over columns",
                reason: format!("\"{}\" is no table.column or schema.table.column.", parts.join(".")),
            });
        }
        [relation @ .., name] => (name, relation),
    };
    let relation: Vec<String> = relation.iter().map(|part| quoted(part)).collect();
    let relation = resolve(&[relation.join(".")])?.remove(0);
    let mut columns: Vec<(i16, String)> = Vec::new();
    query::read(COLUMNS, &[Oid::from(relation.oid).into()], |row| {
        columns.push((row.i16(0), row.name(1)));
        Ok(())
    })?;
    match columns.iter().position(|(_, column)| column == name) {
        Some(at) => Ok(Part {
            column: Some(columns.swap_remove(at)),
            relation,
        }),
        None => {
            let nearest = nearest_names(name, columns.iter().map(|(_, name)| name.as_str()), OFFERED);
            let offered: Vec<String> = nearest.iter().map(|(at, _)| quoted(&columns[*at].1)).collect();
            Err(Error::Postgres {
                code: pgrx::PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
                message: format!("column \"{name}\" of relation {} does not exist", relation.identity),
                detail: None,
                hint: (!offered.is_empty()).then(|| format!("Perhaps you meant {}.", offered.join(" or "))),
            })
        }
    }
}

const COLUMNS: &str = "
    SELECT a.attnum, a.attname
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid OPERATOR(pg_catalog.=) $1
      AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
      AND schema_monitor._sees_passage(a.attrelid, a.attnum)
    ORDER BY a.attnum";

/// What PostgreSQL says of the expression, as the caller; nothing is run.
fn check(template: &Template) -> Result<()> {
    let mut relations: Vec<&str> = template
        .parts
        .iter()
        .map(|part| part.relation.identity.as_str())
        .collect();
    relations.sort_unstable();
    relations.dedup();
    let sql = format!("SELECT ({}) FROM {}", template.mapping(), relations.join(", "));
    let statement = analyse(&server_text(&sql), Wish::Own).map_err(|fault| fault.error)?;
    let named = |relation: u32, column: i16| {
        template.parts.iter().any(|part| {
            part.relation.oid == relation && part.column.as_ref().is_some_and(|(number, _)| *number == column)
        })
    };
    let is_named = statement
        .relations
        .iter()
        .all(|used| used.columns.iter().all(|column| named(used.relation, *column)));
    let is_known = |relation: u32| template.parts.iter().any(|part| part.relation.oid == relation);
    if statement.columns.len() != 1 || !is_named || !statement.relations.iter().all(|used| is_known(used.relation)) {
        return Err(Error::Argument {
            what: "an expression over columns",
            reason: "Each column is written as table.column or schema.table.column, and there is no query in it."
                .to_owned(),
        });
    }
    Ok(())
}
