//! `weir get --chapters`: what ffprobe reads of them.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say so at once"
)]

use std::path::Path;

use weir_tests::binary::{Home, last_event};
use weir_tests::media;
use weir_tests::origin::Reply;

use super::cli::{check_exit, get, origin};

/// Three parts of the committed stream, whose segments are of two seconds; the third has a name, and a part of it too.
const PLAYLIST: &str = "#EXTM3U
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:5
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T10:00:00Z
#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-01-01T10:00:06Z\",X-TITLE=\"\u{6cb3} Weir & mill\"
#EXT-X-DATERANGE:ID=\"the wheel\",START-DATE=\"2026-01-01T10:00:09.000Z\"
#EXTINF:2,
seg000.ts
#EXTINF:2,
seg001.ts
#EXT-X-DISCONTINUITY
#EXTINF:2,
seg003.ts
#EXT-X-DISCONTINUITY
#EXTINF:2,
seg000.ts
#EXTINF:2,
seg001.ts
#EXT-X-ENDLIST
";

/// When the pictures that decoding can start at are shown, in seconds.
fn keys(file: &Path) -> Vec<f64> {
    let streams = media::packets(file).unwrap();
    let video = streams.iter().find(|stream| stream.kind == "video").unwrap();
    let keys = video.packets.iter().filter(|packet| packet.key);
    keys.map(|packet| packet.pts_seconds.unwrap()).collect()
}

#[test]
fn chapters_begin_where_parts_do() {
    let (origin, home) = (origin(), Home::new().unwrap());
    origin.reply("/high/parts.m3u8", Reply::ok(PLAYLIST));
    let url = origin.url("/high/parts.m3u8");
    for name in ["a.mp4", "a.mkv"] {
        let output = get(&home, &url, &["-o", name, "--chapters"]);
        check_exit(&output, 0);
        assert_eq!(last_event(&output).unwrap()["warnings"], serde_json::json!([]));
        if media::skip_without_ffmpeg("chapters_begin_where_parts_do") {
            continue;
        }
        let file = home.path().join(name);
        let chapters = media::chapters(&file).unwrap();
        let titles: Vec<&str> = chapters.iter().map(|(_, title)| &**title).collect();
        assert_eq!(
            titles,
            ["Chapter 1", "Chapter 2", "\u{6cb3} Weir & mill", "the wheel"],
            "{name}"
        );
        let keys = keys(&file);
        let per_segment = keys.len() / 5;
        assert_eq!(keys.len(), 5 * per_segment, "{keys:?}");
        let begin_of = |segment: usize| keys[segment * per_segment];
        let expected = [0.0, begin_of(2), begin_of(3), begin_of(4) + 1.0];
        for ((at, title), expected) in chapters.iter().zip(expected) {
            // The file with milliseconds rounds.
            assert!(
                (at - expected).abs() < 0.002,
                "{name}: {title} at {at}, expected {expected}"
            );
        }
        assert_eq!(media::decode_errors(&file).unwrap(), "");
    }
}

/// A chapter whose first segment is missing begins with the next; one that a cut leaves out is gone.
#[test]
fn chapters_of_what_is_left() {
    let (origin, home) = (origin(), Home::new().unwrap());
    origin.reply(
        "/high/parts.m3u8",
        Reply::ok(PLAYLIST.replace("seg003.ts", "gone.ts")),
    );
    let url = origin.url("/high/parts.m3u8");
    let titles = |name: &str, more: &[&str], exit: i32| {
        let output = get(&home, &url, &[&["-o", name, "--chapters"], more].concat());
        check_exit(&output, exit);
        if media::skip_without_ffmpeg("chapters_of_what_is_left") {
            return None;
        }
        let chapters = media::chapters(&home.path().join(name)).unwrap();
        let shown = chapters.iter().map(|(at, title)| format!("{at:.1} {title}"));
        Some(shown.collect::<Vec<_>>())
    };
    if let Some(found) = titles("a.mp4", &["--on-gap", "keep"], 3) {
        assert_eq!(
            found,
            [
                "0.0 Chapter 1",
                "6.0 Chapter 2",
                "6.0 \u{6cb3} Weir & mill",
                "9.0 the wheel"
            ]
        );
    }
    // The sound of the second segment begins ahead of its pictures.
    if let Some(found) = titles("b.mp4", &["--start", "8"], 0) {
        assert_eq!(found, ["0.0 \u{6cb3} Weir & mill", "1.1 the wheel"]);
    }
}

#[test]
fn chapters_that_there_are_not() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let output = get(
        &home,
        &origin.url("/high/index.m3u8"),
        &["-o", "a.mp4", "--chapters"],
    );
    check_exit(&output, 0);
    let note = "no chapters: neither discontinuities nor date ranges divide the stream";
    assert_eq!(
        last_event(&output).unwrap()["warnings"],
        serde_json::json!([note])
    );
    for name in ["a.ts", "b.ts"] {
        let output = get(
            &home,
            &origin.url("/high/index.m3u8"),
            &["-o", name, "--chapters"],
        );
        check_exit(&output, 2);
        let words = "--chapters makes chapters in an mp4 or mkv only";
        assert_eq!(last_event(&output).unwrap()["error"]["message"], words);
    }
    origin.reply(
        "/high/live.m3u8",
        Reply::ok(PLAYLIST.replace("#EXT-X-ENDLIST", "")),
    );
    let output = get(
        &home,
        &origin.url("/high/live.m3u8"),
        &["-o", "b.mp4", "--chapters"],
    );
    check_exit(&output, 2);
    let words = "--chapters is for streams that have ended, and this one is live";
    assert_eq!(last_event(&output).unwrap()["error"]["message"], words);
}
