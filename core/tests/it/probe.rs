//! The JSON of `weir probe`: what the tags' own tests do not show.

use crate::support::{probe, url};
use serde_json::{Value, json};
use weir_core::playlist;
use weir_core::protocol::probe::{Probe, ProbeFailure};

#[test]
fn a_list() {
    assert_eq!(
        probe("#EXTM3U\n#EXTINF:-1,One\nhttp://tv.example/1\n2.mp3\n"),
        json!({
            "kind": "list",
            "entries": [
                {"url": "http://tv.example/1", "title": "One"},
                {"url": "https://cdn.example.com/live/2.mp3", "title": null},
            ],
            "warnings": [],
        })
    );
}

#[test]
fn absent_is_null_or_empty() {
    let printed = probe("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:3\n");
    assert_eq!(
        printed,
        json!({
            "kind": "media", "version": null, "targetDuration": null, "mediaSequence": 3, "discontinuitySequence": 0,
            "playlistType": null, "endList": false, "iFramesOnly": false, "independentSegments": false, "start": null,
            "durationSeconds": 0.0, "partTargetSeconds": null, "serverControl": null, "skippedSegments": null,
            "segments": [], "trailingParts": [], "preloadHints": [], "renditionReports": [], "dateRanges": [],
            "warnings": [{
                "line": null, "code": "missing-target-duration", "message": "EXT-X-TARGETDURATION is missing",
            }],
        })
    );
    assert_eq!(printed["durationSeconds"].to_string(), "0.0", "not -0.0");
}

#[test]
fn large_integers_are_text() {
    let printed = probe(
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n#EXT-X-BYTERANGE:9007199254740991@9007199254740993\na.ts\n",
    );
    assert_eq!(
        printed["segments"][0]["byteRange"],
        json!({"offset": "9007199254740993", "length": 9_007_199_254_740_991_u64})
    );
}

#[test]
fn what_get_refuses_is_described() {
    let printed = probe(
        "#EXTM3U\n#EXT-X-TARGETDURATION:4\n\
         #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://k\",KEYFORMAT=\"com.apple.streamingkeydelivery\"\n\
         #EXTINF:4,\nfile:///etc/passwd\n#EXTINF:4,\nhttp://10.0.0.1/b.ts\n",
    );
    assert_eq!(printed["segments"][0]["url"], "file:///etc/passwd");
    assert_eq!(printed["segments"][0]["key"]["url"], "skd://k");
    assert_eq!(printed["segments"][1]["url"], "http://10.0.0.1/b.ts");
    let codes: Vec<_> = printed["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| &warning["code"])
        .collect();
    assert_eq!(
        codes,
        ["scheme-refused", "drm", "scheme-refused", "private-address"]
    );
}

#[test]
fn failures() {
    let failure = |text: &str| {
        let error = playlist::read(text.as_bytes(), Some(&url("https://example.com/"))).unwrap_err();
        serde_json::to_value(ProbeFailure::from(&error)).unwrap()
    };
    assert_eq!(
        failure("<html></html>"),
        json!({"error": {"code": "not-a-playlist", "message": "got a web page instead of a playlist", "line": null}})
    );
    assert_eq!(
        failure("#EXTM3U\n#EXT-X-KEY:METHOD=AES-128\n#EXTINF:1,\na.ts\n"),
        json!({"error": {"code": "bad-playlist", "message": "line 2: key URI missing (METHOD=AES-128)", "line": 2}})
    );
}

#[test]
fn one_object() {
    let reading = playlist::read(b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n", None).unwrap();
    let text = serde_json::to_string(&Probe::from(&reading)).unwrap();
    assert!(
        text.starts_with("{\"kind\":\"media\",\"version\":null,\"targetDuration\":4,\"mediaSequence\":0,"),
        "{text}"
    );
}

/// The names of an object, sorted.
fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// The contract, as the design document lists it: every name, and no other.
#[test]
fn every_field_of_the_contract() {
    let check = |object: &Value, contract: &str| {
        let mut wanted: Vec<_> = contract.split(' ').collect();
        wanted.sort_unstable();
        assert_eq!(names(object), wanted);
    };
    let multivariant = probe(
        "#EXTM3U\n#EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"k\"\n#EXT-X-SESSION-DATA:DATA-ID=\"d\"\n\
         #EXT-X-CONTENT-STEERING:SERVER-URI=\"s\"\n#EXT-X-START:TIME-OFFSET=1\n\
         #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"n\"\n#EXT-X-STREAM-INF:BANDWIDTH=x\nv\n",
    );
    check(
        &multivariant,
        "kind variants iFrameVariants renditions sessionKeys sessionData contentSteering start independentSegments \
         warnings",
    );
    check(
        &multivariant["variants"][0],
        "url bandwidth averageBandwidth codecs width height frameRate audio subtitles score pathwayId video \
         closedCaptions videoRange supplementalCodecs reqVideoLayout stableVariantId hdcpLevel",
    );
    check(
        &multivariant["renditions"][0],
        "type groupId name language default autoselect forced channels url instreamId characteristics \
         stableRenditionId assocLanguage bitDepth sampleRate",
    );
    check(&multivariant["sessionKeys"][0], "method url iv keyFormat");
    check(&multivariant["sessionData"][0], "dataId value url language");
    check(&multivariant["contentSteering"], "serverUrl pathwayId");
    check(&multivariant["start"], "timeOffsetSeconds precise");
    check(&multivariant["warnings"][0], "line code message");

    let media = probe(
        "#EXTM3U\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n#EXT-X-DATERANGE:ID=\"r\"\n\
         #EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXT-X-MAP:URI=\"m\",BYTERANGE=\"1@0\"\n#EXT-X-PART:URI=\"p\",DURATION=1\n\
         #EXTINF:1,\ns\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"h\",BYTERANGE-START=1\n\
         #EXT-X-RENDITION-REPORT:URI=\"r\"\n",
    );
    check(
        &media,
        "kind version targetDuration mediaSequence discontinuitySequence playlistType endList iFramesOnly \
         durationSeconds segments warnings partTargetSeconds serverControl preloadHints renditionReports \
         skippedSegments start independentSegments dateRanges trailingParts",
    );
    check(
        &media["serverControl"],
        "canBlockReload canSkipUntilSeconds canSkipDateRanges holdBackSeconds partHoldBackSeconds",
    );
    check(
        &media["dateRanges"][0],
        "id class startDate endDate durationSeconds plannedDurationSeconds scte35Cmd scte35Out scte35In endOnNext \
         attributes",
    );
    check(&media["preloadHints"][0], "type url byteRange");
    check(&media["preloadHints"][0]["byteRange"], "offset length");
    check(&media["renditionReports"][0], "url lastMsn lastPart");
    let segment = &media["segments"][0];
    check(
        segment,
        "sequence url durationSeconds title byteRange discontinuity gap programDateTime key map parts bitrateKbps",
    );
    check(&segment["key"], "method url iv keyFormat");
    check(&segment["map"], "url byteRange key");
    check(&segment["map"]["byteRange"], "offset length");
    check(
        &segment["parts"][0],
        "url durationSeconds independent gap byteRange",
    );

    let list = probe("#EXTM3U\n#EXTINF:-1,One\nhttp://tv.example/1\n");
    check(&list, "kind entries warnings");
    check(&list["entries"][0], "url title");
}
