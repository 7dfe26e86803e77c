//! What is captured for a selection, and what is refused.

use crate::support::{BASE, media, multivariant, url};
use weir_core::plan::{self, CheckPolicy, ChosenTrack, Languages, PlanError, Quality, Selection};
use weir_core::playlist::{self, Media};
use weir_core::protocol::{CapturePlan, ErrorCode, KeyMethod, TrackKind};

const HEAD: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n";

const LADDER: &str = "#EXTM3U\n\
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"hi\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES\n\
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"hi\",NAME=\"Deutsch\",LANGUAGE=\"de\",AUTOSELECT=YES,URI=\"hi/de.m3u8\"\n\
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"lo\",NAME=\"English\",LANGUAGE=\"en-GB\",AUTOSELECT=YES,URI=\"lo/en.m3u8\"\n\
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"lo\",NAME=\"Fran\u{e7}ais\",LANGUAGE=\"fra\",DEFAULT=YES,URI=\"lo/fr.m3u8\"\n\
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subs\",NAME=\"English\",LANGUAGE=\"en\",AUTOSELECT=YES,URI=\"s/en.m3u8\"\n\
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subs\",NAME=\"Deutsch\",LANGUAGE=\"de\",URI=\"s/de.m3u8\"\n\
#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS=\"mp4a.40.2\",AUDIO=\"lo\"\nlo/fr.m3u8\n\
#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360,CODECS=\"avc1.4d401e,mp4a.40.2\",AUDIO=\"lo\",SUBTITLES=\"subs\"\n360.m3u8\n\
#EXT-X-STREAM-INF:BANDWIDTH=5000000,RESOLUTION=1920x1080,CODECS=\"avc1.640028,mp4a.40.2\",AUDIO=\"hi\",SUBTITLES=\"subs\"\n1080.m3u8\n\
#EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720,CODECS=\"avc1.64001f,mp4a.40.2\",AUDIO=\"lo\",SUBTITLES=\"subs\"\n720.m3u8\n\
#EXT-X-STREAM-INF:BANDWIDTH=9000000,RESOLUTION=3840x2160\nfile:///etc/passwd\n\
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=99000000,RESOLUTION=7680x4320,URI=\"iframes.m3u8\"\n";

/// Chosen tracks as `kind path`.
fn chosen(text: &str, selection: &Selection) -> Result<Vec<String>, PlanError> {
    let tracks = plan::choose(&multivariant(text), selection)?;
    let shown = |track: &ChosenTrack| {
        format!(
            "{} {}",
            track.kind,
            track
                .playlist
                .as_str()
                .strip_prefix("https://cdn.example.com/live/")
                .unwrap()
        )
    };
    Ok(tracks.iter().map(shown).collect())
}

fn quality(quality: Quality) -> Selection {
    Selection {
        quality,
        audio: Languages::None,
        subtitles: Languages::None,
    }
}

fn built(text: &str) -> Result<CapturePlan, PlanError> {
    let source = url(BASE);
    plan::build(
        &source,
        Some("A title"),
        &[(ChosenTrack::only(source.clone()), media(text))],
    )
}

fn head(rest: &str) -> String {
    format!("{HEAD}{rest}")
}

#[test]
fn qualities() {
    let check =
        |wanted: Quality, expected: &str| assert_eq!(chosen(LADDER, &quality(wanted)).unwrap(), [expected]);
    check(Quality::Best, "video 1080.m3u8");
    check(Quality::Worst, "video 360.m3u8");
    check(Quality::MaxHeight(1080), "video 1080.m3u8");
    check(Quality::MaxHeight(1079), "video 720.m3u8");
    check(Quality::MaxHeight(100), "video 360.m3u8");
    check(Quality::MaxBandwidth(3_000_000), "video 720.m3u8");
    check(Quality::MaxBandwidth(1), "video 360.m3u8");
    check(
        Quality::Variant(url("https://cdn.example.com/live/720.m3u8#x")),
        "video 720.m3u8",
    );
    check(
        Quality::Variant(url("https://cdn.example.com/live/lo/fr.m3u8")),
        "audio lo/fr.m3u8",
    );
    let unknown = chosen(
        LADDER,
        &quality(Quality::Variant(url("https://cdn.example.com/none.m3u8"))),
    )
    .unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "the playlist does not list the variant https://cdn.example.com/none.m3u8"
    );
    assert_eq!(unknown.code(), ErrorCode::NothingToCapture);
}

#[test]
fn variants_that_say_little() {
    let bare = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=3\nb.m3u8\n\
                #EXT-X-STREAM-INF:BANDWIDTH=3\nbackup.m3u8\n";
    let check =
        |wanted: Quality, expected: &str| assert_eq!(chosen(bare, &quality(wanted)).unwrap(), [expected]);
    check(Quality::Best, "video b.m3u8");
    check(Quality::Worst, "video a.m3u8");
    check(Quality::MaxHeight(1), "video b.m3u8");
    check(Quality::MaxBandwidth(2), "video a.m3u8");
    let scored = bare.replacen("BANDWIDTH=1", "BANDWIDTH=1,SCORE=5", 1);
    assert_eq!(
        chosen(&scored, &quality(Quality::Best)).unwrap(),
        ["video b.m3u8"],
        "not every variant has one"
    );
    let scored = scored.replace("BANDWIDTH=3", "BANDWIDTH=3,SCORE=2");
    assert_eq!(
        chosen(&scored, &quality(Quality::Best)).unwrap(),
        ["video a.m3u8"]
    );
    let audio = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"mp4a.40.5\"\na.m3u8\n\
                 #EXT-X-STREAM-INF:BANDWIDTH=2,CODECS=\"mp4a.40.2\"\nb.m3u8\n";
    assert_eq!(chosen(audio, &quality(Quality::Worst)).unwrap(), ["audio a.m3u8"]);
    let refused = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nfile:///a\n";
    assert_eq!(
        chosen(refused, &quality(Quality::Best)),
        Err(PlanError::NoVariant)
    );
}

#[test]
fn renditions() {
    let check = |quality: Quality, audio: Languages, subtitles: Languages, expected: &[&str]| {
        let selection = Selection {
            quality,
            audio,
            subtitles,
        };
        assert_eq!(chosen(LADDER, &selection).unwrap(), expected);
    };
    let language = |tag: &str| Languages::Language(tag.to_owned());
    // The default is in the variant's own segments.
    check(
        Quality::Best,
        Languages::Default,
        Languages::Default,
        &["video 1080.m3u8"],
    );
    check(
        Quality::Best,
        Languages::All,
        Languages::None,
        &["video 1080.m3u8", "audio hi/de.m3u8"],
    );
    check(
        Quality::Best,
        language("en"),
        Languages::None,
        &["video 1080.m3u8"],
    );
    check(
        Quality::MaxHeight(720),
        Languages::Default,
        Languages::Default,
        &["video 720.m3u8", "audio lo/fr.m3u8"],
    );
    check(
        Quality::Worst,
        language("EN-gb"),
        Languages::None,
        &["video 360.m3u8", "audio lo/en.m3u8"],
    );
    check(
        Quality::Worst,
        language("eng"),
        Languages::None,
        &["video 360.m3u8", "audio lo/en.m3u8"],
    );
    check(
        Quality::Worst,
        language("fr-CA"),
        Languages::None,
        &["video 360.m3u8", "audio lo/fr.m3u8"],
    );
    check(
        Quality::Worst,
        Languages::None,
        Languages::All,
        &["video 360.m3u8", "subtitle s/en.m3u8", "subtitle s/de.m3u8"],
    );
    // The audio-only variant is its own rendition: one track.
    let alone = Quality::Variant(url("https://cdn.example.com/live/lo/fr.m3u8"));
    check(alone, Languages::Default, Languages::None, &["audio lo/fr.m3u8"]);
    let selection = Selection {
        audio: language("it"),
        ..Selection::default()
    };
    let error = chosen(LADDER, &selection).unwrap_err();
    assert_eq!(error.to_string(), "no audio rendition in 'it'; there is en, de");
    // Where there is nothing to choose from, the wish says nothing.
    let plain = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n";
    assert_eq!(chosen(plain, &selection).unwrap(), ["video a.m3u8"]);
}

#[test]
fn a_chosen_rendition_that_is_refused_is_not_left_out() {
    let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"n\",DEFAULT=YES,URI=\"file:///a\"\n\
                #EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\nv.m3u8\n";
    let error = chosen(text, &Selection::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 2: scheme not allowed: file (EXT-X-MEDIA)"
    );
    assert_eq!(error.code(), ErrorCode::SchemeRefused);
}

#[test]
fn every_segment_is_complete_in_itself() {
    let text = head(
        "#EXT-X-MEDIA-SEQUENCE:256\n#EXT-X-KEY:METHOD=AES-128,URI=\"k1\",IV=0x1\n"
            .replace("0x1", &format!("0x{:032x}", 1))
            .as_str(),
    ) + "#EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"100@0\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"k2\"\n\
         #EXTINF:4,\n#EXT-X-BYTERANGE:50@100\na.mp4\n#EXT-X-DISCONTINUITY\n#EXTINF:x,\n#EXT-X-BYTERANGE:25\na.mp4\n\
         #EXT-X-KEY:METHOD=NONE\n#EXT-X-GAP\n#EXTINF:2,\nb.mp4\n#EXT-X-ENDLIST\n";
    let plan = built(&text).unwrap();
    assert!(!plan.live);
    assert_eq!(plan.title.as_deref(), Some("A title"));
    let [first, second, third] = &plan.tracks[0].segments[..] else {
        panic!("three segments")
    };
    let range = |segment: &weir_core::protocol::PlannedSegment| {
        segment.range.map(|range| (range.offset(), range.length()))
    };
    assert_eq!(first.sequence.0, 256);
    assert_eq!(first.url.as_str(), "https://cdn.example.com/live/a.mp4");
    assert_eq!(
        (range(first), range(second), range(third)),
        (Some((100, 50)), Some((150, 25)), None)
    );
    let key = first.key.as_ref().unwrap();
    assert_eq!(
        (key.method, key.url.as_str()),
        (KeyMethod::Aes128, "https://cdn.example.com/live/k2")
    );
    assert_eq!(key.iv.to_string(), format!("{:032x}", 256));
    assert_eq!(
        second.key.as_ref().unwrap().iv.to_string(),
        format!("{:032x}", 257)
    );
    assert_eq!(
        (first.duration_seconds, second.duration_seconds),
        (Some(4.0), None)
    );
    assert_eq!(
        (first.discontinuity, second.discontinuity, third.discontinuity),
        (false, true, false)
    );
    assert!(third.gap && third.key.is_none());
    let map = third.map.as_ref().unwrap();
    assert_eq!(map.range.unwrap().length(), 100);
    let key = map.key.as_ref().unwrap();
    assert_eq!(
        key.url.as_str(),
        "https://cdn.example.com/live/k1",
        "the key that stood before the map"
    );
    assert_eq!(key.iv.to_string(), format!("{:032x}", 1));
}

#[test]
fn live_is_without_an_end() {
    assert!(built(&head("#EXTINF:4,\na.ts\n")).unwrap().live);
    assert!(!built(&head("#EXTINF:4,\na.ts\n#EXT-X-ENDLIST\n")).unwrap().live);
}

#[test]
fn sample_aes_leaves_the_map_clear() {
    let text =
        head("#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI=\"k\"\n#EXT-X-MAP:URI=\"i.mp4\"\n#EXTINF:4,\na.mp4\n");
    let plan = built(&text).unwrap();
    let segment = &plan.tracks[0].segments[0];
    assert_eq!(segment.key.as_ref().unwrap().method, KeyMethod::SampleAesCtr);
    assert_eq!(segment.map.as_ref().unwrap().key, None);
}

#[test]
fn drm_is_refused_by_name() {
    let key = |format: &str, uri: &str| {
        head(&format!(
            "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"{uri}\"{format}\n#EXTINF:4,\na.ts\n"
        ))
    };
    for (format, name) in [
        (
            ",KEYFORMAT=\"urn:uuid:EDEF8BA9-79D6-4ACE-A3C8-27DCD51D21ED\"",
            "Widevine",
        ),
        (",KEYFORMAT=\"com.microsoft.playready\"", "PlayReady"),
        (
            ",KEYFORMAT=\"urn:uuid:9a04f079-9840-4286-ab92-e65be0885f95\"",
            "PlayReady",
        ),
        (
            ",KEYFORMAT=\"com.apple.streamingkeydelivery\",KEYFORMATVERSIONS=\"1\"",
            "FairPlay",
        ),
        (",KEYFORMAT=\"com.example.own\"", "com.example.own"),
    ] {
        let error = built(&key(format, "https://k.example/")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("protected by DRM ({name}): Weir does not remove DRM")
        );
        assert_eq!(error.code(), ErrorCode::Drm);
    }
    let error = built(&key("", "skd://asset")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "protected by DRM (FairPlay): Weir does not remove DRM"
    );
    let beside = key(",KEYFORMAT=\"com.apple.streamingkeydelivery\"", "skd://x").replace(
        "#EXTINF",
        "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"https://k.example/id\",KEYFORMAT=\"identity\"\n#EXTINF",
    );
    let plan = built(&beside).unwrap();
    assert_eq!(
        plan.tracks[0].segments[0].key.as_ref().unwrap().url.as_str(),
        "https://k.example/id"
    );
}

#[test]
fn an_unknown_method_is_unsupported() {
    let text = head("#EXT-X-KEY:METHOD=AES-512,URI=\"k\"\n#EXTINF:4,\na.ts\n");
    assert_eq!(
        crate::support::warnings(&text),
        ["3: unknown-method: unknown key METHOD: AES-512"]
    );
    let error = built(&text).unwrap_err();
    assert_eq!(error.to_string(), "line 3: unknown key METHOD AES-512");
    assert_eq!(error.code(), ErrorCode::Unsupported);
}

#[test]
fn refused_references_name_their_line() {
    let list = "https://cdn.example.com/live/main.m3u8?...";
    for (text, message, code) in [
        (
            "#EXTINF:4,\nfile:///a\n",
            "line 4: scheme not allowed: file (segment in LIST)",
            ErrorCode::SchemeRefused,
        ),
        (
            "#EXTINF:4,\nhttps://u:p@h.example/a\n",
            "line 4: credentials in URL (segment in LIST)",
            ErrorCode::BadUrl,
        ),
        (
            "#EXT-X-KEY:METHOD=AES-128,URI=\"ftp://k\"\n#EXTINF:4,\na.ts\n",
            "line 3: scheme not allowed: ftp (key in LIST)",
            ErrorCode::SchemeRefused,
        ),
        (
            "#EXT-X-MAP:URI=\"C:\\i.mp4\"\n#EXTINF:4,\na.ts\n",
            "line 3: scheme not allowed: c (map in LIST)",
            ErrorCode::SchemeRefused,
        ),
    ] {
        let error = built(&head(text)).unwrap_err();
        assert_eq!(error.to_string(), message.replace("LIST", list));
        assert_eq!(error.code(), code);
    }
}

#[test]
fn row_18_nested_multivariant() {
    let nested = url("https://cdn.example.com/live/720.m3u8");
    let reading = playlist::read(LADDER.as_bytes(), Some(&nested)).unwrap();
    let error = plan::expect_media(reading, &nested).unwrap_err();
    assert_eq!(
        error.to_string(),
        "nested multivariant playlist: https://cdn.example.com/live/720.m3u8 lists variants where segments were expected"
    );
    assert_eq!(error.code(), ErrorCode::BadPlaylist);
    let reading = playlist::read(b"#EXTM3U\n#EXTINF:1,\na.mp3\n", None).unwrap();
    let error = plan::expect_media(reading, &nested).unwrap_err();
    assert_eq!(
        error.to_string(),
        "https://cdn.example.com/live/720.m3u8 is a plain list of files, not a media playlist"
    );
}

#[test]
fn nothing_to_capture() {
    assert_eq!(plan::build(&url(BASE), None, &[]), Err(PlanError::NoTracks));
    let error = plan::build(
        &url(BASE),
        None,
        &[(
            ChosenTrack::only(url(BASE)),
            Media {
                end_list: true,
                ..Media::default()
            },
        )],
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "no segments in https://cdn.example.com/live/main.m3u8?..."
    );
    assert_eq!(error.code(), ErrorCode::NothingToCapture);
    let about_to_begin = built(HEAD).unwrap();
    assert!(about_to_begin.live && about_to_begin.tracks[0].segments.is_empty());
    assert_eq!(about_to_begin.check(CheckPolicy::default()), Ok(()));
}

#[test]
fn tracks_keep_what_was_chosen() {
    let tracks = plan::choose(
        &multivariant(LADDER),
        &Selection {
            audio: Languages::All,
            ..Selection::default()
        },
    )
    .unwrap();
    assert_eq!(tracks[0].resolution, Some((1920, 1080)));
    assert_eq!(tracks[0].codecs, ["avc1.640028", "mp4a.40.2"]);
    let with_media: Vec<_> = tracks
        .into_iter()
        .map(|track| (track, media(head("#EXTINF:1,\na.ts\n"))))
        .collect();
    let plan = plan::build(&url(BASE), None, &with_media).unwrap();
    assert_eq!(plan.tracks[1].kind, TrackKind::Audio);
    assert_eq!(plan.tracks[1].language.as_deref(), Some("de"));
    assert_eq!(plan.tracks[1].name.as_deref(), Some("Deutsch"));
}
