//! Which playlists a selection needs: codecs, pathways, views, and sound that comes with the picture or apart from it.

use crate::support::{multivariant, url};
use weir_core::plan::{self, ChosenTrack, Languages, PlanError, Quality, Selection};
use weir_core::protocol::TrackKind;

/// Chosen tracks as `kind path`, and what alone is kept of the picture's.
fn chosen(text: &str, selection: &Selection) -> Result<Vec<String>, PlanError> {
    let tracks = plan::choose(&multivariant(text), selection)?;
    Ok(tracks.iter().map(shown).collect())
}

fn shown(track: &ChosenTrack) -> String {
    let path = track.playlist.as_str();
    let path = path.strip_prefix("https://cdn.example.com/live/").unwrap_or(path);
    match (track.kind, track.only) {
        (TrackKind::Video, Some(only)) => format!("video {path} only {only}"),
        (kind, only) => {
            assert!(only.is_none_or(|only| only == kind));
            format!("{kind} {path}")
        }
    }
}

fn with_audio(audio: Languages) -> Selection {
    Selection {
        audio,
        ..Selection::default()
    }
}

fn language(tag: &str) -> Languages {
    Languages::Language(tag.to_owned())
}

fn best_of(text: &str) -> String {
    chosen(text, &Selection::default()).unwrap().join(", ")
}

#[test]
fn codecs_that_no_file_keeps_are_passed_over() {
    let variant = |bandwidth: u32, codecs: &str| {
        format!(
            "#EXT-X-STREAM-INF:BANDWIDTH={bandwidth},RESOLUTION=1920x1080,CODECS=\"{codecs}\"\n{bandwidth}.m3u8\n"
        )
    };
    for poor in [
        "dvh1.05.06,mp4a.40.2",
        "vvc1.1.L51,mp4a.40.2",
        "avc1.640028,dtsx",
        "dvhe.05.06",
    ] {
        let both = format!(
            "#EXTM3U\n{}{}",
            variant(9, poor),
            variant(5, "avc1.640028,mp4a.40.2")
        );
        assert_eq!(best_of(&both), "video 5.m3u8", "{poor}");
        let worst = Selection {
            quality: Quality::Worst,
            ..Selection::default()
        };
        let reversed = both.replace("BANDWIDTH=9", "BANDWIDTH=1");
        assert_eq!(chosen(&reversed, &worst).unwrap(), ["video 5.m3u8"], "{poor}");
        let alone = format!("#EXTM3U\n{}", variant(9, poor));
        assert_eq!(best_of(&alone), "video 9.m3u8", "nothing else: {poor}");
        let asked = Selection {
            quality: Quality::Variant(url("https://cdn.example.com/live/9.m3u8")),
            ..Selection::default()
        };
        assert_eq!(
            chosen(&both, &asked).unwrap(),
            ["video 9.m3u8"],
            "asked for: {poor}"
        );
    }
    for good in [
        "hvc1.2.4.L123.B0,ec-3",
        "HEV1.1.6.L93,Opus",
        "av01.0.08M.10,fLaC",
        "avc3.640028,stpp.ttml.im1t",
        "vp09.00.50.08",
    ] {
        let both = format!(
            "#EXTM3U\n{}{}",
            variant(9, good),
            variant(5, "avc1.640028,mp4a.40.2")
        );
        assert_eq!(best_of(&both), "video 9.m3u8", "{good}");
    }
    // Dolby Vision over a base layer that everything plays.
    let supplemental = format!(
        "#EXTM3U\n{}{}",
        variant(9, "hvc1.2.4.L153,ec-3"),
        variant(5, "avc1.640028,mp4a.40.2")
    )
    .replacen("CODECS", "SUPPLEMENTAL-CODECS=\"dvh1.08.07/db4h\",CODECS", 1);
    assert_eq!(best_of(&supplemental), "video 9.m3u8");
}

#[test]
fn the_pathway_that_content_steering_begins_with() {
    let text = "#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"s\",PATHWAY-ID=\"B\"\n\
                #EXT-X-STREAM-INF:BANDWIDTH=9,PATHWAY-ID=\"A\"\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=8,PATHWAY-ID=\"B\"\nb.m3u8\n\
                #EXT-X-STREAM-INF:BANDWIDTH=7,PATHWAY-ID=\"B\"\nlow.m3u8\n";
    assert_eq!(best_of(text), "video b.m3u8");
    assert_eq!(
        best_of(&text.replace(
            "PATHWAY-ID=\"B\"\n#EXT-X-STREAM-INF:BANDWIDTH=9",
            "PATHWAY-ID=\"C\"\n#EXT-X-STREAM-INF:BANDWIDTH=9"
        )),
        "video a.m3u8",
        "one that no variant has"
    );
    let unnamed = text
        .replace("BANDWIDTH=9,PATHWAY-ID=\"A\"", "BANDWIDTH=9")
        .replacen("\"B\"", "\".\"", 1);
    assert_eq!(
        best_of(&unnamed),
        "video a.m3u8",
        "`.` is the name of those without"
    );
}

/// The sound of one language in the variant's own segments, of another apart.
const MUXED: &str = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES\n\
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"Deutsch\",LANGUAGE=\"de\",AUTOSELECT=YES,URI=\"de.m3u8\"\n\
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"Director\",AUTOSELECT=YES,URI=\"director.m3u8\"\n\
#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=640x360,CODECS=\"avc1.4d401e,mp4a.40.2\",AUDIO=\"a\"\nv.m3u8\n";

#[test]
fn sound_that_is_muxed_stays_only_where_it_is_wanted() {
    let check = |audio: Languages, expected: &[&str]| {
        assert_eq!(chosen(MUXED, &with_audio(audio)).unwrap(), expected);
    };
    check(Languages::Default, &["video v.m3u8"]);
    check(language("en"), &["video v.m3u8"]);
    check(language("de"), &["video v.m3u8 only video", "audio de.m3u8"]);
    check(
        language("director"),
        &["video v.m3u8 only video", "audio director.m3u8"],
    );
    check(Languages::None, &["video v.m3u8 only video"]);
    check(
        Languages::All,
        &["video v.m3u8", "audio de.m3u8", "audio director.m3u8"],
    );
    let tracks = plan::choose(&multivariant(MUXED), &Selection::default()).unwrap();
    assert_eq!(
        (tracks[0].language.as_deref(), tracks[0].name.as_deref()),
        (Some("en"), Some("English")),
        "what is said of the sound inside"
    );
    let tracks = plan::choose(&multivariant(MUXED), &with_audio(language("de"))).unwrap();
    assert_eq!(
        (tracks[0].language.as_deref(), tracks[0].name.as_deref()),
        (None, None)
    );
    // No group at all.
    let plain = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=640x360\nv.m3u8\n";
    assert_eq!(
        chosen(plain, &with_audio(Languages::Default)).unwrap(),
        ["video v.m3u8"]
    );
    assert_eq!(
        chosen(plain, &with_audio(Languages::None)).unwrap(),
        ["video v.m3u8 only video"]
    );
}

#[test]
fn sound_apart_replaces_what_is_muxed() {
    let text = MUXED.replace("DEFAULT=YES", "DEFAULT=YES,URI=\"en.m3u8\"");
    assert_eq!(best_of(&text), "video v.m3u8 only video, audio en.m3u8");
    // The default names the variant's own playlist.
    let own = MUXED.replace("DEFAULT=YES", "DEFAULT=YES,URI=\"v.m3u8\"");
    assert_eq!(best_of(&own), "video v.m3u8");
}

#[test]
fn a_variant_of_sound_alone() {
    let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"One\",LANGUAGE=\"en\",DEFAULT=YES,URI=\"en.m3u8\"\n\
                #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"Two\",LANGUAGE=\"de\",URI=\"de.m3u8\"\n\
                #EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"mp4a.40.2\",AUDIO=\"a\"\nen.m3u8\n";
    assert_eq!(best_of(text), "audio en.m3u8");
    assert_eq!(
        chosen(text, &with_audio(language("de"))).unwrap(),
        ["audio de.m3u8"]
    );
    assert_eq!(
        chosen(text, &with_audio(Languages::All)).unwrap(),
        ["audio en.m3u8", "audio de.m3u8"]
    );
    assert_eq!(
        chosen(text, &with_audio(Languages::None)).unwrap(),
        ["audio en.m3u8"],
        "there is nothing else"
    );
}

#[test]
fn descriptions_and_forced_subtitles_are_for_those_who_ask() {
    let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"Described\",LANGUAGE=\"en\",AUTOSELECT=YES,\
                CHARACTERISTICS=\"public.accessibility.describes-video\",URI=\"ad.m3u8\"\n\
                #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"English\",LANGUAGE=\"en\",AUTOSELECT=YES,URI=\"en.m3u8\"\n\
                #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"Forced\",LANGUAGE=\"en\",FORCED=YES,AUTOSELECT=YES,URI=\"forced.m3u8\"\n\
                #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"English\",LANGUAGE=\"en\",URI=\"full.m3u8\"\n\
                #EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=640x360,AUDIO=\"a\",SUBTITLES=\"s\"\nv.m3u8\n";
    let selection = |audio, subtitles| Selection {
        audio,
        subtitles,
        ..Selection::default()
    };
    assert_eq!(
        chosen(text, &selection(language("en"), language("en"))).unwrap(),
        ["video v.m3u8 only video", "audio en.m3u8", "subtitle full.m3u8"]
    );
    assert_eq!(
        chosen(text, &selection(language("Described"), language("forced"))).unwrap(),
        ["video v.m3u8 only video", "audio ad.m3u8", "subtitle forced.m3u8"]
    );
    assert_eq!(
        best_of(text),
        "video v.m3u8 only video, audio en.m3u8",
        "no subtitles by default: none is DEFAULT"
    );
}

#[test]
fn subtitles_that_are_not_there() {
    let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"E\",LANGUAGE=\"en\",URI=\"en.m3u8\"\n\
                #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"t\",NAME=\"E\",LANGUAGE=\"en\",URI=\"en2.m3u8\"\n\
                #EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n";
    let subtitles = |text: &str, subtitles| {
        let selection = Selection {
            subtitles,
            ..Selection::default()
        };
        chosen(text, &selection).map_err(|error| error.to_string())
    };
    // The variant names no group: every one may be meant.
    assert_eq!(
        subtitles(text, language("en")).unwrap(),
        ["video v.m3u8", "subtitle en.m3u8"]
    );
    assert_eq!(
        subtitles(text, language("fr")),
        Err("no subtitle rendition in 'fr'; there is en".to_owned())
    );
    let none = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n";
    assert_eq!(
        subtitles(none, language("fr")),
        Err("no subtitle rendition in 'fr'; there is none at all".to_owned())
    );
    assert_eq!(subtitles(none, Languages::All).unwrap(), ["video v.m3u8"]);
}

/// As in the corpus, shaka-player/hls-multivideo.
const VIEWS: &str = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"Sound\",DEFAULT=YES,URI=\"a.m3u8\"\n\
#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID=\"v\",NAME=\"RED\",DEFAULT=YES\n\
#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID=\"v\",NAME=\"GREEN\",URI=\"green.m3u8\"\n\
#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=640x360,VIDEO=\"v\",AUDIO=\"a\"\nred.m3u8\n";

#[test]
fn views() {
    assert_eq!(best_of(VIEWS), "video red.m3u8 only video, audio a.m3u8");
    let elsewhere = VIEWS.replace(
        "DEFAULT=YES\n#EXT-X-MEDIA:TYPE=VIDEO",
        "DEFAULT=YES,URI=\"main.m3u8\"\n#EXT-X-MEDIA:TYPE=VIDEO",
    );
    assert_eq!(best_of(&elsewhere), "video main.m3u8 only video, audio a.m3u8");
    let inside = elsewhere.replace(",URI=\"a.m3u8\"", "");
    assert_eq!(
        best_of(&inside),
        "video main.m3u8 only video, audio red.m3u8",
        "the sound is in the variant, the picture is not"
    );
    // RFC 8216bis, 8.7: the views have their sound with them.
    let together = "#EXTM3U\n#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID=\"low\",NAME=\"Main\",DEFAULT=YES,URI=\"low/main.m3u8\"\n\
                    #EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID=\"low\",NAME=\"Dugout\",URI=\"low/dugout.m3u8\"\n\
                    #EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=640x360,VIDEO=\"low\"\nlow/other.m3u8\n";
    assert_eq!(best_of(together), "video low/main.m3u8");
    let tracks = plan::choose(&multivariant(together), &Selection::default()).unwrap();
    assert_eq!(
        (tracks[0].kind, tracks[0].resolution),
        (TrackKind::Video, Some((640, 360)))
    );
    let refused = together.replace("low/main.m3u8", "file:///x");
    assert_eq!(
        chosen(&refused, &Selection::default()).unwrap_err().to_string(),
        "line 2: scheme not allowed: file (EXT-X-MEDIA)"
    );
}

/// As many as a plan may have, and no more: each is compared with all.
#[test]
fn more_renditions_than_a_plan_holds() {
    let playlist = |count: usize| {
        let rendition = |n| format!("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"g\",NAME=\"{n}\",URI=\"{n}.m3u8\"\n");
        let renditions: String = (0..count).map(rendition).collect();
        format!("#EXTM3U\n{renditions}#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"g\"\nv.m3u8\n")
    };
    let all = with_audio(Languages::All);
    assert_eq!(chosen(&playlist(255), &all).unwrap().len(), 256);
    let error = chosen(&playlist(256), &all).unwrap_err();
    assert_eq!(error.to_string(), "tracks: too many tracks");
}

#[test]
fn languages_are_named_up_to_a_hundred() {
    let rendition =
        |n| format!("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"g\",NAME=\"{n}\",LANGUAGE=\"l{n}\",URI=\"{n}\"\n");
    let message = |count: usize| {
        let renditions: String = (0..count).map(rendition).collect();
        let text = format!("#EXTM3U\n{renditions}#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"g\"\nv.m3u8\n");
        chosen(&text, &with_audio(language("en")))
            .unwrap_err()
            .to_string()
    };
    assert!(message(100).contains(", l98, l99"), "{}", message(100));
    assert!(!message(100).contains("..."), "{}", message(100));
    assert!(message(101).contains(", l99, ..."), "{}", message(101));
}
