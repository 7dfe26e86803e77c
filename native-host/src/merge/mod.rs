//! Samples -> one file.

mod error;
mod mp4;
mod segments;
mod ts;

use std::path::Path;

use bytes::Bytes;
use weir_core::protocol::{Container, TrackKind, TrackSummary};

pub use error::MergeError;

/// What the plan knows of a track before its first byte.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrackHint {
    /// What it carries; None: whatever its segments hold.
    pub kind: Option<TrackKind>,
    /// BCP 47 tag.
    pub language: Option<String>,
    /// For people.
    pub name: Option<String>,
    /// Sum of EXTINF.
    pub duration_seconds: Option<f64>,
}

/// One decrypted segment, in playlist order within its track.
#[derive(Debug, Clone, Default)]
pub struct SegmentInput {
    /// Index of the plan's track.
    pub track: usize,
    /// EXT-X-DISCONTINUITY stood before it, or before a segment that was left out just before it.
    pub discontinuity: bool,
    /// How long the segments play that were left out just before it: the hole that stays in the output. 0 without
    /// a gap.
    pub missing_seconds: f64,
    /// EXTINF.
    pub duration_seconds: Option<f64>,
    /// Its media initialization section, decrypted; the same `Bytes` again when it has not changed.
    pub map: Option<Bytes>,
    /// The segment's bytes.
    pub data: Bytes,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Merged {
    /// Bytes of the output file, or of all files of the folder.
    pub bytes: u64,
    /// Longest track.
    pub duration_seconds: f64,
    /// Output tracks.
    pub tracks: Vec<TrackSummary>,
    /// What a person should know though the output is whole, one sentence each.
    pub warnings: Vec<String>,
}

/// Takes segments in order and writes one output while they come.
#[derive(Debug)]
pub struct Merger(Output);

#[derive(Debug)]
enum Output {
    Mp4(Box<mp4::Mp4Merger>),
    Ts(ts::TsMerger),
    Segments(segments::SegmentsMerger),
}

impl Merger {
    /// Starts an output at `path`, which must not exist: a file, or a folder for [`Container::Segments`].
    ///
    /// # Errors
    /// [`MergeError::Write`], or [`MergeError::Container`] when it cannot hold these tracks.
    pub fn create(path: &Path, container: Container, tracks: &[TrackHint]) -> Result<Self, MergeError> {
        Ok(Self(match container {
            Container::Mp4 => Output::Mp4(Box::new(mp4::Mp4Merger::create(path, tracks)?)),
            Container::Ts => Output::Ts(ts::TsMerger::create(path, tracks)?),
            Container::Segments => Output::Segments(segments::SegmentsMerger::create(path, tracks)?),
        }))
    }

    /// Takes the next segment of one track. Tracks may be pushed in any interleaving; near each other
    /// in time is best, because the output is interleaved as it comes.
    ///
    /// # Errors
    /// [`MergeError`]: the bytes are no media that can be merged, or the output cannot be written.
    #[expect(clippy::needless_pass_by_value, reason = "a segment is handed over, once")]
    pub fn push(&mut self, segment: SegmentInput) -> Result<(), MergeError> {
        match &mut self.0 {
            Output::Mp4(merger) => merger.push(&segment),
            Output::Ts(merger) => merger.push(&segment),
            Output::Segments(merger) => merger.push(&segment),
        }
    }

    /// Flushes what is held back, writes the index and checks the result.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn finish(self) -> Result<Merged, MergeError> {
        match self.0 {
            Output::Mp4(merger) => merger.finish(),
            Output::Ts(merger) => merger.finish(),
            Output::Segments(merger) => merger.finish(),
        }
    }
}
