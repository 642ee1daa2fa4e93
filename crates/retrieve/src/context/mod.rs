//! What of a schema goes into a prompt: the tables that matter most, as much of each as the budget allows.
//!
//! Tables come in the order in which they matter. First each is told with its keys and its most relevant columns, as long
//! as there is room for all their joins; then, from the first on, with all of its columns; then further tables briefly.

mod render;

use render::render;

/// Characters a token is counted for. cl100k_base and o200k_base took 4.0 to 4.9 for one over nine contexts of three
/// public schemas: this counts rather more tokens than there are.
const CHARACTERS_PER_TOKEN: usize = 3;

/// Share of the budget, in percent, that tables with only some of their columns may take before the first ones are told
/// whole.
const FOR_BREADTH: usize = 70;

/// Columns beside the keys that a table is told with at first.
const FEW: usize = 6;

/// How the text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As `CREATE TABLE` statements with comments.
    Ddl,
    /// A line a table, for small budgets.
    Text,
    /// An object, for programs.
    Json,
}

impl Format {
    /// The format of a name.
    pub fn parse(name: &str) -> Option<Format> {
        match name {
            "ddl" => Some(Format::Ddl),
            "text" => Some(Format::Text),
            "json" => Some(Format::Json),
            _ => None,
        }
    }
}

/// A column of a table. Names are quoted where SQL wants it, comments sanitized.
#[derive(Clone, Debug, Default)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub type_name: String,
    /// Whether it is NOT NULL.
    pub not_null: bool,
    /// Its comment.
    pub comment: Option<String>,
    /// The values of its type, for an enum.
    pub values: Vec<String>,
    /// How much it has to do with the question; comparable within one table.
    pub relevance: f32,
}

/// A foreign key.
#[derive(Clone, Debug)]
pub struct TableReference {
    /// The columns that refer.
    pub columns: Vec<String>,
    /// The table referred to.
    pub table: String,
    /// The columns referred to.
    pub referenced: Vec<String>,
}

/// A table, or what can be read like one.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Its name with the schema.
    pub identity: String,
    /// `table`, `view` and so on.
    pub kind: String,
    /// Its comment.
    pub comment: Option<String>,
    /// Its columns in order.
    pub columns: Vec<TableColumn>,
    /// Columns of the primary key.
    pub primary_key: Vec<String>,
    /// Foreign keys.
    pub references: Vec<TableReference>,
    /// Conditions that CHECK constraints demand.
    pub checks: Vec<String>,
}

impl Table {
    fn is_key(&self, column: &str) -> bool {
        self.primary_key.iter().any(|key| key == column)
            || self
                .references
                .iter()
                .any(|reference| reference.columns.iter().any(|own| own == column))
    }

    /// The same with its keys and so many of the other columns, the most relevant ones.
    fn with_columns(&self, most: usize) -> Part<'_> {
        let mut others: Vec<usize> = (0..self.columns.len())
            .filter(|at| !self.is_key(&self.columns[*at].name))
            .collect();
        others.sort_by(|a, b| {
            self.columns[*b]
                .relevance
                .total_cmp(&self.columns[*a].relevance)
                .then(a.cmp(b))
        });
        others.truncate(most);
        let shown = |at: &usize| others.contains(at) || self.is_key(&self.columns[*at].name);
        Part {
            table: self,
            columns: (0..self.columns.len()).filter(shown).collect(),
        }
    }
}

/// What of a table is shown.
#[derive(Clone)]
struct Part<'a> {
    table: &'a Table,
    /// Positions of its columns.
    columns: Vec<usize>,
}

/// What is true of the whole text.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// The version of the schema.
    pub version: i64,
    /// How many tables the schema has.
    pub tables: usize,
    /// Conditions that join the tables that matter most.
    pub joins: Vec<String>,
    /// Business terms of the question with what they stand for.
    pub terms: Vec<(String, String)>,
    /// How likely it is that the tables answer the question, from 0 to 1; `None` where none was asked.
    pub answerable: Option<f32>,
}

/// Below this a context says that it does not seem to answer the question: of questions that defog's schemas
/// answer 2 in 100 are below, of those that they do not 55 (`make eval`).
const UNLIKELY: f32 = 0.2;

impl Frame {
    /// Whether the reader is to be warned.
    fn is_unlikely(&self) -> bool {
        self.answerable.is_some_and(|probability| probability < UNLIKELY)
    }
}

/// How many tokens a text has, at most: a third of its characters.
pub fn estimate_tokens(text: &str) -> usize {
    text.chars().count().div_ceil(CHARACTERS_PER_TOKEN)
}

/// As much of the tables as fits into so many tokens by [`estimate_tokens`], the first ones most completely. The frame is
/// told whatever the budget.
pub fn pack(tables: &[Table], frame: &Frame, format: Format, max_tokens: usize) -> String {
    let tokens = |parts: &[Part<'_>]| estimate_tokens(&render(parts, frame, format));
    let whole: Vec<Part<'_>> = tables.iter().map(|table| table.with_columns(usize::MAX)).collect();
    if tokens(&whole) <= max_tokens {
        return render(&whole, frame, format);
    }
    // What one table adds does not depend on the others, so each is measured alone.
    let empty = tokens(&[]);
    let cost = |part: &Part<'_>| tokens(std::slice::from_ref(part)).saturating_sub(empty) + 1;
    let mut used = empty;
    let mut parts: Vec<(Part<'_>, usize)> = Vec::new();
    let mut rest = tables.iter();
    for table in rest.by_ref() {
        let part = table.with_columns(FEW);
        let part = if used + cost(&part) > max_tokens {
            table.with_columns(0)
        } else {
            part
        };
        let own = cost(&part);
        if used + own > max_tokens {
            continue;
        }
        used += own;
        parts.push((part, own));
        if used * 100 > max_tokens * FOR_BREADTH {
            break;
        }
    }
    for ((part, own), complete) in parts.iter_mut().map(|(part, own)| {
        let complete = part.table.with_columns(usize::MAX);
        ((part, own), complete)
    }) {
        let more = cost(&complete);
        if used - *own + more <= max_tokens {
            used = used - *own + more;
            (*part, *own) = (complete, more);
        }
    }
    for table in rest {
        let part = table.with_columns(0);
        let own = cost(&part);
        if used + own <= max_tokens {
            used += own;
            parts.push((part, own));
        }
    }
    let parts: Vec<Part<'_>> = parts.into_iter().map(|(part, _)| part).collect();
    render(&parts, frame, format)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, columns: usize) -> Table {
        let column = |at: usize| TableColumn {
            name: format!("{name}_column_{at}"),
            type_name: "integer".to_owned(),
            comment: (at == 3).then(|| "a comment".to_owned()),
            relevance: at as f32,
            ..TableColumn::default()
        };
        Table {
            identity: format!("public.{name}"),
            kind: "table".to_owned(),
            columns: (0..columns).map(column).collect(),
            primary_key: vec![format!("{name}_column_0")],
            ..Table::default()
        }
    }

    const FORMATS: [Format; 3] = [Format::Ddl, Format::Text, Format::Json];

    #[test]
    fn everything_where_it_fits_and_never_more_than_fits() {
        let tables: Vec<Table> = (0..30).map(|at| table(&format!("t{at}"), 20)).collect();
        for format in FORMATS {
            let whole = pack(&tables, &Frame::default(), format, usize::MAX);
            assert!(tables.iter().all(|one| whole.contains(&one.identity)));
            assert!(whole.contains("t29_column_19"));
            for budget in [200, 500, 2_000, 5_000] {
                let text = pack(&tables, &Frame::default(), format, budget);
                assert!(
                    estimate_tokens(&text) <= budget,
                    "{format:?} {budget}: {}",
                    estimate_tokens(&text)
                );
                assert!(text.contains("public.t0"), "{format:?} {budget}");
            }
        }
    }

    #[test]
    fn keys_and_relevant_columns_come_first_and_what_is_missing_is_told() {
        let tables = [table("wide", 100), table("other", 3)];
        let text = pack(&tables, &Frame::default(), Format::Ddl, 250);
        assert!(
            text.contains("wide_column_0 ") && text.contains("wide_column_99 "),
            "{text}"
        );
        assert!(!text.contains("wide_column_1 "), "{text}");
        assert!(
            text.contains("93 more columns") && text.contains("public.other"),
            "{text}"
        );
    }

    #[test]
    fn tokens_are_counted_generously() {
        assert_eq!(estimate_tokens(""), 0);
        assert_eq!(estimate_tokens("SELECT 1"), 3);
    }
}
