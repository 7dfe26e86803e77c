//! What the fuzz targets have in common.

use bytes::Bytes;
use weir::demux::{DemuxError, Demuxed, Demuxer, Edge, Timeline};

/// Input bytes, read as the numbers and slices that a target asks for.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// One byte; 0 at the end.
    pub fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    /// A number of as many bytes as it takes: small ones most often, and the extremes.
    pub fn number(&mut self) -> i64 {
        match self.byte() {
            small @ 0..=127 => i64::from(small) * 900,
            kind => {
                let mut bytes = [0; 8];
                for byte in bytes.iter_mut().take(usize::from(kind & 7) + 1) {
                    *byte = self.byte();
                }
                i64::from_le_bytes(bytes)
            }
        }
    }

    /// A slice behind its length in two bytes; as much as is left of it.
    pub fn slice(&mut self) -> &'a [u8] {
        let length = usize::from(u16::from_le_bytes([self.byte(), self.byte()]));
        let (slice, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        slice
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Demuxes segments: a byte that says how each joins the one before and whether it is a map, its length, its bytes.
/// What comes out must be in order: a sample's format before it.
pub fn demux(data: &[u8]) {
    const DISCONTINUITY: u8 = 1;
    const GAP: u8 = 2;
    const MAP: u8 = 4;
    let mut input = Input(data);
    let mut timeline = Timeline::new(1);
    let mut demuxer = Demuxer::new(0);
    let mut map: Option<Bytes> = None;
    let mut known = Vec::new();
    let mut bytes_out = 0;
    let mut check = |batch: Vec<Demuxed>| -> Result<(), DemuxError> {
        for demuxed in batch {
            match demuxed {
                Demuxed::Format(stream, format) => {
                    assert!(format.sample_entry.len() >= 8, "{format:?}");
                    known.push(stream);
                }
                Demuxed::Sample(stream, sample) => {
                    assert!(known.contains(&stream), "a sample without a format: {sample:?}");
                    bytes_out += sample.data.len();
                }
                Demuxed::LeftOut(_, what) => assert!(!what.is_empty()),
            }
        }
        Ok(())
    };
    while !input.is_empty() {
        let flags = input.byte();
        let segment = Bytes::copy_from_slice(input.slice());
        if flags & MAP != 0 {
            map = Some(segment);
            continue;
        }
        let edge = Edge {
            discontinuity: flags & DISCONTINUITY != 0,
            missing: i64::from(flags & GAP) * 90_000,
        };
        let pushed = demuxer.push(&segment, map.as_ref(), edge, &mut timeline, &mut check);
        if let Err(error) = pushed {
            assert!(!error.to_string().is_empty());
        }
    }
    let _ = demuxer.flush(&mut check);
    // Every byte of a sample was a byte of a segment (length prefixes are no longer than the start codes they replace
    // but for the first zero).
    assert!(
        bytes_out <= 2 * data.len() + 64,
        "{bytes_out} bytes out of {}",
        data.len()
    );
}
