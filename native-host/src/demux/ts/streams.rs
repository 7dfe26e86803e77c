//! The elementary streams of a programme.

use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

use super::packets::{self, Packet};
use super::pes::{self, PesPart, PesReader};
use super::psi::MappedStream;
use super::sync::PACKET_BYTES;
use crate::decrypt::{Declaration, SampleCipher};
use crate::demux::codec::{self, Codec, ElementaryStream, Timestamps, Unit, for_stream};
use crate::demux::evidence::{Evidence, Proof};
use crate::demux::timeline::{Epoch, SourceClock};
use crate::demux::{DemuxError, Demuxed, StreamId};

/// A stream that is nothing but scrambled for so many packets is no damaged one.
pub(crate) const SCRAMBLED_PACKETS: u32 = 50;

/// What a stream of a programme map is to Weir.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Media(TrackKind, Codec),
    /// The same, encrypted: its samples are.
    Encrypted(TrackKind, Codec),
    /// Audio or video whose codec is not read; its name.
    Foreign(TrackKind, &'static str),
    /// Audio or video that is protected in a way that is not read; its name.
    Unsupported(&'static str),
    /// Timed metadata, cues, teletext and the like: left out.
    Other,
}

/// The streams that are read.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Streams {
    read: Vec<Stream>,
    /// Audio and video that is an error once it has data.
    unsupported: Vec<(u16, Unread)>,
    out: Vec<Demuxed>,
    /// Of the segment that is read.
    #[serde(skip)]
    cipher: Option<SampleCipher>,
}

/// The name of what is not read.
#[derive(Debug, Serialize, Deserialize)]
enum Unread {
    Foreign(String),
    Unsupported(String),
}

impl Unread {
    fn error(&self) -> DemuxError {
        match self {
            Self::Foreign(name) => DemuxError::ForeignCodec(name.clone()),
            Self::Unsupported(name) => DemuxError::Unsupported(name.clone()),
        }
    }
}

/// One of them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stream {
    pid: u16,
    codec: Codec,
    id: StreamId,
    pes: PesReader,
    units: codec::Reader,
    scrambled: u32,
    /// PES packets in a row, before any frame, that begin as LATM does.
    latm_starts: u32,
    /// Its type says that its samples are encrypted.
    marked: bool,
    /// Why its data are an error.
    #[serde(skip)]
    refusal: Option<DemuxError>,
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
            let content = content(mapped);
            match content {
                Content::Media(kind, codec) | Content::Encrypted(kind, codec) => {
                    let ordinal = self.read.iter().filter(|stream| stream.id.kind == kind).count();
                    let id = StreamId { kind, ordinal };
                    let known = old.iter().position(|stream| {
                        stream.pid == mapped.pid && stream.codec == codec && stream.id == id
                    });
                    let marked = matches!(content, Content::Encrypted(..));
                    self.read.push(match known {
                        Some(index) => Stream {
                            marked,
                            ..old.swap_remove(index)
                        },
                        None => Stream {
                            marked,
                            ..Stream::new(mapped.pid, codec, id)
                        },
                    });
                }
                Content::Foreign(_, name) => {
                    self.unsupported
                        .push((mapped.pid, Unread::Foreign(name.to_owned())));
                }
                Content::Unsupported(name) => {
                    self.unsupported
                        .push((mapped.pid, Unread::Unsupported(name.to_owned())));
                }
                Content::Other => {}
            }
        }
        for mut stream in old {
            stream.flush(&mut self.out);
        }
        self.apply_cipher();
    }

    /// The samples that begin from here on are encrypted like this.
    pub(super) fn set_cipher(&mut self, cipher: Option<&SampleCipher>) {
        self.cipher = cipher.cloned();
        self.apply_cipher();
    }

    fn apply_cipher(&mut self) {
        let any_marked = self.read.iter().any(|stream| stream.marked);
        for stream in &mut self.read {
            let applied = applied_cipher(self.cipher.as_ref(), stream, any_marked);
            stream.refusal = applied.as_ref().err().cloned();
            stream.units.set_cipher(applied.unwrap_or_default());
        }
    }

    /// Whether what was decrypted is what was encrypted.
    pub(super) fn check_keys(&self) -> Result<(), DemuxError> {
        self.evidence().try_for_each(Evidence::check)
    }

    /// The same when nothing more comes. The streams of a programme have the same key: what proves it for one does for all.
    pub(super) fn check_keys_at_end(&self) -> Result<(), DemuxError> {
        match self.proof() {
            Some(Proof::Right) => Ok(()),
            Some(Proof::None) | None => self.evidence().try_for_each(Evidence::check_at_end),
        }
    }

    /// What is known of the key; None when nothing was decrypted.
    pub(super) fn proof(&self) -> Option<Proof> {
        self.evidence().filter_map(Evidence::proof).max()
    }

    fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        self.read.iter().map(|stream| stream.units.evidence())
    }

    /// Reads a packet, if its stream is read.
    pub(super) fn packet(&mut self, packet: &Packet<'_>, epoch: &mut Epoch) -> Result<(), DemuxError> {
        let Some(stream) = self.read.iter_mut().find(|stream| stream.pid == packet.pid) else {
            return match self.unsupported.iter().find(|(pid, _)| *pid == packet.pid) {
                Some((_, unread)) => Err(unread.error()),
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
        if let Some(refusal) = &stream.refusal {
            return Err(refusal.clone());
        }
        if packet.starts && stream.turns_out_latm(packet.payload) {
            return Err(DemuxError::ForeignCodec("AAC-LATM audio".to_owned()));
        }
        stream.packet(packet, epoch, &mut self.out);
        Ok(())
    }

    /// Reads packets of one PID that only go on, if that stream is read. Returns whether it is: else each packet has to be
    /// looked at.
    pub(super) fn go_on(&mut self, run: &[[u8; PACKET_BYTES]], epoch: &mut Epoch) -> bool {
        let pid = run.first().filter(|_| run.len() > 1).map(packets::pid_of);
        let stream = self.read.iter_mut().find(|stream| Some(stream.pid) == pid);
        let Some(stream) = stream.filter(|stream| stream.refusal.is_none()) else {
            return false;
        };
        stream.scrambled = 0;
        stream.go_on(run, epoch);
        true
    }

    /// Takes the samples that are complete.
    pub(super) fn drain(&mut self) -> Result<Vec<Demuxed>, DemuxError> {
        for stream in &mut self.read {
            stream.drain(&mut self.out);
            if let Some(name) = stream.unsupported() {
                return Err(DemuxError::Unsupported(name.to_owned()));
            }
        }
        Ok(std::mem::take(&mut self.out))
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
            .filter_map(|stream| Some((stream.id, stream.end()?)))
    }
}

impl Stream {
    pub(crate) fn new(pid: u16, codec: Codec, id: StreamId) -> Self {
        Self {
            pid,
            codec,
            id,
            pes: PesReader::default(),
            units: codec.reader(),
            scrambled: 0,
            latm_starts: 0,
            marked: false,
            refusal: None,
        }
    }

    /// Whether what is announced as AAC in ADTS frames is LATM: some programme maps say so. A PES packet may begin
    /// anywhere in an ADTS frame, so one that looks like LATM proves nothing, and none does behind a frame.
    fn turns_out_latm(&mut self, pes: &[u8]) -> bool {
        /// Two in a row are one chance in four million.
        const PROOF: u32 = 2;
        if self.codec != Codec::Aac || self.end().is_some() {
            return false;
        }
        self.latm_starts = if begins_as_latm(pes) {
            self.latm_starts + 1
        } else {
            0
        };
        self.latm_starts >= PROOF
    }

    /// Reads a packet of its PID.
    pub(crate) fn packet(&mut self, packet: &Packet<'_>, epoch: &mut Epoch, out: &mut Vec<Demuxed>) {
        if packet.starts {
            self.drain(out);
        }
        self.payload(packet.payload, packet.starts, epoch);
    }

    /// Reads packets of its PID that only go on.
    pub(crate) fn go_on(&mut self, run: &[[u8; PACKET_BYTES]], epoch: &mut Epoch) {
        for packet in run {
            self.payload(packets::plain_payload(packet), false, epoch);
        }
    }

    fn payload(&mut self, payload: &[u8], starts: bool, epoch: &mut Epoch) {
        let units = &mut self.units;
        self.pes.feed(payload, starts, &mut |part| match part {
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

    /// Takes the units that are complete.
    pub(crate) fn drain(&mut self, out: &mut Vec<Demuxed>) {
        self.hand_out(out, |units, out| units.drain(out));
    }

    /// What it has turned out to be, when that is a form of its codec which is not read.
    pub(crate) fn unsupported(&self) -> Option<&'static str> {
        self.units.unsupported()
    }

    /// When its next unit is expected, in output time.
    pub(crate) fn end(&self) -> Option<i64> {
        self.units.end()
    }

    /// Takes all units: nothing goes on.
    pub(crate) fn flush(&mut self, out: &mut Vec<Demuxed>) {
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

/// What decrypts a stream. Its type says whether it is encrypted, so that others beside it can be clear; but some packagers
/// keep the clear types, and then the playlist's word is for all streams that the method is defined for, as in players.
fn applied_cipher(
    cipher: Option<&SampleCipher>,
    stream: &Stream,
    any_marked: bool,
) -> Result<Option<SampleCipher>, DemuxError> {
    let name = stream.codec.sample_aes();
    match cipher {
        None if stream.marked => Err(DemuxError::NoKey(
            name.unwrap_or("an encrypted stream").to_owned(),
        )),
        Some(cipher) if stream.marked => for_stream(cipher, name.unwrap_or_default()).map(Some),
        Some(cipher) if !any_marked && cipher.declaration() == Declaration::Playlist => {
            match (name, stream.codec) {
                (Some(name), _) => for_stream(cipher, name).map(Some),
                (None, Codec::Hevc) => Err(DemuxError::Unsupported("SAMPLE-AES encrypted HEVC".to_owned())),
                (None, _) => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// Whether a PES packet begins with the header of LATM frames, LOAS (ISO/IEC 14496-3, 1.7.2).
fn begins_as_latm(pes: &[u8]) -> bool {
    matches!(pes::peek_payload(pes), Some([0x56, second, ..]) if second & 0xe0 == 0xe0)
}

/// What a stream carries, by its `stream_type` (ISO/IEC 13818-1, table 2-34; ATSC A/53; "MPEG-2 Stream Encryption
/// Format for HLS") and, where that is private, by its descriptors (ETSI EN 300 468).
pub(crate) fn content(stream: &MappedStream) -> Content {
    use Content::{Encrypted, Foreign, Media, Other, Unsupported};
    const AC3_DESCRIPTOR: u8 = 0x6a;
    const ENHANCED_AC3_DESCRIPTOR: u8 = 0x7a;
    const DTS_DESCRIPTOR: u8 = 0x7b;
    const EXTENSION_DESCRIPTOR: u8 = 0x7f;
    let has = |tag| stream.descriptor(tag).is_some();
    match (stream.stream_type, stream.registration()) {
        (0x1b, _) => Media(TrackKind::Video, Codec::H264),
        (0x0f, _) => Media(TrackKind::Audio, Codec::Aac),
        (0x01, _) => Foreign(TrackKind::Video, "MPEG-1 video"),
        (0x02, _) => Foreign(TrackKind::Video, "MPEG-2 video"),
        (0x10, _) => Foreign(TrackKind::Video, "MPEG-4 part 2 video"),
        (0x24, _) | (0x06, Some(b"HEVC")) => Media(TrackKind::Video, Codec::Hevc),
        (0x33, _) => Foreign(TrackKind::Video, "VVC video"),
        (0xea, _) => Foreign(TrackKind::Video, "VC-1 video"),
        (0x42 | 0xd2, _) => Foreign(TrackKind::Video, "AVS video"),
        (0x03 | 0x04, _) => Media(TrackKind::Audio, Codec::MpegAudio),
        (0x11, _) => Foreign(TrackKind::Audio, "AAC-LATM audio"),
        (0x81, _) | (0x06, Some(b"AC-3")) => Media(TrackKind::Audio, Codec::Ac3),
        (0x87, _) | (0x06, Some(b"EAC3")) => Media(TrackKind::Audio, Codec::Eac3),
        (0x82 | 0x85 | 0x8a, _) => Foreign(TrackKind::Audio, "DTS audio"),
        (0x06, Some(b"Opus")) => match stream.descriptor(EXTENSION_DESCRIPTOR) {
            // `descriptor_tag_extension` 0x80, provisional: the channel configuration code.
            Some([0x80, channels @ 1..=8, ..]) => Media(TrackKind::Audio, Codec::Opus(*channels)),
            None => Media(TrackKind::Audio, Codec::Opus(2)),
            Some(_) => Foreign(TrackKind::Audio, "Opus in an unusual channel layout"),
        },
        (0x06, Some(b"AV01")) => Foreign(TrackKind::Video, "AV1 in a transport stream"),
        // `descriptor_tag_extension` 0x15 (EN 300 468, 6.2.16).
        (0x06, _) if matches!(stream.descriptor(EXTENSION_DESCRIPTOR), Some([0x15, ..])) => {
            Foreign(TrackKind::Audio, "AC-4 audio")
        }
        (0x06, _) if has(AC3_DESCRIPTOR) => Media(TrackKind::Audio, Codec::Ac3),
        (0x06, _) if has(ENHANCED_AC3_DESCRIPTOR) => Media(TrackKind::Audio, Codec::Eac3),
        (0x06, _) if has(DTS_DESCRIPTOR) => Foreign(TrackKind::Audio, "DTS audio"),
        (0x2d | 0x2e, _) => Foreign(TrackKind::Audio, "MPEG-H audio"),
        (0xdb, _) => Encrypted(TrackKind::Video, Codec::H264),
        (0xcf, _) => Encrypted(TrackKind::Audio, Codec::Aac),
        (0xc1, _) => Encrypted(TrackKind::Audio, Codec::Ac3),
        (0xc2, _) => Encrypted(TrackKind::Audio, Codec::Eac3),
        (0xd3, _) => Unsupported("SAMPLE-AES encrypted AAC-LATM"),
        _ => Other,
    }
}
