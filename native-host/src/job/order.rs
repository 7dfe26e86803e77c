//! Segments of several tracks, by time.

use std::sync::Arc;

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

/// Every segment of a plan, ordered by start time, so that the output is interleaved; each track's own order is kept.
/// Found one by one as they are asked for: a list of all would be there for as long as a long capture.
#[derive(Debug, Clone)]
pub(super) struct Interleaved {
    plan: Arc<CapturePlan>,
    /// The next of each track, and how long a segment plays whose duration is unknown.
    next: Vec<(Entry, f64)>,
}

impl Interleaved {
    pub(super) fn new(plan: &Arc<CapturePlan>) -> Self {
        let all = plan.tracks.iter().flat_map(|track| &track.segments);
        let overall = mean(all).unwrap_or(1.0);
        let next = plan.tracks.iter().enumerate().map(|(track, planned)| {
            let first = Entry {
                track,
                segment: 0,
                start_seconds: 0.0,
            };
            (first, mean(planned.segments.iter()).unwrap_or(overall))
        });
        Self {
            plan: Arc::clone(plan),
            next: next.collect(),
        }
    }

    /// The same places in another plan of the same stream.
    pub(super) fn renewed(&self, plan: &Arc<CapturePlan>) -> Self {
        Self {
            plan: Arc::clone(plan),
            next: self.next.clone(),
        }
    }
}

impl Iterator for Interleaved {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let plan = &self.plan;
        let rest = self.next.iter_mut();
        let rest = rest.filter_map(|(entry, usual)| {
            let seconds = known(planned(plan, *entry)?).unwrap_or(*usual);
            Some((entry, seconds))
        });
        // Equal starts stay in track order: of those the first is taken.
        let (next, seconds) = rest.min_by(|(a, _), (b, _)| a.start_seconds.total_cmp(&b.start_seconds))?;
        let entry = *next;
        next.segment += 1;
        next.start_seconds += seconds;
        Some(entry)
    }
}

/// What the plan has there.
pub(super) fn planned(plan: &CapturePlan, entry: Entry) -> Option<&PlannedSegment> {
    plan.tracks.get(entry.track)?.segments.get(entry.segment)
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

#[cfg(test)]
mod tests {
    use weir_core::protocol::{MediaSequence, TrackKind};
    use weir_core::url::AbsoluteUrl;

    use super::*;

    fn plan(durations: &[&[Option<f64>]]) -> Arc<CapturePlan> {
        let url = AbsoluteUrl::parse("https://a.example/a").unwrap();
        let segment = |(sequence, duration_seconds): (u64, &Option<f64>)| PlannedSegment {
            sequence: MediaSequence(sequence),
            url: url.clone(),
            range: None,
            duration_seconds: *duration_seconds,
            discontinuity: false,
            gap: false,
            key: None,
            map: None,
        };
        let track = |durations: &&[Option<f64>]| PlannedTrack {
            kind: TrackKind::Video,
            only: None,
            playlist: url.clone(),
            language: None,
            name: None,
            default: false,
            forced: false,
            codecs: Vec::new(),
            resolution: None,
            segments: (0..).zip(*durations).map(segment).collect(),
        };
        Arc::new(CapturePlan {
            source: url.clone(),
            title: None,
            live: false,
            tracks: durations.iter().map(track).collect(),
        })
    }

    /// Each track in its own order, whatever its durations; what begins at once in the order of the tracks.
    #[test]
    fn segments_come_by_time() {
        let plan = plan(&[
            &[Some(4.0), None, Some(0.0), Some(-1.0), Some(1.0)],
            &[],
            &[Some(0.0), Some(2.0), Some(2.0), Some(f64::NAN)],
        ]);
        let order = Interleaved::new(&plan);
        let places = |order: Interleaved| -> Vec<_> {
            order
                .map(|entry| (entry.track, entry.segment, entry.start_seconds))
                .collect()
        };
        let usual = 5.0 / 3.0;
        let expected = [
            (0, 0, 0.0),
            (2, 0, 0.0),
            (2, 1, 0.0),
            (2, 2, 2.0),
            (0, 1, 4.0),
            (2, 3, 4.0),
            (0, 2, 4.0 + usual),
            (0, 3, 4.0 + usual),
            (0, 4, 4.0 + usual + usual),
        ];
        assert_eq!(places(order.clone()), expected);
        let mut rest = order;
        rest.by_ref().take(4).for_each(drop);
        assert_eq!(places(rest.renewed(&plan)), expected[4..]);
    }
}
