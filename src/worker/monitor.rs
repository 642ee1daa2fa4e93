//! The monitor of one database: records what changed, embeds what is stale, leaves when idle.

use embed::Purpose;
use pgrx::prelude::*;

use super::client::{self, ConfiguredModel};
use super::launcher::{back_off, is_to_be_reconciled};
use crate::error::{Error, Result};
use crate::history::{self, Outcome, Request};
use crate::index::{self, Place, Stale};
use crate::pg::extension::{self, Installed};
use crate::pg::guc::set_for_process;
use crate::pg::shared::{Database, EmbedderState, Probe, Work};
use crate::pg::time::{MILLISECOND, SECOND, now};
use crate::pg::{Datum, latch, process, shared, transaction, worker};
use crate::settings;
use embed::protocol::{Answer, MAX_TEXTS};

/// How long a monitor stays without work. DROP DATABASE waits five seconds for it at most.
const IDLE: i64 = SECOND;

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
    match installed() {
        Ok(None) => find_absent(database),
        Ok(Some(extension)) => match extension.require_served() {
            Ok(()) => watch(database, &extension),
            Err(error) => refuse(database, &error),
        },
        Err(error) => fail(database, &error),
    }
}

fn find_absent(database: u32) {
    shared::with_database(database, |entry| {
        entry.probe = Probe::Absent;
        entry.model = [0; 32];
        entry.work = Work::default();
        entry.begun = Work::default();
        entry.completed = entry.requested;
        entry.failures = 0;
    });
}

/// Nothing can be done here until somebody brings library and SQL together. That is a DDL, which wakes a monitor.
fn refuse(database: u32, error: &Error) {
    shared::with_database(database, |entry| {
        if entry.error.get().as_deref() != Some(&error.to_string()) {
            worker::log(&format!("schema_monitor monitor: {error}"));
        }
        entry.probe = Probe::Absent;
        entry.begun = Work::default();
        entry.work = Work {
            gap: true,
            ..Work::default()
        };
        entry.failures = entry.failures.saturating_add(1);
        entry.error.set(&error.to_string());
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
        // moments go through text
        (c"datestyle", "ISO, YMD"),
        (c"application_name", "schema_monitor"),
    ] {
        set_for_process(name, value);
    }
}

/// The extension here; `None` where it is not, or nothing can be written.
fn installed() -> Result<Option<Installed>> {
    transaction::run(|| {
        Ok(match transaction::in_recovery() {
            true => None,
            false => extension::installed(),
        })
    })
}

/// Works until there has been nothing to do for a while.
fn watch(database: u32, extension: &Installed) {
    let mut idle_since = now();
    while now() - idle_since < IDLE {
        worker::reload_if_asked();
        if let Some(task) = take_task(database) {
            worker::report("recording the schema");
            match perform_on(database, extension, &task) {
                Ok(Progress::Done) => finish(database, &task),
                Ok(Progress::Elsewhere) => return begin_anew(database),
                Ok(Progress::Unfinished) => resume_later(database),
                Ok(Progress::Yielded) => {
                    resume_later(database);
                    return;
                }
                // Dropped, made anew or updated while this went on: that is no failure.
                Err(error) => match installed() {
                    Ok(None) => return find_absent(database),
                    Ok(Some(now)) if now != *extension => return begin_anew(database),
                    _ => return fail(database, &error),
                },
            }
            idle_since = now();
        }
        worker::report_idle();
        latch::wait(50 * MILLISECOND);
    }
    // Some migration tools write down what they ran after its commit. Once: somebody may wait for the database.
    if matches!(installed(), Ok(Some(now)) if now == *extension)
        && let Err(error) = transaction::run(history::stamp)
        && !error.is_transient()
        && !error.is_interrupt()
    {
        fail(database, &error);
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
        if !entry.work.pending && entry.requested <= entry.completed && !reconcile {
            return None;
        }
        let task = Task {
            // Whoever asks wants the catalog compared, not only what was captured.
            everything: reconcile || entry.work.gap || entry.work.force || entry.requested > entry.completed,
            force: entry.work.force,
            request: entry.requested,
        };
        entry.probe = Probe::Present;
        entry.begun = Work {
            pending: true,
            ..std::mem::take(&mut entry.work)
        };
        Some(task)
    })
    .flatten()
}

fn finish(database: u32, task: &Task) {
    let now = now();
    shared::with_database(database, |entry| {
        entry.completed = entry.completed.max(task.request);
        entry.begun = Work::default();
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
        entry.begun = Work::default();
        entry.work.pending = true;
        entry.last_check = now();
    });
}

/// Nothing is lost: what was begun is to be done again, and more carefully.
fn fail(database: u32, error: &Error) {
    worker::log(&format!("schema_monitor monitor: {error}"));
    shared::with_database(database, |entry| {
        give_back(entry);
        entry.work.pending = true;
        entry.work.gap = true;
        back_off(entry, now(), &error.to_string());
    });
}

/// Another monitor begins with what this one has not finished.
fn begin_anew(database: u32) {
    shared::with_database(database, |entry| {
        give_back(entry);
        entry.work.pending = true;
    });
}

/// What was begun is to be done again.
fn give_back(entry: &mut Database) {
    entry.work = entry.work.and(std::mem::take(&mut entry.begun));
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
    /// Nowhere: the extension is not the one it was.
    Elsewhere,
}

fn perform_on(database: u32, extension: &Installed, task: &Task) -> Result<Progress> {
    match installed()? {
        Some(now) if now == *extension => perform(database, task),
        _ => Ok(Progress::Elsewhere),
    }
}

fn perform(database: u32, task: &Task) -> Result<Progress> {
    let mut outcome = record_patiently(Request {
        everything: task.everything,
    })?;
    if task.force {
        patiently(index::rebuild)?;
    }
    if task.everything {
        while patiently(history::forget_events)? {}
        while patiently(history::forget_versions)? {}
    }
    // Only what this version changed can be stale, unless somebody asked for more than that.
    let is_all = task.everything || !outcome.is_new || outcome.has_adopted;
    let only = (!is_all).then(|| outcome.present.clone());
    // A model that is missing is no failure of the history.
    match embed_all(database, task.force, only, &mut outcome) {
        Ok(Embedding::Complete) => {
            patiently(|| index::announce(outcome.version))?;
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
pub(super) const FETCHED: usize = 16 * MAX_TEXTS;

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
        patiently(index::forget_models)?;
    }
    loop {
        let mut has_news = false;
        let stale = patiently(|| index::stale(place, &model.hash, FETCHED as i64, only.as_deref()))?;
        for some in stale.chunks(MAX_TEXTS) {
            worker::report("embedding");
            if now() > turn_ends && super::launcher::others_wait(database) {
                return Ok(Embedding::Yielded);
            }
            let answers = client::embed_batch(model.hash, Purpose::Passage, &texts(some), batch_timeout());
            if settled_on_another(&model) {
                return Ok(Embedding::Outdated);
            }
            let answers = answers?;
            // What took too long is tried again, until the embedder says that it was the last time.
            has_news |= answers.contains(&Answer::NotYet);
            patiently(|| store(place, some, &answers, &model.hash))?;
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

pub(super) fn of_index(model: &ConfiguredModel) -> index::Model<'_> {
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
        let is_news = entry.work.pending && !entry.work.gap && !entry.work.force && entry.requested <= entry.completed;
        entry.work.pending &= !is_news;
        is_news
    });
    taken == Some(true)
}

/// What a batch may take when every text in it takes as long as it may.
pub(super) fn batch_timeout() -> i32 {
    settings::embedder_run_timeout().saturating_mul(MAX_TEXTS as i32 + 1)
}

/// Writes what became of some passages.
pub(super) fn store(place: Place, stale: &[Stale], answers: &[Answer], model: &[u8]) -> Result<()> {
    let mut vectors = Vec::with_capacity(stale.len());
    for (one, answer) in stale.iter().zip(answers) {
        match answer {
            Answer::Vector(vector) => vectors.push((one, vector.clone())),
            Answer::NotYet => {}
            Answer::Refused(reason) => {
                let (object, column) = (one.object_id, one.column);
                worker::log(&format!(
                    "schema_monitor monitor: column {column} of object {object} is not embedded: {reason}"
                ));
                index::leave_out(one, model, reason)?;
            }
        }
    }
    index::upsert(place, vectors, model).map(drop)
}

pub(super) fn texts(stale: &[Stale]) -> Vec<&str> {
    stale.iter().map(|one| one.passage.as_str()).collect()
}

/// When the process ends, also by FATAL.
#[pg_guard] // entry point
unsafe extern "C-unwind" fn leave(_code: i32, _argument: Datum) {
    let pid = process::pid();
    let launcher = shared::with(|block| {
        for entry in block.databases.iter_mut().filter(|entry| entry.monitor == pid) {
            entry.monitor = 0;
            give_back(entry);
        }
        block.launcher
    });
    // A free place may be what another database waits for.
    latch::wake(launcher.unwrap_or(0));
}
