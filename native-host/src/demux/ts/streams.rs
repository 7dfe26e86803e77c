//! The elementary streams of a programme.

use weir_core::protocol::TrackKind;

use super::packets::Packet;
use super::pes::{PesPart, PesReader};
use super::psi::MappedStream;
use crate::demux::codec::{Codec, ElementaryStream, Timestamps, Unit};
use crate::demux::timeline::{Epoch, SourceClock};
use crate::demux::{DemuxError, Demuxed, StreamId};

/// A stream that is nothing but scrambled for so many packets is no damaged one.
const SCRAMBLED_PACKETS: u32 = 50;

/// What a stream of a programme map is to Weir.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Media(TrackKind, Codec),
    /// Audio or video that is not read; its name.
    Unsupported(&'static str),
    /// Timed metadata, cues, teletext and the like: left out.
    Other,
}

/// The streams that are read.
#[derive(Debug, Default)]
pub(super) struct Streams {
    read: Vec<Stream>,
    /// Audio and video that is an error once it has data.
    unsupported: Vec<(u16, &'static str)>,
    out: Vec<Demuxed>,
}

#[derive(Debug)]
struct Stream {
    pid: u16,
    codec: Codec,
    id: StreamId,
    pes: PesReader,
    units: Box<dyn ElementaryStream>,
    scrambled: u32,
}

/// Whether a stream is audio or video, whatever its codec.
pub(super) fn is_media(stream: &MappedStream) -> bool {
    content(stream) != Content::Other
}

impl Streams {
    /// Whether a programme map has come.
    pub(super) fn known(&self) -> bool {
        !self.read.is_empty() || !self.unsupported.is_empty()
    }

    /// How many are read.
    pub(super) fn len(&self) -> usize {
        self.read.len()
    }

    /// The stream with this PID.
    pub(super) fn id_of(&self, pid: u16) -> Option<StreamId> {
        self.read
            .iter()
            .find(|stream| stream.pid == pid)
            .map(|stream| stream.id)
    }

    /// A programme map holds from here on. Streams that it names again go on, others end.
    pub(super) fn map(&mut self, map: &[MappedStream]) {
        let mut old = std::mem::take(&mut self.read);
        self.unsupported.clear();
        for mapped in map {
            match content(mapped) {
                Content::Media(kind, codec) => {
                    let ordinal = self.read.iter().filter(|stream| stream.id.kind == kind).count();
                    let id = StreamId { kind, ordinal };
                    let known = old.iter().position(|stream| {
                        stream.pid == mapped.pid && stream.codec == codec && stream.id == id
                    });
                    self.read.push(match known {
                        Some(index) => old.swap_remove(index),
                        None => Stream::new(mapped.pid, codec, id),
                    });
                }
                Content::Unsupported(name) => self.unsupported.push((mapped.pid, name)),
                Content::Other => {}
            }
        }
        for mut stream in old {
            stream.flush(&mut self.out);
        }
    }

    /// Reads a packet, if its stream is read.
    pub(super) fn packet(&mut self, packet: &Packet<'_>, epoch: &mut Epoch) -> Result<(), DemuxError> {
        let Some(stream) = self.read.iter_mut().find(|stream| stream.pid == packet.pid) else {
            return match self.unsupported.iter().find(|(pid, _)| *pid == packet.pid) {
                Some((_, name)) => Err(DemuxError::Unsupported((*name).to_owned())),
                None => Ok(()),
            };
        };
        if packet.scrambled {
            stream.scrambled += 1;
            return match stream.scrambled {
                SCRAMBLED_PACKETS.. => {
                    Err(DemuxError::Unsupported("a scrambled transport stream".to_owned()))
                }
                _ => Ok(()),
            };
        }
        stream.scrambled = 0;
        stream.packet(packet, epoch, &mut self.out);
        Ok(())
    }

    /// Takes the samples that are complete.
    pub(super) fn drain(&mut self) -> Vec<Demuxed> {
        for stream in &mut self.read {
            stream.hand_out(&mut self.out, |units, out| units.drain(out));
        }
        std::mem::take(&mut self.out)
    }

    /// Takes all samples: nothing goes on.
    pub(super) fn flush(&mut self) -> Vec<Demuxed> {
        for stream in &mut self.read {
            stream.flush(&mut self.out);
        }
        std::mem::take(&mut self.out)
    }

    /// When the next samples are expected, in output time.
    pub(super) fn ends(&self) -> impl Iterator<Item = (StreamId, i64)> {
        self.read
            .iter()
            .filter_map(|stream| Some((stream.id, stream.units.end()?)))
    }
}

impl Stream {
    fn new(pid: u16, codec: Codec, id: StreamId) -> Self {
        Self {
            pid,
            codec,
            id,
            pes: PesReader::default(),
            units: codec.reader(),
            scrambled: 0,
        }
    }

    fn packet(&mut self, packet: &Packet<'_>, epoch: &mut Epoch, out: &mut Vec<Demuxed>) {
        if packet.starts {
            self.hand_out(out, |units, out| units.drain(out));
        }
        let units = &mut self.units;
        self.pes
            .feed(packet.payload, packet.starts, &mut |part| match part {
                PesPart::Start(timestamps) => units.begin_pes(timestamps.map(|raw| {
                    let dts = epoch.map(raw.dts, SourceClock::Wrapping);
                    Timestamps {
                        dts,
                        pts: epoch.map(raw.pts, SourceClock::Wrapping),
                    }
                })),
                PesPart::Data(bytes) => units.data(bytes),
            });
    }

    fn flush(&mut self, out: &mut Vec<Demuxed>) {
        self.hand_out(out, |units, out| units.flush(out));
        self.pes = PesReader::default();
    }

    fn hand_out(
        &mut self,
        out: &mut Vec<Demuxed>,
        take: impl FnOnce(&mut dyn ElementaryStream, &mut Vec<Unit>),
    ) {
        let mut units = Vec::new();
        take(&mut *self.units, &mut units);
        out.extend(units.into_iter().map(|unit| unit.of(self.id)));
    }
}

/// What a stream carries, by its `stream_type` (ISO/IEC 13818-1, table 2-34; ATSC A/53; "MPEG-2 Stream Encryption
/// Format for HLS") and, where that is private, by its descriptors (ETSI EN 300 468).
fn content(stream: &MappedStream) -> Content {
    use Content::{Media, Other, Unsupported};
    const AC3_DESCRIPTOR: u8 = 0x6a;
    const ENHANCED_AC3_DESCRIPTOR: u8 = 0x7a;
    const DTS_DESCRIPTOR: u8 = 0x7b;
    let has = |tag| stream.descriptor(tag).is_some();
    match (stream.stream_type, stream.registration()) {
        (0x1b, _) => Media(TrackKind::Video, Codec::H264),
        (0x0f, _) => Media(TrackKind::Audio, Codec::Aac),
        (0x01 | 0x02, _) => Unsupported("MPEG-2 video"),
        (0x10, _) => Unsupported("MPEG-4 part 2 video"),
        (0x24, _) | (0x06, Some(b"HEVC")) => Media(TrackKind::Video, Codec::Hevc),
        (0x33, _) => Unsupported("VVC video"),
        (0xea, _) => Unsupported("VC-1 video"),
        (0x42 | 0xd2, _) => Unsupported("AVS video"),
        (0x03 | 0x04, _) => Media(TrackKind::Audio, Codec::MpegAudio),
        (0x11, _) => Unsupported("AAC-LATM audio"),
        (0x81, _) | (0x06, Some(b"AC-3")) => Media(TrackKind::Audio, Codec::Ac3),
        (0x87, _) | (0x06, Some(b"EAC3")) => Media(TrackKind::Audio, Codec::Eac3),
        (0x82 | 0x85 | 0x8a, _) => Unsupported("DTS audio"),
        (0x06, Some(b"Opus")) => Unsupported("Opus in a transport stream"),
        (0x06, Some(b"AV01")) => Unsupported("AV1 in a transport stream"),
        (0x06, _) if has(AC3_DESCRIPTOR) => Media(TrackKind::Audio, Codec::Ac3),
        (0x06, _) if has(ENHANCED_AC3_DESCRIPTOR) => Media(TrackKind::Audio, Codec::Eac3),
        (0x06, _) if has(DTS_DESCRIPTOR) => Unsupported("DTS audio"),
        (0x2d | 0x2e, _) => Unsupported("MPEG-H audio"),
        (0xdb, _) => Unsupported("SAMPLE-AES encrypted H.264"),
        (0xcf | 0xd3, _) => Unsupported("SAMPLE-AES encrypted AAC"),
        (0xc1 | 0xc2, _) => Unsupported("SAMPLE-AES encrypted AC-3"),
        _ => Other,
    }
}
