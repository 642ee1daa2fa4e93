//! Joins by what two relations have in common and neither has as a key.

use std::collections::HashMap;

use super::infer::{Inferred, Keyed};
use super::name::{GENERIC, OF_THEIR_OWN, REFERRED_TO, Words, is_name_of_people};
use crate::words::words_of;

/// How sure it is that a column that two relations have in common joins them, where it is a key of neither.
const IN_COMMON: f32 = 0.3;

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

#[cfg(test)]
mod tests {
    use super::super::infer::tests::relation;
    use super::*;

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
}
