//! Holes in an output, and how they are filled when what was missing has come after all: `weir repair`.
//!
//! An MP4 gets its samples behind the media, and tables that list them where they belong (`mp4::mend`). A transport stream
//! has its packets in the order of the file: from the first hole on it is written anew (`ts::splice`), of what the old file
//! has and of what has come.

use std::path::{Path, PathBuf};

use super::mp4::Filling;
use super::point::Point;
use super::ts::Splice;
use super::{MergeError, Merger, Output, SegmentInput, ts};
use crate::decrypt::{self, CipherRing};

/// A file that gets what it is missing.
#[derive(Debug)]
pub struct Mender {
    /// That of the last point; its output is what has been mended.
    merger: Merger,
    /// The file as it was.
    old: PathBuf,
    open: Option<Filling>,
    /// Something has come for it.
    filled: bool,
    splice: Option<Box<Splice>>,
}

/// A hole, and the merger as it was there.
#[derive(Debug)]
pub struct Hole(Output);

impl Merger {
    /// What it takes to fill a hole that begins here. None where holes are for good: [`Self::why_for_good`].
    ///
    /// # Errors
    /// [`MergeError::Point`].
    pub fn hole(&self) -> Result<Option<Vec<u8>>, MergeError> {
        if self.why_for_good().is_some() {
            return Ok(None);
        }
        save(&self.output)
    }

    /// Why what is missing from this output cannot be filled in later, if it cannot.
    #[must_use]
    pub fn why_for_good(&self) -> Option<&'static str> {
        match &self.output {
            _ if self.foreign_codec.is_some() => {
                Some("its codec is put into the file by the ffmpeg that is installed")
            }
            Output::Mp4(_) | Output::Ts(_) => None,
            Output::Mkv(_) => Some("an .mkv has its samples in the order of the file"),
            Output::Segments(_) => Some("a folder of segments is numbered"),
        }
    }
}

fn save(output: &Output) -> Result<Option<Vec<u8>>, MergeError> {
    match decrypt::saving(|| postcard::to_stdvec(output)) {
        Ok(hole) => Ok(Some(hole)),
        // It holds encrypted samples of nobody knows which segment.
        Err(postcard::Error::SerdeSerCustom) => Ok(None),
        Err(error) => Err(MergeError::Point(error)),
    }
}

impl Hole {
    /// Reads what [`Merger::hole`] has kept.
    ///
    /// # Errors
    /// [`MergeError::NeedsCipher`] when a cipher is not in `ciphers`, [`MergeError::Point`] when what was kept makes no
    /// sense.
    pub fn read(hole: &[u8], ciphers: &CipherRing) -> Result<Self, MergeError> {
        let (read, missing) = ciphers.reading(|| postcard::from_bytes(hole));
        match missing {
            Some(missing) => Err(MergeError::NeedsCipher(missing)),
            None => read.map(Self).map_err(MergeError::Point),
        }
    }

    /// Holes are taken in this order.
    #[must_use]
    pub fn order(&self) -> u64 {
        match &self.0 {
            Output::Ts(merger) => merger.made(),
            Output::Mp4(_) | Output::Mkv(_) | Output::Segments(_) => 0,
        }
    }
}

impl Mender {
    /// Begins with the merger of the last point, which goes on in a copy of the file `old`.
    #[must_use]
    pub fn new(merger: Merger, old: &Path) -> Self {
        Self {
            merger,
            old: old.to_owned(),
            open: None,
            filled: false,
            splice: None,
        }
    }

    /// Goes to a hole of the plan's track; `again` is the same hole, read once more.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn open(&mut self, hole: Hole, again: Hole, track: usize) -> Result<(), MergeError> {
        self.filled = false;
        match (hole.0, again.0, &mut self.splice) {
            (Output::Mp4(merger), ..) => self.open = Some(Filling::begin(*merger, track)),
            (Output::Ts(at), _, Some(splice)) => splice.move_to(*at)?,
            (Output::Ts(at), Output::Ts(again), None) => {
                let splice = Splice::begin(&self.old, &self.merger.asked.path, *at, *again)?;
                self.splice = Some(Box::new(splice));
            }
            _ => return Err(MergeError::NoSamples),
        }
        Ok(())
    }

    /// Merges the next segment of the hole that is open.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn fill(&mut self, segment: SegmentInput) -> Result<(), MergeError> {
        let segment = self.merger.flaws.note(segment);
        self.filled = true;
        match (&mut self.merger.output, &mut self.open, &mut self.splice) {
            (Output::Mp4(merger), Some(filling), _) => merger.fill(filling, segment),
            (.., Some(splice)) => splice.push(&segment),
            _ => Err(MergeError::NoSamples),
        }
    }

    /// What it takes to fill a hole that begins here, in the file as it will be. None where what was kept before holds.
    ///
    /// # Errors
    /// [`MergeError::Point`].
    pub fn hole(&mut self) -> Result<Option<Vec<u8>>, MergeError> {
        let Some(splice) = &mut self.splice else {
            return Ok(None);
        };
        let saved = splice.with(|merger| {
            let output = Output::Ts(Box::new(std::mem::replace(merger, ts::TsMerger::empty())));
            let saved = save(&output);
            if let Output::Ts(back) = output {
                *merger = *back;
            }
            saved
        });
        saved.unwrap_or(Ok(None))
    }

    /// The beginning of the segment behind the hole that is full to its end: what began in the hole goes on in it.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn lead_out(&mut self, segment: SegmentInput) -> Result<(), MergeError> {
        match (&mut self.merger.output, &mut self.open) {
            (Output::Mp4(merger), Some(filling)) => {
                filling.end_here();
                merger.fill(filling, segment)
            }
            // Its packets are in the old file.
            _ => Ok(()),
        }
    }

    /// Nothing more comes for the hole that is open.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn close(&mut self) -> Result<(), MergeError> {
        match (&mut self.merger.output, self.open.take()) {
            (Output::Mp4(merger), Some(filling)) if self.filled => merger.fill_up(filling),
            _ => Ok(()),
        }
    }

    /// Goes to the end of the file. What is missing there is filled in as in a hole.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn go_to_end(&mut self) -> Result<(), MergeError> {
        if let (Some(splice), Output::Ts(merger)) = (&mut self.splice, &mut self.merger.output) {
            let last = std::mem::replace(&mut **merger, ts::TsMerger::empty());
            splice.move_to(last)?;
        }
        Ok(())
    }

    /// Merges what was missing behind the end, which has been gone to.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn push(&mut self, segment: SegmentInput) -> Result<(), MergeError> {
        match &mut self.splice {
            Some(_) => self.fill(segment),
            None => self.merger.push(segment),
        }
    }

    /// Where the file can be mended further, once its end has been gone to.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn point(&mut self) -> Result<Option<Point>, MergeError> {
        let Self { merger, splice, .. } = self;
        let Some(splice) = splice else {
            return merger.point();
        };
        let point = splice.with(|mended| {
            merger.exchange(mended);
            let point = merger.point();
            merger.exchange(mended);
            point
        });
        point.unwrap_or(Ok(None))
    }

    /// Ends the file, and checks it.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn finish(self) -> Result<super::Merged, MergeError> {
        let Self {
            mut merger, splice, ..
        } = self;
        if let Some(splice) = splice {
            merger.exchange(&mut splice.end());
        }
        merger.finish()
    }
}

impl Merger {
    fn exchange(&mut self, merger: &mut ts::TsMerger) {
        if let Output::Ts(own) = &mut self.output {
            std::mem::swap(&mut **own, merger);
        }
    }
}
