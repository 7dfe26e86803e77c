//! What `get` is asked to leave out of a stream, and the sentences of the report about it.

use weir_core::plan::{self, AdsError, Advertising, Chapter, ChosenTrack, CutError, MAX_CHAPTERS, Span};
use weir_core::playlist::Media;
use weir_core::protocol::{CapturePlan, ErrorCode};

use super::args::Get;
use crate::error::Coded;
use crate::report::Clock;

/// Most breaks that a report lists, each in a sentence.
const MAX_LISTED: usize = 100;

/// Why it is not left out.
#[derive(Debug, thiserror::Error)]
pub(super) enum LeaveOutError {
    #[error("--start and --end: nothing is {0}")]
    EmptySpan(Span),
    #[error("{0} is for streams that have ended, and this one is live")]
    OfEnded(&'static str),
    #[error(transparent)]
    Cut(#[from] CutError),
    #[error(transparent)]
    Ads(#[from] AdsError),
}

impl Coded for LeaveOutError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::EmptySpan(_) | Self::OfEnded(_) => ErrorCode::Usage,
            Self::Cut(error) => error.code(),
            Self::Ads(error) => error.code(),
        }
    }
}

/// `--start` and `--end`; None without either.
pub(super) fn span(arguments: &Get) -> Result<Option<Span>, LeaveOutError> {
    if arguments.start.is_none() && arguments.end.is_none() {
        return Ok(None);
    }
    let span = Span {
        start_seconds: arguments.start.unwrap_or_default().as_secs_f64(),
        end_seconds: arguments.end.map(|end| end.as_secs_f64()),
    };
    if span.end_seconds.is_some_and(|end| end <= span.start_seconds) {
        return Err(LeaveOutError::EmptySpan(span));
    }
    Ok(Some(span))
}

/// Leaves out of `plan`, made of `tracks`, what is not wanted of it, and says what that was.
pub(super) fn leave_out(
    plan: &mut CapturePlan,
    tracks: &[(ChosenTrack, Media)],
    span: Option<Span>,
    arguments: &Get,
) -> Result<Vec<String>, LeaveOutError> {
    let asked = [
        ("--start", arguments.start.is_some()),
        ("--end", arguments.end.is_some()),
        ("--skip-ads", arguments.skip_ads),
        ("--chapters", arguments.chapters),
    ];
    if plan.live
        && let Some((option, _)) = asked.into_iter().find(|(_, is_asked)| *is_asked)
    {
        return Err(LeaveOutError::OfEnded(option));
    }
    let mut notes = Vec::new();
    if let Some(span) = span {
        let cut = plan::cut(plan, span)?;
        notes.push(format!(
            "cut at segment borders: from {:.1} s to {:.1} s",
            cut.start_seconds, cut.end_seconds
        ));
        let gone = cut.empty.iter();
        notes.extend(gone.map(|track| format!("{} is left out: it has nothing there", track.playlist)));
    }
    if arguments.skip_ads {
        let advertising = plan::find_advertising(tracks)?;
        plan.leave_out(&advertising.breaks)?;
        notes.extend(told(&advertising));
    }
    Ok(notes)
}

/// `--chapters`: where what is left of the stream is divided.
pub(super) fn chapters(
    plan: &CapturePlan,
    tracks: &[(ChosenTrack, Media)],
    arguments: &Get,
    notes: &mut Vec<String>,
) -> Vec<Chapter> {
    let ((Some(track), Some((_, media))), true) = ((plan.tracks.first(), tracks.first()), arguments.chapters)
    else {
        return Vec::new();
    };
    let chapters = plan::chapters(media, track);
    match chapters.len() {
        0 => notes.push("no chapters: neither discontinuities nor date ranges divide the stream".to_owned()),
        MAX_CHAPTERS => notes.push(format!("only the first {MAX_CHAPTERS} chapters are told")),
        _ => {}
    }
    chapters
}

fn told(advertising: &Advertising) -> Vec<String> {
    let Advertising {
        breaks,
        not_set_apart,
        interstitials,
    } = advertising;
    let mut notes = Vec::new();
    if breaks.is_empty() {
        notes.push("no advertising was found".to_owned());
    }
    for found in breaks.iter().take(MAX_LISTED) {
        let segments = found
            .segments
            .first()
            .map(|segments| format!("segments {} to {}", segments.first.0, segments.last.0));
        notes.push(format!(
            "left out as advertising: {}, {:.1} s from {:.1} s ({}) on: {}",
            segments.unwrap_or_default(),
            found.duration_seconds,
            found.start_seconds,
            Clock(found.start_seconds),
            found.reason
        ));
    }
    if let Some(more) = breaks.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
        notes.push(format!("and {more} breaks more"));
    }
    for (start, seconds) in not_set_apart.iter().take(MAX_LISTED) {
        notes.push(format!(
            "kept: {seconds:.1} s from {start:.1} s on are marked as advertising, but no discontinuity sets them apart"
        ));
    }
    if !interstitials.is_empty() {
        let listed = interstitials.iter().take(MAX_LISTED).map(String::as_str);
        notes.push(format!(
            "interstitials that players insert, and that are no part of the stream: {}",
            listed.collect::<Vec<_>>().join(", ")
        ));
    }
    notes
}
