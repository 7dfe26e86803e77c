//! Whatever comes in: no panic, the same answer for the same text however it is cut and ended, and the
//! same answer as m3u8-rs where the text is well formed.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use weir_core::detect::{Candidate, detect};
use weir_core::observation::Observation;
use weir_core::plan::{self, CheckPolicy, ChosenTrack, Selection};
use weir_core::playlist::{self, Playlist, PlaylistError, Reading};
use weir_core::protocol::CapturePlan;
use weir_core::protocol::probe::Probe;

use crate::support::{BASE, media, multivariant, url};

fn try_read(bytes: &[u8]) -> Result<Reading, PlaylistError> {
    playlist::read(bytes, Some(&url(BASE)))
}

fn look(body: &[u8]) -> Option<Candidate> {
    detect(&Observation {
        url: url("https://a.example/"),
        status: None,
        content_type: None,
        body: Some(body),
    })
}

/// Takes a text through every stage. What comes out must be consistent in itself.
fn run_all(bytes: &[u8]) -> Result<(), TestCaseError> {
    let _ = look(bytes);
    let Ok(reading) = try_read(bytes) else {
        return Ok(());
    };
    prop_assert!(reading.warnings.len() <= 1_001);
    prop_assert!(serde_json::to_string(&Probe::from(&reading)).is_ok());
    match reading.playlist {
        Playlist::Multivariant(playlist) => {
            if let Ok(tracks) = plan::choose(&playlist, &Selection::default()) {
                prop_assert!(!tracks.is_empty());
            }
        }
        Playlist::Media(media) => {
            let tracks = vec![(ChosenTrack::only(url(BASE)), media)];
            let built = plan::build(&url(BASE), None, &tracks);
            // Playlists that go meanwhile make the same plan, or the same error.
            prop_assert_eq!(&plan::build_from(&url(BASE), None, tracks), &built);
            if let Ok(plan) = built {
                // Private addresses and downgrades apart, a built plan passes its own check.
                let allow = plan::Rule::Allow;
                let policy = CheckPolicy {
                    private_addresses: allow,
                    downgrades: allow,
                };
                prop_assert_eq!(plan.check(policy), Ok(()));
                // Without durations: serde_json rounds the last bit of some, on purpose.
                let mut plan = plan;
                plan.tracks[0]
                    .segments
                    .iter_mut()
                    .for_each(|segment| segment.duration_seconds = None);
                let written = serde_json::to_string(&plan).unwrap();
                let again: CapturePlan = serde_json::from_str(&written).unwrap();
                prop_assert_eq!(again, plan);
            }
        }
        Playlist::List(_) => {}
    }
    Ok(())
}

/// A value as attackers, and tired packagers, write them.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        any::<u64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        any::<u32>().prop_map(|number| format!("{number}@{number}")),
        "[A-Z-]{1,8}=\"?[a-z0-9,= ]{0,8}\"?(,[A-Z]{1,3}=[a-z0-9\"]{0,3}){0,3}",
        "\\PC{0,20}",
        Just("URI=\"a.mp4\",BYTERANGE=\"5\"".to_owned()),
        Just("METHOD=AES-128,URI=\"k\"".to_owned()),
        Just("METHOD=SAMPLE-AES,URI=\"skd://k\",KEYFORMAT=\"com.apple.streamingkeydelivery\"".to_owned()),
        Just("NAME=\"a\",VALUE=\"{$a}\"".to_owned()),
        Just("TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"n\",URI=\"a.m3u8\"".to_owned()),
    ]
}

fn tag() -> impl Strategy<Value = String> {
    const NAMES: &[&str] = &[
        "EXTINF",
        "EXT-X-BYTERANGE",
        "EXT-X-KEY",
        "EXT-X-MAP",
        "EXT-X-MEDIA-SEQUENCE",
        "EXT-X-TARGETDURATION",
        "EXT-X-DEFINE",
        "EXT-X-PART",
        "EXT-X-SKIP",
        "EXT-X-DATERANGE",
        "EXT-X-STREAM-INF",
        "EXT-X-MEDIA",
        "EXT-X-I-FRAME-STREAM-INF",
        "EXT-X-SESSION-KEY",
        "EXT-X-SERVER-CONTROL",
        "EXT-X-PRELOAD-HINT",
        "EXT-X-GAP",
        "EXT-X-ENDLIST",
        "EXT-X-DISCONTINUITY",
        "EXT-X-START",
        "EXT-X-UNKNOWN",
        "EXTM3U",
        "EXT",
    ];
    (proptest::sample::select(NAMES), value()).prop_map(|(name, value)| format!("#{name}:{value}"))
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => tag(),
        1 => (0_u32..100).prop_map(|seconds| format!("#EXTINF:{seconds},")),
        3 => "[a-z/.?=%{}$~:\\\\]{0,12}",
        1 => "\\PC{0,12}",
        1 => "# ?[a-z]{0,5}",
    ]
}

/// Lines that look like a playlist, mostly with its head.
fn soup() -> impl Strategy<Value = Vec<String>> {
    (prop::bool::weighted(0.9), vec(line(), 0..40)).prop_map(|(head, mut lines)| {
        if head {
            lines.insert(0, "#EXTM3U".to_owned());
        }
        lines
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..400)) {
        run_all(&bytes)?;
    }

    #[test]
    fn no_lines_panic(lines in soup()) {
        run_all(lines.join("\n").as_bytes())?;
    }

    #[test]
    fn line_ends_do_not_matter(lines in soup()) {
        let expected = try_read(lines.join("\n").as_bytes());
        for end in ["\r\n", "\r", " \t\n"] {
            prop_assert_eq!(&try_read(lines.join(end).as_bytes()), &expected, "{:?}", end);
        }
    }

    /// A body is seen chunk by chunk: what its beginning tells, all of it tells too.
    #[test]
    fn chunking_does_not_matter(lines in soup(), cut in any::<prop::sample::Index>()) {
        let text = lines.join("\r\n");
        let whole = look(text.as_bytes());
        let beginning = look(&text.as_bytes()[..cut.index(text.len() + 1)]);
        if let Some(beginning) = beginning {
            let whole = whole.expect("a playlist stays one");
            prop_assert_eq!(&beginning.evidence, &whole.evidence);
            prop_assert!(beginning.kind.is_none() || beginning.kind == whole.kind);
        }
    }

    #[test]
    fn encodings_do_not_matter(lines in soup()) {
        let text = lines.join("\n");
        let expected = try_read(text.as_bytes());
        let marked: Vec<u8> = "\u{feff}".bytes().chain(text.bytes()).collect();
        prop_assert_eq!(&try_read(&marked), &expected);
        let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        prop_assert_eq!(&try_read(&utf16), &expected);
    }

    #[test]
    fn m3u8_rs_agrees_on_media_playlists(playlist in well_formed_media()) {
        let text = playlist.text();
        let ours = media(&text);
        prop_assert_eq!(crate::support::warnings(&text), Vec::<String>::new());
        let theirs = m3u8_rs::parse_media_playlist_res(text.as_bytes()).expect(&text);
        prop_assert_eq!(ours.media_sequence.0, theirs.media_sequence);
        prop_assert_eq!(ours.discontinuity_sequence, theirs.discontinuity_sequence);
        prop_assert_eq!(ours.end_list, theirs.end_list);
        prop_assert_eq!(ours.segments.len(), theirs.segments.len());
        prop_assert_eq!(ours.version, theirs.version.map(|version| version as u64));
        let (mut key, mut map, mut end) = (None, None, 0);
        for (at, (ours, theirs)) in ours.segments.iter().zip(&theirs.segments).enumerate() {
            // m3u8-rs tells tags where they stand; what is in force is left to its caller.
            key = theirs.key.clone().or(key);
            map = theirs.map.clone().or(map);
            prop_assert_eq!(ours.sequence.0, playlist.sequence + at as u64);
            prop_assert_eq!(&ours.uri.text, &theirs.uri);
            #[expect(clippy::cast_possible_truncation, reason = "m3u8-rs keeps f32")]
            let seconds = ours.duration_seconds.map(|seconds| seconds as f32);
            prop_assert_eq!(seconds, Some(theirs.duration));
            prop_assert_eq!(&ours.title, &theirs.title.clone().filter(|title| !title.is_empty()));
            prop_assert_eq!(ours.discontinuity, theirs.discontinuity);
            let range = theirs.byte_range.as_ref().map(|range| (range.offset.unwrap_or(end), range.length));
            prop_assert_eq!(ours.range.map(|range| (range.offset(), range.length())), range);
            end = range.map_or(0, |(offset, length)| offset + length);
            prop_assert_eq!(ours.keys.first().map(|key| &key.uri.text), key.as_ref().and_then(|key| key.uri.as_ref()));
            let iv = key.as_ref().and_then(|key| key.iv.as_deref()).map(|iv| iv.parse().unwrap());
            prop_assert_eq!(ours.keys.first().and_then(|key| key.iv), iv);
            prop_assert_eq!(ours.map.as_ref().map(|map| &map.uri.text), map.as_ref().map(|map| &map.uri));
        }
    }

    #[test]
    fn m3u8_rs_agrees_on_multivariant_playlists(text in well_formed_multivariant()) {
        let ours = multivariant(&text);
        prop_assert_eq!(crate::support::warnings(&text), Vec::<String>::new());
        let theirs = m3u8_rs::parse_master_playlist_res(text.as_bytes()).expect(&text);
        let (frames, variants): (Vec<_>, Vec<_>) = theirs.variants.iter().partition(|variant| variant.is_i_frame);
        prop_assert_eq!(ours.variants.len(), variants.len());
        prop_assert_eq!(ours.i_frame_variants.len(), frames.len());
        let pairs = ours.variants.iter().zip(variants).chain(ours.i_frame_variants.iter().zip(frames));
        for (ours, theirs) in pairs {
            prop_assert_eq!(&ours.uri.text, &theirs.uri);
            prop_assert_eq!(ours.bandwidth, Some(theirs.bandwidth));
            prop_assert_eq!(ours.average_bandwidth, theirs.average_bandwidth);
            prop_assert_eq!(&ours.codecs.join(","), theirs.codecs.as_deref().unwrap_or_default());
            let size = theirs.resolution.map(|size| (size.width, size.height));
            prop_assert_eq!(ours.resolution.map(|(width, height)| (u64::from(width), u64::from(height))), size);
            prop_assert_eq!(ours.frame_rate, theirs.frame_rate);
            prop_assert_eq!(&ours.audio, &theirs.audio);
        }
        prop_assert_eq!(ours.renditions.len(), theirs.alternatives.len());
        for (ours, theirs) in ours.renditions.iter().zip(&theirs.alternatives) {
            prop_assert_eq!(&ours.media_type, &theirs.media_type.to_string());
            prop_assert_eq!(ours.name.as_ref(), Some(&theirs.name));
            prop_assert_eq!(&ours.group_id, &theirs.group_id);
            prop_assert_eq!(&ours.language, &theirs.language);
            prop_assert_eq!(ours.uri.as_ref().map(|uri| &uri.text), theirs.uri.as_ref());
            prop_assert_eq!((ours.default, ours.autoselect), (theirs.default, theirs.autoselect));
        }
    }
}

#[derive(Debug, Clone)]
struct WellFormed {
    sequence: u64,
    discontinuity_sequence: Option<u64>,
    end_list: bool,
    segments: Vec<WellFormedSegment>,
}

#[derive(Debug, Clone)]
struct WellFormedSegment {
    milliseconds: u32,
    title: Option<String>,
    uri: String,
    /// Offset (None continues the one before) and length.
    range: Option<(Option<u32>, u32)>,
    discontinuity: bool,
    key: Option<(String, Option<u128>)>,
    map: Option<String>,
}

fn well_formed_media() -> impl Strategy<Value = WellFormed> {
    let segment = (
        0_u32..100_000,
        option::of("[a-zA-Z][a-zA-Z0-9 =-]{0,8}[a-z]"),
        "[a-z]{1,8}(/[a-z0-9]{1,4}){0,2}\\.ts(\\?t=[a-z0-9]{1,4})?",
        option::weighted(0.3, (option::of(any::<u32>()), 1_u32..1_000_000)),
        any::<bool>(),
        option::weighted(0.2, ("[a-z]{1,4}", option::of(any::<u128>()))),
        option::weighted(0.1, "[a-z]{1,4}\\.mp4"),
    );
    let segment =
        segment.prop_map(
            |(milliseconds, title, uri, range, discontinuity, key, map)| WellFormedSegment {
                milliseconds,
                title,
                uri,
                range,
                discontinuity,
                key,
                map,
            },
        );
    (
        0..u64::from(u32::MAX),
        option::of(0..1_000_u64),
        any::<bool>(),
        vec(segment, 1..30),
    )
        .prop_map(|(sequence, discontinuity_sequence, end_list, mut segments)| {
            // A range without offset continues the same resource; a map without IV must not be encrypted.
            let mut previous: Option<String> = None;
            let mut encrypted = false;
            for segment in &mut segments {
                match &mut segment.range {
                    Some((None, _)) if previous.is_some() => segment.uri = previous.clone().unwrap(),
                    Some((offset @ None, _)) => *offset = Some(0),
                    _ => {}
                }
                previous = segment.range.map(|_| segment.uri.clone());
                if let Some((_, iv)) = &mut segment.key {
                    encrypted = true;
                    if segment.map.is_some() && iv.is_none() {
                        *iv = Some(7);
                    }
                } else if encrypted {
                    segment.map = None;
                }
            }
            WellFormed {
                sequence,
                discontinuity_sequence,
                end_list,
                segments,
            }
        })
}

impl WellFormed {
    fn text(&self) -> String {
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:100\n#EXT-X-MEDIA-SEQUENCE:{}\n",
            self.sequence
        );
        if let Some(sequence) = self.discontinuity_sequence {
            writeln!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{sequence}").unwrap();
        }
        for segment in &self.segments {
            segment.write(&mut text);
        }
        if self.end_list {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        text
    }
}

impl WellFormedSegment {
    fn write(&self, text: &mut String) {
        if self.discontinuity {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if let Some((uri, iv)) = &self.key {
            write!(text, "#EXT-X-KEY:METHOD=AES-128,URI=\"{uri}\"").unwrap();
            if let Some(iv) = iv {
                write!(text, ",IV=0x{iv:032X}").unwrap();
            }
            text.push('\n');
        }
        if let Some(uri) = &self.map {
            writeln!(text, "#EXT-X-MAP:URI=\"{uri}\"").unwrap();
        }
        let title = self.title.as_deref().unwrap_or_default();
        writeln!(
            text,
            "#EXTINF:{}.{:03},{title}",
            self.milliseconds / 1000,
            self.milliseconds % 1000
        )
        .unwrap();
        match self.range {
            Some((Some(offset), length)) => writeln!(text, "#EXT-X-BYTERANGE:{length}@{offset}").unwrap(),
            Some((None, length)) => writeln!(text, "#EXT-X-BYTERANGE:{length}").unwrap(),
            None => {}
        }
        writeln!(text, "{}", self.uri).unwrap();
    }
}

fn well_formed_multivariant() -> impl Strategy<Value = String> {
    let variant = (
        1_u32..u32::MAX,
        option::of(1_u32..u32::MAX),
        option::of("[a-z0-9]{4}(\\.[a-f0-9]{2}){1,2}(,mp4a\\.40\\.2)?"),
        option::of((1_u32..8_000, 1_u32..5_000)),
        option::of(1_u32..120_000),
        option::of("[a-z]{1,5}"),
        "[a-z]{1,8}/[a-z]{1,4}\\.m3u8",
        prop::bool::weighted(0.2),
    );
    let variant = variant.prop_map(
        |(bandwidth, average, codecs, size, rate, audio, uri, is_i_frame)| {
            let mut attributes = format!("BANDWIDTH={bandwidth}");
            if let Some(average) = average {
                write!(attributes, ",AVERAGE-BANDWIDTH={average}").unwrap();
            }
            if let Some(codecs) = codecs {
                write!(attributes, ",CODECS=\"{codecs}\"").unwrap();
            }
            if let Some((width, height)) = size {
                write!(attributes, ",RESOLUTION={width}x{height}").unwrap();
            }
            if let Some(rate) = rate {
                write!(attributes, ",FRAME-RATE={}.{:03}", rate / 1000, rate % 1000).unwrap();
            }
            if let Some(audio) = audio {
                write!(attributes, ",AUDIO=\"{audio}\"").unwrap();
            }
            if is_i_frame {
                format!("#EXT-X-I-FRAME-STREAM-INF:{attributes},URI=\"{uri}\"\n")
            } else {
                format!("#EXT-X-STREAM-INF:{attributes}\n{uri}\n")
            }
        },
    );
    let rendition = (
        proptest::sample::select(&["AUDIO", "SUBTITLES", "VIDEO"][..]),
        "[a-z]{1,5}",
        "[A-Za-z][A-Za-z ,=]{0,8}[a-z]",
        option::of("[a-z]{2}(-[A-Z]{2})?"),
        any::<bool>(),
        "[a-z]{1,4}\\.m3u8",
    );
    let rendition = rendition.prop_map(|(kind, group, name, language, default, uri)| {
        let language = language
            .map(|language| format!(",LANGUAGE=\"{language}\""))
            .unwrap_or_default();
        // m3u8-rs takes AUTOSELECT as written; DEFAULT=YES implies it.
        let default = if default {
            ",DEFAULT=YES,AUTOSELECT=YES"
        } else {
            ",DEFAULT=NO,AUTOSELECT=NO"
        };
        format!(
            "#EXT-X-MEDIA:TYPE={kind},GROUP-ID=\"{group}\",NAME=\"{name}\"{language}{default},URI=\"{uri}\"\n"
        )
    });
    (vec(rendition, 0..6), vec(variant, 1..10)).prop_map(|(renditions, variants)| {
        format!(
            "#EXTM3U\n#EXT-X-VERSION:6\n{}{}",
            renditions.concat(),
            variants.concat()
        )
    })
}
