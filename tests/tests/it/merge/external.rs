//! Codecs that Weir does not demux: an ffmpeg that is installed gets them, and without one they stay as they came.
//!
//! Which tool is used is told by the environment, so each case runs in a process of its own.

use std::process::Command;

use super::generated::{Encode, PLAIN};
use super::*;

/// Runs this test again as `merge::external::NAME`, with this tool; returns what it printed.
fn in_process_of_its_own(name: &str, tool: &str) -> String {
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            &format!("merge::external::{name}"),
            "--ignored",
            "--nocapture",
        ])
        .env("WEIR_FFMPEG", tool)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(
        child.status.success(),
        "{output}{}",
        String::from_utf8_lossy(&child.stderr)
    );
    output
}

fn ffmpeg() -> String {
    weir_tests::program::find("ffmpeg")
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

/// How ffmpeg makes it, Weir's name of it, ffmpeg's.
type Foreign = (&'static [&'static str], &'static str, &'static str);

const MPEG_2: Foreign = (&["-c:v", "mpeg2video", "-bf", "2"], "MPEG-2 video", "mpeg2video");

const MPEG_4: Foreign = (
    &["-c:v", "mpeg4", "-bf", "2", "-bsf:v", "dump_extra"],
    "MPEG-4 part 2 video",
    "mpeg4",
);

const DTS: Foreign = (
    &["-c:a", "dca", "-strict", "-2", "-b:a", "768k"],
    "DTS audio",
    "dts",
);

/// There is no place for it in MP4 without another framing, which a copy does not do.
const LATM: Foreign = (
    &["-hls_segment_options", "mpegts_flags=latm"],
    "AAC-LATM audio",
    "aac_latm",
);

fn encode(more: &'static [&'static str]) -> Encode {
    Encode {
        sample_rate: "48000",
        seconds: "7",
        more,
        ..PLAIN
    }
}

#[test]
fn an_installed_ffmpeg_gets_them() {
    if media::skip_without_ffmpeg("an_installed_ffmpeg_gets_them") {
        return;
    }
    in_process_of_its_own("merge_with_the_tool", &ffmpeg());
}

#[test]
#[ignore = "run by an_installed_ffmpeg_gets_them, in a process of its own"]
fn merge_with_the_tool() {
    for (more, name, codec) in [MPEG_2, MPEG_4, DTS, LATM] {
        for (container, extension) in [(Container::Mp4, "mp4"), (Container::Mkv, "mkv")] {
            if (codec, extension) == (LATM.2, "mp4") {
                continue;
            }
            let folder = folder();
            let playlist = encode(more).make(&folder.path().join("hls"));
            let (ours, source) = (
                folder.path().join(format!("ours.{extension}")),
                folder.path().join("source"),
            );
            let reference = folder.path().join(format!("reference.{extension}"));
            playlist.concatenate(&source);
            let merged = merge_once(container, &[playlist], &ours);
            media::remux(&source, &reference).unwrap();
            media::compare(&ours, &reference).unwrap();
            assert_eq!(media::decode_errors(&ours).unwrap(), "");
            let streams = media::packets(&ours).unwrap();
            assert!(streams.iter().any(|stream| stream.codec == codec), "{streams:?}");
            assert_eq!(merged.bytes, fs::metadata(&ours).unwrap().len());
            assert_eq!(merged.instead, None);
            let told = format!("{name} is not merged by Weir itself: the ffmpeg that is installed did it");
            assert_eq!(merged.warnings, [told]);
            let left: Vec<_> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| name.starts_with(".weir"))
                .collect();
            assert_eq!(left, Vec::<String>::new());
        }
    }
}

#[test]
fn what_ffmpeg_fails_on_stays_a_transport_stream() {
    if media::skip_without_ffmpeg("what_ffmpeg_fails_on_stays_a_transport_stream") {
        return;
    }
    in_process_of_its_own("merge_what_the_tool_fails_on", &ffmpeg());
}

#[test]
#[ignore = "run by what_ffmpeg_fails_on_stays_a_transport_stream, in a process of its own"]
fn merge_what_the_tool_fails_on() {
    let folder = folder();
    let playlist = encode(LATM.0).make(&folder.path().join("hls"));
    let part = folder.path().join("ours.mp4.part");
    let merged = merge_as(Container::Mp4, &[playlist], &part);
    assert_eq!(merged.instead, Some(Container::Ts));
    let told = "AAC-LATM audio is not merged by Weir itself, and ffmpeg failed: ";
    assert!(merged.warnings[0].starts_with(told), "{:?}", merged.warnings);
    assert!(
        merged.warnings[0].ends_with("the stream is kept as a .ts file"),
        "{:?}",
        merged.warnings
    );
    assert_eq!(read(&part)[0], 0x47);
    assert_eq!(media::decode_errors(&part).unwrap(), "");
}

#[test]
fn without_ffmpeg_they_stay_a_transport_stream() {
    if media::skip_without_ffmpeg("without_ffmpeg_they_stay_a_transport_stream") {
        return;
    }
    in_process_of_its_own("merge_without_a_tool", "");
}

#[test]
#[ignore = "run by without_ffmpeg_they_stay_a_transport_stream, in a process of its own"]
fn merge_without_a_tool() {
    for (more, name, _) in [MPEG_2, MPEG_4, DTS, LATM] {
        let folder = folder();
        let playlist = encode(more).make(&folder.path().join("hls"));
        let (part, source) = (folder.path().join("ours.mp4.part"), folder.path().join("source"));
        let reference = folder.path().join("reference.mkv");
        playlist.concatenate(&source);
        let merged = merge_as(Container::Mp4, &[playlist], &part);
        assert_eq!(merged.instead, Some(Container::Ts));
        let told = format!(
            "{name} is not merged by Weir itself, and no ffmpeg is installed: the stream is kept as a .ts file"
        );
        assert_eq!(merged.warnings, [told]);
        assert_eq!(merged.tracks.len(), 2, "{merged:?}");
        media::remux(&source, &reference).unwrap();
        let remuxed = folder.path().join("remuxed.mkv");
        media::remux(&part, &remuxed).unwrap();
        media::compare(&remuxed, &reference).unwrap();
    }
}

/// What is written cannot be read again: the job ends, names the codec and what helps, and the part plays.
#[test]
fn a_codec_that_begins_later_is_named() {
    if media::skip_without_ffmpeg("a_codec_that_begins_later_is_named") {
        return;
    }
    let folder = folder();
    let mut playlist = PLAIN.make(&folder.path().join("one"));
    let later = encode(MPEG_2.0).make(&folder.path().join("two"));
    let part = folder.path().join("ours.mp4.part");
    let ts = folder.path().join("ours.ts");
    let mut merger = Merger::create(&part, Container::Mp4, &[playlist.hint()]).unwrap();
    for segment in &playlist.segments {
        merger.push(segment.clone()).unwrap();
    }
    let mut first = later.segments[0].clone();
    first.discontinuity = true;
    let error = merger.push(first.clone()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unsupported);
    assert!(
        error
            .to_string()
            .contains("MPEG-2 video that begins in the middle of the stream (choose ts)"),
        "{error}"
    );
    drop(merger);
    assert_eq!(media::decode_errors(&part).unwrap(), "");
    assert!(media::packets(&part).unwrap()[0].packets.len() > 100);
    // And that helps.
    playlist.segments.push(first);
    merge_as(Container::Ts, &[playlist], &ts);
}
