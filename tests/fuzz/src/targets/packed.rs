//! Packed audio with ID3 tags.

pub(crate) fn run(data: &[u8]) {
    crate::media::demux(data);
}
