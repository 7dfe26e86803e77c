//! Reads the file back: what players will see is what was handed over.
//!
//! Reading every block of a finished file from the disk would cost as much as the capture. So the heads of all blocks
//! are read as they go to the disk, by the same rules that a player reads them, and the finished file is read along
//! its elements.

use std::fs::File;
use std::path::Path;

use bytes::Buf;
use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

use super::cluster::Serialized;
use super::ebml;
use super::head::id;
use crate::merge::MergeError;
use crate::merge::check::{failed, read_at};
use crate::merge::external::Contents;

/// What the blocks that went to the disk hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) samples: u64,
    pub(super) bytes: u64,
    pub(super) clusters: u64,
}

impl Counts {
    /// Reads a cluster as a player does; false when it does not say what it holds.
    #[must_use]
    pub(super) fn read(&mut self, cluster: &Serialized) -> bool {
        self.clusters += 1;
        let mut pieces = cluster.pieces.iter();
        let Some(mut header) = pieces.next().map(|header| &header[..]) else {
            return false;
        };
        let size = match ebml::header(&mut header) {
            Some((id::CLUSTER, size)) if header.is_empty() => size,
            _ => return false,
        };
        let mut read = pieces.next().map_or(0, |timestamp| timestamp.len() as u64);
        while let (Some(head), Some(prefix), Some(data)) = (pieces.next(), pieces.next(), pieces.next()) {
            let data_bytes = (prefix.len() + data.len()) as u64;
            if block_data_bytes(head) != Some(data_bytes) {
                return false;
            }
            read += head.len() as u64 + data_bytes;
            self.samples += 1;
            self.bytes += data.len() as u64;
        }
        read == size
    }
}

/// How many bytes of data a block announces that begins with these bytes.
fn block_data_bytes(head: &[u8]) -> Option<u64> {
    const TIME_AND_FLAGS: usize = 3;
    let mut rest = head;
    let (mut kind, mut size) = ebml::header(&mut rest)?;
    if kind == id::BLOCK_GROUP {
        let group_bytes = size;
        let before = rest.len();
        let (duration, duration_bytes) = ebml::header(&mut rest)?;
        rest.split_off(..usize::try_from(duration_bytes).ok()?)?;
        (kind, size) = ebml::header(&mut rest)?;
        let header_bytes = (before - rest.len()) as u64;
        if duration != id::BLOCK_DURATION || kind != id::BLOCK || header_bytes + size != group_bytes {
            return None;
        }
    } else if kind != id::SIMPLE_BLOCK {
        return None;
    }
    let fields = rest.len();
    ebml::size_number(&mut rest)?;
    (rest.len() == TIME_AND_FLAGS).then(|| size.checked_sub(fields as u64))?
}

/// Checks that the file is a chain of whole elements, that its index leads to what it names, and that as many clusters
/// are there as were written.
pub(super) fn check(file: &File, length: u64, clusters: u64) -> Result<(), MergeError> {
    let header = element_at(file, 0, length)?;
    let segment = element_at(file, header.end, length)?;
    if (header.id, segment.id, segment.end) != (id::EBML, id::SEGMENT, length) {
        return Err(failed("it is no header and one segment"));
    }
    let mut at = segment.content;
    let mut found: Vec<(u32, u64)> = Vec::new();
    let mut cluster_places = Vec::new();
    let mut cues = Vec::new();
    while at < length {
        let element = element_at(file, at, length)?;
        let place = at - segment.content;
        match element.id {
            id::CLUSTER => cluster_places.push(place),
            id::CUES => {
                found.push((element.id, place));
                cues = read_at(file, element.content, element.end - element.content)?;
            }
            other => found.push((other, place)),
        }
        at = element.end;
    }
    if cluster_places.len() as u64 != clusters {
        let found = cluster_places.len();
        return Err(failed(&format!("it has {found} clusters instead of {clusters}")));
    }
    let seek_head = element_at(file, segment.content, length)?;
    let content = read_at(file, seek_head.content, seek_head.end - seek_head.content)?;
    for (_, seek) in ebml::elements(&content).filter(|(kind, _)| *kind == id::SEEK) {
        let wanted = ebml::find(seek, id::SEEK_ID).and_then(ebml::uint_of);
        let place = ebml::find(seek, id::SEEK_POSITION).and_then(ebml::uint_of);
        let right = |known: &(u32, u64)| (Some(u64::from(known.0)), Some(known.1)) == (wanted, place);
        if !found.iter().any(right) {
            return Err(failed("its index leads to the wrong place"));
        }
    }
    for needed in [id::SEEK_HEAD, id::INFO, id::TRACKS, id::CUES] {
        if !found.iter().any(|(kind, _)| *kind == needed) {
            return Err(failed(&format!("it has no element {needed:x}")));
        }
    }
    for (_, point) in ebml::elements(&cues) {
        let place = ebml::find(point, id::CUE_TRACK_POSITIONS)
            .and_then(|positions| ebml::find(positions, id::CUE_CLUSTER_POSITION))
            .and_then(ebml::uint_of);
        if place.is_none_or(|place| cluster_places.binary_search(&place).is_err()) {
            return Err(failed("a cue leads to no cluster"));
        }
    }
    Ok(())
}

/// What is in a file that another program wrote; None when it cannot be read.
pub(in crate::merge) fn contents(path: &Path) -> Option<Contents> {
    const DURATION: u32 = 0x4489;
    const TRACK_TYPE: u32 = 0x83;
    let file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let header = element_at(&file, 0, length).ok()?;
    let segment = element_at(&file, header.end, length).ok()?;
    let mut contents = Contents::default();
    let mut at = segment.content;
    while at < segment.end {
        let element = element_at(&file, at, segment.end).ok()?;
        at = element.end;
        if !matches!(element.id, id::INFO | id::TRACKS) {
            continue;
        }
        let content = read_at(&file, element.content, element.end - element.content).ok()?;
        if element.id == id::INFO {
            let duration: [u8; 8] = ebml::find(&content, DURATION)?.try_into().ok()?;
            contents.seconds = f64::from_be_bytes(duration) / 1000.0;
        }
        for (_, entry) in ebml::elements(&content).filter(|(kind, _)| *kind == id::TRACK_ENTRY) {
            match ebml::find(entry, TRACK_TYPE).and_then(ebml::uint_of)? {
                1 => contents.kinds.push(TrackKind::Video),
                2 => contents.kinds.push(TrackKind::Audio),
                _ => {}
            }
        }
    }
    Some(contents)
}

pub(super) struct Element {
    pub(super) id: u32,
    pub(super) content: u64,
    pub(super) end: u64,
}

pub(super) fn element_at(file: &File, at: u64, length: u64) -> Result<Element, MergeError> {
    const LONGEST_HEADER: u64 = 12;
    let bytes = read_at(file, at, LONGEST_HEADER.min(length.saturating_sub(at)))?;
    let mut rest = &bytes[..];
    let element = ebml::header(&mut rest).and_then(|(id, size)| {
        let content = at + (bytes.len() - rest.remaining()) as u64;
        let end = content.checked_add(size).filter(|&end| end <= length)?;
        Some(Element { id, content, end })
    });
    element.ok_or_else(|| failed(&format!("there is no whole element at byte {at}")))
}
