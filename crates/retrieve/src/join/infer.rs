//! Joins that nobody declared: columns named as the key of another relation.
//!
//! `orders.customer_id` and `customers.id`, `city.country_code` and `country.code`, `visit.person_id` and
//! `person.person_id`: a column and the only column of a unique key, of the same type, whose names say so.

use rust_stemmers::{Algorithm, Stemmer};
use std::collections::{BTreeMap, HashMap};

use crate::words::words_of;

/// Names of keys that say nothing of whose key they are.
const GENERIC: &[&str] = &[
    "id", "key", "code", "name", "uuid", "guid", "number", "no", "oid", "pk", "type", "title", "value",
];

/// Names of people in part, which two relations have of different people: of these words with "name", or of one alone.
const PARTS_OF_NAMES: &[&str] = &["family", "first", "given", "last", "middle"];
const NAMES_OF_PEOPLE: &[&str] = &["firstname", "forename", "lastname", "surname"];

/// Names of keys that a column named only after the relation refers to; they do not say whose key it is.
pub(crate) const REFERRED_TO: &[&str] = &["id", "key", "code", "uuid", "guid", "number", "no"];

/// Keys that may be known by the same words; what more of them are known by says nothing.
const MANY: usize = 16;

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

/// How the words of a column stand to what a key is known by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// The key's own words, where they say whose key it is: person_id of person.
    Own,
    /// The key's own words, where they may be another's: person_id of visit.
    Foreign,
    /// The relation's words and the key's: customer and id.
    Whole,
    /// The relation's words alone: customer.
    Owner,
    /// The end of the whole: country_id of world_country.
    Tail,
}

struct Key<'a> {
    relation: &'a Keyed,
    column: &'a Attribute,
}

/// What columns refer to by their names, within these relations.
pub fn infer(relations: &[Keyed]) -> Vec<Inferred> {
    let index = index(relations);
    let mut found = Vec::new();
    for relation in relations {
        for column in &relation.columns {
            let words = stems(&column.name);
            let mut best: BTreeMap<(i64, i16), Inferred> = BTreeMap::new();
            for start in 0..words.len() {
                for (key, known) in index.get(&words[start..]).into_iter().flatten() {
                    let confidence = confidence(*known, start == 0, column.is_unique);
                    let fits = relation.id != key.relation.id && column.type_oid == key.column.type_oid;
                    let place = (key.relation.id, key.column.number);
                    if fits && confidence > best.get(&place).map_or(0.0, |one| one.confidence) {
                        best.insert(
                            place,
                            Inferred {
                                from: relation.id,
                                from_column: column.number,
                                to: place.0,
                                to_column: place.1,
                                confidence,
                            },
                        );
                    }
                }
            }
            found.extend(best.into_values());
        }
    }
    surest(found)
}

/// How sure it is that a column that two relations have in common joins them, where it is a key of neither.
const IN_COMMON: f32 = 0.3;

/// What columns of many relations end in that say nothing of each other: what they measure, when and how they are.
const OF_THEIR_OWN: &[&str] = &[
    "active",
    "address",
    "amount",
    "at",
    "by",
    "city",
    "comment",
    "count",
    "created",
    "date",
    "day",
    "deleted",
    "description",
    "email",
    "end",
    "flag",
    "height",
    "kind",
    "label",
    "length",
    "month",
    "note",
    "on",
    "order",
    "phone",
    "position",
    "price",
    "quantity",
    "rank",
    "score",
    "size",
    "start",
    "state",
    "status",
    "text",
    "time",
    "total",
    "updated",
    "url",
    "version",
    "weight",
    "width",
    "year",
];

/// Letters of the shortest name that says something.
const SHORTEST: usize = 3;

/// Joins by columns of the same name and type, none of them a key, whose name says what they are of: `list.classroom` and
/// `teacher.classroom`. A last resort: rows of both sides are multiplied.
pub fn shared(relations: &[Keyed]) -> Vec<Inferred> {
    let says_nothing = |name: &str| {
        let words = words_of(name);
        let is_own = |word: &str| OF_THEIR_OWN.contains(&word) || GENERIC.contains(&word);
        // an id says whose it is where another word is before it
        let says = |last: &str| !is_own(last) || (words.len() > 1 && REFERRED_TO.contains(&last));
        let is_short = words.concat().chars().count() < SHORTEST;
        is_short || is_name_of_people(name) || words.last().is_none_or(|last| !says(last))
    };
    let mut known: HashMap<(u32, Words), Vec<(i64, i16)>> = HashMap::new();
    let mut found = Vec::new();
    for relation in relations {
        let columns = relation.columns.iter();
        for column in columns.filter(|column| !column.is_unique && !says_nothing(&column.name)) {
            let same = known.entry((column.type_oid, words_of(&column.name))).or_default();
            let others = same.iter().filter(|(other, _)| *other != relation.id);
            found.extend(others.map(|(other, number)| Inferred {
                from: *other,
                from_column: *number,
                to: relation.id,
                to_column: column.number,
                confidence: IN_COMMON,
            }));
            same.push((relation.id, column.number));
        }
    }
    found
}

/// Keys by the words a column must end in to mean them. What many relations are known by means none of them.
fn index(relations: &[Keyed]) -> HashMap<Words, Vec<(Key<'_>, Known)>> {
    let mut index: HashMap<Words, Vec<(Key<'_>, Known)>> = HashMap::new();
    for relation in relations {
        let owner = stems(&relation.name);
        for column in relation.columns.iter().filter(|column| column.is_unique) {
            let words = stems(&column.name);
            if is_name_of_people(&column.name) {
                continue;
            }
            let is_generic = words.len() == 1 && GENERIC.contains(&words[0].as_str());
            let whole: Words = owner.iter().chain(&words).cloned().collect();
            let mut add = |words: &[String], known| {
                let key = Key { relation, column };
                index.entry(words.to_vec()).or_default().push((key, known));
            };
            if is_generic {
                (1..whole.len().saturating_sub(1)).for_each(|start| add(&whole[start..], Known::Tail));
            } else {
                add(
                    &words,
                    if words.starts_with(&owner) {
                        Known::Own
                    } else {
                        Known::Foreign
                    },
                );
            }
            if REFERRED_TO.contains(&words.concat().as_str()) {
                add(&owner, Known::Owner);
            }
            add(&whole, Known::Whole);
        }
    }
    index.retain(|_, keys| keys.len() <= MANY);
    index
}

fn is_name_of_people(column: &str) -> bool {
    match words_of(column).as_slice() {
        [one] => NAMES_OF_PEOPLE.contains(&one.as_str()),
        [.., part, name] => name == "name" && PARTS_OF_NAMES.contains(&part.as_str()),
        [] => false,
    }
}

/// How sure it is that a column means a key: by all of its words, or only by the last of them.
fn confidence(known: Known, is_all: bool, is_unique: bool) -> f32 {
    let refers = match (known, is_all) {
        (Known::Own | Known::Whole, true) => 0.9,
        (Known::Foreign, true) => 0.8,
        (Known::Owner, true) | (Known::Own | Known::Whole, false) => 0.7,
        (Known::Tail, true) => 0.6,
        (Known::Foreign | Known::Owner | Known::Tail, false) => 0.0,
    };
    // A key that refers is one row for one row: so are details of a thing, and so are two things with the same key.
    if is_unique { refers * 0.9 } else { refers }
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

fn stems(name: &str) -> Words {
    let stemmer = Stemmer::create(Algorithm::English);
    words_of(name)
        .iter()
        .map(|word| stemmer.stem(word).into_owned())
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
    fn what_two_have_in_common_joins_them_as_a_last_resort() {
        let columns = |key: &'static str, name: &'static str| [(key, true), (name, false)];
        for name in ["classroom", "Classroom", "zip_code", "person_id", "account_number"] {
            let found = shared(&[
                relation(1, "list", &columns("a", "classroom")),
                relation(2, "teachers", &columns("b", name)),
                relation(3, "people", &columns("c", name)),
            ]);
            let wanted = if name.to_lowercase() == "classroom" { 3 } else { 1 };
            assert_eq!(found.len(), wanted, "{name}: {found:?}");
            assert!(found.iter().all(|one| one.confidence < 0.5));
        }
        for name in [
            "id",
            "name",
            "status",
            "created_at",
            "total_amount",
            "city",
            "code",
            "last_name",
            "email",
        ] {
            let both = [1, 2].map(|id| relation(id, "t", &columns("key", name)));
            assert_eq!(shared(&both), [], "{name}");
        }
        let key = [("classroom", true)];
        assert_eq!(shared(&[relation(1, "a", &key), relation(2, "b", &key)]), []);
        let mut other = relation(2, "teachers", &columns("b", "classroom"));
        other.columns[1].type_oid = 25;
        assert_eq!(shared(&[relation(1, "list", &columns("a", "classroom")), other]), []);
    }

    #[test]
    fn what_says_nothing_joins_nothing() {
        let a = relation(1, "a", &[("id", true), ("name", true), ("note", false)]);
        let b = relation(2, "b", &[("id", true), ("name", false), ("note", false)]);
        assert_eq!(infer(&[a.clone(), b]), []);
        for name in ["last_name", "FamilyName", "surname", "lastname", "middle_name"] {
            let teachers = relation(5, "teachers", &[(name, true)]);
            let pupils = relation(6, "pupils", &[("id", true), (name, false)]);
            assert_eq!(
                infer(&[teachers, pupils]),
                [],
                "{name}: people of the same name are others"
            );
        }
        let batch = relation(5, "batch", &[("first_lot_no", true)]);
        let lot = relation(6, "lot", &[("id", true), ("first_lot_no", false)]);
        assert_eq!(infer(&[batch, lot]).len(), 1, "a first lot is no name");
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

    #[test]
    fn what_thousands_of_relations_have_joins_none_of_them() {
        let relations: Vec<Keyed> = (0..5_000)
            .map(|at| {
                relation(
                    at,
                    &format!("t{at}x"),
                    &[("sys_id", true), ("id", true), ("other_id", false)],
                )
            })
            .collect();
        let start = std::time::Instant::now();
        assert_eq!(infer(&relations), []);
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    }
}
