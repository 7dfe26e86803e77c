//! `cargo xtask bench`: Weir beside ffmpeg and others, on the same streams, from the same server, at the same time.
//!
//! `streams` makes the media, `servers` serves it, `tools` says how each program is asked, `rows` what is compared and
//! what is to come out, `measure` runs one and counts, `fingerprint` checks its file, `table` prints. Wall time on a busy
//! machine says little; CPU time and what is measured in turns can be compared.

mod fingerprint;
mod machine;
mod measure;
mod rows;
mod servers;
mod start;
mod streams;
mod table;
mod tools;
mod venv;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use self::fingerprint::Fingerprint;
use self::measure::Usage;
use self::rows::{Contender, Row};
use self::servers::Servers;
use self::streams::{Size, Streams};
use self::table::{Cell, Measured};
use self::tools::Programs;
use crate::say;
use crate::workspace::Workspace;

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option that is given or not"
)]
pub(crate) struct Arguments {
    /// A tenth of the media, once instead of three times
    #[arg(long)]
    quick: bool,
    /// Also yt-dlp and streamlink, which are installed into target/bench
    #[arg(long)]
    peers: bool,
    /// Also vsd, which is built by cargo into target/bench
    #[arg(long)]
    vsd: bool,
    /// Measure what an earlier run has built
    #[arg(long)]
    no_build: bool,
    /// The figures as JSON, into this file; - for standard output, where everything else is left out then
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only these rows (see the first column)
    #[arg(value_name = "ROW")]
    only: Vec<String>,
}

/// Makes what is missing, measures, prints. The exit code does not say whether targets are met: a busy machine misses
/// some. A wrong file is an error.
///
/// # Errors
/// When something is missing, cannot be made, or what a tool wrote is wrong.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let to_stdout = arguments.json.as_deref() == Some(Path::new("-"));
    if to_stdout {
        say::lines_to_stderr();
    }
    let json_file = arguments.json.as_deref().filter(|_| !to_stdout);
    let size = if arguments.quick { Size::Quick } else { Size::Full };
    let rounds = if arguments.quick { 1 } else { 3 };
    let rows = chosen(arguments)?;

    let folder = workspace.target().join("bench");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    servers::ensure("nginx", "nginx", "serves the streams")?;
    let programs = Programs::find(workspace, &folder, arguments)?;
    let streams = Streams::new(&folder, size);
    let servers = Servers::start(&folder, &streams, &programs.origin)?;

    let mut measured = Measured::new(machine::describe(&programs));
    for row in &rows {
        let bench = Bench {
            folder: &folder,
            programs: &programs,
            servers: &servers,
            streams: &streams,
        };
        let mut contenders = Vec::new();
        for contender in &row.contenders {
            if programs.has(contender.tool) {
                contenders.push((contender, streams.ensure(contender.stream.unwrap_or(row.stream))?));
            }
        }
        say::line(&format!("==> {}: {}", row.name, row.title));
        measured.begin(row, streams.requests(row.stream)?);
        for round in 0..rounds {
            for (contender, expected) in &contenders {
                let cell = run_one(&bench, row, contender, expected)
                    .with_context(|| format!("{}, {}", row.name, contender.name))?;
                say::line(&format!("    {} {:14} {}", round + 1, contender.name, cell));
                measured.add(**contender, cell);
            }
        }
        save(&measured, json_file)?;
    }
    if arguments.only.is_empty() || arguments.only.iter().any(|name| name == start::ROW) {
        measured.facts(start::measure(&programs, &folder)?);
    }
    say::line(&measured.table());
    if to_stdout {
        say::result(&json_text(&measured));
    }
    save(&measured, json_file)?;
    Ok(ExitCode::SUCCESS)
}

/// What there is so far, after each row: a run of an hour may be interrupted.
fn save(measured: &Measured, json_file: Option<&Path>) -> Result<()> {
    let Some(path) = json_file else { return Ok(()) };
    fs::write(path, json_text(measured)).with_context(|| path.display().to_string())
}

fn json_text(measured: &Measured) -> String {
    format!("{:#}\n", measured.json())
}

/// The rows that are asked for.
fn chosen(arguments: &Arguments) -> Result<Vec<Row>> {
    let all = rows::all();
    let is_known = |name: &&String| *name == start::ROW || all.iter().any(|row| row.name == **name);
    if let Some(unknown) = arguments.only.iter().find(|name| !is_known(name)) {
        let names: Vec<_> = all.iter().map(|row| row.name).chain([start::ROW]).collect();
        bail!("no row {unknown}; there are: {}", names.join(", "));
    }
    let is_chosen =
        |row: &Row| arguments.only.is_empty() || arguments.only.iter().any(|name| name == row.name);
    Ok(all.into_iter().filter(is_chosen).collect())
}

/// What every run needs.
struct Bench<'a> {
    folder: &'a Path,
    programs: &'a Programs,
    servers: &'a Servers,
    streams: &'a Streams,
}

/// One tool, once: what it took, after its file was found to be right.
fn run_one(bench: &Bench<'_>, row: &Row, contender: &Contender, expected: &Fingerprint) -> Result<Cell> {
    let out = bench.folder.join("out");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out)?;
    let file = out.join(contender.tool.file_name());
    let stream = contender.stream.unwrap_or(row.stream);
    let place = bench.servers.place(row.server, stream.folder());
    let before = bench.servers.counts(row.server)?;
    bench.programs.forget_log();
    let mut command = bench
        .programs
        .command(contender.tool, stream, &place, &file, bench.streams)?;
    let Usage {
        wall,
        cpu,
        memory_bytes,
        written_bytes,
    } = measure::run(&mut command)?;
    let after = bench.servers.counts(row.server)?;
    let found = fingerprint::of_file(&file)?;
    found.check_against(expected)?;
    fingerprint::decodes(&file)?;
    let output_bytes = file.metadata()?.len();
    fs::remove_dir_all(&out)?;
    Ok(Cell {
        wall,
        cpu,
        memory_bytes,
        written_bytes,
        output_bytes,
        journal: bench.programs.journal_time(),
        requests: after.requests.saturating_sub(before.requests),
        connections: after.connections.saturating_sub(before.connections),
    })
}
