//! The embedder's thread: accepts one connection at a time, embeds, answers. It never calls PostgreSQL.
//!
//! One run at a time is what a CPU wants (big batches and parallel runs are slower), and a client that
//! stalls is cut off after a second, so nobody waits long.

use embed::{Canceller, EmbedError, Embedder, ModelDirectory, Runtime};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::protocol::{MAX_REQUEST, decode_request, encode_answer};

/// What the thread is told at its start.
pub struct Configuration {
    /// The ONNX Runtime library.
    pub library: PathBuf,
    /// The model.
    pub model: PathBuf,
    /// Threads of one inference.
    pub threads: usize,
}

/// What the thread tells.
pub enum News {
    /// The model answers from now on.
    Ready(ModelDirectory),
    /// It cannot be used.
    Failed(String),
}

/// The other end of the thread.
pub struct Service {
    /// What it tells, in order.
    pub news: Receiver<News>,
    canceller: Arc<Mutex<Option<Canceller>>>,
    running: Arc<Mutex<()>>,
}

impl Service {
    /// Stops the run in progress and waits until it has stopped, at most `limit`. No run starts afterwards.
    pub fn stop(&self, limit: Duration) {
        if let Ok(canceller) = self.canceller.lock()
            && let Some(canceller) = canceller.as_ref()
        {
            // Only an allocation can fail here, and then the run ends with the process.
            let _ = canceller.cancel();
        }
        let step = Duration::from_millis(5);
        let mut waited = Duration::ZERO;
        while self.running.try_lock().is_err() && waited < limit {
            std::thread::park_timeout(step);
            waited += step;
        }
    }
}

/// Starts the thread. `wake` is called after each piece of news and must be safe on any thread.
pub fn start(
    configuration: Configuration,
    listener: UnixListener,
    wake: impl Fn() + Send + 'static,
) -> std::io::Result<Service> {
    let (tell, news) = channel();
    let canceller = Arc::new(Mutex::new(None));
    let running = Arc::new(Mutex::new(()));
    let service = Service {
        news,
        canceller: Arc::clone(&canceller),
        running: Arc::clone(&running),
    };
    crate::pg::thread::spawn("embedder", move || {
        let loaded = {
            let _running = running.lock();
            load(&configuration)
        };
        let embedder = match loaded {
            Ok(embedder) => embedder,
            Err(error) => return say(&tell, &wake, News::Failed(error.to_string())),
        };
        if let Ok(mut slot) = canceller.lock() {
            *slot = Some(embedder.canceller());
        }
        say(&tell, &wake, News::Ready(embedder.directory().clone()));
        serve(embedder, &listener, &running);
    })?;
    Ok(service)
}

fn say(tell: &Sender<News>, wake: &impl Fn(), news: News) {
    // The receiver is gone only when the process is ending.
    let _ = tell.send(news);
    wake();
}

fn load(configuration: &Configuration) -> Result<Embedder, EmbedError> {
    let directory = ModelDirectory::read(&configuration.model)?;
    Embedder::load(Runtime::load(&configuration.library)?, directory, configuration.threads)
}

fn serve(mut embedder: Embedder, listener: &UnixListener, running: &Mutex<()>) {
    for connection in listener.incoming() {
        let Ok(mut stream) = connection else { continue };
        // A client that breaks off is its own affair.
        let _ = answer(&mut embedder, &mut stream, running);
    }
}

fn answer(embedder: &mut Embedder, stream: &mut UnixStream, running: &Mutex<()>) -> std::io::Result<()> {
    let patience = Some(Duration::from_secs(1));
    stream.set_read_timeout(patience)?;
    stream.set_write_timeout(patience)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_REQUEST {
        return Ok(());
    }
    let mut request = vec![0; length];
    stream.read_exact(&mut request)?;
    let result = match decode_request(&request) {
        None => Err("the request is malformed".to_owned()),
        Some((purpose, texts)) => {
            let _running = running.lock();
            embedder
                .embed(purpose, &texts)
                .map(|vectors| (vectors, embedder.directory().hash))
                .map_err(|error| error.to_string())
        }
    };
    let answer = encode_answer(&result);
    stream.write_all(&(answer.len() as u32).to_le_bytes())?;
    stream.write_all(&answer)
}
