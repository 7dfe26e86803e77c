//! `cargo xtask fuzz`: the targets of `tests/fuzz`, on a stable compiler.
//!
//! cargo-fuzz asks for a nightly one, for the sake of sanitizers that code without `unsafe` has little use for. What
//! libFuzzer itself needs is coverage, and the compiler's LLVM has that pass whatever the channel.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::command;
use crate::say;
use crate::workspace::Workspace;

/// Coverage as libFuzzer reads it; assertions are on by the profile of `tests/fuzz`.
const INSTRUMENTATION: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Targets that run side by side.
const AT_A_TIME: usize = 2;

/// What CI gives each target.
pub(crate) const SECONDS_IN_CI: u32 = 20;

/// Which targets, and how long.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// How long each target runs
    #[arg(long, default_value_t = SECONDS_IN_CI)]
    seconds: u32,
    /// Only these targets (files of tests/fuzz/targets)
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            seconds: SECONDS_IN_CI,
            targets: Vec::new(),
        }
    }
}

/// Builds the targets and runs them from what was found before and from the seeds.
///
/// # Errors
/// When a target is unknown, does not build, or found something.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let all = targets(workspace)?;
    if let Some(unknown) = arguments.targets.iter().find(|name| !all.contains(name)) {
        bail!("there is no target {unknown}: {}", all.join(", "));
    }
    let chosen: Vec<&String> = all
        .iter()
        .filter(|name| arguments.targets.is_empty() || arguments.targets.contains(name))
        .collect();
    let programs = build(workspace)?;
    let mut found = Vec::new();
    for names in chosen.chunks(AT_A_TIME) {
        let mut running = Vec::new();
        for &name in names {
            let folder = workspace.target().join("fuzz").join(name);
            let corpus = folder.join("corpus");
            fs::create_dir_all(&corpus).with_context(|| corpus.display().to_string())?;
            let log = folder.join("log");
            let child = Command::new(programs.join(name))
                .args([
                    format!("-max_total_time={}", arguments.seconds),
                    "-timeout=10".to_owned(),
                    "-rss_limit_mb=1024".to_owned(),
                    "-max_len=65536".to_owned(),
                    "-print_final_stats=1".to_owned(),
                    format!("-artifact_prefix={}/", folder.display()),
                ])
                .arg(&corpus)
                .arg(workspace.root().join("tests/fuzz/seeds").join(name))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(fs::File::create(&log)?)
                .spawn()
                .with_context(|| format!("cannot start the target {name}"))?;
            running.push((name, child, log));
        }
        for (name, mut child, log) in running {
            let status = child.wait()?;
            let text = fs::read(&log).map(|text| String::from_utf8_lossy(&text).into_owned())?;
            say::line(&format!("{name:12}{}", summary(&text)));
            if !status.success() {
                say::line(
                    &text
                        .lines()
                        .rev()
                        .take(40)
                        .collect::<Vec<_>>()
                        .into_iter()
                        .rev()
                        .collect::<Vec<_>>()
                        .join("\n"),
                );
                found.push(name.as_str());
            }
        }
    }
    if !found.is_empty() {
        bail!(
            "found something: {} (inputs and logs are under target/fuzz)",
            found.join(", ")
        );
    }
    Ok(ExitCode::SUCCESS)
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
        "{:>12} executions, {:>6} a second, coverage {coverage}, new inputs {}",
        number("stat::number_of_executed_units:"),
        number("stat::average_exec_per_sec:"),
        number("stat::new_units_added:"),
    )
}

/// The names of the targets.
fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.root().join("tests/fuzz/targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort_unstable();
    Ok(names)
}

/// Builds all of them, in a target folder of its own: the instrumentation is in every crate. Returns where they are.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let host = command::output(Command::new("rustc").arg("-vV"))?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say which host it is for")?;
    let target = workspace.target().join("fuzz/build");
    command::run(
        command::cargo()
            .current_dir(workspace.root().join("tests/fuzz"))
            // Without a target the flags would go to build scripts and macros too.
            .args(["build", "--quiet", "--release", "--bins", "--target", host])
            .env("CARGO_TARGET_DIR", &target)
            .env("RUSTFLAGS", INSTRUMENTATION),
    )?;
    Ok(target.join(host).join("release"))
}
