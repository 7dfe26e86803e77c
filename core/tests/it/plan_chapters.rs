//! Chapters: where they begin, and what they are called.

use std::fmt::Write as _;

use crate::support::{BASE, media, url};
use weir_core::plan::{self, ChosenTrack, MAX_CHAPTERS, Span};
use weir_core::playlist::Media;

/// Segments of four seconds, from sequence number 10 on, with these tags before each.
fn stream<'a>(tags: impl IntoIterator<Item = &'a str>) -> Media {
    let mut text = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:10\n".to_owned();
    for (index, tags) in tags.into_iter().enumerate() {
        writeln!(text, "{tags}\n#EXTINF:4,\n{index}.ts").unwrap();
    }
    text.push_str("#EXT-X-ENDLIST\n");
    media(text)
}

/// The chapters of the part of it in `span`, as `sequence+offset title`.
fn chapters(media: Media, span: Span) -> Vec<String> {
    let tracks = [(ChosenTrack::only(url(BASE)), media)];
    let mut plan = plan::build(&url(BASE), None, &tracks).unwrap();
    plan::cut(&mut plan, span).unwrap();
    let chapters = plan::chapters(&tracks[0].1, &plan.tracks[0]);
    let shown = chapters.iter().map(|chapter| {
        format!(
            "{}+{} {}",
            chapter.sequence.0, chapter.offset_seconds, chapter.title
        )
    });
    shown.collect()
}

const WHOLE: Span = Span {
    start_seconds: 0.0,
    end_seconds: None,
};

const NEW: &str = "#EXT-X-DISCONTINUITY";

#[test]
fn discontinuities_divide() {
    assert_eq!(
        chapters(stream(["", "", NEW, "", NEW]), WHOLE),
        ["10+0 Chapter 1", "12+0 Chapter 2", "14+0 Chapter 3"]
    );
    // One in front divides nothing, and what is one is not divided.
    assert_eq!(chapters(stream([NEW, "", ""]), WHOLE), [""; 0]);
    assert_eq!(chapters(stream(["", "", ""]), WHOLE), [""; 0]);
}

#[test]
fn date_ranges_name() {
    let first = "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T10:00:00Z
#EXT-X-DATERANGE:ID=\"weather\",START-DATE=\"2026-01-01T10:00:13.5Z\"
#EXT-X-DATERANGE:ID=\"n1\",START-DATE=\"2026-01-01T10:00:00.2Z\",X-COM-EXAMPLE-TITLE=\"The News\"
#EXT-X-DATERANGE:ID=\"later\",START-DATE=\"2026-01-01T11:00:00Z\"
#EXT-X-DATERANGE:ID=\"cue\",START-DATE=\"2026-01-01T10:00:06Z\",SCTE35-CMD=0xFC
#EXT-X-DATERANGE:ID=\"later cue\",START-DATE=\"2026-01-01T10:00:06Z\"
#EXT-X-DATERANGE:ID=\"later cue\",SCTE35-IN=0xFC
#EXT-X-DATERANGE:ID=\"break\",START-DATE=\"2026-01-01T10:00:06Z\",CLASS=\"twitch-stitched-ad\"
#EXT-X-DATERANGE:ID=\"other\",START-DATE=\"2026-01-01T10:00:06Z\",CLASS=\"com.apple.hls.interstitial\"
#EXT-X-DATERANGE:ID=\"no date\",START-DATE=\"10 o'clock\"";
    assert_eq!(
        chapters(stream([first, "", NEW, "", ""]), WHOLE),
        ["10+0 The News", "12+0 Chapter 2", "13+1.5 weather"]
    );
    // A name alone is worth a chapter; without dates on the segments there is no place for it.
    let only = first.replace("10:00:13.5Z", "12:00:00Z");
    assert_eq!(chapters(stream([&*only, "", ""]), WHOLE), ["10+0 The News"]);
    let undated = first.replace("#EXT-X-PROGRAM-DATE-TIME", "#EXT-X-NOTHING");
    assert_eq!(chapters(stream([&*undated, "", ""]), WHOLE), [""; 0]);
}

#[test]
fn a_part_begins_with_the_chapter_that_it_is_of() {
    let part = |start_seconds, end_seconds| {
        let span = Span {
            start_seconds,
            end_seconds: Some(end_seconds),
        };
        chapters(stream(["", "", NEW, "", NEW, ""]), span)
    };
    assert_eq!(part(12.0, 24.0), ["13+0 Chapter 1", "14+0 Chapter 2"]);
    assert_eq!(part(8.0, 24.0), ["12+0 Chapter 1", "14+0 Chapter 2"]);
    assert_eq!(part(4.0, 12.0), ["11+0 Chapter 1", "12+0 Chapter 2"]);
    assert_eq!(part(12.0, 16.0), [""; 0]);
}

#[test]
fn no_title_is_endless() {
    let long = format!(
        "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T10:00:00Z\n#EXT-X-DATERANGE:ID=\"{}\",START-DATE=\"2026-01-01T10:00:00Z\"",
        "\u{6cb3}".repeat(100)
    );
    let expected = format!("10+0 {}", "\u{6cb3}".repeat(85));
    assert_eq!(chapters(stream([&*long]), WHOLE), [expected]);
}

#[test]
fn no_list_is_endless() {
    let found = chapters(stream([NEW; 1000]), WHOLE);
    assert_eq!(found.len(), MAX_CHAPTERS);
    assert_eq!(found[254], "264+0 Chapter 255");
}
