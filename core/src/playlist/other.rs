//! What a body is instead of a playlist, where its beginning tells: people paste the address of a slice, or of a stream of
//! another kind.

/// As much of a text as names its kind.
const LOOKED_AT: usize = 1024;

/// What media and images begin with: an offset, the bytes there, and what they are.
const BEGINNINGS: [(usize, &[u8], &str); 13] = [
    (4, b"ftyp", "an MP4 file"),
    (4, b"styp", "a slice of MP4"),
    (4, b"moof", "a slice of MP4"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM file"),
    (0, b"FLV\x01", "an FLV file"),
    (0, b"ID3\x02", "an MP3 or AAC file"),
    (0, b"ID3\x03", "an MP3 or AAC file"),
    (0, b"ID3\x04", "an MP3 or AAC file"),
    (0, b"\xff\xf1", "an AAC file"),
    (0, b"\xff\xfb", "an MP3 file"),
    (0, b"\x89PNG", "an image"),
    (0, b"\xff\xd8\xff", "an image"),
    (0, b"GIF8", "an image"),
];

/// Bytes of a transport stream's packet.
const PACKET_BYTES: usize = 188;

/// What begins so, where it is no text.
pub(super) fn of_bytes(bytes: &[u8]) -> Option<&'static str> {
    let begins = |&&(offset, words, _): &&(usize, &[u8], &str)| {
        bytes.get(offset..).is_some_and(|rest| rest.starts_with(words))
    };
    if let Some((.., what)) = BEGINNINGS.iter().find(begins) {
        return Some(what);
    }
    let is_sync = |at| bytes.get(at) == Some(&0x47);
    // 0x47 is a letter: a text may have it in both places, but no bytes that are none of a text between them.
    let is_packet = bytes
        .get(..PACKET_BYTES)
        .is_some_and(|packet| !packet.is_ascii() || packet.contains(&0));
    (is_sync(0) && is_sync(PACKET_BYTES) && is_packet).then_some("a transport stream (MPEG-2 TS)")
}

/// Streaming of another kind.
pub(super) fn of_text(text: &str) -> Option<&'static str> {
    if !text.trim_start().starts_with('<') {
        return None;
    }
    let beginning = text.as_bytes().get(..LOOKED_AT).unwrap_or(text.as_bytes());
    let has = |word: &[u8]| beginning.windows(word.len()).any(|part| part == word);
    if has(b"<MPD") {
        Some("a DASH manifest, which Weir does not read")
    } else if has(b"<SmoothStreamingMedia") {
        Some("a Smooth Streaming manifest, which Weir does not read")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::playlist::read;

    /// What is said of a body.
    fn said(body: &[u8]) -> String {
        read(body, None).unwrap_err().to_string()
    }

    #[test]
    fn media_and_other_manifests_are_named() {
        let packet = |first: u8| [&[0x47, 0x40, first, 0x10, 0][..], &[0xff; 183]].concat();
        let stream = [packet(0), packet(1)].concat();
        for (body, what) in [
            (&stream[..], "a transport stream (MPEG-2 TS)"),
            (b"\0\0\0\x18ftypmp42", "an MP4 file"),
            (b"\0\0\0\x18styp", "a slice of MP4"),
            (b"\x1a\x45\xdf\xa3\x01\0\0\0", "a Matroska or WebM file"),
            (b"ID3\x04\0\0", "an MP3 or AAC file"),
            (b"\xff\xf1\x50\x80", "an AAC file"),
            (b"\x89PNG\r\n\x1a\n", "an image"),
            (
                b"<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\">",
                "a DASH manifest, which Weir does not read",
            ),
            (
                b" <SmoothStreamingMedia MajorVersion=\"2\">",
                "a Smooth Streaming manifest, which Weir does not read",
            ),
        ] {
            assert_eq!(said(body), format!("not an HLS playlist: it is {what}"));
        }
    }

    #[test]
    fn texts_that_begin_alike_are_read() {
        let comment = "G".repeat(400);
        assert!(!said(comment.as_bytes()).contains("transport"));
        assert_eq!(said(b"#EXTftyp\nGIF8"), "not an HLS playlist");
        let playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,<MPD\na.ts\n";
        assert!(read(playlist.as_bytes(), None).is_ok());
        assert!(said(b"<html><body><MPD").contains("web page"));
    }
}
