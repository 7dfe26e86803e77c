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

    /// Those alone in which a PES packet or a section begins.
    pub(super) fn feed_starts(&mut self, data: &[u8], mut on_packet: impl FnMut(Packet<'_>)) {
        self.feed_runs(data, |run| {
            // Nothing begins in packets that go on.
            if let [packet] = run
                && let Some(packet) = Packet::parse(packet).filter(|packet| packet.starts)
            {
                on_packet(packet);
            }
        });
    }

    /// Reads the next bytes of the segment: its packets as they are.
    pub(crate) fn feed_whole(&mut self, data: &[u8], mut on_packet: impl FnMut(&[u8; PACKET_BYTES])) {
        self.feed_runs(data, |run| run.iter().for_each(&mut on_packet));
    }

    /// The same, several at once where each goes on with the payload of the one before ([`goes_on`]): most packets do,
    /// and what is done for each of them is what reading costs.
    pub(crate) fn feed_runs(&mut self, data: &[u8], on_run: impl FnMut(&[[u8; PACKET_BYTES]])) {
        self.feed_by(run, data, on_run);
    }

    /// `run` finds the packets that go on.
    fn feed_by(
        &mut self,
        run: fn(&[u8]) -> &[[u8; PACKET_BYTES]],
        data: &[u8],
        mut on_run: impl FnMut(&[[u8; PACKET_BYTES]]),
    ) {
        let mut last = LastOfPids::new(std::mem::take(&mut self.last_of_pid));
        self.feed_after(run, data, &mut last, &mut on_run);
        self.last_of_pid = last.into_owned();
    }

    fn feed_after<'a>(
        &mut self,
        run: fn(&[u8]) -> &[[u8; PACKET_BYTES]],
        data: &'a [u8],
        last: &mut LastOfPids<'a>,
        on_run: &mut impl FnMut(&[[u8; PACKET_BYTES]]),
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
                on_run(&[packet]);
            }
            rest = self.step(rest);
        }
        while let Some(packet) = rest.first_chunk::<PACKET_BYTES>() {
            let run = if self.stride == PACKET_BYTES {
                run(rest)
            } else {
                &[]
            };
            if let [first, .., newest] = run {
                let is_again = last.repeats(first);
                last.is_now(newest);
                on_run(run.get(usize::from(is_again)..).unwrap_or_default());
                rest = rest.get(run.len() * PACKET_BYTES..).unwrap_or_default();
            } else if packet.first() == Some(&SYNC_BYTE) && !self.is_false_sync(rest) {
                if !last.repeats(packet) {
                    on_run(std::slice::from_ref(packet));
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

    /// The last packet of a PID of which one is known.
    fn is_now(&mut self, bytes: &'a [u8; PACKET_BYTES]) {
        let pid = pid_of_payload(bytes);
        if let Some((_, last)) = self.now.iter_mut().find(|(known, _)| Some(*known) == pid) {
            *last = bytes;
        }
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

/// The packets that `bytes` begins with, as far as each goes on with the one before.
fn run(bytes: &[u8]) -> &[[u8; PACKET_BYTES]] {
    let (packets, _) = bytes.as_chunks::<PACKET_BYTES>();
    let Some(first) = packets.first().filter(|first| is_plain(first)) else {
        return &[];
    };
    let mut before = first;
    let more = packets.iter().skip(1).take_while(|packet| {
        let goes_on = goes_on(before, packet);
        before = packet;
        goes_on
    });
    let count = 1 + more.count();
    // Whether a packet is one is also told by what follows it.
    let is_followed = bytes
        .get(count * PACKET_BYTES)
        .is_none_or(|&byte| byte == SYNC_BYTE);
    packets
        .get(..if is_followed { count } else { count - 1 })
        .unwrap_or_default()
}

/// Whether a packet has a payload alone, in the clear, in which nothing begins.
fn is_plain(packet: &[u8; PACKET_BYTES]) -> bool {
    let [sync, pid_high, _, control, ..] = *packet;
    sync == SYNC_BYTE && pid_high & 0x40 == 0 && control & 0xf0 == 0x10
}

/// Whether a plain packet is followed by another of its PID that is no duplicate, as its counter tells.
fn goes_on(before: &[u8; PACKET_BYTES], packet: &[u8; PACKET_BYTES]) -> bool {
    let ([_, _, _, counter, ..], [_, _, _, next, ..]) = (before, packet);
    is_plain(packet) && pid_of(before) == pid_of(packet) && counter != next
}

/// What a plain packet carries.
pub(super) fn plain_payload(packet: &[u8; PACKET_BYTES]) -> &[u8] {
    let [_, _, _, _, payload @ ..] = packet;
    payload
}

/// The PID of a packet.
pub(crate) fn pid_of(packet: &[u8; PACKET_BYTES]) -> u16 {
    let [_, high, low, ..] = *packet;
    u16::from_be_bytes([high & 0x1f, low])
}

/// The PID of a packet that has a payload.
fn pid_of_payload(packet: &[u8; PACKET_BYTES]) -> Option<u16> {
    const HAS_PAYLOAD: u8 = 0x10;
    let [_, _, _, control, ..] = *packet;
    (control & HAS_PAYLOAD != 0).then(|| pid_of(packet))
}

impl<'a> Packet<'a> {
    /// None for a packet without payload.
    pub(crate) fn parse(bytes: &'a [u8; PACKET_BYTES]) -> Option<Self> {
        let [_, pid_high, _, control, rest @ ..] = bytes;
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
            pid: pid_of(bytes),
            starts: pid_high & 0x40 != 0,
            scrambled: control & 0xc0 != 0,
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    /// A packet of a few PIDs, mostly one that goes on.
    fn packet() -> impl Strategy<Value = [u8; PACKET_BYTES]> {
        let control = prop_oneof![8 => Just(0x10_u8), 1 => Just(0x30), 1 => Just(0x20), 1 => Just(0x90)];
        let starts = prop_oneof![9 => Just(0_u8), 1 => Just(0x40)];
        (0..3_u8, starts, control, 0..16_u8, 0..4_u8).prop_map(|(pid, starts, control, counter, fill)| {
            let mut packet = [fill; PACKET_BYTES];
            packet[..5].copy_from_slice(&[SYNC_BYTE, starts, pid, control | counter, 1]);
            packet
        })
    }

    proptest! {
        /// Whatever is damaged and wherever it is cut: the same packets as without runs.
        #[test]
        fn runs_are_the_same_packets(
            packets in vec((packet(), 1..4_u8), 1..40),
            damage in vec((any::<Index>(), any::<u8>()), 0..4),
            cut in any::<Index>(),
        ) {
            let again = |(packet, count): ([u8; PACKET_BYTES], u8)| {
                (0..count).flat_map(move |more| {
                    // Some are duplicates.
                    let mut packet = packet;
                    packet[3] = packet[3] & 0xf0 | packet[3].wrapping_add(more & 2) & 0x0f;
                    packet
                })
            };
            let mut data: Vec<u8> = packets.into_iter().flat_map(again).collect();
            for (at, byte) in damage {
                let at = at.index(data.len());
                data[at] = byte;
            }
            let read = |run: fn(&[u8]) -> &[[u8; PACKET_BYTES]]| {
                let (mut reader, mut read) = (PacketReader::default(), Vec::new());
                let mut longest = 0;
                reader.begin_segment(&data);
                let (begin, end) = data.split_at(cut.index(data.len()));
                for piece in [begin, end] {
                    reader.feed_by(run, piece, |run| {
                        longest = longest.max(run.len());
                        read.extend_from_slice(run);
                    });
                }
                (read, reader.last_of_pid, longest)
            };
            let (expected, last, longest) = read(|_| &[]);
            prop_assert!(longest <= 1);
            let (packets, newest, _) = read(run);
            prop_assert!(packets == expected, "{} packets instead of {}", packets.len(), expected.len());
            prop_assert_eq!(newest, last);
        }
    }

    #[test]
    fn a_run_ends_where_something_begins() {
        let packet = |starts: u8, pid: u8, control: u8| {
            let mut packet = [0xff; PACKET_BYTES];
            packet[..4].copy_from_slice(&[SYNC_BYTE, starts, pid, control]);
            packet
        };
        let plain = [packet(0, 1, 0x11), packet(0, 1, 0x12), packet(0, 1, 0x13)];
        let count = |next: [u8; PACKET_BYTES]| run([&plain.concat()[..], &next].concat().as_slice()).len();
        assert_eq!(run(&plain.concat()).len(), 3);
        assert_eq!(count(packet(0, 1, 0x14)), 4);
        assert_eq!(count(packet(0x40, 1, 0x14)), 3, "a start");
        assert_eq!(count(packet(0, 2, 0x14)), 3, "another PID");
        assert_eq!(count(packet(0, 1, 0x34)), 3, "an adaptation field");
        assert_eq!(count(packet(0, 1, 0x94)), 3, "scrambled");
        assert_eq!(count(packet(0, 1, 0x13)), 3, "a duplicate");
        assert_eq!(
            count([0; PACKET_BYTES]),
            2,
            "junk, so that the last may be junk too"
        );
        assert_eq!(run(&packet(0x40, 1, 0x10)).len(), 0);
    }
}
