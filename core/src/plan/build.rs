//! Media playlists as read -> [`CapturePlan`].

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
    if tracks.is_empty() {
        return Err(PlanError::NoTracks);
    }
    Ok(CapturePlan {
        source: source.clone(),
        title: title.map(str::to_owned),
        live: tracks.iter().any(|(_, media)| !media.end_list),
        tracks: tracks
            .iter()
            .map(|(chosen, media)| track(chosen, media))
            .collect::<Result<_, _>>()?,
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

fn track(chosen: &ChosenTrack, media: &Media) -> Result<PlannedTrack, PlanError> {
    // A live stream may be about to begin.
    if media.segments.is_empty() && media.end_list {
        return Err(PlanError::NoSegments(chosen.playlist.clone()));
    }
    let context = Context {
        playlist: &chosen.playlist,
    };
    Ok(PlannedTrack {
        kind: chosen.kind,
        only: chosen.only,
        playlist: chosen.playlist.clone(),
        language: chosen.language.clone(),
        name: chosen.name.clone(),
        default: chosen.default,
        forced: chosen.forced,
        codecs: chosen.codecs.clone(),
        resolution: chosen.resolution,
        segments: media
            .segments
            .iter()
            .map(|segment| context.segment(segment))
            .collect::<Result<_, _>>()?,
    })
}

/// What the messages of a track name.
pub(super) struct Context<'a> {
    pub(super) playlist: &'a AbsoluteUrl,
}

impl Context<'_> {
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
    fn map(&self, map: &Map) -> Result<PlannedMap, PlanError> {
        let key = self.key(&map.keys)?.filter(|key| !key.method.is_of_samples());
        Ok(PlannedMap {
            url: self.url(&map.uri, "map", map.line)?,
            range: map.range,
            key: key.map(|key| key.with_implicit_iv(MediaSequence(0))),
        })
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
