//! What stands before the clusters (RFC 9559, 5.1.2 to 5.1.4, 5.1.7 and 5.1.8): what the file is, its tracks, its tags, and
//! where the rest is.

use super::codec::{Coding, Media};
use super::ebml::{self, Id};
use crate::merge::chapters::{Told, nanoseconds};
use crate::merge::track::Track;
use crate::merge::{About, language};

/// Ids of the elements that are found again.
pub(super) mod id {
    use super::Id;

    pub(in super::super) const EBML: Id = 0x1a45_dfa3;
    pub(in super::super) const SEGMENT: Id = 0x1853_8067;
    pub(in super::super) const SEEK_HEAD: Id = 0x114d_9b74;
    pub(in super::super) const SEEK: Id = 0x4dbb;
    pub(in super::super) const SEEK_ID: Id = 0x53ab;
    pub(in super::super) const SEEK_POSITION: Id = 0x53ac;
    pub(in super::super) const INFO: Id = 0x1549_a966;
    pub(in super::super) const TRACKS: Id = 0x1654_ae6b;
    pub(in super::super) const TRACK_ENTRY: Id = 0xae;
    pub(in super::super) const CHAPTERS: Id = 0x1043_a770;
    pub(in super::super) const TAGS: Id = 0x1254_c367;
    pub(in super::super) const CLUSTER: Id = 0x1f43_b675;
    pub(in super::super) const TIMESTAMP: Id = 0xe7;
    pub(in super::super) const SIMPLE_BLOCK: Id = 0xa3;
    pub(in super::super) const BLOCK_GROUP: Id = 0xa0;
    pub(in super::super) const BLOCK: Id = 0xa1;
    pub(in super::super) const BLOCK_DURATION: Id = 0x9b;
    pub(in super::super) const CUES: Id = 0x1c53_bb6b;
    pub(in super::super) const CUE_POINT: Id = 0xbb;
    pub(in super::super) const CUE_TIME: Id = 0xb3;
    pub(in super::super) const CUE_TRACK_POSITIONS: Id = 0xb7;
    pub(in super::super) const CUE_TRACK: Id = 0xf7;
    pub(in super::super) const CUE_CLUSTER_POSITION: Id = 0xf1;
    pub(in super::super) const CUE_RELATIVE_POSITION: Id = 0xf0;
}

/// A track as it is described.
#[derive(Debug)]
pub(super) struct Described<'a> {
    pub(super) number: u64,
    pub(super) track: &'a Track,
    pub(super) coding: &'a Coding,
    /// Nanoseconds between two pictures, where they are all alike.
    pub(super) frame_nanoseconds: Option<u64>,
}

/// What is known when the file is finished.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finished<'a> {
    pub(super) duration_milliseconds: f64,
    /// Where the cues are, from the segment's content.
    pub(super) cues: u64,
    pub(super) chapters: &'a [Told<'a>],
}

/// Ticks of the file are milliseconds, as everywhere in Matroska.
const NANOSECONDS_PER_TICK: u64 = 1_000_000;

/// The EBML header (RFC 8794, 11.2.1).
pub(super) fn ebml_header() -> Vec<u8> {
    let mut out = Vec::new();
    ebml::master(&mut out, id::EBML, |out| {
        ebml::uint(out, 0x4286, 1);
        ebml::uint(out, 0x42f7, 1);
        ebml::uint(out, 0x42f2, 4);
        ebml::uint(out, 0x42f3, 8);
        ebml::text(out, 0x4282, "matroska");
        // LanguageBCP47 came with version 4; a reader of version 2 does without it.
        ebml::uint(out, 0x4287, 4);
        ebml::uint(out, 0x4285, 2);
    });
    out
}

/// Everything up to the first cluster, without the space that is left.
pub(super) fn head(tracks: &[Described<'_>], about: &About, finished: Option<Finished<'_>>) -> Vec<u8> {
    let duration = finished.map(|finished| finished.duration_milliseconds);
    let parts = [
        (id::INFO, info(about, duration)),
        (id::TRACKS, entries(tracks)),
        (
            id::CHAPTERS,
            chapters(finished.map_or(&[], |finished| finished.chapters)),
        ),
        (id::TAGS, tags(about)),
    ];
    let mut out = Vec::new();
    if let Some(finished) = finished {
        // The positions do not change the length: all are written in eight bytes.
        let length = seek_head(&[], &parts, finished.cues).len() as u64;
        let mut at = length;
        let positions: Vec<u64> = parts
            .iter()
            .map(|(_, part)| {
                let begin = at;
                at += part.len() as u64;
                begin
            })
            .collect();
        out = seek_head(&positions, &parts, finished.cues);
    }
    for (_, part) in &parts {
        out.extend_from_slice(part);
    }
    out
}

fn seek_head(positions: &[u64], parts: &[(Id, Vec<u8>)], cues: u64) -> Vec<u8> {
    let mut out = Vec::new();
    ebml::master(&mut out, id::SEEK_HEAD, |out| {
        let mut seek = |wanted: Id, position: u64| {
            ebml::master(out, id::SEEK, |out| {
                ebml::binary(out, id::SEEK_ID, &wanted.to_be_bytes());
                ebml::binary(out, id::SEEK_POSITION, &position.to_be_bytes());
            });
        };
        for (index, (wanted, part)) in parts.iter().enumerate() {
            if !part.is_empty() {
                seek(*wanted, positions.get(index).copied().unwrap_or(0));
            }
        }
        seek(id::CUES, cues);
    });
    out
}

fn info(about: &About, duration: Option<f64>) -> Vec<u8> {
    let writer = concat!("Weir ", env!("CARGO_PKG_VERSION"));
    let mut out = Vec::new();
    ebml::master(&mut out, id::INFO, |out| {
        ebml::uint(out, 0x002a_d7b1, NANOSECONDS_PER_TICK);
        if let Some(duration) = duration {
            ebml::float(out, 0x4489, duration);
        }
        if let Some(title) = &about.title {
            ebml::text(out, 0x7ba9, title);
        }
        ebml::text(out, 0x4d80, writer);
        ebml::text(out, 0x5741, writer);
    });
    out
}

/// Chapters (RFC 9559, 5.1.7); nothing where there are none.
pub(super) fn chapters(chapters: &[Told<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    if !chapters.is_empty() {
        ebml::master(&mut out, id::CHAPTERS, |out| {
            ebml::master(out, 0x45b9, |out| {
                for (number, chapter) in (1..).zip(chapters) {
                    ebml::master(out, 0xb6, |out| {
                        ebml::uint(out, 0x73c4, number);
                        // In nanoseconds, whatever the file's ticks are. Eight bytes, so that the length is known before the time.
                        ebml::binary(out, 0x91, &nanoseconds(chapter.begin).to_be_bytes());
                        ebml::master(out, 0x80, |out| {
                            ebml::text(out, 0x85, chapter.title);
                            ebml::text(out, 0x437c, "und");
                        });
                    });
                }
            });
        });
    }
    out
}

/// Tags of the whole file; nothing where there is nothing to say.
fn tags(about: &About) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(source) = &about.source {
        ebml::master(&mut out, id::TAGS, |out| {
            ebml::master(out, 0x7373, |out| {
                // No target: the file.
                ebml::master(out, 0x63c0, |_| {});
                ebml::master(out, 0x67c8, |out| {
                    ebml::text(out, 0x45a3, "URL");
                    ebml::text(out, 0x4487, source);
                });
            });
        });
    }
    out
}

fn entries(tracks: &[Described<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    ebml::master(&mut out, id::TRACKS, |out| {
        for described in tracks {
            let all = tracks.iter().map(|described| described.track);
            let is_default = described.track.plays_unasked(all);
            ebml::master(out, id::TRACK_ENTRY, |out| entry(out, described, is_default));
        }
    });
    out
}

fn entry(out: &mut Vec<u8>, described: &Described<'_>, is_default: bool) {
    /// RFC 9559, 5.1.4.1.3.
    const VIDEO: u64 = 1;
    const AUDIO: u64 = 2;
    const SUBTITLE: u64 = 17;
    const OPUS_SEEK_PRE_ROLL_NANOSECONDS: u64 = 80_000_000;
    let Described {
        number,
        track,
        coding,
        frame_nanoseconds,
    } = *described;
    ebml::uint(out, 0xd7, number);
    ebml::uint(out, 0x73c5, number);
    let kind = match coding.media {
        Media::Video { .. } => VIDEO,
        Media::Audio { .. } => AUDIO,
        Media::Text(_) => SUBTITLE,
    };
    ebml::uint(out, 0x83, kind);
    // Without a word a track is a default one.
    ebml::uint(out, 0x88, u64::from(is_default));
    if track.forced {
        ebml::uint(out, 0x55aa, 1);
    }
    ebml::uint(out, 0x9c, 0);
    if let Some(nanoseconds) = frame_nanoseconds {
        ebml::uint(out, 0x0023_e383, nanoseconds);
    }
    if let Some(name) = &track.name {
        ebml::text(out, 0x536e, name);
    }
    // Without a word it is English.
    ebml::text(
        out,
        0x0022_b59c,
        &language::bibliographic(track.language.as_deref()),
    );
    if let Some(tag) = &track.language {
        ebml::text(out, 0x0022_b59d, tag);
    }
    ebml::text(out, 0x86, &coding.id);
    if !coding.private.is_empty() {
        ebml::binary(out, 0x63a2, &coding.private);
    }
    if coding.pre_skip > 0 {
        ebml::uint(out, 0x56aa, delay_nanoseconds(coding));
    }
    if coding.id == "A_OPUS" {
        ebml::uint(out, 0x56bb, OPUS_SEEK_PRE_ROLL_NANOSECONDS);
    }
    match coding.media {
        Media::Video {
            width,
            height,
            colour,
        } => ebml::master(out, 0xe0, |out| {
            ebml::uint(out, 0xb0, u64::from(width));
            ebml::uint(out, 0xba, u64::from(height));
            let (display_width, display_height) = track.display;
            if display_width > 0 && display_height > 0 {
                ebml::uint(out, 0x54b0, u64::from(display_width));
                ebml::uint(out, 0x54ba, u64::from(display_height));
            }
            if let Some((primaries, transfer, matrix, full_range)) = colour {
                ebml::master(out, 0x55b0, |out| {
                    ebml::uint(out, 0x55b1, u64::from(matrix));
                    ebml::uint(out, 0x55b9, if full_range { 2 } else { 1 });
                    ebml::uint(out, 0x55ba, u64::from(transfer));
                    ebml::uint(out, 0x55bb, u64::from(primaries));
                });
            }
        }),
        Media::Audio {
            channels,
            sample_rate,
        } => ebml::master(out, 0xe1, |out| {
            // An entry cannot tell rates over 65,535 Hz; the track's time scale is the rate.
            let rate = if sample_rate > 0 {
                sample_rate
            } else {
                track.timescale
            };
            ebml::float(out, 0xb5, f64::from(rate));
            ebml::uint(out, 0x9f, u64::from(channels.max(1)));
        }),
        Media::Text(_) => {}
    }
}

/// What a block's time is ahead of its presentation (`CodecDelay`).
pub(super) fn delay_nanoseconds(coding: &Coding) -> u64 {
    u64::from(coding.pre_skip) * 1_000_000_000 / 48_000
}
