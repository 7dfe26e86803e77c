//! Segments of WebVTT: read, placed, put into a file and beside it. How lines end changes nothing.

use crate::media::{folder, judge};
use bytes::Bytes;
use weir::demux::{CLOCK_HZ, Cue, DemuxError, Demuxed, Demuxer, Edge, Media, Segment, Timeline};
use weir::merge::{Merger, SegmentInput, SubtitleFormat, TrackHint};
use weir_core::protocol::{Container, TrackKind};

/// Stands between segments.
const SEPARATOR: u8 = 0x1e;

pub(crate) fn run(data: &[u8]) {
    let segments: Vec<&[u8]> = data.split(|&byte| byte == SEPARATOR).collect();
    let found = cues(segments.iter().map(|segment| segment.to_vec()));
    assert!(found.is_sorted_by_key(|cue| cue.begin), "{found:?}");
    assert!(found.iter().all(|cue| cue.begin < cue.end), "{found:?}");
    if !data.contains(&b'\r') {
        for end in [&b"\r\n"[..], b"\r"] {
            let with_end =
                |segment: &&[u8]| segment.split(|&byte| byte == b'\n').collect::<Vec<_>>().join(end);
            assert_eq!(
                cues(segments.iter().map(with_end)),
                found,
                "lines that end with {end:?}"
            );
        }
    }
    write(&segments);
}

/// The cues of segments without media.
fn cues(segments: impl Iterator<Item = Vec<u8>>) -> Vec<Cue> {
    let mut timeline = Timeline::new(1);
    let mut demuxer = Demuxer::new(0);
    let mut cues = Vec::new();
    let mut take = |batch: Vec<Demuxed>| -> Result<(), DemuxError> {
        cues.extend(batch.into_iter().filter_map(|demuxed| match demuxed {
            Demuxed::Cue(_, cue) => Some(cue),
            _ => None,
        }));
        Ok(())
    };
    for segment in segments {
        // Only what says that it is WebVTT comes this far.
        let segment = Segment {
            data: Bytes::from([b"WEBVTT\n", &segment[..]].concat()),
            edge: Edge {
                duration: 6 * i64::from(CLOCK_HZ),
                ..Edge::default()
            },
            ..Segment::default()
        };
        let _ = demuxer.push(segment, &mut timeline, &mut take);
    }
    let media = Media {
        start: Some(0),
        ended: true,
    };
    let _ = demuxer.settle(&timeline, media, &mut take);
    cues
}

/// An MP4 of subtitles alone, and a SubRip file beside it.
fn write(segments: &[&[u8]]) {
    let folder = folder();
    let hint = TrackHint {
        kind: Some(TrackKind::Subtitle),
        ..TrackHint::default()
    };
    let path = folder.path().join("out.mp4");
    let mut merger = Merger::create(&path, Container::Mp4, &[hint]).expect("an output");
    merger
        .keep_subtitles(SubtitleFormat::Srt)
        .expect("an mp4 has subtitles");
    for segment in segments {
        let data = Bytes::from([b"WEBVTT\n", *segment].concat());
        let _ = merger.push(SegmentInput {
            data,
            duration_seconds: Some(6.0),
            ..SegmentInput::default()
        });
    }
    judge(merger.finish());
}
