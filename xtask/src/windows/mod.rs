//! The step `windows` of `cargo xtask test`: the host for Windows is built here, and run by wine.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::build::{self, Profile};
use crate::command;
use crate::say;
use crate::setup::windows::{self, TARGET};
use crate::workspace::Workspace;

/// Gets what is missing, lints and builds the host for Windows, makes a new prefix of wine's and runs `tests` in it.
///
/// # Errors
/// When something is missing and cannot be got, does not compile, or a test fails.
pub(crate) fn run(workspace: &Workspace, tests: &str) -> Result<()> {
    windows::ensure()?;
    let cargo = |task: &str| {
        let mut cargo = command::cargo();
        cargo.current_dir(workspace.root());
        cargo.args([task, "--package", "weir", "--target", TARGET]);
        cargo
    };
    command::run(cargo("clippy").args(["--quiet", "--lib", "--bins", "--", "-D", "warnings"]))?;
    say::timed("weir for Windows: cargo build", || {
        command::run(cargo("build").args(["--bin", "weir"]))
    })?;
    // What it makes is compared with what the one of this system makes.
    build::host(workspace, Profile::Dev)?;
    let folder = workspace.target().join("windows");
    let prefix = folder.join("prefix");
    make_prefix(&folder, &prefix)?;
    keep_running(&prefix)?;
    let mut test = command::cargo();
    test.current_dir(workspace.root())
        .args(["test", "--workspace", "--test", tests, "--", "--ignored"])
        .env("WINEPREFIX", &prefix)
        .env(
            "WEIR_WINDOWS_EXE",
            workspace.target().join(TARGET).join("debug/weir.exe"),
        );
    let outcome = command::run(quiet(&mut test));
    // The programs of this prefix, and no others.
    let ended = command::run(quiet(Command::new("wineserver").arg("-k")).env("WINEPREFIX", &prefix));
    outcome.and(ended)
}

/// A Windows in which nothing has been installed, whose user has a home of its own here.
fn make_prefix(folder: &Path, prefix: &Path) -> Result<()> {
    let home = folder.join("home");
    for folder in [prefix, &home] {
        if folder.exists() {
            std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    say::timed("wine: a new prefix", || {
        let mut boot = Command::new("wineboot");
        // Wine's folders of documents are links into the home.
        boot.arg("--init").env("WINEPREFIX", prefix).env("HOME", &home);
        boot.stdout(Stdio::null()).stderr(Stdio::null());
        command::run(quiet(&mut boot))?;
        add_random_source(&prefix.join("drive_c/windows/system32"))
    })
}

/// Has wine's own processes stay until the end: they are started by the first program, and hold its pipes as long as they live.
fn keep_running(prefix: &Path) -> Result<()> {
    for (program, arguments) in [
        ("wineserver", &["--wait"][..]),
        ("wineserver", &["--persistent"]),
        ("wineboot", &[]),
    ] {
        let mut command = Command::new(program);
        command.args(arguments).env("WINEPREFIX", prefix);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command::run(quiet(&mut command))?;
    }
    Ok(())
}

/// Every Windows has this library, and every program of Rust asks it for random bytes; wine has it from version 9 on.
fn add_random_source(system: &Path) -> Result<()> {
    let library = system.join("bcryptprimitives.dll");
    if library.exists() {
        return Ok(());
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/windows/bcryptprimitives.c");
    let mut compiler = Command::new("x86_64-w64-mingw32-gcc");
    compiler.args(["-shared", "-O1", "-o"]).arg(library).arg(source);
    command::run(compiler.arg("-ladvapi32"))
}

/// Wine says much about what is not here: a screen, 32-bit programs.
fn quiet(command: &mut Command) -> &mut Command {
    command.env("WINEDEBUG", "-all").env_remove("DISPLAY")
}
