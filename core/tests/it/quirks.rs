//! quirks.md: "Text", "Keys" and "URLs".

use std::fmt::Write as _;

use crate::support::{list, media, multivariant, probe, read, segment_urls, warnings};
use weir_core::playlist::Playlist;

const HEAD: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n";

fn head(rest: &str) -> String {
    format!("{HEAD}{rest}")
}

const SILENT: [&str; 0] = [];

#[test]
fn titles() {
    for (written, title) in [
        ("#EXTINF:4", None),
        ("#EXTINF:4,", None),
        ("#EXTINF: 4 , ", None),
        ("#EXTINF:4,a, b = \"c\", d", Some("a, b = \"c\", d")),
        ("#EXTINF:4,a.ts", Some("a.ts")),
        ("#EXTINF:4 tvg-id=\"a,b\" x=\"y\",Name, the", Some("Name, the")),
    ] {
        let text = head(&format!("{written}\na.ts\n"));
        let media = media(&text);
        assert_eq!(media.segments.len(), 1, "{written}");
        assert_eq!(media.segments[0].duration_seconds, Some(4.0), "{written}");
        assert_eq!(media.segments[0].title.as_deref(), title, "{written}");
        assert_eq!(warnings(&text), SILENT);
    }
}

#[test]
fn channels_of_an_iptv_list() {
    let text = "#EXTM3U url-tvg=\"http://epg.example/\"\n#EXTINF:-1 tvg-id=\"one\" group-title=\"a,b\",One, HD\n\
                http://tv.example/user/pass/1.ts\n#EXTINF:-1,Two\nhttp://tv.example/2.m3u8\n";
    let list = list(text);
    assert_eq!(list.entries.len(), 2);
    assert_eq!(list.entries[0].title.as_deref(), Some("One, HD"));
    assert_eq!(list.entries[0].duration_seconds, None);
    assert_eq!(list.entries[1].uri.text, "http://tv.example/2.m3u8");
    assert_eq!(warnings(text), SILENT);
    // Not even when every one of them is named as a segment is.
    let all_ts = "#EXTM3U\n#EXTINF:-1,One\nhttp://tv.example/1.ts\n#EXTINF:-1,Two\nhttp://tv.example/2.ts\n";
    assert!(matches!(read(all_ts).playlist, Playlist::List(_)));
}

#[test]
fn segments_without_any_other_tag() {
    for name in ["a.ts", "a.m4s?x=1", "a.AAC"] {
        let text = format!("#EXTM3U\n#EXTINF:4,\n{name}\n#EXTINF:4,\n{name}\n");
        assert!(matches!(read(text).playlist, Playlist::Media(_)), "{name}");
    }
    for name in ["a.mp3", "a.m3u8", "http://example.org/live"] {
        let text = format!("#EXTM3U\n#EXTINF:4,\n{name}\n");
        assert!(matches!(read(text).playlist, Playlist::List(_)), "{name}");
    }
}

#[test]
fn tags_out_of_place() {
    let text = "#EXTM3U\n#EXTINF:4,\na.ts\n#EXT-X-VERSION: 3\n#EXT-X-MEDIA-SEQUENCE: 12\n#EXT-X-TARGETDURATION: 9.5\n\
                #EXT-X-ALLOW-CACHE:YES\n#EXT-X-FOO:BAR=\"\n#EXT-X-DISCONTINUITY-SEQUENCE:3\n#EXTINF:4,\nb.ts\n\
                #EXT-X-DISCONTINUITY\n#EXT-X-ENDLIST\n# the last comment";
    let media = media(text);
    assert_eq!(media.version, Some(3));
    assert_eq!(media.segments[0].sequence.0, 12, "a wrong one makes wrong IVs");
    assert_eq!(media.target_duration_seconds, Some(9.5));
    assert_eq!(media.discontinuity_sequence, 3);
    assert!(media.end_list);
    assert_eq!(media.allow_cache, Some(true));
    assert!(media.segments.iter().all(|segment| !segment.discontinuity));
    assert_eq!(warnings(text), SILENT);
}

#[test]
fn tags_that_stand_twice() {
    let text = head("#EXT-X-MEDIA-SEQUENCE:5\n#EXT-X-MEDIA-SEQUENCE:9\n#EXTINF:4,\na.ts\n");
    assert_eq!(media(&text).segments[0].sequence.0, 5);
    assert_eq!(
        warnings(&text),
        ["4: duplicate-tag: EXT-X-MEDIA-SEQUENCE stands twice, the first one counts"]
    );
}

#[test]
fn attributes_as_they_are_written() {
    let text = "#EXTM3U\n#EXT-X-STREAM-INF: PROGRAM-ID=1, BANDWIDTH = 1280000 ,CODECS=avc1.4d401f,mp4a.40.2,\
                RESOLUTION=1280X720, NAME=\"a, b\" , AUDIO=\"x\"\nv.m3u8\n#EXT-X-STREAM-INF:RESOLUTION=big\nw.m3u8\n";
    let playlist = multivariant(text);
    let first = &playlist.variants[0];
    assert_eq!(first.bandwidth, Some(1_280_000));
    assert_eq!(first.codecs, ["avc1.4d401f", "mp4a.40.2"]);
    assert_eq!(first.resolution, Some((1280, 720)));
    assert_eq!(first.audio.as_deref(), Some("x"));
    assert_eq!(playlist.variants[1].bandwidth, None);
    assert_eq!(
        warnings(text),
        [
            "4: missing-attribute: EXT-X-STREAM-INF: BANDWIDTH is missing",
            "4: bad-attribute: EXT-X-STREAM-INF: RESOLUTION cannot be 'big'",
        ]
    );
}

#[test]
fn an_attribute_without_value_swallows_nothing() {
    let mut text = head("#EXT-X-KEY:METHOD=AES-128,FOO,URI=\"k\",BAR\n");
    for n in 0..20_000 {
        writeln!(text, "#EXTINF:4,\n{n}.ts").unwrap();
    }
    let media = media(&text);
    assert_eq!(media.segments.len(), 20_000);
    assert_eq!(media.segments[19_999].keys[0].uri.text, "k");
    assert_eq!(warnings(&text).len(), 2);
}

#[test]
fn keys_apply_from_where_they_stand() {
    let text = head(
        "#EXT-X-MEDIA-SEQUENCE:7794\n#EXTINF:4,\n#EXT-X-KEY:METHOD=AES-128,URI=\"k1\"\na.ts\n\
         #EXTINF:4,\nb.ts\n#EXT-X-KEY:METHOD=NONE\n#EXTINF:4,\nc.ts\n\
         #EXT-X-KEY:METHOD=AES-128,URI=\"k2\",IV=0x00000000000000000000000000000ABC\n#EXTINF:4,\nd.ts\n",
    );
    let segments = probe(&text)["segments"].clone();
    let key = |at: usize| segments[at]["key"].clone();
    assert_eq!(
        key(0)["url"],
        "https://cdn.example.com/live/k1",
        "a KEY after EXTINF"
    );
    assert_eq!(key(0)["iv"], "00000000000000000000000000001e72", "7794");
    assert_eq!(key(1)["iv"], "00000000000000000000000000001e73");
    assert!(key(2).is_null(), "METHOD=NONE in mid-stream");
    assert_eq!(key(3)["url"], "https://cdn.example.com/live/k2");
    assert_eq!(key(3)["iv"], "00000000000000000000000000000abc");
    assert_eq!(warnings(&text), SILENT);
}

#[test]
fn maps_do_not_count_and_have_their_own_key() {
    let text = head(
        "#EXT-X-MEDIA-SEQUENCE:3\n#EXT-X-KEY:METHOD=AES-128,URI=\"k1\"\n#EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"10@0\"\n\
         #EXT-X-KEY:METHOD=AES-128,URI=\"k2\"\n#EXTINF:4,\na.m4s\n#EXT-X-MAP:URI=\"j.mp4\"\n#EXTINF:4,\nb.m4s\n",
    );
    let segments = probe(&text)["segments"].clone();
    assert_eq!(segments[0]["sequence"], 3);
    assert_eq!(segments[1]["sequence"], 4);
    assert_eq!(
        segments[0]["map"]["key"]["url"],
        "https://cdn.example.com/live/k1"
    );
    assert!(segments[0]["map"]["key"]["iv"].is_null());
    assert_eq!(
        segments[0]["map"]["byteRange"],
        serde_json::json!({"offset": 0, "length": 10})
    );
    assert_eq!(segments[0]["key"]["url"], "https://cdn.example.com/live/k2");
    assert_eq!(segments[1]["map"]["url"], "https://cdn.example.com/live/j.mp4");
    let message = "map-without-iv: EXT-X-MAP is encrypted and its key has no IV";
    assert_eq!(
        warnings(&text),
        [format!("5: {message}"), format!("9: {message}")]
    );
}

#[test]
fn a_key_replaces_only_its_own_format() {
    let widevine = "KEYFORMAT=\"urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed\"";
    let text = head(&format!(
        "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"w1\",{widevine}\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"i1\"\n#EXTINF:4,\na.ts\n\
         #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"i2\",KEYFORMAT=\"identity\"\n#EXTINF:4,\nb.ts\n"
    ));
    let media = media(&text);
    let uris = |at: usize| {
        media.segments[at]
            .keys
            .iter()
            .map(|key| key.uri.text.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(uris(0), ["w1", "i1"]);
    assert_eq!(uris(1), ["w1", "i2"]);
}

#[test]
fn keys_in_data_urls() {
    let text = head(
        "#EXT-X-KEY:METHOD=AES-128,URI=\"data:text/plain;base64,q7onHovPVSu9LoakNKml2Q==\"\n#EXTINF:4,\na.ts\n",
    );
    let key = &media(&text).segments[0].keys[0];
    assert_eq!(
        key.uri.resolved.as_ref().unwrap().as_str(),
        "data:text/plain;base64,q7onHovPVSu9LoakNKml2Q=="
    );
    assert_eq!(warnings(&text), SILENT);
}

#[test]
fn keys_in_base64() {
    let text = head("#EXT-X-KEY:METHOD=AES-128,URI=\"base64:q7onHovPVSu9LoakNKml2Q==\"\n#EXTINF:4,\na.ts\n");
    let key = &media(&text).segments[0].keys[0];
    assert_eq!(
        key.uri.resolved.as_ref().unwrap().as_str(),
        "data:;base64,q7onHovPVSu9LoakNKml2Q=="
    );
    assert_eq!(warnings(&text), SILENT);
}

#[test]
fn words_of_the_specification_in_small_letters() {
    let text = head(
        "#EXT-X-PLAYLIST-TYPE:vod\n#EXT-X-KEY:METHOD=aes-128,URI=\"k\"\n#EXTINF:4,\na.ts\n#EXT-X-KEY:METHOD=none\n\
         #EXTINF:4,\nb.ts\n#EXT-X-PRELOAD-HINT:TYPE=part,URI=\"h\"\n#EXT-X-ENDLIST\n",
    );
    let printed = probe(&text);
    assert_eq!(printed["playlistType"], "VOD");
    assert_eq!(printed["segments"][0]["key"]["method"], "AES-128");
    assert!(printed["segments"][1]["key"].is_null());
    assert_eq!(printed["preloadHints"][0]["type"], "PART");
    assert_eq!(warnings(&text), SILENT);
    let printed = probe(
        "#EXTM3U\n#EXT-X-MEDIA:TYPE=audio,GROUP-ID=\"a\",NAME=\"Eng\",DEFAULT=yes\n\
         #EXT-X-STREAM-INF:BANDWIDTH=1,VIDEO-RANGE=pq,HDCP-LEVEL=none,AUDIO=\"a\"\nv.m3u8\n",
    );
    assert_eq!(printed["renditions"][0]["type"], "AUDIO");
    assert_eq!(printed["renditions"][0]["name"], "Eng", "a name stays as it is");
    assert_eq!(printed["renditions"][0]["default"], true);
    assert_eq!(printed["variants"][0]["videoRange"], "PQ");
    assert_eq!(printed["variants"][0]["hdcpLevel"], "NONE");
    assert_eq!(printed["warnings"], serde_json::json!([]));
}

#[test]
fn references_resolve_against_the_final_url() {
    let text = head(
        "#EXTINF:4,\nhls/a.ts\n#EXTINF:4,\n/root/b.ts?x=%2F%7e\n#EXTINF:4,\n//cdn2.example.net/c.ts#t=3\n\
         #EXTINF:4,\n../d e.ts\n#EXTINF:4,\n?only=query\n#EXTINF:4,\nHTTPS://Other.Example:443/e.ts\n",
    );
    assert_eq!(
        segment_urls(&media(&text)),
        [
            "https://cdn.example.com/live/hls/a.ts",
            "https://cdn.example.com/root/b.ts?x=%2F%7e",
            "https://cdn2.example.net/c.ts",
            "https://cdn.example.com/d%20e.ts",
            "https://cdn.example.com/live/main.m3u8?only=query",
            "https://other.example/e.ts",
        ]
    );
    assert_eq!(warnings(&text), SILENT);
}

#[test]
fn a_local_file_keeps_its_relative_references() {
    let text =
        head("#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:4,\na.ts\n#EXTINF:4,\nhttps://example.com/b.ts\n");
    let reading = weir_core::playlist::read(text.as_bytes(), None).unwrap();
    let printed = serde_json::to_value(weir_core::protocol::probe::Probe::from(&reading)).unwrap();
    assert_eq!(printed["segments"][0]["url"], "a.ts");
    assert_eq!(printed["segments"][0]["key"]["url"], "k");
    assert_eq!(printed["segments"][1]["url"], "https://example.com/b.ts");
    assert_eq!(printed["warnings"].as_array().unwrap().len(), 1, "one for all");
    assert_eq!(printed["warnings"][0]["code"], "relative-url");
    assert_eq!(printed["warnings"][0]["line"], 3);
}

#[test]
fn a_comment_before_the_header() {
    let text = "# made by hand\n#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n";
    assert_eq!(media(text).segments.len(), 1);
    assert_eq!(warnings(text), ["2: late-header: #EXTM3U is not the first line"]);
}
