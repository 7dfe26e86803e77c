//! What came out: medians, ratios, and whether they are what they should be.

use std::fmt::{self, Write as _};
use std::time::Duration;

use serde_json::{Value, json};

use super::machine::Machine;
use super::rows::{Contender, Measure, Row, Target};
use super::start::Fact;

const MEGABYTE: f64 = 1e6;

/// One run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub(super) wall: Duration,
    pub(super) cpu: Duration,
    pub(super) memory_bytes: u64,
    pub(super) written_bytes: u64,
    pub(super) output_bytes: u64,
    /// What saving where it is took of the wall time, where the program says so.
    pub(super) journal: Option<Duration>,
    pub(super) requests: usize,
    pub(super) connections: usize,
}

/// All runs so far.
#[derive(Debug)]
pub(super) struct Measured {
    machine: Machine,
    rows: Vec<Results>,
    facts: Vec<Fact>,
}

#[derive(Debug)]
struct Results {
    name: &'static str,
    title: &'static str,
    targets: Vec<Target>,
    /// What has to be asked for.
    requests: usize,
    runs: Vec<(Contender, Vec<Cell>)>,
}

/// A target and what became of it.
struct Verdict {
    words: String,
    value: f64,
    most: f64,
}

impl Measured {
    pub(super) fn new(machine: Machine) -> Self {
        Self {
            machine,
            rows: Vec::new(),
            facts: Vec::new(),
        }
    }

    /// The runs that follow are of this row, which takes so many requests.
    pub(super) fn begin(&mut self, row: &Row, requests: usize) {
        self.rows.push(Results {
            name: row.name,
            title: row.title,
            targets: row.targets.clone(),
            requests,
            runs: Vec::new(),
        });
    }

    pub(super) fn add(&mut self, contender: Contender, cell: Cell) {
        let Some(row) = self.rows.last_mut() else { return };
        match row.runs.iter_mut().find(|(known, _)| *known == contender) {
            Some((_, cells)) => cells.push(cell),
            None => row.runs.push((contender, vec![cell])),
        }
    }

    pub(super) fn facts(&mut self, facts: Vec<Fact>) {
        self.facts.extend(facts);
    }

    /// For people, in Markdown.
    pub(super) fn table(&self) -> String {
        let mut text = format!("\n{}\n", self.machine);
        for row in &self.rows {
            let _ = write!(
                text,
                "\n{}: {}\n\n| | wall s | CPU s | memory MB | disk / output | requests | connections |\n|---|---|---|---|---|---|---|\n",
                row.name, row.title
            );
            for (contender, _) in &row.runs {
                let value = |measure| row.median(contender.name, measure).unwrap_or(f64::NAN);
                let _ = writeln!(
                    text,
                    "| {} | {:.2} | {:.2} | {:.0} | {:.3} | {:+.0} | {:.0} |",
                    contender.name,
                    value(Measure::Wall),
                    value(Measure::Cpu),
                    value(Measure::Memory),
                    value(Measure::Written),
                    value(Measure::Requests),
                    row.connections(contender.name),
                );
            }
            text.push('\n');
            for verdict in row.verdicts() {
                let _ = writeln!(text, "{verdict}");
            }
        }
        if !self.facts.is_empty() {
            text.push_str("\nstart:\n\n");
        }
        for fact in &self.facts {
            let verdict = Verdict {
                words: fact.words.to_owned(),
                value: fact.value,
                most: fact.most,
            };
            let _ = writeln!(text, "{verdict}");
        }
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Results::json).collect();
        let facts: Vec<Value> = self
            .facts
            .iter()
            .map(|fact| json!({ "what": fact.words, "value": fact.value, "most": fact.most, "met": fact.value <= fact.most }))
            .collect();
        json!({ "machine": self.machine.json(), "rows": rows, "start": facts })
    }
}

impl Results {
    /// The middle value of a contender's runs; None where it did not run.
    fn median(&self, contender: &str, measure: Measure) -> Option<f64> {
        let (_, cells) = self.runs.iter().find(|(known, _)| known.name == contender)?;
        median(cells.iter().map(|cell| cell.value(measure, self.requests)))
    }

    fn connections(&self, contender: &str) -> f64 {
        let runs = self.runs.iter().find(|(known, _)| known.name == contender);
        runs.and_then(|(_, cells)| median(cells.iter().map(|cell| number(cell.connections))))
            .unwrap_or(f64::NAN)
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let verdict = |target: &Target| {
            let own = self.median(target.of, target.measure)?;
            let (value, words) = match target.against {
                Some(other) => (
                    own / self.median(other, target.measure)?,
                    format!("{} of {}, times {other}", target.measure, target.of),
                ),
                None => (own, format!("{} of {}", target.measure, target.of)),
            };
            Some(Verdict {
                words,
                value,
                most: target.most,
            })
        };
        self.targets.iter().filter_map(verdict).collect()
    }

    fn json(&self) -> Value {
        let runs: Vec<Value> = self
            .runs
            .iter()
            .map(|(contender, cells)| {
                let runs: Vec<Value> = cells.iter().map(Cell::json).collect();
                json!({ "who": contender.name, "runs": runs })
            })
            .collect();
        let targets: Vec<Value> = self
            .verdicts()
            .into_iter()
            .map(|verdict| {
                json!({ "what": verdict.words, "value": verdict.value, "most": verdict.most, "met": verdict.is_met() })
            })
            .collect();
        json!({ "name": self.name, "title": self.title, "requests_needed": self.requests, "contenders": runs, "targets": targets })
    }
}

impl Cell {
    #[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
    fn value(&self, measure: Measure, requests: usize) -> f64 {
        match measure {
            Measure::Wall => self.wall.as_secs_f64(),
            Measure::Cpu => self.cpu.as_secs_f64(),
            Measure::Memory => self.memory_bytes as f64 / MEGABYTE,
            Measure::Written => self.written_bytes as f64 / self.output_bytes as f64,
            Measure::Journal => self
                .journal
                .map_or(f64::NAN, |spent| spent.as_secs_f64() / self.wall.as_secs_f64()),
            Measure::Requests => number(self.requests) - number(requests),
            Measure::Connections { at_a_time } => number(self.connections) - number(at_a_time),
        }
    }

    fn json(&self) -> Value {
        json!({
            "wall_seconds": self.wall.as_secs_f64(),
            "cpu_seconds": self.cpu.as_secs_f64(),
            "memory_bytes": self.memory_bytes,
            "written_bytes": self.written_bytes,
            "output_bytes": self.output_bytes,
            "journal_seconds": self.journal.map(|spent| spent.as_secs_f64()),
            "requests": self.requests,
            "connections": self.connections,
        })
    }
}

impl fmt::Display for Cell {
    #[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:7.2} s wall {:7.2} s CPU {:5.0} MB",
            self.wall.as_secs_f64(),
            self.cpu.as_secs_f64(),
            self.memory_bytes as f64 / MEGABYTE
        )
    }
}

impl Verdict {
    fn is_met(&self) -> bool {
        self.value <= self.most
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.is_met() { "met" } else { "NOT MET" };
        write!(
            f,
            "- {}: {:.3}, at most {}: {how}",
            self.words, self.value, self.most
        )
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wall => "wall time",
            Self::Cpu => "CPU time",
            Self::Memory => "resident megabytes",
            Self::Written => "bytes to the disk over those of the output",
            Self::Journal => "points of the journal over the wall time",
            Self::Requests => "requests beyond those that it takes",
            Self::Connections { .. } => "connections beyond one for each segment at a time",
        })
    }
}

/// The middle one; of two in the middle their mean.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = *values.get(half)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values
        .get(half.checked_sub(1)?)
        .map(|lower| f64::midpoint(*lower, upper))
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rows;

    fn cell(milliseconds: u64) -> Cell {
        Cell {
            wall: Duration::from_millis(milliseconds),
            cpu: Duration::from_millis(milliseconds / 2),
            memory_bytes: 33_000_000,
            written_bytes: 1_010,
            output_bytes: 1_000,
            journal: None,
            requests: 603,
            connections: 18,
        }
    }

    #[test]
    fn medians() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0].into_iter()), Some(2.5));
        assert_eq!(median(std::iter::empty()), None);
    }

    #[test]
    fn targets_are_judged_by_medians_and_only_of_who_ran() {
        let row = rows::all().into_iter().find(|row| row.name == "clear").unwrap();
        let mut measured = Measured::new(Machine::default());
        measured.begin(&row, 601);
        for contender in &row.contenders {
            let times = match contender.name {
                "weir" => [400, 9000, 500],
                "ffmpeg" => [1000, 1000, 1000],
                "weir, 16" => [1, 1, 1],
                _ => continue,
            };
            for time in times {
                measured.add(*contender, cell(time));
            }
        }
        let verdicts = measured.rows[0].verdicts();
        let of = |words: &str| {
            verdicts
                .iter()
                .find(|verdict| verdict.words.contains(words))
                .unwrap()
        };
        assert!((of("wall time of weir, times ffmpeg").value - 0.5).abs() < 1e-9);
        assert!(of("wall time of weir, times ffmpeg").is_met());
        assert!(!of("resident").is_met());
        assert!((of("requests").value - 2.0).abs() < 1e-9);
        assert!((of("connections").value - 2.0).abs() < 1e-9);
        assert!(
            verdicts.iter().all(|verdict| !verdict.words.contains("floor")),
            "the floor did not run"
        );
        assert!(measured.table().contains("NOT MET"));
        assert_eq!(
            measured.json()["rows"][0]["contenders"][0]["runs"]
                .as_array()
                .unwrap()
                .len(),
            3
        );
    }
}
