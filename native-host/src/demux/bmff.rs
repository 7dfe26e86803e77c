//! Boxes of the ISO base media file format (ISO/IEC 14496-12, 4.2), read and written.

use bytes::{Buf, BufMut};

/// A box's type.
pub(crate) type FourCc = [u8; 4];

/// One box.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Box<'a> {
    pub(crate) kind: FourCc,
    /// The box with its header.
    pub(crate) whole: &'a [u8],
    /// What is behind the header.
    pub(crate) content: &'a [u8],
}

/// The boxes that bytes consist of, up to the first that is not whole.
pub(crate) fn boxes(bytes: &[u8]) -> impl Iterator<Item = Box<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let mut header = rest;
        let size32 = header.try_get_u32().ok()?;
        let kind = *header.split_off(..4)?.first_chunk()?;
        let size = match size32 {
            0 => rest.len(),
            1 => usize::try_from(header.try_get_u64().ok()?).ok()?,
            size => usize::try_from(size).ok()?,
        };
        let header_bytes = rest.len() - header.len();
        let whole = rest.split_off(..size)?;
        Some(Box {
            kind,
            whole,
            content: whole.get(header_bytes..)?,
        })
    })
}

/// The content of the first box of a kind.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "kinds are written as byte strings, which are references"
)]
pub(crate) fn find<'a>(bytes: &'a [u8], kind: &FourCc) -> Option<&'a [u8]> {
    boxes(bytes)
        .find(|found| found.kind == *kind)
        .map(|found| found.content)
}

/// The content of the box that a path of kinds leads to.
pub(crate) fn find_path<'a>(bytes: &'a [u8], path: &[&FourCc]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |content, kind| find(content, kind))
}

/// Version and flags, which a full box begins with, and what follows them.
pub(crate) fn full_box(content: &[u8]) -> Option<(u8, u32, &[u8])> {
    let (head, rest) = content.split_first_chunk::<4>()?;
    let [version, flags @ ..] = *head;
    let [a, b, c] = flags;
    Some((version, u32::from_be_bytes([0, a, b, c]), rest))
}

/// Writes a box whose content `fill` writes.
pub(crate) fn write_box(out: &mut Vec<u8>, kind: FourCc, fill: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.put_u32(0);
    out.put_slice(&kind);
    fill(out);
    let size = u32::try_from(out.len() - begin).unwrap_or(u32::MAX);
    if let Some(place) = out
        .get_mut(begin..)
        .and_then(|written| written.first_chunk_mut::<4>())
    {
        *place = size.to_be_bytes();
    }
}

/// Writes a full box (4.2.2).
pub(crate) fn write_full_box(
    out: &mut Vec<u8>,
    kind: FourCc,
    version: u8,
    flags: u32,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    write_box(out, kind, |out| {
        out.put_u32(u32::from(version) << 24 | flags & 0x00ff_ffff);
        fill(out);
    });
}
