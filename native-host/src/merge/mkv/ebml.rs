//! EBML (RFC 8794): the elements that a Matroska file is made of, written and read.

use bytes::{Buf, BufMut};

/// An element's id with its length marker, as specifications write it.
pub(super) type Id = u32;

/// A size that is not known yet (RFC 8794, 6.2), in eight bytes.
pub(super) const UNKNOWN_SIZE: u64 = 0x01ff_ffff_ffff_ffff;

/// Fills space.
pub(super) const VOID: Id = 0xec;

/// Sizes of this many bytes are written where the place is kept for one that comes later.
pub(super) const LONG_SIZE_BYTES: usize = 8;

/// Writes an id.
pub(super) fn put_id(out: &mut Vec<u8>, id: Id) {
    let bytes = id.to_be_bytes();
    let unused = bytes.iter().take_while(|&&byte| byte == 0).count();
    out.put_slice(bytes.get(unused..).unwrap_or_default());
}

/// Writes a number as a data size is written (RFC 8794, 4): as short as it goes.
pub(super) fn put_size(out: &mut Vec<u8>, size: u64) {
    // All ones mean "unknown", so one value less fits in each length.
    let bytes = (1..LONG_SIZE_BYTES)
        .find(|bytes| size < (1 << (7 * bytes)) - 1)
        .unwrap_or(LONG_SIZE_BYTES);
    put_size_of(out, size, bytes);
}

fn put_size_of(out: &mut Vec<u8>, size: u64, bytes: usize) {
    out.put_uint(size | 1 << (7 * bytes), bytes);
}

/// A size in eight bytes.
pub(super) fn long_size(size: u64) -> u64 {
    size | 1 << 56
}

/// Writes an element.
pub(super) fn binary(out: &mut Vec<u8>, id: Id, content: &[u8]) {
    put_id(out, id);
    put_size(out, content.len() as u64);
    out.put_slice(content);
}

/// Writes an unsigned integer.
pub(super) fn uint(out: &mut Vec<u8>, id: Id, value: u64) {
    let bytes = value.to_be_bytes();
    let unused = bytes.iter().take_while(|&&byte| byte == 0).count().min(7);
    binary(out, id, bytes.get(unused..).unwrap_or_default());
}

/// Writes a floating point number.
pub(super) fn float(out: &mut Vec<u8>, id: Id, value: f64) {
    binary(out, id, &value.to_be_bytes());
}

/// Writes text. A NUL would end it.
pub(super) fn text(out: &mut Vec<u8>, id: Id, value: &str) {
    binary(out, id, value.replace('\0', "").as_bytes());
}

/// Writes an element whose content `fill` writes.
pub(super) fn master(out: &mut Vec<u8>, id: Id, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut content = Vec::new();
    fill(&mut content);
    binary(out, id, &content);
}

/// Fills `out` up to `length` bytes with a Void element; false when that is impossible.
pub(super) fn fill_with_void(out: &mut Vec<u8>, length: usize) -> bool {
    const LONG_HEADER: usize = 1 + LONG_SIZE_BYTES;
    match length.checked_sub(out.len()) {
        Some(0) => true,
        Some(left @ LONG_HEADER..) => {
            put_id(out, VOID);
            put_size_of(out, (left - LONG_HEADER) as u64, LONG_SIZE_BYTES);
            out.put_bytes(0, left - LONG_HEADER);
            true
        }
        Some(left @ 2..) => {
            put_id(out, VOID);
            put_size_of(out, (left - 2) as u64, 1);
            out.put_bytes(0, left - 2);
            true
        }
        _ => false,
    }
}

/// Reads an id and a size; None where there is no whole one.
pub(super) fn header(bytes: &mut &[u8]) -> Option<(Id, u64)> {
    let id = number(bytes, 4, Marker::Kept)?;
    let size = number(bytes, LONG_SIZE_BYTES, Marker::Removed)?;
    Some((u32::try_from(id).ok()?, size))
}

/// The elements that bytes consist of, up to the first that is not whole: id and content.
pub(super) fn elements(bytes: &[u8]) -> impl Iterator<Item = (Id, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (id, size) = header(&mut rest)?;
        let content = rest.split_off(..usize::try_from(size).ok()?)?;
        Some((id, content))
    })
}

/// The content of the first element with an id.
pub(super) fn find(bytes: &[u8], id: Id) -> Option<&[u8]> {
    elements(bytes)
        .find(|(known, _)| *known == id)
        .map(|(_, content)| content)
}

/// The value of an unsigned integer's content.
pub(super) fn uint_of(content: &[u8]) -> Option<u64> {
    let mut bytes = content;
    (content.len() <= 8).then(|| bytes.try_get_uint(content.len()).ok())?
}

/// A number as sizes are written.
pub(super) fn size_number(bytes: &mut &[u8]) -> Option<u64> {
    number(bytes, LONG_SIZE_BYTES, Marker::Removed)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    Kept,
    Removed,
}

fn number(bytes: &mut &[u8], longest: usize, marker: Marker) -> Option<u64> {
    let first = *bytes.first()?;
    let length = usize::try_from(first.leading_zeros()).ok()? + 1;
    if length > longest {
        return None;
    }
    let value = bytes.try_get_uint(length).ok()?;
    Some(match marker {
        Marker::Kept => value,
        Marker::Removed => value & !(1 << (7 * length)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_short_as_they_go_and_read_back() {
        for (size, bytes) in [(0, 1), (126, 1), (127, 2), (16_382, 2), (16_383, 3), (1 << 40, 6)] {
            let mut out = Vec::new();
            put_size(&mut out, size);
            assert_eq!(out.len(), bytes, "{size}");
            assert_eq!(size_number(&mut &out[..]), Some(size));
        }
        assert_eq!(long_size(5).to_be_bytes(), [1, 0, 0, 0, 0, 0, 0, 5]);
    }

    #[test]
    fn void_fills_exactly_or_not_at_all() {
        for (left, fits) in [
            (0, true),
            (1, false),
            (2, true),
            (8, true),
            (9, true),
            (5_000, true),
        ] {
            let mut out = vec![1, 2, 3];
            assert_eq!(fill_with_void(&mut out, 3 + left), fits, "{left}");
            if fits {
                assert_eq!(out.len(), 3 + left);
                let mut rest = &out[3..];
                assert!(left == 0 || header(&mut rest) == Some((VOID, rest.len() as u64)));
            }
        }
    }

    #[test]
    fn elements_read_back() {
        let mut out = Vec::new();
        master(&mut out, 0x1a45_dfa3, |out| {
            uint(out, 0x4286, 0);
            uint(out, 0x42f2, 256);
            text(out, 0x4282, "matroska\0");
        });
        let content = find(&out, 0x1a45_dfa3).unwrap();
        assert_eq!(find(content, 0x4286).and_then(uint_of), Some(0));
        assert_eq!(find(content, 0x42f2).and_then(uint_of), Some(256));
        assert_eq!(find(content, 0x4282), Some(&b"matroska"[..]));
    }
}
