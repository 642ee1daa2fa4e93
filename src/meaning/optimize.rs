//! What would make a statement faster, from the indexes and statistics there are; the statement is not run.

use std::collections::{BTreeSet, HashMap};

use crate::error::Result;
use crate::pg::encoding::server_text;
use crate::pg::lookup::quoted;
use crate::pg::statement::{Comparison, Other, PLACE, Statement, Wish, Wrapping, analyse};
use crate::pg::{Oid, guc, query};

/// Rows below which reading all of a table is as good as an index.
const SMALL: f64 = 1_000.0;

/// Share of a table's rows above which an index on a condition is of little use.
const MANY: f64 = 0.1;

/// Rows skipped from which on paging is told to be slow.
const FAR: i64 = 100;

/// An advice.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// What it is about.
    pub rule: &'static str,
    /// The table or column.
    pub object: String,
    /// What is to be done.
    pub message: String,
    /// Why, with the figures it was seen by.
    pub reason: String,
    /// What creates what lacks.
    pub statement: Option<String>,
    /// The statement written otherwise, with the same result.
    pub rewritten: Option<String>,
}

/// What would make a statement faster; nothing where nothing is seen.
///
/// # Errors
/// What PostgreSQL says of a statement that is not valid.
pub fn advice(sql: &[u8]) -> Result<Vec<Advice>> {
    let statement = analyse(sql, Wish::Conditions).map_err(|fault| fault.error)?;
    let tables = {
        let _pinned = guc::Pinned::search_path();
        tables(&statement)?
    };
    let mut found = Vec::new();
    for comparison in &statement.conditions.comparisons {
        let Some(table) = tables.get(&comparison.relation) else {
            continue;
        };
        let Some(column) = table.columns.get(&comparison.column) else {
            continue;
        };
        let seen = Seen {
            comparison,
            table,
            column,
        };
        found.extend(seen.wrapped()?);
        found.extend(seen.wildcard());
        found.extend(seen.missing(&tables));
    }
    found.extend(alternatives(&statement, &tables));
    found.extend(paging(&statement));
    let mut told = BTreeSet::new();
    found.retain(|one| told.insert((one.rule, one.message.clone())));
    Ok(found)
}

/// A table as far as it matters here.
struct Table {
    identity: String,
    rows: f64,
    indexes: Vec<Index>,
    columns: HashMap<i16, Column>,
}

struct Index {
    name: String,
    /// The first column; 0 for an expression.
    first: i16,
    /// The first expression, as PostgreSQL writes it.
    expression: Option<String>,
    is_tree: bool,
    is_partial: bool,
    /// Whether it finds words within texts.
    has_trigrams: bool,
}

struct Column {
    name: String,
    /// How many values it has, or minus the share of rows that differ; `None` where nobody counted.
    distinct: Option<f64>,
}

impl Table {
    fn index_on(&self, column: i16) -> Option<&Index> {
        self.indexes
            .iter()
            .find(|index| index.first == column && index.is_tree && !index.is_partial)
    }

    /// The share of rows that one value of a column has.
    fn share(&self, column: &Column) -> Option<f64> {
        let distinct = column.distinct?;
        let values = if distinct < 0.0 {
            -distinct * self.rows
        } else {
            distinct
        };
        Some(1.0 / values.max(1.0))
    }
}

const TABLES: &str = "
    SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), c.reltuples::pg_catalog.float8
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.oid OPERATOR(pg_catalog.=) ANY ($1)
      AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,m,p}'::\"char\"[])
      AND n.nspname OPERATOR(pg_catalog.<>) ALL ('{pg_catalog,information_schema,schema_monitor}'::pg_catalog.name[])
      AND schema_monitor._sees_relation(c.oid) IS NOT NULL";

// pg_stats has rows of columns only that the caller may read.
const COLUMNS: &str = "
    SELECT a.attrelid, a.attnum, a.attname, s.n_distinct
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) a.attrelid
    LEFT JOIN pg_catalog.pg_stats AS s
        ON s.schemaname OPERATOR(pg_catalog.=) c.relnamespace::pg_catalog.regnamespace::pg_catalog.text::pg_catalog.name
        AND s.tablename OPERATOR(pg_catalog.=) c.relname AND s.attname OPERATOR(pg_catalog.=) a.attname
        AND s.inherited OPERATOR(pg_catalog.=) (c.relkind OPERATOR(pg_catalog.=) 'p'::\"char\")
    WHERE a.attrelid OPERATOR(pg_catalog.=) ANY ($1) AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
      AND schema_monitor._sees_passage(a.attrelid, a.attnum)";

const INDEXES: &str = "
    SELECT x.indrelid, i.relname, x.indkey[0],
        CASE WHEN x.indkey[0] OPERATOR(pg_catalog.=) 0 THEN pg_catalog.pg_get_indexdef(x.indexrelid, 1, false) END,
        m.amname OPERATOR(pg_catalog.=) ANY ('{btree,hash}'::pg_catalog.name[]), x.indpred IS NOT NULL,
        o.opcname OPERATOR(pg_catalog.~~) '%trgm%'
    FROM pg_catalog.pg_index AS x
    JOIN pg_catalog.pg_class AS i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid
    JOIN pg_catalog.pg_am AS m ON m.oid OPERATOR(pg_catalog.=) i.relam
    JOIN pg_catalog.pg_opclass AS o ON o.oid OPERATOR(pg_catalog.=) x.indclass[0]
    WHERE x.indrelid OPERATOR(pg_catalog.=) ANY ($1) AND x.indisvalid
      AND schema_monitor._sees_relation(x.indrelid)
    ORDER BY x.indrelid, i.relname";

/// The tables that a statement reads, as far as the caller may see them.
fn tables(statement: &Statement) -> Result<HashMap<u32, Table>> {
    let oids: Vec<Oid> = statement.relations.iter().map(|one| Oid::from(one.relation)).collect();
    let mut found: HashMap<u32, Table> = HashMap::new();
    query::read(TABLES, &[oids.clone().into()], |row| {
        let table = Table {
            identity: row.text(1).unwrap_or_default(),
            rows: row.f64(2),
            indexes: Vec::new(),
            columns: HashMap::new(),
        };
        found.insert(row.oid(0), table);
        Ok(())
    })?;
    query::read(COLUMNS, &[oids.clone().into()], |row| {
        if let Some(table) = found.get_mut(&row.oid(0)) {
            let column = Column {
                name: row.name(2),
                distinct: (!row.is_null(3))
                    .then(|| f64::from(row.f32(3)))
                    .filter(|distinct| *distinct != 0.0),
            };
            table.columns.insert(row.i16(1), column);
        }
        Ok(())
    })?;
    query::read(INDEXES, &[oids.into()], |row| {
        if let Some(table) = found.get_mut(&row.oid(0)) {
            table.indexes.push(Index {
                name: row.name(1),
                first: row.i16(2),
                expression: row.text(3),
                is_tree: row.bool(4),
                is_partial: row.bool(5),
                has_trigrams: row.bool(6),
            });
        }
        Ok(())
    })?;
    Ok(found)
}

/// A comparison with what is known of its column.
struct Seen<'a> {
    comparison: &'a Comparison,
    table: &'a Table,
    column: &'a Column,
}

const COMPARES: &[&str] = &["=", "<", "<=", ">", ">="];
const LIKES: &[&str] = &["~~", "~~*"];

impl Seen<'_> {
    fn identity(&self) -> String {
        format!("{}.{}", self.table.identity, quoted(&self.column.name))
    }

    fn index(&self, on: &str) -> String {
        format!("CREATE INDEX CONCURRENTLY ON {} ({on})", self.table.identity)
    }

    /// How large the table is.
    fn size(&self) -> String {
        match self.table.rows {
            rows if rows < 0.0 => format!("{} was never analysed, so its size is not known", self.table.identity),
            rows => format!("{} has about {rows} rows", self.table.identity),
        }
    }

    fn is_small(&self) -> bool {
        (0.0..SMALL).contains(&self.table.rows)
    }

    /// An index on the column that a function or a cast keeps from being used.
    fn wrapped(&self) -> Result<Option<Advice>> {
        let one = self.comparison;
        if one.wrapping == Wrapping::None || !COMPARES.contains(&one.operator.as_str()) || self.is_small() {
            return Ok(None);
        }
        let has_own = |index: &&Index| index.expression.as_deref() == Some(one.expression.as_str());
        if self
            .table
            .indexes
            .iter()
            .any(|index| has_own(&index) && !index.is_partial)
        {
            return Ok(None);
        }
        let rewritten = self.as_range()?;
        let index = self.table.index_on(one.column);
        let because = match &one.wrapping {
            Wrapping::Cast(to, true) => format!("the column is cast to {to} for the comparison"),
            Wrapping::Cast(to, false) => format!("the column is cast to {to}"),
            _ => format!("the condition is on {}", one.expression),
        };
        let known = match index {
            Some(index) => format!("index {} is on the column itself", quoted(&index.name)),
            None => "no index is on that, nor on the column".to_owned(),
        };
        let is_cast = matches!(one.wrapping, Wrapping::Cast(..));
        let message = match (&one.wrapping, &rewritten) {
            (_, Some(_)) => format!("compare {} with a range", self.identity()),
            (Wrapping::Cast(_, true), None) => format!("compare {} with a value of its own type", self.identity()),
            _ => format!("create an index on {}, or compare the column itself", one.expression),
        };
        let can_be_indexed = rewritten.is_none()
            && !matches!(one.wrapping, Wrapping::Cast(_, true))
            && self.is_immutable(&one.expression)?;
        Ok(Some(Advice {
            rule: if is_cast {
                "cast_on_column"
            } else {
                "function_on_column"
            },
            object: self.identity(),
            message,
            reason: format!("{}, {known}, and {}.", sentence(&because), self.size()),
            statement: can_be_indexed.then(|| self.index(&format!("({})", one.expression))),
            rewritten,
        }))
    }

    /// Whether PostgreSQL would take an index on an expression.
    fn is_immutable(&self, expression: &str) -> Result<bool> {
        let sql = format!("SELECT {expression} FROM {}", self.table.identity);
        match analyse(&server_text(&sql), Wish::Own) {
            Ok(statement) => Ok(statement.functions.iter().all(|function| function.is_immutable)),
            Err(fault) if fault.error.is_interrupt() => Err(fault.error),
            Err(_) => Ok(false),
        }
    }

    /// The statement with a range for a condition on the day, month or year of a time.
    fn as_range(&self) -> Result<Option<String>> {
        let one = self.comparison;
        let (Some((statement, column)), Other::Constant(Some(value)), "=") =
            (&one.statement, &one.other, one.operator.as_str())
        else {
            return Ok(None);
        };
        let Some(type_name) = time_type(one.type_oid) else {
            return Ok(None);
        };
        let (first, length) = match &one.wrapping {
            Wrapping::Cast(to, _) if to == "date" && is_start("day", value)? => (value.clone(), "1 day".to_owned()),
            Wrapping::Function(name, constants)
                if name == "date" && constants.is_empty() && is_start("day", value)? =>
            {
                (value.clone(), "1 day".to_owned())
            }
            Wrapping::Function(name, constants) if name == "date_trunc" => match constants.as_slice() {
                [unit] if is_start(unit, value)? => (value.clone(), length_of(unit)),
                _ => return Ok(None),
            },
            Wrapping::Function(name, constants) if name == "extract" || name == "date_part" => {
                match (constants.as_slice(), value.parse::<u16>()) {
                    ([unit], Ok(year)) if unit == "year" && (1..=9_999).contains(&year) => {
                        (format!("{year:04}-01-01"), "1 year".to_owned())
                    }
                    _ => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        let first = format!("{}::{type_name}", schema::literal(&first));
        let range = format!("{column} >= {first} AND {column} < ({first} + '{length}'::interval)");
        let rewritten = statement.replacen(PLACE, &range, 1).trim().to_owned();
        match analyse(&server_text(&rewritten), Wish::Own) {
            Ok(_) => Ok(Some(rewritten)),
            Err(fault) if fault.error.is_interrupt() => Err(fault.error),
            Err(_) => Ok(None),
        }
    }

    /// A pattern that begins with anything.
    fn wildcard(&self) -> Option<Advice> {
        let one = self.comparison;
        let Other::Constant(Some(pattern)) = &one.other else {
            return None;
        };
        let is_anything = pattern.starts_with(['%', '_']);
        let has_trigrams = self
            .table
            .indexes
            .iter()
            .any(|index| index.has_trigrams && index.first == one.column);
        if !LIKES.contains(&one.operator.as_str())
            || !is_anything
            || has_trigrams
            || self.is_small()
            || one.wrapping != Wrapping::None
        {
            return None;
        }
        let column = quoted(&self.column.name);
        Some(Advice {
            rule: "leading_wildcard",
            object: self.identity(),
            message: format!("create a trigram index on {}", self.identity()),
            reason: format!(
                "The pattern begins with a wildcard, so an ordinary index does not narrow it down, and {}. It needs the extension pg_trgm.",
                self.size()
            ),
            statement: Some(format!(
                "CREATE INDEX CONCURRENTLY ON {} USING gin ({column} gin_trgm_ops)",
                self.table.identity
            )),
            rewritten: None,
        })
    }

    /// A condition or a join that no index helps.
    fn missing(&self, tables: &HashMap<u32, Table>) -> Option<Advice> {
        let one = self.comparison;
        let is_join = matches!(one.other, Other::Column(..));
        let helps = one.operator == "=" || (COMPARES.contains(&one.operator.as_str()) && !is_join);
        if one.wrapping != Wrapping::None
            || !helps
            || self.is_small()
            || self.table.rows < 0.0
            || self.table.index_on(one.column).is_some()
        {
            return None;
        }
        let share = self.table.share(self.column);
        if one.operator == "=" && share.is_some_and(|share| share > MANY) {
            return None;
        }
        let known = match share {
            Some(share) => format!("one value has about {:.3} % of them", share * 100.0),
            None => "how many values the column has is not known".to_owned(),
        };
        let partial = self
            .table
            .indexes
            .iter()
            .find(|index| index.first == one.column && index.is_partial);
        let partial = partial.map_or(String::new(), |index| {
            format!(" Index {} has only some of its rows.", quoted(&index.name))
        });
        let (rule, what) = match &one.other {
            Other::Column(other, _) => {
                let other = tables
                    .get(other)
                    .map_or("another table", |table| table.identity.as_str());
                ("missing_index_on_join", format!("it is joined to {other}"))
            }
            _ => ("missing_index", "the statement asks for some of its values".to_owned()),
        };
        let column = quoted(&self.column.name);
        Some(Advice {
            rule,
            object: self.identity(),
            message: format!("create an index on {}", self.identity()),
            reason: format!(
                "{}, no index begins with the column, {}, and {known}.{partial}",
                sentence(&what),
                self.size()
            ),
            statement: Some(self.index(&column)),
            rewritten: None,
        })
    }
}

/// A clause as the beginning of a sentence.
fn sentence(clause: &str) -> String {
    let mut characters = clause.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// `timestamp` and `timestamptz`, of which days are made.
fn time_type(oid: u32) -> Option<&'static str> {
    const TIMESTAMP: u32 = 1114;
    const TIMESTAMPTZ: u32 = 1184;
    match oid {
        TIMESTAMP => Some("timestamp"),
        TIMESTAMPTZ => Some("timestamptz"),
        _ => None,
    }
}

fn length_of(unit: &str) -> String {
    match unit {
        "quarter" => "3 months".to_owned(),
        unit => format!("1 {unit}"),
    }
}

/// Whether a moment is the first of an hour, day, week, month, quarter or year.
fn is_start(unit: &str, value: &str) -> Result<bool> {
    // What is infinite has no end.
    let is_finite = value.starts_with(|first: char| first.is_ascii_digit());
    if !is_finite || !["hour", "day", "week", "month", "quarter", "year"].contains(&unit) {
        return Ok(false);
    }
    let sql = "SELECT pg_catalog.date_trunc($1, $2::pg_catalog.timestamptz) OPERATOR(pg_catalog.=) $2::pg_catalog.timestamptz";
    Ok(query::one(sql, &[unit.into(), value.into()], |row| row.bool(0))?.unwrap_or(false))
}

/// Conditions on several tables of which one is enough.
fn alternatives(statement: &Statement, tables: &HashMap<u32, Table>) -> Vec<Advice> {
    let mut found = Vec::new();
    for one in &statement.conditions.alternatives {
        let names: BTreeSet<&str> = one
            .relations
            .iter()
            .filter_map(|oid| tables.get(oid))
            .map(|table| table.identity.as_str())
            .collect();
        let large = one
            .relations
            .iter()
            .filter_map(|oid| tables.get(oid))
            .any(|table| !(0.0..SMALL).contains(&table.rows));
        if names.len() < 2 || !large {
            continue;
        }
        let names: Vec<&str> = names.into_iter().collect();
        found.push(Advice {
            rule: "or_across_tables",
            object: names.join(", "),
            message: "make two statements of the OR, and a UNION of them".to_owned(),
            reason: format!(
                "Its conditions are on {}, so the tables are joined whole before either of them narrows anything down.",
                names.join(" and ")
            ),
            statement: None,
            rewritten: one.statements.as_ref().map(|arms| {
                let arms: Vec<&str> = arms.iter().map(|arm| arm.trim()).collect();
                arms.join("\nUNION\n")
            }),
        });
    }
    found
}

/// Rows that are made to be thrown away.
fn paging(statement: &Statement) -> Option<Advice> {
    let skipped = statement.conditions.offset?;
    if skipped.is_some_and(|rows| rows < FAR) {
        return None;
    }
    let rows = skipped.map_or("a number of rows that is not known".to_owned(), |rows| {
        format!("{rows} rows")
    });
    Some(Advice {
        rule: "offset_paging",
        object: "OFFSET".to_owned(),
        message: "ask for the rows after the last one seen, by the columns of ORDER BY, instead of skipping rows"
            .to_owned(),
        reason: format!(
            "OFFSET makes {rows} and throws them away, more with every page, and rows that come in between are seen twice or not at all."
        ),
        statement: None,
        rewritten: None,
    })
}
