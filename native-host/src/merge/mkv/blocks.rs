//! The blocks of a file that is there, read in its order.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::path::Path;

use bytes::{Buf, Bytes};

use super::check::{Element, element_at};
use super::ebml;
use super::head::id;
use crate::merge::MergeError;
use crate::merge::check::{failed, read_at};

/// Reads the data of blocks, track by track.
#[derive(Debug)]
pub(super) struct Blocks {
    file: File,
    length: u64,
    /// Where the next element begins.
    at: u64,
    /// By track number: what was read and not taken.
    read: HashMap<u64, VecDeque<Bytes>>,
    /// Numbers of the tracks that nobody takes anything of.
    unread: Vec<u64>,
}

impl Blocks {
    /// From the element on that begins at `at`.
    pub(super) fn open(path: &Path, at: u64, unread: Vec<u64>) -> Result<Self, MergeError> {
        let file = File::open(path).map_err(MergeError::Write)?;
        Ok(Self {
            length: file.metadata().map_err(MergeError::Write)?.len(),
            file,
            at,
            read: HashMap::new(),
            unread,
        })
    }

    /// The data of the next block of a track.
    pub(super) fn next(&mut self, track: u64) -> Result<Bytes, MergeError> {
        loop {
            if let Some(data) = self.read.get_mut(&track).and_then(VecDeque::pop_front) {
                return Ok(data);
            }
            if self.at >= self.length {
                return Err(failed(&format!("a block of track {track} is not in it")));
            }
            self.read_element()?;
        }
    }

    fn read_element(&mut self) -> Result<(), MergeError> {
        let Element {
            id: kind,
            content,
            end,
        } = element_at(&self.file, self.at, self.length)?;
        self.at = if kind == id::SEGMENT { content } else { end };
        if kind == id::CLUSTER {
            let content = Bytes::from(read_at(&self.file, content, end - content)?);
            for (kind, element) in ebml::elements(&content) {
                let block = match kind {
                    id::SIMPLE_BLOCK => Some(element),
                    id::BLOCK_GROUP => ebml::find(element, id::BLOCK),
                    _ => None,
                };
                if let Some((track, data)) = block.and_then(data)
                    && !self.unread.contains(&track)
                {
                    self.read
                        .entry(track)
                        .or_default()
                        .push_back(content.slice_ref(data));
                }
            }
        }
        Ok(())
    }
}

/// The track and the data of a block (RFC 9559, 10.1).
fn data(block: &[u8]) -> Option<(u64, &[u8])> {
    let mut rest = block;
    let track = ebml::size_number(&mut rest)?;
    let _time = rest.try_get_i16().ok()?;
    let _flags = rest.try_get_u8().ok()?;
    Some((track, rest))
}
