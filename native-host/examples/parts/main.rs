//! What the parts of the engine take, one by one: time, or instructions, which are the same on a busy machine.
//!
//! ```text
//! cargo run --release -p weir --example parts -- [FILTER]     times (criterion)
//! cargo xtask test --only counts                              instructions (valgrind), held to the budgets below
//! ```
#![expect(
    clippy::print_stdout,
    reason = "a program for developers, which prints its result"
)]

mod counts;
mod inputs;
mod work;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use criterion::Criterion;

/// What is measured, each call on the same input.
type Work = Box<dyn FnMut() -> Result<()>>;

/// One part of the engine.
struct Part {
    name: &'static str,
    /// The most thousand instructions that one call may take, as `cargo xtask test` builds it: what it took when this was
    /// written and a tenth, for other compilers and processors. The same build takes the same, to a thousandth.
    budget: u64,
    /// Makes the input, which is not measured.
    prepare: fn() -> Result<Work>,
}

const PARTS: &[Part] = &[
    Part {
        name: "playlist",
        budget: 45_000,
        prepare: work::read_plain,
    },
    Part {
        name: "playlist with keys, dates and ranges",
        budget: 82_300,
        prepare: work::read_rich,
    },
    Part {
        name: "playlist with parts",
        budget: 158_000,
        prepare: work::read_parts,
    },
    Part {
        name: "addresses",
        budget: 95_200,
        prepare: work::resolve,
    },
    Part {
        name: "plan",
        budget: 5400,
        prepare: work::plan,
    },
    Part {
        name: "advertising",
        budget: 7370,
        prepare: work::find_advertising,
    },
    Part {
        name: "AES-128",
        budget: 3500,
        prepare: work::decrypt,
    },
    Part {
        name: "extent of TS",
        budget: 1260,
        prepare: work::measure,
    },
    Part {
        name: "TS to samples",
        budget: 14_600,
        prepare: work::demux,
    },
    Part {
        name: "ADTS frames",
        budget: 1930,
        prepare: work::frames,
    },
    Part {
        name: "samples to MP4",
        budget: 6720,
        prepare: work::write_mp4,
    },
    Part {
        name: "TS to TS",
        budget: 9800,
        prepare: work::write_ts,
    },
    Part {
        name: "frame of the port",
        budget: 16_200,
        prepare: work::read_frame,
    },
];

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *words.as_slice() {
        [] => time("")?,
        ["--counts"] => return counts::check(PARTS),
        ["--count", name] => counts::be_counted(named(name)?)?,
        [filter] if !filter.starts_with('-') => time(filter)?,
        _ => bail!("usage: parts [FILTER] | --counts"),
    }
    Ok(ExitCode::SUCCESS)
}

fn named(name: &str) -> Result<&'static Part> {
    let part = PARTS.iter().find(|part| part.name == name);
    part.with_context(|| format!("no part {name}"))
}

/// With statistics, under `target/criterion`, where the next run finds what to compare with.
fn time(filter: &str) -> Result<()> {
    let mut criterion = Criterion::default().sample_size(20);
    for part in PARTS.iter().filter(|part| part.name.contains(filter)) {
        let mut work = (part.prepare)()?;
        criterion.bench_function(part.name, |bencher| bencher.iter(&mut work));
    }
    Ok(())
}
