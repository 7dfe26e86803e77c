//! MPEG-2 transport streams (ISO/IEC 13818-1) -> samples.
//!
//! `sync` finds packets, [`packets`] cuts them out, [`psi`] says what they carry, [`pes`] gives payloads and times,
//! [`streams`] knows the codecs; what is inside is the business of [`super::codec`].

pub(crate) mod clear;
mod extent;
mod first_packet;
mod lead;
pub(crate) mod packets;
pub(crate) mod pes;
pub(crate) mod psi;
pub(crate) mod streams;
pub(super) mod sync;

use serde::{Deserialize, Serialize};

pub(super) use self::extent::extent;
pub(super) use self::first_packet::first_packet_is_noise;
pub(super) use self::lead::lead;
use self::packets::{Packet, PacketReader};
use self::psi::{MappedStream, PAT_PID, SectionReader};
use self::streams::Streams;
pub(crate) use self::sync::PACKET_BYTES;
use super::evidence::Proof;
use super::timeline::{Epoch, SourceClock, Timeline};
use super::{DemuxError, Demuxed, Segment, StreamId};

/// Samples are handed on after this many bytes of a segment, so that a huge segment is not held twice.
const PIECE_BYTES: usize = 4 << 20;

/// Segments are held back for at most this many bytes while no programme map has come.
pub(crate) const MAX_HELD_MEGABYTES: usize = 32;

/// Reads the segments of one playlist.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct TsReader {
    packets: PacketReader,
    tables: Tables,
    streams: Streams,
    /// Segments that came before any programme map.
    held: Vec<Segment>,
    /// The samples of the last segment were encrypted.
    encrypted: bool,
}

impl TsReader {
    /// Reads a segment.
    pub(super) fn push<E: From<DemuxError>>(
        &mut self,
        playlist: usize,
        segment: Segment,
        timeline: &mut Timeline,
        out: &mut impl FnMut(Vec<Demuxed>) -> Result<(), E>,
    ) -> Result<(), E> {
        let discontinuity = segment.edge.discontinuity;
        if segment.edge.breaks_off() {
            self.finish_units(out)?;
            timeline.settle(playlist, self.streams.ends());
        }
        if let Some(map) = &segment.map {
            self.read_tables(map);
        }
        // Tables may stand behind the packets they describe, and in later segments they may be missing. Where encryption
        // begins or ends the types of the streams change.
        let changed = std::mem::replace(&mut self.encrypted, segment.cipher.is_some()) != self.encrypted;
        if discontinuity || changed || !self.streams.known() {
            self.read_tables(&segment.data);
        }
        self.held.push(segment);
        if !self.streams.known() {
            let held_bytes: usize = self.held.iter().map(|held| held.data.len()).sum();
            if held_bytes > MAX_HELD_MEGABYTES << 20 {
                return Err(DemuxError::NoProgramMap(MAX_HELD_MEGABYTES).into());
            }
            return Ok(());
        }
        for segment in std::mem::take(&mut self.held) {
            self.segment(playlist, &segment, timeline, out)?;
        }
        Ok(())
    }

    /// Hands out what is held back.
    pub(super) fn flush<E: From<DemuxError>>(
        &mut self,
        out: &mut impl FnMut(Vec<Demuxed>) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.held.is_empty() {
            let held_bytes: usize = self.held.iter().map(|held| held.data.len()).sum();
            return Err(DemuxError::NoProgramMap(held_bytes.div_ceil(1 << 20)).into());
        }
        self.finish_units(out)?;
        Ok(self.streams.check_keys_at_end()?)
    }

    /// What is known of the key; None when nothing was decrypted.
    pub(super) fn proof(&self) -> Option<Proof> {
        self.streams.proof()
    }

    fn segment<E: From<DemuxError>>(
        &mut self,
        playlist: usize,
        segment: &Segment,
        timeline: &mut Timeline,
        out: &mut impl FnMut(Vec<Demuxed>) -> Result<(), E>,
    ) -> Result<(), E> {
        let data = &segment.data;
        let firsts = self.first_times(data);
        let mut epoch = timeline.enter(playlist, &firsts, SourceClock::Wrapping, segment.edge);
        self.streams.set_cipher(segment.cipher.as_ref());
        self.packets.begin_segment(data);
        for piece in data.chunks(PIECE_BYTES) {
            self.piece(piece, &mut epoch)?;
            out(self.streams.drain()?)?;
            self.streams.check_keys()?;
        }
        timeline.leave(playlist, epoch, self.streams.ends());
        Ok(())
    }

    fn piece(&mut self, piece: &[u8], epoch: &mut Epoch) -> Result<(), DemuxError> {
        let Self {
            packets,
            tables,
            streams,
            ..
        } = self;
        let mut result = Ok(());
        packets.feed_runs(piece, |run| {
            if result.is_err() || (!tables.are_in(run) && streams.go_on(run, epoch)) {
                return;
            }
            for packet in run.iter().filter_map(Packet::parse) {
                result = match tables.feed(&packet) {
                    Some(map) => {
                        streams.map(map);
                        Ok(())
                    }
                    None => streams.packet(&packet, epoch),
                };
                if result.is_err() {
                    return;
                }
            }
        });
        result
    }

    /// Reads only the tables.
    fn read_tables(&mut self, data: &[u8]) {
        let Self { tables, streams, .. } = self;
        let mut reader = PacketReader::default();
        reader.begin_segment(data);
        reader.feed(data, |packet| {
            if let Some(map) = tables.feed(&packet) {
                streams.map(map);
            }
        });
        if !streams.known()
            && let Some(map) = tables.settle()
        {
            streams.map(map);
        }
    }

    /// The source times at which the streams begin in a segment.
    fn first_times(&self, data: &[u8]) -> Vec<(StreamId, i64)> {
        /// Where no timestamp of a stream has come so far, it is taken to be absent.
        const LOOK_AHEAD_BYTES: usize = 2 << 20;
        let mut firsts: Vec<(StreamId, i64)> = Vec::new();
        let mut reader = PacketReader::default();
        reader.begin_segment(data);
        for piece in data
            .get(..LOOK_AHEAD_BYTES)
            .unwrap_or(data)
            .chunks(PIECE_BYTES / 64)
        {
            reader.feed_starts(piece, |packet| {
                let Some(stream) = self.streams.id_of(packet.pid) else {
                    return;
                };
                if firsts.iter().all(|(known, _)| *known != stream)
                    && let Some(timestamps) = pes::peek_timestamps(packet.payload)
                {
                    firsts.push((stream, timestamps.dts));
                }
            });
            if firsts.len() == self.streams.len() {
                break;
            }
        }
        firsts
    }

    /// Ends the access units that are open: what follows does not go on with them.
    fn finish_units<E: From<DemuxError>>(
        &mut self,
        out: &mut impl FnMut(Vec<Demuxed>) -> Result<(), E>,
    ) -> Result<(), E> {
        out(self.streams.flush())
    }
}

/// The tables of a stream.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Tables {
    pat: SectionReader,
    /// In the order of the PAT.
    programs: Vec<Program>,
    /// PID of the map of the programme that is read.
    selected: Option<u16>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Program {
    map_pid: u16,
    reader: SectionReader,
    /// None before its map has come.
    streams: Option<Vec<MappedStream>>,
}

impl Program {
    fn has_media(&self) -> bool {
        self.streams
            .as_ref()
            .is_some_and(|streams| streams.iter().any(streams::is_media))
    }
}

impl Tables {
    /// Whether packets of one PID are of a table.
    pub(crate) fn are_in(&self, run: &[[u8; PACKET_BYTES]]) -> bool {
        let pid = run.first().map(packets::pid_of);
        pid == Some(PAT_PID) || self.programs.iter().any(|program| Some(program.map_pid) == pid)
    }

    /// Reads a packet, if it is one of a table. Returns the streams of the programme to read when its map comes:
    /// the first programme with audio or video.
    pub(crate) fn feed(&mut self, packet: &Packet<'_>) -> Option<&[MappedStream]> {
        let mut new_map = false;
        if packet.pid == PAT_PID {
            let programs = &mut self.programs;
            self.pat.feed(packet.payload, packet.starts, |section| {
                let Some(pids) = psi::program_map_pids(section) else {
                    return;
                };
                if !pids.iter().eq(programs.iter().map(|program| &program.map_pid)) {
                    let program = |map_pid| Program {
                        map_pid,
                        reader: SectionReader::default(),
                        streams: None,
                    };
                    *programs = pids.into_iter().map(program).collect();
                }
            });
        } else if let Some(program) = self
            .programs
            .iter_mut()
            .find(|program| program.map_pid == packet.pid)
        {
            let Program { reader, streams, .. } = program;
            reader.feed(packet.payload, packet.starts, |section| {
                if let Some(map) = psi::mapped_streams(section) {
                    new_map = streams.as_ref() != Some(&map);
                    *streams = Some(map);
                }
            });
        }
        if !new_map {
            return None;
        }
        if !self
            .programs
            .iter()
            .any(|program| Some(program.map_pid) == self.selected)
        {
            let undecided = |program: &&Program| program.streams.is_none() || program.has_media();
            self.selected = self
                .programs
                .iter()
                .find(undecided)
                .filter(|program| program.has_media())
                .map(|program| program.map_pid);
        }
        self.selected_streams()
            .filter(|_| self.selected == Some(packet.pid))
    }

    /// Chooses among the maps that have come: the others are missing.
    pub(crate) fn settle(&mut self) -> Option<&[MappedStream]> {
        self.selected = self
            .programs
            .iter()
            .find(|program| program.has_media())
            .map(|program| program.map_pid);
        self.selected_streams()
    }

    fn selected_streams(&self) -> Option<&[MappedStream]> {
        self.programs
            .iter()
            .find(|program| Some(program.map_pid) == self.selected)?
            .streams
            .as_deref()
    }
}
