//! The monitor of one database: records what changed, embeds what is stale, leaves when idle.

use embed::Purpose;
use pgrx::prelude::*;

use super::client::{self, ConfiguredModel};
use super::launcher::{back_off, is_to_be_reconciled};
use super::protocol::MAX_TEXTS;
use crate::error::{Error, Result};
use crate::history::{self, Outcome, Request};
use crate::index::{self, Place, Stale};
use crate::pg::guc::set_for_process;
use crate::pg::shared::{EmbedderState, Probe};
use crate::pg::time::{MILLISECOND, SECOND, now};
use crate::pg::{Datum, event_trigger, latch, process, query, shared, transaction, worker};
use crate::settings;

/// How long a monitor stays without work. DROP DATABASE waits five seconds for it at most.
const IDLE: i64 = SECOND;

/// How long a session waits for the embedder when it embeds for itself.
const BATCH_TIMEOUT_MS: i32 = 60_000;

/// Attempts at a comparison that meets a lock or a moving catalog, before backing off.
const ATTEMPTS: u32 = 20;

/// Entry point of the process.
#[pg_guard]
#[unsafe(no_mangle)] // entry point
pub extern "C-unwind" fn schema_monitor_monitor(argument: Datum) {
    let database = argument.value() as u32;
    worker::accept_signals();
    worker::on_exit(leave);
    let is_ours = shared::with_database(database, |entry| {
        // Barred since it was asked for: somebody is about to drop or rename the database.
        let free = entry.monitor == 0 && entry.retry_at <= now();
        if free {
            entry.monitor = process::pid();
        }
        if entry.monitor == process::pid() || entry.monitor == 0 {
            entry.starting_since = 0;
        }
        free
    });
    if is_ours != Some(true) {
        return;
    }
    worker::connect_to_database(database);
    pin_settings();
    match extension() {
        Ok(0) => find_absent(database),
        Ok(extension) => watch(database, extension),
        Err(error) => fail(database, &error),
    }
}

fn find_absent(database: u32) {
    shared::with_database(database, |entry| {
        entry.probe = Probe::Absent;
        entry.model = [0; 32];
        entry.pending = false;
        entry.completed = entry.requested;
        entry.failures = 0;
    });
}

/// Whatever the server's or the database's defaults are.
fn pin_settings() {
    for (name, value) in [
        (c"default_transaction_isolation", "read committed"),
        (c"default_transaction_read_only", "off"),
        (c"statement_timeout", "0"),
        (c"idle_in_transaction_session_timeout", "0"),
        // Well below deadlock_timeout and what migrations set: whoever holds a lock we want, or waits for our
        // snapshot, never waits long.
        (c"lock_timeout", "20ms"),
        (c"row_security", "off"),
        (c"search_path", "pg_catalog, pg_temp"),
        (c"application_name", "schema_monitor"),
    ] {
        set_for_process(name, value);
    }
}

/// The OID of the extension here; 0 where it is not, or nothing can be written.
fn extension() -> Result<u32> {
    transaction::run(|| {
        Ok(match transaction::in_recovery() {
            true => 0,
            false => event_trigger::extension_oid(),
        })
    })
}

/// Works until there has been nothing to do for a while.
fn watch(database: u32, extension: u32) {
    let mut idle_since = now();
    while now() - idle_since < IDLE {
        worker::reload_if_asked();
        if let Some(task) = take_task(database) {
            worker::report("recording the schema");
            match perform(database, &task) {
                Ok(Progress::Done) => finish(database, &task),
                Ok(Progress::Unfinished) => resume_later(database),
                Ok(Progress::Yielded) => {
                    resume_later(database);
                    return;
                }
                // Dropped, or dropped and made anew, while this went on: that is no failure.
                Err(error) => match self::extension() {
                    Ok(0) => return find_absent(database),
                    Ok(now) if now != extension => return resume_later(database),
                    _ => return fail(database, &error),
                },
            }
            idle_since = now();
        }
        worker::report_idle();
        latch::wait(50 * MILLISECOND);
    }
}

/// What is to be done.
struct Task {
    everything: bool,
    force: bool,
    request: u64,
}

fn take_task(database: u32) -> Option<Task> {
    let (now, interval) = (now(), settings::check_interval());
    shared::with_database(database, |entry| {
        let reconcile = entry.probe == Probe::Unknown || is_to_be_reconciled(entry, now, interval);
        if !entry.pending && entry.requested <= entry.completed && !reconcile {
            return None;
        }
        let task = Task {
            // Whoever asks wants the catalog compared, not only what was captured.
            everything: reconcile || entry.gap || entry.force || entry.requested > entry.completed,
            force: entry.force,
            request: entry.requested,
        };
        entry.probe = Probe::Present;
        entry.pending = false;
        entry.gap = false;
        entry.force = false;
        Some(task)
    })
    .flatten()
}

fn finish(database: u32, task: &Task) {
    let now = now();
    shared::with_database(database, |entry| {
        entry.completed = entry.completed.max(task.request);
        entry.failures = 0;
        entry.retry_at = 0;
        entry.last_check = now;
        entry.error.set("");
        if task.everything || entry.reconciled_at == 0 {
            entry.reconciled_at = now;
        }
    });
}

/// What is left to embed is derived: whoever comes next finds it.
fn resume_later(database: u32) {
    shared::with_database(database, |entry| {
        entry.pending = true;
        entry.last_check = now();
    });
}

/// Nothing is lost: the flags that made the work are set again.
fn fail(database: u32, error: &Error) {
    worker::log(&format!("schema_monitor monitor: {error}"));
    shared::with_database(database, |entry| {
        entry.pending = true;
        entry.gap = true;
        back_off(entry, now(), &error.to_string());
    });
}

/// How far a task came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// To its end, or as far as it goes without a model.
    Done,
    /// Until the model was changed.
    Unfinished,
    /// Until another database needed the place.
    Yielded,
}

fn perform(database: u32, task: &Task) -> Result<Progress> {
    let mut outcome = record_patiently(Request {
        everything: task.everything,
    })?;
    if task.force {
        transaction::run(index::rebuild)?;
    }
    if task.everything {
        transaction::run(prune_events)?;
    }
    // Only what this version changed can be stale, unless somebody asked for more than that.
    let is_all = task.everything || !outcome.is_new || outcome.has_adopted;
    let only = (!is_all).then(|| outcome.present.clone());
    // A model that is missing is no failure of the history.
    match embed_all(database, task.force, only, &mut outcome) {
        Ok(Embedding::Complete) => {
            transaction::run(|| index::announce(outcome.version))?;
            Ok(Progress::Done)
        }
        Ok(Embedding::NoModel) => Ok(Progress::Done),
        Ok(Embedding::Outdated) => Ok(Progress::Unfinished),
        Ok(Embedding::Yielded) => Ok(Progress::Yielded),
        Err(error) if error.is_interrupt() => Err(error),
        Err(Error::Embedder(_) | Error::EmbedderTimeout(_) | Error::Embed(_)) => Ok(Progress::Done),
        Err(error) => Err(error),
    }
}

/// How far embedding came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Embedding {
    /// Nothing is stale.
    Complete,
    /// No model answers.
    NoModel,
    /// Another one answers by now.
    Outdated,
    /// Another database needed the place.
    Yielded,
}

/// How long a monitor embeds before it makes room for another database.
const TURN: i64 = SECOND;

/// Records, again and again while somebody holds a lock or goes on changing the schema.
fn record_patiently(request: Request) -> Result<Outcome> {
    patiently(|| history::record(request))
}

/// A transaction that meets a lock or a change it cannot go on with is begun again.
fn patiently<R>(mut body: impl FnMut() -> Result<R>) -> Result<R> {
    let mut attempt = 0;
    loop {
        match transaction::run(&mut body) {
            Err(error) if error.is_transient() && attempt < ATTEMPTS => {
                attempt += 1;
                latch::wait(i64::from(attempt) * 10 * MILLISECOND);
            }
            other => return other,
        }
    }
}

/// Passages fetched at a time.
const FETCHED: usize = 16 * MAX_TEXTS;

/// Embeds whatever is stale, a batch at a time, no transaction being open while the model runs; `only` of
/// some objects. What is committed meanwhile is recorded between two batches: a large database that is
/// embedded for the first time must not keep its history waiting, nor that of other databases.
fn embed_all(database: u32, force: bool, mut only: Option<Vec<i64>>, outcome: &mut Outcome) -> Result<Embedding> {
    let Ok(model) = client::configured_model() else {
        return Ok(Embedding::NoModel);
    };
    let turn_ends = now() + TURN;
    let place = adopt_model(database, &model)?;
    if place == Place::Beside {
        only = None;
    } else if force {
        transaction::run(index::forget_models)?;
    }
    loop {
        let mut has_news = false;
        let stale = transaction::run(|| index::stale(place, &model.hash, FETCHED as i64, only.as_deref()))?;
        for some in stale.chunks(MAX_TEXTS) {
            worker::report("embedding");
            if now() > turn_ends && super::launcher::others_wait(database) {
                return Ok(Embedding::Yielded);
            }
            let embedded = client::embed_by(model.hash, Purpose::Passage, &texts(some), BATCH_TIMEOUT_MS);
            if settled_on_another(&model) {
                return Ok(Embedding::Outdated);
            }
            let vectors = embedded?.vectors;
            transaction::run(|| index::upsert(place, some, vectors, &model.hash))?;
            if take_news(database) {
                has_news = true;
                *outcome = record_patiently(Request::default())?;
                if outcome.has_adopted {
                    only = None;
                } else if let Some(only) = &mut only {
                    only.extend(&outcome.present);
                }
            }
        }
        if stale.len() < FETCHED && !has_news && (place == Place::Served || swap_model(database, &model)?) {
            return Ok(Embedding::Complete);
        }
    }
}

/// Where the vectors of the configured model go. Sessions of this database ask for the model that is served.
fn adopt_model(database: u32, model: &ConfiguredModel) -> Result<Place> {
    let (place, served) = patiently(|| index::adopt(&of_index(model)))?;
    tell_served(database, served.as_deref());
    Ok(place)
}

/// Whether what was made beside is what is searched now.
fn swap_model(database: u32, model: &ConfiguredModel) -> Result<bool> {
    let is_swapped = patiently(|| index::swap(&of_index(model)))?;
    if is_swapped {
        tell_served(database, Some(&model.hash));
        latch::wake(shared::embedder().map_or(0, |embedder| embedder.pid));
    }
    Ok(is_swapped)
}

fn of_index(model: &ConfiguredModel) -> index::Model<'_> {
    index::Model {
        hash: &model.hash,
        name: &model.name,
        dimensions: model.dimensions,
    }
}

fn tell_served(database: u32, model: Option<&[u8]>) {
    let hash = model.and_then(|model| model.try_into().ok()).unwrap_or_default();
    shared::with_database(database, |entry| entry.model = hash);
}

fn settled_on_another(model: &ConfiguredModel) -> bool {
    shared::embedder().is_some_and(|embedder| embedder.state == EmbedderState::Ready && embedder.model != model.hash)
}

/// Takes the news of a commit, if that is all there is to do.
fn take_news(database: u32) -> bool {
    let taken = shared::with_database(database, |entry| {
        let is_news = entry.pending && !entry.gap && !entry.force && entry.requested <= entry.completed;
        entry.pending &= !is_news;
        is_news
    });
    taken == Some(true)
}

fn texts(stale: &[Stale]) -> Vec<&str> {
    stale.iter().map(|one| one.passage.as_str()).collect()
}

fn prune_events() -> Result<()> {
    let Some(days) = settings::event_retention() else {
        return Ok(());
    };
    query::execute(
        "DELETE FROM schema_monitor.ddl_event AS e
         WHERE e.occurred_at OPERATOR(pg_catalog.<)
             (pg_catalog.now() OPERATOR(pg_catalog.-) pg_catalog.make_interval(days => $1))",
        &[days.into()],
    )
    .map(drop)
}

/// When the process ends, also by FATAL.
#[pg_guard] // entry point
unsafe extern "C-unwind" fn leave(_code: i32, _argument: Datum) {
    let pid = process::pid();
    let launcher = shared::with(|block| {
        for entry in block.databases.iter_mut().filter(|entry| entry.monitor == pid) {
            entry.monitor = 0;
        }
        block.launcher
    });
    // A free place may be what another database waits for.
    latch::wake(launcher.unwrap_or(0));
}

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
        entry.force |= force;
        entry.pending = true;
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
            let embedded = client::embed_by(model.hash, Purpose::Passage, &texts(some), BATCH_TIMEOUT_MS)?;
            index::upsert(place, some, embedded.vectors, &model.hash)?;
        }
    }
}
