//! What is computed of several columns in most companies: revenue is quantity times price.

use crate::business::are_same;
use crate::words::phrase_key;

/// How a figure is computed.
#[derive(Debug)]
pub struct Formula {
    /// What it is called; phrases of the same group count, too.
    names: &'static [&'static str],
    /// The expression, with `$1`, `$2` for the operands.
    pub template: &'static str,
    /// What each operand is called.
    operands: &'static [&'static str],
}

const FORMULAS: &[Formula] = &[
    Formula {
        names: &["revenue", "line total", "order total"],
        template: "$1 * $2",
        operands: &["quantity", "unit price"],
    },
    Formula {
        names: &["stock value", "inventory value", "value of stock"],
        template: "$1 * $2",
        operands: &["quantity on hand", "unit cost"],
    },
    Formula {
        names: &["profit", "margin"],
        template: "$1 - $2",
        operands: &["revenue", "cost"],
    },
    Formula {
        names: &["profit", "margin"],
        template: "$1 - $2",
        operands: &["list price", "standard cost"],
    },
    Formula {
        names: &["full name"],
        template: "$1 || ' ' || $2",
        operands: &["first name", "last name"],
    },
    Formula {
        names: &["age"],
        template: "age($1)",
        operands: &["date of birth"],
    },
    Formula {
        names: &["length of service", "tenure", "seniority", "years of service"],
        template: "age($1)",
        operands: &["hire date"],
    },
    Formula {
        names: &["duration"],
        template: "$2 - $1",
        operands: &["start time", "end time"],
    },
    Formula {
        names: &["length of stay"],
        template: "$2 - $1",
        operands: &["admission date", "discharge date"],
    },
];

/// Most words of a term that are looked through.
const MAX_WORDS: usize = 16;

/// The formulas whose name a term has.
pub fn formulas(term: &str) -> impl Iterator<Item = &'static Formula> {
    let key = phrase_key(term);
    let stems: Vec<String> = key.split(' ').take(MAX_WORDS).map(str::to_owned).collect();
    let phrases: Vec<String> = (0..stems.len())
        .flat_map(|start| (start + 1..=stems.len()).map(move |end| (start, end)))
        .map(|(start, end)| stems[start..end].join(" "))
        .collect();
    FORMULAS.iter().filter(move |formula| {
        let keys: Vec<String> = formula.names.iter().map(|name| phrase_key(name)).collect();
        phrases
            .iter()
            .any(|phrase| keys.iter().any(|key| key == phrase || are_same(key, phrase)))
    })
}

impl Formula {
    /// Whether a column is called as the figure is: then it need not be computed.
    pub fn is_called(&self, column: &str) -> bool {
        let key = phrase_key(column);
        self.names
            .iter()
            .map(|name| phrase_key(name))
            .any(|name| name == key || are_same(&name, &key))
    }

    /// The columns that are its operands, as positions among the names; `None` where one is missing.
    pub fn operands_among(&self, names: &[&str]) -> Option<Vec<usize>> {
        let keys: Vec<String> = names.iter().map(|name| phrase_key(name)).collect();
        let of = |operand: &&str| {
            let wanted = phrase_key(operand);
            let is = |key: &str| key == wanted || are_same(key, &wanted);
            let ends = |key: &String| key.match_indices(' ').any(|(at, _)| is(&key[at + 1..]));
            let whole = keys.iter().position(|key| is(key));
            whole.or_else(|| keys.iter().position(ends))
        };
        self.operands.iter().map(of).collect()
    }
}

/// An expression with names in the place of its `$1`, `$2` …; `?` for one that has none.
pub fn filled(template: &str, names: &[String]) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        let digits = rest[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let number: usize = rest[at + 1..at + 1 + digits].parse().unwrap_or(0);
        text.push_str(&rest[..at]);
        text.push_str(
            number
                .checked_sub(1)
                .and_then(|at| names.get(at))
                .map_or("?", String::as_str),
        );
        rest = &rest[at + 1 + digits..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_by_name_and_computed_of_columns() {
        let names = ["id", "orderqty", "unit_prc", "note"];
        let found: Vec<_> = formulas("revenue per line").collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].operands_among(&names), Some(vec![1, 2]));
        assert_eq!(found[0].operands_among(&names[..2]), None);
        assert!(found[0].is_called("LineTotal") && found[0].is_called("sales") && !found[0].is_called("unitprice"));
        assert_eq!(formulas("turnover").count(), 1);
        let name = formulas("customers' full name").next().expect("a formula");
        assert_eq!(name.operands_among(&["lname", "fname"]), Some(vec![1, 0]));
        assert_eq!(
            filled("$1 * $2 - $3", &["a.$2".to_owned(), "b".to_owned()]),
            "a.$2 * b - ?"
        );
        assert_eq!(formulas("colour").count() + formulas("").count(), 0);
    }
}
