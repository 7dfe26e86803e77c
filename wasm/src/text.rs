//! Texts and bytes from JavaScript, measured before they are copied: what is too large must not fill the
//! module's memory, which never shrinks.

use js_sys::{JsString, Uint8Array};
use wasm_bindgen::JsCast;
use weir_core::playlist::{PlaylistError, PlaylistErrorKind};
use weir_core::protocol::limits::MAX_PLAYLIST_BYTES;

use crate::field::Field;
use crate::thrown::Thrown;

const TEXT_OR_BYTES: &str = "a string or a Uint8Array";

/// A whole playlist.
///
/// # Errors
/// When it is neither text nor bytes, or over the limit.
pub(crate) fn playlist(field: &Field) -> Result<Vec<u8>, Thrown> {
    if let Some(text) = field.value().dyn_ref::<JsString>() {
        // A UTF-16 unit is at least one byte of UTF-8; the reader counts the bytes themselves.
        within_limit(text.length())?;
        return Ok(String::from(text).into_bytes());
    }
    let Some(bytes) = field.value().dyn_ref::<Uint8Array>() else {
        return Err(field.is_not(TEXT_OR_BYTES));
    };
    within_limit(bytes.length())?;
    Ok(bytes.to_vec())
}

/// The first `units` of a text or of bytes.
///
/// # Errors
/// When it is neither text nor bytes.
pub(crate) fn beginning(field: &Field, units: u32) -> Result<Vec<u8>, Thrown> {
    if let Some(text) = field.value().dyn_ref::<JsString>() {
        return Ok(String::from(text.slice(0, units)).into_bytes());
    }
    let Some(bytes) = field.value().dyn_ref::<Uint8Array>() else {
        return Err(field.is_not(TEXT_OR_BYTES));
    };
    Ok(bytes.subarray(0, units.min(bytes.length())).to_vec())
}

/// Checks the length of what is to be copied.
///
/// # Errors
/// When `length` is over the limit for playlists.
fn within_limit(length: u32) -> Result<(), Thrown> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_PLAYLIST_BYTES {
        let kind = PlaylistErrorKind::TooLarge(length);
        return Err(PlaylistError { line: None, kind }.into());
    }
    Ok(())
}
