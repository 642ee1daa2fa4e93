//! What tables are for.

use super::{Guess, guess};
use crate::words::phrase;

/// What a table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Something that happens, with figures.
    Fact,
    /// Something that facts are about.
    Dimension,
    /// Which of one thing belongs to which of another.
    Bridge,
    /// What happened, for the record.
    Log,
    /// Codes with what they mean.
    Lookup,
    /// How something was before.
    History,
}

impl Purpose {
    /// As SQL tells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Fact => "fact",
            Purpose::Dimension => "dimension",
            Purpose::Bridge => "bridge",
            Purpose::Log => "log",
            Purpose::Lookup => "lookup",
            Purpose::History => "history",
        }
    }
}

/// Every value of [`Purpose`].
pub const PURPOSES: [Purpose; 6] = [
    Purpose::Fact,
    Purpose::Dimension,
    Purpose::Bridge,
    Purpose::Log,
    Purpose::Lookup,
    Purpose::History,
];

/// A table as far as it matters here.
#[derive(Clone, Debug, Default)]
pub struct TableFacts {
    /// Its name.
    pub name: String,
    /// How many columns it has.
    pub columns: usize,
    /// How many of them are metrics.
    pub metrics: usize,
    /// How many are dates.
    pub dates: usize,
    /// How many foreign keys it has.
    pub references: usize,
    /// How many foreign keys refer to it.
    pub referenced: usize,
    /// How many columns of its primary key are part of a foreign key.
    pub key_references: usize,
    /// How many columns its primary key has.
    pub key: usize,
}

/// What a table is for.
pub fn table_purpose(table: &TableFacts) -> Guess<Purpose> {
    use Purpose as P;
    let words: Vec<String> = phrase(&table.name).into_iter().map(|word| word.stem).collect();
    let has = |list: &[&'static str]| list.iter().copied().find(|one| words.iter().any(|word| word == one));
    let named = |word: &str| format!("its name says \"{word}\"");
    if let Some(word) = has(&["histori", "archiv", "snapshot", "revis"]) {
        return guess(P::History, 0.9, named(word));
    }
    if table.key > 1 && table.key_references == table.key && table.references > 1 && table.columns <= table.key + 2 {
        return guess(P::Bridge, 0.95, "its key is made of foreign keys");
    }
    if let Some(word) =
        has(&["log", "audit", "event", "activ", "trace", "visit", "view", "click"]).filter(|_| table.referenced == 0)
    {
        return guess(P::Log, 0.8, named(word));
    }
    let is_small = table.columns <= 4 && table.metrics == 0 && table.references == 0;
    if is_small && (table.referenced > 0 || has(&["type", "status", "categori", "code", "lookup", "kind"]).is_some()) {
        return guess(P::Lookup, 0.8, "it is small, without figures, and referred to");
    }
    match (table.metrics > 0, table.references, table.referenced) {
        (true, references, referenced) if references > 0 && references >= referenced => {
            guess(P::Fact, 0.8, "it has figures, and refers to other tables")
        }
        (true, 0, 0) if table.dates > 0 => guess(P::Fact, 0.5, "it has figures and dates"),
        (_, _, referenced) if referenced > 0 => guess(P::Dimension, 0.8, "other tables refer to it"),
        (false, references, _) if references > 1 => {
            guess(P::Bridge, 0.5, "it refers to several tables and has no figures")
        }
        _ => guess(P::Dimension, 0.4, "nothing says otherwise"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_what_their_keys_say() {
        let table = |name: &str, columns, metrics, dates, references, referenced, (key_references, key)| TableFacts {
            name: name.to_owned(),
            columns,
            metrics,
            dates,
            references,
            referenced,
            key_references,
            key,
        };
        for (facts, wanted) in [
            (table("order_line", 6, 2, 0, 2, 0, (1, 2)), Purpose::Fact),
            (table("customer", 9, 0, 1, 0, 4, (0, 1)), Purpose::Dimension),
            (table("product", 25, 6, 3, 4, 14, (0, 1)), Purpose::Dimension),
            (table("sales_order_header", 26, 4, 4, 8, 2, (0, 1)), Purpose::Fact),
            (table("student_course", 2, 0, 0, 2, 0, (2, 2)), Purpose::Bridge),
            (table("product_category", 2, 0, 0, 0, 1, (0, 1)), Purpose::Lookup),
            (table("price_history", 5, 1, 2, 1, 0, (1, 2)), Purpose::History),
            (table("page_views", 5, 0, 1, 1, 0, (0, 1)), Purpose::Log),
        ] {
            assert_eq!(table_purpose(&facts).what, wanted, "{}", facts.name);
        }
    }
}
