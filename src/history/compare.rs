//! What is recorded ↔ what was found.

use schema::{Change, Continuity, Definition, Fingerprints, Kind, diff};
use std::collections::{HashMap, HashSet};

use super::store::{self, Known};
use crate::catalog::{Address, Definitions, Scope};
use crate::error::Result;

/// What became of one object.
pub(super) struct Finding {
    /// The object as it was recorded; `None` for a new one.
    pub known: Option<Known>,
    /// Where and how it is now; `None` when it is gone.
    pub found: Option<(Address, Definition, Fingerprints)>,
    /// What changed.
    pub changes: Vec<Change>,
}

/// Compares within the scope. `rebind` matches by name alone: the OIDs belong to another incarnation of
/// the database.
pub(super) fn compare(scope: &Scope, mut found: Definitions, rebind: bool) -> Result<Vec<Finding>> {
    let vanished = if scope.has_drops && !scope.is_everything() {
        store::vanished()?
    } else {
        HashSet::new()
    };
    let known = store::known(scope, &vanished)?;
    let mut missing: HashMap<(Kind, String, String), Known> = HashMap::new();
    let mut pairs: Vec<(Known, Address, Definition, Continuity)> = Vec::new();
    for one in known {
        match if rebind { None } else { found.remove(&one.address) } {
            Some(definition) => {
                let address = one.address;
                pairs.push((one, address, definition, Continuity::Same));
            }
            // A hint may name what is none of ours; gone is what the scope covers and the catalog lacks.
            None if rebind || scope.has(one.address) || vanished.contains(&one.object_id) => {
                missing.insert((one.kind, one.schema.clone(), one.name.clone()), one);
            }
            None => {}
        }
    }
    let mut findings = Vec::new();
    for (address, definition) in found {
        let key = (
            definition.kind,
            definition.group().to_owned(),
            definition.signature().into_owned(),
        );
        match missing.remove(&key) {
            Some(one) => {
                let continuity = if rebind {
                    Continuity::Rebound
                } else {
                    Continuity::Recreated
                };
                pairs.push((one, address, definition, continuity));
            }
            None => {
                let fingerprints = Fingerprints::of(&definition);
                findings.push(Finding {
                    known: None,
                    changes: diff(None, Some(&definition), Continuity::Same),
                    found: Some((address, definition, fingerprints)),
                });
            }
        }
    }
    let changed: Vec<_> = pairs
        .into_iter()
        .map(|(one, address, definition, continuity)| {
            let fingerprints = Fingerprints::of(&definition);
            (one, address, definition, continuity, fingerprints)
        })
        .filter(|(one, address, definition, continuity, fingerprints)| {
            *continuity == Continuity::Recreated || one.fingerprints != *fingerprints || one.address != *address
                // the last column dropped and added again: declared as before, and its values are gone
                || one.column_numbers != definition.column_numbers()
        })
        .collect();
    let gone: Vec<Known> = missing.into_values().collect();
    let mut before = store::definitions(
        changed
            .iter()
            .map(|(one, ..)| one)
            .chain(&gone)
            .map(|one| one.object_id)
            .collect(),
    )?;
    for (one, address, definition, continuity, fingerprints) in changed {
        let changes = diff(before.remove(&one.object_id).as_ref(), Some(&definition), continuity);
        findings.push(Finding {
            known: Some(one),
            found: Some((address, definition, fingerprints)),
            changes,
        });
    }
    for one in gone {
        let changes = diff(before.remove(&one.object_id).as_ref(), None, Continuity::Same);
        findings.push(Finding {
            known: Some(one),
            found: None,
            changes,
        });
    }
    // In the order in which people name things: schemas first, then by name.
    findings.sort_by_cached_key(|finding| {
        let definition = finding.found.as_ref().map(|(_, definition, _)| definition);
        match (definition, &finding.known) {
            (Some(definition), _) => (
                definition.kind,
                definition.group().to_owned(),
                definition.signature().into_owned(),
            ),
            (None, Some(known)) => (known.kind, known.schema.clone(), known.name.clone()),
            (None, None) => (Kind::Schema, String::new(), String::new()),
        }
    });
    Ok(findings)
}
