//! Segments -> one transport stream: the segments behind each other, without what is no packet.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use super::{MergeError, Merged, SegmentInput, TrackHint};
use crate::demux::{DemuxError, SegmentKind, TS_PACKET_BYTES, sniff};

/// Writes transport stream segments behind each other.
#[derive(Debug)]
pub(super) struct TsMerger {
    file: File,
    bytes: u64,
    segments: u64,
    seconds: f64,
}

impl TsMerger {
    pub(super) fn create(path: &Path, hints: &[TrackHint]) -> Result<Self, MergeError> {
        if hints.len() > 1 {
            let message =
                "a .ts file cannot hold separate audio or subtitle playlists: choose mp4 or segments";
            return Err(MergeError::Container(message.to_owned()));
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(MergeError::Write)?;
        Ok(Self {
            file,
            bytes: 0,
            segments: 0,
            seconds: 0.0,
        })
    }

    pub(super) fn push(&mut self, segment: &SegmentInput) -> Result<(), MergeError> {
        self.segments += 1;
        let in_segment = |source| MergeError::Segment {
            track: segment.track,
            segment: self.segments,
            source,
        };
        let SegmentKind::TransportStream { head_bytes } = sniff(&segment.data).map_err(in_segment)? else {
            let message = "the segments are no transport stream: choose mp4 or segments";
            return Err(in_segment(DemuxError::Unsupported(message.to_owned())));
        };
        // A segment may have been cut within a packet, and then its head is the packet's end.
        let goes_on = (self.bytes + head_bytes as u64).is_multiple_of(TS_PACKET_BYTES as u64);
        let packets = segment.data.slice(if goes_on { 0 } else { head_bytes }..);
        self.file.write_all(&packets).map_err(MergeError::Write)?;
        self.bytes += packets.len() as u64;
        self.seconds += segment.duration_seconds.unwrap_or(0.0).max(0.0);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Merged, MergeError> {
        if self.bytes == 0 {
            return Err(MergeError::NoSamples);
        }
        Ok(Merged {
            bytes: self.bytes,
            duration_seconds: self.seconds,
            ..Merged::default()
        })
    }
}
