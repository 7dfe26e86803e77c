//! Where a segment begins within PES packets.

use super::packets::Packet;
use super::psi::PAT_PID;
use super::sync::{self, PACKET_BYTES};

/// Bytes up to the packet with which every PID that goes on from the segment before has begun anew; 0 when none does.
pub(in crate::demux) fn lead(data: &[u8]) -> usize {
    let Some((head, stride)) = sync::find(data) else {
        return 0;
    };
    let mut begun: Vec<(u16, bool)> = Vec::new();
    let mut lead = 0;
    for (number, packet) in data.get(head..).unwrap_or_default().chunks(stride).enumerate() {
        let Some(packet) = packet.first_chunk::<PACKET_BYTES>().and_then(Packet::parse) else {
            continue;
        };
        match begun.iter_mut().find(|(pid, _)| *pid == packet.pid) {
            None if packet.pid != PAT_PID => begun.push((packet.pid, packet.starts)),
            Some((_, begun)) if !*begun && packet.starts => {
                *begun = true;
                lead = head + number * stride + PACKET_BYTES;
            }
            _ => {}
        }
    }
    if begun.iter().all(|&(_, begun)| begun) {
        lead
    } else {
        // Nothing but the rest of one.
        data.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(of: &[(u16, bool)]) -> Vec<u8> {
        let packet = |&(pid, starts): &(u16, bool)| {
            let [high, low] = pid.to_be_bytes();
            let mut packet = vec![0x47, high | if starts { 0x40 } else { 0 }, low, 0x10];
            packet.resize(PACKET_BYTES, 0xaa);
            packet
        };
        of.iter().flat_map(packet).collect()
    }

    #[test]
    fn a_segment_leads_until_all_have_begun() {
        let whole = packets(&[(0, true), (256, true), (256, false), (257, true), (257, false)]);
        assert_eq!(lead(&whole), 0);
        let cut = packets(&[
            (256, false),
            (257, true),
            (256, false),
            (256, true),
            (257, true),
            (256, true),
        ]);
        assert_eq!(lead(&cut), 4 * PACKET_BYTES);
        let rest = packets(&[(256, false); 6]);
        assert_eq!(lead(&rest), rest.len());
        assert_eq!(lead(&[]), 0);
    }
}
