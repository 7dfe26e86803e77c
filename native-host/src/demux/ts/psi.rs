//! Programme tables (ISO/IEC 13818-1, 2.4.4): which PID carries what.

use bytes::Buf;
use serde::{Deserialize, Serialize};

/// PID of the programme association table.
pub(crate) const PAT_PID: u16 = 0;

const PAT_TABLE_ID: u8 = 0;
const PMT_TABLE_ID: u8 = 2;
/// `section_length` has 12 bits.
const MAX_SECTION_BYTES: usize = 3 + 0xfff;

/// One stream of a programme map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MappedStream {
    pub(crate) pid: u16,
    pub(crate) stream_type: u8,
    /// Its descriptors: tag and content.
    pub(crate) descriptors: Vec<(u8, Vec<u8>)>,
}

impl MappedStream {
    /// `format_identifier` of the registration descriptor.
    pub(super) fn registration(&self) -> Option<&[u8]> {
        const REGISTRATION: u8 = 0x05;
        self.descriptor(REGISTRATION)?.get(..4)
    }

    /// The first descriptor with this tag.
    pub(crate) fn descriptor(&self, tag: u8) -> Option<&[u8]> {
        self.descriptors
            .iter()
            .find(|(known, _)| *known == tag)
            .map(|(_, content)| &content[..])
    }
}

/// Puts the sections of one PID together.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct SectionReader {
    section: Vec<u8>,
}

impl SectionReader {
    /// Reads the payload of a packet; whole sections with a right checksum go to `on_section`, without the checksum.
    pub(crate) fn feed(&mut self, payload: &[u8], starts: bool, mut on_section: impl FnMut(&[u8])) {
        if !starts {
            if !self.section.is_empty() {
                self.append(payload, &mut on_section);
            }
            return;
        }
        let Some((&pointer, rest)) = payload.split_first() else {
            return;
        };
        let Some((end_of_last, mut begin)) = rest.split_at_checked(usize::from(pointer)) else {
            return;
        };
        if !self.section.is_empty() {
            self.append(end_of_last, &mut on_section);
        }
        // Sections follow each other until stuffing (0xff) fills the packet.
        while begin.first().is_some_and(|&table_id| table_id != 0xff) {
            self.section.clear();
            begin = self.append(begin, &mut on_section);
        }
    }

    /// Adds bytes to the section; returns what is behind its end.
    fn append<'a>(&mut self, bytes: &'a [u8], on_section: &mut impl FnMut(&[u8])) -> &'a [u8] {
        let missing = |section: &[u8]| match section {
            [_, high, low, ..] => {
                (3 + usize::from(u16::from_be_bytes([high & 0x0f, *low]))).saturating_sub(section.len())
            }
            _ => 3 - section.len(),
        };
        let mut rest = bytes;
        // Twice: the length is known once the header is there.
        for _ in 0..2 {
            let (part, after) = rest.split_at(missing(&self.section).min(rest.len()));
            self.section.extend_from_slice(part);
            rest = after;
        }
        if self.section.len() >= 3 && missing(&self.section) == 0 {
            if let Some(content) = checked(&self.section) {
                on_section(content);
            }
            self.section.clear();
        } else if self.section.len() > MAX_SECTION_BYTES {
            self.section.clear();
        }
        rest
    }
}

/// PIDs of the programme maps that a PAT section names, in its order.
pub(crate) fn program_map_pids(section: &[u8]) -> Option<Vec<u16>> {
    let mut entries = table_content(section, PAT_TABLE_ID)?;
    let mut pids = Vec::new();
    while let (Ok(program), Ok(pid)) = (entries.try_get_u16(), entries.try_get_u16()) {
        // Programme 0 is the network information table.
        if program != 0 {
            pids.push(pid & 0x1fff);
        }
    }
    Some(pids)
}

/// The streams that a PMT section names, in its order.
pub(crate) fn mapped_streams(section: &[u8]) -> Option<Vec<MappedStream>> {
    let mut content = table_content(section, PMT_TABLE_ID)?;
    content.try_get_u16().ok()?;
    let program_info = usize::from(content.try_get_u16().ok()? & 0x0fff);
    content.split_off(..program_info)?;
    let mut streams = Vec::new();
    while let Ok(stream_type) = content.try_get_u8() {
        let pid = content.try_get_u16().ok()? & 0x1fff;
        let info = usize::from(content.try_get_u16().ok()? & 0x0fff);
        let descriptors = descriptors(content.split_off(..info)?);
        streams.push(MappedStream {
            pid,
            stream_type,
            descriptors,
        });
    }
    Some(streams)
}

fn descriptors(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut descriptors = Vec::new();
    while let (Ok(tag), Ok(length)) = (bytes.try_get_u8(), bytes.try_get_u8()) {
        let Some(content) = bytes.split_off(..usize::from(length)) else {
            break;
        };
        descriptors.push((tag, content.to_vec()));
    }
    descriptors
}

/// What follows the eight bytes that all tables begin with, when the table applies now.
fn table_content(section: &[u8], table_id: u8) -> Option<&[u8]> {
    let (header, content) = section.split_at_checked(8)?;
    let current = header.get(5)? & 1 == 1;
    (*header.first()? == table_id && current).then_some(content)
}

/// The section without its checksum, when that is right.
fn checked(section: &[u8]) -> Option<&[u8]> {
    let (content, checksum) = section.split_last_chunk::<4>()?;
    (crc32(content) == u32::from_be_bytes(*checksum)).then_some(content)
}

/// CRC-32 of annex A: not reflected, no final inversion. Tables are a few dozen bytes: bit by bit is fast enough.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x04c1_1db7;
    bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ (u32::from(byte) << 24), |crc, _| {
            (crc << 1) ^ if crc >> 31 == 1 { POLYNOMIAL } else { 0 }
        })
    })
}
