//! Advertising: what is found, by what, and what of a plan is left.

use std::fmt::Write as _;

use crate::support::{BASE, media, url};
use weir_core::plan::{self, AdsError, Advertising, ChosenTrack};
use weir_core::playlist::Media;
use weir_core::protocol::TrackKind;

/// A playlist of parts with a discontinuity between them: the tags before its first segment, and its segments' URIs.
fn parts(parts: &[(&str, &[&str])]) -> Media {
    let mut text = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-DISCONTINUITY-SEQUENCE:7\n".to_owned();
    for (index, (tags, uris)) in parts.iter().enumerate() {
        if index > 0 {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        text.push_str(tags);
        for uri in *uris {
            writeln!(text, "#EXTINF:4,\n{uri}").unwrap();
        }
    }
    text.push_str("#EXT-X-ENDLIST\n");
    let reading = crate::support::read(&text);
    assert_eq!(reading.warnings, [], "{text}");
    media(text)
}

fn only(media: Media) -> Vec<(ChosenTrack, Media)> {
    vec![(ChosenTrack::only(url(BASE)), media)]
}

/// What is found, as `first-last reason`.
fn found(media: Media) -> Vec<String> {
    shown(&plan::find_advertising(&only(media)).unwrap())
}

fn shown(advertising: &Advertising) -> Vec<String> {
    let shown = advertising.breaks.iter().map(|found| {
        let segments = &found.segments[0];
        let (first, last) = (segments.first, segments.last);
        format!(
            "{}-{} at {} for {}: {}",
            first.0, last.0, found.start_seconds, found.duration_seconds, found.reason
        )
    });
    shown.collect()
}

const MAIN: (&str, &[&str]) = ("", &["a.ts", "b.ts"]);

#[test]
fn cues() {
    let none: [&str; 0] = [];
    let ads: &[&str] = &["x.ts", "y.ts", "z.ts"];
    let check = |out: &str, back: &str, expected: &[&str]| {
        assert_eq!(
            found(parts(&[MAIN, (out, ads), (back, &["c.ts"])])),
            expected,
            "{out} {back}"
        );
    };
    let marked = ["2-4 at 8 for 12: EXT-X-CUE-OUT"];
    check("#EXT-X-CUE-OUT:12\n", "#EXT-X-CUE-IN\n", &marked);
    check("#EXT-X-CUE-OUT\n", "#EXT-X-CUE-IN\n", &marked);
    check("#EXT-X-CUE-OUT:DURATION=12.0\n", "", &marked);
    check("#EXT-X-CUE-OUT\n", "", &marked);
    check("#EXT-X-CUE-OUT-CONT:8/30\n", "#EXT-X-CUE-IN\n", &marked);
    check(
        "#EXT-X-SCTE35:CUE=\"/\",CUE-OUT=YES\n",
        "#EXT-X-SCTE35:CUE=\"/\",CUE-IN=YES\n",
        &marked,
    );
    check("", "", &none);
    check("#EXT-X-CUE-IN\n", "", &none);
    // Several breaks in a row, each its own group.
    let two = parts(&[
        MAIN,
        ("#EXT-X-CUE-OUT:8\n", &["x.ts"]),
        ("", &["y.ts"]),
        ("#EXT-X-CUE-IN\n", &["c.ts", "d.ts"]),
    ]);
    assert_eq!(
        found(two),
        ["2-2 at 8 for 4: EXT-X-CUE-OUT", "3-3 at 12 for 4: EXT-X-CUE-OUT"]
    );
}

#[test]
fn what_no_discontinuity_sets_apart_stays() {
    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n#EXT-X-CUE-OUT:4\n#EXTINF:4,\nx.ts\n#EXT-X-CUE-IN\n\
                #EXTINF:4,\nb.ts\n#EXT-X-ENDLIST\n";
    let advertising = plan::find_advertising(&only(media(text))).unwrap();
    assert_eq!(advertising.breaks, []);
    assert_eq!(advertising.not_set_apart, [(4.0, 4.0)]);
    // Even when nearly all of a stream that has no discontinuity is marked.
    let nearly_all = text
        .replace("#EXT-X-CUE-IN\n", "")
        .replace("CUE-OUT:4", "CUE-OUT:100");
    let advertising = plan::find_advertising(&only(media(nearly_all))).unwrap();
    assert_eq!(advertising.breaks, []);
    assert_eq!(advertising.not_set_apart, [(4.0, 8.0)]);
}

#[test]
fn date_ranges() {
    let none: [&str; 0] = [];
    let check = |range: &str, expected: &[&str]| {
        let first =
            format!("#EXT-X-DATERANGE:{range}\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T10:00:00.000+02:00\n");
        let stream = parts(&[
            (&first, &["a.ts", "b.ts"]),
            ("", &["x.ts", "y.ts"]),
            ("", &["c.ts"]),
        ]);
        assert_eq!(found(stream), expected, "{range}");
    };
    let marked = ["2-3 at 8 for 8: EXT-X-DATERANGE 'r'"];
    let at = "ID=\"r\",START-DATE=\"2026-01-01T08:00:08Z\"";
    check(&format!("{at},DURATION=8,SCTE35-OUT=0xFC"), &marked);
    check(&format!("{at},PLANNED-DURATION=8,SCTE35-OUT=0xFC"), &marked);
    check(
        &format!("{at},END-DATE=\"2026-01-01T08:00:16Z\",SCTE35-OUT=0xFC"),
        &marked,
    );
    check(&format!("{at},SCTE35-OUT=0xFC"), &marked);
    check(&format!("{at},DURATION=8,CLASS=\"com.example.Ads\""), &marked);
    check(&format!("{at},DURATION=8,CLASS=\"twitch-stitched-ad\""), &marked);
    // Another tag of the same ID tells the end.
    check(
        &format!(
            "{at},SCTE35-OUT=0xFC\n#EXT-X-DATERANGE:ID=\"r\",END-DATE=\"2026-01-01T08:00:16Z\",SCTE35-IN=0xFC"
        ),
        &marked,
    );
    check(&format!("{at},DURATION=8"), &none);
    check(&format!("{at},DURATION=8,CLASS=\"com.example.shadow\""), &none);
    check(&format!("{at},DURATION=3,SCTE35-OUT=0xFC"), &none);
    check(
        "ID=\"r\",START-DATE=\"yesterday\",DURATION=8,SCTE35-OUT=0xFC",
        &none,
    );
    check(
        "ID=\"r\",START-DATE=\"2020-01-01T08:00:08Z\",DURATION=8,SCTE35-OUT=0xFC",
        &none,
    );
    check(&format!("{at},DURATION=8,SCTE35-IN=0xFC"), &none);
}

#[test]
fn dates_count_backwards_from_the_first() {
    let range = "#EXT-X-DATERANGE:ID=\"r\",START-DATE=\"2026-01-01T08:00:00Z\",DURATION=8,SCTE35-OUT=0xFC\n";
    let stream = parts(&[
        (range, &["x.ts", "y.ts"]),
        (
            "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T08:00:08Z\n",
            &["a.ts", "b.ts"],
        ),
    ]);
    assert_eq!(found(stream), ["0-1 at 0 for 8: EXT-X-DATERANGE 'r'"]);
}

#[test]
fn interstitials_are_only_listed() {
    let range = "#EXT-X-DATERANGE:ID=\"mid\",CLASS=\"com.apple.hls.interstitial\",START-DATE=\"2026-01-01T08:00:00Z\",\
                 DURATION=8,SCTE35-OUT=0xFC,X-ASSET-URI=\"https://ads.example/a.m3u8\"\n\
                 #EXT-X-PROGRAM-DATE-TIME:2026-01-01T08:00:00Z\n";
    let stream = parts(&[(range, &["a.ts", "b.ts"]), ("", &["c.ts"])]);
    let advertising = plan::find_advertising(&only(stream)).unwrap();
    assert_eq!(advertising.breaks, []);
    assert_eq!(advertising.interstitials, ["mid"]);
}

#[test]
fn another_host() {
    let none: [&str; 0] = [];
    let foreign: &[&str] = &["https://ads.example/1.ts", "https://ads.example/2.ts"];
    assert_eq!(
        found(parts(&[MAIN, ("", foreign), ("", &["c.ts"])])),
        ["2-3 at 8 for 8: from ads.example"]
    );
    // Most of the stream is what it is of, wherever its playlist is from.
    assert_eq!(
        found(parts(&[("", foreign), ("", foreign), ("", &["a.ts"])])),
        ["4-4 at 16 for 4: from cdn.example.com"]
    );
    let mixed: &[&str] = &["https://ads.example/1.ts", "c.ts"];
    assert_eq!(found(parts(&[MAIN, ("", mixed)])), none, "not all of it is");
    assert_eq!(found(parts(&[MAIN, ("", &["data:,x"])])), none, "no host at all");
}

#[test]
fn every_track_loses_the_same_parts() {
    let picture = parts(&[
        MAIN,
        ("#EXT-X-CUE-OUT:8\n", &["x.ts", "y.ts"]),
        ("#EXT-X-CUE-IN\n", &["c.ts"]),
    ]);
    let sound = parts(&[
        ("", &["a.aac"]),
        ("", &["x.aac", "y.aac", "z.aac"]),
        ("", &["c.aac"]),
    ]);
    let track = |name: &str, kind| ChosenTrack {
        kind,
        ..ChosenTrack::only(url(&format!("https://cdn.example.com/{name}.m3u8")))
    };
    let tracks = vec![
        (track("v", TrackKind::Video), picture),
        (track("a", TrackKind::Audio), sound),
    ];
    let advertising = plan::find_advertising(&tracks).unwrap();
    assert_eq!(shown(&advertising), ["2-3 at 8 for 8: EXT-X-CUE-OUT"]);
    let mut plan = plan::build(&url(BASE), None, &tracks).unwrap();
    plan.leave_out(&advertising.breaks).unwrap();
    let left = |track: usize| {
        let segments = plan.tracks[track].segments.iter();
        segments
            .map(|segment| (segment.sequence.0, segment.discontinuity))
            .collect::<Vec<_>>()
    };
    assert_eq!(left(0), [(0, false), (1, false), (4, true)]);
    assert_eq!(left(1), [(0, false), (4, true)]);

    // A playlist that is divided otherwise would come out of step.
    let whole = parts(&[("", &["a.vtt", "b.vtt"])]);
    let mut tracks = tracks;
    tracks.push((track("s", TrackKind::Subtitle), whole));
    let error = plan::find_advertising(&tracks).unwrap_err();
    assert_eq!(
        error.to_string(),
        "advertising cannot be left out: https://cdn.example.com/s.m3u8 is not divided as the main playlist is"
    );
}

#[test]
fn a_stream_of_nothing_but_advertising() {
    let stream = parts(&[("#EXT-X-CUE-OUT\n", &["x.ts"]), ("#EXT-X-CUE-OUT\n", &["y.ts"])]);
    let tracks = only(stream);
    let advertising = plan::find_advertising(&tracks).unwrap();
    assert_eq!(advertising.breaks.len(), 2);
    let mut plan = plan::build(&url(BASE), None, &tracks).unwrap();
    let error = plan.leave_out(&advertising.breaks).unwrap_err();
    assert!(matches!(error, AdsError::OnlyAdvertising(_)), "{error}");
}
