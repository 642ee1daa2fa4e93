//! The embedder's threads: one accepts a connection at a time, embeds and answers; another loads a model and hands
//! it over, so that the one before goes on answering. Neither ever calls PostgreSQL.
//!
//! One run at a time is what a CPU wants (big batches and parallel runs are slower), and a client that
//! stalls is cut off after a second, so nobody waits long.

use embed::{Canceller, EmbedError, Embedder, ModelDirectory, Purpose, Run, Runtime};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::quarantine::{Cause, Quarantine, key_of_load, key_of_text};
use super::watchdog::Watchdog;
use embed::protocol::{Answer, MAX_REQUEST, decode_request, encode_answer};

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
    /// Bytes this process may use.
    pub memory_limit: Option<u64>,
    /// How long one inference may take.
    pub run_timeout: Duration,
    /// What must not be run.
    pub quarantine: Quarantine,
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
    held: Arc<AtomicU64>,
    is_ending: Arc<AtomicBool>,
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
        held: Arc::default(),
        is_ending: Arc::default(),
    };
    let serving = Serving {
        models: Vec::new(),
        watchdog: Watchdog::start(service.configuration.run_timeout)?,
        quarantine: service.configuration.quarantine,
        tell,
        cancellers: Arc::clone(&service.cancellers),
        busy: service.busy.clone(),
        held: Arc::clone(&service.held),
        is_ending: Arc::clone(&service.is_ending),
    };
    crate::pg::thread::spawn("embedder", move || serving.serve(&listener, &taken))?;
    Ok(service)
}

impl Service {
    /// Loads a model in the background; [`News`] tell how it went.
    pub fn load(&self, model: PathBuf) {
        let (configuration, orders) = (self.configuration.clone(), self.orders.clone());
        let (tell, busy, held) = (self.tell.clone(), self.busy.clone(), Arc::clone(&self.held));
        let started = crate::pg::thread::spawn("embedder-load", move || {
            match busy.with(|| load(&configuration, &model, held.load(Ordering::SeqCst))) {
                Ok(embedder) => {
                    // The serving thread is gone only when the process is ending.
                    let _ = orders.send(Order::Add(Box::new(embedder)));
                    nudge(configuration.socket);
                }
                Err(reason) => tell.say(News::Failed(reason)),
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
        self.is_ending.store(true, Ordering::SeqCst);
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

/// Loads a model, unless it is too large beside the `held` bytes of weights, or loading it crashed the process before.
fn load(configuration: &Configuration, model: &Path, held: u64) -> Result<Embedder, String> {
    let directory = ModelDirectory::read(model).map_err(|error| error.to_string())?;
    let key = key_of_load(&directory.hash);
    if let Some(cause) = configuration.quarantine.verdict(key) {
        let (model, reason) = (model.display(), cause.reason());
        return Err(format!(
            "model directory \"{model}\" is not loaded: {reason}; stop the server and remove \"{}\" to try again",
            super::quarantine::PATH
        ));
    }
    let loaded = configuration.quarantine.load(key, || -> Result<Embedder, EmbedError> {
        if let Some(limit) = configuration.memory_limit {
            directory.require_fits(limit.saturating_sub(held))?;
        }
        Embedder::load(Runtime::load(&configuration.library)?, directory, configuration.threads)
    });
    configuration.quarantine.forget(key);
    loaded.map_err(|error| error.to_string())
}

/// The serving thread's own.
struct Serving {
    models: Vec<Embedder>,
    watchdog: Watchdog,
    quarantine: Quarantine,
    tell: Teller,
    cancellers: Cancellers,
    busy: Busy,
    /// Bytes of the weights of all models held.
    held: Arc<AtomicU64>,
    is_ending: Arc<AtomicBool>,
}

impl Serving {
    fn serve(mut self, listener: &UnixListener, orders: &Receiver<Order>) {
        for connection in listener.incoming() {
            for order in orders.try_iter() {
                self.obey(order);
            }
            let Ok(mut stream) = connection else { continue };
            // A client that breaks off is its own affair.
            let _ = self.answer(&mut stream);
        }
    }

    fn obey(&mut self, order: Order) {
        let mut added = None;
        match order {
            Order::Add(embedder) => {
                let hash = embedder.directory().hash;
                self.models.retain(|known| known.directory().hash != hash);
                added = Some(embedder.directory().clone());
                self.models.insert(0, *embedder);
                self.models.truncate(MAX_MODELS);
            }
            Order::Retire => self.models.truncate(1),
        }
        let held = self.models.iter().map(|model| model.directory().weight_bytes).sum();
        self.held.store(held, Ordering::SeqCst);
        if let Ok(mut cancellers) = self.cancellers.lock() {
            *cancellers = self.models.iter().map(|model| model.canceller()).collect();
        }
        if let Some(directory) = added {
            self.tell.say(News::Ready(directory));
        }
    }

    fn answer(&mut self, stream: &mut UnixStream) -> std::io::Result<()> {
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
            Some((hash, purpose, texts)) => match self.models.iter().position(|model| model.directory().hash == hash) {
                None => Err("the embedder holds another model by now".to_owned()),
                Some(at) => self.embed(at, purpose, &texts),
            },
        };
        let answer = encode_answer(&result);
        stream.write_all(&(answer.len() as u32).to_le_bytes())?;
        stream.write_all(&answer)
    }

    /// What becomes of each text by the model at hand.
    fn embed(&mut self, model: usize, purpose: Purpose, texts: &[String]) -> Result<Vec<Answer>, String> {
        let hash = self.models[model].directory().hash;
        let keys: Vec<u64> = texts.iter().map(|text| key_of_text(&hash, purpose, text)).collect();
        let mut answers = vec![Answer::NotYet; texts.len()];
        let (mut together, mut groups) = (Vec::new(), Vec::new());
        for (index, key) in keys.iter().enumerate() {
            if let Some(cause) = self.quarantine.verdict(*key) {
                answers[index] = Answer::Refused(cause.reason().to_owned());
            } else if self.quarantine.is_suspect(*key) {
                groups.push(vec![index]); // alone, so that it is held against no other
            } else {
                together.push(index);
            }
        }
        groups.push(together);
        for group in groups {
            let of_group: Vec<&str> = group.iter().map(|index| texts[*index].as_str()).collect();
            let planned = self.models[model].plan(purpose, &of_group);
            for mut run in planned.map_err(|error| error.to_string())? {
                run.texts.iter_mut().for_each(|index| *index = group[*index]);
                self.run(model, &run, &keys, &mut answers)?;
            }
        }
        Ok(answers)
    }

    fn run(&mut self, model: usize, run: &Run, keys: &[u64], answers: &mut [Answer]) -> Result<(), String> {
        let (quarantine, watchdog, busy) = (self.quarantine, &self.watchdog, &self.busy);
        let embedder = &mut self.models[model];
        let in_flight: Vec<u64> = run.texts.iter().map(|index| keys[*index]).collect();
        let canceller = embedder.canceller();
        let (result, is_late) = busy.with(|| {
            if self.is_ending.load(Ordering::SeqCst) {
                return (Err(EmbedError::Cancelled), false);
            }
            quarantine.run(&in_flight, || watchdog.with(canceller, || embedder.run(run)))
        });
        match result {
            Ok(vectors) => {
                for (index, vector) in run.texts.iter().zip(vectors) {
                    answers[*index] = Answer::Vector(vector);
                    quarantine.forget(keys[*index]);
                }
            }
            Err(EmbedError::Cancelled) if is_late => {
                for index in &run.texts {
                    if let Some(cause) = quarantine.hold_against(keys[*index], Cause::Timeout) {
                        answers[*index] = Answer::Refused(cause.reason().to_owned());
                    }
                }
            }
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }
}
