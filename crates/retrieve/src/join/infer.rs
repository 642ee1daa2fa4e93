//! Joins that nobody declared: columns named as the key of another relation.
//!
//! `orders.customer_id` and `customers.id`, `city.country_code` and `country.code`, `visit.person_id` and
//! `person.person_id`, `sales.ship_date_key` and `dim_date.date_key`: a column and the only column of a unique key, of the
//! same type, whose names say so.

use rust_stemmers::{Algorithm, Stemmer};
use std::collections::{BTreeMap, HashMap};

use crate::words::words_of;

/// Names of keys that say nothing of whose key they are.
const GENERIC: &[&str] = &[
    "id", "key", "code", "name", "uuid", "guid", "number", "no", "oid", "pk", "type", "title", "value",
];

/// What may stand before one of them and says no more.
const OF_ROWS: &[&str] = &["record", "row", "sys"];

/// Names of people in part, which two relations have of different people: of these words with "name", or of one alone.
const PARTS_OF_NAMES: &[&str] = &["family", "first", "given", "last", "middle"];
const NAMES_OF_PEOPLE: &[&str] = &["firstname", "forename", "lastname", "surname"];

/// Names of keys that a column named only after the relation refers to; they do not say whose key it is.
pub(crate) const REFERRED_TO: &[&str] = &["id", "key", "code", "uuid", "guid", "number", "no"];

/// What stands before or behind names of relations and says what kind they are, abbreviations written out.
const KINDS_OF_RELATIONS: &[&str] = &[
    "dim",
    "dimension",
    "fact",
    "lkp",
    "lookup",
    "master",
    "reference",
    "table",
];

/// Words of columns that count or measure what they name after them: no reference to one.
const COUNTS: &[&str] = &[
    "count", "max", "maximum", "min", "minimum", "num", "number", "qty", "quantity", "sum", "total",
];

/// Words that end as plurals do and need not be one.
const NO_PLURALS: &[&str] = &[
    "alias", "atlas", "bias", "canvas", "gas", "lens", "news", "series", "species",
];

/// Those of them that are nothing but keys: a home phone number is no reference to a phone number.
const KEYS: &[&str] = &["id", "key", "code", "uuid", "guid"];

/// Keys that may be known by the same words; where there are more, they are those of relations that are called so, or say
/// nothing.
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
    /// The relation's words alone, customer; with "id", where the key is called otherwise: vendor_id and party_key.
    Owner,
    /// The relation's words alone where the key is called otherwise: patient and ssn.
    Only,
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
            let name = Column::of(&column.name);
            let mut best: BTreeMap<(i64, i16), Inferred> = BTreeMap::new();
            for (start, end) in name.parts() {
                let keys = index.get(&name.words[start..end]).into_iter().flatten();
                let fits = |key: &Key<'_>| relation.id != key.relation.id && column.type_oid == key.column.type_oid;
                let fitting: Vec<&(Key<'_>, Known)> = keys.filter(|(key, _)| fits(key)).collect();
                // Where a relation is called so, a key that is called so is a reference to it, too.
                let is_owned = fitting
                    .iter()
                    .any(|(_, known)| matches!(known, Known::Owner | Known::Only));
                for (key, known) in fitting {
                    if is_owned && *known == Known::Foreign {
                        continue;
                    }
                    let confidence = name.confidence(*known, (start, end), column.is_unique);
                    let place = (key.relation.id, key.column.number);
                    if confidence > best.get(&place).map_or(0.0, |one| one.confidence) {
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
        let owners = owners(&relation.name);
        let is_key = |column: &&Attribute| column.is_unique && !is_name_of_people(&column.name);
        let mut keys: Vec<&Attribute> = relation.columns.iter().filter(is_key).collect();
        keys.sort_unstable_by_key(|column| column.number);
        for (at, column) in keys.into_iter().enumerate() {
            let words = stems(&column.name);
            let says_nothing = |words: &[String]| REFERRED_TO.contains(&words.concat().as_str());
            let mut add = |words: &[String], known| {
                let key = Key { relation, column };
                index.entry(words.to_vec()).or_default().push((key, known));
            };
            let own = owners.iter().find_map(|owner| words.strip_prefix(owner.as_slice()));
            let is_generic = words_of(&column.name).split_last().is_some_and(|(last, before)| {
                GENERIC.contains(&last.as_str()) && before.iter().all(|word| OF_ROWS.contains(&word.as_str()))
            });
            if !is_generic {
                add(&words, own.map_or(Known::Foreign, |_| Known::Own));
            }
            for owner in &owners {
                let whole = [owner.as_slice(), &words].concat();
                if is_generic {
                    (1..owner.len()).for_each(|start| add(&whole[start..], Known::Tail));
                }
                if says_nothing(own.unwrap_or(&words)) {
                    add(owner, Known::Owner);
                } else if at == 0 {
                    add(owner, Known::Only);
                    add(&[owner.as_slice(), &["id".to_owned()]].concat(), Known::Owner);
                }
                add(&whole, Known::Whole);
            }
        }
    }
    index.retain(|_, keys| {
        if keys.len() > MANY {
            keys.retain(|(_, known)| !matches!(known, Known::Foreign | Known::Tail));
        }
        keys.len() <= MANY
    });
    index
}

/// The words of a relation's name, and those but one at an end that says what kind of relation it is.
fn owners(relation: &str) -> Vec<Words> {
    let words = words_of(relation);
    let says_kind = |word: &String| KINDS_OF_RELATIONS.contains(&word.as_str());
    let owner = match words.as_slice() {
        [first, rest @ ..] if !rest.is_empty() && says_kind(first) => Some(rest),
        [rest @ .., last] if !rest.is_empty() && says_kind(last) => Some(rest),
        _ => None,
    };
    let stemmed = |words: &[String]| words.iter().map(|word| stem(word)).collect();
    let all = std::iter::once(words.as_slice()).chain(owner);
    all.filter(|words| !words.is_empty()).map(stemmed).collect()
}

fn is_name_of_people(column: &str) -> bool {
    match words_of(column).as_slice() {
        [one] => NAMES_OF_PEOPLE.contains(&one.as_str()),
        [.., part, name] => name == "name" && PARTS_OF_NAMES.contains(&part.as_str()),
        [] => false,
    }
}

/// The name of a column that may refer to a key.
struct Column {
    words: Words,
    /// Where the numbers begin that tell it from others like it: club_id of club_id_2.
    end: usize,
    /// Whether it may be how many there are of what it is called after: followers, num_product.
    is_count: bool,
    /// Whether its last word may be what it measures: sort_order.
    is_measure: bool,
}

impl Column {
    fn of(name: &str) -> Column {
        let words = words_of(name);
        let is_number = |word: &String| word.bytes().all(|byte| byte.is_ascii_digit());
        let end = words
            .iter()
            .rposition(|word| !is_number(word))
            .map_or(0, |last| last + 1);
        let is_singular = |word: &str| {
            !word.ends_with('s')
                || ["ss", "us", "is"].iter().any(|end| word.ends_with(end))
                || NO_PLURALS.contains(&word)
        };
        let ends_in = |is: &dyn Fn(&str) -> bool| words[..end].last().is_some_and(|last| is(last));
        Column {
            end,
            is_count: ends_in(&|last| !is_singular(last)) || words.iter().any(|word| COUNTS.contains(&word.as_str())),
            is_measure: ends_in(&|last| OF_THEIR_OWN.contains(&last)),
            words: words.iter().map(|word| stem(word)).collect(),
        }
    }

    /// Places of the words that may name a key: all, the last ones, the same without numbers at the end.
    fn parts(&self) -> impl Iterator<Item = (usize, usize)> {
        let ends = [self.words.len(), self.end];
        let ends = ends.into_iter().take(if self.end < self.words.len() { 2 } else { 1 });
        ends.flat_map(|end| (0..end).map(move |start| (start, end)))
    }

    /// How sure it is that the column means a key: by all of its words, or by a part of them, what is before or behind saying
    /// in which role.
    fn confidence(&self, known: Known, (start, end): (usize, usize), is_unique: bool) -> f32 {
        let is_all = (start, end) == (0, self.words.len());
        let names_key = end - start > 1 && KEYS.contains(&self.words[end - 1].as_str());
        let refers = match (known, is_all) {
            (Known::Own | Known::Whole, true) => 0.9,
            (Known::Foreign, true) => 0.8,
            (Known::Own | Known::Whole, false) => 0.7,
            (Known::Owner, true) if !self.is_count => 0.7,
            (Known::Only, true) if !self.is_count => 0.6,
            (Known::Tail, true) => 0.6,
            (Known::Foreign, false) if names_key => 0.6,
            (Known::Owner, false) if !self.is_count && !self.is_measure => 0.5,
            (Known::Foreign | Known::Owner | Known::Only | Known::Tail, _) => 0.0,
        };
        // A key that refers is one row for one row: so are details of a thing, and so are two things with the same key.
        if is_unique { refers * 0.9 } else { refers }
    }
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
    words_of(name).iter().map(|word| stem(word)).collect()
}

fn stem(word: &str) -> String {
    Stemmer::create(Algorithm::English).stem(word).into_owned()
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
    fn what_stands_before_or_behind_is_a_role() {
        let confidence = |table: &str, key: &str, column: &str| {
            let key = relation(1, table, &[(key, true)]);
            let found = infer(&[key, relation(2, "facts", &[("id", true), (column, false)])]);
            found.iter().map(|one| (one.to, one.confidence)).collect::<Vec<_>>()
        };
        for (table, key, column, expected) in [
            ("dim_date", "date_key", "order_date_key", 0.7),
            ("calendar", "date_key", "order_date_key", 0.6),
            ("club", "Club_ID", "Club_ID_2", 0.7),
            ("department", "DepartmentID", "Department", 0.7),
            ("pilot", "pilot_id", "Winning_Pilot", 0.5),
            ("members", "member_id", "link_to_member", 0.5),
            ("physician", "EmployeeID", "Physician", 0.6),
            ("physician", "EmployeeID", "physician_id", 0.7),
            ("status", "id", "status", 0.7),
            ("species", "id", "species", 0.7),
            ("tbl_customer", "customer_key", "bill_to_customer_key", 0.7),
            ("mst_customer", "customer_key", "bill_to_customer_key", 0.7),
            ("customer_dim", "customer_key", "bill_to_customer_key", 0.7),
            ("cust_mstr", "id", "cust_id", 0.9),
            ("cust_mstr", "id", "cust_mstr_id", 0.9),
            ("ref_unit", "unit_key", "size_unit_key", 0.7),
            ("lkp_unit", "unit_key", "size_unit_key", 0.7),
        ] {
            assert_eq!(
                confidence(table, key, column),
                [(1, expected)],
                "{table}.{key} and {column}"
            );
        }
        for (table, key, column) in [
            ("product", "product_id", "total_products"),
            ("product", "product_id", "num_product"),
            ("orders", "id", "sort_order"),
            ("orders", "id", "sort_order_2"),
            ("orders", "id", "orders_2023"),
            ("book", "title", "title"),
            ("__", "code_letter", "id"),
            ("phone", "phone_number", "home_number"),
            ("directory", "phone_number", "home_phone_number"),
            ("physician", "EmployeeID", "head_physician"),
            ("physician", "rowguid", "rowguid"),
            ("follows", "f1", "followers"),
        ] {
            assert_eq!(confidence(table, key, column), [], "{table}.{key} and {column}");
        }
    }

    #[test]
    fn a_key_called_as_a_relation_refers_to_it() {
        let physician = relation(1, "physician", &[("employee_id", true)]);
        let trained = relation(2, "trained_in", &[("physician", true), ("treatment", false)]);
        let visit = relation(3, "visit", &[("visit_id", true), ("physician", false)]);
        let mut found = pairs(&infer(&[physician.clone(), trained.clone(), visit.clone()]));
        found.sort_unstable();
        assert_eq!(found, [(2, 1, 1, 1), (3, 2, 1, 1)]);
        let mut named = physician;
        named.columns[0].type_oid = 25;
        assert_eq!(
            pairs(&infer(&[named, trained, visit])),
            [(3, 2, 2, 1)],
            "of another type it is none"
        );
    }

    #[test]
    fn the_first_key_is_the_one_of_the_lowest_number() {
        let mut physician = relation(1, "physician", &[("employee_no", true), ("licence", true)]);
        physician.columns.reverse();
        let visit = relation(2, "visit", &[("physician_id", false)]);
        assert_eq!(pairs(&infer(&[physician, visit])), [(2, 1, 1, 1)]);
    }

    #[test]
    fn whose_key_it_is_counts_where_many_have_it() {
        let satellites = (2..40).map(|id| relation(id, &format!("{id}_of_it"), &[("event_id", true)]));
        let edges = relation(1, "edges", &[("event_id", false)]);
        let all: Vec<Keyed> = [relation(0, "events", &[("event_id", true)]), edges]
            .into_iter()
            .chain(satellites)
            .collect();
        let found = infer(&all);
        let of_edges: Vec<_> = found
            .iter()
            .filter(|one| one.from == 1)
            .map(|one| (one.to, one.confidence))
            .collect();
        assert_eq!(of_edges, [(0, 0.9)]);
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
