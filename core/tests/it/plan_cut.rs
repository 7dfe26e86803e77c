//! A part of a stream, cut at segment borders.

use std::fmt::Write as _;

use crate::support::{BASE, media, url};
use weir_core::plan::{self, ChosenTrack, CutError, Span};
use weir_core::protocol::{CapturePlan, ErrorCode, TrackKind};

/// A plan of tracks whose segments last so long; 0 for an unknown duration.
fn plan_of(tracks: &[&[f64]]) -> CapturePlan {
    let track = |(number, durations): (usize, &&[f64])| {
        let mut text = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:100\n".to_owned();
        for duration in *durations {
            let duration = if *duration == 0.0 {
                "x".to_owned()
            } else {
                duration.to_string()
            };
            writeln!(text, "#EXTINF:{duration},\ns.ts").unwrap();
        }
        text.push_str("#EXT-X-ENDLIST\n");
        let mut chosen = ChosenTrack::only(url(&format!("https://cdn.example.com/{number}.m3u8")));
        if number > 0 {
            chosen.kind = TrackKind::Audio;
        }
        (chosen, media(text))
    };
    let tracks: Vec<_> = tracks.iter().enumerate().map(track).collect();
    plan::build(&url(BASE), None, &tracks).unwrap()
}

/// The sequence numbers that are kept, by track, and the times of the main one's borders.
fn kept(tracks: &[&[f64]], start: f64, end: Option<f64>) -> Result<(Vec<Vec<u64>>, f64, f64), CutError> {
    let mut plan = plan_of(tracks);
    let span = Span {
        start_seconds: start,
        end_seconds: end,
    };
    let cut = plan::cut(&mut plan, span)?;
    let numbers =
        |track: &weir_core::protocol::PlannedTrack| track.segments.iter().map(|s| s.sequence.0).collect();
    Ok((
        plan.tracks.iter().map(numbers).collect(),
        cut.start_seconds,
        cut.end_seconds,
    ))
}

#[test]
fn segments_that_overlap_the_span() {
    let six = [4.0; 6];
    let check = |start: f64, end: Option<f64>, numbers: std::ops::Range<u32>| {
        let (first, last) = (numbers.start, numbers.end);
        let expected = (
            vec![numbers.map(|n| 100 + u64::from(n)).collect()],
            f64::from(first) * 4.0,
            f64::from(last) * 4.0,
        );
        assert_eq!(kept(&[&six], start, end).unwrap(), expected, "{start} {end:?}");
    };
    check(0.0, None, 0..6);
    check(4.0, None, 1..6);
    check(3.9, None, 0..6);
    check(0.0, Some(8.0), 0..2);
    check(0.0, Some(8.1), 0..3);
    check(8.0, Some(12.0), 2..3);
    check(9.0, Some(10.0), 2..3);
    check(7.9, Some(12.1), 1..4);
    check(23.9, Some(1e9), 5..6);
}

#[test]
fn sums_that_are_not_exact_do_not_take_one_more() {
    let tenths = [0.1; 30];
    let (numbers, start, _) = kept(&[&tenths], 0.3, Some(0.6)).unwrap();
    assert_eq!(numbers, [[103, 104, 105]]);
    assert!((start - 0.3).abs() < 1e-9);
}

#[test]
fn every_track_is_cut_at_its_own_borders() {
    let picture = [4.0; 5];
    let sound = [3.0; 7];
    let (numbers, start, end) = kept(&[&picture, &sound], 8.0, Some(12.0)).unwrap();
    assert_eq!(numbers, [vec![102], vec![102, 103]]);
    assert_eq!((start, end), (8.0, 12.0));
}

#[test]
fn a_frame_of_sound_is_no_reason_for_a_segment_of_it() {
    let picture = [2.0; 5];
    let sound = [2.005_333, 2.005_333, 2.005_333, 1.984, 2.005_333, 0.021_333];
    let (numbers, ..) = kept(&[&picture, &sound], 4.0, None).unwrap();
    assert_eq!(
        numbers,
        [vec![102, 103, 104], vec![102, 103, 104, 105]],
        "without an end, to the end"
    );
    let (numbers, ..) = kept(&[&picture, &sound], 0.0, Some(4.0)).unwrap();
    assert_eq!(numbers, [[100, 101], [100, 101]]);
    // Whatever is asked for, sound is had for all of the picture.
    let (numbers, ..) = kept(&[&[6.0; 3], &[2.0; 9]], 7.0, Some(8.0)).unwrap();
    assert_eq!(numbers, [vec![101], vec![103, 104, 105]]);
}

#[test]
fn a_track_with_nothing_there_is_gone_and_told() {
    let mut plan = plan_of(&[&[4.0; 5], &[4.0, 4.0]]);
    let cut = plan::cut(
        &mut plan,
        Span {
            start_seconds: 12.0,
            end_seconds: None,
        },
    )
    .unwrap();
    assert_eq!(plan.tracks.len(), 1);
    assert_eq!(cut.empty.len(), 1);
    assert_eq!(cut.empty[0].playlist.as_str(), "https://cdn.example.com/1.m3u8");
}

#[test]
fn unknown_durations_are_the_mean() {
    let (numbers, start, end) = kept(&[&[2.0, 0.0, 4.0, 0.0]], 5.0, Some(9.0)).unwrap();
    assert_eq!(numbers, [[102]], "2 + 3 + 4");
    assert_eq!((start, end), (5.0, 9.0));
    let error = kept(&[&[0.0, 0.0]], 1.0, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "https://cdn.example.com/0.m3u8 does not say how long its segments are: it cannot be cut by time"
    );
}

#[test]
fn outside_the_stream() {
    let error = kept(&[&[4.0; 5]], 20.0, Some(30.0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "nothing of the stream is from 20.0 s to 30.0 s: it is 20.0 s long"
    );
    assert_eq!(error.code(), ErrorCode::NothingToCapture);
    let error = kept(&[&[4.0; 5]], 1e12, None).unwrap_err();
    assert!(error.to_string().ends_with("s on: it is 20.0 s long"), "{error}");
}

#[test]
fn nothing_else_changes() {
    let mut whole = plan_of(&[&[4.0; 5]]);
    let mut part = whole.clone();
    plan::cut(
        &mut part,
        Span {
            start_seconds: 4.0,
            end_seconds: Some(12.0),
        },
    )
    .unwrap();
    whole.tracks[0].segments = whole.tracks[0].segments[1..3].to_vec();
    assert_eq!(part, whole);
}
