//! Holes of a job: where something is missing, and the merger as it was there.

use rusqlite::{Connection, params};

use super::{JournalError, Number, point};

/// More are for good: each costs what the merger holds at a time.
pub(super) const MOST: u32 = 1000;

/// What is missing of a track between two of its segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedHole {
    /// The plan's track.
    pub track: usize,
    /// Media sequence number of the first segment that is missing.
    pub first: u64,
    /// Of the segment that follows.
    pub behind: u64,
    /// How the segment that follows begins, where something goes on in it that began in the hole.
    pub lead: Vec<u8>,
    /// For [`crate::merge::Hole::read`].
    pub merger: Vec<u8>,
}

impl SavedHole {
    /// Whether a segment is one of those that are missing here.
    #[must_use]
    pub fn holds(&self, track: usize, sequence: u64) -> bool {
        self.track == track && (self.first..self.behind).contains(&sequence)
    }

    fn place(&self) -> Option<(i64, i64, i64)> {
        Some((
            i64::try_from(self.track).ok()?,
            i64::try_from(self.first).ok()?,
            i64::try_from(self.behind).ok()?,
        ))
    }
}

/// Keeps a hole, as long as there are not too many.
pub(super) fn save(connection: &Connection, job: Number, hole: &SavedHole) -> Result<(), JournalError> {
    let Some((track, first, behind)) = hole.place() else {
        return Ok(());
    };
    connection.execute(
        "INSERT OR REPLACE INTO hole (job, track, first, behind, lead, merger, digest)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE (SELECT count(*) FROM hole WHERE job = ?1) < ?8",
        params![
            job,
            track,
            first,
            behind,
            hole.lead,
            hole.merger,
            point::digest([&hole.lead[..], &hole.merger]),
            MOST
        ],
    )?;
    Ok(())
}

/// All that were kept and are what they were.
pub(super) fn load(connection: &Connection, job: Number) -> Result<Vec<SavedHole>, JournalError> {
    let mut statement =
        connection.prepare("SELECT track, first, behind, lead, merger, digest FROM hole WHERE job = ?1")?;
    let mut rows = statement.query([job])?;
    let mut holes = Vec::new();
    while let Some(row) = rows.next()? {
        let place: [i64; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
        let (lead, merger): (Vec<u8>, Vec<u8>) = (row.get(3)?, row.get(4)?);
        let known: Vec<u8> = row.get(5)?;
        let [Ok(track), Ok(first), Ok(behind)] = place.map(u64::try_from) else {
            continue;
        };
        let Ok(track) = usize::try_from(track) else {
            continue;
        };
        if point::digest([&lead[..], &merger])[..] == known {
            holes.push(SavedHole {
                track,
                first,
                behind,
                lead,
                merger,
            });
        }
    }
    Ok(holes)
}
