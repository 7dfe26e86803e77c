//! `weir jobs`, `weir resume`, `weir repair`, `weir forget`: captures that are not this process's.

use std::path::Path;

use std::io::{stderr, stdout};

use clap::Parser as _;

use super::args::{Arguments, Command, Get, Jobs, Telling};
use super::{Exit, fail, get};
use crate::error::Coded as _;
use crate::job;
use crate::journal::{self, Again, Journal, JournalError, Number, Record, State};
use crate::report::{Reporter, Style, line, printable};

/// `weir jobs`.
pub(super) fn list(arguments: &Jobs) -> Exit {
    let records = match Journal::of_the_user().and_then(|journal| journal.list()) {
        Ok(records) => records,
        Err(error) => return fail(&error.failure()),
    };
    for record in records {
        let text = if arguments.json {
            serde_json::to_string(&record).unwrap_or_default()
        } else {
            for_people(&record)
        };
        line(&mut stdout(), &text);
    }
    Exit::Complete
}

fn for_people(record: &Record) -> String {
    let state = match record.state {
        State::Running => "running",
        State::Interrupted => "interrupted",
        State::Complete => "complete",
        State::Incomplete => "incomplete",
        State::Failed => "failed",
        State::Cancelled => "cancelled",
    };
    let what = record.output.as_deref().or(record.title.as_deref());
    format!(
        "{:>4}  {state:<11}  {:>5}/{:<5}  {}",
        record.id,
        record.segments.merged,
        record.segments.total,
        printable(what.unwrap_or(&record.source))
    )
}

/// `weir forget`.
pub(super) fn forget(id: Number) -> Exit {
    match Journal::of_the_user().and_then(|journal| journal.forget(id)) {
        Ok(record) => {
            if let (State::Interrupted, Some(part)) = (record.state, &record.output) {
                line(&mut stderr(), &format!("what was written is kept: {part}"));
            }
            Exit::Complete
        }
        Err(error) => fail(&error.failure()),
    }
}

/// `weir resume`: asks as it was asked the first time.
pub(super) async fn resume(id: Number, json: bool) -> Exit {
    let again = Again::Resume(id);
    match journal_of(again).and_then(|journal| as_before(&journal, id)) {
        Ok((arguments, command)) => get::run(told(arguments, json), Some(command), Some(again)).await,
        Err(error) => refused(&error, json),
    }
}

/// `weir repair`: asks as it was asked the first time, or with the arguments of `weir get` that are given, and fetches only
/// what is missing.
pub(super) async fn repair(id: Number, words: Vec<String>, json: bool) -> Exit {
    let again = Again::Repair(id);
    let asked = journal_of(again).and_then(|journal| match &words[..] {
        [] => as_before(&journal, id).map(|(arguments, _)| arguments),
        words => parse(["get"].into_iter().chain(words.iter().map(String::as_str)))
            .ok_or(JournalError::NoArguments(id)),
    });
    match asked {
        Ok(mut arguments) => {
            arguments.output_is_there = is_output(&arguments, id);
            get::run(told(arguments, json), None, Some(again)).await
        }
        Err(JournalError::NotAskedHere(id)) => refused(&JournalError::NoArguments(id), json),
        Err(error) => refused(&error, json),
    }
}

/// Whether the path that was given is what the capture has made, which may be a folder.
fn is_output(arguments: &Get, id: Number) -> bool {
    let record = Journal::of_the_user().and_then(|journal| journal.record_of(id));
    let made = record.ok().and_then(|record| record.output);
    let given = arguments.output.as_deref().map(std::path::absolute);
    made.is_some_and(|made| matches!(given, Some(Ok(given)) if given == Path::new(&made)))
}

fn told(mut arguments: Get, json: bool) -> Get {
    if json {
        arguments.telling = Telling::JSON;
    }
    arguments
}

/// A program is told as of any capture that has failed.
fn refused(error: &JournalError, json: bool) -> Exit {
    if json {
        Reporter::new(Style::Json).finished(&job::refused(None, error.failure()));
    }
    fail(&error.failure())
}

/// The journal, when the job is in a state that fits.
fn journal_of(again: Again) -> Result<Journal, JournalError> {
    let journal = Journal::of_the_user()?;
    again.fits(journal.record_of(again.number())?.state)?;
    Ok(journal)
}

/// What was asked for the first time, in the folder where that was.
fn as_before(journal: &Journal, id: Number) -> Result<(Get, journal::Command), JournalError> {
    let command = journal.command_of(id)?;
    let words = command.arguments.iter().map(String::as_str);
    let arguments = parse(words).ok_or(JournalError::NotAskedHere(id))?;
    std::env::set_current_dir(&command.folder).map_err(|source| JournalError::Folder {
        path: command.folder.clone(),
        source,
    })?;
    Ok((arguments, command))
}

fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Option<Get> {
    match Arguments::try_parse_from(["weir"].into_iter().chain(words)) {
        Ok(Arguments {
            command: Some(Command::Get(get)),
        }) => Some(*get),
        _ => None,
    }
}

/// This process's own command line, if there is nothing secret in it.
pub(super) fn own_command(arguments: &Get) -> Option<journal::Command> {
    let asking = &arguments.asking;
    let given = [
        Some(&arguments.source),
        asking.proxy.as_ref(),
        asking.referer.as_ref(),
    ];
    let base = asking.base.as_ref().map(|base| base.as_str().to_owned());
    let has_key = !arguments.keys.is_empty() || !asking.headers.is_empty();
    if has_key || !given.into_iter().flatten().chain(&base).all(|text| is_open(text)) {
        return None;
    }
    let words = std::env::args_os().skip(1).map(|word| word.into_string().ok());
    Some(journal::Command {
        arguments: words.collect::<Option<_>>()?,
        folder: std::env::current_dir().ok()?,
    })
}

/// Whether a link, or a name, has no place where secrets stand: a query, a fragment, a password, or a whole playlist.
fn is_open(text: &str) -> bool {
    let is_data = text
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
    !is_data && !text.contains(['?', '#', '@'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_may_hold_a_secret_are_not_kept() {
        for open in ["https://a.example/v/index.m3u8", "lists/mill.m3u8", ""] {
            assert!(is_open(open), "{open}");
        }
        for secret in [
            "https://a.example/v/index.m3u8?token=1",
            "https://a.example/v/index.m3u8#token=1",
            "https://name:password@a.example/",
            "data:application/vnd.apple.mpegurl;base64,I0VYVE0zVQ==",
            "DATA:,x",
        ] {
            assert!(!is_open(secret), "{secret}");
        }
    }
}
