//! What marks a discontinuity group as advertising: cues, date ranges, another host.

use std::collections::BTreeMap;
use std::fmt;

use super::Group;
use crate::plan::dates::{INTERSTITIAL, date, dates, merged};
use crate::playlist::{Cue, DateRange, Media, Segment};

/// Words in a CLASS that say that a date range is advertising, as `twitch-stitched-ad` does.
const AD_WORDS: [&str; 5] = ["ad", "ads", "adbreak", "advert", "advertisement"];

/// Less than this of a group is not worth a word.
const MIN_SECONDS: f64 = 0.5;

/// What tells that a group is advertising.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdReason {
    /// EXT-X-CUE-OUT and its like.
    Cue,
    /// EXT-X-DATERANGE, by its ID.
    DateRange(String),
    /// Another host than the one that most of the stream comes from.
    Host(String),
}

impl fmt::Display for AdReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cue => f.write_str("EXT-X-CUE-OUT"),
            Self::DateRange(id) => write!(f, "EXT-X-DATERANGE '{id}'"),
            Self::Host(host) => write!(f, "from {host}"),
        }
    }
}

/// What the marks of one playlist come to.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By discontinuity sequence number.
    pub(super) groups: BTreeMap<u64, AdReason>,
    pub(super) not_set_apart: Vec<(f64, f64)>,
    pub(super) interstitials: Vec<String>,
}

pub(super) fn find(media: &Media, groups: &[Group<'_>]) -> Found {
    let mut found = Found::default();
    let ranges = merged(&media.date_ranges);
    let is_interstitial = |range: &&DateRange| range.class.as_deref() == Some(INTERSTITIAL);
    found.interstitials = ranges
        .iter()
        .filter(is_interstitial)
        .map(|range| range.id.clone())
        .collect();
    let mut marks: Vec<Option<AdReason>> = vec![None; media.segments.len()];
    mark_cues(media, groups, &mut marks);
    mark_dates(media, groups, &ranges, &mut marks);
    for group in groups {
        let marks = marks.get(group.at.clone()).unwrap_or_default();
        let marked = || {
            group
                .segments
                .iter()
                .zip(marks)
                .filter_map(|(segment, mark)| Some((segment, mark.as_ref()?)))
        };
        let seconds = marked()
            .map(|(segment, _)| group.seconds_of(segment))
            .fold(0.0, |a, b| a + b);
        let Some((_, reason)) = marked().next() else {
            continue;
        };
        if groups.len() > 1 && seconds * 2.0 > group.duration_seconds() {
            found.groups.insert(group.number, reason.clone());
        } else if seconds >= MIN_SECONDS {
            let ahead = group
                .segments
                .iter()
                .zip(marks)
                .take_while(|(_, mark)| mark.is_none());
            let start = ahead
                .map(|(segment, _)| group.seconds_of(segment))
                .fold(group.start_seconds, |a, b| a + b);
            found.not_set_apart.push((start, seconds));
        }
    }
    mark_hosts(groups, &mut found.groups);
    found
}

/// From each cue out to the next cue; without one, as long as the cue says, else to the end of its group.
fn mark_cues(media: &Media, groups: &[Group<'_>], marks: &mut [Option<AdReason>]) {
    let segments = &media.segments;
    let mut until = 0;
    for (index, segment) in segments.iter().enumerate() {
        let seconds = match segment.cue {
            Some(Cue::Out { seconds }) => seconds,
            // A window that begins within a break.
            Some(Cue::Continued) if index >= until => None,
            _ => continue,
        };
        let is_next = |next: &Segment| matches!(next.cue, Some(Cue::In | Cue::Out { .. }));
        let behind = segments.get(index + 1..).unwrap_or_default();
        until = match (behind.iter().position(is_next), seconds) {
            (Some(next), _) => index + 1 + next,
            (None, Some(seconds)) => end_after(segments, index, seconds),
            (None, None) => end_of_group(groups, index),
        };
        set(marks, index, until, &AdReason::Cue);
    }
}

/// Marks the segments whose middle is in a date range that is advertising.
fn mark_dates(media: &Media, groups: &[Group<'_>], ranges: &[DateRange], marks: &mut [Option<AdReason>]) {
    let ads: Vec<&DateRange> = ranges.iter().filter(|range| is_ad(range)).collect();
    if ads.is_empty() {
        return;
    }
    let dates = dates(media);
    for range in ads {
        let Some(start) = range.start_date.as_deref().and_then(date) else {
            continue;
        };
        let length = range.duration_seconds.or(range.planned_duration_seconds);
        let end = match range.end_date.as_deref().and_then(date) {
            Some(end) => Some(end),
            None => length.map(|seconds| start + seconds),
        };
        let reason = AdReason::DateRange(range.id.clone());
        let is_in = |(from, to): &(f64, f64)| {
            let middle = f64::midpoint(*from, *to);
            middle >= start && end.is_none_or(|end| middle < end)
        };
        let Some(first) = dates.iter().position(|dates| dates.as_ref().is_some_and(is_in)) else {
            continue;
        };
        let until = match end {
            Some(_) => {
                let inside = dates
                    .iter()
                    .skip(first)
                    .take_while(|dates| dates.as_ref().is_none_or(is_in));
                first + inside.count()
            }
            None => end_of_group(groups, first),
        };
        set(marks, first, until, &reason);
    }
}

/// Marks the groups of which nothing is from the host that most of the stream is from.
fn mark_hosts(groups: &[Group<'_>], found: &mut BTreeMap<u64, AdReason>) {
    let mut seconds: BTreeMap<&str, f64> = BTreeMap::new();
    for group in groups {
        for segment in group.segments {
            if let Some(host) = host(segment) {
                *seconds.entry(host).or_default() += group.seconds_of(segment);
            }
        }
    }
    let Some((main, _)) = seconds.into_iter().max_by(|(_, a), (_, b)| a.total_cmp(b)) else {
        return;
    };
    for group in groups {
        let is_foreign = |segment: &Segment| host(segment).is_some_and(|host| host != main);
        if let Some(host) = group.segments.first().and_then(host)
            && group.segments.iter().all(is_foreign)
        {
            found
                .entry(group.number)
                .or_insert_with(|| AdReason::Host(host.to_owned()));
        }
    }
}

fn host(segment: &Segment) -> Option<&str> {
    segment.uri.resolved.as_ref().ok()?.host()
}

fn set(marks: &mut [Option<AdReason>], from: usize, until: usize, reason: &AdReason) {
    for mark in marks.iter_mut().take(until).skip(from) {
        mark.get_or_insert_with(|| reason.clone());
    }
}

fn end_after(segments: &[Segment], index: usize, seconds: f64) -> usize {
    let mut left = seconds;
    let inside = segments.iter().skip(index).take_while(|segment| {
        let duration = segment.duration_seconds.unwrap_or_default();
        let is_inside = left > duration / 2.0;
        left -= duration;
        is_inside
    });
    index + inside.count()
}

fn end_of_group(groups: &[Group<'_>], index: usize) -> usize {
    let group = groups.iter().find(|group| group.at.contains(&index));
    group.map_or(index, |group| group.at.end)
}

/// SCTE-35 says that the stream goes elsewhere, or the CLASS does.
pub(in crate::plan) fn is_ad(range: &DateRange) -> bool {
    let class = range.class.as_deref().unwrap_or_default();
    if class == INTERSTITIAL {
        return false;
    }
    let mut words = class.split(|character: char| !character.is_ascii_alphanumeric());
    let says_so = words.any(|word| AD_WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)));
    says_so || range.scte35_out.is_some()
}
