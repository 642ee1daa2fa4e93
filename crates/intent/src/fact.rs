//! What of a schema matters to a question.

use retrieve::Semantic;

/// A table that a phrase may mean.
#[derive(Clone, Debug)]
pub struct Table {
    /// Qualified and quoted.
    pub identity: String,
    /// The name of its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What is said of it.
    pub comment: String,
    /// Cosine of its passage to each phrase, where there are vectors.
    pub similarity: Vec<Option<f32>>,
    /// Whether it holds rows of its own, and is no view.
    pub is_base: bool,
    /// The column that says what a row is called.
    pub label: Option<usize>,
    /// Whether that or two names of a person say it.
    pub has_names: bool,
    /// Whether a key tells its rows apart.
    pub has_key: bool,
}

/// A column that a phrase may mean.
#[derive(Clone, Debug)]
pub struct Column {
    /// Position of its table.
    pub table: usize,
    /// Qualified and quoted.
    pub identity: String,
    /// Its name.
    pub name: String,
    /// What is said of it.
    pub comment: String,
    /// What it is.
    pub semantic: Semantic,
    /// Whether it holds numbers.
    pub is_number: bool,
    /// Whether it holds days or moments.
    pub is_time: bool,
    /// Whether every row has a value.
    pub is_needed: bool,
    /// Whether it tells rows apart all by itself.
    pub is_key: bool,
    /// Position of the table that it refers to all by itself.
    pub refers: Option<usize>,
    /// Values that are known to be in it, or that it may have: labels of an enum, what a CHECK lists.
    pub values: Vec<String>,
    /// Cosine of its passage to each phrase, where there are vectors.
    pub similarity: Vec<Option<f32>>,
}

/// A foreign key: each row of one table has at most one of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Position of the table that refers.
    pub from: usize,
    /// Position of the one referred to.
    pub to: usize,
}

/// What somebody taught that a phrase means.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// Which phrase.
    pub phrase: usize,
    /// Position of the table that it is of.
    pub table: usize,
    /// Position of the column; `None` for the table itself, and for an expression.
    pub column: Option<usize>,
    /// An expression over columns, with their names in it.
    pub expression: Option<String>,
    /// How sure that is, from 0 to 1.
    pub confidence: f32,
}

/// What of a schema matters to a question.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Tables.
    pub tables: Vec<Table>,
    /// Their columns.
    pub columns: Vec<Column>,
    /// Foreign keys among them.
    pub references: Vec<Reference>,
    /// What was taught.
    pub meanings: Vec<Meaning>,
}

/// How tables can be reached from one.
pub(crate) struct Reach {
    /// Of each table what it costs, where it can be reached.
    cost: Vec<Option<f32>>,
    /// Of each table whether a row of the first has one at most.
    single: Vec<bool>,
}

/// What a join costs, and what one more costs that gives several rows for one.
pub(crate) const JOIN: f32 = 0.25;
const MANY: f32 = 0.9;

/// Joins that are followed.
const MAX_JOINS: usize = 5;

impl Facts {
    pub(crate) fn reach(&self, from: usize) -> Reach {
        let mut reach = Reach {
            cost: vec![None; self.tables.len()],
            single: vec![false; self.tables.len()],
        };
        if from < self.tables.len() {
            reach.cost[from] = Some(0.0);
            reach.single[from] = true;
        }
        for _ in 0..MAX_JOINS {
            let before = reach.cost.clone();
            for Reference { from, to } in &self.references {
                reach.step(&before, *from, *to, JOIN, true);
                reach.step(&before, *to, *from, JOIN + MANY, false);
            }
            if reach.cost == before {
                break;
            }
        }
        reach
    }
}

impl Reach {
    fn step(&mut self, before: &[Option<f32>], from: usize, to: usize, cost: f32, is_single: bool) {
        let Some(sum) = before[from].map(|known| known + cost) else {
            return;
        };
        if self.cost[to].is_none_or(|known| sum < known) {
            self.cost[to] = Some(sum);
            self.single[to] = is_single && self.single[from];
        }
    }

    pub(crate) fn cost(&self, table: usize) -> Option<f32> {
        self.cost[table]
    }

    pub(crate) fn is_single(&self, table: usize) -> bool {
        self.single[table]
    }
}
