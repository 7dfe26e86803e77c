//! The segments of one playlist -> packets of the output: on its PIDs, in its time, counted without a break.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

use super::packet::{self, PACKET_BYTES};
use super::program::{Key, Program, Role};
use crate::demux::ts::packets::{Packet, PacketReader, pid_of};
use crate::demux::ts::psi::MappedStream;
use crate::demux::ts::streams::{self, Content, SCRAMBLED_PACKETS};
use crate::demux::ts::{MAX_HELD_MEGABYTES, Tables, pes};
use crate::demux::{CLOCK_HZ, DemuxError, Edge, Epoch, SourceClock, StreamId, Timeline};
use crate::merge::overlap::Overlaps;

/// Timestamps have 33 bits.
const STAMP: i64 = (1 << 33) - 1;

/// How finely playlists interleave, in timeline ticks.
pub(super) const CHUNK_TICKS: i64 = CLOCK_HZ as i64 / 4;

/// The clock goes on by at least this much where it would go back: the distance that the standard asks for at most is
/// 100 ms.
const CLOCK_STEP: i64 = CLOCK_HZ as i64 / 100;

/// Packets that are written together.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Chunk {
    /// When it begins, on the timeline.
    pub(super) time: i64,
    pub(super) packets: Vec<u8>,
}

/// Rewrites the segments of one playlist.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Rewriter {
    /// Its number on the timeline and among the inputs.
    playlist: usize,
    language: Option<String>,
    packets: PacketReader,
    tables: Tables,
    streams: Vec<Stream>,
    /// Source PID of the clock.
    clock_pid: Option<u16>,
    /// What was said with each stream of the output, or alone.
    clocks: HashMap<Option<usize>, Clock>,
    /// Segments that came before any programme map, with how they join.
    held: Vec<(Bytes, Edge)>,
    pub(super) chunk: Chunk,
    /// Chunks that are whole.
    pub(super) ready: VecDeque<Chunk>,
    /// The earliest and the latest time on the timeline.
    pub(super) span: Option<(i64, i64)>,
    /// Of each stream, whatever PID it is on.
    overlaps: Vec<(StreamId, Overlaps)>,
}

/// A stream that is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Stream {
    pid: u16,
    /// Its place in the programme of the output.
    index: usize,
    id: Option<StreamId>,
    times: Times,
    /// Audio is read in earnest: several frames share a PES packet, so that only they tell when it ends.
    frames: Option<streams::Stream>,
    scrambled: u32,
}

impl Stream {
    /// When the next PES packet is expected, on the timeline.
    fn end(&self) -> Option<i64> {
        let counted = self.frames.as_ref().and_then(streams::Stream::end);
        counted.or_else(|| self.times.end())
    }
}

/// When the PES packets of a stream come, on the timeline.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Times {
    last: Option<i64>,
    distance: i64,
}

impl Times {
    fn add(&mut self, time: i64) {
        let distance = self.last.map(|last| time.saturating_sub(last));
        self.distance = distance
            .filter(|distance| (1..i64::from(CLOCK_HZ)).contains(distance))
            .unwrap_or(self.distance);
        self.last = Some(time);
    }

    fn end(self) -> Option<i64> {
        Some(self.last?.saturating_add(self.distance))
    }
}

/// The programme clock, which only goes on, but where that of a source goes back in the middle of a stretch of time: there
/// it is told.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Clock {
    last: Option<i64>,
    /// What is added where the clock of a new stretch of time would go back: encoders keep it at different distances
    /// ahead of the media.
    shift: i64,
    epoch: Option<Epoch>,
}

/// What a clock says at a packet.
#[derive(Debug, Clone, Copy)]
struct Reading {
    base: i64,
    /// Those that read 33 bits see it go back.
    goes_back: bool,
}

impl Clock {
    /// The clock of the output for one of the source.
    fn output(&mut self, base: i64, epoch: &Epoch) -> Reading {
        /// Half of what 33 bits can tell.
        const HALF: i64 = 1 << 32;
        let new_epoch = self
            .epoch
            .as_ref()
            .is_some_and(|known| !known.adds_the_same(epoch));
        if new_epoch {
            self.shift = 0;
        }
        let mut time = epoch.peek(base, SourceClock::Wrapping).saturating_add(self.shift);
        if let Some(last) = self.last.filter(|&last| new_epoch && time <= last) {
            self.shift = last - time + CLOCK_STEP;
            time += self.shift;
        }
        let step = time.saturating_sub(self.last.unwrap_or(time));
        self.epoch = Some(*epoch);
        self.last = Some(time);
        Reading {
            base: time & STAMP,
            goes_back: step & STAMP >= HALF,
        }
    }
}

impl Rewriter {
    pub(super) fn new(playlist: usize, language: Option<String>) -> Self {
        Self {
            playlist,
            language,
            packets: PacketReader::default(),
            tables: Tables::default(),
            streams: Vec::new(),
            clock_pid: None,
            clocks: HashMap::new(),
            held: Vec::new(),
            chunk: Chunk::default(),
            ready: VecDeque::new(),
            span: None,
            overlaps: Vec::new(),
        }
    }

    /// Reads a segment; `map` is its media initialization section: packets with tables.
    pub(super) fn push(
        &mut self,
        data: &Bytes,
        map: Option<&Bytes>,
        edge: Edge,
        timeline: &mut Timeline,
        program: &mut Program,
    ) -> Result<(), DemuxError> {
        if edge.discontinuity {
            // What follows does not go on with a frame that is open.
            for frames in self
                .streams
                .iter_mut()
                .filter_map(|stream| stream.frames.as_mut())
            {
                frames.flush(&mut Vec::new());
            }
        }
        if let Some(map) = map {
            self.read_tables(map, program)?;
        }
        // Tables may stand behind the packets they describe, and in later segments they may be missing.
        if edge.discontinuity || self.streams.is_empty() {
            self.read_tables(data, program)?;
        }
        self.held.push((data.clone(), edge));
        if self.streams.is_empty() {
            let held_bytes: usize = self.held.iter().map(|(data, _)| data.len()).sum();
            return if held_bytes > MAX_HELD_MEGABYTES << 20 {
                Err(DemuxError::NoProgramMap(MAX_HELD_MEGABYTES))
            } else {
                Ok(())
            };
        }
        for (data, edge) in std::mem::take(&mut self.held) {
            self.segment(&data, edge, timeline, program)?;
        }
        Ok(())
    }

    /// There is no further segment.
    pub(super) fn finish(&mut self) -> Result<(), DemuxError> {
        if !self.held.is_empty() {
            let held_bytes: usize = self.held.iter().map(|(data, _)| data.len()).sum();
            return Err(DemuxError::NoProgramMap(held_bytes.div_ceil(1 << 20)));
        }
        self.close_chunk();
        Ok(())
    }

    /// Of the packets that are not written yet.
    pub(super) fn pending_bytes(&self) -> usize {
        let chunks = self.ready.iter().chain([&self.chunk]);
        chunks.map(|chunk| chunk.packets.len()).sum()
    }

    fn segment(
        &mut self,
        data: &Bytes,
        edge: Edge,
        timeline: &mut Timeline,
        program: &mut Program,
    ) -> Result<(), DemuxError> {
        let firsts = self.look_ahead(data);
        let mut epoch = timeline.enter(self.playlist, &firsts, SourceClock::Wrapping, edge);
        let mut packets = std::mem::take(&mut self.packets);
        packets.begin_segment(data);
        let mut result = Ok(());
        packets.feed_runs(data, |run| {
            if result.is_err() || self.go_on(run, &mut epoch, program) {
                return;
            }
            result = run
                .iter()
                .try_for_each(|bytes| self.packet(bytes, &mut epoch, program));
        });
        self.packets = packets;
        for frames in self
            .streams
            .iter_mut()
            .filter_map(|stream| stream.frames.as_mut())
        {
            frames.drain(&mut Vec::new());
        }
        let ends = self
            .streams
            .iter()
            .filter_map(|stream| Some((stream.id?, stream.end()?)));
        timeline.leave(self.playlist, epoch, ends);
        result
    }

    /// Reads only the tables.
    fn read_tables(&mut self, data: &[u8], program: &mut Program) -> Result<(), DemuxError> {
        let mut reader = PacketReader::default();
        reader.begin_segment(data);
        let mut map: Option<Vec<MappedStream>> = None;
        reader.feed_whole(data, |bytes| {
            if let Some(packet) = Packet::parse(bytes)
                && let Some(streams) = self.tables.feed(&packet)
            {
                map = Some(streams.to_vec());
            }
        });
        if map.is_none() && self.streams.is_empty() {
            map = self.tables.settle().map(<[MappedStream]>::to_vec);
        }
        map.map_or(Ok(()), |map| self.map(&map, program))
    }

    /// A programme map holds from here on.
    fn map(&mut self, map: &[MappedStream], program: &mut Program) -> Result<(), DemuxError> {
        let mut roles: Vec<Role> = Vec::new();
        let old = std::mem::take(&mut self.streams);
        let mut streams = Vec::new();
        for mapped in map {
            match streams::content(mapped) {
                Content::Unsupported(name) => {
                    return Err(DemuxError::Unsupported(format!("{name} in a .ts file")));
                }
                Content::Encrypted(_, codec) => {
                    return Err(DemuxError::NoKey(
                        codec.sample_aes().unwrap_or_default().to_owned(),
                    ));
                }
                Content::Media(..) | Content::Foreign(..) | Content::Other => {}
            }
            let Some(role) = Role::of(mapped) else { continue };
            let ordinal = roles.iter().filter(|&&known| known == role).count();
            roles.push(role);
            let key = Key {
                input: self.playlist,
                role,
                ordinal,
            };
            let index = program.stream(key, mapped, self.language.as_deref());
            let known = old.iter().find(|stream| stream.index == index);
            let id = match role {
                Role::Media(kind) => Some(StreamId { kind, ordinal }),
                Role::Other(_) => None,
            };
            let frames = match (streams::content(mapped), id) {
                (Content::Media(TrackKind::Audio, codec), Some(id)) => {
                    Some(streams::Stream::new(mapped.pid, codec, id))
                }
                _ => None,
            };
            streams.push(Stream {
                pid: mapped.pid,
                index,
                id,
                times: known.map(|stream| stream.times).unwrap_or_default(),
                frames,
                scrambled: 0,
            });
        }
        // Video, where there is some, sets the pace.
        streams.sort_by_key(|stream| stream.id.map_or(3, |id| id.kind as u8));
        self.streams = streams;
        self.clock_pid = None;
        Ok(())
    }

    /// The source times at which the streams begin in a segment, and where the clock is.
    fn look_ahead(&mut self, data: &[u8]) -> Vec<(StreamId, i64)> {
        /// Where no timestamp of a stream has come so far, it is taken to be absent.
        const LOOK_AHEAD_BYTES: usize = 2 << 20;
        const PIECE_BYTES: usize = 64 << 10;
        let Self {
            streams, clock_pid, ..
        } = self;
        let mut firsts: Vec<(StreamId, i64)> = Vec::new();
        let mut clocks: Vec<u16> = Vec::new();
        let wanted = streams.iter().filter(|stream| stream.id.is_some()).count();
        let mut reader = PacketReader::default();
        reader.begin_segment(data);
        for piece in data.get(..LOOK_AHEAD_BYTES).unwrap_or(data).chunks(PIECE_BYTES) {
            reader.feed_runs(piece, |run| {
                // Nothing begins in packets that go on, and they tell no time.
                let [bytes] = run else { return };
                if clock_pid.is_none() && packet::clock(bytes).is_some() {
                    clocks.push(pid_of(bytes));
                }
                let Some(packet) = Packet::parse(bytes).filter(|packet| packet.starts) else {
                    return;
                };
                let id = streams
                    .iter()
                    .find(|stream| stream.pid == packet.pid)
                    .and_then(|stream| stream.id);
                if let Some(id) = id
                    && firsts.iter().all(|(known, _)| *known != id)
                    && let Some(stamps) = pes::peek_timestamps(packet.payload)
                {
                    firsts.push((id, stamps.dts));
                }
            });
            if firsts.len() == wanted && (clock_pid.is_some() || !clocks.is_empty()) {
                break;
            }
        }
        // That of another programme is the last choice.
        let own = clocks
            .iter()
            .find(|&pid| streams.iter().any(|stream| stream.pid == *pid));
        *clock_pid = clock_pid.or(own.or(clocks.first()).copied());
        firsts
    }

    /// Keeps packets of one PID that only go on, if that is one of a stream that is kept. Returns whether it is: else each
    /// packet has to be looked at.
    fn go_on(&mut self, run: &[[u8; PACKET_BYTES]], epoch: &mut Epoch, program: &mut Program) -> bool {
        let pid = run.first().filter(|_| run.len() > 1).map(pid_of);
        let stream = self.streams.iter_mut().find(|stream| Some(stream.pid) == pid);
        let Some(stream) = stream.filter(|_| !self.tables.are_in(run)) else {
            return false;
        };
        if let Some(frames) = &mut stream.frames {
            frames.go_on(run, epoch);
        }
        let packets = &mut self.chunk.packets;
        let begin = packets.len();
        packets.extend_from_slice(run.as_flattened());
        let (copies, _) = packets
            .get_mut(begin..)
            .unwrap_or_default()
            .as_chunks_mut::<PACKET_BYTES>();
        program.number(stream.index, copies);
        true
    }

    fn packet(
        &mut self,
        bytes: &[u8; PACKET_BYTES],
        epoch: &mut Epoch,
        program: &mut Program,
    ) -> Result<(), DemuxError> {
        let parsed = Packet::parse(bytes);
        if let Some(parsed) = &parsed
            && let Some(map) = self.tables.feed(parsed).map(<[MappedStream]>::to_vec)
        {
            return self.map(&map, program);
        }
        let pid = pid_of(bytes);
        let clock = packet::clock(bytes);
        let is_clock = clock.is_some() && self.clock_pid == Some(pid);
        let mut copy = *bytes;
        let mut packet = packet::Packet(&mut copy);
        packet.clear_discontinuity();
        let place = self.streams.iter().position(|stream| stream.pid == pid);
        let stream = place.and_then(|place| self.streams.get_mut(place));
        let index = stream.as_ref().map(|stream| stream.index);
        // Another clock, of no stream that is kept, is not written: what it says is nothing to go back behind.
        if let Some(base) = clock.filter(|_| is_clock || stream.is_some()) {
            let reading = self.clocks.entry(index).or_default().output(base, epoch);
            packet.set_clock(reading.base);
            if reading.goes_back {
                packet.set_discontinuity();
            }
        }
        let (Some(stream), Some(parsed)) = (stream, parsed) else {
            if is_clock {
                self.clock_alone(copy, index, program);
            }
            return Ok(());
        };
        if is_clock {
            program.set_clock(self.playlist, index);
        }
        if parsed.scrambled {
            stream.scrambled += 1;
            if stream.scrambled >= SCRAMBLED_PACKETS {
                return Err(DemuxError::Unsupported("a scrambled transport stream".to_owned()));
            }
        }
        let index = stream.index;
        if let Some(frames) = &mut stream.frames {
            frames.packet(&parsed, epoch, &mut Vec::new());
        }
        if parsed.starts {
            if let Some(stamps) = pes::peek_timestamps(parsed.payload) {
                let time = epoch.map(stamps.dts, SourceClock::Wrapping);
                let output = |stamp| epoch.peek(stamp, SourceClock::Wrapping) & STAMP;
                if packet.change_timestamps(output).is_none() {
                    tracing::warn!("a timestamp is cut by the end of its packet: it is left out");
                    packet.drop_timestamps();
                }
                stream.times.add(time);
                if let Some(id) = stream.id {
                    let known = self.overlaps.iter_mut().find(|(known, _)| *known == id);
                    match known {
                        Some((_, overlaps)) => overlaps.pass(time, CLOCK_HZ),
                        None => self.overlaps.push((id, Overlaps::beginning(time))),
                    }
                }
                self.begin_unit(place == Some(0), time);
            }
            program.count_unit(index);
        }
        if let Some((pid, counter)) = program.next_of(index, true) {
            packet.set_header(pid, counter);
            self.chunk.packets.extend_from_slice(&copy);
        }
        Ok(())
    }

    /// Keeps the clock of a packet that has nothing else to keep.
    fn clock_alone(&mut self, mut bytes: [u8; PACKET_BYTES], stream: Option<usize>, program: &mut Program) {
        program.set_clock(self.playlist, stream);
        if !program.has_clock_of(self.playlist) {
            return;
        }
        let mut packet = packet::Packet(&mut bytes);
        packet.remove_payload();
        let next = match stream {
            Some(index) => program.next_of(index, false),
            None => Some(program.next_of_clock()),
        };
        if let Some((pid, counter)) = next {
            packet.set_header(pid, counter);
            self.chunk.packets.extend_from_slice(&bytes);
        }
    }

    /// A PES packet begins at this time; those of the first stream set the pace of chunks.
    fn begin_unit(&mut self, sets_the_pace: bool, time: i64) {
        let (first, last) = self.span.unwrap_or((time, time));
        self.span = Some((first.min(time), last.max(time)));
        if self.chunk.packets.is_empty() {
            self.chunk.time = time;
        } else if sets_the_pace && time >= self.chunk.time.saturating_add(CHUNK_TICKS) {
            self.close_chunk();
            self.chunk.time = time;
        }
    }

    fn close_chunk(&mut self) {
        let capacity = self.chunk.packets.len();
        let chunk = std::mem::take(&mut self.chunk);
        if !chunk.packets.is_empty() {
            self.ready.push_back(chunk);
            self.chunk.packets.reserve(capacity);
        }
    }

    /// What there is to say of media that comes twice; the output begins at `start` of the timeline.
    pub(super) fn overlap_words(&self, start: i64) -> impl Iterator<Item = String> {
        let words = move |(stream, overlaps): &(StreamId, Overlaps)| {
            overlaps.words((self.playlist, stream.kind), start, CLOCK_HZ)
        };
        self.overlaps.iter().flat_map(words)
    }

    /// When the next PES packet is expected, on the timeline.
    pub(super) fn end(&self) -> Option<i64> {
        self.streams.iter().filter_map(|stream| stream.times.end()).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A damaged packet may say anything. What the clock says later is not moved because of it.
    #[test]
    fn a_clock_that_goes_back_is_told() {
        let (mut clock, epoch) = (Clock::default(), Epoch::default());
        let mut said = |base| {
            let reading = clock.output(base, &epoch);
            (reading.base, reading.goes_back)
        };
        assert_eq!(said(90_000), (90_000, false));
        assert_eq!(
            said(8_000_000_000),
            (8_000_000_000, true),
            "13 hours ahead are as good"
        );
        assert_eq!(said(93_000), (93_000, false), "it wraps");
        assert_eq!(said(92_000), (92_000, true));
        assert_eq!(said(96_000), (96_000, false));
        assert_eq!(said(STAMP), (STAMP, true));
        assert_eq!(said(1_000), (1_000, false), "it wraps");
    }
}
