//! What is in a file, whatever its container: the pictures' slices and the audio's frames, as ffmpeg reads them.
//!
//! A transport stream, an MP4 and a file that somebody has glued together hold the same packets with other wrapping: start
//! codes or lengths, delimiters, parameter sets, ADTS headers. All of it is taken off before the payloads are hashed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::command;

/// AUD, parameter sets, SEI and filler: what is not a picture.
const NOT_SLICES: &str = "h264_mp4toannexb,filter_units=remove_types=6|7|8|9|12";

/// A stream in packets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Track {
    pub(super) packets: u64,
    hash: String,
}

/// A video and an audio stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub(super) video: Track,
    pub(super) audio: Track,
}

impl Fingerprint {
    /// # Errors
    /// Names what differs.
    pub(super) fn check_against(&self, expected: &Self) -> Result<()> {
        for (kind, found, expected) in [
            ("video", &self.video, &expected.video),
            ("audio", &self.audio, &expected.audio),
        ] {
            ensure!(
                found.packets == expected.packets,
                "{} {kind} packets instead of {}",
                found.packets,
                expected.packets
            );
            ensure!(
                found.hash == expected.hash,
                "the {kind} packets have other bytes than those of the source"
            );
        }
        Ok(())
    }
}

/// Of one file.
///
/// # Errors
/// When ffmpeg cannot read it or says a word about it.
pub(super) fn of_file(file: &Path) -> Result<Fingerprint> {
    of_inputs(&[file.to_owned()])
}

/// Of a file that has both, or of one for the video and one for the audio.
///
/// # Errors
/// As [`of_file`].
pub(super) fn of_inputs(files: &[PathBuf]) -> Result<Fingerprint> {
    let (first, last) = files.first().zip(files.last()).context("no file")?;
    Ok(Fingerprint {
        video: track(first, "0:v:0", ["-bsf:v", NOT_SLICES])?,
        audio: track(last, "0:a:0", ["-bsf:a", "aac_adtstoasc"])?,
    })
}

fn track(file: &Path, map: &str, filter: [&str; 2]) -> Result<Track> {
    let complaints = tempfile::NamedTempFile::new()?;
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(file)
        .args(["-map", map, "-c", "copy"])
        .args(filter)
        .args(["-f", "framehash", "-hash", "murmur3", "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(complaints.reopen()?)
        .spawn()
        .context("cannot start ffmpeg")?;
    // Never all at once: Linux counts what this process holds when it starts a program as that program's memory.
    let track = read_hashes(BufReader::new(ffmpeg.stdout.take().context("no pipe")?))?;
    if !ffmpeg.wait()?.success() {
        let said = std::fs::read_to_string(complaints.path())?;
        bail!("ffmpeg cannot read {}: {}", file.display(), said.trim_end());
    }
    Ok(track)
}

/// Of ffmpeg's lines: `stream, dts, pts, duration, size, hash`. Times are each container's own.
fn read_hashes(text: impl BufRead) -> Result<Track> {
    let mut hash = Sha256::new();
    let mut packets = 0;
    for line in text.lines() {
        let line = line?;
        if line.starts_with('#') {
            continue;
        }
        // Side data may follow, which is the container's.
        let mut fields = line.split(',').skip(4).map(str::trim);
        if let (Some(size), Some(content)) = (fields.next(), fields.next()) {
            packets += 1;
            hash.update(size);
            hash.update(" ");
            hash.update(content);
            hash.update("\n");
        }
    }
    let hash = hexadecimal(&hash.finalize());
    Ok(Track { packets, hash })
}

/// Two digits a byte.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether its beginning decodes without a word: packets may be right and what describes them wrong.
///
/// # Errors
/// What ffmpeg says.
pub(super) fn decodes(file: &Path) -> Result<()> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-t", "4", "-i"])
        .arg(file)
        .args(["-f", "null", "-"])
        .stdin(Stdio::null())
        .output()
        .context("cannot start ffmpeg")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && said.trim().is_empty(),
        "decoding {}: {}",
        file.display(),
        said.trim_end()
    );
    Ok(())
}

/// The version line of ffmpeg.
pub(super) fn version() -> Result<String> {
    let text = command::output(Command::new("ffmpeg").arg("-version"))?;
    Ok(text.split_whitespace().nth(2).unwrap_or("?").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_do_not_count_and_bytes_do() {
        let one = "#format: frame checksums\n0, 0, 0, 1, 10, aa\n0, 1, 1, 1, 11, bb\n";
        let other_times = "0, 900, 900, 3600, 10, aa, S=1, 1, ff\n0, 4500, 4500, 3600, 11, bb\n";
        let other_bytes = "0, 0, 0, 1, 10, aa\n0, 1, 1, 1, 11, cc\n";
        let one = Fingerprint {
            video: read_hashes(one.as_bytes()).unwrap(),
            audio: Track::default(),
        };
        let with = |text: &str| Fingerprint {
            video: read_hashes(text.as_bytes()).unwrap(),
            audio: Track::default(),
        };
        assert_eq!(one.video.packets, 2);
        one.check_against(&with(other_times)).unwrap();
        one.check_against(&with(other_bytes)).unwrap_err();
        one.check_against(&with("0, 0, 0, 1, 10, aa\n")).unwrap_err();
    }
}
