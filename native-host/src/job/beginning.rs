//! The output of a job: a new file, or the one in which an earlier process left off.

use std::sync::Arc;

use super::meter::Meter;
use super::points::{Fetching, Merging, State};
use super::segments::Preparer;
use super::{Job, JobError, Kept, Stop, content, error, order};
use crate::decrypt::{CipherOf, CipherRing};
use crate::failpoint::Failpoint;
use crate::fetch::Client;
use crate::journal::{Asker, Beginning, Claim, Ending, Entry, JournalError, SavedPoint, Unfinished};
use crate::merge::{About, MergeError, Merger, TrackHint};
use crate::output_path::Slot;

/// How a job begins.
pub(super) enum Start {
    /// With something to do.
    At(Box<Begin>),
    /// With an end that an earlier process has come to.
    Over(Box<Ending>),
}

/// Where a job begins.
#[derive(Debug)]
pub(super) struct Begin {
    pub(super) slot: Slot,
    pub(super) merger: Merger,
    pub(super) fetching: Fetching,
    pub(super) merging: Merging,
    /// Segments that are in the output already.
    pub(super) merged: u64,
    pub(super) retried: u64,
    /// What a person should know.
    pub(super) notes: Vec<String>,
}

/// Takes the job up, where an earlier process left it if there was one. `kept.entry` becomes its place in the journal,
/// where that can be used.
pub(super) async fn begin(
    job: &Job,
    client: &Client,
    meter: &Arc<Meter>,
    stop: &mut Stop,
    kept: &mut Kept,
) -> Result<Start, JobError> {
    let mut notes = Vec::new();
    match claim(job)? {
        Ok(Some(Claim::Unfinished(unfinished))) => {
            let Unfinished {
                entry: own,
                slot,
                point,
            } = *unfinished;
            let own = Arc::clone(kept.entry.insert(Arc::new(own)));
            match resume(job, client, meter, stop, kept, slot, point).await {
                Err(error @ JobError::Journal(_)) if job.resume.is_none() => {
                    own.begin_again()?;
                    notes.push(begun_anew(&error));
                }
                resumed => return Ok(Start::At(Box::new(resumed?))),
            }
        }
        Ok(Some(Claim::New(new, reason))) => {
            kept.entry = Some(Arc::new(new));
            notes.extend(reason.as_ref().map(begun_anew));
        }
        Ok(Some(Claim::Over(over))) => {
            kept.entry = Some(Arc::new(over.entry));
            return Ok(Start::Over(Box::new(over.ending)));
        }
        Ok(None) => {}
        Err(error) => notes.push(format!(
            "this capture cannot be resumed if it is interrupted: {error}"
        )),
    }
    Failpoint::Claimed.pass();
    let (slot, mut merger) = create_output(job, kept.entry.as_deref())?;
    Failpoint::Created.pass();
    if kept.entry.is_some() {
        merger.keep_points();
    }
    let tracks = job.plan.tracks.len();
    Ok(Start::At(Box::new(Begin {
        slot,
        merger,
        fetching: Fetching::begin(tracks),
        merging: Merging::begin(tracks),
        merged: 0,
        retried: 0,
        notes,
    })))
}

fn begun_anew(error: &impl std::fmt::Display) -> String {
    format!("{error}; the capture was begun anew")
}

/// Asks the journal. The inner error is for a journal that cannot be used, which keeps nobody from capturing.
pub(super) fn claim(job: &Job) -> Result<Result<Option<Claim>, JournalError>, JobError> {
    let Some(journal) = &job.journal else {
        return Ok(Ok(None));
    };
    let beginning = Beginning {
        identity: job.identity(&job.plan),
        title: job.plan.title.clone(),
        source: job.plan.source.to_string(),
        container: Some(job.container),
        command: job.command.clone(),
        segments: job.queued().segments.total,
        browser: job.id.clone().map(|id| Asker {
            job: id,
            page: job.context.page.as_ref().map(ToString::to_string),
            playlist: job.plan.tracks.first().map(|track| track.playlist.to_string()),
        }),
        // Another day's stream may have the same address.
        patience: job.recording().map(|options| options.outage),
    };
    match journal.claim(&beginning, job.resume) {
        Ok(claim) => Ok(Ok(Some(claim))),
        Err(error) if job.resume.is_some() => Err(error.into()),
        Err(error @ JournalError::Running(_)) => Err(error.into()),
        Err(error) => Ok(Err(error)),
    }
}

/// Whether a recording of the stream was interrupted, which may have ended meanwhile.
pub(super) fn was_recorded(job: &Job) -> bool {
    let identity = job.identity_of_recording(&job.plan);
    let journal = job.journal.as_ref();
    journal.is_some_and(|journal| journal.has_unfinished(&identity).unwrap_or(false))
}

/// Goes on in an output. What waits there to be decrypted has its key asked for again.
async fn resume(
    job: &Job,
    client: &Client,
    meter: &Arc<Meter>,
    stop: &mut Stop,
    kept: &mut Kept,
    slot: Slot,
    point: SavedPoint,
) -> Result<Begin, JobError> {
    let id = kept.entry.as_ref().map_or(0, |entry| entry.id());
    let damaged = |reason: String| JournalError::Damaged { id, reason };
    let state = State::read(&point.state).map_err(|error| damaged(error.to_string()))?;
    let mut ciphers = CipherRing::default();
    let merger = loop {
        let of = match Merger::restore(&slot.part(), &point.merger, point.length, &point.added, &ciphers) {
            Ok(merger) => break merger,
            Err(MergeError::NeedsCipher(of)) => of,
            Err(error) => return Err(damaged(error.to_string()).into()),
        };
        // A key that is out of reach now may come tomorrow: what there is stays.
        kept.slot = Some(slot.clone());
        meter.resumed(state.merged, state.retried);
        let preparer = Preparer::new(job, client.clone(), meter);
        let cipher = tokio::select! {
            cipher = preparer.cipher(&job.plan, of) => cipher?,
            reason = stop.stopped() => return Err(JobError::Stopped(reason)),
        };
        let gone = || {
            let CipherOf { sequence, .. } = of;
            damaged(format!(
                "samples of segment {sequence} wait for its key, and the playlist does not list it any more"
            ))
        };
        ciphers.add(cipher.ok_or_else(gone)?);
    };
    let total = match job.recording() {
        Some(_) => state.fetching.listed(),
        None => job.queued().segments.total,
    };
    tracing::info!(id, "going on behind {} of {total} segments", state.merged);
    Ok(Begin {
        slot,
        merger,
        notes: vec![format!(
            "capture {id} was interrupted and went on behind segment {} of {total}",
            state.merged
        )],
        fetching: state.fetching,
        merging: state.merging,
        merged: state.merged,
        retried: state.retried,
    })
}

/// Takes the first free name and starts the file there. The journal knows of it before there is a file: whenever the
/// process is killed, what it leaves is known to be its own.
fn create_output(job: &Job, entry: Option<&Entry>) -> Result<(Slot, Merger), JobError> {
    let hints: Vec<TrackHint> = job
        .plan
        .tracks
        .iter()
        .map(|track| TrackHint {
            kind: Some(track.kind),
            only: track.only,
            language: track.language.clone(),
            name: track.name.clone(),
            default: track.default,
            forced: track.forced,
            duration_seconds: match job.recording() {
                // Nobody knows how long it will be, unless it was said.
                Some(options) => options.duration.map(|duration| duration.as_secs_f64()),
                None => order::known_duration(track),
            },
        })
        .collect();
    let kinds = job.plan.tracks.iter().map(|track| track.kind);
    let target = job.target.clone().of(content(kinds));
    for slot in target.slots()? {
        if let Some(entry) = entry {
            entry.writes_to(&slot)?;
        }
        Failpoint::Named.pass();
        match Merger::create(&slot.part(), job.container, &hints) {
            Ok(mut merger) => {
                merger.describe(About {
                    title: job.plan.title.clone(),
                    // Shown as everywhere: without what may be a secret.
                    source: Some(job.plan.source.to_string()),
                });
                let subtitles = job
                    .subtitle_files
                    .map_or(Ok(()), |format| merger.keep_subtitles(format));
                let divided = subtitles.and_then(|()| match &job.chapters[..] {
                    [] => Ok(()),
                    chapters => merger.divide(chapters.to_vec()),
                });
                if let Err(error) = divided {
                    slot.discard();
                    return Err(error.into());
                }
                return Ok((slot, merger));
            }
            Err(error) if error::is_taken(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(job.target.no_free_name().into())
}
