//! How captures ended of which no browser was told: those that the host finished alone. Told once, they are struck out.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};
use weir_core::protocol::JobStatus;
use weir_core::protocol::limits::MAX_JOBS;

use super::{Journal, JournalError};

/// Made when it is first needed: an earlier version does not look for it.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS untold (number INTEGER PRIMARY KEY AUTOINCREMENT, status TEXT NOT NULL) STRICT";

impl Journal {
    /// Keeps the end of a job for the next browser. Of more than a host remembers the oldest are forgotten.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn leave_word(&self, status: &JobStatus) -> Result<(), JournalError> {
        let mut connection = self.open()?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(TABLE)?;
        let text = serde_json::to_string(status).unwrap_or_default();
        transaction.execute("INSERT INTO untold (status) VALUES (?1)", [text])?;
        transaction.execute(
            "DELETE FROM untold WHERE number <= (SELECT max(number) FROM untold) - ?1",
            [i64::try_from(MAX_JOBS).unwrap_or(i64::MAX)],
        )?;
        Ok(transaction.commit()?)
    }

    /// Takes what was kept for a browser, the oldest first.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn take_words(&self) -> Result<Vec<JobStatus>, JournalError> {
        let Some(mut connection) = self.existing()? else {
            return Ok(Vec::new());
        };
        // Looking takes no lock.
        if !is_anything_there(&connection)? {
            return Ok(Vec::new());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let texts: Vec<String> = transaction
            .prepare("SELECT status FROM untold ORDER BY number")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        transaction.execute("DELETE FROM untold", [])?;
        transaction.commit()?;
        let read = |text: &String| serde_json::from_str(text).ok();
        Ok(texts.iter().filter_map(read).collect())
    }
}

fn is_anything_there(connection: &Connection) -> Result<bool, JournalError> {
    let find = |sql| connection.query_row(sql, [], |_| Ok(())).optional();
    let table = find("SELECT 1 FROM sqlite_schema WHERE name = 'untold'")?;
    Ok(table.is_some() && find("SELECT 1 FROM untold LIMIT 1")?.is_some())
}

#[cfg(test)]
mod tests {
    use weir_core::protocol::{ErrorCode, Failure, JobId, JobState, Progress, SegmentCounts};

    use super::*;

    fn status(number: usize) -> JobStatus {
        let job = JobId::new(format!("job-{number}")).unwrap();
        let failure = Failure {
            code: ErrorCode::Network,
            message: "gone".to_owned(),
        };
        JobStatus {
            job: job.clone(),
            title: Some("film".to_owned()),
            progress: Progress {
                job: Some(job.clone()),
                state: JobState::Finished,
                segments: SegmentCounts::default(),
                bytes: 0,
                bytes_per_second: 0.0,
                eta_seconds: None,
                recorded_seconds: None,
            },
            finished: Some(crate::job::refused(Some(job), failure)),
        }
    }

    #[test]
    fn words_are_taken_once_and_are_not_many() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::at(folder.path().to_owned());
        assert_eq!(journal.take_words().unwrap(), []);
        let all: Vec<JobStatus> = (0..MAX_JOBS + 3).map(status).collect();
        for status in &all {
            journal.leave_word(status).unwrap();
        }
        assert_eq!(journal.take_words().unwrap(), all[3..]);
        assert_eq!(journal.take_words().unwrap(), []);
    }
}
