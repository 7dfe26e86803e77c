//! One name of an output: written to beside it, and given when the file is whole.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{bytes_of, rename_without_replacing, sync_folder, sync_tree};
use super::target::numbered;
use super::{Content, MAX_COUNTER, OutputError, PART_SUFFIX, Target};

/// One free name: where to write, and what it will be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    target: Target,
    counter: u32,
}

impl Slot {
    pub(super) fn new(target: Target, counter: u32) -> Self {
        Self { target, counter }
    }

    /// Where to write.
    #[must_use]
    pub fn part(&self) -> PathBuf {
        self.target.folder.join(format!("{}{PART_SUFFIX}", self.name()))
    }

    /// Gives the whole file its name: data to the disk first, then the name, then the folder. The next
    /// free name is taken when another file got this one in the meantime, or when the content asks for another. Each name
    /// is announced before it is tried.
    ///
    /// # Errors
    /// [`OutputError`]; the file keeps its `.part` name then.
    pub fn publish(&self, content: Content, mut announce: impl FnMut(&Path)) -> Result<PathBuf, OutputError> {
        let part = self.part();
        sync_tree(&part).map_err(|error| OutputError::at(&part, error))?;
        let target = self.target.clone().of(content);
        let first = if target == self.target { self.counter } else { 1 };
        for counter in first..=MAX_COUNTER {
            let whole = Self::new(target.clone(), counter).whole();
            announce(&whole);
            match rename_without_replacing(&part, &whole) {
                Ok(()) => {
                    sync_folder(&self.target.folder)
                        .map_err(|error| OutputError::at(&self.target.folder, error))?;
                    return Ok(whole);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(OutputError::at(&whole, error)),
            }
        }
        Err(self.target.no_free_name())
    }

    /// Brings what was written to the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sync(&self) -> io::Result<()> {
        sync_tree(&self.part())
    }

    /// How many bytes were written; [`u64::MAX`] where that cannot be known, and of anything but files.
    #[must_use]
    pub fn written(&self) -> u64 {
        bytes_of(&self.part())
    }

    /// Removes what was written.
    pub fn discard(&self) {
        let part = self.part();
        let removed = match fs::symlink_metadata(&part) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&part),
            Ok(_) => fs::remove_file(&part),
            Err(error) => Err(error),
        };
        if let Err(error) = removed
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!("cannot remove {}: {error}", part.display());
        }
    }

    pub(super) fn whole(&self) -> PathBuf {
        self.target.folder.join(self.name())
    }

    pub(super) fn name(&self) -> String {
        let Target { stem, extension, .. } = &self.target;
        numbered(stem, extension, self.counter)
    }
}
