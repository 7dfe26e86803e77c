//! One process a job: a lock on a file, which the system takes back when the process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{JournalError, Number, lock_path};

/// How often, and at what distances, a lock is tried that is held.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// A job that is this process's.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    // Held as long as it is open.
    _file: File,
}

impl Lock {
    /// None when another process has it.
    pub(super) fn take(folder: &Path, id: Number) -> Result<Option<Self>, JournalError> {
        let path = lock_path(folder, id);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| JournalError::file(&path, error))?;
        // Whoever looks whether it is held holds it for a moment.
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self { path, _file: file })),
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(JournalError::file(&path, error)),
            }
        }
        Ok(None)
    }

    /// Whether a process has it.
    pub(super) fn is_held(folder: &Path, id: Number) -> bool {
        let Ok(file) = File::open(lock_path(folder, id)) else {
            return false;
        };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// The job is over.
    pub(super) fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
