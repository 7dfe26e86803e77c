//! What every module here starts from.

use weir_core::playlist::{self, List, Media, Multivariant, Playlist, Reading};
use weir_core::protocol::probe::Probe;
use weir_core::url::AbsoluteUrl;

pub(crate) const BASE: &str = "https://cdn.example.com/live/main.m3u8?token=s3cret";

pub(crate) fn url(text: &str) -> AbsoluteUrl {
    AbsoluteUrl::parse(text).unwrap()
}

pub(crate) fn read(bytes: impl AsRef<[u8]>) -> Reading {
    playlist::read(bytes.as_ref(), Some(&url(BASE))).unwrap()
}

pub(crate) fn media(bytes: impl AsRef<[u8]>) -> Media {
    match read(bytes).playlist {
        Playlist::Media(media) => media,
        other => panic!("not a media playlist: {other:?}"),
    }
}

pub(crate) fn multivariant(bytes: impl AsRef<[u8]>) -> Multivariant {
    match read(bytes).playlist {
        Playlist::Multivariant(playlist) => playlist,
        other => panic!("not a multivariant playlist: {other:?}"),
    }
}

pub(crate) fn list(bytes: impl AsRef<[u8]>) -> List {
    match read(bytes).playlist {
        Playlist::List(list) => list,
        other => panic!("not a list: {other:?}"),
    }
}

/// What `weir probe --json` prints.
pub(crate) fn probe(bytes: impl AsRef<[u8]>) -> serde_json::Value {
    serde_json::to_value(Probe::from(&read(bytes))).unwrap()
}

/// The message of a text that is no playlist.
pub(crate) fn failure(bytes: impl AsRef<[u8]>) -> String {
    match playlist::read(bytes.as_ref(), Some(&url(BASE))) {
        Ok(reading) => panic!("was read: {reading:?}"),
        Err(error) => error.to_string(),
    }
}

/// Every warning as `line: code: message`.
pub(crate) fn warnings(bytes: impl AsRef<[u8]>) -> Vec<String> {
    let shown = |warning: &playlist::Warning| match warning.line {
        Some(line) => format!("{line}: {}: {}", warning.code, warning.message),
        None => format!("{}: {}", warning.code, warning.message),
    };
    read(bytes).warnings.iter().map(shown).collect()
}

/// The URLs of the segments.
pub(crate) fn segment_urls(media: &Media) -> Vec<&str> {
    media
        .segments
        .iter()
        .map(|segment| segment.uri.resolved.as_ref().unwrap().as_str())
        .collect()
}
