//! Samples -> one file.

use std::path::Path;

use bytes::Bytes;
use weir_core::protocol::{Container, ErrorCode, TrackKind, TrackSummary};

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
    /// How long the segments play that were left out just before it: the hole that stays in the output. 0 without a gap.
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

/// Why merging cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// Writing failed.
    #[error("cannot write the output: {0}")]
    Write(#[source] std::io::Error),
}

impl MergeError {
    /// The code that the user interface translates.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Write(_) => ErrorCode::File,
        }
    }
}

/// Takes segments in order and writes one output while they come.
#[derive(Debug)]
pub struct Merger {}

impl Merger {
    /// Starts an output at `path`, which must not exist: a file, or a folder for [`Container::Segments`].
    ///
    /// # Errors
    /// [`MergeError::Write`].
    pub fn create(path: &Path, container: Container, tracks: &[TrackHint]) -> Result<Self, MergeError> {
        let _ = (path, container, tracks);
        Ok(Self {})
    }

    /// Takes the next segment of one track. Tracks may be pushed in any interleaving; near each other
    /// in time is best, because the output is interleaved as it comes.
    ///
    /// # Errors
    /// [`MergeError`]: the bytes are no media that can be merged, or the output cannot be written.
    pub fn push(&mut self, segment: SegmentInput) -> Result<(), MergeError> {
        let _ = (&self, segment);
        Ok(())
    }

    /// Flushes what is held back, writes the index and checks the result.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn finish(self) -> Result<Merged, MergeError> {
        Ok(Merged {
            bytes: 0,
            duration_seconds: 0.0,
            tracks: Vec::new(),
            warnings: Vec::new(),
        })
    }
}
