//! Owners and privileges as statements.

use std::collections::{BTreeMap, BTreeSet};

use super::{alter, keyword, name, signature};
use crate::access::{Access, Privileges};
use crate::definition::{Definition, Kind, Part, PartKind};
use crate::sql::ident;

/// `ALTER … OWNER TO …`.
pub(crate) fn owner(definition: &Definition) -> String {
    format!("{} OWNER TO {}", alter(definition), ident(&definition.access.owner))
}

/// Letters of the manual's table "ACL privilege abbreviations" and their words.
const WORDS: [(char, &str); 13] = [
    ('r', "SELECT"),
    ('a', "INSERT"),
    ('w', "UPDATE"),
    ('d', "DELETE"),
    ('D', "TRUNCATE"),
    ('x', "REFERENCES"),
    ('t', "TRIGGER"),
    ('m', "MAINTAIN"),
    ('U', "USAGE"),
    ('C', "CREATE"),
    ('X', "EXECUTE"),
    ('T', "TEMPORARY"),
    ('c', "CONNECT"),
];

/// The statements that lead from one access list to the other, of an object that has its present owner already.
pub(crate) fn grants(before: &Access, after: &Definition) -> Vec<String> {
    let target = match after.kind {
        Kind::Table | Kind::ForeignTable | Kind::View | Kind::MaterializedView => format!("TABLE {}", name(after)),
        Kind::Aggregate => format!("ROUTINE {}({})", name(after), after.arguments.as_deref().unwrap_or("")),
        Kind::Enum | Kind::CompositeType | Kind::RangeType | Kind::BaseType => format!("TYPE {}", name(after)),
        kind => format!("{} {}", keyword(kind), signature(after)),
    };
    let all = |access: &Access| effective(access, after.kind);
    // A change of owner hands the owner's entries on.
    let mut inherited = before.clone();
    if let Some(own) = inherited.privileges.remove(&before.owner) {
        inherited.privileges.insert(after.access.owner.clone(), own);
    } else {
        inherited.privileges.remove(&after.access.owner);
    }
    inherited.owner.clone_from(&after.access.owner);
    between(&all(&inherited), &all(&after.access), "", &target)
}

/// The same for the columns of a relation; those not among `before` had no privileges of their own.
pub(crate) fn column_grants(before: &[&Part], after: &Definition) -> Vec<String> {
    let target = format!("TABLE {}", name(after));
    let mut statements = Vec::new();
    for column in after.parts_of(PartKind::Column) {
        let known = before.iter().find(|part| part.name == column.name);
        let none = Privileges::new();
        let known = known.map_or(&none, |part| &part.access);
        let list = format!(" ({})", ident(&column.name));
        statements.extend(between(&letters(known), &letters(&column.access), &list, &target));
    }
    statements
}

/// What each grantee may do, defaults written out: whether with grant option, by letter.
type Allowed = BTreeMap<String, BTreeMap<char, bool>>;

fn letters(privileges: &Privileges) -> Allowed {
    let one = |text: &str| {
        let mut found = BTreeMap::new();
        let mut last = None;
        for c in text.chars() {
            match (c, last) {
                ('*', Some(letter)) => drop(found.insert(letter, true)),
                _ => {
                    found.insert(c, false);
                    last = Some(c);
                }
            }
        }
        found
    };
    privileges
        .iter()
        .map(|(grantee, text)| (grantee.clone(), one(text)))
        .collect()
}

fn effective(access: &Access, kind: Kind) -> Allowed {
    let mut allowed = letters(&access.privileges);
    let (public, full) = match kind {
        Kind::Function | Kind::Procedure | Kind::Aggregate => ("X", "X"),
        Kind::Enum | Kind::Domain | Kind::CompositeType | Kind::RangeType | Kind::BaseType => ("U", "U"),
        Kind::Schema => ("", "UC"),
        Kind::Sequence => ("", "rwU"),
        _ => ("", "arwdDxt"),
    };
    let default = |text: &str| text.chars().map(|letter| (letter, false)).collect();
    if !access.revoked && !public.is_empty() && !allowed.contains_key("PUBLIC") {
        allowed.insert("PUBLIC".to_owned(), default(public));
    }
    if !allowed.contains_key(&access.owner) {
        allowed.insert(access.owner.clone(), default(full));
    }
    allowed
}

fn between(before: &Allowed, after: &Allowed, columns: &str, target: &str) -> Vec<String> {
    let none = BTreeMap::new();
    let grantees: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut statements = Vec::new();
    for grantee in grantees {
        let (old, new) = (
            before.get(grantee).unwrap_or(&none),
            after.get(grantee).unwrap_or(&none),
        );
        let role = if grantee == "PUBLIC" {
            "PUBLIC".to_owned()
        } else {
            ident(grantee)
        };
        let gone: Vec<char> = old.keys().filter(|letter| !new.contains_key(letter)).copied().collect();
        let ungrantable = |letter: &&char| old[*letter] && new.get(letter) == Some(&false);
        let demoted: Vec<char> = old.keys().filter(ungrantable).copied().collect();
        let come = |grantable: bool| -> Vec<char> {
            let is_new =
                |letter: &&char| new[*letter] == grantable && old.get(letter).is_none_or(|had| grantable && !*had);
            new.keys().filter(is_new).copied().collect()
        };
        if !gone.is_empty() {
            statements.push(format!("REVOKE {} ON {target} FROM {role}", words(&gone, columns)));
        }
        if !demoted.is_empty() {
            let list = words(&demoted, columns);
            statements.push(format!("REVOKE GRANT OPTION FOR {list} ON {target} FROM {role}"));
        }
        for (letters, suffix) in [(come(false), ""), (come(true), " WITH GRANT OPTION")] {
            if !letters.is_empty() {
                statements.push(format!(
                    "GRANT {} ON {target} TO {role}{suffix}",
                    words(&letters, columns)
                ));
            }
        }
    }
    statements
}

/// The words for letters, in the order of the manual's table.
fn words(letters: &[char], columns: &str) -> String {
    let written = WORDS
        .iter()
        .filter(|(letter, _)| letters.contains(letter))
        .map(|(_, word)| format!("{word}{columns}"));
    written.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(owner: &str, items: &[&str], public_default: &str) -> Access {
        let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
        Access::read(owner.into(), Some(&items), public_default)
    }

    fn table(access: Access) -> Definition {
        let mut table = Definition::new(Kind::Table, Some("s".into()), "t".into());
        table.access = access;
        table
    }

    #[test]
    fn what_is_new_is_granted_and_what_is_gone_revoked() {
        let before = access("ann", &["ann=arwdDxt/ann", "bob=rw/ann", "eve=r*/ann"], "");
        let after = access("ann", &["ann=arwdDxt/ann", "bob=r*a/ann", "eve=r/ann"], "");
        assert_eq!(
            grants(&before, &table(after)),
            [
                "REVOKE UPDATE ON TABLE s.t FROM bob",
                "GRANT INSERT ON TABLE s.t TO bob",
                "GRANT SELECT ON TABLE s.t TO bob WITH GRANT OPTION",
                "REVOKE GRANT OPTION FOR SELECT ON TABLE s.t FROM eve",
            ]
        );
    }

    #[test]
    fn the_default_of_everybody_is_taken_away_and_given_back() {
        let mut function = Definition::new(Kind::Function, Some("s".into()), "f".into());
        function.arguments = Some("integer".into());
        let open = access("ann", &["=X/ann", "ann=X/ann"], "X");
        let closed = access("ann", &["ann=X/ann"], "X");
        function.access = closed.clone();
        assert_eq!(
            grants(&open, &function),
            ["REVOKE EXECUTE ON FUNCTION s.f(integer) FROM PUBLIC"]
        );
        function.access = open;
        assert_eq!(
            grants(&closed, &function),
            ["GRANT EXECUTE ON FUNCTION s.f(integer) TO PUBLIC"]
        );
    }

    #[test]
    fn another_owner_keeps_what_the_first_had() {
        let before = access("ann", &["ann=arwdDxt/ann", "bob=r/ann"], "");
        let after = access("bob", &["bob=arwdDxt/bob"], "");
        assert!(grants(&before, &table(after)).is_empty());
    }
}
