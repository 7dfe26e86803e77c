//! `cargo xtask test`: everything that CI checks, step by step, until one fails.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::ValueEnum;

use crate::build::{self, Profile};
use crate::command;
use crate::counts;
use crate::faults;
use crate::fuzz;
use crate::package;
use crate::say;
use crate::setup::{self, WasmToolchain};
use crate::wasm_size;
use crate::wasm_test;
use crate::windows;
use crate::workspace::Workspace;

/// The target with the browser end to end, which has a step of its own.
const BROWSER_TESTS: &str = "browser";

/// The target with what is unpacked and installed, which has a step of its own too.
const PACKAGE_TESTS: &str = "package";

/// The target with what is only on Windows, which has a step of its own as well.
const WINDOWS_TESTS: &str = "windows";

/// What the tests' own step leaves to others.
const TESTS_OF_STEPS: &[&str] = &[BROWSER_TESTS, PACKAGE_TESTS, WINDOWS_TESTS];

/// What to check.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Arguments {
    /// Only this step (and the build, where it needs one)
    #[arg(long, value_name = "STEP")]
    only: Option<Step>,
    /// Only the tables of faults and of bad inputs, and how each row came out
    #[arg(long, conflicts_with = "only")]
    faults: bool,
}

/// In the order in which they run: what fails fast comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// cargo fmt --check
    Format,
    /// cargo clippy with warnings denied, for the host
    Lint,
    /// Everything that the following steps run
    Build,
    /// cargo clippy with warnings denied, for wasm
    LintWasm,
    /// The budget of the wasm module
    Size,
    /// tsc --checkJs and node --test
    Extension,
    /// Unit, property, integration and documentation tests
    Test,
    /// What the engine's parts take, in instructions, held to budgets (Linux)
    Counts,
    /// Every fuzz target for a moment
    Fuzz,
    /// The wasm exports in a worker of headless Chromium
    Wasm,
    /// From click to file in Chromium and Firefox
    Browser,
    /// Only when it is named. What is shipped: packed, checked by Mozilla's linter, unpacked and installed in an empty home
    Package,
    /// Only when it is named. The host for Windows: built with mingw, its code linted, its tests run by wine (Linux)
    Windows,
    /// cargo doc with warnings denied
    Docs,
}

/// A step that has run, or was not come to.
struct Ran {
    step: Step,
    time: Duration,
    failure: Option<anyhow::Error>,
}

/// Sets up, then runs the steps; a summary of them comes last.
///
/// # Errors
/// When setup fails. A failed step is an exit code.
pub(crate) fn run(workspace: &Workspace, arguments: Arguments) -> Result<ExitCode> {
    let toolchain = setup::run(workspace)?;
    if arguments.faults {
        Step::Build.run(workspace, &toolchain)?;
        return faults::run(workspace);
    }
    let steps: Vec<Step> = match arguments.only {
        None => Step::value_variants()
            .iter()
            .copied()
            .filter(|step| !matches!(step, Step::Package | Step::Windows))
            .collect(),
        Some(step) if step.needs_build() => vec![Step::Build, step],
        Some(step) => vec![step],
    };
    let mut ran = Vec::new();
    for &step in &steps {
        say::line(&format!("\n=== {}", step.name()));
        let begin = Instant::now();
        let failure = step.run(workspace, &toolchain).err();
        let failed = failure.is_some();
        ran.push(Ran {
            step,
            time: begin.elapsed(),
            failure,
        });
        if failed {
            break;
        }
    }
    Ok(summary(&steps, &ran))
}

impl Step {
    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    fn needs_build(self) -> bool {
        match self {
            // Packing builds what it packs.
            Self::Format
            | Self::Lint
            | Self::Build
            | Self::LintWasm
            | Self::Counts
            | Self::Fuzz
            | Self::Package
            | Self::Windows
            | Self::Docs => false,
            Self::Size | Self::Extension | Self::Test | Self::Wasm | Self::Browser => true,
        }
    }

    fn run(self, workspace: &Workspace, toolchain: &WasmToolchain) -> Result<()> {
        let cargo = || {
            let mut cargo = command::cargo();
            cargo.current_dir(workspace.root());
            cargo
        };
        match self {
            Self::Format => {
                command::run(cargo().args(["fmt", "--all", "--check"]))?;
                command::run(cargo().args(["fmt", "--check", "--manifest-path", fuzz::MANIFEST]))
            }
            Self::Lint => command::run(
                cargo()
                    .args(["clippy", "--quiet", "--workspace", "--all-targets"])
                    .args(["--", "-D", "warnings"]),
            ),
            Self::Build => {
                build::host(workspace, Profile::Dev)?;
                build::extension(workspace, toolchain).map(drop)
            }
            Self::LintWasm => command::run(
                toolchain
                    .command(workspace, "cargo")?
                    .current_dir(workspace.root())
                    .args([
                        "clippy",
                        "--quiet",
                        "--package",
                        "weir-wasm",
                        "--all-targets",
                        "--no-deps",
                    ])
                    .args(["--target", "wasm32-unknown-unknown", "--", "-D", "warnings"]),
            ),
            Self::Size => wasm_size::check(workspace),
            Self::Extension => extension(workspace),
            Self::Test => {
                command::run(
                    cargo().args(["test", "--workspace", "--lib", "--bins"]).args(
                        workspace
                            .integration_tests()
                            .into_iter()
                            .filter(|name| !TESTS_OF_STEPS.contains(&name.as_str()))
                            .flat_map(|name| ["--test".to_owned(), name]),
                    ),
                )?;
                command::run(cargo().args(["test", "--quiet", "--workspace", "--doc"]))
            }
            Self::Counts => counts::check(workspace),
            Self::Fuzz => fuzz::run(workspace, &fuzz::Arguments::of_ci()).map(drop),
            Self::Wasm => wasm_test::run(workspace, toolchain),
            Self::Browser => command::run(cargo().args(["test", "--workspace", "--test", BROWSER_TESTS])),
            Self::Package => {
                let folder = workspace.target().join("package");
                package::pack(workspace, toolchain, Profile::Dev, &folder)?;
                command::run(cargo().args(["test", "--workspace", "--test", PACKAGE_TESTS]))
            }
            Self::Windows => windows::run(workspace, WINDOWS_TESTS),
            Self::Docs => command::run(
                cargo()
                    .args(["doc", "--quiet", "--workspace", "--no-deps"])
                    .env("RUSTDOCFLAGS", "-D warnings"),
            ),
        }
    }
}

fn extension(workspace: &Workspace) -> Result<()> {
    let folder = workspace.root().join("extension");
    let tsc = folder.join("node_modules/typescript/bin/tsc");
    command::run(
        Command::new("node")
            .arg(tsc)
            .args(["--project", "tsconfig.json"])
            .current_dir(&folder),
    )?;
    command::run(Command::new("node").arg("--test").current_dir(&folder))
}

/// The table of the steps, and the line that CI counts.
fn summary(steps: &[Step], ran: &[Ran]) -> ExitCode {
    say::line("\n=== summary");
    for &step in steps {
        let line = match ran.iter().find(|ran| ran.step == step) {
            None => format!("{:10}  not run", step.name()),
            Some(Ran {
                time, failure: None, ..
            }) => format!("{:10}  ok      {:>12}", step.name(), say::seconds(*time)),
            Some(Ran {
                time,
                failure: Some(_),
                ..
            }) => format!("{:10}  FAILED  {:>12}", step.name(), say::seconds(*time)),
        };
        say::line(&line);
    }
    let failed = ran.iter().find_map(|ran| ran.failure.as_ref());
    let passed = ran.iter().filter(|ran| ran.failure.is_none()).count();
    say::line(&format!(
        "steps: {passed} passed, {} failed",
        usize::from(failed.is_some())
    ));
    failed.map_or(ExitCode::SUCCESS, |error| {
        say::error(error);
        ExitCode::FAILURE
    })
}
