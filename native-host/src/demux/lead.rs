//! What of a segment belongs to a unit that began in the segment before it.

use super::ts::{self, sync};
use super::{SegmentKind, sniff};

/// Longest frame of packed audio: 13 bits (ADTS).
const LONGEST_FRAME_BYTES: usize = 1 << 13;

/// How many bytes it takes to end what began in the segment before; 0 where a segment begins with a unit of its own.
#[must_use]
pub fn lead(data: &[u8]) -> usize {
    match sniff(data) {
        Ok(SegmentKind::TransportStream { .. }) => ts::lead(data),
        // It begins with the end of a frame, and with the next one it is as any.
        Err(_) if sync::find(data).is_none() => data.len().min(2 * LONGEST_FRAME_BYTES),
        Ok(SegmentKind::FragmentedMp4 | SegmentKind::PackedAudio(_) | SegmentKind::WebVtt) | Err(_) => 0,
    }
}
