//! Programs from the system's package manager: the browsers, ffmpeg, node.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command;
use crate::say;

/// One program: any of `names` will do.
struct Program {
    names: &'static [&'static str],
    debian_package: &'static str,
    purpose: &'static str,
    by_hand: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program {
        names: &["chromium", "chromium-browser"],
        debian_package: "chromium",
        purpose: "the browser of the demo and the tests",
        by_hand: "brew install --cask chromium; winget install Hibbiki.Chromium",
    },
    Program {
        names: &["chromedriver"],
        debian_package: "chromium-driver",
        purpose: "drives the browser",
        by_hand: "brew install --cask chromedriver; npm install --global chromedriver",
    },
    Program {
        names: &["firefox-esr", "firefox"],
        debian_package: "firefox-esr",
        purpose: "the other browser of the tests",
        by_hand: "brew install --cask firefox@esr; winget install Mozilla.Firefox.ESR",
    },
    Program {
        names: &["ffmpeg"],
        debian_package: "ffmpeg",
        purpose: "makes the test streams and checks what Weir wrote",
        by_hand: "brew install ffmpeg; winget install Gyan.FFmpeg",
    },
    Program {
        names: &["c++", "g++", "clang++"],
        debian_package: "g++",
        purpose: "compiles libFuzzer, which looks for inputs that make the readers fail",
        by_hand: "xcode-select --install; the C++ tools of Visual Studio",
    },
    Program {
        names: &["node"],
        debian_package: "nodejs",
        purpose: "runs the extension's unit tests",
        by_hand: "brew install node; winget install OpenJS.NodeJS.LTS",
    },
    Program {
        names: &["npm"],
        debian_package: "npm",
        purpose: "fetches the TypeScript compiler that checks the extension",
        by_hand: "comes with node",
    },
];

/// Finds every program, or installs the missing ones where apt is the package manager.
///
/// # Errors
/// Names what is missing and how to get it.
pub(super) fn ensure() -> Result<()> {
    if missing().is_empty() {
        return Ok(());
    }
    if has_apt() {
        let packages: Vec<_> = missing().iter().map(|program| program.debian_package).collect();
        apt_install(&packages)?;
    }
    let still: Vec<_> = missing().iter().map(|program| by_hand(program)).collect();
    if !still.is_empty() {
        bail!("{}", still.join("\n"));
    }
    Ok(())
}

/// Is this a system of the Debian family?
pub(super) fn has_apt() -> bool {
    command::find("apt-get", &search_path()).is_some()
}

/// Installs Debian packages, through sudo when not root.
///
/// # Errors
/// When apt or sudo fails.
pub(crate) fn apt_install(packages: &[&str]) -> Result<()> {
    say::timed(
        &format!("{}: installing with apt-get", packages.join(", ")),
        || {
            // A new machine has no package lists, an old one stale ones.
            command::run(apt_get().args(["update", "-qq"]))?;
            command::run(
                apt_get()
                    .args([
                        "install",
                        "-y",
                        "-qq",
                        "--no-install-recommends",
                        "-o",
                        "Dpkg::Use-Pty=0",
                    ])
                    .args(packages),
            )
        },
    )
}

fn apt_get() -> Command {
    let mut command = if command::is_root() {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    } else {
        let mut command = Command::new("sudo");
        // Without a terminal there is nobody to type the password: say so at once.
        command.args([
            "--non-interactive",
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
        ]);
        command
    };
    command.stdout(std::process::Stdio::null());
    command
}

fn missing() -> Vec<&'static Program> {
    let path = search_path();
    let is_missing = |program: &&Program| {
        program
            .names
            .iter()
            .all(|name| command::find(name, &path).is_none())
    };
    PROGRAMS.iter().filter(is_missing).collect()
}

fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

fn by_hand(program: &Program) -> String {
    let name = program.names.first().copied().unwrap_or(program.debian_package);
    format!(
        "  {name} ({}) is missing. Debian, Ubuntu: sudo apt install {}; elsewhere: {}",
        program.purpose, program.debian_package, program.by_hand
    )
}
