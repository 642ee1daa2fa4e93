//! Stops a run that takes too long.

use embed::Canceller;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A thread that waits beside the one that runs the model.
#[derive(Clone)]
pub struct Watchdog {
    limit: Duration,
    watched: Arc<(Mutex<Watched>, Condvar)>,
}

#[derive(Default)]
struct Watched {
    run: Option<(Instant, Canceller)>,
    has_barked: bool,
}

impl Watchdog {
    /// Starts the thread; a run may take `limit`.
    pub fn start(limit: Duration) -> std::io::Result<Watchdog> {
        let watchdog = Watchdog {
            limit,
            watched: Arc::default(),
        };
        let other = watchdog.clone();
        crate::pg::thread::spawn("embedder-watchdog", move || other.watch())?;
        Ok(watchdog)
    }

    /// Runs `body`, which `canceller` stops; also says whether it had to.
    pub fn with<R>(&self, canceller: Canceller, body: impl FnOnce() -> R) -> (R, bool) {
        let deadline = Instant::now() + self.limit;
        *self.lock() = Watched {
            run: Some((deadline, canceller.clone())),
            has_barked: false,
        };
        self.watched.1.notify_one();
        let result = body();
        let mut watched = self.lock();
        watched.run = None;
        if watched.has_barked {
            // Only an allocation can fail here; the next run would fail with a reason of its own.
            let _ = canceller.reset();
        }
        (result, watched.has_barked)
    }

    fn watch(&self) {
        let mut watched = self.lock();
        loop {
            let now = Instant::now();
            match &watched.run {
                Some((deadline, canceller)) if *deadline <= now => {
                    // Only an allocation can fail here, and then the run goes on to its end.
                    let _ = canceller.cancel();
                    *watched = Watched {
                        run: None,
                        has_barked: true,
                    };
                }
                Some((deadline, _)) => {
                    let left = *deadline - now;
                    let waited = self.watched.1.wait_timeout(watched, left);
                    watched = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => {
                    let waited = self.watched.1.wait(watched);
                    watched = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Watched> {
        self.watched.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
