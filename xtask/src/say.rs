//! What the tasks tell the person who started them. The only place that prints.

use std::io::Write;
use std::time::{Duration, Instant};

/// One line on stdout. A reader that has gone away is no reason to stop.
pub(crate) fn line(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{text}");
    let _ = stdout.flush();
}

/// An error with its causes, on stderr.
pub(crate) fn error(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr().lock(), "error: {error:#}");
}

/// Runs `work` between two lines: what it does, and how long that took.
///
/// # Errors
/// Those of `work`.
pub(crate) fn timed<T>(what: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    line(&format!("==> {what}"));
    let begin = Instant::now();
    let outcome = work();
    let how = if outcome.is_ok() { "done" } else { "failed" };
    line(&format!("    {how} in {}", seconds(begin.elapsed())));
    outcome
}

/// A duration as people read it.
pub(crate) fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    if whole >= 60 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}
