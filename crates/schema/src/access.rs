//! Owners and privileges, in a form that is the same on every server version.
//!
//! PostgreSQL stores an access list as `grantee=privileges/grantor` items, or NULL for the default. A
//! default written out and the NULL are the same thing here; the owner's own full set is left out; the
//! grantor is left out, because a restored dump may have another one.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Privileges by grantee (`PUBLIC` for everybody): the letters of the manual's table 5.1 in alphabetical
/// order, each followed by `*` where it carries the grant option.
pub type Privileges = BTreeMap<String, String>;

/// Stands for the full set of an owner, or what PUBLIC has by itself, where somebody is to see that it came or went.
pub(crate) const DEFAULT: &str = "default";

/// Who owns an object and who else may use it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The role that owns it.
    pub owner: String,
    /// Privileges that differ from the default for the kind of object; empty where nothing does.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub privileges: Privileges,
    /// Present where the default itself was taken away: an object whose access list is not the default
    /// and yet grants nobody but the owner.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revoked: bool,
}

impl Access {
    /// Reads an access list. `items` is the array PostgreSQL stores (`None` for NULL, the default),
    /// `public_default` the letters that PUBLIC has by default (`X` for functions, `U` for types).
    pub fn read(owner: String, items: Option<&[String]>, public_default: &str) -> Access {
        let Some(items) = items else {
            return Access {
                owner,
                ..Access::default()
            };
        };
        let mut privileges = parse(items);
        if let Some(own) = privileges.get(&owner)
            && is_full(own)
        {
            privileges.remove(&owner);
        }
        let public = privileges.get("PUBLIC").map_or("", String::as_str);
        let default_public = public == public_default;
        if default_public {
            privileges.remove("PUBLIC");
        }
        Access {
            owner,
            revoked: !default_public && !privileges.contains_key("PUBLIC"),
            privileges,
        }
    }
}

/// Parses `grantee=letters/grantor` items, merging those of one grantee.
pub(crate) fn parse(items: &[String]) -> Privileges {
    let mut privileges = Privileges::new();
    for item in items {
        let Some((grantee, letters)) = split(item) else {
            continue;
        };
        let merged = privileges.entry(grantee).or_default();
        *merged = normalise(&format!("{merged}{letters}"));
    }
    privileges
}

/// Splits one item; a grantee may be quoted and hold any character.
fn split(item: &str) -> Option<(String, &str)> {
    let (grantee, rest) = match item.strip_prefix('"') {
        Some(quoted) => {
            let mut name = String::new();
            let mut characters = quoted.char_indices().peekable();
            let end = loop {
                match characters.next()? {
                    (_, '"') if characters.peek().is_some_and(|(_, c)| *c == '"') => {
                        characters.next();
                        name.push('"');
                    }
                    (at, '"') => break at,
                    (_, c) => name.push(c),
                }
            };
            (name, quoted[end + 1..].strip_prefix('=')?)
        }
        None => {
            let (name, rest) = item.split_once('=')?;
            (name.to_owned(), rest)
        }
    };
    let letters = rest.split('/').next()?;
    let grantee = if grantee.is_empty() {
        "PUBLIC".to_owned()
    } else {
        grantee
    };
    Some((grantee, letters))
}

/// Sorts the letters, each with its grant option.
fn normalise(letters: &str) -> String {
    let mut seen: BTreeMap<char, bool> = BTreeMap::new();
    let mut last = None;
    for letter in letters.chars() {
        match (letter, last) {
            ('*', Some(previous)) => {
                seen.insert(previous, true);
            }
            ('*', None) => {}
            _ => {
                seen.entry(letter).or_insert(false);
                last = Some(letter);
            }
        }
    }
    let mut text = String::with_capacity(seen.len() * 2);
    for (letter, grantable) in seen {
        text.push(letter);
        if grantable {
            text.push('*');
        }
    }
    text
}

/// Whether the letters are all an owner has on some kind of object. MAINTAIN (`m`) exists from
/// PostgreSQL 17 on and does not count, so that 16 and 18 agree.
fn is_full(letters: &str) -> bool {
    let plain: String = letters.chars().filter(|c| !matches!(c, 'm' | '*')).collect();
    matches!(plain.as_str(), "Dadrtwx" | "rUw" | "Urw" | "CU" | "X" | "U" | "arwx")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(list: &[&str]) -> Vec<String> {
        list.iter().map(|item| (*item).to_owned()).collect()
    }

    #[test]
    fn the_default_written_out_equals_null() {
        for full in ["ann=arwdDxt/ann", "ann=arwdDxtm/ann"] {
            let written = Access::read("ann".into(), Some(&items(&[full])), "");
            assert_eq!(written, Access::read("ann".into(), None, ""));
        }
        let function = Access::read("ann".into(), Some(&items(&["=X/ann", "ann=X/ann"])), "X");
        assert_eq!(function, Access::read("ann".into(), None, "X"));
    }

    #[test]
    fn a_revoked_default_is_seen() {
        let revoked = Access::read("ann".into(), Some(&items(&["ann=X/ann"])), "X");
        assert!(revoked.revoked);
    }

    #[test]
    fn grantors_and_order_do_not_matter_and_quotes_are_read() {
        let a = Access::read(
            "ann".into(),
            Some(&items(&["ann=arwdDxt/ann", "\"a=b\"\"c\"=wr*/ann", "=r/ann"])),
            "",
        );
        let b = Access::read(
            "ann".into(),
            Some(&items(&[
                "=r/bob",
                "\"a=b\"\"c\"=r*/bob",
                "\"a=b\"\"c\"=w/ann",
                "ann=arwdDxtm/ann",
            ])),
            "",
        );
        assert_eq!(a, b);
        assert_eq!(a.privileges["a=b\"c"], "r*w");
        assert_eq!(a.privileges["PUBLIC"], "r");
    }
}
