//! What the readings of a live playlist bring: every segment once, whatever the server does to its numbers.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use weir_core::plan::live::{Course, Follower, Missed, Place, Update, rendition_for, variant_for};
use weir_core::plan::{self, ChosenTrack};
use weir_core::protocol::{CapturePlan, MediaSequence, PlannedTrack, TrackKind};

use crate::support::{BASE, media, multivariant, url};

/// A playlist of one-second segments: `a b !c` are three, a discontinuity before the third.
fn playlist(sequence: u64, names: &str, end: &str) -> String {
    let mut text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{sequence}\n");
    for name in names.split_whitespace() {
        if let Some(name) = name.strip_prefix('!') {
            write!(text, "#EXT-X-DISCONTINUITY\n#EXTINF:1,\n{name}\n").unwrap();
        } else {
            write!(text, "#EXTINF:1,\n{name}\n").unwrap();
        }
    }
    text + end
}

fn planned(sequence: u64, names: &str) -> PlannedTrack {
    let source = url(BASE);
    let tracks = [(
        ChosenTrack::only(source.clone()),
        media(playlist(sequence, names, "")),
    )];
    let CapturePlan { tracks, .. } = plan::build(&source, None, &tracks).unwrap();
    tracks.into_iter().next().unwrap()
}

/// Follows a playlist that was first read as `first`.
struct Live(Follower);

impl Live {
    fn new(sequence: u64, names: &str) -> Self {
        Self(Follower::new(&mut planned(sequence, names).segments))
    }

    fn read_text(&mut self, text: &str, elapsed_seconds: f64) -> Update {
        self.0.update(&url(BASE), &media(text), elapsed_seconds).unwrap()
    }

    /// What a reading brings, as `course: sequence=name ...`; `!` marks a discontinuity, `-N` segments that are missing.
    fn read(&mut self, sequence: u64, names: &str) -> String {
        shown(&self.read_text(&playlist(sequence, names, ""), 60.0))
    }
}

fn shown(update: &Update) -> String {
    let mut text = format!("{:?}:", update.course);
    if let Some(missed) = update.missed {
        write!(text, " {}-{}", missed.first.0, missed.count).unwrap();
    }
    for segment in &update.segments {
        let name = segment.url.path().rsplit('/').next().unwrap();
        let mark = if segment.discontinuity { "!" } else { "" };
        write!(text, " {}={mark}{name}", segment.sequence.0).unwrap();
    }
    text
}

/// An earlier process took `sequence` and `name`, and everything before `next`.
fn behind(sequence: u64, name: &str, next: u64) -> Live {
    let segment = planned(sequence, name).segments.remove(0);
    Live(Follower::behind(Place::of(&segment), MediaSequence(next)))
}

#[test]
fn what_an_earlier_process_took_is_not_new() {
    assert_eq!(behind(6, "b", 7).read(5, "a b c d"), "Changed: 7=c 8=d");
    // It has left the window, and nothing is missing, or something is.
    assert_eq!(behind(6, "b", 7).read(7, "c d"), "Changed: 7=c 8=d");
    assert_eq!(behind(6, "b", 7).read(9, "e f"), "Changed: 7-2 9=e 10=f");
    // What was known to be missing is not missed again.
    assert_eq!(behind(6, "b", 9).read(9, "e f"), "Changed: 9=e 10=f");
    // Nothing is new.
    assert_eq!(behind(6, "b", 7).read(5, "a b"), "Changed:");
    // Files of other names with the same numbers, again and again: it was started again.
    let mut live = behind(6, "b", 7);
    assert_eq!(live.read(5, "x y z"), "Stale:");
    assert_eq!(live.read(5, "x y z u"), "Stale:");
    assert_eq!(live.read(5, "x y z u v"), "Restarted: 5=!x 6=y 7=z 8=u 9=v");
}

#[test]
fn new_segments_are_those_behind_the_last() {
    let mut live = Live::new(5, "a b c");
    assert_eq!(live.read(5, "a b c"), "Unchanged:");
    assert_eq!(live.read(6, "b c d"), "Changed: 8=d");
    assert_eq!(live.read(8, "d e f"), "Changed: 9=e 10=f");
    assert_eq!(live.0.next(), MediaSequence(11));
    let end = live.read_text(&playlist(9, "e f g", "#EXT-X-ENDLIST\n"), 1.0);
    assert_eq!((shown(&end).as_str(), end.ended), ("Changed: 11=g", true));
}

#[test]
fn a_stream_that_begins_later_misses_nothing() {
    let mut live = Live(Follower::new(&mut Vec::new()));
    assert_eq!(live.read(0, ""), "Unchanged:");
    assert_eq!(live.read(700, "a b"), "Changed: 700=a 701=b");
    assert_eq!(live.read(702, ""), "Unchanged:", "an empty window says nothing");
    assert_eq!(live.read(701, "b c"), "Changed: 702=c");
}

#[test]
fn parts_are_not_waited_for() {
    let mut live = Live::new(5, "a b");
    let part = "#EXT-X-PART:DURATION=0.2,URI=\"c.0\"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"c.1\"\n";
    let shown_part = shown(&live.read_text(&playlist(5, "a b", part), 1.0));
    assert_eq!(shown_part, "Unchanged:", "its segment is not there yet");
    assert_eq!(live.read(5, "a b c"), "Changed: 7=c");
}

#[test]
fn an_event_playlist_only_grows() {
    let mut live = Live::new(0, "a b");
    assert_eq!(live.read(0, "a b c"), "Changed: 2=c");
    assert_eq!(live.read(0, "a b c !d"), "Changed: 3=!d");
}

#[test]
fn a_window_that_slid_past_leaves_a_gap() {
    let mut live = Live::new(5, "a b c");
    assert_eq!(live.read(12, "h i j"), "Changed: 8-4 12=h 13=i 14=j");
    let missed = Live::new(5, "a b c")
        .read_text(&playlist(12, "h i j", ""), 60.0)
        .missed;
    let expected = Missed {
        first: MediaSequence(8),
        count: 4,
        segment_seconds: 1.0,
    };
    assert_eq!(missed, Some(expected));
    // In two seconds no more than three segments of a second can come and go.
    let soon = Live::new(5, "a b c").read_text(&playlist(12, "h i j", ""), 2.0);
    assert_eq!(shown(&soon), "Changed: 8-3 12=h 13=i 14=j");
}

#[test]
fn numbers_that_run_away_are_a_restart() {
    let mut live = Live::new(5, "a b c");
    assert_eq!(
        live.read(1_700_000_000, "x y"),
        "Restarted: 1700000000=!x 1700000001=y"
    );
    assert_eq!(live.read(1_700_000_001, "y z"), "Changed: 1700000002=z");
}

#[test]
fn a_stale_reading_is_ignored() {
    let mut live = Live::new(5, "a b c d e f");
    for _ in 0..5 {
        assert_eq!(live.read(3, "x y a b"), "Stale:", "a cache that lags");
    }
    assert_eq!(live.read(6, "b c d e f g"), "Changed: 11=g");
    assert_eq!(live.read(12, "h i"), "Changed: 12=h 13=i");
    for number in 0..5 {
        assert_eq!(
            live.read(6, "b c d e"),
            "Stale:",
            "lags by more than a window, {number}"
        );
    }
    assert_eq!(live.read(13, "i j"), "Changed: 14=j");
}

/// A property test found it: caches of different ages that answer in turns look like a stream that goes on.
#[test]
fn a_stale_reading_of_what_was_missed_is_no_restart() {
    let mut live = Live::new(10, "k l m");
    assert_eq!(live.read(18, "s t u"), "Changed: 13-5 18=s 19=t 20=u");
    for (sequence, names) in [
        (13, "n o p"),
        (14, "o p q"),
        (15, "p q r"),
        (12, "m n o"),
        (15, "p q r"),
    ] {
        assert_eq!(live.read(sequence, names), "Stale:", "{names}");
    }
    assert_eq!(live.read(19, "t u v"), "Changed: 21=v");
    // What was started again counts from elsewhere.
    assert_eq!(live.read(0, "a"), "Stale:");
    assert_eq!(live.read(0, "a b"), "Stale:");
    assert_eq!(live.read(0, "a b c"), "Restarted: 0=!a 1=b 2=c");
}

#[test]
fn a_stream_that_goes_back_and_goes_on_was_started_again() {
    let mut live = Live::new(500, "a b c");
    assert_eq!(live.read(0, "x"), "Stale:");
    assert_eq!(live.read(0, "x y"), "Stale:");
    assert_eq!(live.read(0, "x y z"), "Restarted: 0=!x 1=y 2=z");
    assert_eq!(live.read(1, "y z w"), "Changed: 3=w");

    let mut live = Live::new(500, "a b c");
    for _ in 0..20 {
        assert_eq!(live.read(0, "x y z"), "Stale:", "a broken cache stands still");
    }
    assert_eq!(
        live.read(502, "c d"),
        "Changed: 503=d",
        "and what was there is not forgotten"
    );
}

#[test]
fn the_same_numbers_with_other_names_are_a_restart_too() {
    let mut live = Live::new(0, "a b c");
    assert_eq!(live.read(0, "x y z"), "Stale:");
    assert_eq!(live.read(1, "y z w"), "Stale:");
    assert_eq!(live.read(2, "z w v"), "Restarted: 2=!z 3=w 4=v");
}

#[test]
fn a_server_that_does_not_count() {
    let mut live = Live::new(0, "a b c");
    assert_eq!(live.read(0, "b c d"), "Changed: 2=d");
    assert_eq!(live.read(0, "b c d"), "Unchanged:");
    assert_eq!(live.read(0, "d e f"), "Changed: 1=e 2=f");
}

#[test]
fn servers_behind_one_name_that_count_apart() {
    let mut live = Live::new(5, "a b c");
    assert_eq!(live.read(4, "a b c d"), "Changed: 7=d");
    assert_eq!(live.read(5, "a b c d e"), "Changed: 9=e");
    assert_eq!(live.read(5, "b c d e f"), "Changed: 9=f");
}

#[test]
fn what_is_listed_twice_is_taken_once() {
    let mut live = Live::new(5, "a b");
    assert_eq!(live.read(5, "a b c c d"), "Changed: 7=c 9=d");
    assert_eq!(
        live.read(6, "b c d e"),
        "Changed: 9=e",
        "the server has mended its list"
    );
    assert_eq!(live.read(6, "b d c e f"), "Changed: 10=f", "another order");
    let mut window = planned(5, "a b b c").segments;
    let _ = Follower::new(&mut window);
    let numbers: Vec<u64> = window.iter().map(|segment| segment.sequence.0).collect();
    assert_eq!(numbers, [5, 6, 8]);
}

#[test]
fn a_picture_that_is_shown_again_on_purpose_is_kept() {
    let mut live = Live::new(5, "a slate");
    assert_eq!(
        live.read(6, "slate !slate !slate b"),
        "Changed: 7=!slate 8=!slate 9=b"
    );
    let mut live = Live::new(5, "one");
    assert_eq!(live.read(5, "one one"), "Changed: 6=one", "a URL for all of them");
    assert_eq!(live.read(6, "one one"), "Changed: 7=one");
}

#[test]
fn names_that_are_used_again_are_other_segments() {
    let mut live = Live::new(5, "s0 s1 s2");
    assert_eq!(live.read(6, "s1 s2 s0"), "Changed: 8=s0");
    assert_eq!(live.read(7, "s2 s0 s1"), "Changed: 9=s1");
}

#[test]
fn tokens_that_change_with_each_reading() {
    let mut live = Live::new(5, "a?t=1 b?t=1");
    assert_eq!(live.read(5, "a?t=2 b?t=2 c?t=2"), "Changed: 7=c");
    let mut live = Live::new(5, "x1/a x1/b");
    assert_eq!(live.read(6, "x2/b x2/c"), "Changed: 7=c");
    // Names of which nothing stays: after a while only the numbers count.
    let mut live = Live::new(5, "r1 r2 r3");
    for (reading, names) in ["r4 r5 r6", "r7 r8 r9", "q1 q2 q3"].iter().enumerate() {
        assert_eq!(live.read(5, names), "Stale:", "{reading}");
    }
    assert_eq!(live.read(6, "q4 q5 q6"), "Changed: 8=q6");
    assert_eq!(live.read(7, "q7 q8 q9"), "Changed: 9=q9");
}

#[test]
fn another_playlist_of_the_same_programme_goes_on_by_number() {
    let mut live = Live::new(5, "hi5 hi6 hi7");
    live.0.moved();
    assert_eq!(live.read(6, "lo6 lo7 lo8"), "Changed: 8=!lo8");
    assert_eq!(live.read(7, "lo7 lo8 lo9"), "Changed: 9=lo9");
    live.0.moved();
    assert_eq!(live.read(5, "hi5 hi6 hi7"), "Stale:", "it lags a little");
    assert_eq!(live.read(8, "hi8 hi9 hi10"), "Changed: 10=!hi10");
    assert_eq!(live.read(9, "hi9 hi10 hi11"), "Changed: 11=hi11");
    live.0.moved();
    assert_eq!(live.read(900_000, "lo0 lo1"), "Restarted: 900000=!lo0 900001=lo1");
}

const TWO_VARIANTS: &str = "#EXTM3U\n\
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"English\",LANGUAGE=\"en\",URI=\"en.m3u8\"\n\
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"b\",NAME=\"English\",LANGUAGE=\"en\",URI=\"backup/en.m3u8\"\n\
#EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720,CODECS=\"avc1.64001f,mp4a.40.2\"\n720.m3u8?token=new\n\
#EXT-X-STREAM-INF:BANDWIDTH=5000000,RESOLUTION=1920x1080,CODECS=\"avc1.640028,mp4a.40.2\"\n1080.m3u8\n\
#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360,CODECS=\"avc1.4d401e,mp4a.40.2\"\n360.m3u8\n";

#[test]
fn a_variant_that_is_gone_is_stood_in_for() {
    let at = |name: &str| url(&format!("https://cdn.example.com/live/{name}"));
    let mut track = planned(0, "a");
    track.resolution = Some((1280, 720));
    track.codecs = vec!["avc1.64001f".to_owned(), "mp4a.40.2".to_owned()];
    let playlist = multivariant(TWO_VARIANTS);
    let chosen = |track: &PlannedTrack, gone: &[&str]| {
        let gone: Vec<_> = gone.iter().map(|name| at(name)).collect();
        variant_for(&playlist, track, &gone).map(|chosen| chosen.playlist)
    };
    assert_eq!(
        chosen(&track, &["720.m3u8"]),
        Some(at("720.m3u8?token=new")),
        "a new token"
    );
    let gone = ["720.m3u8", "720.m3u8?token=new"];
    assert_eq!(chosen(&track, &gone), Some(at("360.m3u8")), "the next lower");
    let gone = [&gone[..], &["360.m3u8"]].concat();
    assert_eq!(
        chosen(&track, &gone),
        Some(at("1080.m3u8")),
        "better than nothing"
    );
    assert_eq!(chosen(&track, &[&gone[..], &["1080.m3u8"]].concat()), None);

    let english = PlannedTrack {
        kind: TrackKind::Audio,
        language: Some("en".to_owned()),
        name: Some("English".to_owned()),
        ..planned(0, "a")
    };
    let gone = [at("en.m3u8")];
    assert_eq!(
        rendition_for(&playlist, &english, &gone),
        Some(at("backup/en.m3u8"))
    );
    let german = PlannedTrack {
        language: Some("de".to_owned()),
        ..english
    };
    assert_eq!(rendition_for(&playlist, &german, &[]), None);
}

/// The window of a stream whose n-th segment is called `sN`, at a moment.
fn window(first: u64, length: u64, text: &mut String) {
    text.clear();
    for number in first..first + length {
        write!(text, "s{number} ").unwrap();
    }
}

proptest! {
    /// A server whose window slides, by little or much, and whose caches lag: every segment is taken once and in order,
    /// or told as missed.
    #[test]
    fn nothing_is_lost_and_nothing_comes_twice(
        base in prop_oneof![Just(0_u64), 0..1_000_000_u64],
        length in 1..12_u64,
        steps in vec((0..20_u64, 0..4_u64), 1..60),
    ) {
        let mut names = String::new();
        window(base, length, &mut names);
        let mut live = Live::new(base, &names);
        let (mut first, mut next) = (base, base + length);
        for (step, lag) in steps {
            first += step;
            // A cache never goes back behind what it had before the first reading.
            let shown_first = first.saturating_sub(lag).max(base);
            window(shown_first, length, &mut names);
            let update = live.read_text(&playlist(shown_first, &names, ""), 1_000.0);
            prop_assert_ne!(update.course, Course::Restarted);
            let mut taken = next;
            if let Some(missed) = update.missed {
                prop_assert_eq!(missed.first.0, taken);
                taken += missed.count;
            }
            for segment in &update.segments {
                prop_assert_eq!(segment.sequence.0, taken);
                let name = format!("/live/s{taken}");
                prop_assert_eq!(segment.url.path(), name);
                taken += 1;
            }
            prop_assert_eq!(taken, next.max(shown_first + length));
            next = taken;
        }
    }

    /// Whatever a server lists: no panic, and no segment twice in a row of readings that say the same.
    #[test]
    fn any_listing_is_read(readings in vec((0..12_u64, vec(0..6_u8, 0..8), any::<bool>()), 1..40)) {
        let mut live = Live::new(3, "n0 n1");
        for (sequence, names, moved) in readings {
            let mut text = String::new();
            for name in names {
                write!(text, "n{name} ").unwrap();
            }
            if moved {
                live.0.moved();
            }
            live.read(sequence, &text);
            for _ in 0..3 {
                live.read(sequence, &text);
            }
            let again = live.read(sequence, &text);
            prop_assert!(["Unchanged:", "Stale:"].contains(&&*again), "{} {}: {}", sequence, text, again);
        }
    }
}
