//! The tables, and the file they are in.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::JournalError;

/// Written by this program. Another number means other tables.
const VERSION: i64 = 1;

/// How long another process is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// `state` is `unfinished` or a verdict. A job has points until it is over: `added` of all of them, `merger` and `state` of
/// those that a resume may begin with. An `ending` is what it comes to once its output has its name. One that is incomplete keeps its last point, and a `hole` for what is missing
/// between two segments: media sequence numbers, and the merger where it begins. SQLite does not see a bit that flips in a value, so each has a digest.
const TABLES: &str = "
    CREATE TABLE job (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        identity BLOB NOT NULL,
        state TEXT NOT NULL,
        title TEXT,
        source TEXT NOT NULL,
        container TEXT NOT NULL,
        command TEXT,
        slot TEXT,
        part TEXT,
        began INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        segments INTEGER NOT NULL,
        merged INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        finished TEXT
    ) STRICT;
    CREATE INDEX job_identity ON job (identity);
    CREATE TABLE point (
        job INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        format INTEGER NOT NULL,
        boot TEXT,
        length INTEGER NOT NULL,
        merger BLOB,
        state BLOB,
        digest BLOB,
        added BLOB NOT NULL,
        added_digest BLOB NOT NULL,
        PRIMARY KEY (job, number)
    ) STRICT, WITHOUT ROWID;
";

/// What an older program made no tables for: it looks for none.
const LATER_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS ending (
        job INTEGER PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
        ending TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS hole (
        job INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
        track INTEGER NOT NULL,
        first INTEGER NOT NULL,
        behind INTEGER NOT NULL,
        lead BLOB NOT NULL,
        merger BLOB NOT NULL,
        digest BLOB NOT NULL,
        PRIMARY KEY (job, track, first)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS browser (
        job INTEGER PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
        asked_as TEXT NOT NULL,
        page TEXT,
        playlist TEXT
    ) STRICT;
";

/// Opens the file, and makes the tables when it is new.
pub(super) fn open(path: &Path) -> Result<Connection, JournalError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    // A reader and a writer at a time, and a commit is one write.
    write_ahead(&connection)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // In KiB. What is written is seldom read again: SQLite's own 2 MB are memory for nothing.
    connection.pragma_update(None, "cache_size", -256)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Looking takes no lock that a running job would have to wait for.
    if version(&connection)? == 0 {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if version(&transaction)? == 0 {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        transaction.commit()?;
    }
    match version(&connection)? {
        VERSION => {
            connection.execute_batch(LATER_TABLES)?;
            if !connection.column_exists(None, "browser", "playlist")? {
                add_playlist(&mut connection)?;
            }
            Ok(connection)
        }
        found => Err(JournalError::Newer {
            found,
            known: VERSION,
        }),
    }
}

/// What a table had no column for. Of several processes that open the same journal at once one adds it.
fn add_playlist(connection: &mut Connection) -> Result<(), JournalError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !transaction.column_exists(None, "browser", "playlist")? {
        transaction.execute_batch("ALTER TABLE browser ADD COLUMN playlist TEXT")?;
    }
    Ok(transaction.commit()?)
}

/// SQLite's own patience is not for this change: of several processes that open a new file at once all but one are told
/// that it is busy.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    const PAUSE: Duration = Duration::from_millis(5);
    let begin = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && begin.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            changed => return changed,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

fn version(connection: &Connection) -> Result<i64, JournalError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_holes(connection: &Connection) -> bool {
        connection.table_exists(None, "hole").unwrap()
    }

    #[test]
    fn a_journal_of_before_there_were_holes_gets_their_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.sqlite");
        let old = open(&path).unwrap();
        old.execute_batch("DROP TABLE hole").unwrap();
        drop(old);
        assert!(has_holes(&open(&path).unwrap()));
    }

    #[test]
    fn a_journal_of_before_it_knew_playlists_gets_their_column_and_keeps_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.sqlite");
        let old = open(&path).unwrap();
        old.execute_batch(
            "PRAGMA foreign_keys = OFF;
             ALTER TABLE browser DROP COLUMN playlist;
             INSERT INTO browser (job, asked_as, page) VALUES (1, 'job-1', 'https://a.example/');",
        )
        .unwrap();
        drop(old);
        let both = [open(&path).unwrap(), open(&path).unwrap()];
        for connection in both {
            let row = connection.query_one("SELECT asked_as, playlist FROM browser", [], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
            });
            assert_eq!(row.unwrap(), ("job-1".to_owned(), None));
        }
    }

    #[test]
    fn looking_waits_for_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.sqlite");
        let mut writer = open(&path).unwrap();
        let transaction = writer
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .unwrap();
        // Waiting would fail after [`PATIENCE`].
        assert!(has_holes(&open(&path).unwrap()));
        drop(transaction);
    }
}
