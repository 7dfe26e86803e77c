//! A job that this process is at.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use weir_core::protocol::{Finished, Verdict};

use super::ending::{self, Ending};
use super::hole::{self, SavedHole};
use super::lock::Lock;
use super::point::{self, Durability, SavedPoint};
use super::{Asker, Beginning, Identity, Journal, JournalError, Number, now};
use crate::failpoint::Failpoint;
use crate::merge::Point;
use crate::output_path::{Replacement, Slot, bytes_of};

/// What a job is when it is taken up.
#[derive(Debug)]
pub enum Claim {
    /// New; or begun again, because what is left of it is no help.
    New(Entry, Option<JournalError>),
    /// It was interrupted.
    Unfinished(Box<Unfinished>),
    /// It was interrupted when only its end was not written down.
    Over(Box<Over>),
}

/// A job that was interrupted behind its end.
#[derive(Debug)]
pub struct Over {
    /// The job.
    pub entry: Entry,
    /// How it ended.
    pub ending: Ending,
}

/// A job that was interrupted.
#[derive(Debug)]
pub struct Unfinished {
    /// The job.
    pub entry: Entry,
    /// Its output.
    pub slot: Slot,
    /// Where it goes on.
    pub point: SavedPoint,
}

/// A job that ended with something missing.
#[derive(Debug)]
pub struct Mendable {
    /// The job.
    pub entry: Entry,
    /// How it ended.
    pub finished: Finished,
    /// Its file, which has the length that it ended with.
    pub output: PathBuf,
    /// The merger after the last segment.
    pub point: SavedPoint,
    /// What is missing between two segments.
    pub holes: Vec<SavedHole>,
}

/// A job of this process. The lock is given back when it is dropped.
#[derive(Debug)]
pub struct Entry {
    id: Number,
    connection: Mutex<Connection>,
    lock: Lock,
    /// What is missing when it ends can be filled in later.
    mendable: AtomicBool,
}

pub(super) fn claim(
    journal: &Journal,
    beginning: &Beginning,
    number: Option<Number>,
) -> Result<Claim, JournalError> {
    let mut connection = journal.open()?;
    // Of two processes that begin the same at once, one finds what the other has begun.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let known = unfinished(&transaction, beginning, number)?;
    let id = match (&known, number) {
        (Some((id, _)), _) => *id,
        (None, Some(number)) => return Err(JournalError::Changed(number)),
        (None, None) => insert(&transaction, beginning)?,
    };
    let lock = Lock::take(&journal.folder, id)?.ok_or(JournalError::Running(id))?;
    if let Some(Asker { job, page, playlist }) = &beginning.browser {
        transaction.execute(
            "INSERT OR REPLACE INTO browser (job, asked_as, page, playlist) VALUES (?1, ?2, ?3, ?4)",
            params![id, job.as_str(), page, playlist],
        )?;
    }
    transaction.commit()?;
    let point = point::load(&connection, id);
    let entry = Entry {
        id,
        connection: Mutex::new(connection),
        lock,
        mendable: AtomicBool::new(false),
    };
    let slot = known.map(|(_, slot)| slot.and_then(|slot| serde_json::from_str::<Slot>(&slot).ok()));
    if let Some(Some(slot)) = &slot
        && let Some(ending) = entry.ending()?.filter(|ending| ending.has_come(&slot.part()))
    {
        return Ok(Claim::Over(Box::new(Over { entry, ending })));
    }
    match (slot, point) {
        (None, _) => Ok(Claim::New(entry, None)),
        (Some(Some(slot)), Ok(Some(point))) if slot.part().exists() => {
            Ok(Claim::Unfinished(Box::new(Unfinished { entry, slot, point })))
        }
        // It had not come to anything, or its output was taken away.
        (_, Err(error)) if number.is_some() => Err(error),
        (_, Ok(Some(_))) if number.is_some() => Err(JournalError::Changed(id)),
        (slot, point) => {
            if let (Some(Some(slot)), Ok(None)) = (&slot, &point) {
                entry.clear_beginning(slot)?;
            }
            entry.begin_again()?;
            Ok(Claim::New(entry, point.err()))
        }
    }
}

pub(super) fn mend(journal: &Journal, id: Number, identity: &Identity) -> Result<Mendable, JournalError> {
    let connection = journal.existing()?.ok_or(JournalError::Unknown(id))?;
    let lock = Lock::take(&journal.folder, id)?.ok_or(JournalError::Running(id))?;
    let (known, state, finished): (Vec<u8>, String, Option<String>) = connection
        .query_row(
            "SELECT identity, state, finished FROM job WHERE id = ?1",
            [id],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?
        .ok_or(JournalError::Unknown(id))?;
    let finished: Option<Finished> = finished.and_then(|text| serde_json::from_str(&text).ok());
    let (Some(finished), "incomplete") = (finished, &state[..]) else {
        return Err(JournalError::Whole(id));
    };
    let output = PathBuf::from(finished.output.clone().unwrap_or_default());
    let point = point::load(&connection, id)?.ok_or(JournalError::ForGood(id))?;
    if known != identity.as_bytes() {
        return Err(JournalError::Changed(id));
    }
    let holes = hole::load(&connection, id)?;
    let entry = Entry {
        id,
        connection: Mutex::new(connection),
        lock,
        mendable: AtomicBool::new(false),
    };
    let length = bytes_of(&output);
    if length != finished.bytes {
        // A repair that was killed when the file had been replaced. What is left of the holes is not of this file.
        let Some(ending) = entry.ending()?.filter(|ending| ending.finished.bytes == length) else {
            return Err(JournalError::NotItsFile { id, path: output });
        };
        Replacement::clear(&output, id);
        entry.end(&ending.finished)?;
        return Err(match ending.finished.verdict {
            Verdict::Complete => JournalError::Whole(id),
            _ => JournalError::ForGood(id),
        });
    }
    entry.keep_mendable();
    Ok(Mendable {
        entry,
        finished,
        output,
        point,
        holes,
    })
}

/// The number and the slot of the capture that was begun and is not over.
fn unfinished(
    connection: &Connection,
    beginning: &Beginning,
    number: Option<Number>,
) -> rusqlite::Result<Option<(Number, Option<String>)>> {
    let oldest = beginning.patience.map_or(0, |patience| {
        now().saturating_sub(i64::try_from(patience.as_secs()).unwrap_or(i64::MAX))
    });
    connection
        .query_row(
            "SELECT id, slot FROM job WHERE identity = ?1 AND state = 'unfinished' AND id = ifnull(?2, id)
             AND (?2 IS NOT NULL OR changed >= ?3) ORDER BY id DESC LIMIT 1",
            params![beginning.identity.as_bytes(), number, oldest],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
}

/// Where a job writes, as jobs are told apart by it.
fn path_of(slot: &Slot) -> String {
    let part = std::path::absolute(slot.part()).unwrap_or_else(|_| slot.part());
    part.to_string_lossy().into_owned()
}

fn insert(connection: &Connection, beginning: &Beginning) -> rusqlite::Result<Number> {
    let command = beginning
        .command
        .as_ref()
        .and_then(|command| serde_json::to_string(command).ok());
    connection.execute(
        "INSERT INTO job (identity, state, title, source, container, command, began, changed, segments)
         VALUES (?1, 'unfinished', ?2, ?3, ?4, ?5, ?6, ?6, ?7)",
        params![
            beginning.identity.as_bytes(),
            beginning.title,
            beginning.source,
            serde_json::to_string(&beginning.container).unwrap_or_default(),
            command,
            now(),
            beginning.segments,
        ],
    )?;
    Ok(connection.last_insert_rowid())
}

/// Tables of what a job has until it is over.
const OF_A_JOB: [&str; 3] = ["point", "hole", "ending"];

impl Entry {
    /// Its number.
    #[must_use]
    pub fn id(&self) -> Number {
        self.id
    }

    /// Its output will have this name, unless another job takes it first.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn writes_to(&self, slot: &Slot) -> Result<(), JournalError> {
        self.execute(
            "UPDATE job SET slot = ?2, part = ?3, changed = ?4 WHERE id = ?1",
            params![self.id, serde_json::to_string(slot).ok(), path_of(slot), now()],
        )
    }

    /// Makes room for a capture that was interrupted before its first point: its name is its own, unless another job took
    /// it first. What may be worth something to a person stays.
    fn clear_beginning(&self, slot: &Slot) -> Result<(), JournalError> {
        const WORTH_NOTHING_BYTES: u64 = 4 << 20;
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let is_of_another: bool = connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM job WHERE part = ?2 AND state = 'unfinished' AND id <> ?1)",
            params![self.id, path_of(slot)],
            |row| row.get(0),
        )?;
        if !is_of_another && slot.written() < WORTH_NOTHING_BYTES {
            slot.discard();
        }
        Ok(())
    }

    /// Saves a point that outlives this process.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn save(&self, point: &Point, state: &[u8], merged: u64) -> Result<(), JournalError> {
        self.save_for(point, state, merged, Durability::Process)
    }

    /// Saves a point that outlives the machine: the output first, then the journal. Of a folder, whose many files are not
    /// waited for, the point outlives the process only.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn save_durably(&self, point: &Point, state: &[u8], merged: u64) -> Result<(), JournalError> {
        let Some(file) = &point.file else {
            return self.save(point, state, merged);
        };
        file.sync_data()
            .map_err(|error| JournalError::file("the output".as_ref(), error))?;
        Failpoint::Synced.pass();
        self.save_for(point, state, merged, Durability::Machine)
    }

    /// The same, of an output that is on the disk.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn save_synced(&self, point: &Point, state: &[u8], merged: u64) -> Result<(), JournalError> {
        self.save_for(point, state, merged, Durability::Machine)
    }

    fn save_for(
        &self,
        point: &Point,
        state: &[u8],
        merged: u64,
        durability: Durability,
    ) -> Result<(), JournalError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        point::save(&mut connection, self.id, point, state, durability)?;
        connection.execute(
            "UPDATE job SET merged = ?2, bytes = ?3, changed = ?4 WHERE id = ?1",
            params![self.id, merged, point.length, now()],
        )?;
        Failpoint::Saved.pass();
        Ok(())
    }

    /// Keeps the end that comes with the output's name.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn announce(&self, ending: &Ending) -> Result<(), JournalError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        ending::save(&connection, self.id, ending)
    }

    fn ending(&self) -> Result<Option<Ending>, JournalError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(ending::load(&connection, self.id)?)
    }

    /// Keeps where something is missing.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn keep_hole(&self, hole: &SavedHole) -> Result<(), JournalError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        hole::save(&connection, self.id, hole)
    }

    /// It has these holes, and those that were kept before are none any more. A point that is saved next is of the same
    /// file.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn replace_holes(&self, holes: &[SavedHole]) -> Result<(), JournalError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for table in ["point", "hole"] {
            transaction.execute(&format!("DELETE FROM {table} WHERE job = ?1"), [self.id])?;
        }
        for hole in holes {
            hole::save(&transaction, self.id, hole)?;
        }
        Ok(transaction.commit()?)
    }

    /// Its last point and its holes stay when it ends with something missing.
    pub fn keep_mendable(&self) {
        self.mendable.store(true, Ordering::Relaxed);
    }

    /// The job is over, or has failed in a way that it can go on from.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn end(&self, finished: &Finished) -> Result<(), JournalError> {
        let can_go_on = finished.verdict == Verdict::Failed && finished.output.is_some();
        let state = match finished.verdict {
            Verdict::Complete => "complete",
            Verdict::Incomplete => "incomplete",
            Verdict::Failed if can_go_on => "unfinished",
            Verdict::Failed => "failed",
            Verdict::Cancelled => "cancelled",
        };
        self.execute(
            "UPDATE job SET state = ?2, finished = ?3, bytes = ?4, merged = ?5, changed = ?6 WHERE id = ?1",
            params![
                self.id,
                state,
                serde_json::to_string(finished).ok().filter(|_| !can_go_on),
                finished.bytes,
                finished.segments.fetched,
                now()
            ],
        )?;
        if can_go_on {
            return Ok(());
        }
        Failpoint::Told.pass();
        let is_mendable = finished.verdict == Verdict::Incomplete && self.mendable.load(Ordering::Relaxed);
        if is_mendable {
            // The output has its name, and so it is on the disk.
            self.execute("UPDATE point SET boot = NULL WHERE job = ?1", [self.id])?;
        }
        self.forget(if is_mendable { &["ending"] } else { &OF_A_JOB })?;
        self.lock.remove();
        Ok(())
    }

    /// What it has come to is no help: it begins anew, in another file.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn begin_again(&self) -> Result<(), JournalError> {
        self.forget(&OF_A_JOB)?;
        self.execute(
            "UPDATE job SET merged = 0, bytes = 0, slot = NULL, part = NULL, changed = ?2 WHERE id = ?1",
            params![self.id, now()],
        )
    }

    fn forget(&self, tables: &[&str]) -> Result<(), JournalError> {
        for table in tables {
            self.execute(&format!("DELETE FROM {table} WHERE job = ?1"), [self.id])?;
        }
        Ok(())
    }

    fn execute(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<(), JournalError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.execute(sql, parameters)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use weir_core::protocol::Container;

    use super::*;
    use crate::output_path::Target;

    fn claimed(journal: &Journal, beginning: &Beginning) -> Entry {
        match journal.claim(beginning, None).unwrap() {
            Claim::New(entry, None) => entry,
            claim => panic!("nothing came of it: {claim:?}"),
        }
    }

    /// Both say where they will write before one of them has the name.
    #[test]
    fn of_two_that_wanted_one_name_only_its_owner_clears_it_away() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::at(folder.path().join("journal"));
        let wanted = Target::named(&folder.path().join("film.mp4"), Container::Mp4).unwrap();
        let slot = wanted.slots().unwrap().next().unwrap();
        let (owner, other) = (Beginning::example(), Beginning::example());
        let running = claimed(&journal, &owner);
        running.writes_to(&slot).unwrap();
        fs::write(slot.part(), "header").unwrap();
        claimed(&journal, &other).writes_to(&slot).unwrap();
        claimed(&journal, &other);
        assert!(slot.part().exists(), "it is the running job's");
        drop(running);
        claimed(&journal, &owner);
        assert!(!slot.part().exists(), "it is its own, and nothing is in it");
    }
}
