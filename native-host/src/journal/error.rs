//! Why the journal does not help.

use std::io;
use std::path::{Path, PathBuf};

use weir_core::protocol::ErrorCode;

use super::Number;
use crate::error::Coded;

/// Why the journal does not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// No home folder.
    #[error("no home folder is known: set HOME")]
    NoHome,
    /// A file beside the journal.
    #[error("the journal: {}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What SQLite says.
    #[error("the journal cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Written by a version that knows more.
    #[error("the journal is of a newer Weir (its version is {found}, this one knows {known}): update Weir")]
    Newer {
        /// Of the file.
        found: i64,
        /// Of this program.
        known: i64,
    },
    /// No such job.
    #[error("there is no capture {0}: `weir jobs` lists them")]
    Unknown(Number),
    /// Another process is at it.
    #[error("capture {0} is already running: `weir jobs` shows how far it is")]
    Running(Number),
    /// It is over.
    #[error("capture {0} is finished: there is nothing to go on with")]
    Over(Number),
    /// Nothing is missing from it, or it has not ended yet.
    #[error("capture {0} has not ended with something missing: there is nothing to repair")]
    Whole(Number),
    /// Something is missing from it, and it was not kept how to fill that.
    #[error(
        "cannot repair capture {0}: it was not kept how to fill in what is missing, as of live recordings, of subtitles and of what the ffmpeg that is installed has put into the file; capture again"
    )]
    ForGood(Number),
    /// Its file is not there, or not as it was.
    #[error("cannot repair capture {id}: {} is not the file that it made", .path.display())]
    NotItsFile {
        /// Which one.
        id: Number,
        /// Where the file should be.
        path: PathBuf,
    },
    /// There is none, or it is not as it was made.
    #[error("cannot open capture {id}: {} is no media file that it made, or was changed since", .path.display())]
    NoMediaFile {
        /// Which one.
        id: Number,
        /// Where its file should be.
        path: PathBuf,
    },
    /// Asked for by a browser, or with something that is not kept.
    #[error(
        "cannot resume capture {0} by its number: Weir keeps no tokens, cookies or headers, and a browser asks for itself. \
         Give the same `weir get` command again, or capture again in the browser: it goes on where it was"
    )]
    NotAskedHere(Number),
    /// The same, for what is to be repaired; or the arguments are none.
    #[error(
        "Weir keeps no tokens, cookies or headers: to repair capture {0}, give the arguments of its `weir get` behind the number, \
         the output with -o (`weir repair {0} URL -o film.mp4`)"
    )]
    NoArguments(Number),
    /// The folder in which it was asked for is gone.
    #[error("choose a folder: {}: {source}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It was asked for again, and is not what it was.
    #[error(
        "cannot resume capture {0}: the playlist, or where the output goes, is not what it was; what was written is kept"
    )]
    Changed(Number),
    /// What was saved is laid out as another version has it.
    #[error(
        "cannot go on with capture {0}: another version of Weir began it, and keeps it in another way; what was written is kept, capture again"
    )]
    OfAnotherVersion(Number),
    /// What was saved makes no sense to this program.
    #[error("cannot resume capture {id}: {reason}; what was written is kept")]
    Damaged {
        /// Which one.
        id: Number,
        /// Why.
        reason: String,
    },
}

impl JournalError {
    pub(super) fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }
}

impl Coded for JournalError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Running(_) => ErrorCode::AlreadyRunning,
            Self::Unknown(_) => ErrorCode::UnknownJob,
            Self::Over(_) | Self::Whole(_) | Self::NoArguments(_) => ErrorCode::Usage,
            Self::Folder { .. } => ErrorCode::OutputFolder,
            Self::NoMediaFile { .. } => ErrorCode::File,
            Self::NoHome
            | Self::File { .. }
            | Self::Sqlite(_)
            | Self::Newer { .. }
            | Self::NotAskedHere(_)
            | Self::Changed(_)
            | Self::ForGood(_)
            | Self::NotItsFile { .. }
            | Self::OfAnotherVersion(_)
            | Self::Damaged { .. } => ErrorCode::CannotResume,
        }
    }
}
