//! Streams that ffmpeg makes here.

use super::*;

/// Options of a test picture and tone, a fresh encode of B-frames with a key frame every two seconds.
fn encode(folder: &Path, rate: &str, sample_rate: &str, seconds: &str, more: &[&str], output: &str) {
    let video = format!("testsrc2=size=320x180:rate={rate}");
    let audio = format!("sine=frequency=440:sample_rate={sample_rate}");
    let output = folder.join(output);
    let mut options = vec![
        "-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &audio, "-t", seconds,
    ];
    options.extend([
        "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "3",
    ]);
    options.extend([
        "-force_key_frames",
        "expr:gte(t,n_forced*2)",
        "-c:a",
        "aac",
        "-b:a",
        "96k",
        "-ac",
        "2",
    ]);
    options.extend(more);
    options.push(output.to_str().unwrap());
    media::ffmpeg(options).unwrap();
}

const HLS: [&str; 6] = ["-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod"];

#[test]
fn transport_stream_25_fps() {
    if media::skip_without_ffmpeg("transport_stream_25_fps") {
        return;
    }
    let folder = folder();
    encode(folder.path(), "25", "44100", "11", &HLS, "index.m3u8");
    let merged = check_one_playlist(Playlist::read(&folder.path().join("index.m3u8")), folder.path());
    assert_eq!(merged.warnings, Vec::<String>::new());
}
