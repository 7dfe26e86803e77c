//! Instructions, as callgrind counts them: this program runs itself under valgrind, once a part.
//!
//! Only what happens inside [`counted`] is counted, so neither the start of the program nor the making of inputs is.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};

use super::{Part, Work};

/// Counts all parts and says which take more than they may.
pub(super) fn check(parts: &[Part]) -> Result<ExitCode> {
    let mut over = 0;
    println!("thousand instructions | budget | of it | part");
    for part in parts {
        let thousands = count(part).with_context(|| part.name)?.div_ceil(1000);
        let is_over = thousands > part.budget;
        over += usize::from(is_over);
        let verdict = if is_over { "  OVER BUDGET" } else { "" };
        let share = thousands * 100 / part.budget;
        println!(
            "{thousands:>12} {:>12} {share:>4} %  {}{verdict}",
            part.budget, part.name
        );
    }
    if over == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{over} over budget. What has made it dearer? `valgrind --tool=callgrind target/debug/examples/parts --count NAME` \
         shows where it goes. Where it is worth it, raise the budget in native-host/examples/parts/main.rs."
    );
    Ok(ExitCode::FAILURE)
}

/// The instructions of one call, by a process of its own.
fn count(part: &Part) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*::counted")
        .arg(std::env::current_exe()?)
        .args(["--count", part.name])
        .output()
        .context("cannot start valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {said}", output.status);
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let (_, number) =
        collected.with_context(|| format!("valgrind does not say what it collected: {said}"))?;
    let number = number.trim().parse()?;
    ensure!(number > 0, "valgrind has not seen the function that is counted");
    Ok(number)
}

/// Under valgrind: the first call finds out what processor this is, and fills what is kept; the second one counts.
pub(super) fn be_counted(part: &Part) -> Result<()> {
    let mut work = (part.prepare)()?;
    work()?;
    counted(&mut work)
}

#[inline(never)]
fn counted(work: &mut Work) -> Result<()> {
    work()
}
