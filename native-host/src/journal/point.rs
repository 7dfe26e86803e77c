//! Points of a job: where it can go on.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};

use super::{JournalError, Number};
use crate::merge::Point;

/// What is saved means something to programs of this number only. `merge::points` of the integration tests fails when the
/// layout of what is saved changes and this does not.
pub const FORMAT: u32 = 6;

/// A point that was saved.
#[derive(Debug)]
pub struct SavedPoint {
    /// For [`crate::merge::Merger::restore`].
    pub merger: Vec<u8>,
    /// Length of the output.
    pub length: u64,
    /// Of this point and all before it.
    pub added: Vec<Vec<u8>>,
    /// The job beside its merger.
    pub state: Vec<u8>,
}

/// Whether a point outlives the machine, or its process only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    Machine,
    Process,
}

/// Adds a point. Those before it, but for the last that outlives the machine, are no places to begin any more.
pub(super) fn save(
    connection: &mut Connection,
    job: Number,
    point: &Point,
    state: &[u8],
    durability: Durability,
) -> Result<(), JournalError> {
    let boot = match durability {
        Durability::Machine => None,
        Durability::Process => boot_id(),
    };
    if durability == Durability::Machine {
        connection.pragma_update(None, "synchronous", "FULL")?;
    }
    // One that begins with reading is refused at once when another process has written in between.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number: i64 = transaction.query_row(
        "SELECT ifnull(max(number), 0) + 1 FROM point WHERE job = ?1",
        [job],
        |row| row.get(0),
    )?;
    let stays = match durability {
        Durability::Machine => "FALSE",
        Durability::Process => "boot IS NULL",
    };
    transaction.execute(
        &format!(
            "UPDATE point SET merger = NULL, state = NULL, digest = NULL WHERE job = ?1 AND merger IS NOT NULL AND NOT ({stays})"
        ),
        [job],
    )?;
    transaction.execute(
        "INSERT INTO point (job, number, format, boot, length, merger, state, digest, added, added_digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            job,
            number,
            FORMAT,
            boot,
            point.length,
            point.merger,
            state,
            digest([&point.length.to_be_bytes()[..], &point.merger, state]),
            point.added,
            digest([&point.added[..]]),
        ],
    )?;
    transaction.commit()?;
    if durability == Durability::Machine {
        connection.pragma_update(None, "synchronous", "NORMAL")?;
    }
    Ok(())
}

/// The last point that is still good.
pub(super) fn load(connection: &Connection, job: Number) -> Result<Option<SavedPoint>, JournalError> {
    let found = connection
        .query_row(
            "SELECT number, merger, length, state, format, digest FROM point
             WHERE job = ?1 AND merger IS NOT NULL AND (boot IS NULL OR boot = ?2)
             ORDER BY number DESC LIMIT 1",
            params![job, boot_id()],
            |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, u32>(4)?,
                    row.get::<_, Vec<u8>>(5)?,
                    SavedPoint {
                        merger: row.get(1)?,
                        length: row.get(2)?,
                        added: Vec::new(),
                        state: row.get(3)?,
                    },
                ))
            },
        )
        .optional()?;
    let Some((number, format, known, mut point)) = found else {
        return Ok(None);
    };
    if format != FORMAT {
        return Err(JournalError::OfAnotherVersion(job));
    }
    let damaged = || JournalError::Damaged {
        id: job,
        reason: "what was saved of it is not what it was".to_owned(),
    };
    if digest([&point.length.to_be_bytes()[..], &point.merger, &point.state])[..] != known {
        return Err(damaged());
    }
    // What came later is not in the output that is gone on with.
    connection.execute(
        "DELETE FROM point WHERE job = ?1 AND number > ?2",
        params![job, number],
    )?;
    let mut statement =
        connection.prepare("SELECT added, added_digest FROM point WHERE job = ?1 ORDER BY number")?;
    let mut rows = statement.query([job])?;
    while let Some(row) = rows.next()? {
        let (added, known): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
        if digest([&added[..]])[..] != known {
            return Err(damaged());
        }
        point.added.push(added);
    }
    Ok(Some(point))
}

pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut digest = Sha256::new();
    parts.into_iter().for_each(|part| digest.update(part));
    digest.finalize().into()
}

/// Changes with every start of the machine; None where that is not told, and only what is on the disk counts there.
fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use weir_core::protocol::{CaptureAction, Finished, Verdict};

    use crate::error::Coded as _;
    use crate::journal::{Beginning, Claim, Command, Journal, JournalError};
    use crate::merge::Point;

    fn beginning(journal: &Journal) -> crate::journal::Entry {
        match journal.claim(&Beginning::example(), None).unwrap() {
            Claim::New(entry, None) => entry,
            claim => panic!("nobody has begun it: {claim:?}"),
        }
    }

    fn point(number: u64) -> Point {
        Point {
            merger: vec![1; 2000],
            added: vec![2; 100],
            length: number,
            file: None,
        }
    }

    /// faults.md, 42: one bit, wherever it is.
    #[test]
    fn a_bit_that_flips_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::at(folder.path().to_owned());
        let entry = beginning(&journal);
        for number in 1..=3 {
            entry.save(&point(number), b"{}", number).unwrap();
        }
        let connection = journal.open().unwrap();
        let load = || super::load(&connection, entry.id());
        assert_eq!(load().unwrap().unwrap().added.len(), 3);
        for (column, number, changed) in [
            ("merger", 3, "zeroblob(2000)"),
            ("state", 3, "x'7b20'"),
            ("length", 3, "4"),
            ("digest", 3, "zeroblob(32)"),
            ("added", 3, "zeroblob(100)"),
            ("added", 1, "zeroblob(99)"),
            ("added_digest", 2, "x''"),
        ] {
            let set = |value: &str| {
                let sql = format!("UPDATE point SET {column} = {value} WHERE number = {number}");
                assert_eq!(connection.execute(&sql, []).unwrap(), 1);
            };
            let keep = format!(
                "CREATE TEMP TABLE kept AS SELECT {column} AS value FROM point WHERE number = {number}"
            );
            connection.execute_batch(&keep).unwrap();
            set(changed);
            let error = load().unwrap_err().to_string();
            assert!(error.contains("is not what it was"), "{column}: {error}");
            set("(SELECT value FROM kept)");
            connection.execute_batch("DROP TABLE kept").unwrap();
            assert!(load().unwrap().is_some());
        }
    }

    /// What another version has kept may mean something else, to a repair too.
    #[test]
    fn what_another_version_has_kept_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::at(folder.path().to_owned());
        let known = Beginning {
            command: Some(Command {
                arguments: Vec::new(),
                folder: folder.path().to_owned(),
            }),
            ..Beginning::example()
        };
        let offers_repair = || {
            let shown = journal.history(1).unwrap().remove(0);
            shown.can.contains(&CaptureAction::Repair)
        };
        let Claim::New(entry, None) = journal.claim(&known, None).unwrap() else {
            panic!("nobody has begun it");
        };
        let finished = Finished {
            verdict: Verdict::Incomplete,
            bytes: 1,
            ..crate::job::refused(None, JournalError::ForGood(1).failure())
        };
        entry.save(&point(1), b"{}", 1).unwrap();
        entry.keep_mendable();
        entry.end(&finished).unwrap();
        let number = entry.id();
        drop(entry);
        let mend = || journal.mend(number, &known.identity).unwrap_err();
        assert!(
            matches!(mend(), JournalError::NotItsFile { .. }),
            "there is a point"
        );
        assert!(offers_repair());
        let connection = journal.open().unwrap();
        let older = [super::FORMAT - 1];
        assert_eq!(
            connection.execute("UPDATE point SET format = ?1", older).unwrap(),
            1
        );
        assert!(matches!(mend(), JournalError::OfAnotherVersion(_)));
        assert!(!offers_repair(), "nobody is shown what does not go");
        let words = mend().to_string();
        assert!(
            words.contains("another version of Weir") && words.contains("capture again"),
            "{words}"
        );
        connection
            .execute("UPDATE job SET state = 'unfinished'", [])
            .unwrap();
        let again = journal.claim(&known, Some(number)).unwrap_err();
        assert!(matches!(again, JournalError::OfAnotherVersion(_)), "{again}");
    }

    /// None is refused because another has written meanwhile.
    #[test]
    fn jobs_that_save_at_once() {
        const JOBS: usize = 4;
        const POINTS: u64 = 100;
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::at(folder.path().to_owned());
        std::thread::scope(|scope| {
            for _ in 0..JOBS {
                scope.spawn(|| {
                    let entry = beginning(&journal);
                    (1..=POINTS).for_each(|number| entry.save(&point(number), b"{}", number).unwrap());
                });
            }
        });
        let records = journal.list().unwrap();
        let merged: Vec<u64> = records.iter().map(|record| record.segments.merged).collect();
        assert_eq!(merged, [POINTS; JOBS]);
    }
}
