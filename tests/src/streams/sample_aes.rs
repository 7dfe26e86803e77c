//! SAMPLE-AES for transport streams and packed audio that were made in the clear ("MPEG-2 Stream Encryption Format for
//! HTTP Live Streaming"). No packager at hand writes it, so the whole way is here: packets to PES packets, their units
//! encrypted, and packets again, for streams as ffmpeg writes them. It shares nothing with the host but the cipher crates.

use aes::Aes128;
use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use anyhow::{Context as _, bail, ensure};

const PACKET_BYTES: usize = 188;
const BLOCK_BYTES: usize = 16;

/// A key and an IV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyAndIv {
    /// Of 128 bits.
    pub key: [u8; 16],
    /// The IV of every NAL unit and audio frame.
    pub iv: [u8; 16],
}

/// What the programme map calls encrypted streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Types {
    /// By the types that the format defines.
    Encrypted,
    /// As before, as some packagers do.
    Kept,
}

/// How the payload of PES packets is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// As it was: a picture each, or some audio frames.
    AsBefore,
    /// Each into two, the second without timestamps, so that units go on across PES packets.
    InHalves,
}

/// An encrypted transport stream.
#[derive(Debug, Clone)]
pub struct Encrypted {
    /// Its packets.
    pub packets: Vec<u8>,
    /// PID and first packet of each PES packet that there was before.
    pub pes: Vec<(u16, usize)>,
}

/// Encrypts a transport stream; `cipher` gives the key of a PES packet by its number.
///
/// # Errors
/// The stream is not as ffmpeg writes it.
pub fn transport_stream(
    clear: &[u8],
    types: Types,
    cut: Cut,
    cipher: impl Fn(usize) -> KeyAndIv,
) -> anyhow::Result<Encrypted> {
    let program = Program::read(clear)?;
    let mut writer = Writer::default();
    writer.section(0, &program.pat);
    writer.section(program.map_pid, &program.map(types)?);
    let mut pes = Vec::new();
    for (number, packet) in program.pes.iter().enumerate() {
        let stream_type = program.stream_type(packet.pid)?;
        let payload = elementary_stream(stream_type, &packet.payload, cipher(number))?;
        pes.push((packet.pid, writer.packets.len() / PACKET_BYTES));
        let at = match cut {
            Cut::AsBefore => payload.len(),
            Cut::InHalves => payload.len() / 2,
        };
        let (first, second) = payload.split_at(at);
        writer.pes(packet.pid, &packet.header, first)?;
        if !second.is_empty() {
            let [zero, zero_too, one, id, ..] = packet.header[..] else {
                bail!("a PES header is too short");
            };
            writer.pes(packet.pid, &[zero, zero_too, one, id, 0, 0, 0x80, 0, 0], second)?;
        }
    }
    Ok(Encrypted {
        packets: writer.packets,
        pes,
    })
}

/// Encrypts packed audio, of which the first `head_bytes` are no frames.
///
/// # Errors
/// The rest are no frames.
pub fn packed_audio(clear: &[u8], head_bytes: usize, cipher: KeyAndIv) -> anyhow::Result<Vec<u8>> {
    let (head, frames) = clear.split_at(head_bytes);
    Ok([head, &audio(frames, cipher)?].concat())
}

fn elementary_stream(stream_type: u8, payload: &[u8], cipher: KeyAndIv) -> anyhow::Result<Vec<u8>> {
    match stream_type {
        0x1b => Ok(byte_stream(payload, cipher)),
        0x0f | 0x81 | 0x87 => audio(payload, cipher),
        // Not defined: MP3 and HEVC stay as they are.
        _ => Ok(payload.to_vec()),
    }
}

fn byte_stream(payload: &[u8], cipher: KeyAndIv) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = payload;
    while let Some(at) = find(rest, &[0, 0, 1]) {
        let (before, nal) = rest.split_at(at + 3);
        out.extend_from_slice(before);
        // The zero that a four-byte start code begins with is none of the NAL unit before it.
        let end = find(nal, &[0, 0, 1]).map_or(nal.len(), |next| {
            next - usize::from(next > 0 && nal.get(next - 1) == Some(&0))
        });
        let (nal, after) = nal.split_at(end);
        out.extend(nal_unit(nal, cipher));
        rest = after;
    }
    out.extend_from_slice(rest);
    out
}

/// Encrypts a NAL unit, and escapes what came out, though it was escaped before.
fn nal_unit(nal: &[u8], cipher: KeyAndIv) -> Vec<u8> {
    const CLEAR_BYTES: usize = 32;
    const SKIPPED_BYTES: usize = 9 * BLOCK_BYTES;
    let slice = nal.first().is_some_and(|header| matches!(header & 0x1f, 1 | 5));
    if !slice || nal.len() <= CLEAR_BYTES + BLOCK_BYTES {
        return nal.to_vec();
    }
    let mut cbc = Cbc::new(cipher);
    let mut encrypted = nal.to_vec();
    let mut rest = encrypted.get_mut(CLEAR_BYTES..).unwrap_or_default();
    while rest.len() > BLOCK_BYTES {
        let (block, after) = rest.split_at_mut(BLOCK_BYTES);
        cbc.encrypt(block);
        rest = after.get_mut(SKIPPED_BYTES..).unwrap_or_default();
    }
    let mut escaped = Vec::with_capacity(encrypted.len() + 8);
    let mut zeros = 0;
    for byte in encrypted {
        if zeros >= 2 && byte <= 3 {
            escaped.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        escaped.push(byte);
    }
    escaped
}

fn audio(frames: &[u8], cipher: KeyAndIv) -> anyhow::Result<Vec<u8>> {
    const CLEAR_BYTES: usize = 16;
    let mut out = frames.to_vec();
    let mut rest = &mut out[..];
    while !rest.is_empty() {
        let (header_bytes, frame_bytes) = frame(rest).context("no audio frame")?;
        ensure!(
            frame_bytes <= rest.len(),
            "an audio frame goes on behind its PES packet"
        );
        let (frame, after) = rest.split_at_mut(frame_bytes);
        if let Some(encrypted) = frame.get_mut(header_bytes + CLEAR_BYTES..) {
            let whole = encrypted.len() / BLOCK_BYTES * BLOCK_BYTES;
            Cbc::new(cipher).encrypt(encrypted.get_mut(..whole).unwrap_or_default());
        }
        rest = after;
    }
    Ok(out)
}

/// Bytes of the header that is left out, and of the whole frame.
fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes {
        [0xff, second, _, fourth, fifth, sixth, ..] => {
            let header = if second & 1 == 1 { 7 } else { 9 };
            let size = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
            Some((header, size))
        }
        // E-AC-3, by its bitstream id.
        [0x0b, 0x77, third, fourth, _, sixth, ..] if sixth >> 3 > 10 => {
            Some((0, (usize::from(third & 7) << 8 | usize::from(fourth)) * 2 + 2))
        }
        [0x0b, 0x77, _, _, fifth, ..] => {
            const KILOBITS: [usize; 19] = [
                32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640,
            ];
            let kilobits = KILOBITS.get(usize::from(fifth & 0x3f) / 2)?;
            // At 48 kHz: 1536 samples are 32 ms.
            (fifth >> 6 == 0).then_some((0, kilobits * 4))
        }
        _ => None,
    }
}

/// AES-CBC that goes on from call to call.
struct Cbc(cbc::Encryptor<Aes128>);

impl Cbc {
    fn new(cipher: KeyAndIv) -> Self {
        Self(cbc::Encryptor::new(&cipher.key.into(), &cipher.iv.into()))
    }

    fn encrypt(&mut self, blocks: &mut [u8]) {
        let (blocks, _) = aes::cipher::Block::<Aes128>::slice_as_chunks_mut(blocks);
        self.0.encrypt_blocks(blocks);
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// A transport stream, taken apart.
struct Program {
    pat: Vec<u8>,
    map_pid: u16,
    map: Vec<u8>,
    /// Stream type and PID.
    streams: Vec<(u8, u16)>,
    pes: Vec<Pes>,
}

struct Pes {
    pid: u16,
    header: Vec<u8>,
    payload: Vec<u8>,
}

impl Program {
    fn read(stream: &[u8]) -> anyhow::Result<Self> {
        let mut program = Self {
            pat: Vec::new(),
            map_pid: 0x1fff,
            map: Vec::new(),
            streams: Vec::new(),
            pes: Vec::new(),
        };
        for packet in stream.chunks(PACKET_BYTES) {
            let [0x47, pid_high, pid_low, control, ..] = *packet else {
                bail!("no transport stream");
            };
            let pid = u16::from_be_bytes([pid_high & 0x1f, pid_low]);
            let starts = pid_high & 0x40 != 0;
            let skipped = if control & 0x20 == 0 {
                4
            } else {
                5 + usize::from(*packet.get(4).context("adaptation field")?)
            };
            let payload = packet
                .get(skipped..)
                .filter(|_| control & 0x10 != 0)
                .unwrap_or_default();
            if pid == 0 && starts && program.pat.is_empty() {
                program.pat = section(payload)?;
                let entry = program.pat.get(10..12).context("PAT")?;
                program.map_pid = u16::from_be_bytes(entry.try_into()?) & 0x1fff;
            } else if pid == program.map_pid && starts && program.map.is_empty() {
                program.map = section(payload)?;
                program.streams = streams(&program.map)
                    .context("PMT")?
                    .into_iter()
                    .map(|(_, kind, pid)| (kind, pid))
                    .collect();
            } else if program.streams.iter().any(|&(_, known)| known == pid) {
                program.add(pid, starts, payload)?;
            }
        }
        ensure!(!program.streams.is_empty(), "no programme map");
        Ok(program)
    }

    fn add(&mut self, pid: u16, starts: bool, payload: &[u8]) -> anyhow::Result<()> {
        if starts {
            let header_bytes = 9 + usize::from(*payload.get(8).context("PES header")?);
            let (header, payload) = payload.split_at_checked(header_bytes).context("PES header")?;
            self.pes.push(Pes {
                pid,
                header: header.to_vec(),
                payload: payload.to_vec(),
            });
        } else {
            let open = self.pes.iter_mut().rev().find(|pes| pes.pid == pid);
            open.context("a PES packet without a beginning")?
                .payload
                .extend_from_slice(payload);
        }
        Ok(())
    }

    fn stream_type(&self, pid: u16) -> anyhow::Result<u8> {
        let found = self.streams.iter().find(|&&(_, known)| known == pid);
        Ok(found.context("unknown PID")?.0)
    }

    /// The programme map with the types that encrypted streams have.
    fn map(&self, types: Types) -> anyhow::Result<Vec<u8>> {
        let mut map = self.map.clone();
        if types == Types::Encrypted {
            for (at, kind, _) in streams(&self.map).context("PMT")? {
                let encrypted = match kind {
                    0x1b => 0xdb,
                    0x0f => 0xcf,
                    0x81 => 0xc1,
                    0x87 => 0xc2,
                    other => other,
                };
                *map.get_mut(at).context("PMT")? = encrypted;
            }
        }
        Ok(map)
    }
}

/// A section that begins in this payload, without its checksum.
fn section(payload: &[u8]) -> anyhow::Result<Vec<u8>> {
    let pointer = usize::from(*payload.first().context("section")?);
    let section = payload.get(1 + pointer..).context("section")?;
    let length = 3
        + (usize::from(section.get(1).context("section")? & 0x0f) << 8
            | usize::from(*section.get(2).context("section")?));
    Ok(section.get(..length - 4).context("section")?.to_vec())
}

/// Where in a programme map each stream's type stands, the type, and its PID.
fn streams(map: &[u8]) -> Option<Vec<(usize, u8, u16)>> {
    let length = |at: usize| Some(usize::from(map.get(at)? & 0x0f) << 8 | usize::from(*map.get(at + 1)?));
    let mut at = 12 + length(10)?;
    let mut streams = Vec::new();
    while at < map.len() {
        let pid = u16::from_be_bytes([map.get(at + 1)? & 0x1f, *map.get(at + 2)?]);
        streams.push((at, *map.get(at)?, pid));
        at += 5 + length(at + 3)?;
    }
    Some(streams)
}

/// Writes packets.
#[derive(Default)]
struct Writer {
    packets: Vec<u8>,
    counters: std::collections::HashMap<u16, u8>,
}

impl Writer {
    fn section(&mut self, pid: u16, section: &[u8]) {
        let mut payload = vec![0];
        payload.extend_from_slice(section);
        payload.extend_from_slice(&crc32(section).to_be_bytes());
        payload.resize(PACKET_BYTES - 4, 0xff);
        self.payload(pid, &payload);
    }

    fn pes(&mut self, pid: u16, header: &[u8], payload: &[u8]) -> anyhow::Result<()> {
        let mut packet = [header, payload].concat();
        // Zero, which video may have, where it does not fit.
        let length = u16::try_from(packet.len() - 6).unwrap_or(0);
        packet
            .get_mut(4..6)
            .context("PES header")?
            .copy_from_slice(&length.to_be_bytes());
        self.payload(pid, &packet);
        Ok(())
    }

    /// A PES packet or a section, in as many packets as it takes.
    fn payload(&mut self, pid: u16, payload: &[u8]) {
        let [high, low] = pid.to_be_bytes();
        for (index, chunk) in payload.chunks(PACKET_BYTES - 4).enumerate() {
            let starts = if index == 0 { 0x40 } else { 0 };
            let counter = self.counters.entry(pid).or_default();
            let stuffing = PACKET_BYTES - 4 - chunk.len();
            let control = if stuffing == 0 { 0x10 } else { 0x30 };
            self.packets
                .extend([0x47, high | starts, low, control | *counter]);
            *counter = (*counter + 1) & 0x0f;
            match stuffing {
                0 => {}
                1 => self.packets.push(0),
                _ => {
                    self.packets
                        .extend([u8::try_from(stuffing - 1).unwrap_or(u8::MAX), 0]);
                    self.packets.resize(self.packets.len() + stuffing - 2, 0xff);
                }
            }
            self.packets.extend_from_slice(chunk);
        }
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ (u32::from(byte) << 24), |crc, _| {
            (crc << 1) ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
}
