//! The end of a job: what it has made gets its name, and the report says how it is.
//!
//! The journal hears of the end before the name changes: a process that is killed in between leaves an end that the next
//! one finds ([`Ending`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir_core::protocol::{ErrorCode, Failure, Finished, JobId, SegmentCounts, Verdict};

use super::gaps::Gaps;
use super::{JobError, blocking, refused};
use crate::error::Coded as _;
use crate::failpoint::Failpoint;
use crate::journal::{Ending, Entry, SavedHole};
use crate::merge::{Merged, Point, SubtitleFile};
use crate::output_path::{Beside, Content, OutputError, Replacement, Slot};

/// What a run to the end has left.
pub(super) struct Captured {
    pub(super) made: Made,
    pub(super) merged: Merged,
    pub(super) gaps: Gaps,
    /// Why it is not whole, gaps apart.
    pub(super) shortfall: Option<Failure>,
}

/// A whole output that has not its name.
pub(super) enum Made {
    /// A new one.
    New(Slot, Content),
    /// A better one for one that is there, and where it can be mended further.
    Better(Replacement, Option<Box<Further>>),
}

/// What it takes to mend a file further.
pub(super) struct Further {
    pub(super) point: Point,
    /// What stays missing of it; None where that is as it was.
    pub(super) holes: Option<Vec<SavedHole>>,
}

/// Gives a whole output its name.
pub(super) async fn conclude(
    id: Option<JobId>,
    captured: Captured,
    segments: SegmentCounts,
    entry: Option<Arc<Entry>>,
) -> Result<Finished, JobError> {
    blocking(move || {
        let Captured {
            made,
            mut merged,
            gaps,
            shortfall,
        } = captured;
        let files = std::mem::take(&mut merged.subtitle_files);
        let mut ending = Ending {
            finished: succeeded(id, merged, gaps, shortfall, segments),
            beside: Vec::new(),
        };
        let announce = |ending: &Ending| {
            if let Some(entry) = &entry
                && let Err(error) = entry.announce(ending)
            {
                tracing::warn!("{error}");
            }
            Failpoint::Announced.pass();
        };
        Failpoint::Whole.pass();
        match made {
            Made::New(slot, content) => {
                let written = write_beside(&slot, &files, &mut ending.beside);
                Failpoint::Written.pass();
                let published = written.and_then(|()| {
                    slot.publish(content, |path| {
                        ending.finished.output = Some(absolute(path));
                        announce(&ending);
                    })
                });
                if let Err(error) = published {
                    ending.beside.iter().for_each(Beside::discard);
                    return Err(error.into());
                }
            }
            Made::Better(copy, further) => {
                ending.finished.output = Some(absolute(copy.output()));
                announce(&ending);
                copy.replace()?;
                if let (Some(entry), Some(further)) = (&entry, further) {
                    let Further { point, holes } = *further;
                    if let Some(holes) = holes {
                        entry.replace_holes(&holes)?;
                    }
                    entry.save_durably(&point, b"null", segments.fetched)?;
                }
            }
        }
        Failpoint::Published.pass();
        Ok(catch_up(ending)?)
    })
    .await
}

/// Gives the files beside an output that has its name theirs.
pub(super) fn catch_up(ending: Ending) -> Result<Finished, OutputError> {
    let Ending { finished, beside } = ending;
    let output = Path::new(finished.output.as_deref().unwrap_or_default());
    for file in beside {
        file.publish(output)?;
    }
    Failpoint::Over.pass();
    Ok(finished)
}

fn write_beside(slot: &Slot, files: &[SubtitleFile], written: &mut Vec<Beside>) -> Result<(), OutputError> {
    for (number, file) in files.iter().enumerate() {
        let (language, extension) = (file.language.as_deref(), file.format.extension());
        written.push(Beside::write(slot, number, language, extension, &file.text)?);
    }
    Ok(())
}

fn absolute(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.to_string_lossy().into_owned()
}

fn succeeded(
    id: Option<JobId>,
    merged: Merged,
    gaps: Gaps,
    shortfall: Option<Failure>,
    segments: SegmentCounts,
) -> Finished {
    let missing = gaps.first_reason().map(|first| Failure {
        code: ErrorCode::Gaps,
        message: format!(
            "{} of {} segments are missing or cut short; the first: {first}",
            gaps.len(),
            segments.total
        ),
    });
    let lost = (!merged.losses.is_empty()).then(|| Failure {
        code: ErrorCode::BadMedia,
        message: merged.losses.join("; "),
    });
    let error = shortfall.or(missing).or(lost);
    Finished {
        job: id,
        verdict: if error.is_none() {
            Verdict::Complete
        } else {
            Verdict::Incomplete
        },
        output: None,
        bytes: merged.bytes,
        duration_seconds: merged.duration_seconds,
        tracks: merged.tracks,
        warnings: merged.warnings,
        segments,
        gaps: gaps.into_list(),
        error,
    }
}

/// The end of a job that came to an error: media that were merged stay, under the name that they were written to.
pub(super) fn failed(
    id: Option<JobId>,
    error: &JobError,
    slot: Option<&Slot>,
    segments: SegmentCounts,
) -> Finished {
    let cancelled = error.code() == ErrorCode::Cancelled;
    let mut kept: Option<PathBuf> = None;
    if let Some(slot) = slot {
        let part = slot.part();
        if cancelled || segments.fetched == 0 {
            slot.discard();
        } else if part.exists() {
            kept = Some(std::path::absolute(&part).unwrap_or(part));
        }
    }
    Finished {
        bytes: kept
            .as_ref()
            .and_then(|part| part.metadata().ok())
            .map_or(0, |part| part.len()),
        output: kept.map(|part| part.to_string_lossy().into_owned()),
        segments,
        ..refused(id, error.failure())
    }
}
