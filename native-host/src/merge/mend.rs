//! Holes in an output, and how they are filled when what was missing has come after all.

use super::mp4::{Filling, Mp4Merger};
use super::{MergeError, Merger, Output, SegmentInput};

/// A hole that is being filled.
#[derive(Debug)]
pub struct Hole(Filling);

impl Merger {
    /// What it takes to fill a hole that begins here. None where holes are for good: other outputs than MP4 have their
    /// samples in the order of the file, and samples that wait to be decrypted have a key, which is never kept.
    ///
    /// # Errors
    /// [`MergeError::Point`].
    pub fn hole(&self) -> Result<Option<Vec<u8>>, MergeError> {
        let Output::Mp4(merger) = &self.output else {
            return Ok(None);
        };
        match postcard::to_stdvec(&**merger) {
            Ok(hole) => Ok(Some(hole)),
            Err(postcard::Error::SerdeSerCustom) => Ok(None),
            Err(error) => Err(MergeError::Point(error)),
        }
    }

    /// Takes a hole of the plan's track up again.
    ///
    /// # Errors
    /// [`MergeError::Point`] when what was kept makes no sense.
    pub fn open_hole(hole: &[u8], track: usize) -> Result<Hole, MergeError> {
        let merger: Mp4Merger = postcard::from_bytes(hole).map_err(MergeError::Point)?;
        Ok(Hole(Filling::begin(merger, track)))
    }

    /// Merges the next segment of a hole; its media goes to the end of the output.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn fill(&mut self, hole: &mut Hole, segment: SegmentInput) -> Result<(), MergeError> {
        match &mut self.output {
            Output::Mp4(merger) => merger.fill(&mut hole.0, segment),
            Output::Mkv(_) | Output::Ts(_) | Output::Segments(_) => Err(MergeError::NoSamples),
        }
    }

    /// The beginning of the segment behind a hole that is full to its end: what began in the hole goes on in it.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn lead_out(&mut self, hole: &mut Hole, segment: SegmentInput) -> Result<(), MergeError> {
        hole.0.end_here();
        self.fill(hole, segment)
    }

    /// Nothing more comes for a hole. [`Self::finish`] puts everything in its place.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn close_hole(&mut self, hole: Hole) -> Result<(), MergeError> {
        match &mut self.output {
            Output::Mp4(merger) => merger.fill_up(hole.0),
            Output::Mkv(_) | Output::Ts(_) | Output::Segments(_) => Err(MergeError::NoSamples),
        }
    }
}
