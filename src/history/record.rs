//! One comparison of the catalog with what is recorded.

use schema::{Definition, Fingerprints, Impact, Tree};
use serde_json::json;
use std::collections::BTreeMap;

use super::activity;
use super::adopt::adopt;
use super::compare::{Finding, compare};
use super::event::{self, Pending};
use super::stamp;
use super::store::{self, State};
use super::term;
use super::tool::{self, Book};
use super::usage::{self, Measured};
use super::write::write_findings;
use crate::catalog::{self, Definitions, Scope};
use crate::error::{Error, Result};
use crate::pg::query;
use crate::pg::transaction::with_fresh_snapshot;

/// Readings of a catalog that goes on changing, before giving up for this time.
const MAX_READINGS: usize = 8;

/// How to compare.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request {
    /// Compare everything, whatever the events say.
    pub everything: bool,
}

/// What a comparison found.
#[derive(Debug)]
pub struct Outcome {
    /// The version that stands now.
    pub version: i64,
    /// Whether this comparison made it.
    pub is_new: bool,
    /// Number of changes it found.
    pub changes: i64,
    /// Whether a restored history took the place of ours, so that everything derived from it was made anew.
    pub has_adopted: bool,
    /// Objects that are new or changed, or whose passages may be, by identity.
    pub present: Vec<i64>,
    /// Objects that are gone, by identity.
    pub gone: Vec<i64>,
}

/// Compares and records, in the present transaction. One comparison at a time in a database: others wait.
///
/// What is read must not change meanwhile: after reading, a fresh snapshot shows whether a DDL was
/// committed since, and if so it is read again.
pub fn record(request: Request) -> Result<Outcome> {
    store::lock()?;
    // What the statement began with does not show what was recorded while it waited for its turn.
    with_fresh_snapshot(|| record_in_turn(request))
}

fn record_in_turn(request: Request) -> Result<Outcome> {
    let has_adopted = adopt()?;
    let stamp = store::stamp()?;
    for _ in 0..MAX_READINGS {
        let reading = with_fresh_snapshot(|| Reading::take(request, &stamp));
        let reading = match reading {
            Err(error) if error.is_transient() && with_fresh_snapshot(event_came)? => continue,
            other => other?,
        };
        let moved = with_fresh_snapshot(|| event::have_come_since(&reading.pending.snapshot))?;
        if !moved {
            // what adopting changed, too
            let mut outcome = with_fresh_snapshot(|| reading.write(&stamp))?;
            if has_adopted {
                crate::index::rebuild()?;
                outcome.has_adopted = true;
            }
            return Ok(outcome);
        }
    }
    Err(Error::Unsettled)
}

/// Whether a failed look-up has an explanation: it is read again only then.
fn event_came() -> Result<bool> {
    let state = store::state()?;
    event::have_come_since(state.drained.as_deref().unwrap_or("1:1:"))
}

/// Everything one comparison reads, under one snapshot.
struct Reading {
    state: State,
    pending: Pending,
    findings: Vec<Finding>,
    measured: Measured,
    books: Vec<Book>,
    rebinds: bool,
    everything: bool,
}

impl Reading {
    fn take(request: Request, stamp: &str) -> Result<Reading> {
        let state = store::state()?;
        let rebinds = state.version > 0 && state.stamp.as_deref() != Some(stamp);
        let pending = event::pending(state.drained.as_deref())?;
        let everything = request.everything || state.version == 0 || rebinds;
        let scope = if everything {
            Scope::everything()
        } else {
            scope_of(&pending)?
        };
        let everything = scope.is_everything();
        let mut findings = if everything || !pending.hints.is_empty() {
            let found: Definitions = catalog::read(&scope)?;
            compare(&scope, found, rebinds)?
        } else {
            Vec::new()
        };
        let measured = match state.version {
            0 => Measured::default(),
            _ => usage::weigh(&mut findings)?,
        };
        Ok(Reading {
            state,
            pending,
            findings,
            measured,
            books: tool::books()?,
            rebinds,
            everything,
        })
    }

    /// Records a version, if anything is other than it was, and that the events are covered.
    fn write(self, stamp: &str) -> Result<Outcome> {
        let mut outcome = Outcome {
            version: self.state.version,
            is_new: false,
            changes: 0,
            has_adopted: false,
            present: Vec::new(),
            gone: Vec::new(),
        };
        let changes: usize = self.findings.iter().map(|finding| finding.changes.len()).sum();
        let is_first = self.state.version == 0;
        // After a restore the objects have other OIDs, which is no change of the schema.
        if is_first || changes > 0 {
            outcome.version += 1;
            outcome.is_new = true;
            outcome.changes = if is_first { 0 } else { changes as i64 };
            (outcome.present, outcome.gone) = write_findings(&self.findings, outcome.version)?;
            outcome.present =
                crate::index::refresh(&outcome.present, &outcome.gone, &self.definitions(&outcome.present))?;
            let tree = store::tree()?;
            self.write_version(&outcome, &tree)?;
            usage::keep(&self.findings, &self.measured, outcome.version)?;
        } else if self.rebinds && !self.findings.is_empty() {
            (outcome.present, outcome.gone) = write_findings(&self.findings, outcome.version)?;
            outcome.present =
                crate::index::refresh(&outcome.present, &outcome.gone, &self.definitions(&outcome.present))?;
        }
        if !outcome.present.is_empty() {
            term::renumber(&self.made_anew())?;
            term::follow(&outcome.present)?;
        }
        activity::forget(&outcome.gone)?;
        if self.everything {
            activity::sample()?;
        }
        stamp::write(&self.books, outcome.version)?;
        let arguments = [
            stamp.into(),
            self.pending.snapshot.as_str().into(),
            self.everything.into(),
        ];
        query::execute(COVERED, &arguments)?;
        Ok(outcome)
    }

    /// The definitions of what is there, in the order of their identities.
    fn definitions(&self, present: &[i64]) -> BTreeMap<i64, &Definition> {
        let found = self.findings.iter().filter_map(|finding| finding.found.as_ref());
        present
            .iter()
            .copied()
            .zip(found.map(|(_, definition, _)| definition))
            .collect()
    }

    /// Objects that are at another place in the catalog than they were.
    fn made_anew(&self) -> Vec<i64> {
        let moved = |finding: &Finding| {
            let (known, (address, ..)) = (finding.known.as_ref()?, finding.found.as_ref()?);
            (known.address != *address).then_some(known.object_id)
        };
        self.findings.iter().filter_map(moved).collect()
    }

    fn write_version(&self, outcome: &Outcome, tree: &Tree) -> Result<()> {
        let root = tree.root();
        let all = || self.findings.iter().flat_map(|finding| &finding.changes);
        let is_first = outcome.version == 1;
        let impact = all()
            .map(|change| change.impact)
            .max()
            .filter(|_| !is_first)
            .unwrap_or(Impact::Low);
        let origin = match (is_first, self.pending.hints.is_empty()) {
            (true, _) => "initial",
            (false, true) => "reconciled",
            (false, false) => "captured",
        };
        let bytes = |fingerprint: schema::Fingerprint| fingerprint.as_bytes().to_vec();
        query::execute(
            INSERT_VERSION,
            &[
                outcome.version.into(),
                self.pending.first_at.clone().into(),
                origin.into(),
                bytes(root.structure).into(),
                bytes(root.layout).into(),
                bytes(root.access).into(),
                (tree.len() as i64).into(),
                outcome.changes.into(),
                impact.as_str().into(),
                (self.pending.hints.len() as i64).into(),
            ],
        )?;
        if impact < crate::settings::notify_impact() {
            return Ok(());
        }
        notify_changed(outcome, &root, impact, all().map(|change| change.name()))
    }
}

/// What the events may have changed. DETACH PARTITION names the parent, which the partition has left by
/// then: the recorded partitions are read, too.
fn scope_of(pending: &Pending) -> Result<Scope> {
    let mut scope = Scope::of(&pending.hints)?;
    if !scope.is_everything() {
        let altered = pending
            .hints
            .iter()
            .filter(|hint| hint.tag == "ALTER TABLE")
            .map(|hint| hint.address.oid);
        scope.add(store::partitions(altered.collect())?);
    }
    Ok(scope)
}

const COVERED: &str = "
    UPDATE schema_monitor._state AS s
    SET stamp = $1, drained = $2::pg_catalog.pg_snapshot, checked_at = pg_catalog.clock_timestamp(),
        reconciled_at = CASE WHEN $3 THEN pg_catalog.clock_timestamp() ELSE s.reconciled_at END
    WHERE s.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

const INSERT_VERSION: &str = "
    INSERT INTO schema_monitor._version (
        version, recorded_at, first_event_at, origin, structure, layout, access, objects, changes, impact, events)
    VALUES ($1, pg_catalog.clock_timestamp(), $2::pg_catalog.timestamptz, $3, $4, $5, $6, $7, $8, $9, $10)";

/// Tells listeners, who need no privilege to listen: counts and hashes, no names.
fn notify_changed(
    outcome: &Outcome,
    root: &Fingerprints,
    impact: Impact,
    names: impl Iterator<Item = String>,
) -> Result<()> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    if outcome.version > 1 {
        names.for_each(|name| *counts.entry(name).or_default() += 1);
    }
    // The list of change names is closed and short: the payload stays far below 8,000 bytes.
    let payload = json!({
        "version": outcome.version,
        "fingerprint": root.structure,
        "impact": impact,
        "changes": counts,
    });
    query::execute(
        "SELECT pg_catalog.pg_notify('schema_changed', $1)",
        &[payload.to_string().into()],
    )
    .map(drop)
}
