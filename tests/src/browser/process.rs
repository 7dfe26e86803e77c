//! The processes of one browser: found by the home folder that only they have, so that none is left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: u32,
    /// The program file it runs.
    pub program: PathBuf,
    /// Its arguments, the program's name first.
    pub arguments: Vec<String>,
}

impl Process {
    /// True for the browser's own first process, false for its helpers (`--type=renderer` and the like).
    #[must_use]
    pub fn is_browser(&self) -> bool {
        let has = |start: &str| self.arguments.iter().any(|argument| argument.starts_with(start));
        has("--user-data-dir=") && !has("--type=")
    }

    /// Ends it at once (SIGKILL), as a crash would.
    pub fn kill(&self) {
        // A process that has just ended by itself is what we want too, so the status says nothing.
        let _ = Command::new("kill")
            .arg("-KILL")
            .arg(self.id.to_string())
            .stderr(Stdio::null())
            .status();
    }
}

/// Every running process that was started with `home` as its HOME, or names it on its command line.
/// Zombies are not running. Empty where there is no `/proc`.
#[must_use]
pub fn of_home(home: &Path) -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| process_of_home(&entry.path(), home))
        .collect()
}

fn process_of_home(folder: &Path, home: &Path) -> Option<Process> {
    let id = folder.file_name()?.to_str()?.parse().ok()?;
    let home = home.to_str()?;
    let command_line = fs::read(folder.join("cmdline")).ok()?;
    let environment = fs::read(folder.join("environ")).unwrap_or_default();
    let wanted = format!("HOME={home}");
    let belongs = environment
        .split(|&byte| byte == 0)
        .any(|variable| variable == wanted.as_bytes())
        || String::from_utf8_lossy(&command_line).contains(home);
    // A zombie keeps its folder until its parent reads its status, but its command line is gone.
    if !belongs || command_line.is_empty() {
        return None;
    }
    let arguments = command_line
        .split(|&byte| byte == 0)
        .filter(|argument| !argument.is_empty())
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect();
    Some(Process {
        id,
        program: fs::read_link(folder.join("exe")).unwrap_or_default(),
        arguments,
    })
}
