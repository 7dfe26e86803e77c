//! `cargo xtask test --faults`: the table of faults (`tests/faults.tsv`), row by row, with what its tests say.

use std::collections::BTreeMap;
use std::process::{ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::say;
use crate::workspace::Workspace;

/// Where the rows are, and the tests of each.
const TABLE: &str = "tests/faults.tsv";

/// A row of the table.
#[derive(Debug)]
struct Row {
    number: String,
    fault: String,
    tests: Vec<String>,
}

/// Runs the tests that the table names, and prints it.
///
/// # Errors
/// When the table cannot be read or the tests do not build. A row that did not pass is an exit code.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let rows = read(workspace)?;
    let begin = Instant::now();
    let results = results(workspace, &rows)?;
    let mut failed = 0;
    for row in &rows {
        let verdict = verdict(row, &results);
        failed += u32::from(verdict.is_err());
        let (Ok(verdict) | Err(verdict)) = verdict;
        say::line(&format!("{:>3}  {:72}  {verdict}", row.number, row.fault));
    }
    let seconds = begin.elapsed().as_secs();
    say::line(&format!(
        "rows: {} passed, {failed} not, in {seconds} s",
        rows.len() - failed as usize
    ));
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn read(workspace: &Workspace) -> Result<Vec<Row>> {
    let path = workspace.root().join(TABLE);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &str| {
        let mut fields = line.split('\t').map(str::to_owned);
        let (Some(number), Some(fault), Some(tests), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            bail!("{TABLE}: no row: {line}");
        };
        let tests = tests.split_whitespace().map(str::to_owned).collect();
        Ok(Row { number, fault, tests })
    };
    rows.map(row).collect()
}

/// What each test came to: `ok`, `FAILED`, `ignored`.
fn results(workspace: &Workspace, rows: &[Row]) -> Result<BTreeMap<String, String>> {
    let output = command::cargo()
        .current_dir(workspace.root())
        .args([
            "test",
            "--quiet",
            "--workspace",
            "--lib",
            "--test",
            "it",
            "--no-fail-fast",
        ])
        .args(["--", "--exact", "--format", "pretty"])
        .args(rows.iter().flat_map(|row| &row.tests))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let result = |line: &str| {
        let (name, result) = line.strip_prefix("test ")?.split_once(" ... ")?;
        Some((name.to_owned(), result.to_owned()))
    };
    let results: BTreeMap<_, _> = text.lines().filter_map(result).collect();
    if results.is_empty() {
        bail!("no test has run:\n{text}");
    }
    Ok(results)
}

/// What a row came to; an error unless all of its tests passed.
fn verdict(row: &Row, results: &BTreeMap<String, String>) -> Result<String, String> {
    if row.tests.is_empty() {
        return Err("NO TEST".to_owned());
    }
    for test in &row.tests {
        match results.get(test).map(String::as_str) {
            Some("ok") => {}
            Some(other) => return Err(format!("{other}: {test}")),
            None => return Err(format!("NO SUCH TEST: {test}")),
        }
    }
    Ok(match row.tests.len() {
        1 => "passed".to_owned(),
        count => format!("passed ({count} tests)"),
    })
}
