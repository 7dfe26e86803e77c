//! What a segment is, from its bytes: names and content types of real streams lie.

use super::DemuxError;
use super::codec::Codec;
use super::packed::{self, Head};
use super::ts::{first_packet_is_noise, sync};

/// What a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// MPEG-2 transport stream, behind `head_bytes` that are none (the picture that it is disguised as, or junk).
    TransportStream {
        /// Bytes ahead of the first packet.
        head_bytes: usize,
    },
    /// Fragments of ISO BMFF.
    FragmentedMp4,
    /// The frames of an elementary audio stream, possibly behind an ID3 tag.
    PackedAudio(Codec),
    /// Subtitles.
    WebVtt,
}

/// Tells what the bytes are.
///
/// # Errors
/// [`DemuxError`] when they are no media, saying what they are instead where that can be told.
pub fn sniff(data: &[u8]) -> Result<Kind, DemuxError> {
    if data.is_empty() {
        return Err(DemuxError::Empty);
    }
    if sync::locks_at(data, 0).is_some() {
        return Ok(Kind::TransportStream { head_bytes: 0 });
    }
    if is_iso_bmff(data) {
        return Ok(Kind::FragmentedMp4);
    }
    // Ahead of what follows: in a short text a `G` may stand where the only packet would begin.
    let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    if text.starts_with(b"WEBVTT") {
        return Ok(Kind::WebVtt);
    }
    // A segment that was cut within a packet begins with the packet's end, which may look like anything.
    let near = sync::find(data).filter(|&(head_bytes, stride)| head_bytes < stride);
    if let Some((head_bytes, _)) = near {
        return Ok(Kind::TransportStream { head_bytes });
    }
    if let Some(head) = Head::parse(data) {
        return Ok(Kind::PackedAudio(head.codec));
    }
    if let Some(name) = packed::unsupported(data) {
        return Err(DemuxError::Unsupported(name.to_owned()));
    }
    if let Some(what) = plain_text(text) {
        return Err(DemuxError::NotMedia(what));
    }
    match (sync::find(data), picture(data)) {
        (Some((head_bytes, _)), _) => Ok(Kind::TransportStream { head_bytes }),
        (None, Some(name)) => Err(DemuxError::Picture(name)),
        (None, None) => Err(DemuxError::Unknown),
    }
}

/// Whether a segment looks as AES-CBC leaves it when the IV is wrong: the first packet of a transport stream is damaged,
/// and nothing else. Other kinds of segment are not recognised at all then.
pub(crate) fn begins_as_with_wrong_iv(data: &[u8]) -> bool {
    picture(data).is_none() && first_packet_is_noise(data)
}

/// Whether the bytes begin with a box that a segment or an initialization section begins with.
fn is_iso_bmff(data: &[u8]) -> bool {
    const FIRST_BOXES: [&[u8]; 12] = [
        b"ftyp", b"styp", b"moov", b"moof", b"sidx", b"ssix", b"emsg", b"prft", b"mdat", b"free", b"skip",
        b"uuid",
    ];
    data.get(4..8).is_some_and(|kind| FIRST_BOXES.contains(&kind))
}

fn plain_text(text: &[u8]) -> Option<&'static str> {
    let begin = text.trim_ascii_start();
    match begin.first()? {
        b'<' => Some("a web page"),
        b'{' | b'[' => Some("JSON"),
        _ if begin.starts_with(b"#EXTM3U") => Some("a playlist"),
        _ if begin.len() < 4096
            && begin
                .iter()
                .all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')) =>
        {
            Some("text")
        }
        _ => None,
    }
}

fn picture(data: &[u8]) -> Option<&'static str> {
    match data {
        [0x89, b'P', b'N', b'G', ..] => Some("PNG"),
        [0xff, 0xd8, ..] => Some("JPEG"),
        [b'G', b'I', b'F', b'8', ..] => Some("GIF"),
        [b'B', b'M', ..] => Some("BMP"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(count: usize) -> Vec<u8> {
        [&[0x47][..], &[0xff; 187]].concat().repeat(count)
    }

    #[test]
    fn disguises_are_seen_through() {
        let png = [&b"\x89PNG\r\n\x1a\n"[..], &[7; 62], &packets(4)].concat();
        assert_eq!(sniff(&png), Ok(Kind::TransportStream { head_bytes: 70 }));
        let jpeg = [&b"\xff\xd8\xff\xe0"[..], &[0x47; 100], &packets(9)].concat();
        assert!(
            matches!(sniff(&jpeg), Ok(Kind::TransportStream { .. })),
            "{:?}",
            sniff(&jpeg)
        );
        assert_eq!(sniff(&packets(1)), Ok(Kind::TransportStream { head_bytes: 0 }));
    }

    /// `MPEGTS` alone has a sync byte, and a short segment may end 188 bytes behind it.
    #[test]
    fn short_subtitles_are_no_packet() {
        let head = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n00:01.000 --> 00:02.000\n";
        for letters in 0..300 {
            let text = format!("{head}{}\n", "a".repeat(letters));
            assert_eq!(sniff(text.as_bytes()), Ok(Kind::WebVtt), "{} bytes", text.len());
        }
    }

    #[test]
    fn what_is_no_media_is_named() {
        let check = |data: &[u8], expected: &str| assert_eq!(sniff(data).unwrap_err().to_string(), expected);
        check(b"", "the segment is empty");
        check(
            b"\n <!doctype html><p>Sign in",
            "got a web page instead of media (a login page, a captcha or an error message?)",
        );
        check(
            b"{\"error\":1}",
            "got JSON instead of media (a login page, a captcha or an error message?)",
        );
        check(
            b"Forbidden",
            "got text instead of media (a login page, a captcha or an error message?)",
        );
        check(
            b"GIF89a\x01\x00\x01\x00\x80",
            "got a GIF picture instead of media",
        );
        check(&[0x9c; 1000], &DemuxError::Unknown.to_string());
    }
}
