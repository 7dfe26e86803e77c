//! `weir`: the command line, and the native host when a browser starts it.

use std::process::ExitCode;

fn main() -> ExitCode {
    weir::cli::main()
}
