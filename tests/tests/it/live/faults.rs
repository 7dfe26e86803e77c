//! What live servers do wrong: rows 45 to 49 of the faults, and row 2 where the stream is live.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::binary::last_event;
use weir_tests::live::{Live, Options};
use weir_tests::origin::Reply;

use super::{Stage, check_exit};

/// A stage whose playlist is these listings, one after the other: the media sequence number, and the segments. The last
/// has an end.
fn scripted(count: usize, listings: &[(u64, &[usize])]) -> Stage {
    let stage = Stage::new(count, Options::default());
    let text = |(index, (sequence, numbers)): (usize, &(u64, &[usize]))| {
        let mut text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:0.5\n#EXT-X-MEDIA-SEQUENCE:{sequence}\n");
        for number in *numbers {
            write!(text, "#EXTINF:0.5,\ns{number}.ts\n").unwrap();
        }
        if index + 1 == listings.len() {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        Reply::ok(text)
    };
    let replies: Vec<Reply> = listings.iter().enumerate().map(text).collect();
    stage.origin.sequence("/live.m3u8", replies);
    stage
}

#[track_caller]
fn check_gaps(finished: &Value, expected: &[(u64, f64)]) {
    assert_eq!(finished["verdict"], "incomplete", "{finished}");
    let gaps: Vec<(u64, f64)> = finished["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| {
            assert_eq!((&gap["track"], &gap["durationSeconds"]), (&json!(0), &json!(0.5)));
            (
                gap["sequence"].as_u64().unwrap(),
                gap["startSeconds"].as_f64().unwrap(),
            )
        })
        .collect();
    assert_eq!(gaps, expected, "{finished}");
}

#[test]
fn row_45_a_stale_reading_is_ignored() {
    let stage = scripted(
        8,
        &[
            (2, &[2, 3, 4]),
            (3, &[3, 4, 5]),
            (0, &[0, 1, 2]),
            (4, &[4, 5, 6]),
            (2, &[2, 3, 4]),
            (5, &[5, 6, 7]),
        ],
    );
    let output = stage.record(&[]);
    check_exit(&output, 0);
    stage.check_file(2..8);
    assert_eq!(last_event(&output).unwrap()["verdict"], "complete");
}

#[test]
fn row_45_a_stream_that_goes_back_for_good_was_started_again() {
    let stage = scripted(
        9,
        &[
            (900, &[0, 1, 2]),
            (901, &[1, 2, 3]),
            (0, &[4]),
            (0, &[4, 5]),
            (0, &[4, 5, 6]),
            (1, &[5, 6, 7]),
            (2, &[6, 7, 8]),
        ],
    );
    check_exit(&stage.record(&[]), 0);
    stage.check_file(0..9);
}

#[test]
fn row_46_a_stream_that_stalls_is_finished() {
    let options = Options {
        ends: false,
        ..Options::default()
    };
    let stage = Stage::new(5, options);
    let begin = Instant::now();
    let output = stage.record(&["--live-outage", "3"]);
    check_exit(&output, 3);
    assert!(begin.elapsed() >= Duration::from_secs(3));
    stage.check_file(0..5);
    let finished = last_event(&output).unwrap();
    assert_eq!(finished["verdict"], "incomplete");
    assert_eq!(finished["error"]["code"], "stalled", "{finished}");
    assert_eq!(finished["gaps"], json!([]));
    // Half a target duration between the readings that bring nothing: some twelve, and the machine may be busy.
    assert!(
        (6..=18).contains(&stage.live.readings()),
        "{}",
        stage.live.readings()
    );
}

#[test]
fn row_47_a_window_that_slid_past_is_recorded_as_missing() {
    let options = Options {
        window: 2,
        begin: 2,
        step: 4,
        first_sequence: 70,
        ..Options::default()
    };
    let stage = Stage::new(10, options);
    let output = stage.record(&[]);
    check_exit(&output, 3);
    stage.check_file([0, 1, 4, 5, 8, 9]);
    let finished = last_event(&output).unwrap();
    check_gaps(&finished, &[(72, 1.0), (73, 1.5), (76, 3.0), (77, 3.5)]);
    assert_eq!(
        finished["segments"],
        json!({"total": 10, "fetched": 6, "retried": 0})
    );
    assert_eq!(finished["error"]["code"], "gaps");
}

/// A DVR window, and a server that is away, with this answer to everything, for two seconds.
fn check_outage(status: u16) {
    let options = Options {
        window: usize::MAX,
        step: 2,
        ..Options::default()
    };
    let stage = Stage::new(15, options);
    let begin = Instant::now();
    stage.origin.guard("/", move |_| {
        let away = Duration::from_millis(1_400)..Duration::from_millis(3_400);
        away.contains(&begin.elapsed()).then(|| Reply::status(status))
    });
    let output = stage.record(&[]);
    check_exit(&output, 0);
    stage.check_file(0..15);
    assert_eq!(last_event(&output).unwrap()["gaps"], json!([]));
}

#[test]
fn row_48_what_an_outage_left_out_is_filled_in_from_the_window() {
    check_outage(404);
    check_outage(503);
}

#[test]
fn row_48_an_outage_after_the_end_of_the_list_is_waited_for() {
    let options = Options {
        begin: 6,
        window: 6,
        ..Options::default()
    };
    let stage = Stage::new(8, options);
    let failures = AtomicUsize::new(0);
    // More than the tries for one segment.
    stage.origin.guard("/s7.ts", move |_| {
        (failures.fetch_add(1, Ordering::Relaxed) < 8).then(|| Reply::status(503))
    });
    check_exit(&stage.record(&[]), 0);
    stage.check_file(0..8);
}

#[test]
fn row_48_an_outage_that_lasts_ends_the_recording() {
    for (status, code) in [(404, "http-status"), (403, "link-expired")] {
        let stage = Stage::new(100, Options::default());
        let live = stage.live.clone();
        stage.origin.guard("/live.m3u8", move |_| {
            (live.readings() >= 4).then(|| Reply::status(status))
        });
        let output = stage.record(&["--live-outage", "3"]);
        check_exit(&output, 3);
        stage.check_file(0..6);
        let finished = last_event(&output).unwrap();
        assert_eq!(finished["error"]["code"], code, "{finished}");
        assert_eq!(finished["verdict"], "incomplete");
    }
}

#[test]
fn row_24_a_playlist_that_names_itself_is_no_playlist() {
    let stage = Stage::new(100, Options::default());
    let live = stage.live.clone();
    let master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlive.m3u8\n";
    stage.origin.guard("/live.m3u8", move |_| {
        (live.readings() >= 3).then(|| Reply::ok(master))
    });
    let output = stage.record(&["--live-outage", "2"]);
    check_exit(&output, 3);
    stage.check_file(0..5);
    let error = last_event(&output).unwrap()["error"].clone();
    assert_eq!(error["code"], "bad-playlist", "{error}");
    assert!(
        error["message"].as_str().unwrap().contains("nested multivariant"),
        "{error}"
    );
}

#[test]
fn row_49_what_is_listed_twice_or_in_another_order_is_written_once() {
    let stage = scripted(
        8,
        &[
            (0, &[0, 1, 1, 2]),
            (0, &[0, 1, 2, 3]),
            (1, &[1, 3, 2, 4]),
            (2, &[2, 3, 4, 5, 5]),
            (2, &[2, 3, 4, 5, 6, 7]),
        ],
    );
    check_exit(&stage.record(&[]), 0);
    stage.check_file(0..8);
    assert_eq!(stage.requests_for_segment(1), 1);
    assert_eq!(stage.requests_for_segment(5), 1);
}

#[test]
fn row_2_a_segment_that_is_gone_is_a_gap_and_the_recording_goes_on() {
    let stage = Stage::new(8, Options::default());
    stage.origin.reply("/s4.ts", Reply::status(404));
    let output = stage.record(&[]);
    check_exit(&output, 3);
    stage.check_file([0, 1, 2, 3, 5, 6, 7]);
    let finished = last_event(&output).unwrap();
    check_gaps(&finished, &[(4, 2.0)]);
    let message = finished["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("1 of 8 segments are missing or cut short; the first: segment 4: "),
        "{message}"
    );
}

#[test]
fn what_is_gone_before_the_first_segment_is_not_missing() {
    let stage = Stage::new(6, Options::default());
    stage.origin.reply("/s0.ts", Reply::status(404));
    let output = stage.record(&[]);
    check_exit(&output, 0);
    stage.check_file(1..6);
    assert_eq!(last_event(&output).unwrap()["segments"]["total"], 5);
}

#[test]
fn a_segment_that_is_no_media_is_a_gap() {
    let stage = Stage::new(6, Options::default());
    let noise: Vec<u8> = (0..80_u8)
        .cycle()
        .take(20_000)
        .map(|n| n.wrapping_mul(37) & 0x3f)
        .collect();
    stage.origin.reply("/s3.ts", Reply::ok(noise));
    let output = stage.record(&[]);
    check_exit(&output, 3);
    stage.check_file([0, 1, 2, 4, 5]);
    check_gaps(&last_event(&output).unwrap(), &[(3, 1.5)]);
}

#[test]
fn a_variant_that_dies_is_stood_in_for() {
    let stage = Stage::new(10, Options::default());
    let high = stage.live.clone();
    stage.origin.guard("/live.m3u8", move |_| {
        (high.readings() >= 4).then(|| Reply::status(404))
    });
    let mut names = String::new();
    for number in 0..10 {
        write!(names, "#EXTINF:0.5,\nlow/s{number}.ts\n").unwrap();
    }
    let options = Options {
        window: 6,
        begin: 6,
        ..Options::default()
    };
    Live::of(&names, options).serve(&stage.origin, "/low.m3u8");
    let mut expected: Vec<u8> = stage.segments[..6].concat();
    for number in 0..10 {
        let bytes = super::segment(100 + number);
        if number >= 6 {
            expected.extend_from_slice(&bytes);
        }
        stage
            .origin
            .reply(&format!("/low/s{number}.ts"), Reply::ok(bytes));
    }
    let master = "#EXTM3U\n\
        #EXT-X-STREAM-INF:BANDWIDTH=2000000,RESOLUTION=1280x720\nlive.m3u8\n\
        #EXT-X-STREAM-INF:BANDWIDTH=500000,RESOLUTION=640x360\nlow.m3u8\n";
    stage.origin.reply("/master.m3u8", Reply::ok(master));
    let url = stage.origin.url("/master.m3u8");
    let output = stage
        .home
        .run([
            "get",
            &url,
            "--allow-private",
            "--json",
            "--container",
            "segments",
            "-o",
            "out",
        ])
        .unwrap();
    check_exit(&output, 0);
    assert!(stage.recorded() == expected, "the low one from the seventh on");
    assert_eq!(last_event(&output).unwrap()["verdict"], "complete");
}
