//! The `moov` box (ISO/IEC 14496-12, 8.2): of the growing file, whose samples fragments describe, and of the finished one.

use bytes::BufMut;
use weir_core::protocol::TrackKind;

use super::tables::SampleTables;
use crate::demux::bmff::{FourCc, write_box, write_full_box};
use crate::demux::{CLOCK_HZ, seconds};
use crate::merge::chapters::{Told, nanoseconds};
use crate::merge::interleave::presentation;
use crate::merge::track::Track;
use crate::merge::{About, language};

/// Ticks a second of the movie: the transport stream's, so that its times are exact.
const MOVIE_TIMESCALE: u32 = CLOCK_HZ;

/// 16.16 fixed point.
const ONE: u32 = 0x0001_0000;

/// Which of the two it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stage<'a> {
    /// Fragments follow.
    Growing,
    /// These tables, one a track, have all samples, and these are the chapters.
    Finished(&'a [SampleTables], &'a [Told<'a>]),
}

/// An entry of an edit list (8.6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edit {
    /// In movie ticks.
    duration: u64,
    /// In media ticks; None: nothing is presented.
    media_time: Option<i64>,
}

/// The box; a track's id is its place in the list, from 1. Tracks without a sample are left out.
pub(super) fn moov(tracks: &[Track], about: &About, stage: Stage<'_>) -> Vec<u8> {
    let edits = edit_lists(tracks);
    let duration = |edits: &[Edit]| match stage {
        Stage::Growing => 0,
        Stage::Finished(..) => length(edits),
    };
    let present = || {
        (1u32..)
            .zip(tracks)
            .zip(&edits)
            .filter(|((_, track), _)| track.has_samples())
    };
    let with_samples = || tracks.iter().filter(|track| track.has_samples());
    let mut out = Vec::new();
    write_box(&mut out, *b"moov", |out| {
        let longest = edits.iter().map(|edits| duration(edits)).max().unwrap_or(0);
        write_movie_header(out, longest, u32::try_from(tracks.len()).unwrap_or(u32::MAX));
        for ((id, track), edits) in present() {
            write_box(out, *b"trak", |out| {
                write_track_header(
                    out,
                    id,
                    track,
                    duration(edits),
                    track.plays_unasked(with_samples()),
                );
                let tables = match stage {
                    Stage::Growing => None,
                    Stage::Finished(tables, _) => tables.get(index(id)),
                };
                if tables.is_some() {
                    write_edits(out, edits);
                }
                write_media(out, track, tables);
                write_track_user_data(out, track);
            });
        }
        if matches!(stage, Stage::Growing) {
            write_box(out, *b"mvex", |out| {
                for ((id, _), _) in present() {
                    write_full_box(out, *b"trex", 0, 0, |out| {
                        out.put_u32(id);
                        out.put_u32(1);
                        out.put_bytes(0, 12);
                    });
                }
            });
        }
        let chapters = match stage {
            Stage::Growing => &[],
            Stage::Finished(_, chapters) => chapters,
        };
        out.extend_from_slice(&user_data(about, chapters));
    });
    out
}

/// The `udta` box, with what the file tells of itself the way that players look for it (iTunes' `ilst`, Nero's `chpl`);
/// nothing where there is nothing to tell.
pub(super) fn user_data(about: &About, chapters: &[Told<'_>]) -> Vec<u8> {
    let mut content = Vec::new();
    write_items(&mut content, about);
    write_chapters(&mut content, chapters);
    let mut out = Vec::new();
    if !content.is_empty() {
        write_box(&mut out, *b"udta", |out| out.put_slice(&content));
    }
    out
}

fn write_items(out: &mut Vec<u8>, about: &About) {
    const TITLE: FourCc = *b"\xa9nam";
    const COMMENT: FourCc = *b"\xa9cmt";
    const UTF_8: u32 = 1;
    let mut items = Vec::new();
    for (kind, value) in [(TITLE, &about.title), (COMMENT, &about.source)] {
        if let Some(value) = value {
            write_box(&mut items, kind, |out| {
                write_box(out, *b"data", |out| {
                    out.put_u32(UTF_8);
                    out.put_u32(0);
                    out.put_slice(value.as_bytes());
                });
            });
        }
    }
    if !items.is_empty() {
        write_full_box(out, *b"meta", 0, 0, |out| {
            write_full_box(out, *b"hdlr", 0, 0, |out| {
                out.put_slice(b"\0\0\0\0mdirappl");
                out.put_bytes(0, 9);
            });
            write_box(out, *b"ilst", |out| out.put_slice(&items));
        });
    }
}

/// Nero's list of chapters: no standard has it, and every player but Apple's reads it.
fn write_chapters(out: &mut Vec<u8>, chapters: &[Told<'_>]) {
    let chapters = chapters.get(..usize::from(u8::MAX)).unwrap_or(chapters);
    let Some(count) = u8::try_from(chapters.len()).ok().filter(|&count| count > 0) else {
        return;
    };
    write_full_box(out, *b"chpl", 1, 0, |out| {
        out.put_u32(0);
        out.put_u8(count);
        for chapter in chapters {
            let length = u8::try_from(chapter.title.len()).unwrap_or(u8::MAX);
            // In units of 100 ns.
            out.put_u64(nanoseconds(chapter.begin) / 100);
            out.put_u8(length);
            out.extend(chapter.title.bytes().take(usize::from(length)));
        }
    });
}

/// The place in the list of the track with this id.
fn index(id: u32) -> usize {
    usize::try_from(id).map_or(usize::MAX, |id| id.wrapping_sub(1))
}

/// How long it is presented, in movie ticks. A source may tell any time.
fn length(edits: &[Edit]) -> u64 {
    edits
        .iter()
        .fold(0, |sum, edit| sum.saturating_add(edit.duration))
}

/// How long the longest track is presented, in seconds.
pub(super) fn duration_seconds(tracks: &[Track]) -> f64 {
    let longest = edit_lists(tracks).iter().map(|edits| length(edits)).max();
    seconds(
        longest.and_then(|ticks| i64::try_from(ticks).ok()).unwrap_or(0),
        MOVIE_TIMESCALE,
    )
}

/// The edits of every track: a hole when it begins after the earliest, then everything from its first presentation on,
/// which for B-frames comes later than its first decoding. Subtitles are seen with the rest, not before it or behind.
fn edit_lists(tracks: &[Track]) -> Vec<Vec<Edit>> {
    let present = || tracks.iter().filter(|track| track.has_samples());
    let media = presentation(tracks);
    let starts = present().map(|track| track.to_timeline(track.presentation().0));
    let movie_start = media.map(|(start, _)| start).or(starts.min()).unwrap_or(0);
    let edits = |track: &Track| {
        let mut edits = Vec::new();
        if !track.has_samples() {
            return edits;
        }
        let (mut begin, mut end) = track.presentation();
        if track.is_sparse()
            && let Some((_, movie_end)) = media
        {
            begin = begin.max(track.ticks_at(movie_start));
            end = end.min(track.ticks_at(movie_end)).max(begin);
        }
        let hole = u64::try_from(track.to_timeline(begin).saturating_sub(movie_start)).unwrap_or(0);
        if hole > 0 {
            edits.push(Edit {
                duration: hole,
                media_time: None,
            });
        }
        // Rounded up: a tick less would cut the last sample off.
        let ticks = i64::from(track.timescale);
        let length = i128::from(end.saturating_sub(begin)) * i128::from(MOVIE_TIMESCALE);
        let duration = u64::try_from((length + i128::from(ticks) - 1) / i128::from(ticks)).unwrap_or(0);
        edits.push(Edit {
            duration,
            media_time: Some(begin.saturating_sub(track.first_dts()).max(0)),
        });
        edits
    };
    tracks.iter().map(edits).collect()
}

/// The identity.
fn put_matrix(out: &mut Vec<u8>) {
    const MATRIX: [u32; 9] = [ONE, 0, 0, 0, ONE, 0, 0, 0, 0x4000_0000];
    for value in MATRIX {
        out.put_u32(value);
    }
}

fn write_movie_header(out: &mut Vec<u8>, duration: u64, tracks: u32) {
    write_full_box(out, *b"mvhd", 1, 0, |out| {
        out.put_u64(0);
        out.put_u64(0);
        out.put_u32(MOVIE_TIMESCALE);
        out.put_u64(duration);
        out.put_u32(ONE);
        out.put_u16(0x0100);
        out.put_bytes(0, 10);
        put_matrix(out);
        out.put_bytes(0, 24);
        out.put_u32(tracks.saturating_add(1));
    });
}

fn write_track_header(out: &mut Vec<u8>, id: u32, track: &Track, duration: u64, enabled: bool) {
    const ENABLED: u32 = 1;
    const IN_MOVIE: u32 = 2;
    let audio = track.stream.kind == TrackKind::Audio;
    write_full_box(
        out,
        *b"tkhd",
        1,
        if enabled { ENABLED | IN_MOVIE } else { IN_MOVIE },
        |out| {
            out.put_u64(0);
            out.put_u64(0);
            out.put_u32(id);
            out.put_u32(0);
            out.put_u64(duration);
            out.put_u64(0);
            out.put_u16(0);
            out.put_u16(alternate_group(track.stream.kind));
            out.put_u16(if audio { 0x0100 } else { 0 });
            out.put_u16(0);
            put_matrix(out);
            let (width, height) = track.display;
            out.put_u32(width << 16);
            out.put_u32(height << 16);
        },
    );
}

/// Tracks of one group are alternatives to each other (8.3.2.3): languages of sound, and of subtitles.
fn alternate_group(kind: TrackKind) -> u16 {
    match kind {
        TrackKind::Video => 0,
        TrackKind::Audio => 1,
        TrackKind::Subtitle => 2,
    }
}

fn write_edits(out: &mut Vec<u8>, edits: &[Edit]) {
    write_box(out, *b"edts", |out| {
        write_full_box(out, *b"elst", 1, 0, |out| {
            out.put_u32(u32::try_from(edits.len()).unwrap_or(0));
            for edit in edits {
                out.put_u64(edit.duration);
                out.put_i64(edit.media_time.unwrap_or(-1));
                out.put_u32(ONE);
            }
        });
    });
}

/// `tables` is None while fragments describe the samples.
fn write_media(out: &mut Vec<u8>, track: &Track, tables: Option<&SampleTables>) {
    let (handler, media_header): (_, fn(&mut Vec<u8>)) = match track.stream.kind {
        TrackKind::Video => (b"vide", |out| {
            write_full_box(out, *b"vmhd", 0, 1, |out| out.put_bytes(0, 8));
        }),
        TrackKind::Audio => (b"soun", |out| {
            write_full_box(out, *b"smhd", 0, 0, |out| out.put_bytes(0, 4));
        }),
        TrackKind::Subtitle => match track.entries.first().and_then(|entry| entry.get(4..8)) {
            // As QuickTime, iOS and ffmpeg have it for timed text.
            Some(b"tx3g") => (b"sbtl", |out| write_full_box(out, *b"nmhd", 0, 0, |_| {})),
            // 12.6: subtitles that are more than text.
            Some(b"stpp") => (b"subt", |out| write_full_box(out, *b"sthd", 0, 0, |_| {})),
            _ => (b"text", |out| write_full_box(out, *b"nmhd", 0, 0, |_| {})),
        },
    };
    write_box(out, *b"mdia", |out| {
        write_full_box(out, *b"mdhd", 1, 0, |out| {
            out.put_u64(0);
            out.put_u64(0);
            out.put_u32(track.timescale);
            out.put_u64(tables.map_or(0, SampleTables::duration));
            out.put_u16(language::packed(track.language.as_deref()));
            out.put_u16(0);
        });
        write_full_box(out, *b"hdlr", 0, 0, |out| {
            out.put_u32(0);
            out.put_slice(handler);
            out.put_bytes(0, 12);
            out.put_slice(name(track).as_bytes());
            out.put_u8(0);
        });
        if let Some(tag) = track.language.as_deref().and_then(language::tag) {
            write_full_box(out, *b"elng", 0, 0, |out| {
                out.put_slice(tag.as_bytes());
                out.put_u8(0);
            });
        }
        write_box(out, *b"minf", |out| {
            media_header(out);
            write_box(out, *b"dinf", |out| {
                write_full_box(out, *b"dref", 0, 0, |out| {
                    out.put_u32(1);
                    // The media is in this file.
                    write_full_box(out, *b"url ", 0, 1, |_| {});
                });
            });
            write_sample_table(out, track, tables);
        });
    });
}

/// What people call a track; often empty.
fn name(track: &Track) -> String {
    track.name.as_deref().unwrap_or_default().replace('\0', "")
}

/// What a track is called, and what it is for (8.10).
fn write_track_user_data(out: &mut Vec<u8>, track: &Track) {
    const DASH_ROLE: &[u8] = b"urn:mpeg:dash:role:2011\0";
    let name = name(track);
    if name.is_empty() && !track.forced {
        return;
    }
    write_box(out, *b"udta", |out| {
        if !name.is_empty() {
            // QuickTime's, whose text fills the box.
            write_box(out, *b"name", |out| out.put_slice(name.as_bytes()));
        }
        if track.forced {
            write_full_box(out, *b"kind", 0, 0, |out| {
                out.put_slice(DASH_ROLE);
                out.put_slice(b"forced-subtitle\0");
            });
        }
    });
}

fn write_sample_table(out: &mut Vec<u8>, track: &Track, tables: Option<&SampleTables>) {
    let write_stsd = |out: &mut Vec<u8>| {
        write_full_box(out, *b"stsd", 0, 0, |out| {
            out.put_u32(u32::try_from(track.entries.len()).unwrap_or(0));
            for entry in &track.entries {
                out.put_slice(entry);
            }
        });
    };
    match tables {
        Some(tables) => tables.write(out, write_stsd),
        None => SampleTables::default().write(out, write_stsd),
    }
}
