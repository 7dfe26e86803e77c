//! Transport streams: segments as they come, of any bytes.

pub(crate) fn run(data: &[u8]) {
    crate::media::demux(data);
}
