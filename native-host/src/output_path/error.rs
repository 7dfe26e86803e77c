//! Why there is no output.

use std::io;
use std::path::{Path, PathBuf};

use weir_core::protocol::ErrorCode;

use crate::error::{Coded, is_full};

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The folder is missing or nothing can be written there.
    #[error("choose a folder: {} {problem}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The target, or the file that it is made in, is a symbolic link.
    #[error("refusing a symlink: {}", .0.display())]
    Symlink(PathBuf),
    /// `-o` names a file of another kind than `--container` makes.
    #[error("{}: the name does not fit the container, which needs {wanted}", .path.display())]
    Extension {
        /// As given.
        path: PathBuf,
        /// The extensions that fit.
        wanted: &'static str,
    },
    /// `-o` names what is no file on Windows: a device, or a stream of another file.
    #[error("{}: Windows takes this name for something else than a file", .0.display())]
    NoFile(PathBuf),
    /// Thousands of files of this name.
    #[error("no free name for {stem:?} in {}", .folder.display())]
    NoFreeName {
        /// The folder.
        folder: PathBuf,
        /// The name.
        stem: String,
    },
    /// No more bytes fit on the disk.
    #[error("the disk is full: {}", .0.display())]
    Full(PathBuf),
    /// Another file error.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Coded for OutputError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Folder { .. } => ErrorCode::OutputFolder,
            Self::Symlink(_) => ErrorCode::SymlinkRefused,
            Self::Extension { .. } | Self::NoFile(_) => ErrorCode::Usage,
            Self::Full(_) => ErrorCode::DiskFull,
            Self::NoFreeName { .. } | Self::File { .. } => ErrorCode::File,
        }
    }
}

impl OutputError {
    pub(crate) fn at(path: &Path, source: io::Error) -> Self {
        if is_full(&source) {
            Self::Full(path.to_owned())
        } else {
            Self::File {
                path: path.to_owned(),
                source,
            }
        }
    }
}
