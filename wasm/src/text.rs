//! Texts and bytes from JavaScript, measured before they are copied: what is too large must not fill the
//! module's memory, which never shrinks.

use js_sys::{JsString, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use weir_core::playlist::{PlaylistError, PlaylistErrorKind};
use weir_core::protocol::limits::MAX_PLAYLIST_BYTES;

use crate::thrown::{Thrown, bad_field};

/// A whole playlist.
///
/// # Errors
/// When it is neither text nor bytes, or over the limit.
pub(crate) fn playlist(value: &JsValue) -> Result<Vec<u8>, Thrown> {
    if let Some(text) = value.dyn_ref::<JsString>() {
        // A UTF-16 unit is at least one byte of UTF-8; the reader counts the bytes themselves.
        within_limit(text.length())?;
        return Ok(String::from(text).into_bytes());
    }
    let Some(bytes) = value.dyn_ref::<Uint8Array>() else {
        return Err(bad_field("a playlist is a string or a Uint8Array"));
    };
    within_limit(bytes.length())?;
    Ok(bytes.to_vec())
}

/// The first `units` of a text or of bytes; None for anything else.
pub(crate) fn beginning(value: &JsValue, units: u32) -> Option<Vec<u8>> {
    if let Some(text) = value.dyn_ref::<JsString>() {
        return Some(String::from(text.slice(0, units)).into_bytes());
    }
    let bytes = value.dyn_ref::<Uint8Array>()?;
    Some(bytes.subarray(0, units.min(bytes.length())).to_vec())
}

/// # Errors
/// When `length` is over the limit for playlists.
pub(crate) fn within_limit(length: u32) -> Result<(), Thrown> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_PLAYLIST_BYTES {
        let kind = PlaylistErrorKind::TooLarge(length);
        return Err(PlaylistError { line: None, kind }.into());
    }
    Ok(())
}
