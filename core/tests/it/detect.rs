//! Which requests are playlists.

use crate::support::url;
use weir_core::detect::{Candidate, CandidateKind, Evidence, detect};
use weir_core::observation::Observation;

const MEDIA: &[u8] = b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n";

fn observe(at: &str, content_type: Option<&str>, body: Option<&[u8]>) -> Option<Candidate> {
    detect(&Observation {
        url: url(at),
        status: Some(200),
        content_type,
        body,
    })
}

fn evidence(at: &str, content_type: Option<&str>, body: Option<&[u8]>) -> Vec<Evidence> {
    observe(at, content_type, body)
        .map(|candidate| candidate.evidence)
        .unwrap_or_default()
}

#[test]
fn paths() {
    for at in [
        "https://a.example/x.m3u8",
        "https://a.example/x.M3U8?token=1",
        "https://a.example/x.m3u",
        "https://a.example/x.m3u8;jsessionid=1",
    ] {
        for content_type in [
            None,
            Some("application/octet-stream"),
            Some("text/plain"),
            Some("text/html"),
            Some("video/mp2t"),
        ] {
            assert_eq!(
                evidence(at, content_type, None),
                [Evidence::Path],
                "{at} {content_type:?}"
            );
        }
    }
    for at in [
        "https://a.example/x.ts",
        "https://a.example/",
        "https://a.example/m3u",
        "data:text/plain,x.m3u8",
    ] {
        assert_eq!(observe(at, Some("video/mp2t"), None), None, "{at}");
    }
}

#[test]
fn queries_are_only_hints() {
    for at in [
        "https://track.example/p.gif?u=https%3A%2F%2Fa.example%2Fx.m3u8",
        "https://a.example/x.m3u8/chunk1.ts",
    ] {
        assert_eq!(evidence(at, Some("image/gif"), None), [Evidence::Query], "{at}");
    }
}

#[test]
fn content_types() {
    for content_type in [
        "application/vnd.apple.mpegurl",
        "Application/VND.apple.mpegURL; charset=UTF-8",
        "audio/mpegurl;charset=utf-8",
        " audio/x-mpegurl ",
        "application/x-mpegURL",
    ] {
        assert_eq!(
            evidence("https://a.example/play", Some(content_type), None),
            [Evidence::ContentType]
        );
    }
    assert_eq!(
        evidence(
            "https://a.example/x.m3u8",
            Some("application/x-mpegurl"),
            Some(MEDIA)
        ),
        [Evidence::Body, Evidence::ContentType, Evidence::Path]
    );
    assert_eq!(
        evidence("data:application/x-mpegurl;base64,I0VYVE0zVQ==", None, None),
        [Evidence::ContentType]
    );
    assert_eq!(
        observe("https://a.example/play", Some("application/json"), None),
        None
    );
}

#[test]
fn bodies_decide() {
    for body in [
        MEDIA,
        b"\xef\xbb\xbf#EXTM3U\n",
        b" \r\n\t\n#EXTM3U",
        b"\xff\xfe#\0E\0X\0T\0M\x003\0U\0\n\0",
    ] {
        assert_eq!(
            evidence("https://a.example/api", Some("text/html"), Some(body)),
            [Evidence::Body],
            "{body:?}"
        );
    }
    for body in [
        &b"<!DOCTYPE html><html>"[..],
        b"{\"url\":\"x.m3u8\"}",
        b"\x47\x40\x00\x10",
        b"# comment\n#EXTINF",
    ] {
        assert_eq!(
            observe(
                "https://a.example/x.m3u8",
                Some("application/x-mpegurl"),
                Some(body)
            ),
            None,
            "{body:?}"
        );
    }
    // Too little to tell, or packed: the rest counts.
    for body in [&b""[..], b"\n", b"#EXT", b"\xef\xbb", b"\x1f\x8b\x08\0"] {
        assert_eq!(
            evidence("https://a.example/x.m3u8", None, Some(body)),
            [Evidence::Path],
            "{body:?}"
        );
    }
}

#[test]
fn kinds() {
    let kind = |body: &[u8]| observe("https://a.example/", None, Some(body)).unwrap().kind;
    assert_eq!(kind(MEDIA), Some(CandidateKind::Media));
    assert_eq!(
        kind(b"#EXTM3U\r#EXT-X-VERSION:3\r#EXTINF:4,\ra.ts"),
        Some(CandidateKind::Media)
    );
    assert_eq!(
        kind(b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n"),
        Some(CandidateKind::Multivariant)
    );
    assert_eq!(
        kind(b"#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO\n"),
        Some(CandidateKind::Multivariant)
    );
    assert_eq!(
        kind(b"#EXTM3U\n#EXT-X-MEDIA"),
        None,
        "cut: it may be EXT-X-MEDIA-SEQUENCE"
    );
    assert_eq!(
        kind(b"#EXTM3U\n#EXTINF:-1,Channel\nhttp://tv.example/1\n"),
        None,
        "a list"
    );
}

#[test]
fn statuses() {
    let candidate = |status| {
        detect(&Observation {
            url: url("https://a.example/x.m3u8"),
            status,
            content_type: Some("application/x-mpegurl"),
            body: Some(MEDIA),
        })
    };
    for status in [None, Some(200), Some(206), Some(304), Some(0)] {
        assert!(candidate(status).is_some(), "{status:?}");
    }
    for status in [302, 403, 404, 500] {
        assert_eq!(candidate(Some(status)), None, "{status}");
    }
}
