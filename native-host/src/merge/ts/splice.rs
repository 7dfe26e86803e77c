//! Segments that were missing, put into a transport stream that was finished without them: `weir repair`.
//!
//! Where a hole begins, the merger is kept as it was. From there on the file is written anew: what was missing is read as
//! it would have been, and of what the old file has behind it the packets are taken as they are. Both go the way that
//! packets go in a capture: interleaved, counted, with the tables between them.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::packet::{self, PACKET_BYTES};
use super::program::{Key, MAP_PID, Program, Role};
use super::rewrite::{CHUNK_TICKS, Chunk};
use super::{More, TsMerger};
use crate::demux::ts::packets::{Packet, pid_of};
use crate::demux::ts::pes;
use crate::merge::{MergeError, SegmentInput};

/// Packets that are read at a time.
const READ_PACKETS: usize = 4096;

/// A transport stream that is made of another and of what that is missing.
#[derive(Debug)]
pub(in crate::merge) struct Splice {
    old: File,
    /// The merger of the old file, as it was when that had what the new one has.
    at: TsMerger,
    /// By input: how many of the packets that are next in the old file are in the new one.
    ahead: Vec<usize>,
    /// What the new file is written with. Of its inputs it has what is not written yet.
    new: TsMerger,
    lanes: Vec<Lane>,
}

/// What comes of an input.
#[derive(Debug, Default)]
struct Lane {
    /// It is not whole yet.
    chunk: Chunk,
    /// When its last PES packet begins, on the timeline.
    time: Option<i64>,
    span: Option<(i64, i64)>,
}

impl Splice {
    /// Begins where a hole does; `copy` has what the old file has until there.
    pub(in crate::merge) fn begin(
        old: &Path,
        copy: &Path,
        mut at: TsMerger,
        mut new: TsMerger,
    ) -> Result<Self, MergeError> {
        new.file
            .reopen(copy, new.reader.bytes)
            .map_err(MergeError::Write)?;
        let ahead = pending(&mut at)?.iter().map(Vec::len).collect();
        let mut lanes = Vec::new();
        for input in &mut new.inputs {
            // The chunk that is open is the last.
            let _ = input.rewriter.finish();
            lanes.push(Lane {
                chunk: input.rewriter.ready.pop_back().unwrap_or_default(),
                time: input.rewriter.span.map(|(_, last)| last),
                span: input.rewriter.span,
            });
        }
        Ok(Self {
            old: File::open(old).map_err(MergeError::Write)?,
            at,
            ahead,
            new,
            lanes,
        })
    }

    /// Takes everything that the old file had when its merger was like this.
    pub(in crate::merge) fn move_to(&mut self, mut to: TsMerger) -> Result<(), MergeError> {
        let (begin, end) = (self.at.reader.bytes, to.reader.bytes);
        let mut version = self.at.program.version();
        let mut read = end.checked_sub(begin).ok_or_else(out_of_order)?;
        self.old.seek(SeekFrom::Start(begin)).map_err(MergeError::Write)?;
        let mut buffer = vec![0; READ_PACKETS * PACKET_BYTES];
        while read > 0 {
            let length = usize::try_from(read).unwrap_or(usize::MAX).min(buffer.len());
            let block = buffer.get_mut(..length).unwrap_or_default();
            self.old.read_exact(block).map_err(MergeError::Write)?;
            read -= length as u64;
            for bytes in block.as_chunks::<PACKET_BYTES>().0 {
                self.take_old(bytes, &to, &mut version);
            }
            self.new.write_ready(More::MayCome)?;
        }
        let pending = pending(&mut to)?;
        for bytes in pending.iter().flatten() {
            self.take_old(bytes, &to, &mut version);
        }
        self.ahead = pending.iter().map(Vec::len).collect();
        self.new.program.follow(&to.program);
        self.at = to;
        self.write_ready()
    }

    /// Writes what none can come before: an input of which all has come is not waited for, as in a capture.
    fn write_ready(&mut self) -> Result<(), MergeError> {
        for (input, known) in self.new.inputs.iter_mut().zip(&self.at.inputs) {
            (input.segments, input.seconds) = (known.segments, known.seconds);
        }
        self.new.write_ready(More::MayCome)
    }

    /// Takes a packet of the old file, which has the programme of `of`.
    fn take_old(&mut self, bytes: &[u8; PACKET_BYTES], of: &TsMerger, version: &mut u8) {
        /// Where the programme map has its version: behind the header, the pointer and five bytes of the section.
        const VERSION: usize = 10;
        let pid = pid_of(bytes);
        if pid == MAP_PID {
            let starts = Packet::parse(bytes).is_some_and(|packet| packet.starts);
            let told = bytes.get(VERSION).map_or(0, |byte| byte >> 1 & 0x1f);
            if starts && told != *version {
                *version = told;
                self.new.program.follow(&of.program);
            }
            return;
        }
        let Some((input, key)) = of.program.source_of(pid) else {
            return;
        };
        match self.ahead.get_mut(input) {
            Some(ahead) if *ahead > 0 => *ahead -= 1,
            _ => {
                let reference = of.inputs.get(input).and_then(|input| input.rewriter.span);
                if key.is_some_and(|key| self.new.program.place(key).is_none()) {
                    self.new.program.follow(&of.program);
                }
                self.take(input, key, bytes, reference);
            }
        }
    }

    /// Merges a segment that was missing here.
    pub(in crate::merge) fn push(&mut self, segment: &SegmentInput) -> Result<(), MergeError> {
        self.at.read(segment)?;
        self.new.program.follow(&self.at.program);
        let track = segment.track;
        let packets = pending(&mut self.at)?;
        let reference = self.at.inputs.get(track).and_then(|input| input.rewriter.span);
        for bytes in packets.get(track).into_iter().flatten() {
            if let Some((input, key)) = self.at.program.source_of(pid_of(bytes)) {
                self.take(input, key, bytes, reference);
            }
        }
        self.write_ready()
    }

    /// Takes a packet of a stream, or of a clock alone, as the rewriter of its input would.
    fn take(&mut self, input: usize, key: Option<Key>, bytes: &[u8; PACKET_BYTES], span: Option<(i64, i64)>) {
        let program = &mut self.new.program;
        let index = key.and_then(|key| program.place(key));
        let parsed = Packet::parse(bytes);
        let Some(lane) = self.lanes.get_mut(input) else {
            return;
        };
        if let (Some(index), Some(parsed)) = (index, parsed.filter(|packet| packet.starts)) {
            if let Some(stamps) = pes::peek_timestamps(parsed.payload) {
                let near = lane.time.or(span.map(|(first, _)| first));
                let time = nearest(stamps.dts, near.unwrap_or(stamps.dts));
                let sets_the_pace = program.paces(input) == Some(index);
                if let Some(whole) = lane.begin_unit(sets_the_pace, time)
                    && let Some(input) = self.new.inputs.get_mut(input)
                {
                    input.rewriter.ready.push_back(whole);
                }
            }
            program.count_unit(index);
        }
        let next = match index {
            Some(index) => program.next_of(index, parsed.is_some()),
            None => Some(program.next_of_clock()),
        };
        if let Some((pid, counter)) = next {
            let mut copy = *bytes;
            packet::Packet(&mut copy).set_header(pid, counter);
            lane.chunk.packets.extend_from_slice(&copy);
        }
    }

    /// Lets `save` see the merger that goes on here. None where the file has a stream that it had not: what is kept of the
    /// old one counts them in another way.
    pub(in crate::merge) fn with<T>(&mut self, save: impl FnOnce(&mut TsMerger) -> T) -> Option<T> {
        if !self.at.program.has_streams_of(&self.new.program) {
            return None;
        }
        self.exchange();
        let saved = save(&mut self.at);
        self.exchange();
        Some(saved)
    }

    /// The merger that goes on here, for good.
    pub(in crate::merge) fn end(mut self) -> TsMerger {
        self.exchange();
        for (input, lane) in self.at.inputs.iter_mut().zip(&self.lanes) {
            let spans = [input.rewriter.span, lane.span].into_iter().flatten();
            input.rewriter.span = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        }
        self.at
    }

    /// Puts what is written, and what is about to be, from one merger into the other.
    fn exchange(&mut self) {
        use std::mem::swap;
        let (at, new) = (&mut self.at, &mut self.new);
        swap(&mut at.file, &mut new.file);
        swap(&mut at.program, &mut new.program);
        swap(&mut at.reader, &mut new.reader);
        swap(&mut at.told, &mut new.told);
        let inputs = at.inputs.iter_mut().zip(&mut new.inputs);
        for ((at, new), lane) in inputs.zip(&mut self.lanes) {
            // It stays open, for packets that come later.
            swap(&mut at.rewriter.chunk, &mut lane.chunk);
            swap(&mut at.rewriter.ready, &mut new.rewriter.ready);
        }
    }
}

impl Lane {
    /// A PES packet begins at this time; those of the first stream set the pace of chunks. The chunk that ends here, if
    /// one does.
    fn begin_unit(&mut self, sets_the_pace: bool, time: i64) -> Option<Chunk> {
        self.time = Some(time);
        let (first, last) = self.span.unwrap_or((time, time));
        self.span = Some((first.min(time), last.max(time)));
        if self.chunk.packets.is_empty() {
            self.chunk.time = time;
            return None;
        }
        let is_over = sets_the_pace && time >= self.chunk.time.saturating_add(CHUNK_TICKS);
        is_over.then(|| {
            let next = Chunk {
                time,
                ..Chunk::default()
            };
            std::mem::replace(&mut self.chunk, next)
        })
    }
}

/// Takes out, by input, the packets that are not written yet.
fn pending(merger: &mut TsMerger) -> Result<Vec<Vec<[u8; PACKET_BYTES]>>, MergeError> {
    let take = |(track, input): (usize, &mut super::Input)| {
        let segment = input.segments;
        input.rewriter.finish().map_err(|source| MergeError::Segment {
            track,
            segment,
            source,
        })?;
        let ready = std::mem::take(&mut input.rewriter.ready);
        let packets = ready
            .iter()
            .flat_map(|chunk| chunk.packets.as_chunks().0.iter().copied());
        Ok(packets.collect())
    };
    merger.inputs.iter_mut().enumerate().map(take).collect()
}

/// The time that 33 bits tell, as near as can be to another.
fn nearest(stamp: i64, time: i64) -> i64 {
    const WRAP: i64 = 1 << 33;
    let ahead = (stamp - time).rem_euclid(WRAP);
    time + if ahead >= WRAP / 2 { ahead - WRAP } else { ahead }
}

fn out_of_order() -> MergeError {
    crate::merge::check::failed("what is kept of its holes is in no order")
}

impl Program {
    /// What is in the tables now.
    fn version(&self) -> u8 {
        self.version
    }

    /// Which stream has this key.
    fn place(&self, key: Key) -> Option<usize> {
        self.streams.iter().position(|stream| stream.key == key)
    }

    /// The input of a PID and its stream; a clock alone has none.
    fn source_of(&self, pid: u16) -> Option<(usize, Option<Key>)> {
        let stream = self.streams.iter().find(|stream| stream.pid == pid);
        let clock = || self.clock.filter(|_| pid == super::program::CLOCK_PID);
        stream
            .map(|stream| (stream.key.input, Some(stream.key)))
            .or_else(|| clock().map(|(input, _)| (input, None)))
    }

    /// The stream that sets the pace of an input: its video, where it has some.
    fn paces(&self, input: usize) -> Option<usize> {
        let of_input = self.streams.iter().enumerate();
        let of_input = of_input.filter(|(_, stream)| stream.key.input == input);
        let first = of_input.min_by_key(|(_, stream)| match stream.key.role {
            Role::Media(kind) => kind as u8,
            Role::Other(_) => 3,
        });
        first.map(|(index, _)| index)
    }

    /// Has all that another has.
    fn follow(&mut self, other: &Self) {
        for stream in &other.streams {
            self.stream(stream.key, &stream.mapped, stream.language.as_deref());
        }
        if let Some((input, stream)) = other.clock {
            let key = stream
                .and_then(|index| other.streams.get(index))
                .map(|stream| stream.key);
            self.set_clock(input, key.and_then(|key| self.place(key)));
        }
    }

    fn has_streams_of(&self, other: &Self) -> bool {
        let keys = |program: &Self| {
            program
                .streams
                .iter()
                .map(|stream| stream.key)
                .collect::<Vec<_>>()
        };
        keys(self) == keys(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_near_the_time_before() {
        const WRAP: i64 = 1 << 33;
        assert_eq!(nearest(5, 3), 5);
        assert_eq!(nearest(3, 5), 3);
        assert_eq!(nearest(3, WRAP - 1), WRAP + 3);
        assert_eq!(nearest(WRAP - 1, WRAP + 3), WRAP - 1);
        assert_eq!(nearest(WRAP - 1, -5), -1);
    }
}
