//! Fragmented MP4: maps and segments.

pub(crate) fn run(data: &[u8]) {
    crate::media::demux(data);
}
