//! The journal as a browser shows it.

use std::fs;
use std::path::Path;

use rusqlite::params;
use weir_core::protocol::{
    Capture, CaptureAction, CaptureKind, CaptureNumber, CaptureState, Finished, JobId, SegmentCounts, Verdict,
};

use super::{FORMAT, Journal, JournalError, Number, Record, SELECT_COLUMNS, State};

/// What media files are called that Weir makes.
const MEDIA: [&str; 5] = ["mp4", "m4a", "mkv", "mka", "ts"];

/// What else of a job a browser wants to know.
const FURTHER_COLUMNS: &str = "command IS NOT NULL AS is_repeatable, container = 'null' AS is_of_files,
    EXISTS (SELECT 1 FROM point WHERE point.job = job.id AND point.format = ?2) AS is_mendable,
    (SELECT asked_as FROM browser WHERE browser.job = job.id) AS asked_as,
    (SELECT page FROM browser WHERE browser.job = job.id) AS page,
    (SELECT playlist FROM browser WHERE browser.job = job.id) AS playlist";

impl Journal {
    /// The newest captures, the newest first.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn history(&self, most: usize) -> Result<Vec<Capture>, JournalError> {
        let Some(connection) = self.existing()? else {
            return Ok(Vec::new());
        };
        let mut statement = connection.prepare(&format!(
            "SELECT {SELECT_COLUMNS}, {FURTHER_COLUMNS} FROM job ORDER BY id DESC LIMIT ?1"
        ))?;
        let rows = statement.query_map(params![most, FORMAT], |row| {
            let asked_as: Option<String> = row.get("asked_as")?;
            let of_browser = OfBrowser {
                job: asked_as.and_then(|id| JobId::new(id).ok()),
                page: row.get("page")?,
                playlist: row.get("playlist")?,
            };
            let kind = if row.get("is_of_files")? {
                CaptureKind::Files
            } else {
                CaptureKind::Stream
            };
            let can = (row.get("is_repeatable")?, row.get("is_mendable")?);
            Ok(capture(self.record(row)?, kind, of_browser, can))
        })?;
        let captures: Vec<Option<Capture>> = rows.collect::<Result<_, _>>()?;
        Ok(captures.into_iter().flatten().collect())
    }

    /// The file of a capture that ended, if it is still the media file that Weir made.
    ///
    /// # Errors
    /// [`JournalError::Unknown`], [`JournalError::NotItsFile`].
    pub fn media_file(&self, id: Number) -> Result<String, JournalError> {
        let Record { finished, output, .. } = self.record_of(id)?;
        let is_media = finished.as_ref().is_some_and(is_media_file);
        let path = output.unwrap_or_default();
        if is_media {
            Ok(path)
        } else {
            Err(JournalError::NoMediaFile {
                id,
                path: path.into(),
            })
        }
    }
}

/// What is known of a capture that a browser has asked for.
struct OfBrowser {
    job: Option<JobId>,
    page: Option<String>,
    playlist: Option<String>,
}

/// None for a number that does not fit into a message; a journal does not get there.
fn capture(
    record: Record,
    kind: CaptureKind,
    OfBrowser { job, page, playlist }: OfBrowser,
    (is_repeatable, is_mendable): (bool, bool),
) -> Option<Capture> {
    let state = record.state;
    let output = record.output.as_deref().map(Path::new);
    let can = [
        (
            CaptureAction::Reveal,
            output.and_then(Path::parent).is_some_and(Path::is_dir),
        ),
        (
            CaptureAction::Open,
            record.finished.as_ref().is_some_and(is_media_file),
        ),
        (
            CaptureAction::Resume,
            is_repeatable && state == State::Interrupted,
        ),
        (
            CaptureAction::Repair,
            is_repeatable && is_mendable && state == State::Incomplete,
        ),
    ];
    Some(Capture {
        capture: CaptureNumber(u32::try_from(record.id).ok()?),
        job,
        kind,
        state: state.into(),
        page,
        title: record.title,
        source: record.source,
        playlist,
        output: record.output,
        began_epoch_seconds: record.began,
        changed_epoch_seconds: record.changed,
        segments: SegmentCounts {
            total: record.segments.total,
            fetched: record.segments.merged,
            retried: 0,
        },
        bytes: record.bytes,
        finished: record.finished,
        can: can
            .into_iter()
            .filter_map(|(action, can)| can.then_some(action))
            .collect(),
    })
}

/// Whether what a capture made is there as it was made: a file of that length and of a media file's name, and no link.
fn is_media_file(finished: &Finished) -> bool {
    let Some(output) = finished.output.as_ref().map(Path::new) else {
        return false;
    };
    let is_named = output.extension().and_then(|name| name.to_str());
    let is_named = is_named.is_some_and(|name| MEDIA.contains(&name.to_ascii_lowercase().as_str()));
    let is_over = matches!(finished.verdict, Verdict::Complete | Verdict::Incomplete);
    let found = fs::symlink_metadata(output);
    is_named && is_over && found.is_ok_and(|found| found.is_file() && found.len() == finished.bytes)
}

impl From<State> for CaptureState {
    fn from(state: State) -> Self {
        match state {
            State::Running => Self::Running,
            State::Interrupted => Self::Interrupted,
            State::Complete => Self::Complete,
            State::Incomplete => Self::Incomplete,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
        }
    }
}
