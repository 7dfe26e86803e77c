//! What a program says when it is asked for its version: within a time, and a few bytes.

use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// Longest wait: a program on a slow disk of a busy machine is there in a second.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most bytes of an answer.
const MAX_BYTES: u64 = 256;

/// What a program answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is Weir, of this version.
    Version(String),
    /// Something else: the beginning of its first line, with control characters shown.
    Foreign(String),
    /// Nothing within the time.
    Nothing,
    /// The system does not start it.
    NotStarted(io::Error),
}

/// Runs `program --version`.
pub(super) fn ask(program: &Path) -> Answer {
    let started = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return Answer::NotStarted(error),
    };
    let deadline = Instant::now() + PATIENCE;
    let (sender, answer) = channel();
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stdout.take(MAX_BYTES).read_to_end(&mut bytes);
            let _ = sender.send(bytes);
        });
    }
    let bytes = answer.recv_timeout(PATIENCE);
    end(&mut child, deadline);
    bytes.map_or(Answer::Nothing, |bytes| read(&String::from_utf8_lossy(&bytes)))
}

fn read(text: &str) -> Answer {
    let first = text.lines().next().unwrap_or_default().trim();
    match first.strip_prefix("weir ").map(parts) {
        Some(Some(_)) => Answer::Version(first.trim_start_matches("weir ").to_owned()),
        _ => Answer::Foreign(first.escape_debug().take(60).collect()),
    }
}

/// Waits for the end of a program that has said what it had to, and makes one of it where it does not come.
fn end(child: &mut Child, deadline: Instant) {
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Major, minor and patch, to be compared; None for what is no version.
pub(super) fn parts(version: &str) -> Option<[u64; 3]> {
    let release = version.split(['-', '+']).next()?;
    let numbers: Vec<u64> = release
        .split('.')
        .map(|number| number.parse().ok())
        .collect::<Option<_>>()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(parts("0.10.2"), Some([0, 10, 2]));
        assert!(parts("0.10.2") > parts("0.9.12"));
        assert_eq!(parts("1.0.0-rc.1"), Some([1, 0, 0]));
        for bad in ["", "1.0", "1.0.0.0", "one", "1.0.x", "99999999999999999999.0.0"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    #[test]
    fn answers() {
        assert!(matches!(read("weir 0.1.0\n"), Answer::Version(version) if version == "0.1.0"));
        let foreign = |text: &str, shown: &str| {
            let answer = read(text);
            assert!(
                matches!(&answer, Answer::Foreign(said) if said == shown),
                "{answer:?}"
            );
        };
        foreign("", "");
        foreign("weir of old\n", "weir of old");
        foreign("bash \u{1b}[31m5.2\nmore", "bash \\u{1b}[31m5.2");
    }
}
