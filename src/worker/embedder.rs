//! The embedder process: owns the thread that holds the model, and tells the block how it is doing.
//!
//! When the model's setting changes the process leaves and the postmaster starts it again: ONNX Runtime
//! cannot be initialised twice in one process, and memory that a model took is then truly free.

use pgrx::prelude::*;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use super::service::{self, Configuration, News, Service};
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
    let model = settings::model_directory();
    shared::with(|block| {
        block.embedder = Embedder {
            pid: process::pid(),
            state: EmbedderState::Loading,
            ..Embedder::default()
        };
    });
    worker::report("loading the model");
    let (waker, wake) = event_descriptor();
    let configuration = Configuration {
        library: settings::onnxruntime_library(),
        model: model.clone(),
        threads: settings::embedder_threads(),
    };
    let started = listen().and_then(|listener| service::start(configuration, listener, wake));
    let service = match started {
        Ok(service) => service,
        Err(error) => {
            fail(&format!("the embedder's socket cannot be made: {error}"));
            return wait_for_another(&model);
        }
    };
    let service = SERVICE.get_or_init(|| Mutex::new(service));
    loop {
        latch::wait_or_readable(60 * SECOND, waker.as_raw_fd());
        if worker::reload_if_asked() && settings::model_directory() != model {
            worker::log("schema_monitor embedder: leaving to load another model");
            worker::leave_and_return();
        }
        let news = service.lock().ok().and_then(|service| service.news.try_recv().ok());
        match news {
            Some(News::Ready(directory)) => {
                shared::with(|block| {
                    let entry = &mut block.embedder;
                    entry.model = directory.hash;
                    entry.dimensions = directory.dimensions as u32;
                    entry.name.set(&directory.name);
                    entry.error.set("");
                    entry.state = EmbedderState::Ready;
                });
                drain(&waker);
                worker::log(&format!(
                    "schema_monitor embedder: model \"{}\" ({} dimensions) is ready",
                    directory.name, directory.dimensions
                ));
                worker::report(&format!("serving {}", directory.name));
                super::launcher::wake_all();
            }
            Some(News::Failed(reason)) => {
                fail(&reason);
                return wait_for_another(&model);
            }
            None => {}
        }
    }
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

/// A directory that is broken stays broken until somebody mends it: look again every minute, and at once
/// when the setting changes.
fn wait_for_another(model: &std::path::Path) {
    let fingerprint = |path: &std::path::Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let seen = fingerprint(model);
    loop {
        latch::wait(60 * SECOND);
        let reloaded = worker::reload_if_asked();
        if reloaded || fingerprint(model) != seen {
            worker::leave_and_return();
        }
    }
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
fn event_descriptor() -> (OwnedFd, impl Fn() + Send + 'static) {
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
