//! What the tasks tell the person who started them. The only place that prints.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Stdout is for a result alone.
static TO_STDERR: AtomicBool = AtomicBool::new(false);

/// From now on [`line()`] goes to stderr, and stdout is for [`result`].
#[cfg(target_os = "linux")]
pub(crate) fn lines_to_stderr() {
    TO_STDERR.store(true, Ordering::Relaxed);
}

/// What a program reads, on stdout.
#[cfg(target_os = "linux")]
pub(crate) fn result(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// One line on stdout. A reader that has gone away is no reason to stop.
pub(crate) fn line(text: &str) {
    if TO_STDERR.load(Ordering::Relaxed) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
        return;
    }
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
