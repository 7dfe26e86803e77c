//! What is known of captures beyond the life of a process: which there were, and where an unfinished one goes on.
//!
//! One SQLite file in the user's data folder; several processes may have it open. A running job holds a lock that the
//! system takes back when its process ends, however it ends: an unfinished job that nobody holds was interrupted.
//! Nothing secret is in it: addresses as they are shown, no header, no cookie, no key (SECURITY.md).

mod ending;
mod entry;
mod error;
mod history;
mod hole;
mod identity;
mod lock;
mod point;
mod schema;
mod untold;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row};
use serde::Serialize;
use weir_core::protocol::{Container, Finished, JobId, Verdict};

pub use ending::Ending;
pub use entry::{Claim, Entry, Mendable, Over, Unfinished};
pub use error::JournalError;
pub use hole::SavedHole;
pub use identity::{Identity, Manner};
pub use point::{FORMAT, SavedPoint};

use crate::settings::data_folder;
use lock::Lock;

/// The number of a job in the journal: what `weir resume` takes.
pub type Number = i64;

/// Where the journal is. It is opened by whoever uses it.
#[derive(Debug, Clone)]
pub struct Journal {
    folder: PathBuf,
}

/// A capture that is about to begin.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// What tells it from other captures.
    pub identity: Identity,
    /// For people.
    pub title: Option<String>,
    /// The playlist, as it is shown: without what may be a secret.
    pub source: String,
    /// The kind of output; None for files that are saved as they are.
    pub container: Option<Container>,
    /// How to ask for it again from a command line; None when that would take something secret.
    pub command: Option<Command>,
    /// How many segments it has.
    pub segments: u64,
    /// The browser's job that asks for it; None on a command line.
    pub browser: Option<Asker>,
    /// What was begun before longer ago than this is not gone on with, unless its number is given.
    pub patience: Option<Duration>,
}

#[cfg(test)]
impl Beginning {
    /// Of a capture that is like no other.
    fn example() -> Self {
        Self {
            identity: Identity::of_its_own(),
            title: None,
            source: "https://a.example/a.m3u8".to_owned(),
            container: Some(Container::Mp4),
            command: None,
            segments: 100,
            browser: None,
            patience: None,
        }
    }
}

/// A browser's job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// Its name on the port.
    pub job: JobId,
    /// The page, as it is shown: without what may be a secret.
    pub page: Option<String>,
    /// The media playlist that was chosen, as it is shown too.
    pub playlist: Option<String>,
}

/// A capture that is asked for once more, by its number, with the command line that asked for it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It was interrupted, and goes on.
    Resume(Number),
    /// What it is missing is fetched.
    Repair(Number),
}

impl Again {
    /// Which one.
    #[must_use]
    pub fn number(self) -> Number {
        match self {
            Self::Resume(number) | Self::Repair(number) => number,
        }
    }

    /// Whether a capture in this state can be asked for so.
    ///
    /// # Errors
    /// [`JournalError::Running`], [`JournalError::Over`], [`JournalError::Whole`].
    pub fn fits(self, state: State) -> Result<(), JournalError> {
        match (self, state) {
            (Self::Resume(_), State::Interrupted) | (Self::Repair(_), State::Incomplete) => Ok(()),
            (again, State::Running) => Err(JournalError::Running(again.number())),
            (Self::Resume(number), _) => Err(JournalError::Over(number)),
            (Self::Repair(number), _) => Err(JournalError::Whole(number)),
        }
    }
}

/// A command line without anything secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Command {
    /// Its words, the program's name apart.
    pub arguments: Vec<String>,
    /// Where it was typed.
    pub folder: PathBuf,
}

/// How a job of the journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A process is at it.
    Running,
    /// It can go on.
    Interrupted,
    /// Whole.
    Complete,
    /// Playable, with gaps.
    Incomplete,
    /// Ended by an error.
    Failed,
    /// Ended by the user.
    Cancelled,
}

/// A job of the journal, as `weir jobs --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// What `weir resume` and `weir forget` take.
    pub id: Number,
    /// How it is.
    pub state: State,
    /// For people.
    pub title: Option<String>,
    /// The playlist, without what may be a secret.
    pub source: String,
    /// Where the output is, finished or not.
    pub output: Option<String>,
    /// When it began, in seconds since 1970.
    pub began: i64,
    /// When it was last heard of.
    pub changed: i64,
    /// How many segments there are, and how many of them are in the output.
    pub segments: Segments,
    /// Size of the output in bytes.
    pub bytes: u64,
    /// The report of its end; null before.
    pub finished: Option<Finished>,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Segments {
    /// All.
    pub total: u64,
    /// In the output.
    pub merged: u64,
}

impl Journal {
    /// The journal of the user (`$XDG_DATA_HOME/weir` on Linux).
    ///
    /// # Errors
    /// [`JournalError::NoHome`].
    pub fn of_the_user() -> Result<Self, JournalError> {
        Ok(Self::at(data_folder().ok_or(JournalError::NoHome)?))
    }

    /// A journal in any folder.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join("journal.sqlite")
    }

    /// Takes a job up: one that was interrupted where it was, else a new one. With a number it has to be that one.
    ///
    /// # Errors
    /// [`JournalError::Running`] when another process is at it, [`JournalError::Changed`] when the one with the number is
    /// another capture; others when the journal cannot be used.
    pub fn claim(&self, beginning: &Beginning, number: Option<Number>) -> Result<Claim, JournalError> {
        entry::claim(self, beginning, number)
    }

    /// Whether a job of this identity was interrupted, or is under way.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn has_unfinished(&self, identity: &Identity) -> Result<bool, JournalError> {
        let Some(connection) = self.existing()? else {
            return Ok(false);
        };
        Ok(connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM job WHERE identity = ?1 AND state = 'unfinished')",
            [identity.as_bytes()],
            |row| row.get(0),
        )?)
    }

    /// Takes up a job that ended with something missing, to fetch that. `identity` is of what is asked for now.
    ///
    /// # Errors
    /// [`JournalError::Whole`] when nothing is missing, [`JournalError::ForGood`] when there is nothing to fill it with;
    /// [`JournalError::Changed`], [`JournalError::Running`], [`JournalError::Damaged`].
    pub fn mend(&self, id: Number, identity: &Identity) -> Result<Mendable, JournalError> {
        entry::mend(self, id, identity)
    }

    /// All jobs, the newest first.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn list(&self) -> Result<Vec<Record>, JournalError> {
        let Some(connection) = self.existing()? else {
            return Ok(Vec::new());
        };
        let mut statement =
            connection.prepare(&format!("SELECT {SELECT_COLUMNS} FROM job ORDER BY id DESC"))?;
        let records = statement.query_map([], |row| self.record(row))?;
        Ok(records.collect::<Result<_, _>>()?)
    }

    /// One job.
    ///
    /// # Errors
    /// [`JournalError::Unknown`].
    pub fn record_of(&self, id: Number) -> Result<Record, JournalError> {
        let connection = self.existing()?.ok_or(JournalError::Unknown(id))?;
        let record = connection
            .query_row(
                &format!("SELECT {SELECT_COLUMNS} FROM job WHERE id = ?1"),
                [id],
                |row| self.record(row),
            )
            .optional()?;
        record.ok_or(JournalError::Unknown(id))
    }

    /// How a job was asked for, to ask again.
    ///
    /// # Errors
    /// [`JournalError::NotAskedHere`] when the journal cannot know.
    pub fn command_of(&self, id: Number) -> Result<Command, JournalError> {
        let connection = self.existing()?.ok_or(JournalError::Unknown(id))?;
        let command: Option<Option<String>> = connection
            .query_row("SELECT command FROM job WHERE id = ?1", [id], |row| row.get(0))
            .optional()?;
        let command = command.ok_or(JournalError::Unknown(id))?;
        let command = command.ok_or(JournalError::NotAskedHere(id))?;
        serde_json::from_str(&command).map_err(|_| JournalError::NotAskedHere(id))
    }

    /// Strikes a job out. Its files stay, finished or not.
    ///
    /// # Errors
    /// [`JournalError::Unknown`], [`JournalError::Running`].
    pub fn forget(&self, id: Number) -> Result<Record, JournalError> {
        let record = self.record_of(id)?;
        let lock = Lock::take(&self.folder, id)?.ok_or(JournalError::Running(id))?;
        self.open()?.execute("DELETE FROM job WHERE id = ?1", [id])?;
        lock.remove();
        Ok(record)
    }

    fn open(&self) -> Result<Connection, JournalError> {
        make_private(&self.folder).map_err(|error| JournalError::file(&self.folder, error))?;
        schema::open(&self.path())
    }

    /// The file where there is one: looking does not make it.
    fn existing(&self) -> Result<Option<Connection>, JournalError> {
        let is_there = self.path().exists();
        is_there.then(|| self.open()).transpose()
    }

    fn record(&self, row: &Row<'_>) -> rusqlite::Result<Record> {
        let id = row.get("id")?;
        let finished: Option<String> = row.get("finished")?;
        let finished: Option<Finished> = finished.and_then(|text| serde_json::from_str(&text).ok());
        let part: Option<String> = row.get("part")?;
        let state = self.state(id, &row.get::<_, String>("state")?);
        let come = match (state, &part) {
            (State::Interrupted, Some(part)) => {
                let ending = row.get::<_, Option<String>>("ending")?;
                let ending = ending.and_then(|ending| Ending::read(&ending));
                ending.filter(|ending| ending.has_come(Path::new(part)))
            }
            _ => None,
        };
        let finished = come.map(|ending| ending.finished).or(finished);
        Ok(Record {
            id,
            state: match &finished {
                Some(finished) if state == State::Interrupted => State::of(finished.verdict),
                _ => state,
            },
            title: row.get("title")?,
            source: row.get("source")?,
            output: finished.as_ref().map_or(part, |finished| finished.output.clone()),
            began: row.get("began")?,
            changed: row.get("changed")?,
            segments: Segments {
                total: row.get("segments")?,
                merged: row.get("merged")?,
            },
            bytes: row.get("bytes")?,
            finished,
        })
    }

    fn state(&self, id: Number, written: &str) -> State {
        match written {
            "complete" => State::Complete,
            "incomplete" => State::Incomplete,
            "cancelled" => State::Cancelled,
            "failed" => State::Failed,
            _ if Lock::is_held(&self.folder, id) => State::Running,
            _ => State::Interrupted,
        }
    }
}

const SELECT_COLUMNS: &str =
    "id, state, title, source, part, began, changed, segments, merged, bytes, finished,
    (SELECT ending FROM ending WHERE ending.job = job.id) AS ending";

impl State {
    /// Of a job that has ended like this.
    fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Complete => Self::Complete,
            Verdict::Incomplete => Self::Incomplete,
            Verdict::Failed => Self::Failed,
            Verdict::Cancelled => Self::Cancelled,
        }
    }
}

/// Makes a folder that is the user's alone.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Now, in seconds since 1970.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// The file whose lock says that a process is at a job.
fn lock_path(folder: &Path, id: Number) -> PathBuf {
    folder.join(format!("job-{id}.lock"))
}
