//! Holes in an output, and how they are filled when what was missing has come after all: `weir repair`.
//!
//! An MP4 gets its samples behind the media, and tables that list them where they belong (`mp4::mend`). A transport stream
//! and a Matroska file have theirs in the order of the file: from the first hole on they are written anew (`ts::splice`,
//! `mkv::replay`), of what the old file has and of what has come. A folder gets further files, and all of them other numbers.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::mkv::Replay;
use super::mp4::Filling;
use super::point::Point;
use super::ts::Splice;
use super::{MergeError, Merger, Output, SegmentInput, mkv, segments, ts};
use crate::decrypt::{self, CipherRing};

/// A file that gets what it is missing.
#[derive(Debug)]
pub struct Mender {
    /// That of the last point; its output is what has been mended.
    merger: Merger,
    /// The file as it was.
    old: PathBuf,
    /// What all points have added.
    added: Vec<Vec<u8>>,
    open: Option<Filling>,
    /// Something has come for it.
    filled: bool,
    splice: Option<Box<Splice>>,
    replay: Option<Box<Replay>>,
    /// Of a folder: the hole that is open.
    inserting: Option<segments::Filling>,
    /// Of which track a segment was inserted, for each that was.
    inserted: Vec<usize>,
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
        match &self.output {
            Output::Segments(merger) => save(&Output::Segments(merger.hole())),
            output => save(output),
        }
    }

    /// Why what is missing from this output cannot be filled in later, if it cannot.
    #[must_use]
    pub fn why_for_good(&self) -> Option<&'static str> {
        match &self.output {
            _ if self.foreign_codec.is_some() => {
                Some("its codec is put into the file by the ffmpeg that is installed")
            }
            Output::Mp4(_) | Output::Mkv(_) | Output::Ts(_) | Output::Segments(_) => None,
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
            Output::Mkv(merger) => merger.logged(),
            Output::Segments(merger) => merger.count() as u64,
            Output::Mp4(_) => 0,
        }
    }
}

impl Mender {
    /// Begins with the merger of the last point, which goes on in a copy of the file `old`; `added` is what all points have.
    #[must_use]
    pub fn new(merger: Merger, old: &Path, added: Vec<Vec<u8>>) -> Self {
        Self {
            merger,
            old: old.to_owned(),
            added,
            open: None,
            filled: false,
            splice: None,
            replay: None,
            inserting: None,
            inserted: Vec::new(),
        }
    }

    /// Whether the file is written anew: what is kept of the old one does not hold for it.
    #[must_use]
    pub fn is_anew(&self) -> bool {
        !matches!(self.merger.output, Output::Mp4(_))
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
            (Output::Segments(hole), ..) => {
                let inserted = self.inserted.iter().filter(|&&of| of == track).count();
                self.inserting = segments::Filling::begin(hole, track, inserted);
            }
            (Output::Mkv(at), Output::Mkv(again), _) => return self.open_replay(*at, *again, track),
            _ => return Err(MergeError::NoSamples),
        }
        Ok(())
    }

    fn open_replay(
        &mut self,
        at: mkv::MkvMerger,
        again: mkv::MkvMerger,
        track: usize,
    ) -> Result<(), MergeError> {
        let Self {
            merger,
            old,
            added,
            replay,
            ..
        } = self;
        let Output::Mkv(output) = &mut merger.output else {
            return Err(MergeError::NoSamples);
        };
        if let Some(replay) = replay {
            return replay.open(output, at, again, track);
        }
        let log = Bytes::from(std::mem::take(added).concat());
        let begun = Replay::begin((old, &merger.asked.path), log, output, at, again, track)?;
        *replay = Some(Box::new(begun));
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
            (Output::Mkv(merger), ..) => match &mut self.replay {
                Some(replay) => replay.fill(merger, segment),
                None => merger.push(segment),
            },
            (Output::Segments(merger), ..) => {
                let hole = self.inserting.as_mut().ok_or(MergeError::NoSamples)?;
                self.inserted.push(segment.track);
                merger.insert(hole, &segment)
            }
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
            return match (&self.replay, &self.inserting, &self.merger.output) {
                (Some(_), _, output) => save(output),
                (_, Some(hole), Output::Segments(merger)) => save(&Output::Segments(hole.hole(merger))),
                _ => Ok(None),
            };
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

    /// The hole is full to its end; whether EXT-X-DISCONTINUITY stands before the segment behind it.
    pub fn join(&mut self, discontinuity: bool) {
        if let (Output::Segments(merger), Some(hole)) = (&mut self.merger.output, &self.inserting) {
            merger.join(hole, discontinuity);
        }
    }

    /// The beginning of the segment behind the hole that is full to its end: what began in the hole goes on in it.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn lead_out(&mut self, segment: SegmentInput) -> Result<(), MergeError> {
        match (&mut self.merger.output, &mut self.open, &mut self.replay) {
            (Output::Mp4(merger), Some(filling), _) => {
                filling.end_here();
                merger.fill(filling, segment)
            }
            (Output::Mkv(merger), _, Some(replay)) => replay.lead_out(merger, segment),
            // Its packets are in the old file.
            _ => Ok(()),
        }
    }

    /// Nothing more comes for the hole that is open.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn close(&mut self) -> Result<(), MergeError> {
        match (&mut self.merger.output, self.open.take(), &mut self.replay) {
            (Output::Mp4(merger), Some(filling), _) if self.filled => merger.fill_up(filling),
            (Output::Mkv(merger), _, Some(replay)) => replay.close(merger),
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
        if let (Some(replay), Output::Mkv(merger)) = (self.replay.take(), &mut self.merger.output) {
            replay.end(merger)?;
        }
        if let Output::Segments(merger) = &mut self.merger.output {
            self.inserting = None;
            merger.number_anew()?;
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
