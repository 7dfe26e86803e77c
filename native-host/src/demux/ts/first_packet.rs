//! What a wrong IV leaves of a transport stream: AES-CBC needs it for the first 16 bytes alone.

use super::psi::{self, PAT_PID};
use super::sync::{self, PACKET_BYTES, SYNC_BYTE};

/// Whether the first packet of a decrypted segment is none, or a programme association table that contradicts its
/// checksum, and all is well from the second on.
pub(in crate::demux) fn first_packet_is_noise(data: &[u8]) -> bool {
    let goes_on = sync::locks_at(data, PACKET_BYTES) == Some(PACKET_BYTES);
    let first = data.first_chunk::<PACKET_BYTES>();
    first.is_some_and(|first| goes_on && (first[0] != SYNC_BYTE || is_damaged_table(first)))
}

/// Counted IVs differ in their last bytes, which leaves the packet's header as it was.
fn is_damaged_table(packet: &[u8; PACKET_BYTES]) -> bool {
    const STARTS: u8 = 0x40;
    const PAYLOAD_ALONE: u8 = 0x10;
    const TABLE_ID: u8 = 0;
    let &[_, pid_high, pid_low, control, 0, ref section @ ..] = packet else {
        return false;
    };
    let pid = u16::from_be_bytes([pid_high & 0x1f, pid_low]);
    let &[TABLE_ID, length_high, length_low, ..] = section else {
        return false;
    };
    let length = usize::from(length_high & 0x0f) << 8 | usize::from(length_low);
    let is_table = pid == PAT_PID && pid_high & STARTS != 0 && control & 0x30 == PAYLOAD_ALONE;
    // A longer one goes on in the next packet.
    let section = section.get(..3 + length).filter(|_| is_table);
    section.is_some_and(|section| psi::crc32(section) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table and seven packets of something else.
    fn stream() -> Vec<u8> {
        let mut section = vec![TABLE[0], TABLE[1], TABLE[2], 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0x00];
        let checksum = psi::crc32(&section);
        section.extend(checksum.to_be_bytes());
        let mut data = vec![0x47, 0x40, 0, 0x10, 0];
        data.extend(section);
        data.resize(PACKET_BYTES, 0xff);
        for _ in 0..7 {
            data.extend([0x47, 1, 0, 0x10]);
            data.resize(data.len() + PACKET_BYTES - 4, 0xaa);
        }
        data
    }

    const TABLE: [u8; 3] = [0, 0xb0, 13];

    #[test]
    fn tells_what_another_iv_does() {
        let right = stream();
        assert!(!first_packet_is_noise(&right));
        for (at, noise) in [(0, 0x99), (15, 0x07), (14, 0x01), (10, 0x80)] {
            let mut wrong = right.clone();
            wrong[at] ^= noise;
            assert!(first_packet_is_noise(&wrong), "byte {at}");
        }
        // Not where media is: it has no checksum.
        let mut other = right.clone();
        other[2] = 0x11;
        other[15] ^= 7;
        assert!(!first_packet_is_noise(&other));
        // Nor where the second packet is no better than the first.
        let mut noise = right.clone();
        noise[0] = 0;
        noise[PACKET_BYTES] = 0;
        assert!(!first_packet_is_noise(&noise));
        assert!(!first_packet_is_noise(&right[..PACKET_BYTES]));
        assert!(!first_packet_is_noise(&[]));
    }
}
