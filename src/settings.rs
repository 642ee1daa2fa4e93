//! Every setting: a private static with the why, one `init()`, one typed getter each.

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};
use schema::{Exclusion, Impact, Mask};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::pg::encoding::utf8;
use crate::pg::process::{library_directory, share_directory};

/// A switch for the worst day: capture stops at once, and what was missed is found by comparing when it
/// is on again.
static ENABLED: GucSetting<bool> = GucSetting::<bool>::new(true);

/// Staging areas and partitions by the thousand are noise to whoever searches.
static EXCLUDE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

/// What a salary is called is not for everybody who may read the table, nor for a prompt.
static MASK: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

/// Most common values are data of people: which of them may be told to whoever may read the column anyway is a decision.
static VALUE_COLUMNS: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

/// What triggers cannot see (replica-role sessions, restores) is found by comparing everything.
static CHECK_INTERVAL: GucSetting<i32> = GucSetting::<i32>::new(600);

/// Monitors come out of max_worker_processes, which parallel queries need, too.
static MAX_WORKERS: GucSetting<i32> = GucSetting::<i32>::new(2);

/// Long enough to ask "what happened last quarter", short enough not to grow for ever.
static EVENT_RETENTION: GucSetting<i32> = GucSetting::<i32>::new(90);

/// History is small beside what it describes, and asked about years later; who must forget says so.
static VERSION_RETENTION: GucSetting<i32> = GucSetting::<i32>::new(0);

/// One model for the whole cluster: it is too large to be held more than once.
static MODEL: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"all-MiniLM-L6-v2"));

/// Where packages put the library differs; beside ours is where `make install` puts it.
static ONNXRUNTIME_LIBRARY: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

/// Inference competes with queries for processors: half of them and at most four unless told otherwise.
static EMBEDDER_THREADS: GucSetting<i32> = GucSetting::<i32>::new(0);

/// The embedder must never be what the operating system kills a server for. The largest model of the catalogue fits.
static EMBEDDER_MEMORY_LIMIT: GucSetting<i32> = GucSetting::<i32>::new(4_096);

/// A text that makes the model run for ever must not keep every other waiting.
static EMBEDDER_RUN_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(30_000);

/// A search that cannot have its vector in time answers by words instead of waiting.
static EMBEDDER_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(5_000);

/// Holding the model costs a session hundreds of megabytes, so it must be wanted.
static EMBED_IN_SESSION: GucSetting<bool> = GucSetting::<bool>::new(false);

/// Comparing all vectors is exact and, up to some thousands of rows, as fast as the index.
static EXACT_SEARCH_ROWS: GucSetting<i32> = GucSetting::<i32>::new(4_000);

/// What is taught again and again is believed more, but a slip is not believed at once.
static LEARNING_STEP: GucSetting<f64> = GucSetting::<f64>::new(0.05);

/// A last word for terms that nothing in the schema is called by, where nobody may teach.
static STATIC_TERMS: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

/// The least impact of a version that listeners are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PostgresGucEnum)]
enum NotifyImpact {
    #[name = c"low"]
    Low,
    #[name = c"medium"]
    Medium,
    #[name = c"high"]
    High,
    #[name = c"breaking"]
    Breaking,
}

/// Who pages somebody at night wants to hear of what breaks, who refreshes a cache of everything.
static NOTIFY_IMPACT: GucSetting<NotifyImpact> = GucSetting::<NotifyImpact>::new(NotifyImpact::Low);

/// Defines the settings; for `_PG_init`.
pub fn init() {
    GucRegistry::define_bool_guc(
        c"schema_monitor.enabled",
        c"Captures schema changes.",
        c"While off, nothing is captured; the next comparison reads everything.",
        &ENABLED,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_string_guc(
        c"schema_monitor.exclude",
        c"Leaves schemas and objects out of the picture.",
        c"A comma-separated list of patterns \"schema\" or \"schema.name\", with * and ?.",
        &EXCLUDE,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_string_guc(
        c"schema_monitor.mask",
        c"Hides columns from search and contexts of whoever does not manage the extension.",
        c"A comma-separated list of patterns \"column\", \"table.column\" or \"schema.table.column\", with * and ?.",
        &MASK,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_string_guc(
        c"schema_monitor.value_columns",
        c"Columns whose most common values, as ANALYZE stored them, are words that find the column.",
        c"A comma-separated list of patterns \"column\", \"table.column\" or \"schema.table.column\", with * and ?; never of tables with row-level security.",
        &VALUE_COLUMNS,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"schema_monitor.check_interval",
        c"Time between comparisons of everything.",
        c"They find what event triggers cannot see. 0 turns them off.",
        &CHECK_INTERVAL,
        0,
        86_400 * 7,
        GucContext::Sighup,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_int_guc(
        c"schema_monitor.max_workers",
        c"Monitors that may run at the same time, each in a database.",
        c"They come out of max_worker_processes and leave after a second without work.",
        &MAX_WORKERS,
        1,
        64,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"schema_monitor.event_retention",
        c"Days for which captured events are kept.",
        c"0 keeps them for ever.",
        &EVENT_RETENTION,
        0,
        36_500,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"schema_monitor.version_retention",
        c"Days for which versions and their changes are kept.",
        c"The version that stands is always kept. 0 keeps all for ever.",
        &VERSION_RETENTION,
        0,
        36_500,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_string_guc(
        c"schema_monitor.model",
        c"The embedding model.",
        c"A name under the server's share directory (schema_monitor/models), or the absolute path of a directory.",
        &MODEL,
        GucContext::Sighup,
        GucFlags::SUPERUSER_ONLY,
    );
    GucRegistry::define_string_guc(
        c"schema_monitor.onnxruntime_library",
        c"The ONNX Runtime library.",
        c"Empty for libonnxruntime.so.1 in the server's library directory.",
        &ONNXRUNTIME_LIBRARY,
        GucContext::Sighup,
        GucFlags::SUPERUSER_ONLY,
    );
    GucRegistry::define_int_guc(
        c"schema_monitor.embedder_threads",
        c"Threads of one inference.",
        c"0 takes half of the processors and at most four. Takes effect when the embedder starts.",
        &EMBEDDER_THREADS,
        0,
        256,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"schema_monitor.embedder_memory_limit",
        c"Memory the embedder may use.",
        c"A model that does not fit is refused. 0 sets no limit. Takes effect when the embedder starts.",
        &EMBEDDER_MEMORY_LIMIT,
        0,
        i32::MAX,
        GucContext::Sighup,
        GucFlags::UNIT_MB,
    );
    GucRegistry::define_int_guc(
        c"schema_monitor.embedder_run_timeout",
        c"Time one inference may take.",
        c"A text that takes longer three times is left out. Takes effect when the embedder starts.",
        &EMBEDDER_RUN_TIMEOUT,
        1,
        3_600_000,
        GucContext::Sighup,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_int_guc(
        c"schema_monitor.embedder_timeout",
        c"Time a session waits for the embedder.",
        c"search() then answers by words alone; embed_query() and embed_passage() fail.",
        &EMBEDDER_TIMEOUT,
        1,
        3_600_000,
        GucContext::Userset,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_bool_guc(
        c"schema_monitor.embed_in_session",
        c"Loads the model into the session when no embedder runs.",
        c"For servers where the library cannot be preloaded. Costs the session the memory of the model.",
        &EMBED_IN_SESSION,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"schema_monitor.exact_search_rows",
        c"Rows up to which search() compares every vector instead of using the HNSW index.",
        c"Exact answers cost time in proportion to the rows.",
        &EXACT_SEARCH_ROWS,
        0,
        i32::MAX,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_float_guc(
        c"schema_monitor.learning_step",
        c"What a business term gains in confidence each time it is taught again.",
        c"Confidence never passes 1.",
        &LEARNING_STEP,
        0.0,
        1.0,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_string_guc(
        c"schema_monitor.static_terms",
        c"What business terms stand for where nothing else is known of them.",
        c"A JSON object of terms with tables, columns or expressions.",
        &STATIC_TERMS,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"schema_monitor.notify_impact",
        c"Least impact of a version that is announced on the channel schema_changed.",
        c"Versions of less impact are recorded, and announced as searchable, all the same.",
        &NOTIFY_IMPACT,
        GucContext::Sighup,
        GucFlags::default(),
    );
}

/// Whether schema changes are captured.
pub fn enabled() -> bool {
    ENABLED.get()
}

/// What is left out; an error when the patterns cannot be read.
pub fn exclusion() -> Result<Exclusion> {
    Ok(Exclusion::parse(&text(&EXCLUDE))?)
}

/// The setting `mask` as it is written.
pub fn mask_text() -> String {
    text(&MASK)
}

/// Columns that are hidden from whoever does not manage the extension.
pub fn mask() -> Result<Mask> {
    columns("schema_monitor.mask", &mask_text())
}

/// Columns whose most common values are words.
pub fn value_columns() -> Result<Mask> {
    columns("schema_monitor.value_columns", &text(&VALUE_COLUMNS))
}

fn columns(name: &'static str, list: &str) -> Result<Mask> {
    Mask::parse(list).map_err(|entry| Error::Setting {
        name,
        reason: format!("\"{entry}\" is neither \"column\" nor \"table.column\" nor \"schema.table.column\"."),
    })
}

/// Microseconds between comparisons of everything; `None` for never.
pub fn check_interval() -> Option<i64> {
    let seconds = CHECK_INTERVAL.get();
    (seconds > 0).then(|| i64::from(seconds) * crate::pg::time::SECOND)
}

/// Monitors that may run at the same time.
pub fn max_workers() -> usize {
    MAX_WORKERS.get().max(1) as usize
}

/// Days for which events are kept; `None` for ever.
pub fn event_retention() -> Option<i32> {
    let days = EVENT_RETENTION.get();
    (days > 0).then_some(days)
}

/// Days for which versions are kept; `None` for ever.
pub fn version_retention() -> Option<i32> {
    let days = VERSION_RETENTION.get();
    (days > 0).then_some(days)
}

/// The directory of the model.
pub fn model_directory() -> PathBuf {
    let model = text(&MODEL);
    if Path::new(&model).is_absolute() {
        PathBuf::from(model)
    } else {
        share_directory().join("schema_monitor/models").join(model)
    }
}

/// The ONNX Runtime library.
pub fn onnxruntime_library() -> PathBuf {
    let library = text(&ONNXRUNTIME_LIBRARY);
    if library.is_empty() {
        library_directory().join("libonnxruntime.so.1")
    } else {
        PathBuf::from(library)
    }
}

/// Threads of one inference.
pub fn embedder_threads() -> usize {
    match EMBEDDER_THREADS.get() {
        0 => std::thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).clamp(1, 4)),
        threads => threads as usize,
    }
}

/// Bytes of memory the embedder may use; `None` for any number.
pub fn embedder_memory_limit() -> Option<u64> {
    let megabytes = EMBEDDER_MEMORY_LIMIT.get();
    (megabytes > 0).then_some((megabytes as u64) << 20)
}

/// Milliseconds one inference may take.
pub fn embedder_run_timeout() -> i32 {
    EMBEDDER_RUN_TIMEOUT.get()
}

/// Milliseconds a session waits for the embedder.
pub fn embedder_timeout() -> i32 {
    EMBEDDER_TIMEOUT.get()
}

/// Whether a session may load the model itself.
pub fn embed_in_session() -> bool {
    EMBED_IN_SESSION.get()
}

/// Rows up to which every vector is compared.
pub fn exact_search_rows() -> i64 {
    i64::from(EXACT_SEARCH_ROWS.get())
}

/// What a term gains each time it is taught again.
pub fn learning_step() -> f64 {
    LEARNING_STEP.get()
}

/// Terms with what they stand for where nothing else is known.
pub fn static_terms() -> Result<BTreeMap<String, String>> {
    let text = text(&STATIC_TERMS);
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    serde_json::from_str(&text).map_err(|error| Error::Setting {
        name: "schema_monitor.static_terms",
        reason: format!("It is no JSON object of terms with texts: {error}."),
    })
}

/// The least impact of a version that listeners are told of.
pub fn notify_impact() -> Impact {
    match NOTIFY_IMPACT.get() {
        NotifyImpact::Low => Impact::Low,
        NotifyImpact::Medium => Impact::Medium,
        NotifyImpact::High => Impact::High,
        NotifyImpact::Breaking => Impact::Breaking,
    }
}

fn text(setting: &GucSetting<Option<CString>>) -> String {
    setting.get().map_or_else(String::new, |value| utf8(value.as_bytes()))
}
