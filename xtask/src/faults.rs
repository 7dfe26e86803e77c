//! `cargo xtask test --faults`: the tables of faults and of bad inputs, row by row, with what their tests say.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::say;
use crate::workspace::Workspace;

/// Where the rows are, and the tests of each.
const TABLES: &[&str] = &["tests/faults.tsv", "tests/bad_inputs.tsv"];

/// What a test of the extension is called in a table: `js:reports::a_few_huge_reports` is the test "a few huge
/// reports" of `extension/tests/reports.test.js`. All others are tests of Rust.
const OF_THE_EXTENSION: &str = "js:";

/// A table and its rows, each with a number that no other row of it has.
#[derive(Debug)]
struct Table {
    path: &'static str,
    rows: Vec<Row>,
}

/// A row of a table.
#[derive(Debug)]
struct Row {
    number: u32,
    fault: String,
    tests: Vec<String>,
}

/// What each test came to: `ok`, `FAILED`, `ignored`.
type Results = BTreeMap<String, String>;

/// Runs the tests that the tables name, and prints them.
///
/// # Errors
/// When a table cannot be read or the tests do not build. A row that did not pass is an exit code.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let tables: Vec<Table> = TABLES
        .iter()
        .map(|path| read(workspace, path))
        .collect::<Result<_>>()?;
    let named: BTreeSet<&str> = tables
        .iter()
        .flat_map(|table| &table.rows)
        .flat_map(|row| &row.tests)
        .map(String::as_str)
        .collect();
    let begin = Instant::now();
    let mut results = rust_results(workspace, &named)?;
    results.extend(extension_results(workspace, &named)?);
    let (mut passed, mut failed) = (0, 0);
    for table in &tables {
        say::line(&format!("\n=== {}", table.path));
        for row in &table.rows {
            let verdict = verdict(row, &results);
            let count = if verdict.is_ok() { &mut passed } else { &mut failed };
            *count += 1;
            let (Ok(verdict) | Err(verdict)) = verdict;
            say::line(&format!("{:>3}  {:72}  {verdict}", row.number, row.fault));
        }
    }
    let seconds = begin.elapsed().as_secs();
    say::line(&format!("rows: {passed} passed, {failed} not, in {seconds} s"));
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Its rows have to be numbered from 1 on, so that none can be missing between two others.
fn read(workspace: &Workspace, path: &'static str) -> Result<Table> {
    let file = workspace.root().join(path);
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let mut rows = Vec::new();
    for (line, expected) in text.lines().filter(|line| !line.starts_with('#')).zip(1..) {
        let mut fields = line.split('\t').map(str::to_owned);
        let (Some(number), Some(fault), Some(tests), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            bail!("{path}: no row: {line}");
        };
        let number = number.parse().with_context(|| format!("{path}: {line}"))?;
        if number != expected {
            bail!("{path}: row {number} stands where row {expected} belongs");
        }
        let tests = tests.split_whitespace().map(str::to_owned).collect();
        rows.push(Row { number, fault, tests });
    }
    Ok(Table { path, rows })
}

fn rust_results(workspace: &Workspace, named: &BTreeSet<&str>) -> Result<Results> {
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
        .args(named.iter().filter(|name| !name.starts_with(OF_THE_EXTENSION)))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let result = |line: &str| {
        let (name, result) = line.strip_prefix("test ")?.split_once(" ... ")?;
        Some((name.to_owned(), result.to_owned()))
    };
    let results: Results = text.lines().filter_map(result).collect();
    if results.is_empty() {
        bail!("no test has run:\n{text}");
    }
    Ok(results)
}

/// All tests of the files that are named: node chooses by regular expression only.
fn extension_results(workspace: &Workspace, named: &BTreeSet<&str>) -> Result<Results> {
    let files: BTreeSet<&str> = named
        .iter()
        .filter_map(|name| Some(name.strip_prefix(OF_THE_EXTENSION)?.split_once("::")?.0))
        .collect();
    let mut results = Results::new();
    for file in files {
        let output = Command::new("node")
            .current_dir(workspace.root().join("extension"))
            .arg("--test-reporter=tap")
            .arg(format!("tests/{file}.test.js"))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start node")?;
        let text = String::from_utf8_lossy(&output.stdout);
        results.extend(text.lines().filter_map(|line| of_the_extension(file, line)));
    }
    Ok(results)
}

/// What a line of node's TAP says of a test at the top level: `ok 3 - its name`.
fn of_the_extension(file: &str, line: &str) -> Option<(String, String)> {
    let (result, rest) = match line.strip_prefix("not ok ") {
        Some(rest) => ("FAILED", rest),
        None => ("ok", line.strip_prefix("ok ")?),
    };
    let (_, name) = rest.split_once(" - ")?;
    let (name, result) = match name.split_once(" # ") {
        Some((name, _)) => (name, "ignored"),
        None => (name, result),
    };
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let name = format!("{OF_THE_EXTENSION}{file}::{}", words.join("_"));
    Some((name, result.to_owned()))
}

/// What a row came to; an error unless all of its tests passed.
fn verdict(row: &Row, results: &Results) -> Result<String, String> {
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

#[cfg(test)]
mod tests {
    use super::of_the_extension;

    #[test]
    fn lines_of_nodes_tap() {
        let read = |line| of_the_extension("reports", line);
        let named = |name: &str, result: &str| Some((format!("js:reports::{name}"), result.to_owned()));
        assert_eq!(
            read("ok 3 - the page's \"own\" name (bad input 88)"),
            named("the_page_s_own_name_bad_input_88", "ok")
        );
        assert_eq!(read("not ok 4 - another"), named("another", "FAILED"));
        assert_eq!(read("ok 5 - left out # SKIP"), named("left_out", "ignored"));
        for other in [
            "# Subtest: ok 1 - x",
            "    ok 1 - a test within",
            "1..7",
            "TAP version 13",
        ] {
            assert_eq!(read(other), None);
        }
    }
}
