//! `weir repair`: fetches what a finished file is missing, and puts it where it belongs.
//!
//! The file is copied, the copy is mended and checked, and then takes the file's name: whatever happens in between, the
//! file is as it was.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use weir_core::protocol::{Finished, Gap, JobState, PlannedSegment, TrackKind};

use super::ending::{Captured, Further, Made};
use super::gaps::Gaps;
use super::meter::Meter;
use super::order::{self, Entry, Interleaved, planned};
use super::segments::{self, Preparer};
use super::{Job, JobError, Kept, blocking, pump};
use crate::decrypt::CipherRing;
use crate::fetch::{Window, ordered};
use crate::journal::{Journal, JournalError, Mendable, Number, SavedHole, SavedPoint};
use crate::merge::{Hole, Mender, MergeError, Merger, SegmentInput};
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

/// The holes of the file that is mended, one after the other.
struct Holes {
    mender: Mender,
    all: Vec<SavedHole>,
    /// Of each: whether EXT-X-DISCONTINUITY stands before the segment behind it.
    joints: Vec<bool>,
    ciphers: CipherRing,
    /// Of those before it everything has been put in.
    next: usize,
    /// The one that is being filled.
    open: Option<Open>,
    /// What stays missing, in the file as it will be; None where what was kept before holds.
    left: Option<Vec<SavedHole>>,
}

/// The hole that is being filled.
struct Open {
    number: usize,
    /// Media sequence number of the last segment that came for it.
    last: Option<u64>,
    /// What stays missing from here on.
    missing: Option<SavedHole>,
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
    if missing(job, &finished, &holes).is_empty() {
        return Err(JournalError::ForGood(id).into());
    }
    meter.resumed(finished.segments.fetched, finished.segments.retried);
    meter.state(JobState::Running);

    let mut preparer = Preparer::new(job, client.clone(), meter);
    let (copy, mut holes) = restore(job, &preparer, (id, output), point, holes).await?;
    let missing = missing(job, &finished, &holes.all);
    let resources = missing.iter().map(|(_, segment, _)| segments::resource(segment));
    let window = Window::new(NonZeroUsize::new(job.concurrency.get()).unwrap_or(NonZeroUsize::MIN));
    let mut downloads = ordered(&client, resources.collect::<Vec<_>>(), window, meter.received());
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
                let lead = ready.lead(segment);
                let input = ready.into_merger(at.track, segment, open);
                let seconds = gap.start_seconds + gap.duration_seconds;
                holes = blocking(move || {
                    holes.push(place, input, lead)?;
                    Ok(holes)
                })
                .await?;
                came.push(gap);
                meter.merged(seconds);
            }
            Err(error) if error.is_gap() => {
                tracing::warn!("still missing: {error}");
                still_missing.add(gap, segment.discontinuity, error.to_string());
                let sequence = segment.sequence.0;
                holes = blocking(move || {
                    holes.skip(place, sequence)?;
                    Ok(holes)
                })
                .await?;
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
    let (copy, merged, further) = blocking(move || {
        holes.end()?;
        let Holes {
            mut mender, mut left, ..
        } = holes;
        if mender.is_anew() {
            left.get_or_insert_default();
        }
        let point = if is_whole { None } else { mender.point()? };
        let further = point.map(|point| Further { point, holes: left });
        Ok((copy, mender.finish()?, further))
    })
    .await?;
    kept.entry = Some(Arc::new(entry));
    let notes = format!(
        "{} missing segments were fetched and put in their places",
        came.len()
    );
    kept.notes.push(notes);
    Ok(Box::new(Captured {
        made: Made::Better(copy, further.map(Box::new)),
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
    let entries: Vec<Entry> = Interleaved::new(&job.plan).collect();
    let is_gap = |entry: &Entry, segment: &PlannedSegment| {
        let whole = order::gap(*entry, segment);
        finished.gaps.iter().any(|gap| is_same(gap, &whole))
    };
    let mut found = Vec::new();
    // Behind the last that is there, by track.
    let mut ended = vec![true; job.plan.tracks.len()];
    for entry in entries.iter().rev() {
        let Some(segment) = planned(&job.plan, *entry) else {
            continue;
        };
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

/// The file as it was after its last segment, in a copy, and its holes in the order in which they are taken.
async fn restore(
    job: &Job,
    preparer: &Preparer,
    (id, output): (Number, PathBuf),
    point: SavedPoint,
    mut holes: Vec<SavedHole>,
) -> Result<(Replacement, Holes), JobError> {
    let mut ciphers = CipherRing::default();
    let length = point.length;
    let of = output.clone();
    let copy = blocking(move || Ok(Replacement::begin(&of, id, length)?)).await?;
    let (merger, orders) = loop {
        let read = || {
            let merger = Merger::restore(copy.part(), &point.merger, length, &point.added, &ciphers)?;
            let orders = holes
                .iter()
                .map(|hole| Ok(Hole::read(&hole.merger, &ciphers)?.order()))
                .collect::<Result<Vec<u64>, MergeError>>()?;
            Ok((merger, orders))
        };
        let of = match read() {
            Ok(read) => break read,
            Err(MergeError::NeedsCipher(of)) => of,
            Err(error) => return Err(error.into()),
        };
        // What waited to be decrypted waits for its key.
        let cipher = preparer.cipher(&job.plan, of).await?;
        let gone = || JournalError::Damaged {
            id,
            reason: format!(
                "samples of segment {} wait for its key, and the playlist does not list it any more",
                of.sequence
            ),
        };
        ciphers.add(cipher.ok_or_else(gone)?);
    };
    let mut ordered: Vec<(u64, SavedHole)> = orders.into_iter().zip(holes.drain(..)).collect();
    ordered.sort_by_key(|(order, _)| *order);
    let holes = Holes {
        mender: Mender::new(merger, &output, point.added),
        joints: ordered
            .iter()
            .map(|(_, hole)| is_discontinuous(job, hole))
            .collect(),
        all: ordered.into_iter().map(|(_, hole)| hole).collect(),
        ciphers,
        next: 0,
        open: None,
        left: None,
    };
    Ok((copy, holes))
}

/// Whether EXT-X-DISCONTINUITY stands before the segment behind a hole.
fn is_discontinuous(job: &Job, hole: &SavedHole) -> bool {
    let track = job.plan.tracks.get(hole.track);
    let mut segments = track.into_iter().flat_map(|track| &track.segments);
    let behind = segments.find(|segment| segment.sequence.0 == hole.behind);
    behind.is_some_and(|segment| segment.discontinuity)
}

impl Holes {
    /// Puts a segment where it belongs; `lead` is how it begins.
    fn push(&mut self, place: Place, segment: SegmentInput, lead: Vec<u8>) -> Result<(), JobError> {
        self.go_to(place)?;
        let Some(open) = &mut self.open else {
            return Ok(self.mender.push(segment)?);
        };
        open.last = Some(segment.sequence);
        if let Some(hole) = open.missing.take() {
            self.left.get_or_insert_default().push(SavedHole {
                behind: segment.sequence,
                lead,
                ..hole
            });
        }
        Ok(self.mender.fill(segment)?)
    }

    /// A segment stays missing.
    fn skip(&mut self, place: Place, sequence: u64) -> Result<(), JobError> {
        self.go_to(place)?;
        if let Some(open) = self.open.as_mut().filter(|open| open.missing.is_none())
            && let Some(merger) = self.mender.hole()?
            && let Some(hole) = self.all.get(open.number)
        {
            open.missing = Some(SavedHole {
                track: hole.track,
                first: sequence,
                behind: hole.behind,
                lead: hole.lead.clone(),
                merger,
            });
        }
        Ok(())
    }

    /// Goes to a place, through all holes before it.
    fn go_to(&mut self, place: Place) -> Result<(), JobError> {
        let end = match place {
            Place::Hole(number) => number + 1,
            Place::End => self.all.len(),
        };
        let is_there = self.next == end && self.open.is_some() == matches!(place, Place::Hole(_));
        if is_there {
            return Ok(());
        }
        while self.next < end {
            self.close()?;
            let number = self.next;
            let saved = self.all.get(number);
            let saved = saved.ok_or_else(|| JobError::internal("no such hole"))?;
            let read = || Hole::read(&saved.merger, &self.ciphers);
            self.mender.open(read()?, read()?, saved.track)?;
            self.open = Some(Open {
                number,
                last: None,
                missing: None,
            });
            self.next += 1;
            if self.next < end {
                // Nothing comes for this one.
                let first = saved.first;
                self.skip(Place::Hole(number), first)?;
            }
        }
        if place == Place::End {
            self.close()?;
            self.mender.go_to_end()?;
        }
        Ok(())
    }

    /// Nothing more comes.
    fn end(&mut self) -> Result<(), JobError> {
        self.go_to(Place::End)
    }

    fn close(&mut self) -> Result<(), JobError> {
        let Some(Open {
            number,
            last,
            missing,
        }) = self.open.take()
        else {
            return Ok(());
        };
        if let Some(hole) = missing {
            self.left.get_or_insert_default().push(hole);
        }
        // What began in its last segment ends in the one behind it.
        let saved = self.all.get_mut(number);
        let is_full = |saved: &&mut SavedHole| last.is_some_and(|last| last + 1 == saved.behind);
        let full = saved.filter(is_full);
        if let (Some(_), Some(&discontinuity)) = (&full, self.joints.get(number)) {
            self.mender.join(discontinuity);
        }
        if let Some(saved) = full.filter(|saved| !saved.lead.is_empty()) {
            let lead = SegmentInput {
                track: saved.track,
                sequence: saved.behind,
                data: std::mem::take(&mut saved.lead).into(),
                ..SegmentInput::default()
            };
            self.mender.lead_out(lead)?;
        }
        Ok(self.mender.close()?)
    }
}
