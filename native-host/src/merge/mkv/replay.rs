//! Segments that were missing, put into a file that was finished without them: `weir repair`.
//!
//! Where a hole begins, the merger is kept as it was, the samples that waited too. From there on the file is written anew:
//! what was missing is demuxed as it would have been, and what the old file has behind it is taken in as it was then, batch
//! by batch ([`super::taken`]), with the data of its blocks. So what is written is what a capture without gaps writes.

use std::collections::HashMap;
use std::path::Path;

use bytes::Bytes;

use super::blocks::Blocks;
use super::taken::{Read, Row, Taken};
use super::writer::number;
use super::{MkvMerger, Output};
use crate::demux::{Demuxed, StreamId};
use crate::merge::check::failed;
use crate::merge::inputs::{Inputs, Sink};
use crate::merge::interleave::{Expectation, presentation};
use crate::merge::track::Track;
use crate::merge::{MergeError, SegmentInput, TrackHint};

/// A file that is there, to be written again with what it is missing.
#[derive(Debug)]
pub(in crate::merge) struct Replay {
    old: Blocks,
    /// What the old file has taken in, and up to where the new one has.
    log: Bytes,
    at: usize,
    /// Of each track of the old file: the plan's track and the stream.
    sources: Vec<(usize, StreamId)>,
    /// What reads segments, as it was behind all of them.
    last: Inputs,
    hole: Option<Hole>,
    /// By the plan's track.
    seams: Vec<Seam>,
    /// When the old file's presentation begins, on the timeline.
    start: Option<i64>,
}

/// The hole that is being filled.
#[derive(Debug)]
struct Hole {
    /// The plan's track.
    track: usize,
    /// What began before the hole, and was cut off there in the old file.
    cut: Vec<Known>,
    /// By stream: when what the old file has behind the hole is decoded, where it has something.
    behind: HashMap<StreamId, Option<i64>>,
    /// Something has come for it.
    filled: bool,
    /// What came out of the beginning of the segment behind it.
    lead: Vec<Demuxed>,
}

/// What tells a sample of one of the plan's tracks: its stream, decode time, bytes.
type Known = (StreamId, i64, u64);

/// Where a hole ends that was filled.
#[derive(Debug, Default)]
struct Seam {
    /// As [`Hole::cut`].
    cut: Vec<Known>,
    /// What began in the hole, and ends in the segment behind it.
    tail: Vec<Demuxed>,
}

/// Keeps what comes of one of the plan's tracks.
struct Collected<'a> {
    track: usize,
    tracks: &'a [Track],
    batch: Vec<Demuxed>,
}

impl Sink for Collected<'_> {
    fn tracks(&self) -> &[Track] {
        self.tracks
    }

    fn reach(&mut self, _: u64, _: Option<i64>) -> Result<(), MergeError> {
        Ok(())
    }

    fn take(
        &mut self,
        input: usize,
        _: &TrackHint,
        batch: Vec<Demuxed>,
        _: &[Expectation],
    ) -> Result<(), MergeError> {
        if input == self.track {
            self.batch.extend(batch);
        }
        Ok(())
    }
}

/// Takes what comes for a hole, as far as the old file does not have what is behind it.
struct Fitting<'a> {
    output: &'a mut Output,
    replay: &'a Replay,
    hole: &'a mut Hole,
}

impl Sink for Fitting<'_> {
    fn tracks(&self) -> &[Track] {
        self.output.tracks()
    }

    fn reach(&mut self, sequence: u64, begin: Option<i64>) -> Result<(), MergeError> {
        self.output.reach(sequence, begin)
    }

    fn take(
        &mut self,
        input: usize,
        hint: &TrackHint,
        mut batch: Vec<Demuxed>,
        expectations: &[Expectation],
    ) -> Result<(), MergeError> {
        if input == self.hole.track {
            batch.retain(|demuxed| self.replay.fits(self.hole, demuxed));
        }
        self.output.take(input, hint, batch, expectations)
    }
}

impl Replay {
    /// Begins where a hole of the plan's track `track` does; `again` is the same hole, read once more. `merger` is that of the
    /// last point, and becomes the one that writes the new file, `copy`, which has what the old one has until there. `log` is
    /// all that was added.
    pub(in crate::merge) fn begin(
        (old, copy): (&Path, &Path),
        log: Bytes,
        merger: &mut MkvMerger,
        hole: MkvMerger,
        mut again: MkvMerger,
        track: usize,
    ) -> Result<Self, MergeError> {
        let at = usize::try_from(hole.logged()).unwrap_or(usize::MAX);
        let begin = log.get(..at).ok_or_else(out_of_order)?.to_vec();
        if merger.logged() != log.len() as u64 {
            return Err(out_of_order());
        }
        let states = merger.output.states.iter().enumerate();
        let text = states
            .filter(|(_, state)| state.is_text())
            .map(|(index, _)| number(index));
        let unread: Vec<u64> = text.collect();
        let end = again.output.writer.end();
        let mut blocks = Blocks::open(old, end, unread.clone())?;
        // What waited there the merger has itself.
        for (index, track) in hole.output.tracks.iter().enumerate() {
            if !unread.contains(&number(index)) {
                (0..track.queued_samples()).try_for_each(|_| blocks.next(number(index)).map(|_| ()))?;
            }
        }
        let start = presentation(&merger.output.tracks).map(|(start, _)| start);
        let sources = merger.output.tracks.iter();
        let sources = sources.map(|track| (track.input, track.stream)).collect();
        let mut new = MkvMerger {
            inputs: hole.inputs,
            output: again.output,
        };
        new.reopen(copy, end)?;
        new.output.log.keep(begin);
        let hole = Some(Hole::begin(track, &mut again.inputs, &new.output));
        let last = std::mem::replace(merger, new).inputs;
        Ok(Self {
            old: blocks,
            log,
            at,
            start,
            sources,
            seams: last.expectations().iter().map(|_| Seam::default()).collect(),
            last,
            hole,
        })
    }

    /// Goes to the next hole, which is one of the plan's track `track`; `again` is the same, read once more.
    pub(in crate::merge) fn open(
        &mut self,
        merger: &mut MkvMerger,
        hole: MkvMerger,
        mut again: MkvMerger,
        track: usize,
    ) -> Result<(), MergeError> {
        self.take_until(hole.logged(), &mut merger.output)?;
        merger.inputs = hole.inputs;
        merger.inputs.begin_earlier(self.earlier(&merger.output));
        self.hole = Some(Hole::begin(track, &mut again.inputs, &merger.output));
        Ok(())
    }

    /// Merges a segment of the hole that is open.
    pub(in crate::merge) fn fill(
        &mut self,
        merger: &mut MkvMerger,
        segment: SegmentInput,
    ) -> Result<(), MergeError> {
        let mut hole = self.hole.take().ok_or_else(out_of_order)?;
        hole.filled = true;
        let MkvMerger { inputs, output } = merger;
        let mut sink = Fitting {
            output,
            replay: self,
            hole: &mut hole,
        };
        inputs.push(segment, &mut sink)?;
        self.hole = Some(hole);
        Ok(())
    }

    /// The beginning of the segment behind the hole: what began in the hole goes on in it.
    pub(in crate::merge) fn lead_out(
        &mut self,
        merger: &mut MkvMerger,
        segment: SegmentInput,
    ) -> Result<(), MergeError> {
        if let Some(hole) = &mut self.hole {
            let MkvMerger { inputs, output } = merger;
            hole.lead = collect(hole.track, output, |sink| inputs.push(segment, sink))?;
        }
        Ok(())
    }

    /// Nothing more comes for the hole that is open.
    pub(in crate::merge) fn close(&mut self, merger: &mut MkvMerger) -> Result<(), MergeError> {
        let Some(mut hole) = self.hole.take().filter(|hole| hole.filled) else {
            return Ok(());
        };
        let MkvMerger { inputs, output } = merger;
        let mut tail = std::mem::take(&mut hole.lead);
        tail.extend(flush(hole.track, inputs, output)?);
        tail.retain(|demuxed| self.fits(&mut hole, demuxed));
        if let Some(seam) = self.seams.get_mut(hole.track) {
            seam.cut.extend(hole.cut);
            seam.tail.extend(tail);
        }
        Ok(())
    }

    /// Goes to the end of the file, from where its merger goes on as any.
    pub(in crate::merge) fn end(mut self, merger: &mut MkvMerger) -> Result<(), MergeError> {
        self.take_until(self.log.len() as u64, &mut merger.output)?;
        let earlier = self.earlier(&merger.output);
        let expectations = self.last.expectations();
        for (track, seam) in self.seams.into_iter().enumerate() {
            let hint = self.last.hint(track)?;
            merger.output.take(track, hint, seam.tail, &expectations)?;
        }
        merger.inputs = self.last;
        merger.inputs.begin_earlier(earlier);
        Ok(())
    }

    /// Takes in what the old file has until there.
    fn take_until(&mut self, logged: u64, output: &mut Output) -> Result<(), MergeError> {
        let end = usize::try_from(logged).unwrap_or(usize::MAX);
        let log = self.log.clone();
        let taken = log.get(self.at..end).ok_or_else(out_of_order)?;
        let mut expectations = self.last.expectations();
        let mut batch = Vec::new();
        for taken in Read(taken) {
            match taken? {
                Taken::Format(_, stream, format) => batch.push(Demuxed::Format(stream, format)),
                Taken::Samples(track, dts, rows) => {
                    let (_, stream) = self.source(track)?;
                    let samples = Row::samples(dts, &rows, |bytes| self.data(track, bytes))?;
                    batch.extend(samples.into_iter().map(|sample| Demuxed::Sample(stream, sample)));
                }
                Taken::Text(track, mut sample) => {
                    let (input, stream) = self.source(track)?;
                    if self.last.counts_from_the_beginning(input) {
                        let earlier = self.earlier(output);
                        sample.dts = sample.dts.saturating_sub(earlier);
                        sample.pts = sample.pts.saturating_sub(earlier);
                    }
                    batch.push(Demuxed::Sample(stream, sample));
                }
                Taken::Batch(input, ended) => {
                    for (expectation, ended) in expectations.iter_mut().zip(ended) {
                        expectation.ended = ended;
                    }
                    let mut batch = std::mem::take(&mut batch);
                    if let Some(seam) = self.seams.get_mut(input) {
                        batch = seam.join(batch);
                    }
                    output.take(input, self.last.hint(input)?, batch, &expectations)?;
                }
                Taken::Segment(sequence, begin) => output.reach(sequence, begin)?,
            }
        }
        self.at = end;
        Ok(())
    }

    /// How much earlier the presentation begins, in ticks of the timeline, when its beginning was missing.
    fn earlier(&self, output: &Output) -> i64 {
        let starts = self.start.zip(presentation(&output.tracks));
        starts.map_or(0, |(before, (start, _))| before.saturating_sub(start))
    }

    fn source(&self, track: usize) -> Result<(usize, StreamId), MergeError> {
        self.sources.get(track).copied().ok_or_else(out_of_order)
    }

    /// The data of the next sample of a track. Parameter sets may stand before it, which whoever writes it sees to.
    fn data(&mut self, track: usize, bytes: u64) -> Result<Bytes, MergeError> {
        let block = self.old.next(number(track))?;
        let prefix = (block.len() as u64).checked_sub(bytes).ok_or_else(out_of_order)?;
        Ok(block.slice(usize::try_from(prefix).unwrap_or(block.len())..))
    }

    /// Whether it is before what the old file has behind the hole: there are others at those times.
    fn fits(&self, hole: &mut Hole, demuxed: &Demuxed) -> bool {
        let Demuxed::Sample(stream, sample) = demuxed else {
            return true;
        };
        let behind = hole.behind.entry(*stream);
        let behind = behind.or_insert_with(|| self.first_behind((hole.track, *stream), &hole.cut));
        behind.is_none_or(|behind| sample.dts < behind)
    }

    /// When the first sample is decoded that the old file has of a stream from here on, but for what is cut off.
    fn first_behind(&self, source: (usize, StreamId), cut: &[Known]) -> Option<i64> {
        let rest = Read(self.log.get(self.at..).unwrap_or_default());
        let is_cut = |&(dts, bytes): &(i64, u64)| cut.contains(&(source.1, dts, bytes));
        rest.filter_map(Result::ok).find_map(|taken| match taken {
            Taken::Samples(track, dts, rows) if self.sources.get(track) == Some(&source) => {
                let mut times = Row::times(dts, &rows);
                times.find(|row| !is_cut(row)).map(|(dts, _)| dts)
            }
            _ => None,
        })
    }
}

impl Hole {
    /// `before` is what reads segments, as it was when the hole began.
    fn begin(track: usize, before: &mut Inputs, output: &Output) -> Self {
        // Where no segment has made sense, there is nothing to be cut off.
        let cut = flush(track, before, output).unwrap_or_default();
        let known = |demuxed: &Demuxed| match demuxed {
            Demuxed::Sample(stream, sample) => Some((*stream, sample.dts, sample.data.len() as u64)),
            _ => None,
        };
        Self {
            track,
            cut: cut.iter().filter_map(known).collect(),
            behind: HashMap::new(),
            filled: false,
            lead: Vec::new(),
        }
    }
}

/// What is held back of one of the plan's tracks.
fn flush(track: usize, inputs: &mut Inputs, output: &Output) -> Result<Vec<Demuxed>, MergeError> {
    let expectations = inputs.expectations();
    collect(track, output, |sink| inputs.flush(track, &expectations, sink))
}

impl Seam {
    /// What the old file has behind the hole, joined to what has come in it.
    fn join(&mut self, mut batch: Vec<Demuxed>) -> Vec<Demuxed> {
        batch.retain(|demuxed| {
            let Demuxed::Sample(stream, sample) = demuxed else {
                return true;
            };
            let known = (*stream, sample.dts, sample.data.len() as u64);
            let cut = self.cut.iter().position(|cut| *cut == known);
            cut.map(|cut| self.cut.swap_remove(cut)).is_none()
        });
        let mut joined = std::mem::take(&mut self.tail);
        joined.append(&mut batch);
        joined
    }
}

/// What comes of one of the plan's tracks, without being written.
fn collect(
    track: usize,
    output: &Output,
    demux: impl FnOnce(&mut Collected<'_>) -> Result<(), MergeError>,
) -> Result<Vec<Demuxed>, MergeError> {
    let mut sink = Collected {
        track,
        tracks: &output.tracks,
        batch: Vec::new(),
    };
    demux(&mut sink)?;
    Ok(sink.batch)
}

fn out_of_order() -> MergeError {
    failed("what is kept of its holes does not fit it")
}
