//! Every playlist of the shared corpus. Skipped, with a note, where the corpus is not there; `WEIR_CORPUS`
//! says where it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use weir_core::playlist::{self, Playlist};
use weir_core::url::AbsoluteUrl;

/// File, and what it comes to: kind, counts, known duration, first sequence, protection, warning codes.
const EXPECTED: &[(&str, &str)] = &[
    (
        "iori/rfc8216/8-3-playlist-with-encrypted-media-segments.m3u8",
        "media 4 live 46.166s from 7794 keys 2",
    ),
    (
        "m3u8-parser/integration/byteRange.m3u8",
        "media 17 vod 161.417s from 0 keys 0 byte-range-without-offset",
    ),
    (
        "m3u8-parser/integration/diff-init-key.m3u8",
        "media 11 live 122.166s from 7794 keys 5 map-without-iv map-without-iv map-without-iv map-without-iv",
    ),
    (
        "m3u8-parser/integration/discontinuity.m3u8",
        "media 9 vod 106.000s from 0 keys 0",
    ),
    (
        "m3u8-parser/integration/encrypted.m3u8",
        "media 6 live 75.166s from 7794 keys 3",
    ),
    (
        "m3u8-parser/integration/llhls.m3u8",
        "media 7 live 28.001s from 266 keys 0",
    ),
    (
        "m3u8-parser/integration/multipleAudioGroups.m3u8",
        "multivariant 4 variants 0 i-frame 6 renditions",
    ),
    (
        "m3u8-rs/sample-playlists/media-not-ending-in-newline.m3u8",
        "line 5: bad IV: 0xb059217aa2649ce170b734",
    ),
    (
        "m3u8-rs/sample-playlists/mediaplaylist-byterange.m3u8",
        "media 8 vod 79.993s from 0 keys 0",
    ),
    (
        "media/multi-segment/playlist.m3u8",
        "media 2 vod 1.050s from 0 keys 0",
    ),
    (
        "media/standalone-webvtt/media_playlist.m3u8",
        "media 1 vod 1.001s from 0 keys 0",
    ),
    (
        "media/standalone-webvtt/multivariant_playlist.m3u8",
        "multivariant 1 variants 0 i-frame 1 renditions",
    ),
    (
        "media/standalone-webvtt/playlist_vtt.m3u8",
        "media 1 vod 1.001s from 0 keys 0",
    ),
    (
        "shaka-player/hls-mp4-muxed-aac-h264/hls.m3u8",
        "media 1 vod 1.001s from 11 keys 0",
    ),
    (
        "shaka-player/hls-multivideo/master.m3u8",
        "multivariant 2 variants 0 i-frame 9 renditions",
    ),
    (
        "shaka-player/hls-multivideo/original_128k.m3u8",
        "media 1 vod 4.040s from 0 keys 0",
    ),
    (
        "shaka-player/hls-multivideo/red_1.m3u8",
        "media 1 vod 4.000s from 0 keys 0",
    ),
    (
        "shaka-player/hls-raw-aac/stream.m4a.m3u8",
        "media 4 vod 39.985s from 0 keys 0",
    ),
    (
        "shaka-player/hls-sample-aes/index.m3u8",
        "media 10 vod 60.000s from 0 keys 1",
    ),
    (
        "shaka-player/hls-text-offset/index.m3u8",
        "multivariant 1 variants 0 i-frame 1 renditions",
    ),
    (
        "shaka-player/hls-text-offset/playlist-video.m3u8",
        "media 5 vod 8.500s from 0 keys 0",
    ),
    (
        "shaka-player/hls-text-offset/playlist-vtt.m3u8",
        "media 5 vod 8.917s from 0 keys 0",
    ),
    (
        "shaka-player/hls-ts-b-frames/playlist.m3u8",
        "media 1 vod 5.760s from 1 keys 0",
    ),
    (
        "shaka-player/hls-ts-mp3/manifest.m3u8",
        "media 4 vod 40.000s from 0 keys 0",
    ),
    (
        "shaka-player/hls-ts-muxed-aac-h264-with-overflow-nalus/media.m3u8",
        "media 1 vod 9.977s from 0 keys 0",
    ),
    (
        "shaka-player/hls-ts-rollover/playlist.m3u8",
        "media 10 vod 20.000s from 0 keys 0",
    ),
    (
        "streamlink/hls/test_1.m3u8",
        "multivariant 8 variants 0 i-frame 8 renditions",
    ),
    (
        "yt-dlp/m3u8/img_bipbop_adv_example_fmp4.m3u8",
        "multivariant 24 variants 6 i-frame 5 renditions",
    ),
];

#[test]
fn every_playlist_of_the_corpus() {
    let root =
        std::env::var_os("WEIR_CORPUS").map_or_else(|| PathBuf::from("/work/shared/corpus"), PathBuf::from);
    if !root.is_dir() {
        println!(
            "skipped: the corpus is not at {} (set WEIR_CORPUS)",
            root.display()
        );
        return;
    }
    let mut found = BTreeMap::new();
    collect(&root, &root, &mut found);
    for (file, expected) in EXPECTED {
        let actual = found
            .remove(*file)
            .unwrap_or_else(|| panic!("{file} is not in the corpus"));
        assert_eq!(actual, *expected, "{file}");
    }
    assert_eq!(found, BTreeMap::new(), "files without an expectation");
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "m3u8") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let summary = summary(&std::fs::read(&path).unwrap());
            found.insert(name, summary);
        }
    }
}

fn summary(bytes: &[u8]) -> String {
    let base = AbsoluteUrl::parse("https://example.com/corpus/list.m3u8").unwrap();
    let reading = match playlist::read(bytes, Some(&base)) {
        Ok(reading) => reading,
        Err(error) => return error.to_string(),
    };
    let mut summary = match &reading.playlist {
        Playlist::Media(media) => {
            let known = media
                .segments
                .iter()
                .filter_map(|segment| segment.duration_seconds);
            let mut keys: Vec<_> = media
                .segments
                .iter()
                .flat_map(|segment| segment.keys.iter())
                .collect();
            keys.dedup();
            let live = if media.end_list { "vod" } else { "live" };
            format!(
                "media {} {live} {:.3}s from {} keys {}",
                media.segments.len(),
                known.sum::<f64>(),
                media.media_sequence.0,
                keys.len()
            )
        }
        Playlist::Multivariant(playlist) => format!(
            "multivariant {} variants {} i-frame {} renditions",
            playlist.variants.len(),
            playlist.i_frame_variants.len(),
            playlist.renditions.len()
        ),
        Playlist::List(list) => format!("list {}", list.entries.len()),
    };
    for warning in &reading.warnings {
        summary.push(' ');
        summary.push_str(warning.code.as_str());
    }
    summary
}
