//! Byte ranges: `length[@offset]`, and where one without offset starts.

use std::num::IntErrorKind;

use super::attributes::Attributes;
use super::lines::trim;
use super::scope::Scope;
use super::warning::{Shown, WarningCode};
use super::{PlaylistError, PlaylistErrorKind};
use crate::protocol::ByteRange;

/// `length[@offset]`, and its line.
#[derive(Clone, Copy)]
pub(super) struct WrittenRange {
    pub(super) length: u64,
    pub(super) offset: Option<u64>,
    pub(super) line: usize,
}

/// `length[@offset]`; None, with a warning, when it is neither; an error when a number does not fit.
pub(super) fn written_range(
    tag: &str,
    value: &str,
    line: usize,
    scope: &mut Scope<'_>,
) -> Result<Option<WrittenRange>, Box<PlaylistError>> {
    let (length, offset) = match value.split_once('@') {
        Some((length, offset)) => (trim(length).parse::<u64>(), Some(trim(offset).parse::<u64>())),
        None => (trim(value).parse(), None),
    };
    match (length, offset.transpose()) {
        (Ok(length), Ok(offset)) => Ok(Some(WrittenRange { length, offset, line })),
        (Err(error), _) | (_, Err(error)) if *error.kind() == IntErrorKind::PosOverflow => {
            let kind = PlaylistErrorKind::RangeOverflow(Shown(value).to_string());
            Err(PlaylistError::at(line, kind))
        }
        _ => {
            scope.bad_tag(tag, value, line);
            Ok(None)
        }
    }
}

/// BYTERANGE of EXT-X-MAP or EXT-X-PART.
pub(super) fn attribute_range(
    attributes: &Attributes<'_>,
    previous_end: Option<u64>,
    scope: &mut Scope<'_>,
) -> Result<Option<ByteRange>, Box<PlaylistError>> {
    let Some(value) = scope.text(attributes, "BYTERANGE")? else {
        return Ok(None);
    };
    let Some(written) = written_range(attributes.tag, &value, attributes.line, scope)? else {
        return Ok(None);
    };
    effective_range(written, previous_end, scope)
}

/// Works out the offset. None for a range of no bytes, with a warning.
pub(super) fn effective_range(
    written: WrittenRange,
    previous_end: Option<u64>,
    scope: &mut Scope<'_>,
) -> Result<Option<ByteRange>, Box<PlaylistError>> {
    let WrittenRange { length, line, .. } = written;
    let offset = written.offset.or(previous_end).unwrap_or_else(|| {
        let message = format_args!("a byte range without offset continues nothing: it starts at 0");
        scope
            .warnings
            .push(Some(line), WarningCode::ByteRangeWithoutOffset, message);
        0
    });
    if offset.checked_add(length).is_none() {
        let kind = PlaylistErrorKind::RangeOverflow(format!("{length}@{offset}"));
        return Err(PlaylistError::at(line, kind));
    }
    if length == 0 {
        scope.warnings.push(
            Some(line),
            WarningCode::BadTag,
            format_args!("a byte range of no bytes"),
        );
    }
    Ok(ByteRange::new(offset, length))
}
