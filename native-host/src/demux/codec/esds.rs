//! The `esds` box (ISO/IEC 14496-14, 5.6) of MPEG audio.

use bytes::BufMut;

/// The box's content: an elementary stream descriptor of an audio stream with this object type indication.
pub(super) fn esds(object_type: u8, specific_info: Option<&[u8]>) -> Vec<u8> {
    const ES_DESCRIPTOR: u8 = 3;
    const DECODER_CONFIG: u8 = 4;
    const DECODER_SPECIFIC_INFO: u8 = 5;
    const SL_CONFIG: u8 = 6;
    const AUDIO_STREAM: u8 = 5;

    let mut config = vec![object_type, AUDIO_STREAM << 2 | 1];
    config.put_uint(0, 3);
    config.put_u64(0);
    if let Some(info) = specific_info {
        descriptor(&mut config, DECODER_SPECIFIC_INFO, info);
    }
    // ES_ID 0, no flags: what MP4 files hold.
    let mut stream = vec![0, 0, 0];
    descriptor(&mut stream, DECODER_CONFIG, &config);
    descriptor(&mut stream, SL_CONFIG, &[2]);
    let mut out = vec![0; 4];
    descriptor(&mut out, ES_DESCRIPTOR, &stream);
    out
}

/// Tag, length in the four-byte form that all readers know, content.
fn descriptor(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    for shift in [21, 14, 7, 0] {
        let more = if shift > 0 { 0x80 } else { 0 };
        out.push(more | u8::try_from((content.len() >> shift) & 0x7f).unwrap_or(0));
    }
    out.put_slice(content);
}
