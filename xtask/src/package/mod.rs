//! `cargo xtask package`: what people install who have no Rust. The extension for both kinds of browsers, the
//! host with all that belongs to it, and their digests.

mod archive;
mod lint;
mod versions;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::build::{self, Profile};
use crate::command;
use crate::say;
use crate::setup::{self, WasmToolchain};
use crate::workspace::Workspace;
use archive::{Contents, Effort, sha256};

/// Installs the host from its archive, and takes it away.
const INSTALL: &str = include_str!("install.sh");

/// What an archive of the host holds from the top folder of the sources.
const DOCUMENTS: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT", "README.md", "CHANGELOG.md"];

/// Sets up, builds with optimisations and packs into `dist`.
///
/// # Errors
/// When something is missing, does not compile, does not pass Mozilla's check or says another version.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let toolchain = setup::run(workspace)?;
    let folder = workspace.root().join("dist");
    pack(workspace, &toolchain, Profile::Release, &folder)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds and packs into `folder`, which is made anew; returns what is in it.
///
/// # Errors
/// Those of [`run`].
pub(crate) fn pack(
    workspace: &Workspace,
    toolchain: &WasmToolchain,
    profile: Profile,
    folder: &Path,
) -> Result<()> {
    let program = build::host(workspace, profile)?;
    let extension = build::extension(workspace, toolchain)?;
    let version = versions::check(workspace, &program)?;
    lint::check(workspace, &extension.firefox)?;
    let reference = reference(workspace)?;
    let packages = say::timed(&format!("packing into {}", folder.display()), || {
        let host = format!(
            "weir-{version}-{}-{}",
            std::env::consts::OS,
            std::env::consts::ARCH
        );
        let effort = match profile {
            Profile::Dev => Effort::Least,
            Profile::Release => Effort::Most,
        };
        let packages = [
            (
                format!("weir-extension-{version}-chromium.zip"),
                of_folder(&extension.chromium)?.zip()?,
            ),
            (
                format!("weir-extension-{version}-firefox.xpi"),
                of_folder(&extension.firefox)?.zip()?,
            ),
            (
                format!("{host}.tar.gz"),
                of_host(workspace, &program, &reference)?.tar_gz(&host, effort)?,
            ),
        ];
        write(folder, &packages)?;
        Ok(packages)
    })?;
    for (name, bytes) in packages {
        say::line(&format!(
            "{:>10} bytes  {}",
            bytes.len(),
            folder.join(name).display()
        ));
    }
    Ok(())
}

/// Completions and manual pages, by the command line itself.
fn reference(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target().join("reference");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    say::timed("completions and manual pages", || {
        // With the whole workspace, as the tests are: cargo joins the features of what is built together.
        command::run(
            command::cargo()
                .args(["build", "--quiet", "--workspace", "--example", "reference"])
                .current_dir(workspace.root()),
        )?;
        let program = format!("debug/examples/reference{}", std::env::consts::EXE_SUFFIX);
        command::run(Command::new(workspace.target().join(program)).arg(&folder))
    })?;
    Ok(folder)
}

fn of_folder(folder: &Path) -> Result<Contents> {
    let mut contents = Contents::default();
    contents.folder("", folder)?;
    Ok(contents)
}

fn of_host(workspace: &Workspace, program: &Path, reference: &Path) -> Result<Contents> {
    let mut contents = of_folder(reference)?;
    let name = program.file_name().and_then(|name| name.to_str());
    contents.program(name.context("the program has no name")?, read(program)?);
    for name in DOCUMENTS {
        contents.file(name, read(&workspace.root().join(name))?);
    }
    if cfg!(unix) {
        contents.program("install.sh", INSTALL.as_bytes().to_vec());
    }
    Ok(contents)
}

/// The packages, and their digests as `sha256sum --check` reads them.
fn write(folder: &Path, packages: &[(String, Vec<u8>)]) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut sums = Vec::new();
    for (name, bytes) in packages {
        let path = folder.join(name);
        std::fs::write(&path, bytes).with_context(|| path.display().to_string())?;
        sums.push(format!("{}  {name}\n", sha256(bytes)));
    }
    let path = folder.join("SHA256SUMS");
    std::fs::write(&path, sums.concat()).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| path.display().to_string())
}
