//! Is a body what was asked for?

use std::io::Read as _;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, HeaderMap};
use weir_core::protocol::ByteRange;

use super::{ResourceKind, ResponseFault};

/// How much of a body is looked at to tell a web page.
const SNIFFED_BYTES: usize = 1024;

/// Longest body that is tried as JSON; error messages are short, and media is not.
const MAX_JSON_BYTES: usize = 64 * 1024;

/// What to read of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// All of it, which has to be exactly this many bytes.
    Exactly(u64),
    /// This part of it.
    Part(ByteRange),
}

/// What to read of an answer with status 200 or 206 (RFC 9110, 14 and 15.3.7).
pub(super) fn extent(
    asked: Option<ByteRange>,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Extent, ResponseFault> {
    if status != StatusCode::PARTIAL_CONTENT {
        return Ok(asked.map_or(Extent::Whole, Extent::Part));
    }
    let text = headers
        .get(CONTENT_RANGE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let text = text.as_deref().unwrap_or("no Content-Range");
    let shown = || text.escape_debug().take(100).collect::<String>();
    let sent = ContentRange::parse(text);
    match (asked, sent) {
        (Some(asked), Some(sent)) if sent.first == asked.offset() && sent.end == asked.end() => {
            Ok(Extent::Exactly(asked.length()))
        }
        (Some(asked), _) => Err(ResponseFault::WrongRange { asked, got: shown() }),
        // Odd, but all of it is there.
        (None, Some(sent)) if sent.first == 0 && sent.total == Some(sent.end) => {
            Ok(Extent::Exactly(sent.end))
        }
        (None, _) => Err(ResponseFault::UnaskedRange(shown())),
    }
}

/// What is wrong with a complete body of that kind, when something is.
pub(super) fn fault(kind: ResourceKind, bytes: &[u8]) -> Option<ResponseFault> {
    if matches!(kind, ResourceKind::Playlist | ResourceKind::Key) {
        // Their readers know better what they are, and say so.
        return None;
    }
    if bytes.is_empty() {
        Some(ResponseFault::Empty(kind))
    } else if is_web_page(bytes) {
        Some(ResponseFault::WebPage(kind))
    } else if is_json(bytes) {
        Some(ResponseFault::Json(kind))
    } else {
        None
    }
}

/// Whether it begins as HTML does.
pub(crate) fn is_web_page(bytes: &[u8]) -> bool {
    const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
    let start = bytes.get(..SNIFFED_BYTES).unwrap_or(bytes);
    // Media begins otherwise, and is not read as text.
    let first = start
        .iter()
        .find(|byte| !byte.is_ascii_whitespace() && !BYTE_ORDER_MARK.contains(byte));
    if first != Some(&b'<') {
        return false;
    }
    let start = String::from_utf8_lossy(start).to_ascii_lowercase();
    let start = start.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{feff}');
    // XML alone is no web page: TTML subtitles are XML.
    start.starts_with('<')
        && ["<!doctype html", "<html", "<head", "<body", "<script"]
            .iter()
            .any(|tag| start.contains(tag))
}

/// Whether all of it is one JSON object or array.
pub(crate) fn is_json(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    bytes.len() <= MAX_JSON_BYTES
        && matches!(first, Some(b'{' | b'['))
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

/// A playlist that was compressed without saying so is decompressed, up to `limit` bytes.
pub(super) fn gunzip(bytes: Bytes, limit: u64) -> Result<Bytes, ResponseFault> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut decoded = Vec::new();
    flate2::read::MultiGzDecoder::new(&bytes[..])
        .take(limit.saturating_add(1))
        .read_to_end(&mut decoded)
        .map_err(|error| ResponseFault::Encoding(error.to_string()))?;
    if decoded.len() as u64 > limit {
        return Err(ResponseFault::TooLarge {
            kind: ResourceKind::Playlist,
            limit,
            announced: None,
        });
    }
    Ok(decoded.into())
}

/// `bytes first-last/total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ContentRange {
    first: u64,
    /// One past the last.
    end: u64,
    /// None for `*`.
    total: Option<u64>,
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (unit, rest) = text.trim().split_once(' ')?;
        let (range, total) = rest.trim().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        let end = last.checked_add(1)?;
        let total = match total.trim() {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        let plausible =
            unit.eq_ignore_ascii_case("bytes") && first < end && total.is_none_or(|total| end <= total);
        plausible.then_some(Self { first, end, total })
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn partial(asked: Option<(u64, u64)>, content_range: Option<&'static str>) -> Result<Extent, String> {
        let mut headers = HeaderMap::new();
        if let Some(text) = content_range {
            headers.insert(CONTENT_RANGE, HeaderValue::from_static(text));
        }
        let asked = asked.map(|(offset, length)| ByteRange::new(offset, length).unwrap());
        extent(asked, StatusCode::PARTIAL_CONTENT, &headers).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_part_has_to_be_the_part_that_was_asked_for() {
        let asked = Some((100, 50));
        for good in ["bytes 100-149/1000", "bytes 100-149/*", " Bytes 100-149/150 "] {
            assert_eq!(partial(asked, Some(good)), Ok(Extent::Exactly(50)), "{good}");
        }
        for bad in [
            "bytes 0-49/1000",
            "bytes 100-150/1000",
            "bytes 100-148/1000",
            "bytes 100-149/120",
            "items 100-149/1000",
            "bytes 149-100/1000",
            "bytes 100-18446744073709551615/*",
            "bytes */1000",
            "100-149",
            "",
        ] {
            assert_eq!(
                partial(asked, Some(bad)),
                Err(format!("asked for bytes 100-149, got {bad}"))
            );
        }
        assert_eq!(
            partial(asked, None),
            Err("asked for bytes 100-149, got no Content-Range".to_owned())
        );
        assert_eq!(partial(None, Some("bytes 0-9/10")), Ok(Extent::Exactly(10)));
        assert!(partial(None, Some("bytes 0-9/11")).is_err());
        assert!(partial(None, None).is_err());
    }

    #[test]
    fn web_pages_and_json_are_told_from_media() {
        let check = |bytes: &[u8]| fault(ResourceKind::Segment, bytes).map(|fault| fault.to_string());
        let page = "got a web page (login or captcha?) instead of the segment";
        for html in [
            "<!DOCTYPE html><html>",
            "\u{feff}\r\n <HTML lang=en>",
            "<!-- hi --><html>",
            "<?xml version='1.0'?><html>",
        ] {
            assert!(
                check(html.as_bytes()).is_some_and(|text| text.starts_with(page)),
                "{html}"
            );
        }
        assert!(check(br#" {"error": "expired"}"#).is_some_and(|text| text.starts_with("got JSON")));
        assert!(check(b"").is_some_and(|text| text == "the segment is empty"));
        assert_eq!(check(b"\x47\x40\x00<html>"), None);
        assert_eq!(check(b"{\x00\x01\x02 ciphertext may begin so"), None);
        assert_eq!(check(b"WEBVTT\n\n00:00.000 --> 00:01.000\n<b>hi</b>"), None);
        assert_eq!(
            check(b"<?xml version='1.0'?><tt xmlns='http://www.w3.org/ns/ttml'>"),
            None
        );
        assert_eq!(fault(ResourceKind::Playlist, b""), None);
    }
}
