//! What the host checks of a plan that came over the wire, before anything is fetched.

use super::PlanError;
use crate::protocol::limits::{MAX_PLAN_TRACKS, MAX_PLAYLIST_SEGMENTS, MAX_TITLE_BYTES};
use crate::protocol::{CapturePlan, PlannedSegment, PlannedTrack};
use crate::url::{AbsoluteUrl, AddressClass};

/// Whether something is let through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rule {
    /// It is an error.
    #[default]
    Refuse,
    /// It is let through.
    Allow,
}

/// What the user let through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckPolicy {
    /// Private addresses in what a public playlist lists (`--allow-private`). A playlist on a private
    /// address may always list its own network.
    pub private_addresses: Rule,
    /// http in what an https playlist lists (`--allow-downgrade`).
    pub downgrades: Rule,
}

impl CheckPolicy {
    /// Checks where a URL leads, as far as its text tells. `above` are the playlists, or the page, that led to it.
    ///
    /// # Errors
    /// [`PlanError::PrivateAddress`] or [`PlanError::InsecureDowngrade`].
    pub fn check(self, url: &AbsoluteUrl, above: &[&AbsoluteUrl]) -> Result<(), PlanError> {
        // In this order: a plan has thousands of addresses, few of them private.
        if self.private_addresses == Rule::Refuse
            && url.address_class() == AddressClass::Private
            && above
                .iter()
                .any(|list| !list.is_data() && list.address_class() == AddressClass::Public)
        {
            return Err(PlanError::PrivateAddress(url.clone()));
        }
        if self.downgrades == Rule::Refuse && above.iter().any(|list| list.downgrades_to(url)) {
            return Err(PlanError::InsecureDowngrade(url.clone()));
        }
        Ok(())
    }
}

impl CapturePlan {
    /// Checks what the types do not: counts, order, and where the URLs lead as far as their text tells.
    /// A name that resolves to a private address shows only when it is resolved: that is checked there.
    ///
    /// # Errors
    /// [`PlanError::Invalid`], [`PlanError::NoTracks`], [`PlanError::NoSegments`],
    /// [`PlanError::PrivateAddress`] or [`PlanError::InsecureDowngrade`].
    pub fn check(&self, policy: CheckPolicy) -> Result<(), PlanError> {
        if self.tracks.is_empty() {
            return Err(PlanError::NoTracks);
        }
        if self.tracks.len() > MAX_PLAN_TRACKS {
            return Err(too_many_tracks());
        }
        if self
            .title
            .as_ref()
            .is_some_and(|title| title.len() > MAX_TITLE_BYTES)
        {
            return Err(invalid("title", "too long"));
        }
        for (index, track) in self.tracks.iter().enumerate() {
            if track.segments.is_empty() && !self.live {
                return Err(PlanError::NoSegments(track.playlist.clone()));
            }
            check_order(index, track)?;
            policy.check(&track.playlist, &[&self.source])?;
            let above = [&self.source, &track.playlist];
            for segment in &track.segments {
                for url in urls(segment) {
                    policy.check(url, &above)?;
                }
            }
        }
        Ok(())
    }
}

fn check_order(index: usize, track: &PlannedTrack) -> Result<(), PlanError> {
    if track.segments.len() > MAX_PLAYLIST_SEGMENTS {
        return Err(invalid(&format!("tracks[{index}].segments"), "too many segments"));
    }
    let mut previous = None;
    for (at, segment) in track.segments.iter().enumerate() {
        if previous >= Some(segment.sequence) {
            let field = format!("tracks[{index}].segments[{at}].sequence");
            return Err(invalid(&field, "media sequence numbers must rise"));
        }
        previous = Some(segment.sequence);
        if segment
            .duration_seconds
            .is_some_and(|seconds| !(seconds.is_finite() && seconds >= 0.0))
        {
            let field = format!("tracks[{index}].segments[{at}].durationSeconds");
            return Err(invalid(&field, "a duration must not be negative"));
        }
    }
    Ok(())
}

/// Every URL that is fetched for a segment.
fn urls(segment: &PlannedSegment) -> impl Iterator<Item = &AbsoluteUrl> {
    let map = segment.map.as_ref();
    let keys = [segment.key.as_ref(), map.and_then(|map| map.key.as_ref())];
    let keys = keys.into_iter().flatten().map(|key| &key.url);
    [Some(&segment.url), map.map(|map| &map.url)]
        .into_iter()
        .flatten()
        .chain(keys)
}

/// Over [`MAX_PLAN_TRACKS`].
pub(super) fn too_many_tracks() -> PlanError {
    invalid("tracks", "too many tracks")
}

fn invalid(field: &str, problem: &'static str) -> PlanError {
    PlanError::Invalid {
        field: field.to_owned(),
        problem,
    }
}
