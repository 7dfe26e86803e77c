//! When segments were on the air, and the date ranges that name such times.

use std::collections::BTreeMap;

use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;

use crate::playlist::{DateRange, Media, Segment};

/// The CLASS of date ranges that name other streams, which players play in between (RFC 8216bis, appendix D).
pub(super) const INTERSTITIAL: &str = "com.apple.hls.interstitial";

/// Tags with the same ID are one date range (RFC 8216bis, 4.4.5.1): SCTE35-IN comes in a later one than SCTE35-OUT.
pub(super) fn merged(tags: &[DateRange]) -> Vec<DateRange> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ranges: Vec<DateRange> = Vec::new();
    for tag in tags {
        let place = *places.entry(&tag.id).or_insert(ranges.len());
        let Some(range) = ranges.get_mut(place) else {
            ranges.push(tag.clone());
            continue;
        };
        let fill = |slot: &mut Option<String>, value: &Option<String>| {
            if slot.is_none() {
                slot.clone_from(value);
            }
        };
        fill(&mut range.class, &tag.class);
        fill(&mut range.start_date, &tag.start_date);
        fill(&mut range.end_date, &tag.end_date);
        fill(&mut range.scte35_cmd, &tag.scte35_cmd);
        fill(&mut range.scte35_out, &tag.scte35_out);
        fill(&mut range.scte35_in, &tag.scte35_in);
        range.duration_seconds = range.duration_seconds.or(tag.duration_seconds);
        range.planned_duration_seconds = range.planned_duration_seconds.or(tag.planned_duration_seconds);
    }
    ranges
}

/// When each segment begins and ends, in seconds since 1970: from the last EXT-X-PROGRAM-DATE-TIME on, and backwards from
/// the first (RFC 8216bis, 4.4.4.6).
pub(super) fn dates(media: &Media) -> Vec<Option<(f64, f64)>> {
    let usual = usual_seconds(media);
    let seconds = |segment: &Segment| segment.duration_seconds.unwrap_or(usual);
    let segments = || media.segments.iter().map(|segment| (segment, seconds(segment)));
    let mut now = None;
    let mut before = 0.0;
    for (segment, seconds) in segments() {
        if let Some(first) = segment.program_date_time.as_deref().and_then(date) {
            now = Some(first - before);
            break;
        }
        before += seconds;
    }
    let mut dates = Vec::with_capacity(media.segments.len());
    for (segment, seconds) in segments() {
        now = segment.program_date_time.as_deref().and_then(date).or(now);
        dates.push(now.map(|now| (now, now + seconds)));
        now = now.map(|now| now + seconds);
    }
    dates
}

/// A date as seconds since 1970; None for one that is none, or has no time zone.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds count, and half a microsecond is kept"
)]
pub(super) fn date(text: &str) -> Option<f64> {
    let date = OffsetDateTime::parse(text, &Iso8601::DEFAULT).ok()?;
    Some(date.unix_timestamp() as f64 + f64::from(date.nanosecond()) / 1e9)
}

/// What a segment of unknown duration is taken for.
pub(super) fn usual_seconds(media: &Media) -> f64 {
    media.target_duration_seconds.unwrap_or(1.0)
}
