//! What a session asks for: a comparison by the monitor or, where there is none, by itself.

use embed::Purpose;
use embed::protocol::MAX_TEXTS;

use super::client;
use super::monitor::{FETCHED, batch_timeout, of_index, store, texts};
use crate::error::{Error, Result};
use crate::history::{self, Outcome, Request};
use crate::index::{self, Place};
use crate::pg::shared::Probe;
use crate::pg::time::MILLISECOND;
use crate::pg::{latch, process, shared, transaction};

/// Asks the monitor of this database for a comparison and waits until it is done; `false` when there is no
/// launcher to ask, so that the session must do it itself.
pub fn request_check(force: bool) -> Result<bool> {
    let database = process::database();
    let asked = shared::with(|block| {
        let launcher = block.launcher;
        (launcher != 0).then_some(launcher)
    });
    let Some(launcher) = asked.flatten() else {
        return Ok(false);
    };
    let asked = shared::with_database(database, |entry| {
        entry.requested += 1;
        entry.work.force |= force;
        entry.work.pending = true;
        entry.probe = Probe::Present;
        entry.retry_at = 0;
        (entry.requested, entry.failures, entry.monitor)
    });
    let Some((request, failures, monitor)) = asked else {
        return Ok(false);
    };
    latch::wake(if monitor == 0 { launcher } else { monitor });
    loop {
        let entry = shared::with_database(database, |entry| *entry);
        let Some(entry) = entry else { return Ok(false) };
        if entry.completed >= request {
            return Ok(true);
        }
        if entry.failures > failures {
            return Err(Error::Monitor(entry.error.get().unwrap_or_default()));
        }
        latch::wait(5 * MILLISECOND);
    }
}

/// The comparison in the caller's own transaction, where the library is not preloaded.
pub fn check_in_session(force: bool) -> Result<Outcome> {
    let outcome = history::record(Request { everything: true })?;
    if force {
        index::rebuild()?;
    }
    Ok(outcome)
}

/// Embeds what is stale in the caller's own transaction, if the session may load a model.
pub fn index_in_session(force: bool, version: i64) -> Result<()> {
    let model = client::configured_model()?;
    let (place, _) = index::adopt(&of_index(&model))?;
    if force && place == Place::Served {
        index::forget_models()?;
    }
    loop {
        let stale = transaction::with_fresh_snapshot(|| index::stale(place, &model.hash, FETCHED as i64, None))?;
        if stale.is_empty() {
            if place == Place::Beside {
                index::swap(&of_index(&model))?;
            }
            return index::announce(version);
        }
        for some in stale.chunks(MAX_TEXTS) {
            let answers = client::embed_batch(model.hash, Purpose::Passage, &texts(some), batch_timeout())?;
            store(place, some, &answers, &model.hash)?;
        }
    }
}
