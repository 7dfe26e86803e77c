//! An ffmpeg that is installed: it puts what Weir does not demux itself into the container that was asked for.
//!
//! It gets the finished transport stream on its standard input, already decrypted, and writes a file of a fixed name
//! in its working directory: no text of a page, no name and no address is on its command line, and no shell is asked.
//! The transport stream stays until the result has been looked at, so nothing is lost when the tool is missing, fails
//! or hangs.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use weir_core::protocol::{Container, TrackKind};

use super::{Merged, mkv, mp4};

/// Names the program; empty: none is used.
const PROGRAM_VARIABLE: &str = "WEIR_FFMPEG";

/// It is ended when its output has not grown for this long.
const STALL: Duration = Duration::from_secs(60);

/// How often it is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Of its complaints this much is read; the last line is told.
const MAX_COMPLAINT_BYTES: u64 = 64 << 10;

/// Why the transport stream stays one; each goes on a sentence that ends in "and".
#[derive(Debug, thiserror::Error)]
pub(super) enum ExternalError {
    #[error("no ffmpeg is installed")]
    Missing,
    #[error("{} cannot be started: {source}", .program.display())]
    Start { program: PathBuf, source: io::Error },
    #[error("ffmpeg failed: {0}")]
    Failed(String),
    #[error("ffmpeg hung and was ended after {} s", .0.as_secs())]
    Hung(Duration),
    #[error("what ffmpeg made of it is not whole: {0}")]
    NotWhole(String),
    #[error("the file that ffmpeg made cannot be used: {0}")]
    File(#[source] io::Error),
    #[error("the job was cancelled")]
    Cancelled,
}

/// The tool, and how long it may do nothing.
#[derive(Debug)]
pub(super) struct External {
    program: PathBuf,
    stall: Duration,
}

/// A file that is removed unless it is kept.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl External {
    /// The program that `WEIR_FFMPEG` names, else the one on `PATH`.
    pub(super) fn find() -> Result<Self, ExternalError> {
        let program = match std::env::var_os(PROGRAM_VARIABLE) {
            Some(named) => Some(PathBuf::from(named)).filter(|named| !named.as_os_str().is_empty()),
            None => on_path(),
        };
        Ok(Self {
            program: program.ok_or(ExternalError::Missing)?,
            stall: STALL,
        })
    }

    /// Puts the transport stream at `path` into another container; the result takes its place. `merged` is what the
    /// transport stream holds.
    pub(super) fn convert(
        &self,
        path: &Path,
        container: Container,
        merged: &mut Merged,
    ) -> Result<(), ExternalError> {
        let (format, extension) = match container {
            Container::Mkv => ("matroska", "mkv"),
            Container::Mp4 | Container::Ts | Container::Segments => ("mp4", "mp4"),
        };
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let name = format!(
            ".weir-{}-{:08x}.{extension}",
            std::process::id(),
            fastrand::u32(..)
        );
        let scratch = Scratch(folder.join(&name));
        self.run(path, folder, format, &name, &scratch.0)?;
        let found = match container {
            Container::Mkv => mkv::contents(&scratch.0),
            Container::Mp4 | Container::Ts | Container::Segments => mp4::contents(&scratch.0),
        };
        let found = found.ok_or_else(|| ExternalError::NotWhole("it cannot be read".to_owned()))?;
        found.check(merged)?;
        let bytes = fs::metadata(&scratch.0).map_err(ExternalError::File)?.len();
        fs::rename(&scratch.0, path).map_err(ExternalError::File)?;
        merged.bytes = bytes;
        Ok(())
    }

    fn run(
        &self,
        source: &Path,
        folder: &Path,
        format: &str,
        name: &str,
        output: &Path,
    ) -> Result<(), ExternalError> {
        let input = File::open(source).map_err(ExternalError::File)?;
        let mut child = Command::new(&self.program)
            .args(["-nostdin", "-hide_banner", "-loglevel", "error"])
            // Streams that begin late are looked for.
            .args([
                "-probesize",
                "32M",
                "-analyzeduration",
                "30M",
                "-f",
                "mpegts",
                "-i",
                "pipe:0",
            ])
            .args(["-map", "0:v?", "-map", "0:a?", "-c", "copy", "-f", format, name])
            .current_dir(folder)
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| ExternalError::Start {
                program: self.program.clone(),
                source,
            })?;
        let complaints = child
            .stderr
            .take()
            .map(|stderr| thread::spawn(move || last_line(stderr)));
        let outcome = self.wait(&mut child, source, output);
        if outcome.is_err() {
            let _ = child.kill();
            let _ = child.wait();
            return outcome.map(|_| ());
        }
        let status = outcome?;
        // A child of its own may still hold the pipe, so the words are not waited for when all went well.
        if status.success() {
            return Ok(());
        }
        let words = complaints.and_then(|words| words.join().ok()).unwrap_or_default();
        Err(ExternalError::Failed(if words.is_empty() {
            status.to_string()
        } else {
            words
        }))
    }

    /// Waits for the end, as long as it gets on and is wanted.
    fn wait(
        &self,
        child: &mut Child,
        source: &Path,
        output: &Path,
    ) -> Result<std::process::ExitStatus, ExternalError> {
        let (mut length, mut grown) = (0, Instant::now());
        loop {
            if let Some(status) = child.try_wait().map_err(ExternalError::File)? {
                return Ok(status);
            }
            let now = fs::metadata(output).map_or(0, |found| found.len());
            if now != length {
                (length, grown) = (now, Instant::now());
            } else if grown.elapsed() >= self.stall {
                return Err(ExternalError::Hung(self.stall));
            }
            // A cancelled job removes what it has written.
            if !source.exists() {
                return Err(ExternalError::Cancelled);
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
}

/// What is in a file that another program wrote.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Contents {
    /// Audio and video tracks.
    pub(super) kinds: Vec<TrackKind>,
    pub(super) seconds: f64,
}

impl Contents {
    /// Whether all is there that the transport stream held.
    fn check(&self, merged: &Merged) -> Result<(), ExternalError> {
        const TOLERANCE_SECONDS: f64 = 1.0;
        const TOLERANCE_RATIO: f64 = 0.02;
        for kind in [TrackKind::Video, TrackKind::Audio] {
            let here = self.kinds.iter().filter(|known| **known == kind).count();
            let expected = merged.tracks.iter().filter(|track| track.kind == kind).count();
            if here != expected {
                return Err(ExternalError::NotWhole(format!(
                    "it has {here} {kind} tracks instead of {expected}"
                )));
            }
        }
        let (here, expected) = (self.seconds, merged.duration_seconds);
        if (here - expected).abs() > TOLERANCE_SECONDS.max(expected * TOLERANCE_RATIO) {
            return Err(ExternalError::NotWhole(format!(
                "it plays for {here:.1} s instead of {expected:.1} s"
            )));
        }
        Ok(())
    }
}

/// The program in the folders of `PATH`; a relative one would mean another program in each folder.
fn on_path() -> Option<PathBuf> {
    let name = format!("ffmpeg{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(&name))
        .find(|program| program.is_file())
}

/// The last line that has something in it, without what a terminal would act on.
fn last_line(stderr: impl Read) -> String {
    let mut bytes = Vec::new();
    // The pipe is closed behind it: a tool that talks for ever ends.
    let _ = stderr.take(MAX_COMPLAINT_BYTES).read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let last = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    last.trim()
        .chars()
        .filter(|letter| !letter.is_control())
        .take(300)
        .collect()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn fake(folder: &Path, script: &str) -> External {
        let program = folder.join("ffmpeg");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        External {
            program,
            stall: Duration::from_millis(300),
        }
    }

    fn convert(script: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("film.mp4.part");
        fs::write(&source, "packets").unwrap();
        let external = fake(folder.path(), script);
        let error = external
            .convert(&source, Container::Mp4, &mut Merged::default())
            .unwrap_err();
        assert_eq!(fs::read(&source).unwrap(), b"packets", "the input is kept");
        let left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert_eq!(left.len(), 2, "nothing else is left: {left:?}");
        error.to_string()
    }

    #[test]
    fn its_last_words_are_told() {
        let script =
            "cat >/dev/null; echo first >&2; printf 'pipe:0: \\033[31mInvalid data\\n\\n' >&2; exit 1";
        assert_eq!(convert(script), "ffmpeg failed: pipe:0: [31mInvalid data");
        assert_eq!(convert("exit 3"), "ffmpeg failed: exit status: 3");
    }

    #[test]
    fn one_that_hangs_is_ended() {
        let begin = Instant::now();
        assert_eq!(convert("exec sleep 60"), "ffmpeg hung and was ended after 0 s");
        assert!(begin.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_result_that_is_none_is_not_believed() {
        // The last argument is the file to write.
        let script = "for last; do :; done; echo nonsense > \"$last\"";
        assert_eq!(
            convert(script),
            "what ffmpeg made of it is not whole: it cannot be read"
        );
    }

    #[test]
    fn one_that_cannot_be_started_is_named() {
        let external = External {
            program: PathBuf::from("/no/such/ffmpeg"),
            stall: STALL,
        };
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("film.mp4.part");
        fs::write(&source, "packets").unwrap();
        let error = external
            .convert(&source, Container::Mp4, &mut Merged::default())
            .unwrap_err();
        assert!(
            error.to_string().starts_with("/no/such/ffmpeg cannot be started"),
            "{error}"
        );
    }
}
