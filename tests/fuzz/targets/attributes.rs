//! Attribute lists: the same bytes behind every tag that has them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_core::playlist;
use weir_core::url::AbsoluteUrl;

const MEDIA: [&str; 9] = [
    "KEY",
    "MAP",
    "PART",
    "PART-INF",
    "SKIP",
    "DATERANGE",
    "DEFINE",
    "SERVER-CONTROL",
    "START",
];
const MULTIVARIANT: [&str; 7] = [
    "STREAM-INF",
    "MEDIA",
    "I-FRAME-STREAM-INF",
    "SESSION-KEY",
    "SESSION-DATA",
    "CONTENT-STEERING",
    "DEFINE",
];

fuzz_target!(|data: &[u8]| {
    if data.contains(&b'\n') || data.contains(&b'\r') {
        return;
    }
    let base = AbsoluteUrl::parse("https://media.example/a/list.m3u8").unwrap();
    for (tags, rest) in [
        (&MEDIA[..], "#EXTINF:1,\na.ts\n"),
        (&MULTIVARIANT[..], "a.m3u8\n"),
    ] {
        for tag in tags {
            let head = format!("#EXTM3U\n#EXT-X-{tag}:");
            let text = [head.as_bytes(), data, b"\n", rest.as_bytes()].concat();
            if let Ok(reading) = playlist::read(&text, Some(&base)) {
                assert!(reading.warnings.len() <= 1_001);
            }
        }
    }
});
