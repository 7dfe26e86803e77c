//! bad-inputs.md, rows 1 to 21, 44 and 45: each with its message.

use std::fmt::Write as _;

use crate::support::{failure, list, media, multivariant, probe, read, warnings};

const HEAD: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n";

fn head(rest: &str) -> String {
    format!("{HEAD}{rest}")
}

#[test]
fn row_1_empty() {
    assert_eq!(failure(""), "empty playlist");
    assert_eq!(failure(" \r\n\t\n"), "empty playlist");
    assert_eq!(failure("\u{feff}"), "empty playlist");
    assert_eq!(failure("#EXTM3U\n"), "empty playlist");
}

#[test]
fn row_2_no_header() {
    assert_eq!(
        failure("#EXT-X-VERSION:3\n#EXTINF:10,\na.ts\n"),
        "not an HLS playlist"
    );
    assert_eq!(failure("#EXTINF:10,\na.ts\n"), "not an HLS playlist");
    assert_eq!(failure("{\"error\":\"not found\"}"), "not an HLS playlist");
    assert_eq!(failure("Not found"), "not an HLS playlist");
    assert_eq!(
        failure("<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"/>"),
        "not an HLS playlist: it is a DASH manifest, which Weir does not read"
    );
    // A plain list of files is offered as a list.
    let files = list("# my music\nSample.mp3\nhttp://example.org/live\nC/Other%20Song.ogg?x=1\n");
    assert_eq!(files.entries.len(), 3);
    assert_eq!(
        files.entries[1].uri.resolved.as_ref().unwrap().as_str(),
        "http://example.org/live"
    );
}

#[test]
fn row_3_web_page() {
    let message = "got a web page instead of a playlist";
    assert_eq!(failure("<!DOCTYPE html><html><title>404</title></html>"), message);
    assert_eq!(failure("\n  <HTML>\n#EXTM3U\n#EXTINF:1,\na.ts"), message);
    assert_eq!(
        failure("<?xml version=\"1.0\"?>\n<html xmlns=\"http://www.w3.org/1999/xhtml\">"),
        message
    );
}

#[test]
fn row_4_utf_16() {
    let text = head("#EXTINF:4,Größe 😀\nä.ts\n");
    for (mark, to_bytes) in [
        ([0xff, 0xfe], u16::to_le_bytes as fn(u16) -> [u8; 2]),
        ([0xfe, 0xff], u16::to_be_bytes),
    ] {
        let units = text.encode_utf16().flat_map(to_bytes);
        let bytes: Vec<u8> = mark.into_iter().chain(units).collect();
        assert_eq!(read(&bytes), read(&text));
        assert_eq!(failure(&bytes[2..]), "not UTF-8", "without its mark");
        assert_eq!(failure(&bytes[..bytes.len() - 1]), "not UTF-8", "cut");
    }
    assert_eq!(
        failure([0xff, 0xfe, b'#', 0, 0, 0xd8]),
        "not UTF-8",
        "half a pair"
    );
}

#[test]
fn row_4_latin_1_is_read_with_a_warning() {
    let bytes = b"#EXTM3U\r\n#EXT-X-TARGETDURATION:10\r\n#EXTINF:4,Gr\xf6\xdfe\r\na.ts\r\n";
    assert_eq!(media(bytes).segments[0].title.as_deref(), Some("Größe"));
    assert_eq!(warnings(bytes), ["3: latin-1: not UTF-8: read as Latin-1"]);
}

#[test]
fn row_5_nul() {
    assert_eq!(
        failure(head("#EXTINF:4,\na\0.ts\n")),
        "line 4: control byte (NUL) in the playlist"
    );
    // Others are kept, and shown escaped.
    assert_eq!(
        warnings(head("#EXT-X-VERSION:\u{1b}[31m\n#EXTINF:4,\na.ts\n")),
        ["3: bad-tag: EXT-X-VERSION: cannot read '\\u{1b}[31m'"]
    );
}

#[test]
fn row_6_line_ends_marks_and_blanks() {
    let text = head("#EXTINF:4.5,Title\nseg 1.ts\n#EXT-X-ENDLIST");
    let expected = read(&text);
    assert!(expected.warnings.is_empty());
    for variant in [
        text.replace('\n', "\r\n"),
        text.replace('\n', "\r"),
        format!("\u{feff}{text}"),
        format!("{text}\n"),
        text.replace('\n', " \t\n"),
        text.replace('\n', "\n\t "),
        text.replacen('\n', "\t\n", 1),
    ] {
        assert_eq!(read(&variant), expected, "{variant:?}");
    }
    let blanks = format!(" \n\r\n\t{text}");
    assert_eq!(media(&blanks).segments[0].uri, media(&text).segments[0].uri);
    assert_eq!(warnings(&blanks), [""; 0]);
}

#[test]
fn row_7_line_too_long() {
    let most = 1024 * 1024;
    assert_eq!(
        failure(head(&format!("#EXTINF:4,\n{}\n", "a".repeat(most + 1)))),
        format!("line 4: line too long: {} bytes", most + 1)
    );
    let comment = head(&format!("#{}\n#EXTINF:4,\na.ts\n", "a".repeat(most - 1)));
    assert_eq!(media(comment).segments.len(), 1);
}

#[test]
fn row_8_too_many_segments() {
    let mut text = head("");
    for _ in 0..=1_000_000 {
        text.push_str("#EXTINF:1,\na\n");
    }
    assert_eq!(failure(&text), "line 2000004: too many segments");
}

#[test]
fn row_9_no_target_duration() {
    let text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:4,\na.ts\n";
    assert_eq!(media(text).segments.len(), 1);
    assert_eq!(
        warnings(text),
        ["missing-target-duration: EXT-X-TARGETDURATION is missing"]
    );
}

#[test]
fn row_10_unusable_durations() {
    for written in ["NaN", "-1", "1e308", "inf", "four", ""] {
        let text = head(&format!("#EXTINF:{written},\na.ts\n#EXTINF:4,\nb.ts\n"));
        let media = media(&text);
        assert_eq!(media.segments[0].duration_seconds, None, "{written}");
        assert_eq!(media.segments[1].duration_seconds, Some(4.0));
        let message =
            format!("3: bad-duration: EXTINF: no duration in '{written}', it is taken from the media");
        assert_eq!(warnings(&text), [message]);
        assert_eq!(probe(&text)["durationSeconds"], 4.0);
    }
}

#[test]
fn row_11_sequence_out_of_range() {
    let two = "#EXTINF:4,\na.ts\n#EXTINF:4,\nb.ts\n";
    assert_eq!(
        failure(head(&format!(
            "#EXT-X-MEDIA-SEQUENCE:18446744073709551616\n{two}"
        ))),
        "line 3: EXT-X-MEDIA-SEQUENCE out of range: 18446744073709551616"
    );
    assert_eq!(
        failure(head(&format!(
            "#EXT-X-MEDIA-SEQUENCE:18446744073709551615\n{two}"
        ))),
        "line 7: media sequence number out of range: 18446744073709551615"
    );
    let last = media(head(&format!(
        "#EXT-X-MEDIA-SEQUENCE:18446744073709551614\n{two}"
    )));
    assert_eq!(last.segments[1].sequence.0, u64::MAX);
    let text = head(&format!("#EXT-X-MEDIA-SEQUENCE:-5\n{two}"));
    assert_eq!(media(&text).segments[0].sequence.0, 0);
    assert_eq!(
        warnings(&text),
        ["3: bad-tag: EXT-X-MEDIA-SEQUENCE: cannot read '-5'"]
    );
}

#[test]
fn row_12_range_overflow() {
    let segment = |range: &str| head(&format!("#EXTINF:4,\n#EXT-X-BYTERANGE:{range}\na.ts\n"));
    assert_eq!(
        failure(segment("10@18446744073709551610")),
        "line 4: range overflow: 10@18446744073709551610"
    );
    assert_eq!(
        failure(segment("18446744073709551616@0")),
        "line 4: range overflow: 18446744073709551616@0"
    );
    let map = head("#EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"10@18446744073709551610\"\n#EXTINF:4,\na.m4s\n");
    assert_eq!(failure(map), "line 3: range overflow: 10@18446744073709551610");
    // The end of the one before is the offset of the next.
    let two = head(
        "#EXTINF:4,\n#EXT-X-BYTERANGE:9@18446744073709551606\na.ts\n#EXTINF:4,\n#EXT-X-BYTERANGE:9\na.ts\n",
    );
    assert_eq!(failure(two), "line 7: range overflow: 9@18446744073709551615");
}

#[test]
fn row_13_first_range_without_offset() {
    let text = head(
        "#EXTINF:4,\n#EXT-X-BYTERANGE:100\na.ts\n#EXTINF:4,\n#EXT-X-BYTERANGE:50\na.ts\n\
         #EXTINF:4,\n#EXT-X-BYTERANGE:7\nb.ts\n",
    );
    let ranges: Vec<_> = media(&text)
        .segments
        .iter()
        .map(|segment| segment.range.unwrap())
        .collect();
    let ranges: Vec<_> = ranges
        .iter()
        .map(|range| (range.offset(), range.length()))
        .collect();
    assert_eq!(ranges, [(0, 100), (100, 50), (0, 7)]);
    let message = "a byte range without offset continues nothing: it starts at 0";
    let expected = [4, 10].map(|line| format!("{line}: byte-range-without-offset: {message}"));
    assert_eq!(warnings(&text), expected);
}

#[test]
fn row_14_unclosed_quote() {
    let text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS=\"avc1.4d401f,mp4a.40.2,RESOLUTION=640x360\nv.m3u8\n\
                #EXT-X-STREAM-INF:BANDWIDTH=2000\nw.m3u8\n";
    let playlist = multivariant(text);
    assert_eq!(playlist.variants.len(), 2);
    assert_eq!(playlist.variants[0].codecs, [""; 0], "the attribute is dropped");
    assert_eq!(playlist.variants[0].bandwidth, Some(1000));
    assert_eq!(playlist.variants[0].resolution, Some((640, 360)));
    assert_eq!(playlist.variants[1].bandwidth, Some(2000));
    assert_eq!(
        warnings(text),
        ["2: unclosed-quote: EXT-X-STREAM-INF: the quote of CODECS is not closed"]
    );
}

#[test]
fn row_15_duplicate_attribute() {
    let text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000,BANDWIDTH=2000,CODECS=\"a\",CODECS=b,c\nv.m3u8\n";
    let playlist = multivariant(text);
    assert_eq!(playlist.variants[0].bandwidth, Some(1000));
    assert_eq!(playlist.variants[0].codecs, ["a"]);
    assert_eq!(
        warnings(text),
        [
            "2: duplicate-attribute: EXT-X-STREAM-INF: BANDWIDTH stands twice, the first one counts",
            "2: duplicate-attribute: EXT-X-STREAM-INF: CODECS stands twice, the first one counts",
            "2: attribute-syntax: EXT-X-STREAM-INF: an attribute without '=': 'c'",
        ]
    );
}

/// Each of these costs its length, not the square of it: a line of a megabyte took minutes.
#[test]
fn endless_attribute_lists_are_given_up() {
    const LINE_BYTES: usize = 1 << 20;
    for part in [",", "A,", "A=,", "A=\"\",", "A=\",A,"] {
        let list = part.repeat((LINE_BYTES - 100) / part.len());
        let text = head(&format!("#EXT-X-START:{list}\n#EXTINF:1,\na.ts\n"));
        let warnings = warnings(&text);
        let given_up = "3: attribute-syntax: EXT-X-START: over 256 attributes, the rest is dropped";
        assert!(
            warnings.iter().any(|warning| warning == given_up),
            "{part}: {warnings:?}"
        );
        assert_eq!(media(&text).segments.len(), 1);
    }
    // Behind a quote that is not closed the next name is looked for.
    let list = format!("A=\"{}", ",a".repeat(LINE_BYTES / 2 - 100));
    let text = head(&format!("#EXT-X-START:{list}\n#EXTINF:1,\na.ts\n"));
    assert_eq!(
        warnings(&text)[0],
        "3: unclosed-quote: EXT-X-START: the quote of A is not closed"
    );
}

#[test]
fn row_16_mixed_tags() {
    assert_eq!(
        failure("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n#EXTINF:4,\na.ts\n"),
        "line 4: ambiguous playlist: it holds EXT-X-STREAM-INF as well as EXTINF"
    );
    assert_eq!(
        failure(head(
            "#EXTINF:4,\na.ts\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"b\"\n"
        )),
        "line 5: ambiguous playlist: it holds EXT-X-MEDIA as well as EXT-X-TARGETDURATION"
    );
}

#[test]
fn row_17_variant_without_uri() {
    let text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n#EXT-X-STREAM-INF:BANDWIDTH=2\n# comment\n\nv.m3u8\n\
                #EXT-X-STREAM-INF:BANDWIDTH=3\n";
    let playlist = multivariant(text);
    assert_eq!(playlist.variants.len(), 1);
    assert_eq!(playlist.variants[0].bandwidth, Some(2));
    let message = "variant-without-uri: EXT-X-STREAM-INF without URI: the variant is dropped";
    assert_eq!(warnings(text), [format!("2: {message}"), format!("7: {message}")]);
}

#[test]
fn row_19_variables() {
    let name = |rest: &str| {
        head(&format!(
            "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"1\"\n{rest}#EXTINF:4,\n{{$a}}.ts\n"
        ))
    };
    assert_eq!(media(name("")).segments[0].uri.text, "1.ts");
    assert_eq!(
        failure(head("#EXTINF:4,\n{$token}.ts\n")),
        "line 4: undefined variable token"
    );
    // A cycle needs a variable that is not defined yet.
    assert_eq!(
        failure(head(
            "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"{$b}\"\n#EXT-X-DEFINE:NAME=\"b\",VALUE=\"{$a}\"\n#EXTINF:4,\n{$a}\n"
        )),
        "line 3: undefined variable b"
    );
    assert_eq!(
        failure(name("#EXT-X-DEFINE:NAME=\"a\",VALUE=\"2\"\n")),
        "line 4: variable a is defined twice"
    );
    assert_eq!(
        failure(name("#EXT-X-DEFINE:IMPORT=\"x\"\n")),
        "line 4: undefined variable x"
    );
    assert_eq!(
        failure(name("#EXT-X-DEFINE:QUERYPARAM=\"x\"\n")),
        "line 4: undefined variable x"
    );
    assert_eq!(
        failure(name("#EXT-X-DEFINE:FOO=1\n")),
        "line 4: EXT-X-DEFINE defines nothing"
    );
}

#[test]
fn row_19_variables_that_double() {
    let mut text = head("#EXT-X-DEFINE:NAME=\"v0\",VALUE=\"0123456789abcdef\"\n");
    for n in 1..40 {
        let last = n - 1;
        writeln!(
            text,
            "#EXT-X-DEFINE:NAME=\"v{n}\",VALUE=\"{{$v{last}}}{{$v{last}}}\""
        )
        .unwrap();
    }
    let message = failure(&text);
    assert_eq!(
        message, "line 20: line too long: 2097152 bytes",
        "2^17 times 16 bytes"
    );
}

/// They cost their length, not the square of it.
#[test]
fn nothing_but_openings_of_variables() {
    let openings = "{$a".repeat(300_000);
    let text = head(&format!(
        "#EXT-X-DEFINE:NAME=\"b\",VALUE=\"c\"\n#EXTINF:1,\n{openings}{{$b}}\n"
    ));
    let media = media(&text);
    assert_eq!(media.segments[0].uri.text, format!("{openings}c"));
}

#[test]
fn too_many_variables() {
    let mut text = head("");
    for n in 0..=1_000 {
        writeln!(text, "#EXT-X-DEFINE:NAME=\"v{n}\",VALUE=\"\u{1f600}{n}\"").unwrap();
    }
    assert_eq!(failure(&text), "line 1003: too many variables");
}

#[test]
fn long_bases_do_not_fill_the_memory() {
    let base = format!("https://example.com/{}/m.m3u8", "d".repeat(32_000));
    let mut text = head("");
    for _ in 0..100_000 {
        text.push_str("#EXTINF:1,\na\n");
    }
    let error = weir_core::playlist::read(text.as_bytes(), Some(&crate::support::url(&base))).unwrap_err();
    assert!(error.to_string().contains("playlist too large"), "{error}");
}

#[test]
fn row_20_end_without_segments() {
    assert_eq!(failure(head("#EXT-X-ENDLIST\n")), "line 3: no segments");
    assert_eq!(
        media(head("#EXT-X-MEDIA-SEQUENCE:7\n")).segments.len(),
        0,
        "an empty live window"
    );
}

#[test]
fn row_21_drm_is_a_warning_here() {
    for (format, name) in [
        ("urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed", "Widevine"),
        ("com.microsoft.playready", "PlayReady"),
        ("com.apple.streamingkeydelivery", "FairPlay"),
        ("org.example.other", "org.example.other"),
    ] {
        let text = head(&format!(
            "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"https://k.example/k\",KEYFORMAT=\"{format}\"\n#EXTINF:4,\na.ts\n"
        ));
        let message = format!("3: drm: protected by DRM ({name}): Weir does not remove DRM");
        assert_eq!(warnings(&text), [message]);
        let beside = text.replace("#EXTINF", "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\"\n#EXTINF");
        assert_eq!(warnings(&beside), [""; 0], "an identity key stands beside it");
        assert_eq!(probe(&beside)["segments"][0]["key"]["keyFormat"], "identity");
    }
}

#[test]
fn row_44_bad_iv() {
    let key = |iv: &str| {
        head(&format!(
            "#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV={iv}\n#EXTINF:4,\na.ts\n"
        ))
    };
    let digits = "0123456789abcdef0123456789ABCDEF";
    for bad in [
        "0x1234",
        "xyz",
        &format!("0x{digits}0"),
        &format!("0x{}g", &digits[1..]),
        "0x",
    ] {
        assert_eq!(failure(key(bad)), format!("line 3: bad IV: {bad}"));
    }
    for good in [
        format!("0x{digits}"),
        format!("0X{digits}"),
        digits.to_owned(),
        format!("\"0x{digits}\""),
    ] {
        let iv = media(key(&good)).segments[0].keys[0].iv.unwrap();
        assert_eq!(iv.to_string(), digits.to_ascii_lowercase());
    }
}

#[test]
fn row_45_key_without_uri() {
    let key = |rest: &str| failure(head(&format!("#EXT-X-KEY:{rest}\n#EXTINF:4,\na.ts\n")));
    assert_eq!(key("METHOD=AES-128"), "line 3: key URI missing (METHOD=AES-128)");
    assert_eq!(
        key("METHOD=SAMPLE-AES,URI=\"\""),
        "line 3: key URI missing (METHOD=SAMPLE-AES)"
    );
    assert_eq!(key("URI=\"k\""), "line 3: key METHOD missing");
}

#[test]
fn warnings_stop_at_a_thousand() {
    let mut text = head("");
    for _ in 0..1_500 {
        text.push_str("#EXTINF:x,\na.ts\n");
    }
    let warnings = warnings(&text);
    assert_eq!(warnings.len(), 1_001);
    assert!(warnings[999].starts_with("2001: bad-duration: "));
    assert_eq!(warnings[1_000], "more-warnings: 500 more warnings");
}
