//! `weir-demo`: the whole way from a click to a file, in a real browser. `cargo xtask demo` builds what it needs.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a person at a terminal"
)]

use std::process::ExitCode;

use clap::Parser;
use weir_tests::browser::Window;
use weir_tests::demo::{self, Witness};
use weir_tests::program;

/// Captures a stream from a sample site with a real Chromium and compares the file with its source.
#[derive(Debug, Parser)]
#[command(name = "weir-demo")]
struct Arguments {
    /// Show no window
    #[arg(long, conflicts_with = "headed")]
    headless: bool,
    /// Show the browser's window [default when there is a display]
    #[arg(long)]
    headed: bool,
    /// Leave the browser open until Enter is pressed
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let home = program::target_folder().join("demo");
    let step = |text: &str| println!("  {text}");
    let watch = async || {
        if arguments.keep {
            println!("  The browser stays open. Press Enter to end it.");
            tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
        }
        Ok(())
    };
    match runtime.block_on(demo::run(window(&arguments), &home, step, watch)) {
        Ok(capture) => {
            match capture.witness {
                Witness::Decoded { pictures, sounds } => println!(
                    "  Decoded, the file is the same as the source: {pictures} pictures and {sounds} blocks of sound"
                ),
                Witness::Samples { samples } => println!(
                    "  All {samples} samples are the source's (ffmpeg is not installed, so nothing was decoded)"
                ),
            }
            println!("\n{}", capture.output.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("\nThe demo did not work: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn window(arguments: &Arguments) -> Window {
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if arguments.headed || (has_display && !arguments.headless) {
        Window::Headed
    } else {
        Window::Headless
    }
}
