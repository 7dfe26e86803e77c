//! Why settings cannot be read or changed.

use std::path::PathBuf;

use weir_core::protocol::ErrorCode;

use super::MAX_JOBS_AT_ONCE;
use crate::error::Coded;
use crate::output_path::{SubfolderError, TemplateError};

/// Why settings cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// No home folder.
    #[error("no home folder is known: set HOME")]
    NoHome,
    /// The file is no TOML.
    #[error("{}: line {line}, column {column}: {message}; correct or delete the file", .path.display())]
    Syntax {
        /// The settings file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// 1-based, in characters.
        column: usize,
        /// What the TOML reader says.
        message: String,
    },
    /// A key holds a value of another type.
    #[error("{key}: expected {expected}")]
    Type {
        /// The key.
        key: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// Concurrency out of its range.
    #[error("concurrency {0}: it is 1 to 64")]
    Concurrency(i64),
    /// Jobs at once out of their range.
    #[error("jobs at once {0}: it is 1 to {MAX_JOBS_AT_ONCE}")]
    JobsAtOnce(i64),
    /// A speed below 0.
    #[error("limit rate {0}: it is bytes per second, 0 for no limit")]
    LimitRate(i64),
    /// The template of file names is none.
    #[error(transparent)]
    NameTemplate(#[from] TemplateError),
    /// A folder in the output folder that is none.
    #[error(transparent)]
    Subfolder(#[from] SubfolderError),
    /// The output folder is relative, missing, or no folder.
    #[error("choose a folder: {} {problem}", .path.display())]
    Folder {
        /// As it was given.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file cannot be read or written.
    #[error("cannot {action} {}: {source}", .path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Coded for SettingsError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Folder { .. } => ErrorCode::OutputFolder,
            Self::File { .. } => ErrorCode::File,
            Self::NoHome
            | Self::Syntax { .. }
            | Self::Type { .. }
            | Self::Concurrency(_)
            | Self::JobsAtOnce(_)
            | Self::LimitRate(_)
            | Self::NameTemplate(_)
            | Self::Subfolder(_) => ErrorCode::BadSettings,
        }
    }
}
