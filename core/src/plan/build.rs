//! Media playlists as read -> [`CapturePlan`].

use std::sync::Arc;

use super::{ChosenTrack, PlanError};
use crate::playlist::{Key, Map, Media, Playlist, Protection, Reading, Reference, Segment, protection};
use crate::protocol::{
    CapturePlan, Iv, KeyMethod, MediaSequence, PlannedMap, PlannedSegment, PlannedTrack, SegmentKey,
};
use crate::url::AbsoluteUrl;

/// The plan for media playlists that were fetched and read.
///
/// # Errors
/// [`PlanError`]: DRM, an unknown method, a URL that is not fetched, no segments.
pub fn build(
    source: &AbsoluteUrl,
    title: Option<&str>,
    tracks: &[(ChosenTrack, Media)],
) -> Result<CapturePlan, PlanError> {
    let live = tracks.iter().any(|(_, media)| !media.end_list);
    let tracks = tracks.iter().map(|(chosen, media)| {
        let context = Context::of(chosen, media)?;
        let segments = media.segments.iter().map(|segment| context.segment(segment));
        Ok(track(chosen, segments.collect::<Result<_, _>>()?))
    });
    plan(source, title, live, tracks)
}

/// The same of playlists that nothing more is asked of: they go while the plan comes, so that a long stream is not in
/// memory twice.
///
/// # Errors
/// Those of [`build`].
pub fn build_from(
    source: &AbsoluteUrl,
    title: Option<&str>,
    tracks: Vec<(ChosenTrack, Media)>,
) -> Result<CapturePlan, PlanError> {
    let live = tracks.iter().any(|(_, media)| !media.end_list);
    let tracks = tracks.into_iter().map(|(chosen, media)| {
        let segments = Context::of(&chosen, &media)?.all(media.segments)?;
        Ok(track(&chosen, segments))
    });
    plan(source, title, live, tracks)
}

fn plan(
    source: &AbsoluteUrl,
    title: Option<&str>,
    live: bool,
    tracks: impl Iterator<Item = Result<PlannedTrack, PlanError>>,
) -> Result<CapturePlan, PlanError> {
    let tracks: Vec<_> = tracks.collect::<Result<_, _>>()?;
    if tracks.is_empty() {
        return Err(PlanError::NoTracks);
    }
    Ok(CapturePlan {
        source: source.clone(),
        title: title.map(str::to_owned),
        live,
        tracks,
    })
}

/// The media playlist of a chosen track.
///
/// # Errors
/// [`PlanError`] when it is a playlist of another kind.
pub fn expect_media(reading: Reading, playlist: &AbsoluteUrl) -> Result<Media, PlanError> {
    match reading.playlist {
        Playlist::Media(media) => Ok(media),
        Playlist::Multivariant(_) => Err(PlanError::NestedMultivariant(playlist.clone())),
        Playlist::List(_) => Err(PlanError::PlainList(playlist.clone())),
    }
}

fn track(chosen: &ChosenTrack, segments: Vec<PlannedSegment>) -> PlannedTrack {
    PlannedTrack {
        kind: chosen.kind,
        only: chosen.only,
        playlist: chosen.playlist.clone(),
        language: chosen.language.clone(),
        name: chosen.name.clone(),
        default: chosen.default,
        forced: chosen.forced,
        codecs: chosen.codecs.clone(),
        resolution: chosen.resolution,
        segments,
    }
}

/// What the messages of a track name.
pub(super) struct Context<'a> {
    pub(super) playlist: &'a AbsoluteUrl,
}

impl<'a> Context<'a> {
    /// Of a track whose playlist can be planned.
    fn of(chosen: &'a ChosenTrack, media: &Media) -> Result<Self, PlanError> {
        // A live stream may be about to begin.
        if media.segments.is_empty() && media.end_list {
            return Err(PlanError::NoSegments(chosen.playlist.clone()));
        }
        Ok(Self {
            playlist: &chosen.playlist,
        })
    }

    /// From the last to the first, because only the end of a list can be given back while it is in use.
    fn all(&self, mut segments: Vec<Segment>) -> Result<Vec<PlannedSegment>, PlanError> {
        const GIVEN_BACK_AT_ONCE: usize = 4096;
        let mut planned: Vec<PlannedSegment> = Vec::with_capacity(segments.len());
        let mut first_error = None;
        while let Some(segment) = segments.pop() {
            match self.segment(&segment) {
                Ok(mut segment) => {
                    if let Some(behind) = planned.last().filter(|behind| behind.map == segment.map) {
                        segment.map.clone_from(&behind.map);
                    }
                    planned.push(segment);
                }
                Err(error) => first_error = Some(error),
            }
            if segments.len().is_multiple_of(GIVEN_BACK_AT_ONCE) {
                segments.shrink_to_fit();
            }
        }
        planned.reverse();
        first_error.map_or(Ok(planned), Err)
    }

    pub(super) fn segment(&self, segment: &Segment) -> Result<PlannedSegment, PlanError> {
        let key = self.key(&segment.keys)?;
        Ok(PlannedSegment {
            sequence: segment.sequence,
            url: self.url(&segment.uri, "segment", segment.line)?,
            range: segment.range,
            duration_seconds: segment.duration_seconds,
            discontinuity: segment.discontinuity,
            gap: segment.gap,
            key: key.map(|key| key.with_implicit_iv(segment.sequence)),
            map: segment.map.as_deref().map(|map| self.map(map)).transpose()?,
        })
    }

    /// The map's own key is the one that was in force where it stood. Methods of samples leave maps clear; without
    /// an explicit IV, which the specification asks for, players take zero.
    fn map(&self, map: &Map) -> Result<Arc<PlannedMap>, PlanError> {
        let key = self.key(&map.keys)?.filter(|key| !key.method.is_of_samples());
        Ok(Arc::new(PlannedMap {
            url: self.url(&map.uri, "map", map.line)?,
            range: map.range,
            key: key.map(|key| key.with_implicit_iv(MediaSequence(0))),
        }))
    }

    fn key(&self, keys: &[Key]) -> Result<Option<UsableKey>, PlanError> {
        let key = match protection(keys) {
            Protection::Clear => return Ok(None),
            Protection::Key(key) => key,
            Protection::Drm(system, key) => {
                return Err(PlanError::Drm {
                    system: system.to_string(),
                    line: key.line,
                });
            }
        };
        let unknown = || PlanError::UnknownMethod {
            method: key.method.clone(),
            line: key.line,
        };
        let method = KeyMethod::parse(&key.method).ok_or_else(unknown)?;
        Ok(Some(UsableKey {
            method,
            url: self.url(&key.uri, "key", key.line)?,
            iv: key.iv,
        }))
    }

    fn url(&self, reference: &Reference, what: &'static str, line: usize) -> Result<AbsoluteUrl, PlanError> {
        reference.resolved.clone().map_err(|error| PlanError::Reference {
            what,
            line,
            playlist: Box::new(self.playlist.clone()),
            error,
        })
    }
}

/// A key that Weir decrypts with, its IV as written.
struct UsableKey {
    method: KeyMethod,
    url: AbsoluteUrl,
    iv: Option<Iv>,
}

impl UsableKey {
    fn with_implicit_iv(self, sequence: MediaSequence) -> SegmentKey {
        let iv = self.iv.unwrap_or_else(|| Iv::from_sequence(sequence));
        SegmentKey {
            method: self.method,
            url: self.url,
            iv,
        }
    }
}
