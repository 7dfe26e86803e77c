//! Where the packets of a transport stream are.

/// The first byte of every packet.
pub(in crate::demux) const SYNC_BYTE: u8 = 0x47;

/// Bytes of a packet without what some formats put around it.
pub(crate) const PACKET_BYTES: usize = 188;

/// Packets that must follow each other before bytes are taken for a transport stream. Of the 4,000 sync bytes in a
/// megabyte of noise one in six is followed by two more at one of the distances; four more are a matter of years.
const PACKETS_TO_LOCK: usize = 5;

/// Distance of one sync byte to the next: bare packets, with a 4-byte time code (BDAV), with 16 bytes of Reed-Solomon.
const STRIDES: [usize; 3] = [PACKET_BYTES, 192, 204];

/// The distance between packets when `data` has a run of them from `at` on. Where fewer than it takes are left, all
/// that are must fit, and the last must be whole.
pub(in crate::demux) fn locks_at(data: &[u8], at: usize) -> Option<usize> {
    let rest = data.get(at..).filter(|rest| rest.len() >= PACKET_BYTES)?;
    STRIDES.into_iter().find(|&stride| {
        let syncs = rest.iter().step_by(stride).take(PACKETS_TO_LOCK);
        let whole = rest.len() >= PACKETS_TO_LOCK * stride
            || rest.len() % stride == 0
            || rest.len() % stride == PACKET_BYTES;
        whole && syncs.copied().all(|byte| byte == SYNC_BYTE)
    })
}

/// The first place where packets begin, and their distance.
pub(in crate::demux) fn find(data: &[u8]) -> Option<(usize, usize)> {
    memchr::memchr_iter(SYNC_BYTE, data).find_map(|at| Some((at, locks_at(data, at)?)))
}
