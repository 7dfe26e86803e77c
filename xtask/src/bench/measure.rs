//! One process from start to end: how long, how much of the processor, how much memory, how many bytes to the disk.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use wait4::Wait4 as _;

/// What a process and all that it started and waited for took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pub(super) wall: Duration,
    /// User and system time.
    pub(super) cpu: Duration,
    /// The largest resident set of any of them.
    pub(super) memory_bytes: u64,
    /// What was handed to the disk, files that were deleted again included.
    pub(super) written_bytes: u64,
}

/// Runs to the end.
///
/// # Errors
/// When it cannot be started or fails; what it said is in the error.
pub(super) fn run(command: &mut Command) -> Result<Usage> {
    let log = tempfile::NamedTempFile::new()?;
    command
        .stdin(Stdio::null())
        .stdout(log.reopen()?)
        .stderr(log.reopen()?);
    let begin = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    // It has ended and can still be asked what it wrote; a moment later nobody knows.
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .context("a process without a number")?;
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let wall = begin.elapsed();
    let written_bytes = written_bytes(&std::fs::read_to_string(format!("/proc/{}/io", child.id()))?)
        .context("/proc/PID/io names no write_bytes")?;
    let ended = child.wait4()?;
    if !ended.status.success() {
        let said = std::fs::read_to_string(log.path()).unwrap_or_default();
        bail!("{command:?}: {}\n{}", ended.status, last_lines(&said));
    }
    Ok(Usage {
        wall,
        cpu: ended.rusage.utime + ended.rusage.stime,
        memory_bytes: ended.rusage.maxrss,
        written_bytes,
    })
}

/// Of a process's `io`.
fn written_bytes(io: &str) -> Option<u64> {
    io.lines()
        .find_map(|line| line.strip_prefix("write_bytes: "))?
        .trim()
        .parse()
        .ok()
}

/// Enough to see what was wrong.
fn last_lines(text: &str) -> &str {
    const MOST_BYTES: usize = 2000;
    let from = text.len().saturating_sub(MOST_BYTES);
    let begin = (from..text.len()).find(|&at| text.is_char_boundary(at));
    text.get(begin.unwrap_or(0)..).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let io = "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 7\n";
        assert_eq!(written_bytes(io), Some(6));
        assert_eq!(written_bytes("rchar: 1\n"), None);
    }

    #[test]
    fn a_process_is_measured_and_a_failure_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("zeros");
        let script = format!("head -c 1000000 /dev/zero > {}", file.display());
        let usage = run(Command::new("sh").args(["-c", &script])).unwrap();
        assert!(usage.cpu <= usage.wall * 16, "{usage:?}");
        assert!(usage.memory_bytes > 100_000, "{usage:?}");
        let error = run(Command::new("sh").args(["-c", "echo no luck >&2; exit 3"])).unwrap_err();
        assert!(format!("{error:#}").contains("no luck"), "{error:#}");
    }
}
