//! Segments of several tracks, by time.

use serde::{Deserialize, Serialize};
use weir_core::protocol::{CapturePlan, Gap, PlannedSegment, PlannedTrack};

/// Longest EXTINF that is believed, in seconds: a day.
const MAX_DURATION_SECONDS: f64 = 86_400.0;

/// One segment of the plan, and when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Index of the track.
    pub track: usize,
    /// Index of the segment in its track.
    pub segment: usize,
    /// Sum of the durations before it in its track.
    pub start_seconds: f64,
}

/// Every segment of the plan, ordered by start time, so that the output is interleaved; each track's own
/// order is kept.
pub(super) fn interleaved(plan: &CapturePlan) -> Vec<Entry> {
    let all = || plan.tracks.iter().flat_map(|track| &track.segments);
    let overall = mean(all()).unwrap_or(1.0);
    let mut entries = Vec::with_capacity(all().count());
    for (track, planned) in plan.tracks.iter().enumerate() {
        let usual = mean(planned.segments.iter()).unwrap_or(overall);
        let mut start_seconds = 0.0;
        for (segment, planned) in planned.segments.iter().enumerate() {
            entries.push(Entry {
                track,
                segment,
                start_seconds,
            });
            start_seconds += known(planned).unwrap_or(usual);
        }
    }
    entries.sort_by(|a, b| a.start_seconds.total_cmp(&b.start_seconds)); // stable: equal starts stay in track order
    entries
}

/// Sum of the durations that are known; None when none is.
pub(super) fn known_duration(track: &PlannedTrack) -> Option<f64> {
    let mut known = track
        .segments
        .iter()
        .filter(|segment| !segment.gap)
        .filter_map(known)
        .peekable();
    known.peek()?;
    Some(known.sum())
}

/// A segment as missing.
pub(super) fn gap(entry: Entry, segment: &PlannedSegment) -> Gap {
    Gap {
        track: u32::try_from(entry.track).unwrap_or(u32::MAX),
        sequence: segment.sequence,
        start_seconds: entry.start_seconds,
        duration_seconds: known(segment).unwrap_or(0.0),
    }
}

/// EXTINF, where it is usable.
pub(super) fn known(segment: &PlannedSegment) -> Option<f64> {
    segment
        .duration_seconds
        .filter(|seconds| (0.0..=MAX_DURATION_SECONDS).contains(seconds))
}

#[expect(clippy::cast_precision_loss, reason = "a million segments at most")]
fn mean<'a>(segments: impl Iterator<Item = &'a PlannedSegment>) -> Option<f64> {
    let (sum, count) = segments
        .filter_map(known)
        .fold((0.0, 0_u64), |(sum, count), seconds| (sum + seconds, count + 1));
    (count > 0).then(|| sum / count as f64)
}
