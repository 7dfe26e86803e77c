//! Sample tables (ISO/IEC 14496-12, 8.6 and 8.7), kept the way they are written: 4 bytes a sample for its size, and
//! runs for all that repeats.

use bytes::BufMut;
use serde::{Deserialize, Serialize};

use crate::demux::bmff::{write_box, write_full_box};
use crate::merge::track::Entry;

/// The tables of a track.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SampleTables {
    sizes: Vec<u32>,
    durations: Runs<u32>,
    composition_offsets: Runs<i32>,
    /// Numbers, from 1, of the samples that decoding can start at; None while it can start at all, as it can in sound.
    sync_samples: Option<Vec<u32>>,
    chunk_offsets: Vec<u64>,
    /// First chunk, from 1; samples of each; sample description index.
    chunk_runs: Vec<(u32, u32, u32)>,
    duration: u64,
}

/// A sample as the tables know it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Row {
    /// Decode time, in the track's ticks.
    pub(super) dts: i64,
    /// Where it lies in the file.
    pub(super) offset: u64,
    pub(super) description: u32,
    pub(super) entry: Entry,
}

/// Equal values that follow each other.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Runs<T>(Vec<(u32, T)>);

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> Runs<T> {
    pub(super) fn push(&mut self, value: T) {
        match self.0.last_mut() {
            Some((count, last)) if *last == value => *count += 1,
            _ => self.0.push((1, value)),
        }
    }
}

impl<T: Copy> Runs<T> {
    pub(super) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        let run = |&(count, value): &(u32, T)| std::iter::repeat_n(value, count as usize);
        self.0.iter().flat_map(run)
    }
}

impl SampleTables {
    /// Adds samples that lie behind each other from `offset` of the file on.
    pub(super) fn add_chunk(
        &mut self,
        offset: u64,
        description: u32,
        samples: impl IntoIterator<Item = Entry>,
    ) {
        let before = self.sizes.len();
        for sample in samples {
            self.sizes.push(sample.size);
            self.durations.push(sample.duration);
            self.composition_offsets.push(sample.composition_offset);
            self.duration += u64::from(sample.duration);
            let number = number(self.sizes.len());
            match &mut self.sync_samples {
                Some(numbers) if sample.sync => numbers.push(number),
                None if !sample.sync => self.sync_samples = Some((1..number).collect()),
                _ => {}
            }
        }
        let count = number(self.sizes.len() - before);
        if count == 0 {
            return;
        }
        self.chunk_offsets.push(offset);
        if self
            .chunk_runs
            .last()
            .is_none_or(|&(_, samples, known)| (samples, known) != (count, description))
        {
            self.chunk_runs
                .push((number(self.chunk_offsets.len()), count, description));
        }
    }

    /// The samples one by one; the first is decoded at this time.
    pub(super) fn rows(&self, first_dts: i64) -> Vec<Row> {
        let runs = self.chunk_runs.iter();
        let next = self.chunk_runs.iter().skip(1).map(|&(first, ..)| first as usize);
        let ends = next.chain([self.chunk_offsets.len() + 1]);
        let chunks = runs.zip(ends).flat_map(|(&(first, samples, description), end)| {
            std::iter::repeat_n((samples, description), end.saturating_sub(first as usize))
        });
        let places = chunks
            .zip(&self.chunk_offsets)
            .flat_map(|((samples, description), &offset)| {
                (0..samples).map(move |index| (index == 0, offset, description))
            });
        let (mut dts, mut behind) = (first_dts, 0);
        let mut sync = self
            .sync_samples
            .as_ref()
            .map(|numbers| numbers.iter().peekable());
        let samples = self.sizes.iter().zip(self.durations.iter());
        let samples = samples.zip(self.composition_offsets.iter()).zip(places);
        let row = |(number, (((&size, duration), composition_offset), (begins, chunk, description)))| {
            let offset = if begins { chunk } else { behind };
            let row = Row {
                dts,
                offset,
                description,
                entry: Entry {
                    size,
                    duration,
                    composition_offset,
                    sync: sync
                        .as_mut()
                        .is_none_or(|sync| sync.next_if(|&&sample| sample == number).is_some()),
                },
            };
            behind = offset + u64::from(size);
            dts = dts.saturating_add(i64::from(duration));
            row
        };
        (1..).zip(samples).map(row).collect()
    }

    /// The tables of these samples.
    pub(super) fn of(rows: &[Row]) -> Self {
        let mut tables = Self::default();
        let goes_on = |a: &Row, b: &Row| {
            (a.offset + u64::from(a.entry.size), a.description) == (b.offset, b.description)
        };
        for chunk in rows.chunk_by(goes_on) {
            if let Some(first) = chunk.first() {
                tables.add_chunk(first.offset, first.description, chunk.iter().map(|row| row.entry));
            }
        }
        tables
    }

    /// Sum of the durations, in ticks.
    pub(super) fn duration(&self) -> u64 {
        self.duration
    }

    /// The `stbl` box, with these sample entries.
    pub(super) fn write(&self, out: &mut Vec<u8>, write_stsd: impl FnOnce(&mut Vec<u8>)) {
        write_box(out, *b"stbl", |out| {
            write_stsd(out);
            write_full_box(out, *b"stts", 0, 0, |out| {
                put_count(out, self.durations.0.len());
                for &(count, duration) in &self.durations.0 {
                    out.put_u32(count);
                    out.put_u32(duration);
                }
            });
            if self.composition_offsets.0.iter().any(|&(_, offset)| offset != 0) {
                // Version 1: signed.
                write_full_box(out, *b"ctts", 1, 0, |out| {
                    put_count(out, self.composition_offsets.0.len());
                    for &(count, offset) in &self.composition_offsets.0 {
                        out.put_u32(count);
                        out.put_i32(offset);
                    }
                });
            }
            // Without the box every sample is one.
            if let Some(sync_samples) = &self.sync_samples {
                write_full_box(out, *b"stss", 0, 0, |out| {
                    put_count(out, sync_samples.len());
                    for &sample in sync_samples {
                        out.put_u32(sample);
                    }
                });
            }
            write_full_box(out, *b"stsc", 0, 0, |out| {
                put_count(out, self.chunk_runs.len());
                for &(first, samples, description) in &self.chunk_runs {
                    out.put_u32(first);
                    out.put_u32(samples);
                    out.put_u32(description);
                }
            });
            write_full_box(out, *b"stsz", 0, 0, |out| {
                out.put_u32(0);
                put_count(out, self.sizes.len());
                for &size in &self.sizes {
                    out.put_u32(size);
                }
            });
            self.write_chunk_offsets(out);
        });
    }

    fn write_chunk_offsets(&self, out: &mut Vec<u8>) {
        let last = self.chunk_offsets.last().copied().unwrap_or(0);
        if u32::try_from(last).is_ok() {
            write_full_box(out, *b"stco", 0, 0, |out| {
                put_count(out, self.chunk_offsets.len());
                for &offset in &self.chunk_offsets {
                    out.put_u32(u32::try_from(offset).unwrap_or(0));
                }
            });
        } else {
            write_full_box(out, *b"co64", 0, 0, |out| {
                put_count(out, self.chunk_offsets.len());
                for &offset in &self.chunk_offsets {
                    out.put_u64(offset);
                }
            });
        }
    }
}

/// Tables count in 32 bits: 2.2 years of video at 60 frames a second.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.put_u32(number(count));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At the worst moment, when all lists have just grown, for video with B-frames and a key frame every two seconds.
    #[test]
    fn a_sample_costs_32_bytes_at_most() {
        let mut tables = SampleTables::default();
        let samples: u32 = (1 << 20) + 1;
        for first in (0..samples).step_by(25) {
            let entry = |number: u32| Entry {
                size: number,
                duration: 3_600,
                composition_offset: i32::try_from(number % 4).unwrap() * 3_600,
                sync: number.is_multiple_of(50),
            };
            tables.add_chunk(u64::from(first), 1, (first..samples.min(first + 25)).map(entry));
        }
        let bytes = tables.sizes.capacity() * size_of::<u32>()
            + tables.durations.0.capacity() * size_of::<(u32, u32)>()
            + tables.composition_offsets.0.capacity() * size_of::<(u32, i32)>()
            + tables.sync_samples.as_ref().map_or(0, Vec::capacity) * size_of::<u32>()
            + tables.chunk_offsets.capacity() * size_of::<u64>()
            + tables.chunk_runs.capacity() * size_of::<(u32, u32, u32)>();
        assert_eq!(tables.sizes.len(), samples as usize);
        assert!(
            bytes <= 32 * samples as usize,
            "{bytes} bytes for {samples} samples"
        );
    }
}
