//! A job's progress and end, for a terminal, a pipe or a program. Stdout has the result, stderr the way
//! there; neither may be missed when it is closed.

use std::fmt;
use std::io::{IsTerminal as _, stderr, stdout};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use weir_core::protocol::{Event, Finished, Progress, SegmentCounts, Verdict};

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// For people: a bar on a terminal, lines elsewhere.
    Human,
    /// One JSON event a line on stdout.
    Json,
    /// Only what went wrong.
    Quiet,
}

/// Tells of one job.
#[derive(Debug)]
pub struct Reporter {
    style: Style,
    bar: Option<ProgressBar>,
    /// What is counted.
    unit: &'static str,
    told: Instant,
}

impl Reporter {
    /// A reporter; a bar appears with the first progress.
    #[must_use]
    pub fn new(style: Style) -> Self {
        let bar = (style == Style::Human && stderr().is_terminal()).then(ProgressBar::no_length);
        let mut reporter = Self {
            style,
            bar,
            unit: "",
            told: Instant::now(),
        };
        reporter.counts("segments");
        reporter
    }

    /// What is counted is files.
    pub fn counts_files(&mut self) {
        self.counts("files");
    }

    fn counts(&mut self, unit: &'static str) {
        self.unit = unit;
        let template = format!("{{bar:30}} {{pos}}/{{len}} {unit}  {{msg}}  {{elapsed}} elapsed");
        if let (Some(bar), Ok(shape)) = (&self.bar, ProgressStyle::with_template(&template)) {
            bar.set_style(shape);
        }
    }

    /// How often it wants to hear of progress.
    #[must_use]
    pub fn interval(&self) -> Duration {
        match (self.style, &self.bar) {
            (Style::Human, Some(_)) => Duration::from_millis(100),
            (Style::Human, None) => Duration::from_secs(2),
            (Style::Json | Style::Quiet, _) => Duration::from_millis(500),
        }
    }

    /// The job goes on.
    pub fn progress(&mut self, progress: &Progress) {
        match (self.style, &self.bar) {
            (Style::Json, _) => line(&mut stdout(), &json(&Event::Progress(progress.clone()))),
            (Style::Human, Some(bar)) if progress.recorded_seconds.is_some() => {
                if let Ok(shape) = ProgressStyle::with_template("{spinner} {msg}") {
                    bar.set_style(shape);
                }
                bar.tick();
                bar.set_message(format!("{} (Ctrl-C ends it)", way(progress, self.unit)));
            }
            (Style::Human, Some(bar)) => {
                bar.set_length(progress.segments.total);
                bar.set_position(progress.segments.fetched);
                bar.set_message(rates(progress));
            }
            (Style::Human, None) if self.told.elapsed() >= self.interval() => {
                self.told = Instant::now();
                line(&mut stderr(), &way(progress, self.unit));
            }
            _ => {}
        }
    }

    /// The job has ended.
    pub fn finished(&self, finished: &Finished) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.style == Style::Json {
            line(&mut stdout(), &json(&Event::Finished(finished.clone())));
        }
        if let Some(error) = &finished.error
            && self.style != Style::Json
        {
            line(&mut stderr(), &format!("weir: {}", error.message));
        }
        if self.style == Style::Human {
            result(finished);
        }
    }
}

/// Writes one line, and does not mind when nobody reads it.
pub(crate) fn line(to: &mut impl std::io::Write, text: &str) {
    let _ = writeln!(to, "{text}");
    let _ = to.flush();
}

/// The gaps, what else there is to know, and where the file is, for people.
fn result(finished: &Finished) {
    for gap in finished.gaps.iter().take(20) {
        let text = format!(
            "missing: segment {} of track {}, {:.1} s from {:.1} s on",
            gap.sequence.0, gap.track, gap.duration_seconds, gap.start_seconds
        );
        line(&mut stderr(), &text);
    }
    for warning in &finished.warnings {
        line(&mut stderr(), &format!("note: {}", printable(warning)));
    }
    let Some(output) = &finished.output else { return };
    match finished.verdict {
        Verdict::Complete | Verdict::Incomplete => {
            let verdict = if finished.verdict == Verdict::Complete {
                "complete"
            } else {
                "incomplete"
            };
            let size = Bytes(finished.bytes);
            let plays = finished.duration_seconds > 0.0;
            let duration = plays.then(|| format!(", {}", Clock(finished.duration_seconds)));
            let duration = duration.unwrap_or_default();
            line(&mut stdout(), &format!("{output} ({verdict}, {size}{duration})"));
        }
        Verdict::Failed | Verdict::Cancelled => {
            line(&mut stderr(), &format!("kept what was written: {output}"));
            line(
                &mut stderr(),
                "`weir resume ID` goes on from there; `weir jobs` names the ID",
            );
        }
    }
}

/// Text from a server without what would steer a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect()
            } else {
                vec![c]
            }
        })
        .collect()
}

fn json(event: &Event) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

/// How far a job is, in words.
fn way(progress: &Progress, unit: &str) -> String {
    let SegmentCounts { total, fetched, .. } = progress.segments;
    match progress.recorded_seconds {
        Some(seconds) => format!(
            "recording {}, {fetched} {unit}, {}",
            Clock(seconds),
            rates(progress)
        ),
        None => format!("{fetched}/{total} {unit}, {}", rates(progress)),
    }
}

fn rates(progress: &Progress) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rounded rate for people"
    )]
    let speed = progress.bytes_per_second as u64;
    let left = progress
        .eta_seconds
        .map(|seconds| format!(", {} left", Clock(seconds)))
        .unwrap_or_default();
    format!("{}, {}/s{left}", Bytes(progress.bytes), Bytes(speed))
}

/// Bytes for people, in powers of ten.
struct Bytes(u64);

impl fmt::Display for Bytes {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.0 as f64;
        for unit in ["B", "kB", "MB", "GB"] {
            if value < 999.95 {
                return if unit == "B" {
                    write!(f, "{value} B")
                } else {
                    write!(f, "{value:.1} {unit}")
                };
            }
            value /= 1000.0;
        }
        write!(f, "{value:.1} TB")
    }
}

/// Seconds as `h:mm:ss` or `m:ss`.
pub(crate) struct Clock(pub(crate) f64);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates"
        )]
        let seconds = self.0.max(0.0).round() as u64;
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours > 0 {
            write!(f, "{hours}:{minutes:02}:{seconds:02}")
        } else {
            write!(f, "{minutes}:{seconds:02}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        let shown =
            [0, 999, 1_000, 999_949, 1_500_000, 2_000_000_000_000].map(|bytes| Bytes(bytes).to_string());
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "999.9 kB", "1.5 MB", "2.0 TB"]);
        let shown = [0.0, 59.6, 61.0, 36_000.0, -1.0].map(|seconds| Clock(seconds).to_string());
        assert_eq!(shown, ["0:00", "1:00", "1:01", "10:00:00", "0:00"]);
    }
}
