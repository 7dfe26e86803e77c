//! Delta updates (RFC 8216bis, 4.4.5.2): what an update leaves out, found in the last playlist.

use super::tags::MAX_DATE_RANGES;
use super::{DateRange, Media, Segment};

/// The `count` segments from the media sequence number `first` on; None when not all of them are there.
pub(super) fn skipped_segments(previous: &Media, first: u64, count: u64) -> Option<&[Segment]> {
    let segments = &previous.segments;
    let start = segments.partition_point(|segment| segment.sequence.0 < first);
    let end = start.checked_add(usize::try_from(count).ok()?)?;
    // Numbers rise by one: when the first is right, so are the others.
    segments
        .get(start..end)
        .filter(|found| found.first().is_none_or(|found| found.sequence.0 == first))
}

/// Adds the date ranges of the last playlist: those that are neither among `removed`, a list of ids with tabs
/// between, nor in the update itself.
pub(super) fn keep_date_ranges(previous: &Media, removed: &str, media: &mut Media) {
    let is_gone = |id: &str| {
        media.date_ranges.iter().any(|range| range.id == id)
            || removed
                .split('\t')
                .take(MAX_DATE_RANGES)
                .any(|removed| removed == id)
    };
    let kept = previous.date_ranges.iter().filter(|range| !is_gone(&range.id));
    let mut all: Vec<DateRange> = kept.cloned().collect();
    all.append(&mut media.date_ranges);
    media.date_ranges = all;
}
