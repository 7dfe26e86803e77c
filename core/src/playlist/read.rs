//! Lines -> model.

use super::{PlaylistError, PlaylistErrorKind, Reading};
use crate::url::AbsoluteUrl;

/// Reads a playlist.
///
/// `bytes` is the body as it came (UTF-8, a UTF-16 BOM is decoded); `base` is the URL it came from
/// after redirects, None for a local file, whose relative URIs then stay relative.
///
/// # Errors
/// [`PlaylistError`] when the text is no playlist or cannot be read around.
pub fn read(bytes: &[u8], base: Option<&AbsoluteUrl>) -> Result<Reading, PlaylistError> {
    let _ = (bytes, base);
    Err(PlaylistError { line: None, kind: PlaylistErrorKind::NotHls })
}
