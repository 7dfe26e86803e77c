//! Byte stream format of H.264 and HEVC (annex B of both): NAL units behind start codes.

use std::sync::LazyLock;

use bytes::{BufMut, Bytes};
use memchr::memmem;
use serde::{Deserialize, Serialize};

/// What every NAL unit stands behind.
const START_CODE: &[u8] = &[0, 0, 1];

/// Made once: it takes longer to make than to go through a packet.
static START_CODES: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(START_CODE));

/// The first `count` bytes of the NAL unit that `bytes` begin with, or all of a shorter one.
pub(super) fn begin_of_nal(bytes: &[u8], count: usize) -> &[u8] {
    let begin = bytes.get(..count).unwrap_or(bytes);
    // A start code may be cut off with its first zeros, which stand in no NAL unit either.
    let end = begin
        .windows(START_CODE.len())
        .position(|window| matches!(window, [0, 0, 0 | 1]));
    begin.get(..end.unwrap_or(begin.len())).unwrap_or(begin)
}

/// Where a NAL unit begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StartCode {
    /// The start code's first byte; the zero that a four-byte one begins with counts.
    pub(super) at: usize,
    /// The first byte of its last three.
    pub(super) short: usize,
    /// The NAL unit's first byte.
    pub(super) nal: usize,
}

impl StartCode {
    /// The first `count` bytes of the buffer are gone.
    pub(super) fn discard(&mut self, count: usize) {
        for place in [&mut self.at, &mut self.short, &mut self.nal] {
            *place = place.saturating_sub(count);
        }
    }
}

/// Finds start codes in a growing buffer, each once.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Scanner {
    from: usize,
}

impl Scanner {
    /// The next start code with at least `header_bytes` of its NAL unit behind it.
    pub(super) fn next(&mut self, bytes: &[u8], header_bytes: usize) -> Option<StartCode> {
        let rest = bytes.get(self.from..)?;
        let Some(ahead) = START_CODES.find(rest) else {
            // Its beginning may be here already.
            self.from += rest.len().saturating_sub(START_CODE.len() - 1);
            return None;
        };
        let at = self.from + ahead;
        let nal = at + START_CODE.len();
        if bytes.len() < nal + header_bytes {
            self.from = at;
            return None;
        }
        self.from = nal;
        let after_zero = at.checked_sub(1).filter(|&before| bytes.get(before) == Some(&0));
        Some(StartCode {
            at: after_zero.unwrap_or(at),
            short: at,
            nal,
        })
    }

    /// How much of the buffer holds no further start code; the zero before one that begins here is not counted.
    pub(super) fn searched(&self) -> usize {
        self.from.saturating_sub(1)
    }

    /// The first `count` bytes of the buffer are gone.
    pub(super) fn discard(&mut self, count: usize) {
        self.from = self.from.saturating_sub(count);
    }
}

/// The NAL units of the access unit that is being put together, as positions in the buffer.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct NalUnits {
    /// First byte and end; the last has no end yet.
    spans: Vec<(usize, usize)>,
}

impl NalUnits {
    /// A NAL unit begins at `at`.
    pub(super) fn open(&mut self, at: usize) {
        self.spans.push((at, at));
    }

    /// The last NAL unit ends before `at`.
    pub(super) fn close(&mut self, at: usize) {
        if let Some((_, end)) = self.spans.last_mut() {
            *end = at;
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.spans.len()
    }

    /// Takes all but the first `count` out.
    pub(super) fn split_off(&mut self, count: usize) -> Self {
        let spans = self.spans.split_off(count.min(self.spans.len()));
        Self { spans }
    }

    /// The last NAL unit's bytes, once it has ended.
    pub(super) fn last<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        self.spans.last().and_then(|&(begin, end)| bytes.get(begin..end))
    }

    /// The first `count` bytes of the buffer are gone.
    pub(super) fn discard(&mut self, count: usize) {
        for (begin, end) in &mut self.spans {
            *begin = begin.saturating_sub(count);
            *end = end.saturating_sub(count);
        }
    }

    /// The NAL units' bytes.
    pub(super) fn slices<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.spans
            .iter()
            .filter_map(|&(begin, end)| bytes.get(begin..end))
            .filter(|nal| !nal.is_empty())
    }

    /// Writes the length of each NAL unit over its start code, so that what lies from `begin` on is the sample. False, and
    /// nothing has changed, where start codes have three bytes, which is one less than a length has.
    pub(super) fn prefix_in_place(&self, bytes: &mut [u8], begin: usize) -> bool {
        let mut at = begin;
        let fits = self.spans.iter().all(|&(nal, end)| {
            let follows = nal == at + LENGTH_BYTES && end > nal;
            at = end;
            follows && end <= bytes.len()
        });
        if fits {
            for &(nal, end) in &self.spans {
                // Longer ones do not exist: a segment is limited to far less than 4 GiB.
                let length = u32::try_from(end - nal).unwrap_or(u32::MAX);
                if let Some(place) = bytes.get_mut(nal - LENGTH_BYTES..nal) {
                    place.copy_from_slice(&length.to_be_bytes());
                }
            }
        }
        fits
    }

    /// The NAL units with a length before each, as samples have them (ISO/IEC 14496-15, 5.3.3.2). `write` is given where
    /// each begins in the buffer and its bytes, and adds to the sample what it is to hold of them.
    pub(super) fn length_prefixed(
        &self,
        bytes: &[u8],
        mut write: impl FnMut(usize, &[u8], &mut Vec<u8>),
    ) -> Bytes {
        let size = self.slices(bytes).map(|nal| LENGTH_BYTES + nal.len()).sum();
        let mut sample = Vec::with_capacity(size);
        for &(begin, end) in &self.spans {
            let Some(nal) = bytes.get(begin..end).filter(|nal| !nal.is_empty()) else {
                continue;
            };
            let length_at = sample.len();
            sample.put_u32(0);
            let nal_at = sample.len();
            write(begin, nal, &mut sample);
            // Longer ones do not exist: a segment is limited to far less than 4 GiB.
            let length = u32::try_from(sample.len() - nal_at).unwrap_or(u32::MAX);
            if let Some(place) = sample.get_mut(length_at..nal_at) {
                place.copy_from_slice(&length.to_be_bytes());
            }
        }
        sample.into()
    }
}

/// The places of a NAL unit's emulation prevention bytes (7.4.1.1 of H.264).
pub(super) fn escapes(nal: &[u8]) -> impl Iterator<Item = usize> {
    const ESCAPED: &[u8] = &[0, 0, 3];
    memmem::find_iter(nal, ESCAPED).map(|at| at + 2)
}

/// Adds a NAL unit without its emulation prevention.
pub(super) fn put_unescaped(nal: &[u8], out: &mut Vec<u8>) {
    let mut begin = 0;
    for at in escapes(nal) {
        out.put_slice(nal.get(begin..at).unwrap_or_default());
        begin = at + 1;
    }
    out.put_slice(nal.get(begin..).unwrap_or_default());
}

/// A NAL unit without the zero bytes that trail it before the next start code.
pub(super) fn without_trailing_zeros(nal: &[u8]) -> &[u8] {
    let length = nal.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    nal.get(..length).unwrap_or(nal)
}

/// Size of the length before each NAL unit.
pub(super) const LENGTH_BYTES: usize = 4;
