//! Joins that nobody declared: columns named as the key of another relation.
//!
//! `orders.customer_id` and `customers.id`, `city.country_code` and `country.code`, `visit.person_id` and
//! `person.person_id`: a column and the only column of a unique key, of the same type, whose names say so.

use rust_stemmers::{Algorithm, Stemmer};
use std::collections::{BTreeMap, HashMap};

use crate::words::{expanded, split_identifier};

/// Names of keys that say nothing of whose key they are.
const GENERIC: &[&str] = &[
    "id", "key", "code", "name", "uuid", "guid", "number", "no", "oid", "pk", "type", "title", "value",
];

/// Names of keys that a column named only after the relation refers to.
const REFERRED_TO: &[&str] = &["id", "key", "code", "uuid", "guid", "number", "no"];

/// A column that may be joined by.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// `attnum`.
    pub number: i16,
    /// Its name.
    pub name: String,
    /// OID of its type.
    pub type_oid: u32,
    /// Whether it alone is a primary or unique key.
    pub is_unique: bool,
}

/// A relation with its columns.
#[derive(Clone, Debug)]
pub struct Keyed {
    /// Which.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<Attribute>,
}

/// A join that names and types suggest.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// Relation whose column refers.
    pub from: i64,
    /// The column, an `attnum`.
    pub from_column: i16,
    /// Relation whose key is referred to.
    pub to: i64,
    /// The key, an `attnum`.
    pub to_column: i16,
    /// How sure that is, from 0 to 1: a rule of thumb, not a probability.
    pub confidence: f32,
}

/// A name as comparable words.
type Words = Vec<String>;

struct Key<'a> {
    relation: &'a Keyed,
    column: &'a Attribute,
    /// Words of the relation's name.
    owner: Words,
    /// Words of the key's name.
    words: Words,
}

/// What columns refer to by their names, within these relations.
pub fn infer(relations: &[Keyed]) -> Vec<Inferred> {
    let keys = keys(relations);
    // Keys by the last word a column must have to mean them.
    let mut by_last: HashMap<&str, Vec<&Key<'_>>> = HashMap::new();
    for key in &keys {
        let mut lasts: Vec<&str> = [&key.words, &key.owner]
            .into_iter()
            .filter_map(|words| words.last())
            .map(String::as_str)
            .collect();
        lasts.dedup();
        for last in lasts {
            by_last.entry(last).or_default().push(key);
        }
    }
    let mut found = Vec::new();
    for relation in relations {
        for column in &relation.columns {
            let words = words_of(&column.name);
            let candidates = words.last().and_then(|last| by_last.get(last.as_str()));
            for key in candidates.into_iter().flatten() {
                let confidence = confidence(relation, column, &words, key);
                if confidence > 0.0 {
                    found.push(Inferred {
                        from: relation.id,
                        from_column: column.number,
                        to: key.relation.id,
                        to_column: key.column.number,
                        confidence,
                    });
                }
            }
        }
    }
    surest(found)
}

fn keys(relations: &[Keyed]) -> Vec<Key<'_>> {
    let of = |relation| {
        move |column| Key {
            relation,
            column,
            owner: words_of(&relation.name),
            words: words_of(&column.name),
        }
    };
    relations
        .iter()
        .flat_map(|relation: &Keyed| {
            relation
                .columns
                .iter()
                .filter(|column| column.is_unique)
                .map(of(relation))
        })
        .collect()
}

/// How sure it is that the column means the key; 0 where nothing speaks for it.
fn confidence(relation: &Keyed, column: &Attribute, words: &Words, key: &Key<'_>) -> f32 {
    if relation.id == key.relation.id || column.type_oid != key.column.type_oid {
        return 0.0;
    }
    let is_generic = key.words.len() == 1 && GENERIC.contains(&key.words[0].as_str());
    let whole: Words = key.owner.iter().chain(&key.words).cloned().collect();
    // The key of a relation of the same name is its own; one of another relation is that one's key, too.
    let is_own = key.words.starts_with(&key.owner);
    let refers = match () {
        () if !is_generic && *words == key.words => {
            if is_own {
                0.9
            } else {
                0.8
            }
        }
        () if *words == whole => 0.9,
        () if *words == key.owner && REFERRED_TO.contains(&key.words.concat().as_str()) => 0.7,
        () if words.ends_with(&whole) || (!is_generic && is_own && words.ends_with(&key.words)) => 0.7,
        // country_id for the key of world_country
        () if is_generic && words.len() > 1 && whole.ends_with(words) => 0.6,
        () => 0.0,
    };
    // A key that refers is one row for one row: so are details of a thing, and so are two things with the same key.
    if column.is_unique { refers * 0.9 } else { refers }
}

/// Of two directions between the same columns the surer one: `a.x` may refer to `b.x` or `b.x` to `a.x`, not both.
fn surest(found: Vec<Inferred>) -> Vec<Inferred> {
    let mut kept: BTreeMap<[(i64, i16); 2], Inferred> = BTreeMap::new();
    for one in found {
        let mut ends = [(one.from, one.from_column), (one.to, one.to_column)];
        ends.sort_unstable();
        match kept.get(&ends) {
            Some(other) if other.confidence >= one.confidence => (),
            _ => drop(kept.insert(ends, one)),
        }
    }
    kept.into_values().collect()
}

fn words_of(name: &str) -> Words {
    let stemmer = Stemmer::create(Algorithm::English);
    split_identifier(name)
        .iter()
        .flat_map(|word| {
            expanded(word)
                .split(' ')
                .map(|word| stemmer.stem(word).into_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(id: i64, name: &str, columns: &[(&str, bool)]) -> Keyed {
        let columns = columns.iter().enumerate().map(|(at, (name, is_unique))| Attribute {
            number: at as i16 + 1,
            name: (*name).to_owned(),
            type_oid: 23,
            is_unique: *is_unique,
        });
        Keyed {
            id,
            name: name.to_owned(),
            columns: columns.collect(),
        }
    }

    fn pairs(found: &[Inferred]) -> Vec<(i64, i16, i64, i16)> {
        found
            .iter()
            .map(|one| (one.from, one.from_column, one.to, one.to_column))
            .collect()
    }

    #[test]
    fn names_tell_which_key_is_meant() {
        let customers = relation(1, "customers", &[("id", true), ("name", true)]);
        for column in [
            "customer_id",
            "CustomerID",
            "cust_id",
            "billing_customer_id",
            "customer",
        ] {
            let orders = relation(2, "orders", &[("id", true), (column, false)]);
            assert_eq!(pairs(&infer(&[customers.clone(), orders])), [(2, 2, 1, 1)], "{column}");
        }
        let visit = relation(
            3,
            "visit_occurrence",
            &[("visit_occurrence_id", true), ("person_id", false)],
        );
        let person = relation(4, "person", &[("person_id", true)]);
        assert_eq!(pairs(&infer(&[visit, person])), [(3, 2, 4, 1)]);
    }

    #[test]
    fn what_says_nothing_joins_nothing() {
        let a = relation(1, "a", &[("id", true), ("name", true), ("note", false)]);
        let b = relation(2, "b", &[("id", true), ("name", false), ("note", false)]);
        assert_eq!(infer(&[a.clone(), b]), []);
        let mut text = relation(3, "c", &[("a_id", false)]);
        text.columns[0].type_oid = 25;
        assert_eq!(infer(&[a, text]), [], "another type");
    }

    #[test]
    fn each_pair_of_columns_is_told_once() {
        let student = relation(1, "student", &[("student_id", true)]);
        let details = relation(2, "student_details", &[("student_id", true)]);
        assert_eq!(pairs(&infer(&[student, details])), [(2, 1, 1, 1)]);
    }
}
