//! `cargo xtask fuzz`: the targets of `tests/fuzz`, on a stable compiler.
//!
//! cargo-fuzz asks for a nightly one, for the sake of sanitizers that code without `unsafe` has little use for. What
//! libFuzzer itself needs is coverage, and the compiler's LLVM has that pass whatever the channel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use crate::command;
use crate::say;
use crate::workspace::Workspace;

/// Of the workspace of the targets.
pub(crate) const MANIFEST: &str = "tests/fuzz/Cargo.toml";

/// Coverage as libFuzzer reads it; assertions are on by the profile of `tests/fuzz`.
const INSTRUMENTATION: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Targets that run side by side.
const AT_A_TIME: usize = 2;

/// An input of at most [`MAX_INPUT_BYTES`] that takes this long is as good as a crash: something costs its square.
const TIMEOUT_SECONDS: u32 = 5;

const MAX_INPUT_BYTES: usize = 1 << 16;

/// No input of this size is worth more memory.
const MAX_MEGABYTES: usize = 1024;

/// One file of `tests/fuzz/src/targets`.
struct Target {
    name: &'static str,
    /// What CI gives it.
    seconds_in_ci: u32,
    /// Words that chance alone would not find: a file of `tests/fuzz/dictionaries`.
    words: Option<&'static str>,
    /// Seeds of other targets that it reads too, and fixtures: folders of `tests`.
    also_from: &'static [&'static str],
}

impl Target {
    const fn new(name: &'static str, seconds_in_ci: u32) -> Self {
        Self {
            name,
            seconds_in_ci,
            words: None,
            also_from: &[],
        }
    }

    const fn with_words(self, words: &'static str) -> Self {
        Self {
            words: Some(words),
            ..self
        }
    }

    const fn also_from(self, also_from: &'static [&'static str]) -> Self {
        Self { also_from, ..self }
    }
}

/// All targets. What the issue asks 20 seconds for has them.
const TARGETS: [Target; 15] = [
    Target::new("playlist", 20).with_words("playlist"),
    Target::new("attributes", 20).with_words("playlist"),
    Target::new("plan", 20)
        .with_words("playlist")
        .also_from(&["fuzz/seeds/playlist"]),
    Target::new("live", 10)
        .with_words("playlist")
        .also_from(&["fuzz/seeds/playlist"]),
    Target::new("urls", 10),
    Target::new("frames", 10).also_from(&["fixtures/frames"]),
    Target::new("ts", 20),
    Target::new("fmp4", 20),
    Target::new("packed", 20),
    Target::new("webvtt", 20).with_words("webvtt"),
    Target::new("writer", 20),
    Target::new("merge", 10),
    Target::new("cookies", 10),
    Target::new("names", 5),
    Target::new("journal", 10),
];

/// Which targets, and how long.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Arguments {
    /// How long each target runs; as in CI unless it is given
    #[arg(long)]
    seconds: Option<u32>,
    /// Only these targets (files of tests/fuzz/src/targets)
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// What chance begins with; 0 for another beginning every time
    #[arg(long, default_value_t = 0)]
    seed: u32,
}

impl Arguments {
    /// What CI runs: the same beginning every time, so that it turns red by what was changed and not by luck.
    pub(crate) fn of_ci() -> Self {
        Self {
            seed: 1,
            ..Self::default()
        }
    }
}

/// Builds the targets and runs them from what was found before and from the seeds.
///
/// # Errors
/// When a target is unknown, does not build, or found something.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let unknown = |name: &&String| !TARGETS.iter().any(|target| target.name == **name);
    if let Some(name) = arguments.targets.iter().find(unknown) {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        bail!("there is no target {name}: {}", names.join(", "));
    }
    let is_chosen = |target: &&Target| {
        arguments.targets.is_empty() || arguments.targets.iter().any(|name| name == target.name)
    };
    let chosen: Vec<&Target> = TARGETS.iter().filter(is_chosen).collect();
    let program = build(workspace)?;
    let mut found = Vec::new();
    for pair in chosen.chunks(AT_A_TIME) {
        let running: Vec<Running> = pair
            .iter()
            .map(|target| start(workspace, &program, target, arguments))
            .collect::<Result<_>>()?;
        for running in running {
            let name = running.name;
            if !running.finish()?.success() {
                found.push(name);
            }
        }
    }
    if !found.is_empty() {
        bail!("found something: {}", found.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

/// A target at work.
struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

fn start(workspace: &Workspace, program: &Path, target: &Target, arguments: &Arguments) -> Result<Running> {
    let sources = workspace.root().join("tests");
    let folder = workspace.target().join("fuzz").join(target.name);
    // What is found is kept here, and read again with the next run.
    let corpus = folder.join("corpus");
    fs::create_dir_all(&corpus).with_context(|| corpus.display().to_string())?;
    let log = folder.join("log");
    let seconds = arguments.seconds.unwrap_or(target.seconds_in_ci);
    let mut command = Command::new(program);
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={TIMEOUT_SECONDS}"))
        .arg(format!("-rss_limit_mb={MAX_MEGABYTES}"))
        .arg(format!("-max_len={MAX_INPUT_BYTES}"))
        .arg(format!("-seed={}", arguments.seed))
        .arg("-print_final_stats=1")
        .arg(format!("-artifact_prefix={}/", folder.display()));
    if let Some(words) = target.words {
        let file = sources.join("fuzz/dictionaries").join(words);
        command.arg(format!("-dict={}", file.display()));
    }
    // Inputs to begin with, and those that have found something.
    let own = ["fuzz/seeds", "fuzz/found"].map(|folder| sources.join(folder).join(target.name));
    let others = target.also_from.iter().map(|folder| sources.join(folder));
    let child = command
        .arg(&corpus)
        .args(own.into_iter().chain(others).filter(|folder| folder.is_dir()))
        .env("WEIR_FUZZ_TARGET", target.name)
        // No target is to find an ffmpeg and start it.
        .env("PATH", "")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log)?)
        .spawn()
        .with_context(|| format!("cannot start the target {}", target.name))?;
    Ok(Running {
        name: target.name,
        child,
        log,
    })
}

impl Running {
    /// Waits for the end and says what became of it.
    fn finish(mut self) -> Result<ExitStatus> {
        /// Of the log of a target that found something: what went wrong, and the input.
        const LINES: usize = 40;
        let status = self.child.wait()?;
        let text = fs::read(&self.log).map(|text| String::from_utf8_lossy(&text).into_owned())?;
        say::line(&format!("{:12}{}", self.name, summary(&text)));
        if !status.success() {
            let lines: Vec<&str> = text.lines().collect();
            let end = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or(&lines);
            say::line(&end.join("\n"));
            say::line(&format!("{}: the rest is in {}", self.name, self.log.display()));
        }
        Ok(status)
    }
}

/// Executions and coverage, from libFuzzer's last words.
fn summary(log: &str) -> String {
    let number = |name: &str| {
        let line = log.lines().find_map(|line| line.strip_prefix(name));
        line.map_or("?", str::trim).to_owned()
    };
    let coverage = log.lines().rev().find_map(|line| line.split("cov: ").nth(1));
    let coverage = coverage.and_then(|rest| rest.split(' ').next()).unwrap_or("?");
    format!(
        "{:>12} executions, {:>6} a second, coverage {coverage}, {} new inputs, the slowest took {} s, {} MB",
        number("stat::number_of_executed_units:"),
        number("stat::average_exec_per_sec:"),
        number("stat::new_units_added:"),
        number("stat::slowest_unit_time_sec:"),
        number("stat::peak_rss_mb:"),
    )
}

/// Builds the program that all of them are in, in a target folder of its own: the instrumentation is in every crate.
/// Returns where it is.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let host = command::output(Command::new("rustc").arg("-vV"))?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say which host it is for")?;
    let target = workspace.target().join("fuzz/build");
    command::run(
        command::cargo()
            .current_dir(workspace.root())
            .args([
                "build",
                "--quiet",
                "--release",
                "--bins",
                "--manifest-path",
                MANIFEST,
            ])
            // Without a target the flags would go to build scripts and macros too.
            .args(["--target", host])
            .env("CARGO_TARGET_DIR", &target)
            .env("RUSTFLAGS", INSTRUMENTATION),
    )?;
    Ok(target.join(host).join("release/weir-fuzz"))
}
