//! Segments of subtitles beside segments of a video that is not there, only its clock is.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::demux::timeline::SourceClock;

const VIDEO: StreamId = StreamId {
    kind: TrackKind::Video,
    ordinal: 0,
};
const SECOND: i64 = CLOCK_HZ as i64;
const WRAP: i64 = 1 << 33;

/// Plays the segments of a video and of its subtitles, in turn.
struct Play {
    timeline: Timeline,
    reader: WebVttReader,
    start: Option<i64>,
    out: Vec<Demuxed>,
}

impl Play {
    fn new() -> Self {
        Self {
            timeline: Timeline::new(2),
            reader: WebVttReader::default(),
            start: None,
            out: Vec::new(),
        }
    }

    /// A segment of video that begins at this source time.
    fn video(&mut self, source: i64, length: i64, discontinuity: bool) {
        let edge = edge(length, discontinuity);
        let clock = SourceClock::Wrapping;
        let mut epoch = self.timeline.enter(0, &[(VIDEO, source)], clock, edge);
        let begin = epoch.map(source, clock);
        self.timeline.leave(0, epoch, [(VIDEO, begin + length)]);
        self.start.get_or_insert(begin);
        self.settle(false);
    }

    fn subtitles(&mut self, text: &str, length: i64, discontinuity: bool) {
        self.reader
            .push(text.as_bytes(), edge(length, discontinuity), &mut self.out)
            .unwrap();
        self.settle(false);
    }

    fn settle(&mut self, ended: bool) {
        let media = Media {
            start: self.start,
            ended,
        };
        self.reader.settle(&self.timeline, media, &mut self.out);
    }

    /// Begin and end in milliseconds from the presentation's beginning, and text.
    fn cues(mut self) -> Vec<(i64, i64, String)> {
        self.settle(true);
        let start = self.start.unwrap_or(0);
        let milliseconds = |time: i64| (time - start) / (SECOND / 1000);
        let mut until = i64::MIN;
        let mut cues = Vec::new();
        for demuxed in self.out {
            match demuxed {
                Demuxed::Cue(_, cue) => {
                    assert!(cue.begin >= until, "cues come in order");
                    until = cue.begin;
                    cues.push((milliseconds(cue.begin), milliseconds(cue.end), cue.text));
                }
                Demuxed::CuesUntil(_, time) => {
                    assert!(time > until, "what was promised goes on");
                    until = time;
                }
                _ => {}
            }
        }
        cues
    }
}

fn edge(duration: i64, discontinuity: bool) -> Edge {
    Edge {
        discontinuity,
        missing: 0,
        duration,
    }
}

fn file(map: Option<(i64, &str)>, cues: &str) -> String {
    match map {
        Some((media, local)) => format!("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{media},LOCAL:{local}\n\n{cues}"),
        None => format!("WEBVTT\n\n{cues}"),
    }
}

fn owned(cues: &[(i64, i64, &str)]) -> Vec<(i64, i64, String)> {
    cues.iter()
        .map(|&(begin, end, text)| (begin, end, text.to_owned()))
        .collect()
}

#[test]
fn the_map_counts_on_the_medias_clock() {
    let mut play = Play::new();
    play.video(10 * SECOND, 6 * SECOND, false);
    play.subtitles(
        &file(Some((900_000, "00:00.000")), "00:01.000 --> 00:02.000\na"),
        6 * SECOND,
        false,
    );
    play.video(16 * SECOND, 6 * SECOND, false);
    play.subtitles(
        &file(
            Some((16 * SECOND, "01:00:00.000")),
            "01:00:01.500 --> 01:00:02.000\nb",
        ),
        6 * SECOND,
        false,
    );
    assert_eq!(play.cues(), owned(&[(1_000, 2_000, "a"), (7_500, 8_000, "b")]));
}

#[test]
fn the_map_wraps_with_the_media() {
    let mut play = Play::new();
    for (source, time) in [
        (WRAP - 6 * SECOND, "00:01.000 --> 00:02.000"),
        (0, "00:07.000 --> 00:08.000"),
    ] {
        play.video(source, 6 * SECOND, false);
        let map = Some((WRAP - 6 * SECOND, "00:00.000"));
        play.subtitles(&file(map, &format!("{time}\na{source}")), 6 * SECOND, false);
    }
    let first = format!("a{}", WRAP - 6 * SECOND);
    assert_eq!(
        play.cues(),
        owned(&[(1_000, 2_000, &first), (7_000, 8_000, "a0")])
    );
}

#[test]
fn discontinuities_at_other_places_than_the_medias() {
    let mut play = Play::new();
    let map = Some((0, "00:00.000"));
    // The discontinuity of the subtitles comes before the media's, and its clock goes back to where it has been.
    play.subtitles(&file(map, "00:05.000 --> 00:06.000\na"), 6 * SECOND, false);
    play.subtitles(&file(map, "00:01.000 --> 00:02.000\nb"), 2 * SECOND, true);
    play.subtitles(&file(map, "00:03.000 --> 00:04.000\nc"), 6 * SECOND, false);
    play.video(0, 8 * SECOND, false);
    play.video(0, 6 * SECOND, true);
    assert_eq!(
        play.cues(),
        owned(&[(5_000, 6_000, "a"), (9_000, 10_000, "b"), (11_000, 12_000, "c")])
    );
}

#[test]
fn subtitles_that_do_not_tell_of_the_medias_discontinuities() {
    let mut play = Play::new();
    let map = Some((0, "00:00.000"));
    // A minute, half a minute of advertising with a clock of its own, and the minute goes on.
    for (source, discontinuity) in [(0, false), (100 * SECOND, true), (60 * SECOND, true)] {
        let length = if source == 100 * SECOND { 30 } else { 60 } * SECOND;
        play.video(source, length, discontinuity);
    }
    play.subtitles(&file(map, "00:50.000 --> 00:51.000\na"), 60 * SECOND, false);
    play.subtitles(&file(map, ""), 30 * SECOND, false);
    play.subtitles(&file(map, "01:10.000 --> 01:11.000\nb"), 60 * SECOND, false);
    assert_eq!(
        play.cues(),
        owned(&[(50_000, 51_000, "a"), (100_000, 101_000, "b")])
    );
}

#[test]
fn without_a_map_cues_count_from_the_presentations_beginning() {
    let mut play = Play::new();
    play.video(SECOND * 14 / 10, 60 * SECOND, false);
    play.subtitles(&file(None, "00:20.000 --> 00:21.000\na"), 60 * SECOND, false);
    assert_eq!(play.cues(), owned(&[(20_000, 21_000, "a")]));
}

#[test]
fn without_a_map_in_a_live_window_cues_count_on_the_medias_clock() {
    let mut play = Play::new();
    play.video(7_200 * SECOND, 6 * SECOND, false);
    play.subtitles(&file(None, "02:00:01.000 --> 02:00:02.000\na"), 6 * SECOND, false);
    assert_eq!(play.cues(), owned(&[(1_000, 2_000, "a")]));
}

#[test]
fn what_is_before_the_media_is_not_seen() {
    let mut play = Play::new();
    play.video(60 * SECOND, 6 * SECOND, false);
    let cues = "00:50.000 --> 00:55.000\nbefore\n\n00:58.000 --> 01:02.000\nbegan before";
    play.subtitles(&file(Some((0, "00:00.000")), cues), 6 * SECOND, false);
    assert_eq!(play.reader.warning(), None);
    assert_eq!(play.cues(), owned(&[(0, 2_000, "began before")]));
}

#[test]
fn subtitles_alone_keep_their_own_time() {
    let mut play = Play::new();
    play.subtitles(
        &file(Some((900_000, "00:00.000")), "00:01.000 --> 00:02.000\na"),
        6 * SECOND,
        false,
    );
    play.subtitles(
        &file(
            Some((900_000 + 6 * SECOND, "00:00.000")),
            "00:01.000 --> 00:02.000\nb",
        ),
        6 * SECOND,
        false,
    );
    assert_eq!(play.cues(), owned(&[(1_000, 2_000, "a"), (7_000, 8_000, "b")]));
}

#[test]
fn repetitions_are_dropped_and_cuts_are_joined_but_overlaps_stay() {
    let mut play = Play::new();
    let segments = [
        "00:01.000 --> 00:07.000\nrepeated\n\n00:05.000 --> 00:06.000\ncut\n\n00:02.000 --> 00:05.500\noverlaps",
        "00:01.000 --> 00:07.000\nrepeated\n\n00:06.000 --> 00:12.000\ncut\n\n00:06.000 --> 00:07.000\nrepeated",
        "00:12.000 --> 00:13.000\ncut\n\n00:15.000 --> 00:16.000\ncut",
    ];
    for (index, cues) in (0i64..).zip(segments) {
        play.video(index * 6 * SECOND, 6 * SECOND, false);
        play.subtitles(&file(None, cues), 6 * SECOND, false);
    }
    assert_eq!(
        play.cues(),
        owned(&[
            (1_000, 7_000, "repeated"),
            (2_000, 5_500, "overlaps"),
            (5_000, 13_000, "cut"),
            (15_000, 16_000, "cut")
        ])
    );
}

#[test]
fn cues_come_while_the_media_comes() {
    let mut play = Play::new();
    let cues: String = (0..60).fold(String::new(), |mut cues, second| {
        let _ = write!(cues, "00:{second:02}.000 --> 00:{second:02}.900\n{second}\n\n");
        cues
    });
    play.subtitles(&file(None, &cues), 60 * SECOND, false);
    let handed_out = |play: &Play| {
        let is_cue = |demuxed: &&Demuxed| matches!(demuxed, Demuxed::Cue(..));
        play.out.iter().filter(is_cue).count()
    };
    for segment in 0..10 {
        play.video(segment * 6 * SECOND, 6 * SECOND, false);
        let expected = usize::try_from(segment * 6 + 6 - 10).unwrap_or(0);
        assert_eq!(handed_out(&play), expected, "after segment {segment}");
    }
    assert_eq!(play.cues().len(), 60);
}

#[test]
fn cues_long_after_their_time_are_counted() {
    let mut play = Play::new();
    for segment in 0..10 {
        play.video(segment * 6 * SECOND, 6 * SECOND, false);
        play.subtitles(&file(None, ""), 6 * SECOND, false);
    }
    play.subtitles(
        &file(None, "00:01.000 --> 00:02.000\nlate\n\n0 --> 1\nbad"),
        6 * SECOND,
        false,
    );
    play.settle(true);
    assert_eq!(
        play.reader.warning().unwrap(),
        "2 subtitle cues were left out: the times of 1 make no sense, 1 came long after their time"
    );
}

/// Cues of a file with gaps and overlaps, in milliseconds.
fn any_cues() -> impl Strategy<Value = Vec<(i64, i64, String)>> {
    let cue = (0i64..5_000, 1i64..9_000, 0..4u8);
    proptest::collection::vec(cue, 0..40).prop_map(|cues| {
        let mut begin = 0;
        let mut all = Vec::new();
        for (index, (pause, length, text)) in cues.into_iter().enumerate() {
            begin += pause;
            // Some texts come again, never touching: those are one cue.
            let text = if text == 0 {
                format!("text {index}")
            } else {
                format!("<i>{index}</i>\nof two lines")
            };
            all.push((begin, begin + length, text));
        }
        all
    })
}

/// How a packager cuts a cue that goes on in the next segment.
#[derive(Debug, Clone, Copy)]
enum Cut {
    Repeat,
    Split,
}

fn clock(milliseconds: i64) -> String {
    let (seconds, fraction) = (milliseconds / 1000, milliseconds % 1000);
    format!(
        "{:02}:{:02}:{:02}.{fraction:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

proptest! {
    #[test]
    fn splitting_into_segments_changes_nothing(
        cues in any_cues(),
        lengths in proptest::collection::vec(500i64..12_000, 1..60),
        first_media in 0..WRAP,
        cut in prop_oneof![Just(Cut::Repeat), Just(Cut::Split)],
    ) {
        let end = cues.iter().map(|cue| cue.1).max().unwrap_or(0);
        let mut play = Play::new();
        let mut begin = 0;
        let mut lengths = lengths.into_iter().cycle();
        while begin <= end {
            let length = lengths.next().unwrap();
            let until = begin + length;
            let mut text = String::new();
            for (from, to, words) in cues.iter().filter(|cue| cue.0 < until && cue.1 > begin) {
                let (from, to) = match cut {
                    Cut::Repeat => (*from, *to),
                    Cut::Split => ((*from).max(begin), (*to).min(until)),
                };
                let _ = write!(text, "{} --> {}\n{words}\n\n", clock(from), clock(to));
            }
            let media = (first_media + begin * 90) % WRAP;
            play.video(media, length * 90, false);
            let map = Some((media, clock(begin)));
            let map = map.as_ref().map(|(media, local)| (*media, local.as_str()));
            play.subtitles(&file(map, &text), length * 90, false);
            begin = until;
        }
        prop_assert_eq!(play.cues(), cues);
    }

    #[test]
    fn nothing_panics_and_what_comes_out_is_in_order(
        segments in proptest::collection::vec(
            (
                prop_oneof![
                    "(WEBVTT)?[\n\r]{0,2}(X-TIMESTAMP-MAP=(MPEGTS:-?[0-9]{0,20},?)?(LOCAL:[0-9:.]{0,14})?\n)?\n(([0-9:.]{0,14} --> [0-9]{0,9}:?[0-9]{2}:[0-9]{2}.[0-9]{3}[ a-z:%]{0,9}\n[<>&;/a-z#0-9]{0,20}\n{0,2})|(STYLE\n|NOTE\n|-->\n)){0,6}",
                    ".*",
                ],
                any::<i64>(), any::<i64>(), any::<bool>(),
            ),
            0..12,
        ),
    ) {
        let mut play = Play::new();
        for (text, source, length, discontinuity) in segments {
            play.video(source.rem_euclid(WRAP), length.rem_euclid(1 << 40), discontinuity);
            play.subtitles(&text, length.rem_euclid(1 << 50), discontinuity);
            for cue in &play.reader.cues {
                let _ = StyledText::of_cue(&cue.cue.text);
            }
        }
        play.cues();
    }

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Document::parse(&bytes);
        let _ = StyledText::of_cue(&String::from_utf8_lossy(&bytes));
    }
}
