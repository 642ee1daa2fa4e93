//! Which objects a DBA wants left out: `audit, *_tmp, sales.staging_*`.

use std::fmt;

/// A list of patterns, each `schema` or `schema.name`, where `*` stands for any characters and `?` for
/// one. Names are compared as stored, unquoted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exclusion(Vec<(String, Option<String>)>);

/// A pattern that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(String);

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pattern \"{}\" is neither \"schema\" nor \"schema.name\"", self.0)
    }
}

impl std::error::Error for PatternError {}

impl Exclusion {
    /// Reads a comma-separated list; blank entries are skipped.
    pub fn parse(list: &str) -> Result<Exclusion, PatternError> {
        let mut patterns = Vec::new();
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let mut halves = entry.split('.');
            match (halves.next(), halves.next(), halves.next()) {
                (Some(schema), None, _) => patterns.push((schema.to_owned(), None)),
                (Some(schema), Some(name), None) if !schema.is_empty() && !name.is_empty() => {
                    patterns.push((schema.to_owned(), Some(name.to_owned())));
                }
                _ => return Err(PatternError(entry.to_owned())),
            }
        }
        Ok(Exclusion(patterns))
    }

    /// Whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an object is left out. A schema itself is when a pattern names it whole.
    pub fn covers(&self, schema: &str, name: Option<&str>) -> bool {
        self.0.iter().any(|(schema_pattern, name_pattern)| {
            matches(schema_pattern, schema)
                && match (name_pattern, name) {
                    (None, _) => true,
                    (Some(pattern), Some(name)) => matches(pattern, name),
                    (Some(_), None) => false,
                }
        })
    }
}

/// Which columns are hidden from whoever does not manage the extension: a list of patterns, each `column`, `table.column` or
/// `schema.table.column`, where `*` stands for any characters and `?` for one. Upper and lower case are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask(Vec<[String; 3]>);

impl Mask {
    /// Reads a comma-separated list; blank entries are skipped. Gives the entry that cannot be read.
    pub fn parse(list: &str) -> Result<Mask, String> {
        let mut patterns = Vec::new();
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let parts: Vec<String> = entry.split('.').map(str::to_lowercase).collect();
            let any = || "*".to_owned();
            patterns.push(match parts.as_slice() {
                _ if parts.iter().any(String::is_empty) => return Err(entry.to_owned()),
                [column] => [any(), any(), column.clone()],
                [table, column] => [any(), table.clone(), column.clone()],
                [schema, table, column] => [schema.clone(), table.clone(), column.clone()],
                _ => return Err(entry.to_owned()),
            });
        }
        Ok(Mask(patterns))
    }

    /// The same without the entries that cannot be read.
    pub fn readable(list: &str) -> Mask {
        Mask(
            list.split(',')
                .filter_map(|entry| Mask::parse(entry).ok())
                .flat_map(|mask| mask.0)
                .collect(),
        )
    }

    /// Whether nothing is hidden.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Patterns for LIKE that a lower-case name of a column must match one of to be covered: a sieve, for schemas and
    /// tables do not count in it, and other than ASCII letters may be anything.
    pub fn sieve(&self) -> Vec<String> {
        let like = |[_, _, column]: &[String; 3]| {
            let mut pattern = String::new();
            for character in column.chars() {
                match character {
                    '*' | '?' => pattern.push('%'),
                    '%' | '_' | '\\' => pattern.extend(['\\', character]),
                    character if character.is_ascii() => pattern.push(character),
                    _ => pattern.push('%'),
                }
            }
            pattern
        };
        self.0.iter().map(like).collect()
    }

    /// Whether a column is hidden.
    pub fn covers(&self, schema: &str, table: &str, column: &str) -> bool {
        let (schema, table, column) = (schema.to_lowercase(), table.to_lowercase(), column.to_lowercase());
        self.0
            .iter()
            .any(|[a, b, c]| matches(c, &column) && matches(b, &table) && matches(a, &schema))
    }
}

/// Glob matching in linear space and at worst quadratic time: on a mismatch go back to the last `*`.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_and_names_are_matched() {
        let exclusion = Exclusion::parse("audit, *_tmp ,sales.staging_?").expect("parses");
        assert!(exclusion.covers("audit", None) && exclusion.covers("audit", Some("x")));
        assert!(exclusion.covers("load_tmp", Some("x")));
        assert!(exclusion.covers("sales", Some("staging_1")));
        assert!(!exclusion.covers("sales", Some("staging_12")));
        assert!(!exclusion.covers("sales", None));
        assert!(matches("*a*b", "xaxxb") && !matches("*a*b", "xaxx"));
    }

    #[test]
    fn columns_are_masked_by_name_table_and_schema() {
        let mask = Mask::parse("*salary*, emp.ssn, hr.pay_?.IBAN").expect("parses");
        assert!(
            mask.covers("x", "y", "Base_Salary")
                && mask.covers("x", "emp", "ssn")
                && mask.covers("hr", "pay_1", "iban")
        );
        assert!(
            !mask.covers("x", "y", "ssn") && !mask.covers("x", "pay_1", "iban") && !mask.covers("hr", "pay_12", "iban")
        );
        assert_eq!(mask.sieve(), ["%salary%", "ssn", "iban"]);
        let odd = Mask::parse("a_b%\\,gr\u{f6}?e").expect("parses");
        assert_eq!(odd.sieve(), [r"a\_b\%\\", "gr%%e"]);
        assert!(Mask::parse(" ,").expect("blank").is_empty());
        assert!(Mask::readable("a.b.c.d, ssn").covers("x", "y", "ssn"));
        for wrong in ["a.b.c.d", "a..b", ".a"] {
            assert_eq!(Mask::parse(wrong), Err(wrong.to_owned()));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in ["a.b.c", ".a", "a."] {
            assert!(Exclusion::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Exclusion::parse(" , ").expect("blank").is_empty());
    }
}
