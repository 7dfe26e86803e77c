//! Transport stream packets (ISO/IEC 13818-1, 2.4.3) out of bytes: finds the sync again after junk, joins packets that
//! are cut at a border, drops duplicates.

use serde::{Deserialize, Serialize};

use super::sync::{self, PACKET_BYTES, SYNC_BYTE};

/// What the other layers need of a packet that has a payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet<'a> {
    pub(crate) pid: u16,
    /// A PES packet or a section begins in it (`payload_unit_start_indicator`).
    pub(crate) starts: bool,
    /// `transport_scrambling_control` is not zero.
    pub(crate) scrambled: bool,
    pub(crate) payload: &'a [u8],
}

/// Cuts bytes into packets.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct PacketReader {
    /// Distance of the packets; 0 before the first.
    stride: usize,
    /// The beginning of a packet whose end has not come yet.
    partial: Vec<u8>,
    /// Bytes between packets that have not come yet.
    skip: usize,
    /// The last packet of each PID. There are a few, and the next is mostly of the same: a list is the fastest.
    last_of_pid: Vec<(u16, Vec<u8>)>,
}

impl PacketReader {
    /// Begins a segment: continuity counters and packet borders may start anew.
    pub(crate) fn begin_segment(&mut self, data: &[u8]) {
        self.last_of_pid.clear();
        // A packet that was cut at the end of the last segment goes on only when the packets of this one say so.
        let missing = PACKET_BYTES.saturating_sub(self.partial.len());
        let aligned = sync::locks_at(data, 0);
        if aligned.is_some() || sync::locks_at(data, missing) != Some(self.stride) {
            self.partial.clear();
            self.skip = 0;
        }
        if let Some(stride) = aligned {
            self.stride = stride;
        }
    }

    /// Reads the next bytes of the segment: its packets that have a payload.
    pub(super) fn feed(&mut self, data: &[u8], mut on_packet: impl FnMut(Packet<'_>)) {
        self.feed_whole(data, |bytes| {
            if let Some(packet) = Packet::parse(bytes) {
                on_packet(packet);
            }
        });
    }

    /// Reads the next bytes of the segment: its packets as they are.
    pub(crate) fn feed_whole(&mut self, data: &[u8], mut on_packet: impl FnMut(&[u8; PACKET_BYTES])) {
        let mut rest = data.get(self.skip..).unwrap_or_default();
        self.skip = self.skip.saturating_sub(data.len());
        if !self.partial.is_empty() {
            let (end, after) = rest.split_at(rest.len().min(PACKET_BYTES - self.partial.len()));
            self.partial.extend_from_slice(end);
            rest = after;
            let Some(packet) = self.partial.first_chunk::<PACKET_BYTES>().copied() else {
                return;
            };
            self.partial.clear();
            self.packet(&packet, &mut on_packet);
            rest = self.step(rest);
        }
        while let Some(packet) = rest.first_chunk::<PACKET_BYTES>() {
            if packet.first() == Some(&SYNC_BYTE) && !self.is_false_sync(rest) {
                self.packet(packet, &mut on_packet);
                rest = self.step(rest.get(PACKET_BYTES..).unwrap_or_default());
            } else if let Some((junk, stride)) = sync::find(rest) {
                tracing::debug!(junk, "found the transport stream's sync again");
                self.stride = stride;
                rest = rest.get(junk..).unwrap_or_default();
            } else {
                return;
            }
        }
        if rest.first() == Some(&SYNC_BYTE) {
            self.partial.extend_from_slice(rest);
        }
    }

    /// Whether the sync byte that `rest` begins with is junk: none follows it, and packets begin within its packet.
    fn is_false_sync(&self, rest: &[u8]) -> bool {
        let followed = rest.get(self.stride).is_none_or(|&byte| byte == SYNC_BYTE);
        !followed
            && rest
                .get(1..)
                .and_then(sync::find)
                .is_some_and(|(ahead, _)| ahead + 1 < PACKET_BYTES)
    }

    /// Goes over what stands between two packets.
    fn step<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let between = self.stride.saturating_sub(PACKET_BYTES);
        self.skip = between.saturating_sub(rest.len());
        rest.get(between..).unwrap_or_default()
    }

    fn packet(&mut self, bytes: &[u8; PACKET_BYTES], on_packet: &mut impl FnMut(&[u8; PACKET_BYTES])) {
        const HAS_PAYLOAD: u8 = 0x10;
        let [_, pid_high, pid_low, control, ..] = *bytes;
        let pid = u16::from_be_bytes([pid_high & 0x1f, pid_low]);
        // A duplicate has the same counter and the same bytes (2.4.3.3); comparing bytes covers both.
        if control & HAS_PAYLOAD != 0 {
            match self.last_of_pid.iter_mut().find(|(known, _)| *known == pid) {
                Some((_, last)) if last == bytes => return,
                Some((_, last)) => last.copy_from_slice(bytes),
                None => self.last_of_pid.push((pid, bytes.to_vec())),
            }
        }
        on_packet(bytes);
    }
}

impl<'a> Packet<'a> {
    /// None for a packet without payload.
    pub(crate) fn parse(bytes: &'a [u8; PACKET_BYTES]) -> Option<Self> {
        let [_, pid_high, pid_low, control, rest @ ..] = bytes;
        let payload = match control & 0x30 {
            0x10 => &rest[..],
            // An adaptation field stands first: its length, then as many bytes.
            0x30 => {
                let (&length, field) = rest.split_first()?;
                field.get(usize::from(length)..)?
            }
            _ => return None,
        };
        Some(Self {
            pid: u16::from_be_bytes([pid_high & 0x1f, *pid_low]),
            starts: pid_high & 0x40 != 0,
            scrambled: control & 0xc0 != 0,
            payload,
        })
    }
}
