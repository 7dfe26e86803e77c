//! Every tag of RFC 8216bis lands where it belongs. Expected values stand in `probe`'s JSON.

use crate::support::{failure, media, multivariant, probe, url, warnings};
use serde_json::json;
use weir_core::playlist::{self, Cue, Playlist};

const SILENT: [&str; 0] = [];

#[test]
fn multivariant_playlist() {
    let text = "#EXTM3U\n#EXT-X-VERSION:12\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-START:TIME-OFFSET=-12.5,PRECISE=YES\n\
#EXT-X-CONTENT-STEERING:SERVER-URI=\"/steer\",PATHWAY-ID=\"A\"\n\
#EXT-X-SESSION-DATA:DATA-ID=\"com.example.title\",VALUE=\"A, B\",LANGUAGE=\"en\"\n\
#EXT-X-SESSION-DATA:DATA-ID=\"com.example.more\",URI=\"more.json\"\n\
#EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"k\"\n\
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"English\",LANGUAGE=\"en\",ASSOC-LANGUAGE=\"de\",DEFAULT=YES,FORCED=NO,\
CHANNELS=\"6/JOC\",BIT-DEPTH=24,SAMPLE-RATE=48000,STABLE-RENDITION-ID=\"r1\",CHARACTERISTICS=\"public.x\",URI=\"a.m3u8\"\n\
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"cc\",NAME=\"CC\",INSTREAM-ID=\"SERVICE1\",AUTOSELECT=YES\n\
#EXT-X-STREAM-INF:BANDWIDTH=2000000,AVERAGE-BANDWIDTH=1500000,SCORE=1.5,CODECS=\"hvc1.2.4.L123,ec-3\",\
SUPPLEMENTAL-CODECS=\"dvh1.08.07/db4h\",RESOLUTION=1920x1080,FRAME-RATE=59.94,HDCP-LEVEL=TYPE-0,VIDEO-RANGE=PQ,\
REQ-VIDEO-LAYOUT=\"CH-STEREO\",STABLE-VARIANT-ID=\"v1\",AUDIO=\"a\",VIDEO=\"v\",SUBTITLES=\"s\",CLOSED-CAPTIONS=\"cc\",\
PATHWAY-ID=\"A\"\nv.m3u8\n\
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100,URI=\"i.m3u8\"\n";
    let at = |path: &str| format!("https://cdn.example.com{path}");
    let expected = json!({
        "kind": "multivariant",
        "variants": [{
            "url": at("/live/v.m3u8"), "bandwidth": 2_000_000, "averageBandwidth": 1_500_000, "score": 1.5,
            "codecs": ["hvc1.2.4.L123", "ec-3"], "supplementalCodecs": ["dvh1.08.07/db4h"],
            "width": 1920, "height": 1080, "frameRate": 59.94, "hdcpLevel": "TYPE-0", "videoRange": "PQ",
            "reqVideoLayout": "CH-STEREO", "stableVariantId": "v1", "audio": "a", "video": "v", "subtitles": "s",
            "closedCaptions": "cc", "pathwayId": "A",
        }],
        "iFrameVariants": [{
            "url": at("/live/i.m3u8"), "bandwidth": 100, "averageBandwidth": null, "score": null, "codecs": [],
            "supplementalCodecs": [], "width": null, "height": null, "frameRate": null, "hdcpLevel": null,
            "videoRange": null, "reqVideoLayout": null, "stableVariantId": null, "audio": null, "video": null,
            "subtitles": null, "closedCaptions": null, "pathwayId": null,
        }],
        "renditions": [
            {
                "type": "AUDIO", "groupId": "a", "name": "English", "language": "en", "assocLanguage": "de",
                "default": true, "autoselect": true, "forced": false, "channels": "6/JOC", "url": at("/live/a.m3u8"),
                "instreamId": null, "characteristics": "public.x", "stableRenditionId": "r1", "bitDepth": 24,
                "sampleRate": 48000,
            },
            {
                "type": "CLOSED-CAPTIONS", "groupId": "cc", "name": "CC", "language": null, "assocLanguage": null,
                "default": false, "autoselect": true, "forced": false, "channels": null, "url": null,
                "instreamId": "SERVICE1", "characteristics": null, "stableRenditionId": null, "bitDepth": null,
                "sampleRate": null,
            },
        ],
        "sessionKeys": [{"method": "AES-128", "url": at("/live/k"), "iv": null, "keyFormat": "identity"}],
        "sessionData": [
            {"dataId": "com.example.title", "value": "A, B", "url": null, "language": "en"},
            {"dataId": "com.example.more", "value": null, "url": at("/live/more.json"), "language": null},
        ],
        "contentSteering": {"serverUrl": at("/steer"), "pathwayId": "A"},
        "start": {"timeOffsetSeconds": -12.5, "precise": true},
        "independentSegments": true,
        "warnings": [],
    });
    assert_eq!(probe(text), expected);
    assert_eq!(multivariant(text).version, Some(12));
}

#[test]
fn low_latency_media_playlist() {
    let text = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:4\n#EXT-X-PART-INF:PART-TARGET=1.004\n\
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=24,CAN-SKIP-DATERANGES=YES,HOLD-BACK=12,PART-HOLD-BACK=3.012\n\
#EXT-X-MEDIA-SEQUENCE:9007199254740992\n#EXT-X-DISCONTINUITY-SEQUENCE:2\n#EXT-X-PLAYLIST-TYPE:EVENT\n\
#EXT-X-DATERANGE:ID=\"ad1\",CLASS=\"ads\",START-DATE=\"2026-01-01T00:00:00Z\",DURATION=30,PLANNED-DURATION=30.5,\
SCTE35-OUT=0xFC30,END-ON-NEXT=YES,X-COM=\"a,b\",X-N=5\n\
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z\n#EXT-X-BITRATE:800\n\
#EXT-X-PART:DURATION=1.004,URI=\"p.mp4\",BYTERANGE=\"100@0\",INDEPENDENT=YES\n\
#EXT-X-PART:DURATION=1,URI=\"p.mp4\",BYTERANGE=\"50\",GAP=YES\n#EXTINF:4.004,\na.mp4\n\
#EXT-X-GAP\n#EXTINF:4,\n#EXT-X-BYTERANGE:10@5\nb.mp4\n#EXT-X-PART:DURATION=1,URI=\"q.mp4\"\n\
#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"r.mp4\",BYTERANGE-START=7\n#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"m.mp4\"\n\
#EXT-X-RENDITION-REPORT:URI=\"../lo/main.m3u8\",LAST-MSN=9,LAST-PART=2\n";
    let at = |name: &str| format!("https://cdn.example.com/live/{name}");
    let expected = json!({
        "kind": "media", "version": 9, "targetDuration": 4, "mediaSequence": "9007199254740992",
        "discontinuitySequence": 2, "playlistType": "EVENT", "endList": false, "iFramesOnly": false,
        "independentSegments": false, "start": null, "durationSeconds": 8.004, "partTargetSeconds": 1.004,
        "serverControl": {
            "canBlockReload": true, "canSkipUntilSeconds": 24.0, "canSkipDateRanges": true, "holdBackSeconds": 12.0,
            "partHoldBackSeconds": 3.012,
        },
        "skippedSegments": null,
        "segments": [
            {
                "sequence": "9007199254740992", "url": at("a.mp4"), "durationSeconds": 4.004, "title": null,
                "byteRange": null, "discontinuity": false, "gap": false,
                "programDateTime": "2026-01-01T00:00:00.000Z", "bitrateKbps": 800, "key": null, "map": null,
                "parts": [
                    {
                        "url": at("p.mp4"), "durationSeconds": 1.004, "independent": true, "gap": false,
                        "byteRange": {"offset": 0, "length": 100},
                    },
                    {
                        "url": at("p.mp4"), "durationSeconds": 1.0, "independent": false, "gap": true,
                        "byteRange": {"offset": 100, "length": 50},
                    },
                ],
            },
            {
                "sequence": "9007199254740993", "url": at("b.mp4"), "durationSeconds": 4.0, "title": null,
                "byteRange": {"offset": 5, "length": 10}, "discontinuity": false, "gap": true,
                "programDateTime": null, "bitrateKbps": null, "key": null, "map": null, "parts": [],
            },
        ],
        "trailingParts": [
            {"url": at("q.mp4"), "durationSeconds": 1.0, "independent": false, "gap": false, "byteRange": null},
        ],
        "preloadHints": [
            {"type": "PART", "url": at("r.mp4"), "byteRange": {"offset": 7, "length": null}},
            {"type": "MAP", "url": at("m.mp4"), "byteRange": null},
        ],
        "renditionReports": [{"url": "https://cdn.example.com/lo/main.m3u8", "lastMsn": 9, "lastPart": 2}],
        "dateRanges": [{
            "id": "ad1", "class": "ads", "startDate": "2026-01-01T00:00:00Z", "endDate": null,
            "durationSeconds": 30.0, "plannedDurationSeconds": 30.5, "scte35Cmd": null, "scte35Out": "0xFC30",
            "scte35In": null, "endOnNext": true, "attributes": {"X-COM": "a,b", "X-N": "5"},
        }],
        "warnings": [],
    });
    assert_eq!(probe(text), expected);
}

#[test]
fn everything_of_a_plain_media_playlist() {
    let text = "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:4\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-I-FRAMES-ONLY\n\
                #EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-START:TIME-OFFSET=3\n#EXTINF:4,One\na.ts\n#EXT-X-DISCONTINUITY\n\
                #EXTINF:2,\nb.ts\n#EXT-X-ENDLIST\n";
    let media = media(text);
    assert!(media.i_frames_only && media.independent_segments && media.end_list);
    assert_eq!(media.playlist_type.as_deref(), Some("VOD"));
    assert!(!media.start.unwrap().precise);
    assert_eq!(
        media
            .segments
            .iter()
            .map(|segment| segment.discontinuity)
            .collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!(media.segments[0].title.as_deref(), Some("One"));
    assert_eq!(media.segments[1].line, 12);
    assert_eq!(warnings(text), SILENT);
}

#[test]
fn a_skip_counts_and_is_warned_of() {
    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n\
                #EXTINF:4,\na.ts\n";
    assert_eq!(media(text).segments[0].sequence.0, 13);
    assert_eq!(probe(text)["skippedSegments"], 3);
    assert_eq!(
        warnings(text),
        ["4: skipped-segments: 3 segments are skipped: this is only an update"]
    );
}

#[test]
fn variables_reach_everywhere() {
    let text = "#EXTM3U\n#EXT-X-DEFINE:NAME=\"host\",VALUE=\"cdn.example\"\n#EXT-X-DEFINE:QUERYPARAM=\"token\"\n\
                #EXT-X-DEFINE:NAME=\"path\",VALUE=\"https://{$host}/x\"\n#EXT-X-TARGETDURATION:4\n\
                #EXT-X-KEY:METHOD=AES-128,URI=\"{$path}/k?t={$token}\"\n#EXTINF:4,\n{$path}/{$}/{a}.ts?t={$token}\n";
    let media = media(text);
    assert_eq!(
        media.segments[0].uri.text,
        "https://cdn.example/x/{$}/{a}.ts?t=s3cret"
    );
    assert_eq!(
        media.segments[0].keys[0].uri.text,
        "https://cdn.example/x/k?t=s3cret"
    );
}

#[test]
fn variables_are_imported_from_the_parent() {
    let parent = multivariant(
        "#EXTM3U\n#EXT-X-DEFINE:NAME=\"auth\",VALUE=\"abc\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8?{$auth}\n",
    );
    assert_eq!(parent.variants[0].uri.text, "v.m3u8?abc");
    let child = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-DEFINE:IMPORT=\"auth\"\n#EXTINF:4,\na.ts?{$auth}\n";
    let base = url("https://example.com/v.m3u8");
    let Playlist::Media(media) = playlist::read_child(child.as_bytes(), Some(&base), &parent)
        .unwrap()
        .playlist
    else {
        panic!("a media playlist");
    };
    assert_eq!(media.segments[0].uri.text, "a.ts?abc");
    assert_eq!(
        failure(child),
        "line 3: undefined variable auth",
        "a lone file has no parent"
    );
}

#[test]
fn what_is_dropped_is_said() {
    let multi = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"a\"\n#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1\n\
                 #EXT-X-SESSION-DATA:VALUE=\"x\"\n#EXT-X-SESSION-KEY:METHOD=NONE\nstray.m3u8?token=s3cret\n\
                 #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"b\",DEFAULT=MAYBE\n";
    assert_eq!(
        warnings(multi),
        [
            "2: missing-attribute: EXT-X-MEDIA: GROUP-ID is missing",
            "3: missing-attribute: EXT-X-I-FRAME-STREAM-INF: URI is missing",
            "4: missing-attribute: EXT-X-SESSION-DATA: DATA-ID is missing",
            "5: bad-attribute: EXT-X-SESSION-KEY: METHOD cannot be 'NONE'",
            "6: uri-without-stream-inf: a URI without EXT-X-STREAM-INF is dropped: stray.m3u8",
            "7: bad-attribute: EXT-X-MEDIA: DEFAULT cannot be 'MAYBE'",
        ]
    );
    let media = "#EXTM3U\n#EXT-X-TARGETDURATION:x\n#EXT-X-BYTERANGE:abc\na.ts\n#EXTINF:4,\n#EXT-X-BYTERANGE:0@7\nb.ts\n\
                 #EXT-X-MAP:BYTERANGE=\"1@0\"\n#EXTINF:4,\n";
    assert_eq!(
        warnings(media),
        [
            "2: bad-tag: EXT-X-TARGETDURATION: cannot read 'x'",
            "3: bad-tag: EXT-X-BYTERANGE: cannot read 'abc'",
            "4: missing-duration: a segment without EXTINF",
            "6: bad-tag: a byte range of no bytes",
            "8: missing-attribute: EXT-X-MAP: URI is missing",
            "9: segment-without-uri: EXTINF without URI is dropped",
            "missing-target-duration: EXT-X-TARGETDURATION is missing",
        ]
    );
    assert!(
        crate::support::media(media).segments[1].gap,
        "there are no bytes to ask for"
    );
}

/// The full playlist, and the one that a server sends in place of its update.
const WINDOW: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:10\n\
#EXT-X-DATERANGE:ID=\"gone\"\n#EXT-X-DATERANGE:ID=\"old\"\n#EXT-X-DATERANGE:ID=\"same\",CLASS=\"before\"\n\
#EXT-X-KEY:METHOD=AES-128,URI=\"k1\"\n#EXTINF:4,\n10.mp4\n#EXT-X-MAP:URI=\"i.mp4\"\n#EXTINF:4,\n11.mp4\n\
#EXT-X-KEY:METHOD=AES-128,URI=\"k2\"\n#EXTINF:4,\n#EXT-X-BYTERANGE:50@100\n12.mp4\n#EXTINF:4,\n13.mp4\n";

fn update(first: u64, skipped: u64) -> Result<playlist::Media, String> {
    let base = url("https://cdn.example.com/live/main.m3u8");
    let text = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:{first}\n\
         #EXT-X-SKIP:SKIPPED-SEGMENTS={skipped},RECENTLY-REMOVED-DATERANGES=\"gone\tgone too\"\n\
         #EXTINF:4,\n#EXT-X-BYTERANGE:7@150\n12.mp4\n#EXT-X-DATERANGE:ID=\"same\",CLASS=\"after\"\n#EXTINF:4,\nnew.mp4\n"
    );
    let reading = playlist::read_update(text.as_bytes(), Some(&base), None, &media(WINDOW));
    let reading = reading.map_err(|error| error.to_string())?;
    assert_eq!(reading.warnings, []);
    match reading.playlist {
        Playlist::Media(media) => Ok(media),
        other => panic!("not a media playlist: {other:?}"),
    }
}

#[test]
fn an_update_is_made_whole() {
    let media = update(11, 2).unwrap();
    let shown = |segment: &playlist::Segment| format!("{} {}", segment.sequence.0, segment.uri.text);
    let shown: Vec<_> = media.segments.iter().map(shown).collect();
    assert_eq!(shown, ["11 11.mp4", "12 12.mp4", "13 12.mp4", "14 new.mp4"]);
    let keys: Vec<_> = media
        .segments
        .iter()
        .map(|segment| segment.keys[0].uri.text.as_str())
        .collect();
    assert_eq!(keys, ["k1", "k2", "k2", "k2"], "the key in force goes on");
    assert!(
        media
            .segments
            .iter()
            .all(|segment| segment.map.as_ref().unwrap().uri.text == "i.mp4")
    );
    assert_eq!(media.skipped_segments, None);
    let ranges: Vec<_> = media
        .date_ranges
        .iter()
        .map(|range| (range.id.as_str(), range.class.as_deref()))
        .collect();
    assert_eq!(ranges, [("old", None), ("same", Some("after"))]);
}

#[test]
fn an_update_of_what_was_never_read() {
    for (first, skipped) in [(9, 2), (10, 5), (14, 1), (20, 3), (10, u64::MAX)] {
        let message = format!("line 4: an update leaves out {skipped} segments that were never listed");
        assert_eq!(update(first, skipped), Err(message), "{first} {skipped}");
    }
}

#[test]
fn cues_of_advertising() {
    let cue = |tags: &str| {
        let text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:4\n{tags}\n#EXTINF:4,\na.ts\n#EXTINF:4,\nb.ts\n");
        assert_eq!(warnings(&text), SILENT, "{tags}");
        let media = media(&text);
        assert_eq!(media.segments[1].cue, None, "{tags}");
        media.segments[0].cue
    };
    let out = |seconds| Some(Cue::Out { seconds });
    for (tags, expected) in [
        ("#EXT-X-CUE-OUT", out(None)),
        ("#EXT-X-CUE-OUT:30", out(Some(30.0))),
        ("#EXT-X-CUE-OUT:DURATION=30.5", out(Some(30.5))),
        (
            "#EXT-X-CUE-OUT:ID=1,TYPE=SpliceOut,Duration=\"15\"",
            out(Some(15.0)),
        ),
        ("#EXT-X-CUE-OUT:soon", out(None)),
        ("#EXT-X-CUE-OUT-CONT:8.5/30", Some(Cue::Continued)),
        (
            "#EXT-X-CUE-OUT-CONT:ElapsedTime=8,Duration=30,SCTE35=/DAl",
            Some(Cue::Continued),
        ),
        ("#EXT-X-CUE-IN", Some(Cue::In)),
        ("#EXT-X-CUE-OUT:30\n#EXT-X-CUE-IN", Some(Cue::In)),
        ("#EXT-OATCLS-SCTE35:/DAl\n#EXT-X-CUE-OUT:30", out(Some(30.0))),
        (
            "#EXT-X-SCTE35:CUE=\"/DAl==\",CUE-OUT=YES,DURATION=20",
            out(Some(20.0)),
        ),
        ("#EXT-X-SCTE35:CUE=\"/DAl\",CUE-OUT=CONT", Some(Cue::Continued)),
        ("#EXT-X-SCTE35:CUE=\"/DAl\", CUE-IN=YES", Some(Cue::In)),
        ("#EXT-X-SCTE35:CUE=\"/DAl\"", None),
        ("#EXT-X-SPLICEPOINT-SCTE35:/DAl", None),
    ] {
        assert_eq!(cue(tags), expected, "{tags}");
    }
}
