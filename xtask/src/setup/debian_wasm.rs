//! The wasm target where rustup's server cannot be reached: Debian ships a current compiler for its
//! browsers (`rustc-web`), with the standard library's source but not its wasm build. That is built
//! once, into a folder under `target/tools`; nothing outside of it changes but the packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::programs;
use super::wasm_target::TARGET;
use crate::command;
use crate::say;
use crate::workspace::Workspace;

const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const RUSTLIB: &str = "/usr/lib/rustlib";

/// The compiler, cargo, the source of its standard library, clippy for the wasm crate.
const PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];

/// What `rustc -vV` says.
struct Compiler {
    release: String,
    host: String,
    llvm_major: String,
}

/// Makes the toolchain folder, or finds it made for the compiler that is installed.
///
/// # Errors
/// When apt has no such packages or the standard library does not build.
pub(super) fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    if !are_installed(PACKAGES) {
        programs::apt_install(PACKAGES)?;
    }
    let compiler = Compiler::installed()?;
    let linker_package = format!("lld-{}", compiler.llvm_major);
    if !are_installed(&[&linker_package]) {
        programs::apt_install(&[&linker_package])?;
    }
    let folder = workspace.tools().join("debian-web");
    let stamp = folder.join("release");
    if std::fs::read_to_string(&stamp).is_ok_and(|release| release == compiler.release) {
        return Ok(folder);
    }
    say::timed(
        &format!(
            "{TARGET}: building Debian's standard library {}",
            compiler.release
        ),
        || {
            if folder.exists() {
                std::fs::remove_dir_all(&folder)?;
            }
            lay_out(&folder, &compiler)?;
            build_std(&folder)?;
            std::fs::write(&stamp, &compiler.release)?;
            Ok(folder)
        },
    )
}

impl Compiler {
    fn installed() -> Result<Self> {
        let answer = command::output(clean(&mut Command::new(RUSTC)).arg("-vV"))?;
        let field = |name: &str| {
            let value = answer.lines().find_map(|line| line.strip_prefix(name));
            value
                .map(|text| text.trim().to_owned())
                .with_context(|| format!("{RUSTC} -vV does not tell {name}"))
        };
        let llvm = field("LLVM version:")?;
        let llvm_major = llvm.split('.').next().unwrap_or_default().to_owned();
        Ok(Self {
            release: field("release:")?,
            host: field("host:")?,
            llvm_major,
        })
    }
}

fn are_installed(packages: &[&str]) -> bool {
    command::succeeds(Command::new("dpkg").arg("-s").args(packages))
}

/// A folder shaped as rustc expects its sysroot, for the most part links into the system's.
#[cfg(unix)]
fn lay_out(folder: &Path, compiler: &Compiler) -> Result<()> {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let (bin, rustlib) = (folder.join("bin"), folder.join("lib/rustlib"));
    let host = rustlib.join(&compiler.host);
    for directory in [bin.clone(), host.join("bin"), rustlib.join(TARGET).join("lib")] {
        std::fs::create_dir_all(directory)?;
    }
    let system = Path::new(RUSTLIB);
    symlink(system.join("src"), rustlib.join("src"))?;
    symlink(system.join(&compiler.host).join("lib"), host.join("lib"))?;
    // The target's own linker, by the name and in the place where rustc looks for it.
    symlink(
        format!("/usr/bin/lld-{}", compiler.llvm_major),
        host.join("bin/rust-lld"),
    )?;
    symlink(CARGO, bin.join("cargo"))?;
    symlink("/usr/bin/cargo-clippy", bin.join("cargo-clippy"))?;
    let rustc = bin.join("rustc");
    let script = format!(
        "#!/bin/sh\nexec {RUSTC} --sysroot '{}' \"$@\"\n",
        folder.display()
    );
    std::fs::write(&rustc, script)?;
    std::fs::set_permissions(&rustc, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(not(unix))]
fn lay_out(_folder: &Path, _compiler: &Compiler) -> Result<()> {
    anyhow::bail!("Debian's packages are for Debian")
}

/// Builds the standard library with a crate that needs nothing but it, and keeps the libraries.
fn build_std(folder: &Path) -> Result<()> {
    let build = tempfile::tempdir()?;
    let source = build.path().join("src");
    std::fs::create_dir(&source)?;
    let manifest = "[package]\nname = \"nothing\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n";
    std::fs::write(build.path().join("Cargo.toml"), manifest)?;
    std::fs::write(source.join("lib.rs"), "#![no_std]\n")?;

    let output = build.path().join("target");
    let mut cargo = Command::new(CARGO);
    command::run(
        clean(&mut cargo)
            .args(["build", "--quiet", "--release", "--target", TARGET])
            .arg("-Zbuild-std=std,panic_abort,test,proc_macro")
            .current_dir(build.path())
            // A stable compiler builds its own standard library, as its distributor does.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", folder.join("bin/rustc"))
            .env("CARGO_TARGET_DIR", &output)
            // Bitcode makes link-time optimisation across the standard library possible.
            .env("RUSTFLAGS", "-Cembed-bitcode=yes")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
    )?;

    let libraries = folder.join("lib/rustlib").join(TARGET).join("lib");
    for entry in std::fs::read_dir(output.join(TARGET).join("release/deps"))? {
        let path = entry?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "rlib") && !name.starts_with("libnothing-") {
            std::fs::copy(&path, libraries.join(name))?;
        }
    }
    Ok(())
}

/// Takes away what the cargo that started this task left for its own children.
fn clean(command: &mut Command) -> &mut Command {
    for variable in [
        "CARGO",
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTUP_TOOLCHAIN",
        "LD_LIBRARY_PATH",
    ] {
        command.env_remove(variable);
    }
    command
}
