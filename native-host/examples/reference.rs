//! Makes what comes with the program from its command line: completions for shells, and manual pages.
//! `cargo xtask package` runs it: `reference DIR` fills `DIR/completions` and `DIR/man`.

use std::path::Path;
use std::{fs, io};

use clap_complete::{Shell, generate_to};

fn main() -> io::Result<()> {
    let folder = std::env::args_os()
        .nth(1)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "usage: reference DIR"))?;
    let folder = Path::new(&folder);
    let (completions, man) = (folder.join("completions"), folder.join("man"));
    fs::create_dir_all(&completions)?;
    fs::create_dir_all(&man)?;
    let mut command = weir::cli::definition();
    for shell in [Shell::Bash, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
        generate_to(shell, &mut command, "weir", &completions)?;
    }
    clap_mangen::generate_to(weir::cli::definition(), &man)
}
