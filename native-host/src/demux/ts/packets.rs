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
    /// The last packet of each PID.
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
        let mut last = LastOfPids::new(std::mem::take(&mut self.last_of_pid));
        self.feed_after(data, &mut last, &mut on_packet);
        self.last_of_pid = last.into_owned();
    }

    fn feed_after<'a>(
        &mut self,
        data: &'a [u8],
        last: &mut LastOfPids<'a>,
        on_packet: &mut impl FnMut(&[u8; PACKET_BYTES]),
    ) {
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
            if !last.repeats_before(&packet) {
                on_packet(&packet);
            }
            rest = self.step(rest);
        }
        while let Some(packet) = rest.first_chunk::<PACKET_BYTES>() {
            if packet.first() == Some(&SYNC_BYTE) && !self.is_false_sync(rest) {
                if !last.repeats(packet) {
                    on_packet(packet);
                }
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
}

/// The last packet of each PID: of what is read now where they lie, so that none is copied; of what was read before as
/// copies. There are a few PIDs, and the next packet is mostly of the same: lists are the fastest.
struct LastOfPids<'a> {
    now: Vec<(u16, &'a [u8; PACKET_BYTES])>,
    before: Vec<(u16, Vec<u8>)>,
}

impl<'a> LastOfPids<'a> {
    fn new(before: Vec<(u16, Vec<u8>)>) -> Self {
        let now = Vec::new();
        Self { now, before }
    }

    /// Whether a packet is a duplicate, which has the same counter and the same bytes as the last (2.4.3.3); comparing
    /// bytes covers both, and the counter mostly tells.
    fn repeats(&mut self, bytes: &'a [u8; PACKET_BYTES]) -> bool {
        let Some(pid) = pid_of_payload(bytes) else {
            return false;
        };
        if let Some((_, last)) = self.now.iter_mut().find(|(known, _)| *known == pid) {
            let is_same = last.get(3) == bytes.get(3) && *last == bytes;
            *last = bytes;
            return is_same;
        }
        let is_same = self.before(pid).is_some_and(|last| last == bytes);
        self.now.push((pid, bytes));
        is_same
    }

    /// The same for the first packet of what is read now, which lies elsewhere.
    fn repeats_before(&mut self, bytes: &[u8; PACKET_BYTES]) -> bool {
        let Some(pid) = pid_of_payload(bytes) else {
            return false;
        };
        let is_same = self.before(pid).is_some_and(|last| last == bytes);
        keep(&mut self.before, pid, bytes);
        is_same
    }

    fn before(&self, pid: u16) -> Option<&[u8]> {
        let known = self.before.iter().find(|(known, _)| *known == pid);
        known.map(|(_, last)| &last[..])
    }

    /// For what is read next.
    fn into_owned(self) -> Vec<(u16, Vec<u8>)> {
        let Self { now, mut before } = self;
        for (pid, bytes) in now {
            keep(&mut before, pid, bytes);
        }
        before
    }
}

fn keep(packets: &mut Vec<(u16, Vec<u8>)>, pid: u16, bytes: &[u8]) {
    match packets.iter_mut().find(|(known, _)| *known == pid) {
        Some((_, last)) => last.copy_from_slice(bytes),
        None => packets.push((pid, bytes.to_vec())),
    }
}

/// The PID of a packet that has a payload.
fn pid_of_payload(bytes: &[u8; PACKET_BYTES]) -> Option<u16> {
    const HAS_PAYLOAD: u8 = 0x10;
    let [_, high, low, control, ..] = *bytes;
    (control & HAS_PAYLOAD != 0).then(|| u16::from_be_bytes([high & 0x1f, low]))
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
