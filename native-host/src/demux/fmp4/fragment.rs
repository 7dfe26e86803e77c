//! Movie fragments: `moof` and what it says of `mdat` (ISO/IEC 14496-12, 8.8).

use std::ops::Range;

use bytes::Buf;

use super::encryption::{Reader, SampleEncryption};
use super::init::{Defaults, Init, Track};
use crate::decrypt::Subsample;
use crate::demux::DemuxError;
use crate::demux::bmff::{Box, boxes, find, full_box};

/// What the fragments of a segment hold.
#[derive(Debug, Default)]
pub(super) struct Fragments<'a> {
    pub(super) runs: Vec<Run<'a>>,
    /// Parts of encrypted samples.
    pub(super) subsamples: Vec<Subsample>,
    /// Samples of all runs.
    samples: usize,
}

/// Samples of a track that follow each other in time.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) track: &'a Track,
    /// Sample description index, from 1.
    pub(super) description: u32,
    /// Decode time of the first sample, in source ticks.
    pub(super) decode_time: i64,
    pub(super) samples: Vec<RunSample>,
}

/// A sample as a fragment describes it.
#[derive(Debug)]
pub(super) struct RunSample {
    pub(super) duration: u32,
    pub(super) composition_offset: i64,
    pub(super) sync: bool,
    /// Its bytes in the segment.
    pub(super) place: Range<usize>,
    /// None when it is clear.
    pub(super) encryption: Option<SampleEncryption>,
}

/// All fragments of a segment. `nexts` holds where each track goes on, for fragments without decode time.
pub(super) fn fragments<'a>(
    segment: &[u8],
    init: &'a Init,
    nexts: &mut Vec<(u32, i64)>,
) -> Result<Fragments<'a>, DemuxError> {
    let mut fragments = Fragments::default();
    let mut offset = 0;
    for found in boxes(segment) {
        if found.kind == *b"moof" {
            fragment(segment, offset, found, init, nexts, &mut fragments)?;
        }
        offset += found.whole.len();
    }
    if offset < segment.len() {
        return Err(DemuxError::Cut(segment.len()));
    }
    Ok(fragments)
}

fn fragment<'a>(
    segment: &[u8],
    moof_offset: usize,
    moof: Box<'_>,
    init: &'a Init,
    nexts: &mut Vec<(u32, i64)>,
    fragments: &mut Fragments<'a>,
) -> Result<(), DemuxError> {
    let malformed = || DemuxError::Malformed("a movie fragment (moof) contradicts itself".to_owned());
    // Without any other word data follows that of the track fragment before, and the first begins with the moof.
    let mut implied_base = moof_offset;
    // From what the first explicit base of this fragment says to where it is in the segment.
    let mut explicit_shift: Option<isize> = None;
    for traf in boxes(moof.content).filter(|found| found.kind == *b"traf") {
        let mut inner = boxes(traf.content);
        let header = inner
            .find(|found| found.kind == *b"tfhd")
            .and_then(|tfhd| Header::parse(tfhd.content));
        let header = header.ok_or_else(malformed)?;
        let Some(track) = init.tracks.iter().find(|track| track.id == header.track) else {
            continue;
        };
        let defaults = header.defaults(track.defaults);
        let base = match header.base {
            Base::Moof => moof_offset,
            Base::Implied => implied_base,
            Base::Explicit(base) => {
                let shift = *explicit_shift
                    .get_or_insert_with(|| explicit_shift_of(segment, base, moof_offset, traf.content));
                base.and_then(|base| base.checked_add_signed(shift))
                    .unwrap_or(moof_offset)
            }
        };
        let tfdt = boxes(traf.content).find(|found| found.kind == *b"tfdt");
        let next = nexts
            .iter()
            .find(|(id, _)| *id == track.id)
            .map_or(0, |&(_, next)| next);
        let mut decode_time = tfdt.and_then(|tfdt| decode_time(tfdt.content)).unwrap_or(next);
        let mut data_offset = base;
        // A description that does not exist is an error once a sample has it.
        let protection = track.protection(defaults.description).unwrap_or_default();
        let groups = &track.encryption_groups;
        let mut encryption = protection
            .map(|protection| Reader::new(segment, base, traf.content, protection, groups))
            .transpose()?;
        let truns = boxes(traf.content).filter(|found| found.kind == *b"trun");
        for (number, trun) in truns.enumerate() {
            // Those without bytes and fields of their own would cost nothing to announce, in one run or in many.
            let most = segment.len() - fragments.samples;
            let mut samples = samples(
                segment.len(),
                trun.content,
                base,
                &mut data_offset,
                defaults,
                most,
            )
            .ok_or_else(malformed)?;
            fragments.samples += samples.len();
            if let Some(reader) = &mut encryption {
                reader.begin_run(number)?;
                for sample in &mut samples {
                    sample.encryption = reader.next(&mut fragments.subsamples)?;
                }
            }
            let duration: i64 = samples.iter().map(|sample| i64::from(sample.duration)).sum();
            if !samples.is_empty() {
                fragments.runs.push(Run {
                    track,
                    description: defaults.description,
                    decode_time,
                    samples,
                });
            }
            decode_time = decode_time.checked_add(duration).ok_or_else(malformed)?;
        }
        implied_base = data_offset;
        nexts.retain(|(id, _)| *id != track.id);
        nexts.push((track.id, decode_time));
    }
    Ok(())
}

/// What to add to an explicit base to find it in the segment. It counts from the beginning of the resource, which the segment is not when
/// it is a range of bytes of it. Muxers write the offset of the `moof`, so that the data of the first run is that of an
/// `mdat`: the interpretation under which this holds is right.
fn explicit_shift_of(segment: &[u8], base: Option<usize>, moof_offset: usize, traf: &[u8]) -> isize {
    let data_offset = find(traf, b"trun").and_then(first_data_offset).unwrap_or(0);
    let mut offset = 0;
    let mdat_contents: Vec<usize> = boxes(segment)
        .filter_map(|found| {
            offset += found.whole.len();
            (found.kind == *b"mdat").then_some(offset - found.content.len())
        })
        .collect();
    let fits = |base: usize| {
        base.checked_add_signed(data_offset)
            .is_some_and(|begin| mdat_contents.contains(&begin))
    };
    match base {
        Some(base) if base < segment.len() && (fits(base) || !fits(moof_offset)) => 0,
        Some(base) => {
            let signed = |place: usize| isize::try_from(place).unwrap_or(isize::MAX);
            signed(moof_offset) - signed(base)
        }
        None => 0,
    }
}

/// `data_offset` of a `trun`, where it has one.
fn first_data_offset(trun: &[u8]) -> Option<isize> {
    let (_, present, mut rest) = full_box(trun)?;
    rest.try_get_u32().ok()?;
    let offset = rest.try_get_i32().ok().filter(|_| present & 0x1 != 0)?;
    isize::try_from(offset).ok()
}

/// `tfhd` (8.8.7).
#[derive(Debug)]
struct Header {
    track: u32,
    base: Base,
    description: Option<u32>,
    duration: Option<u32>,
    size: Option<u32>,
    flags: Option<u32>,
}

/// What data offsets count from.
#[derive(Debug)]
enum Base {
    Moof,
    Implied,
    /// None: beyond what can be addressed.
    Explicit(Option<usize>),
}

impl Header {
    fn parse(tfhd: &[u8]) -> Option<Self> {
        let (_, present, mut rest) = full_box(tfhd)?;
        let track = rest.try_get_u32().ok()?;
        let base = match present {
            flags if flags & 0x1 != 0 => Base::Explicit(usize::try_from(rest.try_get_u64().ok()?).ok()),
            flags if flags & 0x02_0000 != 0 => Base::Moof,
            _ => Base::Implied,
        };
        let mut optional = |flag: u32| {
            if present & flag == 0 {
                Some(None)
            } else {
                rest.try_get_u32().ok().map(Some)
            }
        };
        Some(Self {
            track,
            base,
            description: optional(0x02)?,
            duration: optional(0x08)?,
            size: optional(0x10)?,
            flags: optional(0x20)?,
        })
    }

    fn defaults(&self, of_track: Defaults) -> Defaults {
        Defaults {
            description: self.description.unwrap_or(of_track.description),
            duration: self.duration.unwrap_or(of_track.duration),
            size: self.size.unwrap_or(of_track.size),
            flags: self.flags.unwrap_or(of_track.flags),
        }
    }
}

/// `baseMediaDecodeTime` (8.8.12).
fn decode_time(tfdt: &[u8]) -> Option<i64> {
    let (version, _, mut rest) = full_box(tfdt)?;
    match version {
        0 => rest.try_get_u32().ok().map(i64::from),
        _ => i64::try_from(rest.try_get_u64().ok()?).ok(),
    }
}

/// The samples of a `trun` (8.8.8), at most `most`; `data_offset` goes on behind their data.
fn samples(
    segment_bytes: usize,
    trun: &[u8],
    base: usize,
    data_offset: &mut usize,
    defaults: Defaults,
    most: usize,
) -> Option<Vec<RunSample>> {
    let (version, present, mut rest) = full_box(trun)?;
    let has = |flag: u32| present & flag != 0;
    let count = rest.try_get_u32().ok()?;
    if usize::try_from(count).is_ok_and(|count| count > most) {
        return None;
    }
    if has(0x1) {
        let offset = isize::try_from(rest.try_get_i32().ok()?).ok()?;
        *data_offset = base.checked_add_signed(offset)?;
    }
    let first_flags = if has(0x4) {
        Some(rest.try_get_u32().ok()?)
    } else {
        None
    };
    let mut samples = Vec::new();
    for index in 0..count {
        let mut optional = |flag: u32, default: u32| {
            if has(flag) {
                rest.try_get_u32().ok()
            } else {
                Some(default)
            }
        };
        let duration = optional(0x100, defaults.duration)?;
        let size = usize::try_from(optional(0x200, defaults.size)?).ok()?;
        let flags = optional(
            0x400,
            first_flags.filter(|_| index == 0).unwrap_or(defaults.flags),
        )?;
        let offset = optional(0x800, 0)?;
        let composition_offset = if version == 0 {
            i64::from(offset)
        } else {
            i64::from(offset.cast_signed())
        };
        let end = data_offset.checked_add(size)?;
        if end > segment_bytes {
            return None;
        }
        let place = *data_offset..end;
        *data_offset = end;
        samples.push(RunSample {
            duration,
            composition_offset,
            sync: is_sync(flags),
            place,
            encryption: None,
        });
    }
    Some(samples)
}

/// Neither "is not a sync sample" nor "depends on others" (8.8.3.1).
fn is_sync(flags: u32) -> bool {
    const IS_NON_SYNC: u32 = 0x0001_0000;
    const DEPENDS_ON_OTHERS: u32 = 0x0100_0000;
    flags & (IS_NON_SYNC | DEPENDS_ON_OTHERS) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demux::bmff::{write_box, write_full_box};
    use bytes::BufMut;

    /// The initialization section of one track, with this number.
    fn init(track: u32) -> Init {
        let mut moov = Vec::new();
        write_full_box(&mut moov, *b"mvhd", 0, 0, |out| {
            out.put_slice(&[0, 0, 0, 1].repeat(3));
        });
        write_box(&mut moov, *b"trak", |out| {
            write_full_box(out, *b"tkhd", 0, 0, |out| {
                out.put_slice(&[0; 8]);
                out.put_u32(track);
                out.put_bytes(0, 68);
            });
            write_box(out, *b"mdia", |out| {
                write_full_box(out, *b"mdhd", 0, 0, |out| out.put_slice(&[0, 0, 0, 1].repeat(3)));
                write_full_box(out, *b"hdlr", 0, 0, |out| out.put_slice(b"\0\0\0\0soun"));
                write_box(out, *b"minf", |out| {
                    write_box(out, *b"stbl", |out| {
                        write_full_box(out, *b"stsd", 0, 0, |out| out.put_u32(0));
                    });
                });
            });
        });
        Init::parse(&moov).unwrap()
    }

    /// A fragment that announces `samples` samples without bytes, `runs` times.
    fn segment(runs: usize, samples: u32) -> Vec<u8> {
        let mut segment = Vec::new();
        write_box(&mut segment, *b"moof", |out| {
            write_box(out, *b"traf", |out| {
                write_full_box(out, *b"tfhd", 0, 0, |out| out.put_u32(7));
                for _ in 0..runs {
                    write_full_box(out, *b"trun", 0, 0, |out| out.put_u32(samples));
                }
            });
        });
        segment
    }

    /// A segment of 64 KB could announce samples for 14 GB of memory.
    #[test]
    fn samples_are_no_more_than_bytes() {
        let init = init(7);
        let count = |segment: &[u8]| {
            let fragments = fragments(segment, &init, &mut Vec::new())?;
            Ok(fragments.runs.iter().map(|run| run.samples.len()).sum())
        };
        let (few, one, many) = (segment(10, 3), segment(1, 1_000), segment(1_000, 1_000));
        assert_eq!(count(&few), Ok(30));
        let contradiction = DemuxError::Malformed("a movie fragment (moof) contradicts itself".to_owned());
        assert_eq!(count(&one), Err(contradiction.clone()));
        assert!(many.len() > 1_000, "each run alone would do");
        assert_eq!(count(&many), Err(contradiction));
    }
}
