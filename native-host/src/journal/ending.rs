//! How a job ends once its output has its name. The name and the journal cannot change at one moment: what is written
//! here before the one is the other.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use weir_core::protocol::Finished;

use super::{JournalError, Number};
use crate::output_path::{Beside, is_same_file};

/// The end that comes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ending {
    /// As it will be told; it names the output.
    pub finished: Finished,
    /// What is written of files beside the output, which get their names behind it.
    pub beside: Vec<Beside>,
}

impl Ending {
    /// None where nobody can read it.
    pub(super) fn read(saved: &str) -> Option<Self> {
        serde_json::from_str(saved).ok()
    }

    /// Whether it has come: the file of this name is the one that was written as `part`.
    pub(super) fn has_come(&self, part: &Path) -> bool {
        let Some(output) = self.finished.output.as_ref().map(Path::new) else {
            return false;
        };
        match fs::symlink_metadata(output) {
            Ok(found) if found.is_file() && found.len() != self.finished.bytes => false,
            Ok(found) if found.is_file() || found.is_dir() => !part.exists() || is_same_file(part, output),
            _ => false,
        }
    }
}

pub(super) fn save(connection: &Connection, job: Number, ending: &Ending) -> Result<(), JournalError> {
    let ending = serde_json::to_string(ending).unwrap_or_default();
    connection.execute(
        "INSERT OR REPLACE INTO ending (job, ending) VALUES (?1, ?2)",
        params![job, ending],
    )?;
    Ok(())
}

/// None where none is announced, and where nobody can read what was.
pub(super) fn load(connection: &Connection, job: Number) -> rusqlite::Result<Option<Ending>> {
    let ending: Option<String> = connection
        .query_row("SELECT ending FROM ending WHERE job = ?1", [job], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(ending.and_then(|ending| Ending::read(&ending)))
}
