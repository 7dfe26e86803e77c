//! The programme of the output (ISO/IEC 13818-1, 2.4.4): which streams it has, on PIDs that never change.

use bytes::BufMut;
use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

use super::packet::{self, PACKET_BYTES};
use crate::demux::ts::psi::{MappedStream, crc32};
use crate::demux::ts::streams::{self, Content};
use crate::merge::language;

/// PID of the programme map.
pub(super) const MAP_PID: u16 = 0x1000;

/// PID of the first stream.
const FIRST_PID: u16 = 0x100;

/// The clock has a PID of its own when it comes on one that has no stream.
pub(super) const CLOCK_PID: u16 = 0xff;

/// What makes a stream the same one again after a discontinuity: the plan's track, what it carries, and its place among
/// those that carry the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) input: usize,
    pub(super) role: Role,
    pub(super) ordinal: usize,
}

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Role {
    Media(TrackKind),
    /// Timed metadata, subtitles and the like, by stream type.
    Other(u8),
}

/// A stream of the output.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OutputStream {
    pub(super) key: Key,
    pub(super) pid: u16,
    pub(super) mapped: MappedStream,
    pub(super) language: Option<String>,
    /// `continuity_counter` of its last packet with a payload.
    counter: Option<u8>,
    /// PES packets written.
    pub(super) units: u64,
}

/// The programme.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Program {
    pub(super) streams: Vec<OutputStream>,
    /// The input that the clock comes from, and the place of its stream; None: it comes alone.
    pub(super) clock: Option<(usize, Option<usize>)>,
    clock_counter: Option<u8>,
    pub(super) version: u8,
    /// The tables on the wire say something else.
    stale: bool,
    table_counters: [Option<u8>; 2],
}

impl Role {
    /// None for what is no PES stream: its times could not be kept right.
    pub(super) fn of(stream: &MappedStream) -> Option<Self> {
        match streams::content(stream) {
            Content::Media(kind, _) | Content::Foreign(kind, _) => Some(Self::Media(kind)),
            // Private PES packets, metadata in them.
            Content::Other if matches!(stream.stream_type, 0x06 | 0x15) => {
                Some(Self::Other(stream.stream_type))
            }
            Content::Other | Content::Encrypted(..) | Content::Unsupported(_) => None,
        }
    }
}

impl Program {
    /// The place in the list of the stream with this key, which is new or known, and is coded like `mapped` from now on.
    pub(super) fn stream(&mut self, key: Key, mapped: &MappedStream, language: Option<&str>) -> usize {
        if let Some(index) = self.streams.iter().position(|stream| stream.key == key) {
            if let Some(stream) = self.streams.get_mut(index)
                && !says_the_same(&stream.mapped, mapped)
            {
                stream.mapped = mapped.clone();
                self.stale = true;
            }
            return index;
        }
        self.stale = true;
        self.streams.push(OutputStream {
            key,
            pid: FIRST_PID
                + u16::try_from(self.streams.len())
                    .unwrap_or(u16::MAX)
                    .min(MAP_PID - FIRST_PID - 1),
            mapped: mapped.clone(),
            language: language.map(ToOwned::to_owned),
            counter: None,
            units: 0,
        });
        self.streams.len() - 1
    }

    /// The clock comes with this stream of this input, or alone. The input that is first stays the one.
    pub(super) fn set_clock(&mut self, input: usize, stream: Option<usize>) {
        if self
            .clock
            .is_none_or(|(from, known)| from == input && known != stream)
        {
            self.clock = Some((input, stream));
            self.stale = true;
        }
    }

    /// Whether the clock comes from this input.
    pub(super) fn has_clock_of(&self, input: usize) -> bool {
        self.clock.is_some_and(|(from, _)| from == input)
    }

    /// The PID and the next counter for a packet of a stream.
    pub(super) fn next_of(&mut self, index: usize, has_payload: bool) -> Option<(u16, u8)> {
        let stream = self.streams.get_mut(index)?;
        Some((stream.pid, next(&mut stream.counter, has_payload)))
    }

    /// Gives packets of a stream that have a payload its PID, and the next counters.
    pub(super) fn number(&mut self, index: usize, packets: &mut [[u8; PACKET_BYTES]]) {
        for bytes in packets {
            if let Some((pid, counter)) = self.next_of(index, true) {
                packet::Packet(bytes).set_header(pid, counter);
            }
        }
    }

    /// A PES packet of a stream begins.
    pub(super) fn count_unit(&mut self, index: usize) {
        if let Some(stream) = self.streams.get_mut(index) {
            stream.units += 1;
        }
    }

    /// The PID and the counter for a packet that has the clock alone.
    pub(super) fn next_of_clock(&mut self) -> (u16, u8) {
        (CLOCK_PID, next(&mut self.clock_counter, false))
    }

    /// Whether the tables have to be told anew.
    pub(super) fn is_stale(&self) -> bool {
        self.stale
    }

    /// Packets with the programme association and the programme map.
    pub(super) fn tables(&mut self) -> Vec<u8> {
        const NO_CLOCK: u16 = 0x1fff;
        if std::mem::take(&mut self.stale) {
            self.version = self.version.wrapping_add(1) & 0x1f;
        }
        let association = section(0, 1, self.version, |out| {
            out.put_u16(1);
            out.put_u16(0xe000 | MAP_PID);
        });
        let clock_pid = match self.clock {
            Some((_, Some(index))) => self.streams.get(index).map_or(NO_CLOCK, |stream| stream.pid),
            Some((_, None)) => CLOCK_PID,
            None => NO_CLOCK,
        };
        let map = section(2, 1, self.version, |out| {
            out.put_u16(0xe000 | clock_pid);
            out.put_u16(0xf000);
            for stream in &self.streams {
                stream.write(out);
            }
        });
        let mut out = Vec::new();
        let [of_association, of_map] = &mut self.table_counters;
        packets(&mut out, 0, &association, of_association);
        packets(&mut out, MAP_PID, &map, of_map);
        out
    }
}

impl OutputStream {
    /// Its name for people and programs: RFC 6381 as far as the programme map tells.
    pub(super) fn codec(&self) -> String {
        use crate::demux::Codec;
        match streams::content(&self.mapped) {
            Content::Media(_, codec) | Content::Encrypted(_, codec) => match codec {
                Codec::H264 => "avc1",
                Codec::Hevc => "hvc1",
                Codec::Aac => "mp4a.40",
                Codec::MpegAudio => "mp4a.6b",
                Codec::Ac3 => "ac-3",
                Codec::Eac3 => "ec-3",
                Codec::Opus(_) => "opus",
            },
            Content::Foreign(_, name) | Content::Unsupported(name) => name,
            Content::Other => "private data",
        }
        .to_owned()
    }

    /// Its part of the programme map.
    fn write(&self, out: &mut Vec<u8>) {
        const LANGUAGE_DESCRIPTOR: u8 = 0x0a;
        let mut descriptors = Vec::new();
        for (tag, content) in &self.mapped.descriptors {
            descriptors.put_u8(*tag);
            descriptors.put_u8(u8::try_from(content.len()).unwrap_or(u8::MAX));
            descriptors.put_slice(content);
        }
        let told = self
            .mapped
            .descriptors
            .iter()
            .any(|(tag, _)| *tag == LANGUAGE_DESCRIPTOR);
        if let Some(language) = self.language.as_deref().filter(|_| !told) {
            descriptors.put_slice(&[LANGUAGE_DESCRIPTOR, 4]);
            descriptors.put_slice(language::bibliographic(Some(language)).as_bytes());
            descriptors.put_u8(0);
        }
        out.put_u8(self.mapped.stream_type);
        out.put_u16(0xe000 | self.pid);
        out.put_u16(0xf000 | u16::try_from(descriptors.len()).unwrap_or(0) & 0x0fff);
        out.put_slice(&descriptors);
    }
}

/// The PID of a source does not matter.
fn says_the_same(known: &MappedStream, new: &MappedStream) -> bool {
    (known.stream_type, &known.descriptors) == (new.stream_type, &new.descriptors)
}

fn next(counter: &mut Option<u8>, has_payload: bool) -> u8 {
    match (*counter, has_payload) {
        (Some(last), true) => *counter.insert(last.wrapping_add(1) & 0x0f),
        (None, true) => *counter.insert(0),
        (last, false) => last.unwrap_or(0x0f),
    }
}

/// A section of a table, with its checksum.
fn section(table_id: u8, id: u16, version: u8, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut content = Vec::new();
    content.put_u16(id);
    // Reserved bits, version, "applies now".
    content.put_u8(0xc1 | version << 1);
    content.put_u16(0);
    fill(&mut content);
    let mut out = vec![table_id];
    out.put_u16(0xb000 | u16::try_from(content.len() + 4).unwrap_or(0) & 0x0fff);
    out.put_slice(&content);
    out.put_u32(crc32(&out));
    out
}

/// A section in packets of their own.
fn packets(out: &mut Vec<u8>, pid: u16, section: &[u8], counter: &mut Option<u8>) {
    const HEADER_BYTES: usize = 4;
    // `pointer_field`: the section begins at once.
    let content = [&[0], section].concat();
    for (index, part) in content.chunks(PACKET_BYTES - HEADER_BYTES).enumerate() {
        let starts = if index == 0 { 0x4000 } else { 0 };
        out.put_u8(0x47);
        out.put_u16(starts | pid);
        out.put_u8(0x10 | next(counter, true));
        out.put_slice(part);
        out.put_bytes(0xff, PACKET_BYTES - HEADER_BYTES - part.len());
    }
}
