//! What is in a media file, as ffprobe and ffmpeg see it: the oracle for every merged output.
//!
//! The standard of a merge is `ffmpeg -c copy` of the same segments: the same packets with the same payload in
//! every track, the same key flags, presentation times within a millisecond, and a file that decodes without a word.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

/// Presentation times may differ by this much: the time scales of two muxers round differently. A millisecond, and half
/// of the last digit that ffprobe prints.
pub const PTS_TOLERANCE_SECONDS: f64 = 0.001_000_5;

/// One stream of a file with all its packets, in decoding order.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// `video`, `audio`, `subtitle` or `data`.
    pub kind: String,
    /// ffmpeg's name of the codec, such as `h264`.
    pub codec: String,
    /// Its packets, in file order.
    pub packets: Vec<Packet>,
}

/// One packet (sample).
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    /// Presentation time; None when the file gives none.
    pub pts_seconds: Option<f64>,
    /// Decoding time; None when the file gives none.
    pub dts_seconds: Option<f64>,
    /// Decoding can start here.
    pub key: bool,
    /// Payload size in bytes.
    pub size: u64,
    /// SHA-256 of the payload, in hexadecimal.
    pub hash: String,
}

/// Every difference that [`compare`] found, in words.
#[derive(Debug)]
pub struct Differences(Vec<String>);

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} differences:", self.0.len())?;
        self.0.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl std::error::Error for Differences {}

/// Why tests with media cannot run here; None when they can. Prints the line that a skipped test owes.
#[must_use]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub fn skip_without_ffmpeg(test: &str) -> bool {
    let missing = ["ffmpeg", "ffprobe"].into_iter().find(|tool| {
        !Command::new(tool)
            .arg("-version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    });
    if let Some(tool) = missing {
        eprintln!("skipped {test}: {tool} is not installed");
    }
    missing.is_some()
}

/// Runs `ffmpeg -v error -nostdin -y` with `arguments`.
///
/// # Errors
/// When it cannot be started or fails; its words are in the error.
pub fn ffmpeg<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> anyhow::Result<()> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("cannot start ffmpeg")?;
    ensure!(
        output.status.success(),
        "ffmpeg: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The reference for a merge: all streams of `input` copied into an MP4 at `output` by `ffmpeg -c copy`.
///
/// # Errors
/// When ffmpeg fails.
pub fn remux(input: &Path, output: &Path) -> anyhow::Result<()> {
    let mut options = vec![OsStr::new("-i"), input.as_os_str()];
    // The default of 1 kHz would round the edit lists by as much as the times may differ.
    let rest = [
        "-map",
        "0:v?",
        "-map",
        "0:a?",
        "-c",
        "copy",
        "-movie_timescale",
        "90000",
    ];
    options.extend(rest.map(OsStr::new));
    options.push(output.as_os_str());
    ffmpeg(options)
}

/// What ffprobe says of a file when asked like this.
fn probe(path: &Path, arguments: &[&str]) -> anyhow::Result<Value> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json"])
        .args(arguments)
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .context("cannot start ffprobe")?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "ffprobe {}: {complaints}",
        path.display()
    );
    serde_json::from_slice(&output.stdout).context("ffprobe's JSON")
}

/// When the chapters of `path` begin, in seconds, and what they are called.
///
/// # Errors
/// When ffprobe fails.
pub fn chapters(path: &Path) -> anyhow::Result<Vec<(f64, String)>> {
    let report = probe(path, &["-show_chapters"])?;
    let chapters = report.get("chapters").and_then(Value::as_array);
    let chapter = |chapter: &Value| {
        let title = chapter.pointer("/tags/title").and_then(Value::as_str);
        Ok((
            text(chapter, "start_time").parse()?,
            title.unwrap_or_default().to_owned(),
        ))
    };
    chapters
        .context("no list of chapters")?
        .iter()
        .map(chapter)
        .collect()
}

/// Every stream of `path` with its packets.
///
/// # Errors
/// When ffprobe fails or complains.
pub fn packets(path: &Path) -> anyhow::Result<Vec<Stream>> {
    let entries =
        "packet=stream_index,pts_time,dts_time,size,flags,data_hash:stream=index,codec_type,codec_name";
    let report = probe(
        path,
        &[
            "-show_packets",
            "-show_streams",
            "-show_data_hash",
            "sha256",
            "-show_entries",
            entries,
        ],
    )?;
    let list = |name: &str| {
        report
            .get(name)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };

    let mut streams: Vec<Stream> = list("streams")
        .iter()
        .map(|stream| Stream {
            kind: text(stream, "codec_type"),
            codec: text(stream, "codec_name"),
            packets: Vec::new(),
        })
        .collect();
    for packet in list("packets") {
        let index = packet
            .get("stream_index")
            .and_then(Value::as_u64)
            .context("a packet without a stream")?;
        let stream = streams
            .get_mut(usize::try_from(index)?)
            .context("a packet of an unknown stream")?;
        stream.packets.push(Packet {
            pts_seconds: text(&packet, "pts_time").parse().ok(),
            dts_seconds: text(&packet, "dts_time").parse().ok(),
            key: text(&packet, "flags").starts_with('K'),
            size: text(&packet, "size").parse().context("packet size")?,
            hash: text(&packet, "data_hash")
                .trim_start_matches("SHA256:")
                .to_owned(),
        });
    }
    Ok(streams)
}

/// Compares two files, stream by stream in the order of kind: packet counts, payloads, key flags, and presentation
/// times within [`PTS_TOLERANCE_SECONDS`], each file's times counted from its own first presentation.
///
/// # Errors
/// [`Differences`] names the first few differences of each stream; or ffprobe failed.
pub fn compare(ours: &Path, reference: &Path) -> anyhow::Result<()> {
    compare_streams(&packets(ours)?, &packets(reference)?)
}

/// [`compare`] for packets that are at hand.
///
/// # Errors
/// [`Differences`].
pub fn compare_streams(ours: &[Stream], reference: &[Stream]) -> anyhow::Result<()> {
    let mut differences = compare_payloads_of(ours, reference);
    let (our_start, their_start) = (start(ours), start(reference));
    for (index, (our, their)) in pairs(ours, reference).into_iter().enumerate() {
        let mut reported = 0;
        for (number, (a, b)) in our.packets.iter().zip(&their.packets).enumerate() {
            let same = match (a.pts_seconds, b.pts_seconds) {
                (Some(a), Some(b)) => ((a - our_start) - (b - their_start)).abs() <= PTS_TOLERANCE_SECONDS,
                (a, b) => a == b,
            };
            if !same && reported < REPORTED_PER_STREAM {
                reported += 1;
                let shown = |pts: Option<f64>, start: f64| {
                    pts.map_or("none".to_owned(), |pts| format!("{:.6}", pts - start))
                };
                differences.push(format!(
                    "stream {index} ({} {}), packet {number}: pts {} s, reference {} s",
                    our.kind,
                    our.codec,
                    shown(a.pts_seconds, our_start),
                    shown(b.pts_seconds, their_start)
                ));
            }
        }
    }
    if differences.is_empty() {
        Ok(())
    } else {
        Err(Differences(differences).into())
    }
}

/// Like [`compare_streams`] without the times: for streams whose discontinuities ffmpeg joins in another way.
///
/// # Errors
/// [`Differences`].
pub fn compare_payloads(ours: &[Stream], reference: &[Stream]) -> anyhow::Result<()> {
    let differences = compare_payloads_of(ours, reference);
    if differences.is_empty() {
        Ok(())
    } else {
        Err(Differences(differences).into())
    }
}

/// What ffmpeg says while it decodes all of `path`: empty for a sound file.
///
/// # Errors
/// When ffmpeg cannot be started.
pub fn decode_errors(path: &Path) -> anyhow::Result<String> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(path)
        .args(["-map", "0", "-c:s", "srt", "-f", "null", "-"])
        .stdin(Stdio::null())
        .output()
        .context("cannot start ffmpeg")?;
    let mut words = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() && words.is_empty() {
        words = output.status.to_string();
    }
    Ok(words)
}

/// MD5 of every decoded frame, one list a stream (video first), in presentation order; times are left out, so that
/// a file and the source it came from can be compared.
///
/// # Errors
/// When ffmpeg fails.
pub fn decoded_frames_md5(path: &Path) -> anyhow::Result<Vec<Vec<String>>> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(path)
        .args([
            "-map",
            "0:v?",
            "-map",
            "0:a?",
            "-fps_mode",
            "passthrough",
            "-f",
            "framemd5",
            "-",
        ])
        .stdin(Stdio::null())
        .output()
        .context("cannot start ffmpeg")?;
    ensure!(
        output.status.success(),
        "ffmpeg {}: {}",
        path.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let mut streams: Vec<Vec<String>> = Vec::new();
    // A line is `stream, dts, pts, duration, size, md5`.
    for line in String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let (Some(index), Some(md5)) = (
            fields.first().and_then(|text| text.parse::<usize>().ok()),
            fields.get(5),
        ) else {
            bail!("framemd5 line {line:?}");
        };
        if streams.len() <= index {
            streams.resize(index + 1, Vec::new());
        }
        if let Some(stream) = streams.get_mut(index) {
            stream.push((*md5).to_owned());
        }
    }
    Ok(streams)
}

/// Differences shown of each stream and kind; the rest are only counted by being too many to read.
const REPORTED_PER_STREAM: usize = 5;

fn compare_payloads_of(ours: &[Stream], reference: &[Stream]) -> Vec<String> {
    let mut differences = Vec::new();
    let names = |streams: &[Stream]| {
        let mut names: Vec<String> = streams
            .iter()
            .map(|stream| format!("{} {}", stream.kind, stream.codec))
            .collect();
        names.sort_unstable_by(|a, b| b.cmp(a));
        names
    };
    if names(ours) != names(reference) {
        differences.push(format!(
            "streams {:?}, reference {:?}",
            names(ours),
            names(reference)
        ));
    }
    for (index, (our, their)) in pairs(ours, reference).into_iter().enumerate() {
        let name = format!("stream {index} ({} {})", our.kind, our.codec);
        if our.packets.len() != their.packets.len() {
            differences.push(format!(
                "{name}: {} packets, reference {}",
                our.packets.len(),
                their.packets.len()
            ));
        }
        let unequal = our
            .packets
            .iter()
            .zip(&their.packets)
            .enumerate()
            .filter(|(_, (a, b))| a.hash != b.hash || a.key != b.key);
        differences.extend(unequal.take(REPORTED_PER_STREAM).map(|(number, (a, b))| {
            format!(
                "{name}, packet {number}: {} bytes {:.12} key {}, reference {} bytes {:.12} key {}",
                a.size, a.hash, a.key, b.size, b.hash, b.key
            )
        }));
    }
    differences
}

/// Streams of the same kind, in their order: a muxer may put audio before video.
fn pairs<'a>(ours: &'a [Stream], reference: &'a [Stream]) -> Vec<(&'a Stream, &'a Stream)> {
    let mut pairs = Vec::new();
    for kind in ["video", "audio", "subtitle"] {
        let of_kind = |streams: &'a [Stream]| streams.iter().filter(move |stream| stream.kind == kind);
        pairs.extend(of_kind(ours).zip(of_kind(reference)));
    }
    pairs
}

/// The first presentation time of a file.
fn start(streams: &[Stream]) -> f64 {
    let times = streams
        .iter()
        .flat_map(|stream| &stream.packets)
        .filter_map(|packet| packet.pts_seconds);
    let first = times.fold(f64::INFINITY, f64::min);
    if first.is_finite() { first } else { 0.0 }
}

fn text(value: &Value, name: &str) -> String {
    value
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(times: &[f64]) -> Stream {
        let packet = |pts: &f64| Packet {
            pts_seconds: Some(*pts),
            dts_seconds: None,
            key: true,
            size: 1,
            hash: "aa".to_owned(),
        };
        Stream {
            kind: "video".to_owned(),
            codec: "h264".to_owned(),
            packets: times.iter().map(packet).collect(),
        }
    }

    #[test]
    fn times_count_from_each_files_start() {
        compare_streams(&[stream(&[10.0, 10.04])], &[stream(&[0.0, 0.0404])]).unwrap();
    }

    #[test]
    fn a_shifted_packet_is_named() {
        let error = compare_streams(&[stream(&[0.0, 0.04])], &[stream(&[0.0, 0.05])]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("packet 1: pts 0.040000 s, reference 0.050000 s"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_packet_and_another_payload_are_named() {
        let mut other = stream(&[0.0, 0.04]);
        other.packets[0].hash = "bb".to_owned();
        let error = compare_streams(&[other], &[stream(&[0.0])])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("2 packets, reference 1") && error.contains("packet 0: 1 bytes bb"),
            "{error}"
        );
    }
}
