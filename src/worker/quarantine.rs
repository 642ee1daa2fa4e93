//! Which texts and models must not be run again: a crash of the embedder restarts the whole cluster, so what crashed
//! it must not do so twice.
//!
//! Before each run the embedder notes in a file what it is about to run. When it comes up again it finds there what
//! was running when it died. A fault is held against that at once; a kill, which may have been meant for anybody, and
//! a run that takes too long, at the third time; the end of the server, or the crash of another process, never. Whatever runs well is forgotten. Texts are known by 64 bits of their
//! hash; nothing of them is stored.

use embed::Purpose;
use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use crate::pg::{mapped, thread};
use embed::protocol::{MAX_TEXTS, ModelHash};

/// Where the file lies: where base backups do not look.
pub const PATH: &str = "pg_stat_tmp/schema_monitor.quarantine";

/// Kills and time-outs after which something is not tried again.
const PATIENCE: u64 = 3;

// The file, in words.
const FORMAT: usize = 0;
const FAULT: usize = 1;
const LOADING: usize = 2;
const RUNNING: usize = 3;
const ENTRIES: usize = RUNNING + MAX_TEXTS;
const MAX_ENTRIES: usize = 1_000;
const OLDEST: usize = ENTRIES + 2 * MAX_ENTRIES;
const WORDS: usize = OLDEST + 1;

/// What the first word says of a file in this format.
const THIS_FORMAT: u64 = u64::from_le_bytes(*b"smquar01");

/// An entry's second word counts each cause in a byte of its own.
const CAUSES: [(Cause, u64); 3] = [(Cause::Fault, 1), (Cause::Kill, PATIENCE), (Cause::Timeout, PATIENCE)];

/// Why something is not run any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It crashed the embedder.
    Fault,
    /// The embedder was killed while it ran, again and again.
    Kill,
    /// It took too long, again and again.
    Timeout,
}

impl Cause {
    /// In words.
    pub fn reason(self) -> &'static str {
        match self {
            Cause::Fault => "it crashed the embedder",
            Cause::Kill => "the embedder was killed three times while it ran",
            Cause::Timeout => "it took too long three times",
        }
    }

    fn shift(self) -> u32 {
        8 * self as u32
    }
}

/// The file. Used by the embedder's threads; it never calls PostgreSQL.
#[derive(Clone, Copy)]
pub struct Quarantine {
    words: &'static [AtomicU64; WORDS],
}

/// Stands for a text, or a model being loaded, in the file.
pub type Key = u64;

/// The key of a text as a model is given it.
pub fn key_of_text(model: &ModelHash, purpose: Purpose, text: &str) -> Key {
    let purpose: &[u8] = if purpose == Purpose::Query {
        b"query"
    } else {
        b"passage"
    };
    key(&[model, purpose, text.as_bytes()])
}

/// The key of a model that is being loaded.
pub fn key_of_load(model: &ModelHash) -> Key {
    key(&[model, b"load"])
}

fn key(parts: &[&[u8]]) -> Key {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let digest: [u8; 32] = digest.finalize().into();
    let (words, _) = digest.as_chunks::<8>();
    u64::from_le_bytes(words[0]) | 1 // 0 is nobody's
}

impl Quarantine {
    /// Opens the file and holds against what was running when the process before died; gives how many are left out
    /// from now on because of that. Faults of this process are noted from here on.
    pub fn open(path: &Path) -> io::Result<(Quarantine, usize)> {
        let words: &'static [AtomicU64; WORDS] = mapped::map(path)?;
        if words[FORMAT].load(SeqCst) != THIS_FORMAT {
            words.iter().for_each(|word| word.store(0, SeqCst));
            words[FORMAT].store(THIS_FORMAT, SeqCst);
        }
        let quarantine = Quarantine { words };
        let cause = match words[FAULT].swap(0, SeqCst) {
            thread::UNMARKED => Some(Cause::Kill),
            thread::FAULT => Some(Cause::Fault),
            _ => None,
        };
        let mut left_out = 0;
        for (at, word) in words.iter().enumerate().take(ENTRIES).skip(LOADING) {
            let key = word.swap(0, SeqCst);
            // Without its model nothing is embedded at all: a kill is never held against that.
            let cause = cause.filter(|cause| key != 0 && (at != LOADING || *cause == Cause::Fault));
            let verdict = cause.and_then(|cause| quarantine.hold_against(key, cause));
            left_out += usize::from(verdict.is_some());
        }
        thread::note_faults(&words[FAULT]);
        Ok((quarantine, left_out))
    }

    /// Runs what the keys stand for, noting them while it runs.
    pub fn run<R>(&self, keys: &[Key], body: impl FnOnce() -> R) -> R {
        self.noting(RUNNING, keys, body)
    }

    /// Loads the model the key stands for, noting it meanwhile.
    pub fn load<R>(&self, key: Key, body: impl FnOnce() -> R) -> R {
        self.noting(LOADING, &[key], body)
    }

    fn noting<R>(&self, at: usize, keys: &[Key], body: impl FnOnce() -> R) -> R {
        let places = || self.words[at..ENTRIES].iter().zip(keys);
        places().for_each(|(word, key)| word.store(*key, SeqCst));
        let result = body();
        places().for_each(|(word, _)| word.store(0, SeqCst));
        result
    }

    /// Why it must not be run; `None` when it may.
    pub fn verdict(&self, key: Key) -> Option<Cause> {
        let counts = self.entry(key).map_or(0, |at| self.words[at + 1].load(SeqCst));
        CAUSES
            .into_iter()
            .find(|(cause, patience)| counts >> cause.shift() & 0xff >= *patience)
            .map(|(cause, _)| cause)
    }

    /// Whether something is held against it: then it had better run alone.
    pub fn is_suspect(&self, key: Key) -> bool {
        self.entry(key).is_some()
    }

    /// Counts against it; gives the cause when that makes it left out.
    pub fn hold_against(&self, key: Key, cause: Cause) -> Option<Cause> {
        let at = self.entry(key).unwrap_or_else(|| self.new_entry(key));
        self.words[at + 1].fetch_add(1 << cause.shift(), SeqCst);
        self.verdict(key)
    }

    /// It ran well: nothing is held against it any more.
    pub fn forget(&self, key: Key) {
        if let Some(at) = self.entry(key) {
            self.words[at + 1].store(0, SeqCst);
            self.words[at].store(0, SeqCst);
        }
    }

    fn entry(&self, key: Key) -> Option<usize> {
        (ENTRIES..OLDEST)
            .step_by(2)
            .find(|at| self.words[*at].load(SeqCst) == key)
    }

    /// A free place, or that of the oldest entry.
    fn new_entry(&self, key: Key) -> usize {
        let at = self.entry(0).unwrap_or_else(|| {
            let oldest = self.words[OLDEST].fetch_add(1, SeqCst) as usize % MAX_ENTRIES;
            ENTRIES + 2 * oldest
        });
        self.words[at + 1].store(0, SeqCst);
        self.words[at].store(key, SeqCst);
        at
    }
}
