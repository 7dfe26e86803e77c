//! One transport packet (ISO/IEC 13818-1, 2.4.3), changed in place.

pub(super) use crate::demux::ts::PACKET_BYTES;

/// `discontinuity_indicator` in the flags of the adaptation field.
const DISCONTINUITY: u8 = 0x80;

/// Where the clock is in a packet that has it: behind the header, the adaptation field's length and its flags.
const CLOCK: usize = 6;

/// The base of the programme clock reference in a packet: 33 bits of 90 kHz, before 6 reserved bits and an extension.
pub(super) fn clock(bytes: &[u8; PACKET_BYTES]) -> Option<i64> {
    const CLOCK_PRESENT: u8 = 0x10;
    let [_, _, _, control, length, flags, ..] = *bytes;
    let present = control & 0x20 != 0 && length >= 7 && flags & CLOCK_PRESENT != 0;
    let field = bytes.get(CLOCK..)?.first_chunk().filter(|_| present)?;
    Some(bits(*field) >> 7)
}

/// Whether a packet says that its clock does not go on from the last.
pub(super) fn is_discontinuity(bytes: &[u8; PACKET_BYTES]) -> bool {
    let [_, _, _, control, length, flags, ..] = *bytes;
    control & 0x20 != 0 && length > 0 && flags & DISCONTINUITY != 0
}

/// A packet's bytes.
pub(super) struct Packet<'a>(pub(super) &'a mut [u8; PACKET_BYTES]);

impl Packet<'_> {
    /// Sets what differs from file to file.
    pub(super) fn set_header(&mut self, pid: u16, counter: u8) {
        let [_, high, low, control, ..] = self.0;
        let [pid_high, pid_low] = pid.to_be_bytes();
        *high = *high & 0xe0 | pid_high & 0x1f;
        *low = pid_low;
        *control = *control & 0xf0 | counter & 0x0f;
    }

    /// The flags of the adaptation field, where there is one.
    fn adaptation_flags(&mut self) -> Option<&mut u8> {
        let [_, _, _, control, length, flags, ..] = self.0;
        (*control & 0x20 != 0 && *length > 0).then_some(flags)
    }

    /// Time goes on: there is no discontinuity to be told.
    pub(super) fn clear_discontinuity(&mut self) {
        if let Some(flags) = self.adaptation_flags() {
            *flags &= !DISCONTINUITY;
        }
    }

    /// The clock of this packet does not go on from the last (2.4.3.4, `discontinuity_indicator`).
    pub(super) fn set_discontinuity(&mut self) {
        if let Some(flags) = self.adaptation_flags() {
            *flags |= DISCONTINUITY;
        }
    }

    /// Sets the base of the clock that is there; the extension, the remainder of a tick, stays.
    pub(super) fn set_clock(&mut self, base: i64) {
        if let Some(field) = self.0.get_mut(CLOCK..).and_then(|rest| rest.first_chunk_mut()) {
            *field = bytes_of(base << 7 | bits(*field) & 0x7f);
        }
    }

    /// Leaves only the adaptation field.
    pub(super) fn remove_payload(&mut self) {
        const LONGEST: u8 = 183;
        let begin = self.payload_begin();
        if let Some(payload) = self.0.get_mut(begin..) {
            payload.fill(0xff);
        }
        let [_, _, _, control, length, ..] = self.0;
        *control = *control & 0xcf | 0x20;
        *length = LONGEST;
    }

    /// Where the payload begins.
    fn payload_begin(&self) -> usize {
        let [_, _, _, control, length, ..] = *self.0;
        if control & 0x20 == 0 {
            4
        } else {
            5 + usize::from(length)
        }
    }

    /// Changes the timestamps of the PES packet that begins here; None for a stamp that is cut by the packet's end.
    pub(super) fn change_timestamps(&mut self, mut change: impl FnMut(i64) -> i64) -> Option<()> {
        const PTS: usize = 9;
        const DTS: usize = 14;
        let begin = self.payload_begin();
        let payload = self.0.get_mut(begin..)?;
        let flags = *payload.get(7)?;
        for (at, present) in [(PTS, flags & 0x80 != 0), (DTS, flags & 0xc0 == 0xc0)] {
            if present {
                let stamp = payload.get_mut(at..)?.first_chunk_mut::<5>()?;
                write_timestamp(stamp, change(read_timestamp(*stamp)));
            }
        }
        Some(())
    }

    /// Takes the timestamps away that [`Self::change_timestamps`] could not change.
    pub(super) fn drop_timestamps(&mut self) {
        let begin = self.payload_begin();
        if let Some(flags) = self.0.get_mut(begin + 7) {
            *flags &= 0x3f;
        }
    }
}

/// 33 bits in 3 + 15 + 15 with marker bits between.
fn read_timestamp(stamp: [u8; 5]) -> i64 {
    let bits = bits(stamp);
    (bits >> 33 & 7) << 30 | (bits >> 17 & 0x7fff) << 15 | bits >> 1 & 0x7fff
}

fn write_timestamp(stamp: &mut [u8; 5], time: i64) {
    const MARKS: i64 = 0xf1_0001_0001;
    let parts = (time >> 30 & 7) << 33 | (time >> 15 & 0x7fff) << 17 | (time & 0x7fff) << 1;
    *stamp = bytes_of(bits(*stamp) & MARKS | parts);
}

fn bits(bytes: [u8; 5]) -> i64 {
    bytes.iter().fold(0, |bits, &byte| bits << 8 | i64::from(byte))
}

fn bytes_of(bits: i64) -> [u8; 5] {
    let [_, _, _, bytes @ ..] = bits.to_be_bytes();
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_keep_their_marks() {
        let mut stamp = [0x31, 0, 1, 0, 1];
        for time in [0, 1, 0x1_ffff_ffff, 0x1_2345_6789] {
            write_timestamp(&mut stamp, time);
            assert_eq!(read_timestamp(stamp), time);
            assert_eq!((stamp[0] & 0xf1, stamp[2] & 1, stamp[4] & 1), (0x31, 1, 1));
        }
    }

    #[test]
    fn clocks_keep_their_extension() {
        let mut bytes = [0xff; PACKET_BYTES];
        bytes[..12].copy_from_slice(&[0x47, 0, 0, 0x20, 7, 0x90, 0, 0, 0, 0, 0x7e, 0x55]);
        let mut packet = Packet(&mut bytes);
        for base in [0, 1, 0x1_ffff_ffff] {
            packet.set_clock(base);
            assert_eq!(clock(packet.0), Some(base));
        }
        packet.clear_discontinuity();
        assert_eq!(bytes[5..12], [0x10, 0xff, 0xff, 0xff, 0xff, 0xfe, 0x55]);
    }
}
