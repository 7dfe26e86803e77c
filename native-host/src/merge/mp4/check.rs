//! Reads the finished file's own index back: what players will see is what was handed over.

use std::fs::File;
use std::path::Path;

use bytes::Buf;
use weir_core::protocol::TrackKind;

use crate::demux::bmff::{self, FourCc, find, find_path, full_box};
use crate::demux::seconds;
use crate::merge::MergeError;
use crate::merge::check::{failed, read_at};
use crate::merge::external::Contents;

/// Checks that the file is a chain of whole boxes and that its tables account for every sample and every byte of them,
/// all within the `mdat`.
pub(super) fn check(file: &File, length: u64, samples: u64, sample_bytes: u64) -> Result<(), MergeError> {
    let top = top_level_boxes(file, length)?;
    let position = |kind: &FourCc| top.iter().find(|found| found.kind == *kind);
    let (Some(moov), Some(mdat)) = (position(b"moov"), position(b"mdat")) else {
        return Err(failed("it has no moov or no mdat box"));
    };
    let content = read_at(file, moov.offset, moov.size)?;
    let moov = find(&content, b"moov").ok_or_else(|| failed("its moov box is damaged"))?;
    let mut found = Counts::default();
    for trak in bmff::boxes(moov).filter(|found| found.kind == *b"trak") {
        let stbl = find_path(trak.content, &[b"mdia", b"minf", b"stbl"]);
        let counts = stbl
            .and_then(|stbl| count(stbl, mdat))
            .ok_or_else(|| failed("a track's tables contradict each other"))?;
        found.samples += counts.samples;
        found.bytes += counts.bytes;
    }
    if (found.samples, found.bytes) == (samples, sample_bytes) {
        Ok(())
    } else {
        let Counts {
            samples: listed,
            bytes,
        } = found;
        Err(failed(&format!(
            "its tables list {listed} samples of {bytes} bytes instead of {samples} of {sample_bytes}"
        )))
    }
}

/// What is in a file that another program wrote; None when it cannot be read.
pub(in crate::merge) fn contents(path: &Path) -> Option<Contents> {
    let file = File::open(path).ok()?;
    let top = top_level_boxes(&file, file.metadata().ok()?.len()).ok()?;
    let place = top.iter().find(|found| found.kind == *b"moov")?;
    let moov = read_at(&file, place.offset, place.size).ok()?;
    let moov = find(&moov, b"moov")?;
    let (version, _, mut header) = full_box(find(moov, b"mvhd")?)?;
    header.split_off(..if version == 1 { 16 } else { 8 })?;
    let timescale = header.try_get_u32().ok()?;
    let duration = match version {
        1 => header.try_get_i64().ok()?,
        _ => i64::from(header.try_get_u32().ok()?),
    };
    let mut contents = Contents {
        seconds: seconds(duration, timescale),
        ..Contents::default()
    };
    for trak in bmff::boxes(moov).filter(|found| found.kind == *b"trak") {
        let (_, _, handler) = full_box(find_path(trak.content, &[b"mdia", b"hdlr"])?)?;
        let kind = match handler.get(4..8)? {
            b"vide" => TrackKind::Video,
            b"soun" => TrackKind::Audio,
            _ => continue,
        };
        let (_, _, sizes) = full_box(find_path(trak.content, &[b"mdia", b"minf", b"stbl", b"stsz"])?)?;
        if sizes.get(4..)?.try_get_u32().ok()? > 0 {
            contents.kinds.push(kind);
        }
    }
    Some(contents)
}

#[derive(Debug, Default)]
struct Counts {
    samples: u64,
    bytes: u64,
}

#[derive(Debug)]
struct TopLevelBox {
    kind: FourCc,
    offset: u64,
    size: u64,
}

fn top_level_boxes(file: &File, length: u64) -> Result<Vec<TopLevelBox>, MergeError> {
    let mut found = Vec::new();
    let mut offset = 0;
    while offset < length {
        let header = read_at(file, offset, 16.min(length - offset))?;
        let mut rest = &header[..];
        let (size, kind) = (
            rest.try_get_u32(),
            rest.split_off(..4).and_then(|kind| kind.first_chunk().copied()),
        );
        let size = match size {
            Ok(1) => rest.try_get_u64().unwrap_or(0),
            Ok(size) => u64::from(size),
            Err(_) => 0,
        };
        let whole = size >= 8 && size <= length - offset;
        let kind = kind
            .filter(|_| whole)
            .ok_or_else(|| failed(&format!("there is no whole box at byte {offset}")))?;
        found.push(TopLevelBox { kind, offset, size });
        offset += size;
    }
    Ok(found)
}

/// What the tables of a track say; None when they do not agree.
fn count(stbl: &[u8], mdat: &TopLevelBox) -> Option<Counts> {
    let table = |kind: &FourCc| full_box(find(stbl, kind)?).map(|(_, _, rest)| rest);
    let mut sizes = table(b"stsz")?.get(4..)?;
    let samples = sizes.try_get_u32().ok()?;
    let timed = run_total(table(b"stts")?)?;
    let offsets_agree = match table(b"ctts") {
        Some(ctts) => run_total(ctts)? == u64::from(samples),
        None => true,
    };
    let mut chunks = Chunks::new(
        table(b"stsc")?,
        table(b"stco")
            .map(|stco| (stco, 4))
            .or(table(b"co64").map(|co64| (co64, 8)))?,
    )?;
    let mut counts = Counts::default();
    while let Some((offset, of_chunk)) = chunks.next() {
        let mut bytes = 0;
        for _ in 0..of_chunk {
            bytes += u64::from(sizes.try_get_u32().ok()?);
        }
        let inside = offset >= mdat.offset && offset.checked_add(bytes)? <= mdat.offset + mdat.size;
        if !inside {
            return None;
        }
        counts.samples += u64::from(of_chunk);
        counts.bytes += bytes;
    }
    (timed == u64::from(samples) && offsets_agree && counts.samples == u64::from(samples) && sizes.is_empty())
        .then_some(counts)
}

/// Sum of the counts of `stts` and `ctts`, which are lists of count and value.
fn run_total(mut table: &[u8]) -> Option<u64> {
    let entries = table.try_get_u32().ok()?;
    let mut total = 0;
    for _ in 0..entries {
        total += u64::from(table.try_get_u32().ok()?);
        table.try_get_u32().ok()?;
    }
    table.is_empty().then_some(total)
}

/// Offset and number of samples of each chunk.
struct Chunks<'a> {
    runs: &'a [u8],
    offsets: &'a [u8],
    offset_bytes: usize,
    number: u32,
    samples: u32,
}

impl<'a> Chunks<'a> {
    fn new(mut runs: &'a [u8], (mut offsets, offset_bytes): (&'a [u8], usize)) -> Option<Self> {
        runs.try_get_u32().ok()?;
        offsets.try_get_u32().ok()?;
        Some(Self {
            runs,
            offsets,
            offset_bytes,
            number: 0,
            samples: 0,
        })
    }

    fn next(&mut self) -> Option<(u64, u32)> {
        let offset = self.offsets.try_get_uint(self.offset_bytes).ok()?;
        self.number += 1;
        let mut run = self.runs;
        if run.try_get_u32() == Ok(self.number) {
            self.samples = run.try_get_u32().ok()?;
            run.try_get_u32().ok()?;
            self.runs = run;
        }
        Some((offset, self.samples))
    }
}
