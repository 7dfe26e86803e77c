//! `Observation -> Option<Candidate>`: is this request a playlist, by what evidence, how sure?

use std::borrow::Cow;

use crate::observation::Observation;
use crate::playlist::tag::{Scene, Tag};
use crate::url::AbsoluteUrl;

/// Content types of HLS playlists: the two of RFC 8216bis, section 4, and those that servers send as well.
const CONTENT_TYPES: [&str; 9] = [
    "application/vnd.apple.mpegurl",
    "audio/mpegurl",
    "application/x-mpegurl",
    "audio/x-mpegurl",
    "application/mpegurl",
    "video/mpegurl",
    "video/x-mpegurl",
    "audio/vnd.apple.mpegurl",
    "application/vnd.apple.mpegurl.audio",
];

/// A request that may have answered with a playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Where it is.
    pub url: AbsoluteUrl,
    /// Everything that speaks for it, strongest first. Never empty.
    pub evidence: Vec<Evidence>,
    /// What the body says, when it was seen.
    pub kind: Option<CandidateKind>,
}

/// One sign of a playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// The body begins as a playlist does: certain.
    Body,
    /// A playlist's content type.
    ContentType,
    /// The path ends in `.m3u8` or `.m3u`.
    Path,
    /// `m3u8` elsewhere in the URL: a hint that needs verifying.
    Query,
}

/// What a body was seen to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandidateKind {
    /// Variants.
    Multivariant,
    /// Segments.
    Media,
}

/// Judges one request.
///
/// A body decides alone, either way; without one, everything else counts. An answer with another status
/// than success is no playlist.
#[must_use]
pub fn detect(observation: &Observation<'_>) -> Option<Candidate> {
    // 304: the browser had it already. A page's hook sees 0 for opaque answers.
    if observation
        .status
        .is_some_and(|status| !matches!(status, 0 | 200..=299 | 304))
    {
        return None;
    }
    let body = observation.body.map_or(Body::Unknown, look_at);
    let mut evidence = Vec::new();
    let mut kind = None;
    match body {
        Body::Playlist(seen) => {
            evidence.push(Evidence::Body);
            kind = seen;
        }
        Body::Other => return None,
        Body::Unknown => {}
    }
    if observation.content_type.is_some_and(is_playlist_type) || has_playlist_data_type(&observation.url) {
        evidence.push(Evidence::ContentType);
    }
    evidence.extend(evidence_of_url(&observation.url));
    (!evidence.is_empty()).then(|| Candidate {
        url: observation.url.clone(),
        evidence,
        kind,
    })
}

/// What the beginning of a body tells.
enum Body {
    /// `#EXTM3U`, and what its tags make it.
    Playlist(Option<CandidateKind>),
    /// Certainly something else.
    Other,
    /// Too short to tell, or compressed.
    Unknown,
}

fn look_at(body: &[u8]) -> Body {
    const HEADER: &str = "#EXTM3U";
    // Gzip that nothing announced: only unpacking would tell.
    if body.starts_with(&[0x1f, 0x8b]) {
        return Body::Unknown;
    }
    let text = decode_prefix(body);
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if text.starts_with(HEADER) {
        return Body::Playlist(kind_of(text));
    }
    if HEADER.starts_with(text) {
        Body::Unknown
    } else {
        Body::Other
    }
}

/// The text of a body that may be cut anywhere. Only its ASCII matters here.
fn decode_prefix(body: &[u8]) -> Cow<'_, str> {
    let utf16 = |bytes: &[u8], from_bytes: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks::<2>().0.iter().map(|pair| from_bytes(*pair));
        let text: String = char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        Cow::Owned(text)
    };
    match body {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        // A byte order mark that is cut.
        [0xef | 0xfe | 0xff] | [0xef, 0xbb] => Cow::Borrowed(""),
        _ => String::from_utf8_lossy(body),
    }
}

/// The kind by the first tag that only one kind has. Whatever follows is left to the reader, so that the
/// beginning of a body and all of it give the same answer or none.
fn kind_of(text: &str) -> Option<CandidateKind> {
    let mut has_inf = false;
    let mut has_ext_x = false;
    // A line without its end may be cut: EXT-X-MEDIA may have been EXT-X-MEDIA-SEQUENCE.
    let (whole_lines, _) = text.rsplit_once(['\r', '\n'])?;
    for line in whole_lines.split(['\r', '\n']) {
        let Some(name) = line.trim_matches([' ', '\t']).strip_prefix('#') else {
            continue;
        };
        let name = name.split([':', ' ', '\t']).next().unwrap_or(name);
        match Tag::find(name) {
            Some((_, Scene::Multivariant)) => return Some(CandidateKind::Multivariant),
            Some((_, Scene::Media)) => return Some(CandidateKind::Media),
            Some((Tag::Inf, _)) => has_inf = true,
            _ => has_ext_x |= name.starts_with("EXT-X-"),
        }
        if has_inf && has_ext_x {
            return Some(CandidateKind::Media);
        }
    }
    None
}

fn is_playlist_type(content_type: &str) -> bool {
    let essence = content_type.split([';', ',']).next().unwrap_or_default().trim();
    CONTENT_TYPES
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
}

/// `data:application/x-mpegurl;base64,...`.
fn has_playlist_data_type(url: &AbsoluteUrl) -> bool {
    url.is_data() && is_playlist_type(url.path())
}

fn evidence_of_url(url: &AbsoluteUrl) -> Option<Evidence> {
    if url.is_data() {
        return None;
    }
    let name = url.file_name();
    // `playlist.m3u8;jsessionid=1`: a path parameter.
    let name = name.split(';').next().unwrap_or(name);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    if extension.is_some_and(|it| it.eq_ignore_ascii_case("m3u8") || it.eq_ignore_ascii_case("m3u")) {
        return Some(Evidence::Path);
    }
    // Not `contains`: its search is a kilobyte of wasm.
    let mut parts = url.as_str().as_bytes().windows(4);
    parts
        .any(|part| part.eq_ignore_ascii_case(b"m3u8"))
        .then_some(Evidence::Query)
}
