//! The embedder's threads: one accepts a connection at a time, embeds and answers; another loads a model and hands
//! it over, so that the one before goes on answering. Neither ever calls PostgreSQL.
//!
//! One run at a time is what a CPU wants (big batches and parallel runs are slower), and a client that
//! stalls is cut off after a second, so nobody waits long.

use embed::{Canceller, EmbedError, Embedder, ModelDirectory, Runtime};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::protocol::{MAX_REQUEST, decode_request, encode_answer};

/// Models held at a time: the one in use and, while databases change to another, that one.
const MAX_MODELS: usize = 2;

/// How models are run.
#[derive(Clone)]
pub struct Configuration {
    /// The ONNX Runtime library.
    pub library: PathBuf,
    /// Where the threads listen.
    pub socket: &'static str,
    /// Threads of one inference.
    pub threads: usize,
}

/// What the threads tell.
pub enum News {
    /// The model answers from now on.
    Ready(ModelDirectory),
    /// It cannot be used.
    Failed(String),
}

/// What the serving thread is told.
enum Order {
    /// Answer by this model from now on, and by the one before to whom asks for it.
    Add(Box<Embedder>),
    /// Let go of the one before.
    Retire,
}

/// The other end of the threads.
pub struct Service {
    /// What they tell, in order.
    pub news: Receiver<News>,
    configuration: Configuration,
    tell: Teller,
    orders: Sender<Order>,
    cancellers: Cancellers,
    busy: Busy,
}

/// Stops whichever model runs.
type Cancellers = Arc<Mutex<Vec<Canceller>>>;

/// Counts what is being run or loaded.
#[derive(Clone, Default)]
struct Busy(Arc<AtomicUsize>);

impl Busy {
    fn with<R>(&self, body: impl FnOnce() -> R) -> R {
        self.0.fetch_add(1, Ordering::SeqCst);
        let result = body();
        self.0.fetch_sub(1, Ordering::SeqCst);
        result
    }
}

/// Sends news and wakes the main loop.
#[derive(Clone)]
struct Teller {
    news: Sender<News>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Teller {
    fn say(&self, news: News) {
        // The receiver is gone only when the process is ending.
        let _ = self.news.send(news);
        (self.wake)();
    }
}

/// Starts the serving thread. `wake` is called after each piece of news and must be safe on any thread.
pub fn start(
    configuration: Configuration,
    listener: UnixListener,
    wake: impl Fn() + Send + Sync + 'static,
) -> std::io::Result<Service> {
    let (send, news) = channel();
    let (orders, taken) = channel();
    let tell = Teller {
        news: send,
        wake: Arc::new(wake),
    };
    let service = Service {
        news,
        configuration,
        tell: tell.clone(),
        orders,
        cancellers: Cancellers::default(),
        busy: Busy::default(),
    };
    let (cancellers, busy) = (Arc::clone(&service.cancellers), service.busy.clone());
    crate::pg::thread::spawn("embedder", move || serve(&listener, &taken, &cancellers, &busy, &tell))?;
    Ok(service)
}

impl Service {
    /// Loads a model in the background; [`News`] tell how it went.
    pub fn load(&self, model: PathBuf) {
        let (configuration, orders) = (self.configuration.clone(), self.orders.clone());
        let (tell, busy) = (self.tell.clone(), self.busy.clone());
        let started = crate::pg::thread::spawn("embedder-load", move || {
            match busy.with(|| load(&configuration, &model)) {
                Ok(embedder) => {
                    // The serving thread is gone only when the process is ending.
                    let _ = orders.send(Order::Add(Box::new(embedder)));
                    nudge(configuration.socket);
                }
                Err(error) => tell.say(News::Failed(error.to_string())),
            }
        });
        if let Err(error) = started {
            self.tell
                .say(News::Failed(format!("no thread could be started: {error}")));
        }
    }

    /// Lets go of the model before the present one.
    pub fn retire(&self) {
        let _ = self.orders.send(Order::Retire);
        nudge(self.configuration.socket);
    }

    /// Stops the run in progress and waits until it has stopped, at most `limit`. No run starts afterwards.
    pub fn stop(&self, limit: Duration) {
        if let Ok(cancellers) = self.cancellers.lock() {
            for canceller in cancellers.iter() {
                // Only an allocation can fail here, and then the run ends with the process.
                let _ = canceller.cancel();
            }
        }
        let step = Duration::from_millis(5);
        let mut waited = Duration::ZERO;
        while self.busy.0.load(Ordering::SeqCst) > 0 && waited < limit {
            std::thread::park_timeout(step);
            waited += step;
        }
    }
}

/// A connection that asks nothing: the serving thread looks at its orders before the next one.
fn nudge(socket: &str) {
    drop(UnixStream::connect(socket));
}

fn load(configuration: &Configuration, model: &Path) -> Result<Embedder, EmbedError> {
    let directory = ModelDirectory::read(model)?;
    Embedder::load(Runtime::load(&configuration.library)?, directory, configuration.threads)
}

fn serve(listener: &UnixListener, orders: &Receiver<Order>, cancellers: &Cancellers, busy: &Busy, tell: &Teller) {
    let mut models: Vec<Box<Embedder>> = Vec::new();
    for connection in listener.incoming() {
        for order in orders.try_iter() {
            let mut added = None;
            match order {
                Order::Add(embedder) => {
                    let hash = embedder.directory().hash;
                    models.retain(|known| known.directory().hash != hash);
                    added = Some(embedder.directory().clone());
                    models.insert(0, embedder);
                    models.truncate(MAX_MODELS);
                }
                Order::Retire => models.truncate(1),
            }
            if let Ok(mut cancellers) = cancellers.lock() {
                *cancellers = models.iter().map(|embedder| embedder.canceller()).collect();
            }
            if let Some(directory) = added {
                tell.say(News::Ready(directory));
            }
        }
        let Ok(mut stream) = connection else { continue };
        // A client that breaks off is its own affair.
        let _ = answer(&mut models, &mut stream, busy);
    }
}

fn answer(models: &mut [Box<Embedder>], stream: &mut UnixStream, busy: &Busy) -> std::io::Result<()> {
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
        Some((hash, purpose, texts)) => match models.iter_mut().find(|model| model.directory().hash == hash) {
            None => Err("the embedder holds another model by now".to_owned()),
            Some(model) => busy.with(|| model.embed(purpose, &texts).map_err(|error| error.to_string())),
        },
    };
    let answer = encode_answer(&result);
    stream.write_all(&(answer.len() as u32).to_le_bytes())?;
    stream.write_all(&answer)
}
