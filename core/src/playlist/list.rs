//! Plain M3U: a list of files or channels.

use super::lines::{Content, Lines};
use super::media::split_inf;
use super::number::seconds;
use super::scope::Scope;
use super::{List, ListEntry, PlaylistError, PlaylistErrorKind};
use crate::protocol::limits::MAX_PLAYLIST_SEGMENTS;

/// Extensions of media segments: what packagers name them (RFC 8216bis, 3.1).
const SEGMENT_EXTENSIONS: [&str; 12] = [
    "ts", "m2ts", "m4s", "m4f", "cmfv", "cmfa", "cmft", "aac", "ac3", "ec3", "vtt", "webvtt",
];

/// Extensions of whole files and of playlists: what lists of files hold.
const FILE_EXTENSIONS: [&str; 16] = [
    "mp3", "mp4", "m4a", "m4v", "mkv", "webm", "mov", "avi", "flv", "wav", "flac", "ogg", "opus", "wma",
    "m3u8", "m3u",
];

/// Reads the entries.
pub(super) fn read(text: &str, scope: &mut Scope<'_>) -> Result<List, Box<PlaylistError>> {
    let mut list = List::default();
    let mut inf = None;
    for line in Lines::new(text) {
        let line = line?;
        match line.content {
            Content::Tag {
                name: "EXTINF",
                value,
            } => inf = Some(split_inf(value)),
            Content::Tag { .. } => {}
            Content::Uri(uri) => {
                if list.entries.len() >= MAX_PLAYLIST_SEGMENTS {
                    return Err(PlaylistError::at(line.number, PlaylistErrorKind::TooManySegments));
                }
                let uri = scope.resolve(uri, line.number)?;
                let (duration, title) = inf.take().unwrap_or_default();
                list.entries.push(ListEntry {
                    uri,
                    title,
                    duration_seconds: seconds(duration),
                });
            }
        }
    }
    Ok(list)
}

/// True when a URI is named as a media segment is.
pub(super) fn is_segment(uri: &str) -> bool {
    has_extension(uri, &SEGMENT_EXTENSIONS)
}

/// True when every line without `#` is a file by its name, or a URL: so is a list, and no other text.
pub(super) fn is_list_without_header(text: &str) -> bool {
    let mut entries = 0;
    for line in Lines::new(text).map_while(Result::ok) {
        let Content::Uri(uri) = line.content else { continue };
        let is_url = uri.starts_with("http://") || uri.starts_with("https://");
        let is_file = has_extension(uri, &FILE_EXTENSIONS) || is_segment(uri);
        if !(is_file || (is_url && !uri.contains([' ', '\t']))) {
            return false;
        }
        entries += 1;
    }
    entries > 0
}

fn has_extension(uri: &str, extensions: &[&str]) -> bool {
    let path = uri.split(['?', '#']).next().unwrap_or(uri);
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    extension.is_some_and(|extension| {
        extensions
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}
