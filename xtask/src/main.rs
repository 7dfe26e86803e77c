//! Weir's developer tasks: `cargo xtask setup|build|demo|test|fuzz|bench|package|install`. `cargo xtask --help` lists them.

#[cfg(target_os = "linux")]
mod bench;
mod build;
mod command;
mod counts;
mod demo;
mod extension;
mod faults;
mod fuzz;
mod install;
mod package;
mod say;
mod setup;
mod test;
mod wasm_size;
mod wasm_test;
mod windows;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Weir's developer tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Find or install what the other tasks need; quick when everything is there
    Setup,
    /// Build the host and the extension (target/extension/chromium and firefox)
    Build(build::Arguments),
    /// Show it: a sample site, a real browser, one click, one MP4 that is compared with its source
    Demo(demo::Arguments),
    /// Check everything that CI checks
    Test(test::Arguments),
    /// Look for inputs that make the readers and the writer fail (target/fuzz)
    Fuzz(fuzz::Arguments),
    /// Compare Weir with ffmpeg and others: time, memory, bytes written (target/bench)
    #[cfg(target_os = "linux")]
    Bench(bench::Arguments),
    /// Pack what people install who have no Rust: the extension, the host, their digests (dist)
    Package,
    /// Install the host, register it with the browsers and say how to load the extension
    Install(install::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = Workspace::find().and_then(|workspace| match arguments.task {
        Task::Setup => setup::run(&workspace).map(|_| ExitCode::SUCCESS),
        Task::Build(arguments) => build::run(&workspace, arguments),
        Task::Demo(arguments) => demo::run(&workspace, arguments),
        Task::Test(arguments) => test::run(&workspace, arguments),
        Task::Fuzz(arguments) => fuzz::run(&workspace, &arguments),
        #[cfg(target_os = "linux")]
        Task::Bench(arguments) => bench::run(&workspace, &arguments),
        Task::Package => package::run(&workspace),
        Task::Install(arguments) => install::run(&workspace, &arguments),
    });
    outcome.unwrap_or_else(|error| {
        say::error(&error);
        ExitCode::FAILURE
    })
}
