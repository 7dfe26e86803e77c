//! Chapters of a stream: what its discontinuities divide, and what its date ranges name.

use serde::Serialize;

use super::ads::is_ad;
use super::dates::{INTERSTITIAL, date, dates, merged};
use crate::playlist::{DateRange, Media};
use crate::protocol::{MediaSequence, PlannedTrack};

/// More are not made: MP4's list of chapters counts in one byte.
pub const MAX_CHAPTERS: usize = 255;

/// As much of a title is kept: the list counts its bytes in one byte too.
const MAX_TITLE_BYTES: usize = 255;

/// What begins this close to another chapter is the same one, in seconds.
const SAME_SECONDS: f64 = 1.0;

/// Where a chapter begins.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chapter {
    /// In this segment of the main track.
    pub sequence: MediaSequence,
    /// So long behind its beginning.
    pub offset_seconds: f64,
    /// For people.
    pub title: String,
}

/// A chapter that may have no name of its own.
#[derive(Debug, Clone)]
struct Mark {
    sequence: MediaSequence,
    offset_seconds: f64,
    title: Option<String>,
}

/// The chapters of `track`, which is made of `media` or of a part of it, in order; none where nothing divides it.
#[must_use]
pub fn chapters(media: &Media, track: &PlannedTrack) -> Vec<Chapter> {
    let marks = of_part(marks(media), track);
    if marks.len() < 2 && marks.iter().all(|mark| mark.title.is_none()) {
        return Vec::new();
    }
    let numbered = (1..).zip(marks).take(MAX_CHAPTERS);
    let chapter = |(number, mark): (u32, Mark)| Chapter {
        sequence: mark.sequence,
        offset_seconds: mark.offset_seconds,
        title: mark
            .title
            .map_or_else(|| format!("Chapter {number}"), |title| cut(&title)),
    };
    numbered.map(chapter).collect()
}

/// Where the whole stream begins, at its discontinuities, and where date ranges begin that are about the stream itself.
fn marks(media: &Media) -> Vec<Mark> {
    let mut marks = Vec::new();
    for (index, segment) in media.segments.iter().enumerate() {
        if index == 0 || segment.discontinuity {
            marks.push(Mark {
                sequence: segment.sequence,
                offset_seconds: 0.0,
                title: None,
            });
        }
    }
    let dates = dates(media);
    let ranges = merged(&media.date_ranges);
    // Each is looked for from the beginning: no more of them than there can be chapters.
    let named = ranges.iter().filter_map(|range| Some((range, named(range)?)));
    for (range, start) in named.take(MAX_CHAPTERS) {
        let is_in = |dates: &Option<(f64, f64)>| dates.is_some_and(|(from, to)| (from..to).contains(&start));
        let found = media.segments.iter().zip(&dates).find(|(_, dates)| is_in(dates));
        let Some((segment, Some((from, _)))) = found else {
            continue;
        };
        let offset_seconds = start - from;
        let near = |mark: &&mut Mark| {
            mark.sequence == segment.sequence && (mark.offset_seconds - offset_seconds).abs() < SAME_SECONDS
        };
        match marks.iter_mut().find(near) {
            Some(mark) => mark.title = mark.title.take().or_else(|| Some(title(range))),
            None => marks.push(Mark {
                sequence: segment.sequence,
                offset_seconds,
                title: Some(title(range)),
            }),
        }
    }
    marks.sort_by(|a, b| {
        let by_offset = a.offset_seconds.total_cmp(&b.offset_seconds);
        a.sequence.cmp(&b.sequence).then(by_offset)
    });
    marks
}

/// The marks in the segments that are left of the stream. A part that begins in the middle of a chapter begins with it.
fn of_part(marks: Vec<Mark>, track: &PlannedTrack) -> Vec<Mark> {
    let Some(first) = track.segments.first() else {
        return Vec::new();
    };
    let is_begin = |mark: &Mark| mark.sequence == first.sequence && mark.offset_seconds < SAME_SECONDS;
    let before = marks.iter().rfind(|mark| mark.sequence < first.sequence).cloned();
    let begin = before.filter(|_| !marks.iter().any(is_begin)).map(|mark| Mark {
        sequence: first.sequence,
        offset_seconds: 0.0,
        ..mark
    });
    let mut sequences = track.segments.iter().map(|segment| segment.sequence).peekable();
    let left = marks.into_iter().filter(|mark| {
        while sequences.next_if(|sequence| *sequence < mark.sequence).is_some() {}
        sequences.peek() == Some(&mark.sequence)
    });
    begin.into_iter().chain(left).collect()
}

/// When a date range begins that names a part of the stream: neither advertising nor what players insert.
fn named(range: &DateRange) -> Option<f64> {
    let is_cue = range.scte35_cmd.is_some() || range.scte35_out.is_some() || range.scte35_in.is_some();
    if is_cue || is_ad(range) || range.class.as_deref() == Some(INTERSTITIAL) {
        return None;
    }
    range.start_date.as_deref().and_then(date)
}

/// What a date range calls itself: an attribute such as X-TITLE, else its ID.
fn title(range: &DateRange) -> String {
    let is_title = |(name, value): &&(String, String)| {
        name.starts_with("X-")
            && (name.ends_with("TITLE") || name.ends_with("NAME"))
            && !value.trim().is_empty()
    };
    let named = range.attributes.iter().find(is_title);
    named.map_or_else(|| range.id.clone(), |(_, value)| value.trim().to_owned())
}

fn cut(title: &str) -> String {
    let whole = |(at, character): &(usize, char)| at + character.len_utf8() <= MAX_TITLE_BYTES;
    let characters = title.char_indices().take_while(whole);
    characters.map(|(_, character)| character).collect()
}
