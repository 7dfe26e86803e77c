//! The folder of a batch: made under another name, filled with files that never replace each other, and then called as it
//! should be.

use std::collections::HashSet;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::name;
use crate::fetch::Fetched;
use crate::output_path::{Content, OutputError, Slot, Target, folded, numbered};

/// The files that came so far.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// None once it has its name or is gone.
    slot: Option<Slot>,
    names: HashSet<String>,
    contents: HashSet<[u8; 32]>,
    saved: usize,
    copies: usize,
    bytes: u64,
}

impl Folder {
    /// Makes an empty one beside its final name.
    pub(super) fn make(target: &Target) -> Result<Self, OutputError> {
        for slot in target.slots()? {
            match fs::create_dir(slot.part()) {
                Ok(()) => {
                    return Ok(Self {
                        slot: Some(slot),
                        ..Self::default()
                    });
                }
                // Another process was faster.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(OutputError::at(&slot.part(), error)),
            }
        }
        Err(target.no_free_name())
    }

    /// Writes a file under a name that is free, unless its content is there already.
    pub(super) fn save(&mut self, wish: Option<&str>, fetched: &Fetched) -> Result<(), OutputError> {
        let Some(slot) = &self.slot else {
            // Nobody waits for it any more.
            return Ok(());
        };
        if !self.contents.insert(Sha256::digest(&fetched.bytes).into()) {
            self.copies += 1;
            return Ok(());
        }
        let (stem, extension) = name::of(wish, fetched);
        let mut counter = 1;
        let name = loop {
            let name = numbered(&stem, &extension, counter);
            if self.names.insert(folded(&name)) {
                break name;
            }
            counter += 1;
        };
        let path = slot.part().join(name);
        let write = || {
            let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
            file.write_all(&fetched.bytes)
        };
        if let Err(error) = write() {
            let _ = fs::remove_file(&path);
            return Err(OutputError::at(&path, error));
        }
        self.saved += 1;
        self.bytes += fetched.bytes.len() as u64;
        Ok(())
    }

    /// Gives it its name, or the next free one. None when there is nothing in it, or nothing is to stay: then it is removed.
    pub(super) fn publish(&mut self, stays: bool) -> Result<Option<PathBuf>, OutputError> {
        match self.slot.take() {
            Some(slot) if stays && self.saved > 0 => Ok(Some(slot.publish(Content::Picture, |_| ())?)),
            Some(slot) => {
                slot.discard();
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Files that came again.
    pub(super) fn copies(&self) -> usize {
        self.copies
    }

    /// Of all files together.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
