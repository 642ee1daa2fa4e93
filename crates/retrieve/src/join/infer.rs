//! Joins that nobody declared: columns named as the key of another relation.
//!
//! `orders.customer_id` and `customers.id`, `city.country_code` and `country.code`, `visit.person_id` and
//! `person.person_id`, `sales.ship_date_key` and `dim_date.date_key`: a column and the only column of a unique key, of the
//! same type, whose names say so. How sure that is, is a rule of thumb.

use std::collections::{BTreeMap, HashMap};

use super::name::{Column, KEYS, REFERRED_TO, Words, is_generic, is_name_of_people, owners, stems};

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
                    let confidence = confidence(&name, *known, (start, end), column.is_unique);
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
            let is_generic = is_generic(&column.name);
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

/// How sure it is that the column means a key: by all of its words, or by a part of them, what is before or behind saying
/// in which role.
fn confidence(name: &Column, known: Known, (start, end): (usize, usize), is_unique: bool) -> f32 {
    let is_all = (start, end) == (0, name.words.len());
    let names_key = end - start > 1 && KEYS.contains(&name.words[end - 1].as_str());
    let refers = match (known, is_all) {
        (Known::Own | Known::Whole, true) => 0.9,
        (Known::Foreign, true) => 0.8,
        (Known::Own | Known::Whole, false) => 0.7,
        (Known::Owner, true) if !name.is_count => 0.7,
        (Known::Only, true) if !name.is_count => 0.6,
        (Known::Tail, true) => 0.6,
        (Known::Foreign, false) if names_key => 0.6,
        (Known::Owner, false) if !name.is_count && !name.is_measure => 0.5,
        (Known::Foreign | Known::Owner | Known::Only | Known::Tail, _) => 0.0,
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn relation(id: i64, name: &str, columns: &[(&str, bool)]) -> Keyed {
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
