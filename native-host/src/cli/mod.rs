//! The command line: arguments as typed (`args`), resolved once, then one module a command.

mod args;
mod cookies;
mod cut;
mod get;
mod jobs;
mod list;
mod probe;
mod source;
mod time;

use std::io::{IsTerminal as _, stderr, stdin, stdout};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use weir_core::protocol::doctor::{Examination, Finding, FindingCode, FindingState};
use weir_core::protocol::{ErrorCode, Failure, Finished, Verdict};

use crate::caller::{self, Caller};
use crate::error::Coded as _;
use crate::install::{self, Mending};
use crate::job;
use crate::journal::Journal;
use crate::report::line;
use crate::session::{self, Host, Peer, SessionEnd};
use crate::settings::SettingsFile;
use args::{Arguments, Command, Doctor, Registration};

/// Reads a cookie file; for the fuzz target of cookies.
///
/// # Errors
/// The 1-based line of the first that is not one of the format's.
#[cfg(fuzzing)]
pub fn read_cookies(text: &str) -> Result<Vec<weir_core::protocol::Cookie>, usize> {
    cookies::read(text)
}

/// The command line as clap has it, for what is made from it: completions and manual pages.
#[must_use]
pub fn definition() -> clap::Command {
    Arguments::command()
}

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Complete, or nothing was wrong.
    Complete,
    /// Failed.
    Failed,
    /// Wrong arguments, or a caller that is not on the list.
    Usage,
    /// Playable, with gaps.
    Incomplete,
    /// DRM, a scheme, a private address, a downgrade.
    Refused,
    /// Cancelled.
    Cancelled,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Complete => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Incomplete => 3,
            Exit::Refused => 4,
            Exit::Cancelled => 130,
        })
    }
}

impl Exit {
    fn of(finished: &Finished) -> Self {
        match (finished.verdict, &finished.error) {
            (Verdict::Complete, _) => Self::Complete,
            (Verdict::Incomplete, _) => Self::Incomplete,
            (Verdict::Cancelled, _) => Self::Cancelled,
            (Verdict::Failed, Some(error)) => Self::of_failure(error),
            (Verdict::Failed, None) => Self::Failed,
        }
    }

    fn of_failure(failure: &Failure) -> Self {
        match failure.code {
            ErrorCode::Drm
            | ErrorCode::SchemeRefused
            | ErrorCode::PrivateAddress
            | ErrorCode::InsecureDowngrade => Self::Refused,
            ErrorCode::Usage => Self::Usage,
            _ => Self::Failed,
        }
    }
}

/// The whole program: a browser's native host, or a command.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    crate::log::start();
    match caller::identify(&arguments) {
        Caller::Extension => serve(stdout(), Peer::Browser).into(),
        Caller::Stranger => {
            tracing::warn!("unauthorised caller: {:?}", arguments.first());
            let _ = session::write_once(&mut stdout(), &session::unauthorised());
            unauthorised()
        }
        Caller::CommandLine if arguments.is_empty() && !stdin().is_terminal() => unauthorised(),
        Caller::CommandLine => command(),
    }
}

fn unauthorised() -> ExitCode {
    line(
        &mut stderr(),
        "weir: unauthorised caller: see `weir --help` for the command line",
    );
    Exit::Usage.into()
}

fn serve(output: impl std::io::Write + Send + 'static, peer: Peer) -> Exit {
    let settings = match SettingsFile::of_the_user() {
        Ok(settings) => settings,
        Err(error) => return fail(&error.failure()),
    };
    let journal = Journal::of_the_user().ok();
    let host = Host {
        settings,
        journal,
        refresh_patience: job::PATIENCE,
    };
    let end = on_a_runtime(session::run(stdin(), output, peer, host));
    match end {
        Ok(SessionEnd::Closed) => Exit::Complete,
        Ok(SessionEnd::Broken | SessionEnd::Incompatible) => Exit::Failed,
        Err(exit) => exit,
    }
}

fn command() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print(); // help and version go to stdout, errors to stderr
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Complete
            }
            .into();
        }
    };
    let exit = match arguments.command {
        None => {
            let _ = Arguments::command().print_help();
            Exit::Complete
        }
        Some(Command::Get(get)) => {
            let asked = jobs::own_command(&get);
            on_a_runtime(get::run(*get, asked, None)).unwrap_or_else(|exit| exit)
        }
        Some(Command::Jobs(arguments)) => jobs::list(&arguments),
        Some(Command::Resume(job)) => {
            on_a_runtime(jobs::resume(job.id, job.json)).unwrap_or_else(|exit| exit)
        }
        Some(Command::Repair(job)) => {
            on_a_runtime(jobs::repair(job.id, job.words, job.json)).unwrap_or_else(|exit| exit)
        }
        Some(Command::Forget(job)) => jobs::forget(job.id),
        Some(Command::Probe(probe)) => on_a_runtime(probe::run(*probe)).unwrap_or_else(|exit| exit),
        Some(Command::Install(registration)) => install(registration),
        Some(Command::Uninstall(registration)) => uninstall(registration),
        Some(Command::Doctor(arguments)) => doctor(&arguments),
        Some(Command::FinishCaptures) => {
            session::detach(&mut stdout());
            serve(std::io::sink(), Peer::LeavingHost)
        }
    };
    exit.into()
}

/// Runs `future` to its end, and does not wait for threads that are stuck in a read or a disk.
fn on_a_runtime<T>(future: impl Future<Output = T>) -> Result<T, Exit> {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let output = runtime.block_on(future);
            runtime.shutdown_background();
            Ok(output)
        }
        Err(error) => {
            let message = format!("cannot start: {error}");
            Err(fail(&Failure {
                code: ErrorCode::Internal,
                message,
            }))
        }
    }
}

fn fail(failure: &Failure) -> Exit {
    tracing::error!(code = %failure.code, "{}", failure.message);
    line(&mut stderr(), &format!("weir: {}", failure.message));
    Exit::of_failure(failure)
}

fn install(registration: Registration) -> Exit {
    match install::install(&registration.into()) {
        Ok(browsers) => {
            for browser in browsers {
                line(
                    &mut stdout(),
                    &format!("{}: {}", browser.name(), browser.manifest().display()),
                );
            }
            Exit::Complete
        }
        Err(error) => fail(&error.failure()),
    }
}

fn uninstall(registration: Registration) -> Exit {
    match install::uninstall(&registration.into()) {
        Ok(browsers) if browsers.is_empty() => {
            line(&mut stdout(), "nothing was registered");
            Exit::Complete
        }
        Ok(browsers) => {
            for browser in browsers {
                line(
                    &mut stdout(),
                    &format!("{}: removed {}", browser.name(), browser.manifest().display()),
                );
            }
            Exit::Complete
        }
        Err(error) => fail(&error.failure()),
    }
}

fn doctor(arguments: &Doctor) -> Exit {
    let settings = match SettingsFile::of_the_user() {
        Ok(settings) => settings,
        Err(error) => return fail(&error.failure()),
    };
    let mending = if arguments.fix {
        Mending::Mend
    } else {
        Mending::Look
    };
    let mut examination = install::examine(&settings, Journal::of_the_user().ok().as_ref(), mending);
    if let Some(log) = crate::log::path() {
        examination.findings.push(Finding {
            state: FindingState::Note,
            code: FindingCode::Files,
            browser: None,
            message: format!(
                "settings are in {}, the log is {}",
                settings.path().display(),
                log.display()
            ),
            cure: None,
        });
    }
    tell(&examination, arguments.json);
    let is_wrong = |finding: &Finding| finding.state == FindingState::Problem;
    if examination.findings.iter().any(is_wrong) {
        Exit::Failed
    } else {
        Exit::Complete
    }
}

/// One object for programs, else a line for each finding: state, browser, what is wrong, what to do.
fn tell(examination: &Examination, json: bool) {
    if json {
        line(
            &mut stdout(),
            &serde_json::to_string(examination).unwrap_or_default(),
        );
        return;
    }
    for finding in &examination.findings {
        let state = match finding.state {
            FindingState::Ok => "ok",
            FindingState::Note => "note",
            FindingState::Problem => "problem",
            FindingState::Mended => "mended",
        };
        let parts = [
            Some(state),
            finding.browser.as_deref(),
            Some(&finding.message),
            finding.cure.as_deref(),
        ];
        let text: Vec<&str> = parts.into_iter().flatten().collect();
        line(&mut stdout(), &text.join(": "));
    }
}
