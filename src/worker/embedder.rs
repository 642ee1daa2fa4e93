//! The embedder process: owns the threads that hold the models, and tells the block how it is doing.
//!
//! When the model's setting changes the new one is loaded beside the old one, which answers until the vectors of
//! every database are of the new one. ONNX Runtime itself is loaded once: it cannot be initialised twice in one
//! process.

use embed::ModelDirectory;
use pgrx::prelude::*;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use super::quarantine::{self, Quarantine};
use super::service::{self, Configuration, News, Service};
use crate::pg::latch::Woken;
use crate::pg::shared::{Embedder, EmbedderState};
use crate::pg::time::SECOND;
use crate::pg::{Datum, latch, process, shared, socket, worker};
use crate::settings;

/// How long the end of the process waits for a run to stop.
const STOP_LIMIT: Duration = Duration::from_millis(1_500);

/// For the exit callback, which FATAL reaches without unwinding.
static SERVICE: OnceLock<Mutex<Service>> = OnceLock::new();

/// Entry point of the process.
#[pg_guard]
#[unsafe(no_mangle)] // entry point
pub extern "C-unwind" fn schema_monitor_embedder(_argument: Datum) {
    worker::accept_signals();
    worker::connect_to_shared_catalogs();
    worker::on_exit(leave);
    process::quieten_libraries();
    shared::with(|block| {
        block.embedder = Embedder {
            pid: process::pid(),
            ..Embedder::default()
        };
    });
    let (waker, wake) = event_descriptor();
    let started = configuration().and_then(|configuration| service::start(configuration, listen()?, wake));
    let service = match started {
        Ok(service) => SERVICE.get_or_init(|| Mutex::new(service)),
        Err(error) => {
            fail(&format!("the embedder cannot start: {error}"));
            latch::wait(60 * SECOND);
            worker::leave_and_return();
        }
    };
    let mut wanted = Wanted::new();
    with_service(service, |service| wanted.load(service));
    loop {
        let woken = latch::wait_or_readable(60 * SECOND, waker.as_raw_fd());
        drain(&waker);
        worker::reload_if_asked();
        if (wanted.is_outdated() && !is_loading()) || (woken == Woken::Timeout && wanted.may_be_mended()) {
            wanted = Wanted::new();
            with_service(service, |service| wanted.load(service));
        }
        while let Some(news) = with_service(service, |service| service.news.try_recv().ok()).flatten() {
            match news {
                News::Ready(directory) => announce(&directory),
                News::Failed(reason) => fail(&reason),
            }
        }
        if nobody_needs_the_previous() {
            worker::log("schema_monitor embedder: every database has changed its model, letting go of the one before");
            with_service(service, Service::retire);
        }
    }
}

/// What the settings say now, with this process's memory limited accordingly and its past looked through.
fn configuration() -> std::io::Result<Configuration> {
    let (quarantine, left_out) = Quarantine::open(Path::new(quarantine::PATH))?;
    if left_out > 0 {
        worker::log(&format!(
            "schema_monitor embedder: it died while it ran {left_out} texts or models, which are left out from now on"
        ));
    }
    let memory_limit = settings::embedder_memory_limit();
    if let Some(limit) = memory_limit {
        process::limit_memory(limit)?;
    }
    Ok(Configuration {
        library: settings::onnxruntime_library(),
        socket: socket::PATH,
        threads: settings::embedder_threads(),
        memory_limit,
        run_timeout: Duration::from_millis(settings::embedder_run_timeout() as u64),
        quarantine,
    })
}

fn with_service<R>(service: &Mutex<Service>, body: impl FnOnce(&Service) -> R) -> Option<R> {
    service.lock().ok().map(|service| body(&service))
}

/// The model that is configured, as it was when its loading began.
struct Wanted {
    path: PathBuf,
    modified: Option<SystemTime>,
}

impl Wanted {
    fn new() -> Wanted {
        let path = settings::model_directory();
        let modified = modified(&path);
        Wanted { path, modified }
    }

    /// What answered so far goes on answering for whoever needs it; the one before that is let go first, so that
    /// never more than two are held.
    fn load(&self, service: &Service) {
        let has_third = shared::with(|block| {
            let entry = &mut block.embedder;
            let has_third = entry.state == EmbedderState::Ready && entry.previous != [0; 32];
            if entry.state == EmbedderState::Ready {
                entry.previous = entry.model;
            }
            entry.state = EmbedderState::Loading;
            has_third
        });
        if has_third == Some(true) {
            service.retire();
        }
        worker::report("loading the model");
        service.load(self.path.clone());
    }

    fn is_outdated(&self) -> bool {
        settings::model_directory() != self.path
    }

    /// A directory that is broken stays broken until somebody changes it.
    fn may_be_mended(&self) -> bool {
        let has_failed = shared::embedder().is_some_and(|embedder| embedder.state == EmbedderState::Failed);
        has_failed && modified(&self.path) != self.modified
    }
}

fn is_loading() -> bool {
    shared::embedder().is_some_and(|embedder| embedder.state == EmbedderState::Loading)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// The configured model answers from now on.
fn announce(directory: &ModelDirectory) {
    shared::with(|block| {
        let entry = &mut block.embedder;
        entry.model = directory.hash;
        entry.dimensions = directory.dimensions as u32;
        entry.name.set(&directory.name);
        entry.error.set("");
        entry.state = EmbedderState::Ready;
        if entry.previous == entry.model {
            entry.previous = [0; 32];
        }
    });
    worker::log(&format!(
        "schema_monitor embedder: model \"{}\" ({} dimensions) is ready",
        directory.name, directory.dimensions
    ));
    worker::report(&format!("serving {}", directory.name));
    super::launcher::wake_all();
}

/// Whether the model before can go: no database has vectors of it any more.
fn nobody_needs_the_previous() -> bool {
    let free = shared::with(|block| {
        let previous = block.embedder.previous;
        let is_free = previous != [0; 32]
            && block.embedder.state == EmbedderState::Ready
            && !block
                .databases
                .iter()
                .any(|entry| entry.oid != 0 && entry.model == previous);
        if is_free {
            block.embedder.previous = [0; 32];
        }
        is_free
    });
    free == Some(true)
}

/// Says once why there is no model.
fn fail(reason: &str) {
    shared::with(|block| {
        block.embedder.state = EmbedderState::Failed;
        block.embedder.error.set(reason);
    });
    worker::log(&format!("schema_monitor embedder: no embeddings: {reason}"));
    worker::report("waiting for a usable model");
}

/// The socket, for this operating-system user only.
fn listen() -> std::io::Result<UnixListener> {
    match fs::remove_file(socket::PATH) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // The data directory lets nobody else in, so there is no moment at which another user could connect.
    let listener = UnixListener::bind(socket::PATH)?;
    fs::set_permissions(socket::PATH, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// A descriptor the main loop waits on, and a function for the thread that makes it readable.
fn event_descriptor() -> (OwnedFd, impl Fn() + Send + Sync + 'static) {
    let descriptor = crate::pg::thread::event_descriptor();
    let raw = descriptor.as_raw_fd();
    // The descriptor is open as long as the process's main loop runs, hence as long as the thread may wake it.
    (descriptor, move || crate::pg::thread::signal_event(raw))
}

fn drain(waker: &OwnedFd) {
    crate::pg::thread::drain_event(waker.as_raw_fd());
}

/// Before the process ends: no run may be in progress when libraries are torn down, or the crash would
/// restart the whole cluster.
#[pg_guard] // entry point
unsafe extern "C-unwind" fn leave(_code: i32, _argument: Datum) {
    shared::with(|block| {
        if block.embedder.pid == process::pid() {
            let error = block.embedder.error;
            block.embedder = Embedder {
                error,
                ..Embedder::default()
            };
        }
    });
    if let Some(service) = SERVICE.get()
        && let Ok(service) = service.lock()
    {
        service.stop(STOP_LIMIT);
    }
}
