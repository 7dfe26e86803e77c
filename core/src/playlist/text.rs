//! Encoding: bytes -> text.

use std::borrow::Cow;

use crate::protocol::limits::MAX_PLAYLIST_BYTES;

use super::warning::{WarningCode, Warnings};
use super::{PlaylistError, PlaylistErrorKind, other};

/// The text of a playlist's body, decoded as [`super::read`] does.
///
/// # Errors
/// [`PlaylistError`] when it is over the limit, no text, or holds a NUL.
pub fn decode_text(bytes: &[u8]) -> Result<Cow<'_, str>, PlaylistError> {
    decode(bytes, &mut Warnings::default()).map_err(|error| *error)
}

/// Decodes a body: UTF-8, UTF-16 by its byte order mark, else Latin-1 with a warning. The mark is taken off.
pub(super) fn decode<'a>(
    bytes: &'a [u8],
    warnings: &mut Warnings,
) -> Result<Cow<'a, str>, Box<PlaylistError>> {
    if bytes.len() > MAX_PLAYLIST_BYTES {
        return Err(PlaylistError::whole(PlaylistErrorKind::TooLarge(bytes.len())));
    }
    let text = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => decode_bytes(rest, warnings),
        [0xff, 0xfe, rest @ ..] => Cow::Owned(decode_utf16(rest, u16::from_le_bytes)?),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(decode_utf16(rest, u16::from_be_bytes)?),
        // UTF-16 without a mark: the first character of a playlist is ASCII.
        [b'#' | b'\r' | b'\n' | b' ', 0, ..] | [0, b'#' | b'\r' | b'\n' | b' ', ..] => {
            return Err(PlaylistError::whole(PlaylistErrorKind::NotUtf8));
        }
        _ => decode_bytes(bytes, warnings),
    };
    let nul = text.find('\0');
    // What is text is none of these, whatever it begins with.
    if let Some(what) = other::of_bytes(bytes)
        && (nul.is_some() || std::str::from_utf8(bytes).is_err())
    {
        return Err(PlaylistError::whole(PlaylistErrorKind::OtherFile(what)));
    }
    match nul {
        Some(at) => Err(PlaylistError::at(
            line_at(text.as_bytes(), at),
            PlaylistErrorKind::ControlByte,
        )),
        None => Ok(text),
    }
}

fn decode_bytes<'a>(bytes: &'a [u8], warnings: &mut Warnings) -> Cow<'a, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(error) => {
            let line = line_at(bytes, error.valid_up_to());
            warnings.push(
                Some(line),
                WarningCode::Latin1,
                format_args!("not UTF-8: read as Latin-1"),
            );
            Cow::Owned(bytes.iter().copied().map(char::from).collect())
        }
    }
}

fn decode_utf16(bytes: &[u8], from_bytes: fn([u8; 2]) -> u16) -> Result<String, Box<PlaylistError>> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(PlaylistError::whole(PlaylistErrorKind::NotUtf8));
    }
    char::decode_utf16(pairs.iter().map(|pair| from_bytes(*pair)))
        .collect::<Result<String, _>>()
        .map_err(|_| PlaylistError::whole(PlaylistErrorKind::NotUtf8))
}

/// The 1-based line of the byte at `at`, counted as [`super::lines`] does.
fn line_at(bytes: &[u8], at: usize) -> usize {
    let before = bytes.get(..at).unwrap_or(bytes);
    let mut previous = 0;
    let mut line = 1;
    for &byte in before {
        if byte == b'\r' || (byte == b'\n' && previous != b'\r') {
            line += 1;
        }
        previous = byte;
    }
    line
}
