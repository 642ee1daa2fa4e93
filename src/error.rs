//! Every error of the extension, and the only place where one becomes SQLSTATE, detail and hint.

use crate::pg::ErrorReport;
use embed::EmbedError;
use pgrx::PgSqlErrorCode;

/// The result of everything that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// PostgreSQL raised an error that was caught; it is raised again as it was.
    #[error("{message}")]
    Postgres {
        /// Its SQLSTATE.
        code: PgSqlErrorCode,
        /// Its primary message.
        message: String,
        /// Its detail.
        detail: Option<String>,
        /// Its hint.
        hint: Option<String>,
    },
    /// A row or a stored definition is not what it must be.
    #[error("unexpected content in {place}: {reason}")]
    Content {
        /// The query or table.
        place: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The catalog went on changing while it was read.
    #[error("the schema kept changing while it was read")]
    Unsettled,
    /// `check()` needs a transaction of its own.
    #[error("check() cannot run in a transaction that {0}")]
    TransactionInUse(&'static str),
    /// Something that writes was called where nothing can be written.
    #[error("{0} cannot run during recovery or in a read-only transaction")]
    ReadOnly(&'static str),
    /// The background monitor did not answer.
    #[error("the monitor of this database could not finish the comparison")]
    Monitor(String),
    /// The database has the SQL of another version than this library serves.
    #[error("schema_monitor {0} is installed in this database, and the library is of version {VERSION}", VERSION = env!("CARGO_PKG_VERSION"))]
    SqlVersion(String),
    /// There is no such version.
    #[error("schema version {version} does not exist")]
    NoVersion {
        /// The version that was asked for.
        version: i64,
        /// The oldest that is kept.
        oldest: i64,
        /// The one that stands.
        newest: i64,
    },
    /// An argument is not what it must be.
    #[error("the argument is not {what}")]
    Argument {
        /// What it must be.
        what: &'static str,
        /// Why it is not.
        reason: String,
    },
    /// There is no such relation, or none that the caller may see.
    #[error("relation \"{name}\" does not exist")]
    NoRelation {
        /// The name that was asked for.
        name: String,
        /// Relations that may have been meant.
        offered: Vec<String>,
    },
    /// Nothing connects the relations.
    #[error("no joins connect the relations")]
    NoJoinPath {
        /// Those that are connected among themselves.
        groups: Vec<String>,
    },
    /// A migration is not run unless that is said.
    #[error("apply_migration() changes the schema only with confirm => true")]
    NotConfirmed,
    /// A migration cannot be applied.
    #[error("the migration cannot be applied: {what}")]
    Migration {
        /// Why not.
        what: String,
        /// What is known beyond that.
        detail: String,
    },
    /// A statement of a migration failed.
    #[error("{error}")]
    MigrationStatement {
        /// What PostgreSQL said.
        error: Box<Error>,
        /// The statement and its place among the others.
        statement: String,
    },
    /// A line of a file is wrong.
    #[error("line {number}: {error}")]
    Line {
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        error: Box<Error>,
    },
    /// A setting cannot be read.
    #[error("invalid value for parameter \"{name}\"")]
    Setting {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A pattern setting cannot be read.
    #[error("invalid value for parameter \"schema_monitor.exclude\"")]
    Pattern(#[from] schema::PatternError),
    /// There is no object of that identity to be fingerprinted.
    #[error("relation with OID {0} is not part of the recorded schema")]
    NotRecorded(u32),
    /// The model or its library.
    #[error("{0}")]
    Embed(#[from] EmbedError),
    /// The embedder process cannot be reached or refused.
    #[error("no embedding can be computed: {0}")]
    Embedder(String),
    /// The embedder took too long.
    #[error("the embedder did not answer within {0} ms")]
    EmbedderTimeout(i32),
}

impl Error {
    /// Whether the statement was cancelled or the session is being ended: never to be swallowed.
    pub fn is_interrupt(&self) -> bool {
        use PgSqlErrorCode::{
            ERRCODE_ADMIN_SHUTDOWN, ERRCODE_CANNOT_CONNECT_NOW, ERRCODE_CRASH_SHUTDOWN, ERRCODE_DATABASE_DROPPED,
            ERRCODE_QUERY_CANCELED,
        };
        matches!(
            self,
            Error::Postgres {
                code: ERRCODE_QUERY_CANCELED
                    | ERRCODE_ADMIN_SHUTDOWN
                    | ERRCODE_CRASH_SHUTDOWN
                    | ERRCODE_CANNOT_CONNECT_NOW
                    | ERRCODE_DATABASE_DROPPED,
                ..
            }
        )
    }

    /// Whether another attempt may succeed: a lock held by somebody, or an object that went away while it
    /// was read.
    pub fn is_transient(&self) -> bool {
        use PgSqlErrorCode as Code;
        match self {
            Error::Unsettled => true,
            Error::Postgres { code, .. } => matches!(
                code,
                Code::ERRCODE_LOCK_NOT_AVAILABLE
                    | Code::ERRCODE_T_R_DEADLOCK_DETECTED
                    | Code::ERRCODE_T_R_SERIALIZATION_FAILURE
                    | Code::ERRCODE_UNDEFINED_TABLE
                    | Code::ERRCODE_UNDEFINED_COLUMN
                    | Code::ERRCODE_UNDEFINED_OBJECT
                    | Code::ERRCODE_UNDEFINED_FUNCTION
                    | Code::ERRCODE_INVALID_SCHEMA_NAME
                    // "cache lookup failed": what elog(ERROR) gives
                    | Code::ERRCODE_INTERNAL_ERROR
            ),
            _ => false,
        }
    }

    /// Its five characters.
    pub fn sqlstate(&self) -> String {
        // Six bits a character, the first one lowest (MAKE_SQLSTATE of utils/elog.h).
        let code = self.code() as i32;
        (0..5)
            .map(|at| char::from(((code >> (6 * at)) & 0x3F) as u8 + b'0'))
            .collect()
    }

    fn code(&self) -> PgSqlErrorCode {
        use PgSqlErrorCode as Code;
        match self {
            Error::Postgres { code, .. } => *code,
            Error::MigrationStatement { error, .. } | Error::Line { error, .. } => error.code(),
            Error::Setting { .. } => Code::ERRCODE_INVALID_PARAMETER_VALUE,
            Error::Migration { .. } => Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Error::Content { .. } => Code::ERRCODE_DATA_CORRUPTED,
            Error::Unsettled => Code::ERRCODE_T_R_SERIALIZATION_FAILURE,
            Error::TransactionInUse(_) => Code::ERRCODE_ACTIVE_SQL_TRANSACTION,
            Error::ReadOnly(_) => Code::ERRCODE_READ_ONLY_SQL_TRANSACTION,
            Error::Monitor(_) | Error::Embedder(_) => Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Error::SqlVersion(_) => Code::ERRCODE_FEATURE_NOT_SUPPORTED,
            Error::NoVersion { .. } | Error::Argument { .. } | Error::NotConfirmed => {
                Code::ERRCODE_INVALID_PARAMETER_VALUE
            }
            Error::Pattern(_) => Code::ERRCODE_INVALID_PARAMETER_VALUE,
            Error::NoRelation { .. } => Code::ERRCODE_UNDEFINED_TABLE,
            Error::NoJoinPath { .. } => Code::ERRCODE_NO_DATA_FOUND,
            Error::NotRecorded(_) => Code::ERRCODE_UNDEFINED_OBJECT,
            Error::EmbedderTimeout(_) => Code::ERRCODE_QUERY_CANCELED,
            Error::Embed(error) => match error {
                EmbedError::NoDirectory(_) | EmbedError::MissingFile(_) | EmbedError::NoRuntime { .. } => {
                    Code::ERRCODE_UNDEFINED_FILE
                }
                EmbedError::BadFile { .. } | EmbedError::NoPrefixes(_) => Code::ERRCODE_CONFIG_FILE_ERROR,
                EmbedError::TooLarge { .. } => Code::ERRCODE_OUT_OF_MEMORY,
                EmbedError::Cancelled => Code::ERRCODE_QUERY_CANCELED,
                _ => Code::ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
            },
        }
    }

    /// What is known beyond the message.
    pub fn detail(&self) -> Option<String> {
        match self {
            Error::Postgres { detail, .. } => detail.clone(),
            Error::MigrationStatement { statement, .. } => Some(statement.clone()),
            Error::Migration { detail, .. } => Some(detail.clone()).filter(|detail| !detail.is_empty()),
            Error::Line { error, .. } => error.detail(),
            Error::Monitor(reason) | Error::Argument { reason, .. } | Error::Setting { reason, .. } => {
                Some(reason.clone())
            }
            Error::NoVersion { oldest, newest, .. } => Some(format!("Versions {oldest} to {newest} are kept.")),
            Error::Pattern(error) => Some(format!("{error}.")),
            Error::NoJoinPath { groups } => Some(format!("Apart from each other are: {}.", groups.join("; "))),
            _ => None,
        }
    }

    /// What to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Postgres { hint, .. } => return hint.clone(),
            Error::MigrationStatement { error, .. } | Error::Line { error, .. } => return error.hint(),
            Error::NoRelation { offered, .. } => {
                return (!offered.is_empty()).then(|| format!("Perhaps you meant {}.", offered.join(" or ")));
            }
            Error::NoJoinPath { .. } => {
                "Name a relation that lies between them, or declare foreign keys; names alone suggest none."
            }
            Error::NotConfirmed => "Look at the statements with schema_monitor.migration() first.",
            Error::Migration { .. } => "Look at the statements with schema_monitor.migration(); nothing was changed.",
            Error::Unsettled => "Call it again when the migration that is running has finished.",
            Error::TransactionInUse(_) => "Commit first, or call it outside a transaction block.",
            Error::ReadOnly(_) => "Call it on the primary, in a transaction that may write.",
            Error::Monitor(_) => "See schema_monitor.status() and the server log.",
            Error::SqlVersion(_) => {
                "Run ALTER EXTENSION schema_monitor UPDATE, or install the library of that version and restart the server."
            }
            Error::NotRecorded(_) => "System relations, temporary relations and excluded ones are left out.",
            Error::Embedder(_) => {
                "Add schema_monitor to shared_preload_libraries and restart the server, or set schema_monitor.embed_in_session to on."
            }
            Error::EmbedderTimeout(_) => "See schema_monitor.embedder_timeout and schema_monitor.status().",
            Error::Embed(EmbedError::NoPrefixes(_)) => {
                "Put a schema_monitor.json with query_prefix, passage_prefix, pooling and max_tokens beside the model; \"make model\" writes it."
            }
            Error::Embed(EmbedError::NoDirectory(_) | EmbedError::MissingFile(_)) => {
                "Set schema_monitor.model to a model under the server's share directory or to the absolute path of a model directory."
            }
            Error::Embed(EmbedError::TooLarge { .. }) => "See schema_monitor.embedder_memory_limit.",
            Error::Embed(EmbedError::NoRuntime { .. }) => {
                "Set schema_monitor.onnxruntime_library to the absolute path of libonnxruntime.so."
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl From<Error> for ErrorReport {
    fn from(error: Error) -> ErrorReport {
        let mut report = ErrorReport::new(error.code(), error.to_string(), "schema_monitor");
        if let Some(detail) = error.detail() {
            report = report.set_detail(detail);
        }
        if let Some(hint) = error.hint() {
            report = report.set_hint(hint);
        }
        report
    }
}
