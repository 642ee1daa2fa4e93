//! What the processes of one cluster tell each other: a fixed block of shared memory under one lock.
//!
//! There is one entry for each database that has been looked at. Sections under the lock are short and
//! neither allocate nor fail. Without `shared_preload_libraries` the block does not exist, and every
//! function here gives `None` or does nothing.

use pgrx::prelude::*;
use pgrx::{PGRXSharedMemory, PgLwLock, pg_shmem_init};
use std::sync::atomic::{AtomicBool, Ordering};

/// Databases one cluster can have under watch; one more is looked at only by `check()`.
pub const MAX_DATABASES: usize = 512;

/// A short text in shared memory.
#[derive(Clone, Copy)]
pub struct Text<const N: usize> {
    length: u16,
    bytes: [u8; N],
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Text {
            length: 0,
            bytes: [0; N],
        }
    }
}

impl<const N: usize> Text<N> {
    /// Keeps as much of `text` as fits.
    pub fn set(&mut self, text: &str) {
        let end = text.floor_char_boundary(N);
        self.bytes[..end].copy_from_slice(&text.as_bytes()[..end]);
        self.length = end as u16;
    }

    /// The text; `None` when empty.
    pub fn get(&self) -> Option<String> {
        (self.length > 0).then(|| String::from_utf8_lossy(&self.bytes[..self.length as usize]).into_owned())
    }
}

/// Whether a database has the extension.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Probe {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// It has not.
    Absent,
    /// It has.
    Present,
}

/// What is to be done in a database.
#[derive(Clone, Copy, Default)]
pub struct Work {
    /// Something: DDL was committed, or somebody asked.
    pub pending: bool,
    /// Events may be missing: everything must be compared.
    pub gap: bool,
    /// Compare everything and embed everything again.
    pub force: bool,
}

impl Work {
    /// What is left when some more comes.
    pub fn and(self, more: Work) -> Work {
        Work {
            pending: self.pending | more.pending,
            gap: self.gap | more.gap,
            force: self.force | more.force,
        }
    }
}

/// One database.
#[derive(Clone, Copy, Default)]
pub struct Database {
    /// Its OID; 0 for a free entry.
    pub oid: u32,
    /// Whether it has the extension.
    pub probe: Probe,
    /// What nobody has begun yet.
    pub work: Work,
    /// What its monitor has begun and not finished: to be done again when the monitor is ended in the middle of it.
    pub begun: Work,
    /// Its monitor's process; 0 when there is none.
    pub monitor: i32,
    /// A monitor was asked for and has not come up yet, since this time.
    pub starting_since: i64,
    /// Commits that changed the schema.
    pub commits: u64,
    /// Comparisons asked for by `check()`.
    pub requested: u64,
    /// The last one of them that is done.
    pub completed: u64,
    /// Failures in a row.
    pub failures: u32,
    /// Not before this time.
    pub retry_at: i64,
    /// Last commit that changed the schema.
    pub last_event: i64,
    /// Last comparison.
    pub last_check: i64,
    /// Last comparison of everything.
    pub reconciled_at: i64,
    /// SHA-256 of the model its vectors are of; zeros while nobody has looked.
    pub model: [u8; 32],
    /// Why the last attempt failed.
    pub error: Text<240>,
}

/// What the embedder is doing.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum EmbedderState {
    /// It is not running.
    #[default]
    Down,
    /// It reads and loads the model.
    Loading,
    /// It answers.
    Ready,
    /// The model cannot be used; see the error.
    Failed,
}

/// The embedder.
#[derive(Clone, Copy, Default)]
pub struct Embedder {
    /// Its process; 0 when there is none.
    pub pid: i32,
    /// How it is with the configured model.
    pub state: EmbedderState,
    /// SHA-256 of that model's files.
    pub model: [u8; 32],
    /// Length of the vectors.
    pub dimensions: u32,
    /// The model's name.
    pub name: Text<64>,
    /// Why the model cannot be used.
    pub error: Text<400>,
    /// The model before, which answers until every database has changed; zeros for none.
    pub previous: [u8; 32],
}

impl Embedder {
    /// Whether a model answers.
    pub fn answers(&self, model: [u8; 32]) -> bool {
        model != [0; 32] && (self.state == EmbedderState::Ready && self.model == model || self.previous == model)
    }
}

/// The block.
#[derive(Clone, Copy)]
pub struct Block {
    /// The launcher's process; 0 when there is none.
    pub launcher: i32,
    /// The embedder.
    pub embedder: Embedder,
    /// The databases.
    pub databases: [Database; MAX_DATABASES],
}

impl Default for Block {
    fn default() -> Self {
        Block {
            launcher: 0,
            embedder: Embedder::default(),
            databases: [Database::default(); MAX_DATABASES],
        }
    }
}

// SAFETY: plain data without pointers, the same in every process.
unsafe impl PGRXSharedMemory for Block {}

// SAFETY: the name is used nowhere else.
static BLOCK: PgLwLock<Block> = unsafe { PgLwLock::new(c"schema_monitor") };

static IS_PRELOADED: AtomicBool = AtomicBool::new(false);

/// Reserves the block; for `_PG_init` under shared_preload_libraries only.
pub fn request() {
    pg_shmem_init!(BLOCK);
    IS_PRELOADED.store(true, Ordering::Relaxed);
}

/// Whether the library was loaded at server start.
pub fn is_preloaded() -> bool {
    IS_PRELOADED.load(Ordering::Relaxed)
}

/// Reads or changes the block.
pub fn with<R>(body: impl FnOnce(&mut Block) -> R) -> Option<R> {
    is_preloaded().then(|| body(&mut BLOCK.exclusive()))
}

/// Reads or changes the entry of a database, made if there is none. `None` also when the block is full.
pub fn with_database<R>(oid: u32, body: impl FnOnce(&mut Database) -> R) -> Option<R> {
    with(|block| {
        let free_or_its = |databases: &[Database]| {
            let its = databases.iter().position(|database| database.oid == oid);
            its.or_else(|| databases.iter().position(|database| database.oid == 0))
        };
        let at = free_or_its(&block.databases)?;
        block.databases[at].oid = oid;
        Some(body(&mut block.databases[at]))
    })?
}

/// A copy of the embedder's entry.
pub fn embedder() -> Option<Embedder> {
    with(|block| block.embedder)
}
