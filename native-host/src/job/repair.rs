//! `weir repair`: fetches what a finished file is missing, and puts it where it belongs.
//!
//! The file is copied, the copy is mended and checked, and then takes the file's name: whatever happens in between, the
//! file is as it was.

use std::num::NonZeroUsize;
use std::sync::Arc;

use weir_core::protocol::{Finished, Gap, JobState, PlannedSegment, TrackKind};

use super::ending::{Captured, Made};
use super::gaps::Gaps;
use super::meter::Meter;
use super::order::{self, Entry};
use super::segments::{self, Preparer};
use super::{Job, JobError, Kept, blocking, pump};
use crate::decrypt::CipherRing;
use crate::fetch::{Window, ordered};
use crate::journal::{Journal, JournalError, Mendable, Number, SavedHole};
use crate::merge::{Hole, Merger, SegmentInput};
use crate::output_path::Replacement;

/// Times that are the same but for how they were written down.
const SAME_SECONDS: f64 = 0.001;

/// Where a segment that was missing belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the hole of this number.
    Hole(usize),
    /// Behind all that there is of its track.
    End,
}

/// The file that is mended.
struct Mender {
    merger: Merger,
    holes: Vec<SavedHole>,
    open: Option<Open>,
}

/// The hole that is being filled.
struct Open {
    number: usize,
    hole: Hole,
    /// Media sequence number of the last segment that came for it.
    last: u64,
}

/// Fetches what is missing from the file of a job, and mends it.
pub(super) async fn run(
    job: &Job,
    journal: &Journal,
    id: Number,
    meter: &Arc<Meter>,
    kept: &mut Kept,
) -> Result<Box<Captured>, JobError> {
    job.check()?;
    let client = job.client()?;
    let Mendable {
        entry,
        finished,
        output,
        point,
        holes,
    } = journal.mend(id, &job.identity(&job.plan))?;
    let missing = missing(job, &finished, &holes);
    if missing.is_empty() {
        return Err(JournalError::ForGood(id).into());
    }
    meter.resumed(finished.segments.fetched, finished.segments.retried);
    meter.state(JobState::Running);

    let resources = missing.iter().map(|(_, segment, _)| segments::resource(segment));
    let window = Window::new(NonZeroUsize::new(job.concurrency.get()).unwrap_or(NonZeroUsize::MIN));
    let mut downloads = ordered(&client, resources.collect::<Vec<_>>(), window, meter.received());
    let mut preparer = Preparer::new(job, client, meter);

    let (copy, beginning) = blocking(move || {
        let copy = Replacement::begin(&output, id, point.length)?;
        let ciphers = CipherRing::default();
        let merger = Merger::restore(copy.part(), &point.merger, point.length, &point.added, &ciphers)?;
        Ok((copy, merger))
    })
    .await?;
    let mut mender = Mender {
        merger: beginning,
        holes,
        open: None,
    };
    let mut still_missing = Gaps::new(job.plan.tracks.len());
    let mut came = Vec::new();
    let mut last = None;
    for (at, segment, place) in missing {
        let gap = order::gap(at, segment);
        if last.replace(place) != Some(place) {
            // What stays missing in one hole is nothing to the next.
            still_missing.close(at.track);
        }
        let fetched = pump::counting(meter, downloads.next()).await;
        let fetched = fetched.ok_or_else(|| JobError::internal("a segment was not fetched"))?;
        let ready = match fetched {
            Ok(mut fetched) => preparer.prepare_measured(segment, &mut fetched).await,
            Err(error) => Err(preparer.failed(segment.sequence, error)),
        };
        match ready {
            Ok((ready, _)) => {
                let open = still_missing.close(at.track);
                let input = ready.into_merger(at.track, segment, open);
                let seconds = gap.start_seconds + gap.duration_seconds;
                mender = blocking(move || {
                    mender.push(place, input)?;
                    Ok(mender)
                })
                .await?;
                came.push(gap);
                meter.merged(seconds);
            }
            Err(error) if error.is_gap() => {
                tracing::warn!("still missing: {error}");
                still_missing.add(gap, segment.discontinuity, error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    if came.is_empty() {
        let reason = still_missing.first_reason().unwrap_or_default().to_owned();
        return Err(JobError::NothingCame(reason));
    }
    meter.state(JobState::Finishing);
    let is_whole = came.len() == finished.gaps.len();
    let (copy, merged, point) = blocking(move || {
        mender.close()?;
        let Mender { mut merger, .. } = mender;
        let point = if is_whole { None } else { merger.point()? };
        Ok((copy, merger.finish()?, point))
    })
    .await?;
    kept.entry = Some(Arc::new(entry));
    let notes = format!(
        "{} missing segments were fetched and put in their places",
        came.len()
    );
    kept.notes.push(notes);
    Ok(Box::new(Captured {
        made: Made::Better(copy, point),
        merged,
        gaps: left(finished.gaps, &came, &still_missing),
        shortfall: None,
    }))
}

/// The segments that are missing as a whole and can be put where they belong, in the order in which they are merged.
fn missing<'a>(
    job: &'a Job,
    finished: &Finished,
    holes: &[SavedHole],
) -> Vec<(Entry, &'a PlannedSegment, Place)> {
    let entries = order::interleaved(&job.plan);
    let segment = |entry: &Entry| job.plan.tracks.get(entry.track)?.segments.get(entry.segment);
    let is_gap = |entry: &Entry, segment: &PlannedSegment| {
        let whole = order::gap(*entry, segment);
        finished.gaps.iter().any(|gap| is_same(gap, &whole))
    };
    let mut found = Vec::new();
    // Behind the last that is there, by track.
    let mut ended = vec![true; job.plan.tracks.len()];
    for entry in entries.iter().rev() {
        let Some(segment) = segment(entry) else { continue };
        if !is_gap(entry, segment) {
            if let Some(ended) = ended.get_mut(entry.track) {
                *ended = false;
            }
            continue;
        }
        let hole = holes
            .iter()
            .position(|hole| hole.holds(entry.track, segment.sequence.0));
        let at_end = ended.get(entry.track).copied().unwrap_or(false);
        let place = hole.map(Place::Hole).or(at_end.then_some(Place::End));
        // Subtitles fill their holes with samples of their own.
        let is_fillable = !segment.gap && !is_subtitle(job, entry.track);
        if let (Some(place), true) = (place, is_fillable) {
            found.push((*entry, segment, place));
        }
    }
    found.reverse();
    // A hole is filled at a time; what belongs to the end comes in the end, its tracks interleaved.
    found.sort_by_key(|&(.., place)| match place {
        Place::Hole(number) => number,
        Place::End => usize::MAX,
    });
    found
}

fn is_subtitle(job: &Job, track: usize) -> bool {
    let track = job.plan.tracks.get(track);
    track.is_some_and(|track| track.kind == TrackKind::Subtitle)
}

fn is_same(a: &Gap, b: &Gap) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() < SAME_SECONDS;
    (a.track, a.sequence) == (b.track, b.sequence)
        && near(a.start_seconds, b.start_seconds)
        && near(a.duration_seconds, b.duration_seconds)
}

/// What is missing now.
fn left(before: Vec<Gap>, came: &[Gap], still_missing: &Gaps) -> Gaps {
    let mut gaps = Gaps::default();
    let first = still_missing.first_reason();
    for gap in before {
        if !came.iter().any(|came| is_same(came, &gap)) {
            let reason = first.map_or_else(|| format!("segment {}", gap.sequence.0), str::to_owned);
            gaps.add_late(gap, reason);
        }
    }
    gaps
}

impl Mender {
    fn push(&mut self, place: Place, segment: SegmentInput) -> Result<(), JobError> {
        let number = match place {
            Place::Hole(number) => number,
            Place::End => {
                self.close()?;
                return Ok(self.merger.push(segment)?);
            }
        };
        if self.open.as_ref().is_none_or(|open| open.number != number) {
            self.close()?;
            let saved = self.holes.get(number);
            let saved = saved.ok_or_else(|| JobError::internal("no such hole"))?;
            self.open = Some(Open {
                number,
                hole: Merger::open_hole(&saved.merger, saved.track)?,
                last: 0,
            });
        }
        if let Some(open) = &mut self.open {
            open.last = segment.sequence;
            self.merger.fill(&mut open.hole, segment)?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), JobError> {
        let Some(Open {
            number,
            mut hole,
            last,
        }) = self.open.take()
        else {
            return Ok(());
        };
        // What began in its last segment ends in the one behind it.
        let saved = self.holes.get_mut(number);
        if let Some(saved) = saved.filter(|saved| last + 1 == saved.behind && !saved.lead.is_empty()) {
            let lead = SegmentInput {
                track: saved.track,
                sequence: saved.behind,
                data: std::mem::take(&mut saved.lead).into(),
                ..SegmentInput::default()
            };
            self.merger.lead_out(&mut hole, lead)?;
        }
        Ok(self.merger.close_hole(hole)?)
    }
}
