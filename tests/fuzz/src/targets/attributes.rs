//! Attribute lists: a letter that says behind which tag (see `TAGS`), then the list. What is read of a date range can be
//! written again.

use crate::playlists::read;
use weir_core::playlist::{DateRange, Playlist};
use weir_core::protocol::limits::MAX_WARNINGS;

/// The tags of a media playlist, then those of a multivariant one.
const TAGS: [&str; 18] = [
    "KEY",
    "MAP",
    "PART",
    "PART-INF",
    "SKIP",
    "DATERANGE",
    "DEFINE",
    "SERVER-CONTROL",
    "START",
    "PRELOAD-HINT",
    "RENDITION-REPORT",
    "STREAM-INF",
    "MEDIA",
    "I-FRAME-STREAM-INF",
    "SESSION-KEY",
    "SESSION-DATA",
    "CONTENT-STEERING",
    "DEFINE",
];

pub(crate) fn run(data: &[u8]) {
    let Some((letter, data)) = data.split_first() else {
        return;
    };
    if data.contains(&b'\n') || data.contains(&b'\r') {
        return;
    }
    let number = usize::from(letter.wrapping_sub(b'a')) % TAGS.len();
    let rest = if number < 11 {
        "#EXTINF:1,\na.ts\n"
    } else {
        "a.m3u8\n"
    };
    let head = format!("#EXTM3U\n#EXT-X-{}:", TAGS[number]);
    let text = [head.as_bytes(), data, b"\n", rest.as_bytes()].concat();
    if let Ok(reading) = read(&text) {
        assert!(reading.warnings.len() <= MAX_WARNINGS + 1);
    }
    for range in date_ranges(data).into_iter().filter(is_writable) {
        let written = written(&range);
        let again = date_ranges(written.as_bytes());
        assert!(
            again.iter().map(rounded).eq([rounded(&range)]),
            "{range:?} written as {written} is {again:?}"
        );
    }
}

/// What is read of an attribute list of EXT-X-DATERANGE.
fn date_ranges(list: &[u8]) -> Vec<DateRange> {
    let text = [b"#EXTM3U\n#EXT-X-DATERANGE:", list, b"\n#EXTINF:1,\na.ts\n"].concat();
    match read(&text).map(|reading| reading.playlist) {
        Ok(Playlist::Media(media)) => media.date_ranges,
        _ => Vec::new(),
    }
}

/// With its durations in nanoseconds: more than 15 digits are not read to the last bit.
fn rounded(range: &DateRange) -> DateRange {
    let round = |seconds: f64| (seconds * 1e9).round() / 1e9;
    DateRange {
        duration_seconds: range.duration_seconds.map(round),
        planned_duration_seconds: range.planned_duration_seconds.map(round),
        ..range.clone()
    }
}

/// A value with a quote within is written without quotes, which none with a comma can be: an open list of codecs that
/// goes on behind a comma is such a one.
fn is_writable(range: &DateRange) -> bool {
    let mut values = range.attributes.iter().map(|(_, value)| value);
    values.all(|value| !(value.contains('"') && value.contains(',')))
}

/// The attribute list that says so. A value without quotes may hold one within.
fn written(range: &DateRange) -> String {
    let mut list = format!("ID={}", quoted(&range.id));
    for (name, value) in [
        ("CLASS", &range.class),
        ("START-DATE", &range.start_date),
        ("END-DATE", &range.end_date),
        ("SCTE35-CMD", &range.scte35_cmd),
        ("SCTE35-OUT", &range.scte35_out),
        ("SCTE35-IN", &range.scte35_in),
    ] {
        if let Some(value) = value {
            list += &format!(",{name}={}", quoted(value));
        }
    }
    for (name, seconds) in [
        ("DURATION", range.duration_seconds),
        ("PLANNED-DURATION", range.planned_duration_seconds),
    ] {
        if let Some(seconds) = seconds {
            list += &format!(",{name}={seconds}");
        }
    }
    if range.end_on_next {
        list += ",END-ON-NEXT=YES";
    }
    for (name, value) in &range.attributes {
        list += &format!(",{name}={}", quoted(value));
    }
    list
}

fn quoted(value: &str) -> String {
    if value.contains('"') {
        value.to_owned()
    } else {
        format!("\"{value}\"")
    }
}
