//! Advertising: which discontinuity groups of a stream are not the stream.
//!
//! A group is what stands between two EXT-X-DISCONTINUITY. It is left out whole or not at all: what a cue marks within
//! a group that is mostly something else cannot be told from the stream, and stays.

mod marks;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::ChosenTrack;
use super::dates::usual_seconds;
use crate::playlist::{Media, Segment};
use crate::protocol::{CapturePlan, ErrorCode, MediaSequence, TrackKind};
use crate::url::AbsoluteUrl;

pub use marks::AdReason;
pub(super) use marks::is_ad;

/// Advertising in a stream, and what else a report says of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Advertising {
    /// By time.
    pub breaks: Vec<AdBreak>,
    /// Marked parts that no discontinuity sets apart, as the main track's time and length in seconds: they stay.
    pub not_set_apart: Vec<(f64, f64)>,
    /// Interstitials (CLASS `com.apple.hls.interstitial`), by ID: players insert them, nothing of them is in the stream.
    pub interstitials: Vec<String>,
}

/// One discontinuity group that is advertising.
#[derive(Debug, Clone, PartialEq)]
pub struct AdBreak {
    /// Its segments in every track, the main one first.
    pub segments: Vec<AdSegments>,
    /// When it begins, in the main track.
    pub start_seconds: f64,
    /// How long it plays.
    pub duration_seconds: f64,
    /// What tells.
    pub reason: AdReason,
}

/// The segments of a break in one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdSegments {
    /// The track's playlist.
    pub playlist: AbsoluteUrl,
    /// The first.
    pub first: MediaSequence,
    /// The last.
    pub last: MediaSequence,
}

/// Why advertising is not left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdsError {
    /// A playlist without the discontinuities of the main one.
    #[error("advertising cannot be left out: {0} is not divided as the main playlist is")]
    NotDivided(AbsoluteUrl),
    /// Everything is advertising.
    #[error("all of {0} is marked as advertising: nothing would be left")]
    OnlyAdvertising(AbsoluteUrl),
}

impl AdsError {
    /// The code that the user interface translates.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotDivided(_) | Self::OnlyAdvertising(_) => ErrorCode::NothingToCapture,
        }
    }
}

/// Finds the advertising in media playlists that belong together, the main one first.
///
/// # Errors
/// [`AdsError::NotDivided`] when a playlist has not the discontinuities of the main one: leaving out a part of
/// it would put sound and picture out of step.
pub fn find_advertising(tracks: &[(ChosenTrack, Media)]) -> Result<Advertising, AdsError> {
    let divided: Vec<Vec<Group<'_>>> = tracks.iter().map(|(_, media)| groups(media)).collect();
    let mut reasons = BTreeMap::new();
    let mut advertising = Advertising::default();
    for (index, ((track, media), groups)) in tracks.iter().zip(&divided).enumerate() {
        // Subtitles are served from where text is, and nobody cues them.
        if track.kind == TrackKind::Subtitle {
            continue;
        }
        let found = marks::find(media, groups);
        for (number, reason) in found.groups {
            reasons.entry(number).or_insert(reason);
        }
        if index == 0 {
            advertising.not_set_apart = found.not_set_apart;
            advertising.interstitials = found.interstitials;
        }
    }
    let Some((main, others)) = divided.split_first() else {
        return Ok(advertising);
    };
    let numbers = |groups: &[Group<'_>]| groups.iter().map(|group| group.number).collect::<BTreeSet<_>>();
    let expected = numbers(main);
    for ((track, _), groups) in tracks.iter().skip(1).zip(others) {
        if !reasons.is_empty() && numbers(groups) != expected {
            return Err(AdsError::NotDivided(track.playlist.clone()));
        }
    }
    let of_group = |group: &Group<'_>, reason: &AdReason| AdBreak {
        segments: tracks
            .iter()
            .zip(&divided)
            .filter_map(|((track, _), groups)| segments(track, groups, group.number))
            .collect(),
        start_seconds: group.start_seconds,
        duration_seconds: group.duration_seconds(),
        reason: reason.clone(),
    };
    advertising.breaks = main
        .iter()
        .filter_map(|group| Some(of_group(group, reasons.get(&group.number)?)))
        .collect();
    Ok(advertising)
}

impl CapturePlan {
    /// Leaves out what [`find_advertising`] found in the playlists of this plan's tracks.
    ///
    /// # Errors
    /// [`AdsError::OnlyAdvertising`] when nothing would be left.
    pub fn leave_out(&mut self, breaks: &[AdBreak]) -> Result<(), AdsError> {
        for track in &mut self.tracks {
            let everywhere = breaks.iter().flat_map(|found| &found.segments);
            let here: Vec<_> = everywhere
                .filter(|segments| segments.playlist == track.playlist)
                .collect();
            let is_ad = |sequence| {
                here.iter()
                    .any(|segments| (segments.first..=segments.last).contains(&sequence))
            };
            track.segments.retain(|segment| !is_ad(segment.sequence));
            if track.segments.is_empty() {
                return Err(AdsError::OnlyAdvertising(track.playlist.clone()));
            }
        }
        Ok(())
    }
}

/// Segments between two discontinuities.
#[derive(Debug)]
struct Group<'a> {
    /// Its discontinuity sequence number: the same in every playlist of a stream.
    number: u64,
    start_seconds: f64,
    /// Where its segments are in the playlist.
    at: Range<usize>,
    segments: &'a [Segment],
    /// What a segment of unknown duration is taken for.
    usual_seconds: f64,
}

impl Group<'_> {
    fn seconds_of(&self, segment: &Segment) -> f64 {
        segment.duration_seconds.unwrap_or(self.usual_seconds)
    }

    fn duration_seconds(&self) -> f64 {
        self.segments
            .iter()
            .map(|segment| self.seconds_of(segment))
            .fold(0.0, |a, b| a + b)
    }
}

fn segments(track: &ChosenTrack, groups: &[Group<'_>], number: u64) -> Option<AdSegments> {
    let group = groups.iter().find(|group| group.number == number)?;
    Some(AdSegments {
        playlist: track.playlist.clone(),
        first: group.segments.first()?.sequence,
        last: group.segments.last()?.sequence,
    })
}

fn groups(media: &Media) -> Vec<Group<'_>> {
    let usual_seconds = usual_seconds(media);
    let mut groups = Vec::new();
    let mut number = media.discontinuity_sequence;
    let mut start_seconds = 0.0;
    let mut at = 0;
    // A piece begins where a discontinuity stands.
    for segments in media.segments.chunk_by(|_, next| !next.discontinuity) {
        if segments.first().is_some_and(|first| first.discontinuity) {
            number = number.saturating_add(1);
        }
        let group = Group {
            number,
            start_seconds,
            at: at..at + segments.len(),
            segments,
            usual_seconds,
        };
        at = group.at.end;
        start_seconds += group.duration_seconds();
        groups.push(group);
    }
    groups
}
