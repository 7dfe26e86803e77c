//! SAMPLE-AES transport streams -> the same streams in the clear, for outputs that keep packets.
//!
//! A segment is decrypted as a whole: units go on across PES packets, and the escapes that encryption has added to NAL
//! units go, so that payloads get shorter. Each PES packet stays in its packets, the last of which get stuffing. Units
//! that go on across segments are refused: their end is not there yet.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Tables;
use super::packets::{Packet, PacketReader, pid_of};
use super::pes;
use super::psi::{self, MappedStream, PAT_PID, SectionReader};
use super::streams::{self, Content};
use super::sync::PACKET_BYTES;
use crate::decrypt::{Declaration, SampleCipher};
use crate::demux::DemuxError;
use crate::demux::codec::{Codec, for_stream};
use crate::demux::evidence::{Evidence, Proof};

type RawPacket = [u8; PACKET_BYTES];

/// Decrypts the segments of one playlist.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Clearer {
    tables: Tables,
    map: Vec<MappedStream>,
    /// What the decrypted samples of each PID say of the key.
    evidence: BTreeMap<u16, Evidence>,
}

impl Clearer {
    /// A segment in the clear.
    ///
    /// # Errors
    /// [`DemuxError`]: no key for it, the wrong one, or units that go on across segments.
    pub(crate) fn clear(&mut self, data: &[u8], cipher: &SampleCipher) -> Result<Bytes, DemuxError> {
        let mut packets: Vec<RawPacket> = Vec::new();
        let mut reader = PacketReader::default();
        reader.begin_segment(data);
        reader.feed_whole(data, |packet| packets.push(*packet));
        let map_pids = self.read_tables(&packets);
        let any_marked = self.map.iter().any(is_marked);
        for stream in self.map.clone() {
            let Some((codec, cipher)) = applied(&stream, cipher, any_marked)? else {
                continue;
            };
            let evidence = self.evidence.entry(stream.pid).or_default();
            clear_stream(&mut packets, stream.pid, codec, &cipher, evidence)?;
            evidence.check()?;
        }
        for packet in packets
            .iter_mut()
            .filter(|packet| map_pids.contains(&pid_of(packet)))
        {
            clear_types(packet)?;
        }
        let kept = packets.iter().filter(|packet| !is_empty(packet));
        Ok(kept.flatten().copied().collect::<Vec<u8>>().into())
    }

    /// Whether nothing speaks against the key: no more segments come.
    ///
    /// # Errors
    /// [`DemuxError::WrongKey`].
    pub(crate) fn check_at_end(&self) -> Result<(), DemuxError> {
        let mut all = self.evidence.values();
        // The streams of a programme have the same key: what proves it for one does for all.
        if all.any(|evidence| evidence.proof() == Some(Proof::Right)) {
            return Ok(());
        }
        self.evidence.values().try_for_each(Evidence::check_at_end)
    }

    /// Returns the PIDs of the programme maps.
    fn read_tables(&mut self, packets: &[RawPacket]) -> Vec<u16> {
        let mut association = SectionReader::default();
        let mut map_pids = Vec::new();
        let mut map: Option<Vec<MappedStream>> = None;
        for packet in packets.iter().filter_map(Packet::parse) {
            if packet.pid == PAT_PID {
                association.feed(packet.payload, packet.starts, |section| {
                    map_pids.extend(psi::program_map_pids(section).unwrap_or_default());
                });
            }
            if let Some(streams) = self.tables.feed(&packet) {
                map = Some(streams.to_vec());
            }
        }
        if map.is_none() && self.map.is_empty() {
            map = self.tables.settle().map(<[MappedStream]>::to_vec);
        }
        if let Some(map) = map {
            self.map = map;
        }
        map_pids
    }
}

fn is_marked(stream: &MappedStream) -> bool {
    matches!(streams::content(stream), Content::Encrypted(..))
}

/// How a stream is decrypted: see [`streams`], which does the same for samples.
fn applied(
    stream: &MappedStream,
    cipher: &SampleCipher,
    any_marked: bool,
) -> Result<Option<(Codec, SampleCipher)>, DemuxError> {
    let is_meant = !any_marked && cipher.declaration() == Declaration::Playlist;
    let codec = match streams::content(stream) {
        Content::Encrypted(_, codec) => codec,
        Content::Media(_, Codec::Hevc) if is_meant => {
            return Err(DemuxError::Unsupported("SAMPLE-AES encrypted HEVC".to_owned()));
        }
        Content::Media(_, codec) if is_meant => codec,
        _ => return Ok(None),
    };
    let Some(name) = codec.sample_aes() else {
        return Ok(None);
    };
    Ok(Some((codec, for_stream(cipher, name)?)))
}

/// The part of a packet that holds bytes of the stream.
struct Place {
    packet: usize,
    begin: usize,
}

/// Packets of one PES packet.
#[derive(Default)]
struct Pes {
    places: Vec<Place>,
    /// Where its payload begins in the stream.
    begin: usize,
}

fn clear_stream(
    packets: &mut [RawPacket],
    pid: u16,
    codec: Codec,
    cipher: &SampleCipher,
    evidence: &mut Evidence,
) -> Result<(), DemuxError> {
    let mut all: Vec<Pes> = Vec::new();
    let mut stream = Vec::new();
    for (index, bytes) in packets
        .iter()
        .enumerate()
        .filter(|(_, bytes)| pid_of(bytes) == pid)
    {
        let Some(packet) = Packet::parse(bytes) else {
            continue;
        };
        let payload = if packet.starts {
            all.push(Pes {
                places: Vec::new(),
                begin: stream.len(),
            });
            pes::peek_payload(packet.payload).ok_or_else(|| goes_on("a PES header", "packets"))?
        } else {
            packet.payload
        };
        if let Some(pes) = all.last_mut() {
            stream.extend_from_slice(payload);
            pes.places.push(Place {
                packet: index,
                begin: PACKET_BYTES - payload.len(),
            });
        } else {
            return Err(goes_on("a PES packet", "segments"));
        }
    }
    let cleared = codec
        .clear(stream, cipher, evidence)
        .ok_or_else(|| goes_on("an encrypted unit", "segments"))?;
    for (index, pes) in all.iter().enumerate() {
        let begin = cleared.place(pes.begin);
        let end = all
            .get(index + 1)
            .map_or(cleared.bytes.len(), |next| cleared.place(next.begin));
        let payload = cleared.bytes.get(begin..end).unwrap_or_default();
        put(packets, pes, payload);
    }
    count_on(packets, pid);
    Ok(())
}

/// What cannot be decrypted a segment at a time.
fn goes_on(what: &str, across: &str) -> DemuxError {
    DemuxError::Unsupported(format!(
        "{what} that goes on across {across} in SAMPLE-AES, in outputs that keep packets (choose mp4 or mkv)"
    ))
}

/// Puts a payload that is no longer than before into the packets where it was.
fn put(packets: &mut [RawPacket], pes: &Pes, payload: &[u8]) {
    const LENGTH: std::ops::Range<usize> = 4..6;
    let before: usize = pes.places.iter().map(|place| PACKET_BYTES - place.begin).sum();
    let mut rest = payload;
    for (index, place) in pes.places.iter().enumerate() {
        let Some(packet) = packets.get_mut(place.packet) else {
            continue;
        };
        let header_begin = payload_begin(packet);
        if index == 0
            && let Some(length) = packet.get_mut(header_begin..).and_then(|pes| pes.get_mut(LENGTH))
            && let Ok(known) = <[u8; 2]>::try_from(&*length)
            && known != [0; 2]
        {
            let removed = u16::try_from(before - payload.len()).unwrap_or(0);
            length.copy_from_slice(&u16::from_be_bytes(known).saturating_sub(removed).to_be_bytes());
        }
        let part = rest
            .split_off(..rest.len().min(PACKET_BYTES - place.begin))
            .unwrap_or_default();
        // The PES header moves with its payload.
        let head = packet.get(header_begin..place.begin).unwrap_or_default().to_vec();
        fill(packet, header_begin, &[&head[..], part].concat());
    }
}

/// Where the payload of a packet begins, behind its adaptation field.
fn payload_begin(packet: &RawPacket) -> usize {
    match packet[3] & 0x20 {
        0 => 4,
        _ => (5 + usize::from(packet[4])).min(PACKET_BYTES),
    }
}

/// Gives a packet another payload, which may be shorter: stuffing in the adaptation field stands ahead of it.
fn fill(packet: &mut RawPacket, begin: usize, payload: &[u8]) {
    const ADAPTATION: u8 = 0x20;
    const PAYLOAD: u8 = 0x10;
    const FLAGS_AT: usize = 5;
    let missing = (PACKET_BYTES - begin).saturating_sub(payload.len());
    if missing > 0 {
        let has_flags = packet[3] & ADAPTATION != 0 && packet[4] > 0;
        let (old_end, new_end) = (if has_flags { begin } else { FLAGS_AT + 1 }, begin + missing);
        if !has_flags && new_end > FLAGS_AT {
            packet[FLAGS_AT] = 0;
        }
        if let Some(stuffing) = packet.get_mut(old_end..new_end) {
            stuffing.fill(0xff);
        }
        packet[3] |= ADAPTATION;
        packet[4] = u8::try_from(new_end - FLAGS_AT).unwrap_or(0);
    }
    if payload.is_empty() {
        packet[3] &= !PAYLOAD;
    }
    if let Some(place) = packet.get_mut(begin + missing..) {
        place.copy_from_slice(payload);
    }
}

/// Whether a packet has no payload any more, and no clock in its adaptation field.
fn is_empty(packet: &RawPacket) -> bool {
    const HAS_CLOCK: u8 = 0x10;
    packet[3] & 0x30 == 0x20 && (packet[4] == 0 || packet[5] & HAS_CLOCK == 0)
}

/// Counts the packets of a PID anew from the first.
fn count_on(packets: &mut [RawPacket], pid: u16) {
    const HAS_PAYLOAD: u8 = 0x10;
    let mut last: Option<u8> = None;
    for packet in packets.iter_mut().filter(|packet| pid_of(packet) == pid) {
        let has_payload = packet[3] & HAS_PAYLOAD != 0;
        let counter = match last {
            None => packet[3] & 0x0f,
            Some(last) => last.wrapping_add(u8::from(has_payload)) & 0x0f,
        };
        packet[3] = packet[3] & 0xf0 | counter;
        last = Some(counter);
    }
}

/// Gives the streams of a programme map the types that they have in the clear.
fn clear_types(packet: &mut RawPacket) -> Result<(), DemuxError> {
    const MAP_TABLE: u8 = 2;
    const CHECKSUM_BYTES: usize = 4;
    let begin = payload_begin(packet);
    let starts = packet[1] & 0x40 != 0;
    let pointer = packet.get(begin).copied().map_or(0, usize::from);
    let Some(section) = packet.get_mut(begin + 1 + pointer..).filter(|_| starts) else {
        return Ok(());
    };
    let &mut [MAP_TABLE, high, low, ..] = section else {
        return Ok(());
    };
    let length = 3 + (usize::from(high & 0x0f) << 8 | usize::from(low));
    let section = section
        .get_mut(..length)
        .ok_or_else(|| goes_on("a programme map", "packets"))?;
    let Some((content, checksum)) = section.split_last_chunk_mut::<CHECKSUM_BYTES>() else {
        return Ok(());
    };
    let field = |content: &[u8], at: usize| {
        let bytes = content.get(at..)?.first_chunk::<2>()?;
        Some(usize::from(u16::from_be_bytes(*bytes) & 0x0fff))
    };
    let mut at = field(content, 10).map_or(content.len(), |information| 12 + information);
    while let Some(information) = field(content, at + 3) {
        if let Some(kind) = content.get_mut(at) {
            *kind = match *kind {
                0xdb => 0x1b,
                0xcf => 0x0f,
                0xc1 => 0x81,
                0xc2 => 0x87,
                other => other,
            };
        }
        at += 5 + information;
    }
    *checksum = psi::crc32(content).to_be_bytes();
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weir_core::protocol::{Iv, KeyMethod};

    use super::*;
    use crate::keys::Key;

    fn cipher() -> SampleCipher {
        let key = Some(Key::Bits128([1; 16]));
        SampleCipher::new(KeyMethod::SampleAes, Iv([2; 16]), Declaration::Playlist, key, &[]).unwrap()
    }

    /// A packet of PID 256 with these bytes at its end, behind stuffing.
    fn packet(starts: bool, payload: &[u8]) -> RawPacket {
        let mut packet = [0xff; PACKET_BYTES];
        packet[..4].copy_from_slice(&[0x47, 1 | u8::from(starts) << 6, 0, 0x10]);
        fill(&mut packet, 4, payload);
        packet
    }

    #[test]
    fn stuffing_fills_what_a_shorter_payload_leaves() {
        let bytes: Vec<u8> = (0..184).collect();
        for length in 0..=184 {
            let filled = packet(true, &bytes[..length]);
            match Packet::parse(&filled) {
                Some(parsed) => assert_eq!(parsed.payload, &bytes[..length]),
                None => assert_eq!((length, is_empty(&filled)), (0, true)),
            }
            // And again, from a packet that has stuffing.
            let mut shorter = filled;
            let begin = payload_begin(&shorter);
            fill(&mut shorter, begin, &bytes[..length / 2]);
            let parsed = Packet::parse(&shorter).map_or(&[][..], |parsed| parsed.payload);
            assert_eq!(parsed, &bytes[..length / 2]);
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(
            payloads in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..185)), 1..20),
            header in prop::collection::vec(any::<u8>(), 0..12),
            video: bool,
        ) {
            let mut packets: Vec<RawPacket> = payloads
                .iter()
                .map(|(starts, payload)| {
                    let pes = [&[0, 0, 1, 0xe0, 0, 0, 0x80, 0, 0][..], &header, payload].concat();
                    let payload = if *starts { &pes[..pes.len().min(184)] } else { payload };
                    packet(*starts, payload)
                })
                .collect();
            let codec = if video { Codec::H264 } else { Codec::Aac };
            let _ = clear_stream(&mut packets, 256, codec, &cipher(), &mut Evidence::default());
            let mut damaged: RawPacket = packets[0];
            for (byte, noise) in damaged.iter_mut().skip(1).zip(&header) {
                *byte = *noise;
            }
            let _ = clear_types(&mut damaged);
            let all: Vec<u8> = packets.iter().chain([&damaged]).flatten().copied().collect();
            let _ = Clearer::default().clear(&all, &cipher());
        }
    }
}
