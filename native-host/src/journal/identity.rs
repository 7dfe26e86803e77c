//! What tells one capture from another: the stream as its playlist lists it, and where it goes.

use std::fmt;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use weir_core::plan::Chapter;
use weir_core::protocol::{
    ByteRange, CapturePlan, Container, DownloadItem, Iv, KeyMethod, PlannedSegment, PlannedTrack, TrackKind,
};
use weir_core::url::AbsoluteUrl;

use crate::keys::GivenKeys;
use crate::merge::SubtitleFormat;

/// A digest. The same playlist read again has the same, also when its links carry other tokens or lead to another host.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Identity([u8; 32]);

/// What of a segment does not change from one reading to the next.
#[derive(Serialize)]
struct Known {
    sequence: u64,
    place: String,
    range: Option<ByteRange>,
    duration_seconds: Option<f64>,
    discontinuity: bool,
    gap: bool,
    key: Option<(KeyMethod, Iv)>,
    map: Option<(String, Option<ByteRange>)>,
}

/// How a plan is captured, as far as it changes the output's bytes. What a segment means that is gone is not of it: who
/// finds one missing may go on without.
#[derive(Debug, Clone, Copy)]
pub struct Manner<'a> {
    /// The kind of output.
    pub container: Container,
    /// Where it goes.
    pub target: &'a str,
    /// Files of the subtitles beside it.
    pub subtitle_files: Option<SubtitleFormat>,
    /// Its chapters.
    pub chapters: &'a [Chapter],
    /// Keys and IV in the place of the playlist's.
    pub keys: &'a GivenKeys,
}

impl Identity {
    /// Of a plan that is captured like this. Playlists that grow are never the same.
    #[must_use]
    pub fn of(plan: &CapturePlan, manner: Manner<'_>) -> Self {
        Self::with(plan, manner, |track, add| {
            for segment in &track.segments {
                add(&serde_json::to_string(&known(segment)).unwrap_or_default());
            }
        })
    }

    /// Of a live stream that is recorded like this: where it comes from, without what may be a token, because what it lists
    /// changes.
    #[must_use]
    pub fn of_recording(plan: &CapturePlan, manner: Manner<'_>) -> Self {
        Self::with(plan, manner, |track, add| {
            add("recording");
            add(&plan.source.origin());
            add(&place(&plan.source));
            add(track.playlist.file_name());
        })
    }

    fn with(
        plan: &CapturePlan,
        manner: Manner<'_>,
        add_track: impl Fn(&PlannedTrack, &mut dyn FnMut(&str)),
    ) -> Self {
        let mut digest = Sha256::new();
        // Each value is told together with its length or is a number of fixed length, so no two plans run together.
        let mut add = |text: &str| {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        };
        add(manner.target);
        add(&serde_json::to_string(&(manner.container, manner.subtitle_files)).unwrap_or_default());
        for chapter in manner.chapters {
            add(&serde_json::to_string(chapter).unwrap_or_default());
        }
        // A digest of this one tells nobody a key that he does not have already.
        add(&format!("{:?}", manner.keys.fingerprint()));
        for track in &plan.tracks {
            let kinds: (TrackKind, Option<TrackKind>) = (track.kind, track.only);
            let quality = (&track.codecs, track.resolution);
            add(&serde_json::to_string(&(kinds, &track.language, &track.name, quality)).unwrap_or_default());
            add_track(track, &mut add);
        }
        Self(digest.finalize().into())
    }

    /// Of files that are saved as they are, in this order. Of their addresses all counts: a query often is what tells one image
    /// from another.
    #[must_use]
    pub fn of_files(items: &[DownloadItem], target: &str) -> Self {
        let mut digest = Sha256::new();
        let mut add = |text: &str| {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        };
        add("files");
        add(target);
        for DownloadItem { url, name } in items {
            add(url.as_str());
            add(&serde_json::to_string(name).unwrap_or_default());
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

fn known(segment: &PlannedSegment) -> Known {
    Known {
        sequence: segment.sequence.0,
        place: place(&segment.url),
        range: segment.range,
        duration_seconds: segment.duration_seconds,
        discontinuity: segment.discontinuity,
        gap: segment.gap,
        key: segment.key.as_ref().map(|key| (key.method, key.iv)),
        map: segment.map.as_ref().map(|map| (place(&map.url), map.range)),
    }
}

/// The path without the folders that may be tokens: another quality is often the same names in another folder.
fn place(url: &AbsoluteUrl) -> String {
    let (folders, name) = url.path().rsplit_once('/').unwrap_or_default();
    let stay = folders.split('/').filter(|folder| !may_be_token(folder));
    stay.chain([name]).collect::<Vec<_>>().join("/")
}

/// Tokens are long, or they are digits: a time, a digest.
fn may_be_token(folder: &str) -> bool {
    const LONG: usize = 16;
    const TIME: usize = 8;
    let is_number = folder.bytes().all(|byte| byte.is_ascii_hexdigit());
    folder.len() >= LONG || (folder.len() >= TIME && is_number)
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use weir_core::protocol::{MediaSequence, PlannedTrack};

    use super::*;

    /// A file of one manner is not gone on with in another.
    #[test]
    fn what_changes_the_file_is_part_of_it() {
        let plan = CapturePlan {
            source: AbsoluteUrl::parse("https://a.example/a.m3u8").unwrap(),
            title: None,
            live: false,
            tracks: Vec::new(),
        };
        let clear = GivenKeys::default();
        let mut keyed = GivenKeys::default();
        keyed.add("000102030405060708090a0b0c0d0e0f").unwrap();
        let chapters = [Chapter {
            sequence: MediaSequence(1),
            offset_seconds: 0.0,
            title: "Chapter 1".to_owned(),
        }];
        let usual = Manner {
            container: Container::Mp4,
            target: "a.mp4",
            subtitle_files: None,
            chapters: &[],
            keys: &clear,
        };
        let manners = [
            usual,
            Manner {
                container: Container::Mkv,
                ..usual
            },
            Manner {
                target: "b.mp4",
                ..usual
            },
            Manner {
                subtitle_files: Some(SubtitleFormat::Vtt),
                ..usual
            },
            Manner {
                chapters: &chapters,
                ..usual
            },
            Manner {
                keys: &keyed,
                ..usual
            },
        ];
        let identities = manners.map(|manner| format!("{:?}", Identity::of(&plan, manner)));
        assert_eq!(BTreeSet::from(identities.clone()).len(), identities.len());
        let again = format!("{:?}", Identity::of(&plan, usual));
        assert_eq!(again, identities[0]);
    }

    fn of_segments(url: &str, of: impl Fn(&mut PlannedTrack)) -> String {
        let segment = PlannedSegment {
            sequence: MediaSequence(7),
            url: AbsoluteUrl::parse(url).unwrap(),
            range: None,
            duration_seconds: Some(2.0),
            discontinuity: false,
            gap: false,
            key: None,
            map: None,
        };
        let mut track = PlannedTrack {
            kind: TrackKind::Video,
            only: None,
            playlist: AbsoluteUrl::parse("https://a.example/a.m3u8").unwrap(),
            language: None,
            name: None,
            default: false,
            forced: false,
            codecs: Vec::new(),
            resolution: None,
            segments: vec![segment],
        };
        of(&mut track);
        let plan = CapturePlan {
            source: track.playlist.clone(),
            title: None,
            live: false,
            tracks: vec![track],
        };
        let manner = Manner {
            container: Container::Mp4,
            target: "a.mp4",
            subtitle_files: None,
            chapters: &[],
            keys: &GivenKeys::default(),
        };
        format!("{:?}", Identity::of(&plan, manner))
    }

    #[test]
    fn tokens_and_hosts_are_no_part_of_it_and_qualities_are() {
        let of = |url: &str| of_segments(url, |_| {});
        let first = of("https://a.example/film/high/seg7.ts?token=1");
        for same in [
            "https://b.example/film/high/seg7.ts?token=2",
            "https://a.example/film/1764130000/high/seg7.ts",
            "https://a.example/exp=1764130000~hmac=0123456789abcdef/film/high/seg7.ts",
        ] {
            assert_eq!(of(same), first, "{same}");
        }
        for other in [
            "https://a.example/film/low/seg7.ts?token=1",
            "https://a.example/film/high/seg8.ts?token=1",
            "https://a.example/high/seg7.ts?token=1",
        ] {
            assert_ne!(of(other), first, "{other}");
        }
        let url = "https://a.example/film/high/seg7.ts";
        assert_ne!(
            of_segments(url, |track| track.resolution = Some((640, 360))),
            first
        );
        assert_ne!(
            of_segments(url, |track| track.codecs = vec!["mp4a.40.2".to_owned()]),
            first
        );
    }
}
