//! Where it was measured, and what with.

use std::fmt;
use std::process::Command;

use serde_json::{Value, json};

use super::tools::Programs;
use crate::command;

/// The machine and the programs.
#[derive(Debug, Default)]
pub(super) struct Machine {
    processor: String,
    processors: usize,
    system: String,
    date: String,
    /// Others' work at the beginning: the load of the last minute.
    load: String,
    versions: Vec<(&'static str, String)>,
}

/// As the system says.
pub(super) fn describe(programs: &Programs) -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.map_or_else(
            || "?".to_owned(),
            |value| value.trim_matches([' ', '\t', ':', '=', '"']).to_owned(),
        )
    };
    Machine {
        processor: field(&read("/proc/cpuinfo"), "model name"),
        processors: std::thread::available_parallelism().map_or(0, usize::from),
        system: format!(
            "{}, Linux {}",
            field(&read("/etc/os-release"), "PRETTY_NAME"),
            read("/proc/sys/kernel/osrelease").trim()
        ),
        date: command::output(Command::new("date").args(["-u", "+%Y-%m-%d"]))
            .unwrap_or_default()
            .trim()
            .to_owned(),
        load: read("/proc/loadavg").split(' ').next().unwrap_or("?").to_owned(),
        versions: programs.versions(),
    }
}

impl Machine {
    pub(super) fn json(&self) -> Value {
        let versions: serde_json::Map<String, Value> = self
            .versions
            .iter()
            .map(|(name, version)| ((*name).to_owned(), json!(version)))
            .collect();
        json!({
            "processor": self.processor,
            "processors": self.processors,
            "system": self.system,
            "date": self.date,
            "load": self.load,
            "versions": versions,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} x {}, {}, {}, load {}",
            self.processors, self.processor, self.system, self.date, self.load
        )?;
        let versions: Vec<_> = self
            .versions
            .iter()
            .map(|(name, version)| format!("{name}: {version}"))
            .collect();
        write!(f, "{}", versions.join("; "))
    }
}
