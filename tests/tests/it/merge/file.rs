//! The file while it grows, how it is written, and what it costs.

use std::process::Command;

use super::*;

fn hls(folder: &Path, seconds: &str) -> Playlist {
    let output = folder.join("index.m3u8");
    let mut options = vec![
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=25",
        "-f",
        "lavfi",
        "-i",
        "sine=sample_rate=48000",
    ];
    options.extend([
        "-t",
        seconds,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-bf",
        "2",
        "-g",
        "50",
    ]);
    options.extend([
        "-c:a",
        "aac",
        "-f",
        "hls",
        "-hls_time",
        "2",
        "-hls_playlist_type",
        "vod",
        output.to_str().unwrap(),
    ]);
    media::ffmpeg(options).unwrap();
    Playlist::read(&output)
}

/// After a crash the file plays up to there: its packets are those that the whole file begins with.
#[test]
fn growing_file_is_playable() {
    if media::skip_without_ffmpeg("growing_file_is_playable") {
        return;
    }
    let folder = folder();
    let playlist = hls(folder.path(), "20");
    let (whole, part) = (
        folder.path().join("whole.mp4"),
        folder.path().join("whole.mp4.part"),
    );
    let mut merger = Merger::create(&part, Container::Mp4, &[playlist.hint()]).unwrap();
    for segment in playlist.segments.iter().take(6) {
        merger.push(segment.clone()).unwrap();
    }
    drop(merger);
    merge_once(Container::Mp4, &[playlist], &whole);

    check_beginning(&part, &whole);
}

/// Bytes that this thread has passed to the system for writing.
#[cfg(target_os = "linux")]
fn written_bytes() -> u64 {
    let counters = fs::read_to_string("/proc/thread-self/io").unwrap();
    let line = counters
        .lines()
        .find_map(|line| line.strip_prefix("wchar: "))
        .unwrap();
    line.parse().unwrap()
}

/// No byte of media is written twice: what is written beyond the file's size is its index and headers.
#[test]
#[cfg(target_os = "linux")]
fn nothing_is_written_twice() {
    if media::skip_without_ffmpeg("nothing_is_written_twice") {
        return;
    }
    let folder = folder();
    let playlist = hls(folder.path(), "20");
    let media_bytes: usize = playlist.segments.iter().map(|segment| segment.data.len()).sum();
    let before = written_bytes();
    let merged = merge_once(Container::Mp4, &[playlist], &folder.path().join("out.mp4"));
    let written = written_bytes() - before;
    // The space in front is written while the file grows and again with the index.
    let index = fs::read(folder.path().join("out.mp4")).unwrap();
    let front = memmem(&index, b"mdat").unwrap();
    assert!(
        written <= merged.bytes + front as u64,
        "{written} bytes written for a file of {}, front {front}",
        merged.bytes
    );
    assert!(
        front < media_bytes / 20,
        "{front} bytes before the media of {media_bytes}"
    );
}

#[cfg(target_os = "linux")]
fn memmem(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The index stands in front (fast start) when the playlist tells how long the stream is, else at the end.
#[test]
fn index_in_front_or_at_the_end() {
    if media::skip_without_ffmpeg("index_in_front_or_at_the_end") {
        return;
    }
    let folder = folder();
    let playlist = hls(folder.path(), "60");
    let kinds = |path: &Path| {
        let data = fs::read(path).unwrap();
        let mut kinds = Vec::new();
        let mut rest = &data[..];
        while !rest.is_empty() {
            let mut size = u64::from(u32::from_be_bytes(rest[..4].try_into().unwrap()));
            if size == 1 {
                size = u64::from_be_bytes(rest[8..16].try_into().unwrap());
            }
            kinds.push(String::from_utf8_lossy(&rest[4..8]).into_owned());
            rest = &rest[usize::try_from(size).unwrap()..];
        }
        kinds
    };
    let (front, end) = (folder.path().join("front.mp4"), folder.path().join("end.mp4"));
    let mut unknown = Merger::create(&end, Container::Mp4, &[TrackHint::default()]).unwrap();
    for segment in &playlist.segments {
        unknown.push(segment.clone()).unwrap();
    }
    unknown.finish().unwrap();
    merge(&[playlist], &front);
    assert_eq!(kinds(&front), ["ftyp", "moov", "free", "mdat"]);
    assert_eq!(kinds(&end), ["ftyp", "free", "mdat", "moov"]);
    assert_eq!(media::packets(&front).unwrap(), media::packets(&end).unwrap());
}

/// 600 segments of 1 MB, in a process of its own so that its peak is only this.
#[test]
#[cfg(target_os = "linux")]
fn memory_stays_small() {
    if media::skip_without_ffmpeg("memory_stays_small") {
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "merge::file::merge_600_megabytes",
            "--ignored",
            "--nocapture",
        ])
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success(),
        "{output}{}",
        String::from_utf8_lossy(&child.stderr)
    );
    let kilobytes: u64 = output
        .lines()
        .find_map(|line| line.split("peak kB ").nth(1))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(kilobytes < 100_000, "{kilobytes} kB");
}

#[test]
#[ignore = "run by memory_stays_small, in a process of its own"]
#[cfg(target_os = "linux")]
fn merge_600_megabytes() {
    let folder = folder();
    let path = folder.path().join("source.ts");
    let mut options = vec![
        "-f",
        "lavfi",
        "-i",
        "nullsrc=size=640x360:rate=25,geq=random(1)*255:128:128",
        "-t",
        "2",
    ];
    options.extend([
        "-f",
        "lavfi",
        "-i",
        "sine=sample_rate=48000",
        "-shortest",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
    ]);
    options.extend([
        "-pix_fmt", "yuv420p", "-b:v", "4M", "-minrate", "4M", "-maxrate", "4M", "-bufsize", "1M", "-c:a",
        "aac",
    ]);
    options.push(path.to_str().unwrap());
    media::ffmpeg(options).unwrap();
    let data = read(&path);
    assert!((800_000..2_000_000).contains(&data.len()), "{} bytes", data.len());
    let seconds = 600.0 * 2.0;
    let hint = TrackHint {
        duration_seconds: Some(seconds),
        ..TrackHint::default()
    };
    let mut merger = Merger::create(&folder.path().join("out.mp4"), Container::Mp4, &[hint]).unwrap();
    for index in 0..600 {
        // A fresh copy each time, as it comes from the network.
        let segment = SegmentInput {
            discontinuity: index > 0,
            duration_seconds: Some(2.0),
            data: data.to_vec().into(),
            ..SegmentInput::default()
        };
        merger.push(segment).unwrap();
    }
    let outcome = merger.finish().unwrap();
    assert!(outcome.bytes > 500_000_000, "{outcome:?}");
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    println!("peak kB {}", peak.trim().trim_end_matches(" kB"));
}

#[test]
fn segments_output_plays_like_the_source() {
    if media::skip_without_ffmpeg("segments_output_plays_like_the_source") {
        return;
    }
    let folder = folder();
    let playlist = hls(folder.path(), "8");
    let (kept, source) = (folder.path().join("kept"), folder.path().join("source"));
    playlist.concatenate(&source);
    let mut merger = Merger::create(&kept, Container::Segments, &[playlist.hint()]).unwrap();
    for segment in &playlist.segments {
        merger.push(segment.clone()).unwrap();
    }
    let outcome = merger.finish().unwrap();
    let sizes: u64 = fs::read_dir(&kept)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert_eq!(outcome.bytes, sizes);
    media::compare(&kept.join("index.m3u8"), &folder.path().join("index.m3u8")).unwrap();
}

#[test]
fn what_is_no_media_is_refused_and_nothing_is_overwritten() {
    let folder = folder();
    let path = folder.path().join("out.mp4");
    let mut merger = Merger::create(&path, Container::Mp4, &[TrackHint::default()]).unwrap();
    for (data, message) in [
        (
            "<html><body>Sign in</body></html>",
            "got a web page instead of media (a login page, a captcha or an error message?)",
        ),
        ("", "the segment is empty"),
    ] {
        let error = merger
            .push(SegmentInput {
                data: data.into(),
                ..SegmentInput::default()
            })
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::BadMedia);
        assert!(error.to_string().ends_with(message), "{error}");
    }
    let error = merger.finish().unwrap_err();
    assert_eq!(
        (error.code(), error.to_string()),
        (
            ErrorCode::BadMedia,
            "the segments hold no audio or video".to_owned()
        )
    );
    let error = Merger::create(&path, Container::Mp4, &[TrackHint::default()]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::File);
}
