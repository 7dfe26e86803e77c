//! The folder of a batch: made under another name, filled with files that never replace each other, and then called as it
//! should be. The journal knows which files are in it, so that a batch that was interrupted asks for the others only.

use std::collections::HashSet;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use weir_core::protocol::Finished;

use super::name;
use crate::fetch::Fetched;
use crate::job::JobError;
use crate::journal::{Ending, Entry, JournalError, Unfinished};
use crate::merge::Point;
use crate::output_path::{Content, OutputError, Slot, Target, folded, numbered, rename_without_replacing};

/// What a file is called until it is whole. No file of a batch has such an ending.
const UNFINISHED: &str = "file.weir-part";

/// The files that came so far.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// None once it has its name or is gone.
    slot: Option<Slot>,
    entry: Option<Entry>,
    /// By their numbers in the batch.
    items: HashSet<usize>,
    names: HashSet<String>,
    contents: HashSet<[u8; 32]>,
    copies: usize,
    bytes: u64,
}

/// A file that came, as the journal has it.
#[derive(Debug, Serialize, Deserialize)]
struct Came {
    item: usize,
    /// None where another has the same content.
    name: Option<String>,
    digest: [u8; 32],
    bytes: u64,
}

impl Folder {
    /// Makes an empty one beside its final name. The journal knows of it before it is there.
    pub(super) fn make(target: &Target, entry: Option<Entry>) -> Result<Self, JobError> {
        for slot in target.slots()? {
            if let Some(entry) = &entry {
                entry.writes_to(&slot)?;
            }
            match fs::create_dir(slot.part()) {
                Ok(()) => {
                    return Ok(Self {
                        slot: Some(slot),
                        entry,
                        ..Self::default()
                    });
                }
                // Another process was faster.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(OutputError::at(&slot.part(), error).into()),
            }
        }
        Err(target.no_free_name().into())
    }

    /// Goes on in one. What is not there as it came is asked for again.
    pub(super) fn resume(
        Unfinished { entry, slot, point }: Unfinished,
    ) -> Result<Self, Box<(Entry, JournalError)>> {
        let part = slot.part();
        let damaged = |reason: &str| JournalError::Damaged {
            id: entry.id(),
            reason: reason.to_owned(),
        };
        if !fs::symlink_metadata(&part).is_ok_and(|found| found.is_dir()) {
            let error = damaged("its folder is none");
            return Err(Box::new((entry, error)));
        }
        let came = point.added.iter().filter(|saved| !saved.is_empty());
        let came: Result<Vec<Came>, _> = came.map(|saved| serde_json::from_slice(saved)).collect();
        let Ok(came) = came else {
            let error = damaged("what was saved is of no batch");
            return Err(Box::new((entry, error)));
        };
        // Its file was not whole.
        let _ = fs::remove_file(part.join(UNFINISHED));
        let mut folder = Self {
            slot: Some(slot),
            entry: Some(entry),
            ..Self::default()
        };
        for file in came {
            folder.take(&part, file);
        }
        Ok(folder)
    }

    /// Counts a file that came before, if it is still there.
    fn take(
        &mut self,
        part: &Path,
        Came {
            item,
            name,
            digest,
            bytes,
        }: Came,
    ) {
        let Some(name) = name else {
            if self.contents.contains(&digest) && self.items.insert(item) {
                self.copies += 1;
            }
            return;
        };
        let found = fs::symlink_metadata(part.join(&name));
        // Whatever has its name now, no other file gets it.
        if found.is_ok() {
            self.names.insert(folded(&name));
        }
        if found.is_ok_and(|found| found.is_file() && found.len() == bytes) && self.contents.insert(digest) {
            self.items.insert(item);
            self.bytes += bytes;
        }
    }

    /// Whether a file of the batch is here.
    pub(super) fn has(&self, item: usize) -> bool {
        self.items.contains(&item)
    }

    /// How many are.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Writes a file under a name that is free, unless its content is there already.
    pub(super) fn save(
        &mut self,
        item: usize,
        wish: Option<&str>,
        fetched: &Fetched,
    ) -> Result<(), JobError> {
        let Some(slot) = &self.slot else {
            // Nobody waits for it any more.
            return Ok(());
        };
        let part = slot.part();
        let digest = Sha256::digest(&fetched.bytes).into();
        let mut came = Came {
            item,
            name: None,
            digest,
            bytes: fetched.bytes.len() as u64,
        };
        if self.contents.contains(&digest) {
            self.copies += 1;
            self.items.insert(item);
            self.remember(&came);
            return Ok(());
        }
        let name = self.free_name(wish, fetched);
        let (unfinished, path) = (part.join(UNFINISHED), part.join(&name));
        let write = || {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&unfinished)?;
            file.write_all(&fetched.bytes)
        };
        if let Err(error) = write() {
            let _ = fs::remove_file(&unfinished);
            return Err(OutputError::at(&path, error).into());
        }
        self.contents.insert(digest);
        self.items.insert(item);
        self.bytes += came.bytes;
        came.name = Some(name);
        // Before it has its name: of a file that the journal does not know a second one would be made.
        self.remember(&came);
        rename_without_replacing(&unfinished, &path).map_err(|error| OutputError::at(&path, error))?;
        Ok(())
    }

    fn free_name(&mut self, wish: Option<&str>, fetched: &Fetched) -> String {
        let (stem, extension) = name::of(wish, fetched);
        let mut counter = 1;
        loop {
            let name = numbered(&stem, &extension, counter);
            if self.names.insert(folded(&name)) {
                return name;
            }
            counter += 1;
        }
    }

    /// A journal that cannot be written to keeps nobody from saving.
    fn remember(&self, came: &Came) {
        let saved = self.entry.as_ref().map(|entry| {
            let added = serde_json::to_vec(came).unwrap_or_default();
            entry.save(&self.point(added), b"files", self.items.len() as u64)
        });
        if let Some(Err(error)) = saved {
            tracing::warn!("{error}");
        }
    }

    fn point(&self, added: Vec<u8>) -> Point {
        Point {
            merger: Vec::new(),
            added,
            length: self.bytes,
            file: None,
        }
    }

    /// Leaves it as it is, for a process that goes on with it. None where there is nothing to go on with, or nobody would know.
    pub(super) fn leave(&mut self) -> Option<PathBuf> {
        let entry = self.entry.as_ref().filter(|_| !self.items.is_empty())?;
        let slot = self.slot.take()?;
        let came = self.items.len() as u64;
        // Where this fails it goes on all the same, unless the machine ends too.
        let saved = match slot.sync() {
            Ok(()) => entry
                .save_synced(&self.point(Vec::new()), b"files", came)
                .map_err(JobError::from),
            Err(error) => Err(OutputError::at(&slot.part(), error).into()),
        };
        if let Err(error) = saved {
            tracing::warn!("{error}");
        }
        Some(slot.part())
    }

    /// Gives it its name, or the next free one, which the report gets. None when there is nothing in it, or nothing is to
    /// stay: then it is removed.
    pub(super) fn publish(
        &mut self,
        stays: bool,
        mut finished: Finished,
    ) -> Result<Option<Finished>, OutputError> {
        match self.slot.take() {
            Some(slot) if stays && !self.names.is_empty() => {
                let entry = self.entry.as_ref();
                slot.publish(Content::Picture, |path| {
                    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                    finished.output = Some(path.to_string_lossy().into_owned());
                    let ending = Ending {
                        finished: finished.clone(),
                        beside: Vec::new(),
                    };
                    if let Some(Err(error)) = entry.map(|entry| entry.announce(&ending)) {
                        tracing::warn!("{error}");
                    }
                })?;
                Ok(Some(finished))
            }
            Some(slot) => {
                slot.discard();
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Its place in the journal.
    pub(super) fn entry(&self) -> Option<&Entry> {
        self.entry.as_ref()
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
