//! What tells one capture from another: the stream as its playlist lists it, and where it goes.

use std::fmt;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use weir_core::protocol::{ByteRange, CapturePlan, Container, Iv, KeyMethod, PlannedSegment, TrackKind};
use weir_core::url::AbsoluteUrl;

/// A digest. The same playlist read again has the same, also when its links carry other tokens or lead to another host.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Identity([u8; 32]);

/// What of a segment does not change from one reading to the next.
#[derive(Serialize)]
struct Known<'a> {
    sequence: u64,
    name: &'a str,
    range: Option<ByteRange>,
    duration_seconds: Option<f64>,
    discontinuity: bool,
    gap: bool,
    key: Option<(KeyMethod, Iv)>,
    map: Option<(&'a str, Option<ByteRange>)>,
}

impl Identity {
    /// Of a plan that is captured like this. Playlists that grow are never the same.
    #[must_use]
    pub fn of(plan: &CapturePlan, container: Container, target: &str) -> Self {
        let mut digest = Sha256::new();
        // Each value is told together with its length or is a number of fixed length, so no two plans run together.
        let mut add = |text: &str| {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        };
        add(target);
        add(&serde_json::to_string(&container).unwrap_or_default());
        for track in &plan.tracks {
            let kinds: (TrackKind, Option<TrackKind>) = (track.kind, track.only);
            add(&serde_json::to_string(&(kinds, &track.language, &track.name)).unwrap_or_default());
            for segment in &track.segments {
                add(&serde_json::to_string(&known(segment)).unwrap_or_default());
            }
        }
        Self(digest.finalize().into())
    }

    /// Of a capture that no other can go on with.
    #[must_use]
    pub fn of_its_own() -> Self {
        let mut bytes = [0; 32];
        fastrand::Rng::new().fill(&mut bytes);
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn known(segment: &PlannedSegment) -> Known<'_> {
    Known {
        sequence: segment.sequence.0,
        name: file_name(&segment.url),
        range: segment.range,
        duration_seconds: segment.duration_seconds,
        discontinuity: segment.discontinuity,
        gap: segment.gap,
        key: segment.key.as_ref().map(|key| (key.method, key.iv)),
        map: segment.map.as_ref().map(|map| (file_name(&map.url), map.range)),
    }
}

/// The last part of the path: folders and queries hold tokens.
fn file_name(url: &AbsoluteUrl) -> &str {
    url.path().rsplit('/').next().unwrap_or_default()
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
