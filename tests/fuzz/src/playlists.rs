//! What the targets that read playlists have in common.

use weir_core::playlist::{self, PlaylistError, Reading};
use weir_core::url::AbsoluteUrl;

/// Where the playlists come from.
pub(crate) fn base() -> AbsoluteUrl {
    AbsoluteUrl::parse("https://media.example/a/list.m3u8?t=1").expect("it is a URL")
}

/// Reads a playlist from [`base`].
pub(crate) fn read(bytes: &[u8]) -> Result<Reading, PlaylistError> {
    playlist::read(bytes, Some(&base()))
}
