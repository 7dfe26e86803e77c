//! What an output has taken in, in its order, without the data of samples that are in the file: with the file it is enough
//! to write the same again, and something else between ([`super::replay`]).
//!
//! A block has its time in milliseconds and no decode time, so the blocks alone would not be enough.

use std::mem::take;

use serde::{Deserialize, Serialize};

use super::MergeError;
use crate::demux::{Format, Sample, StreamId};
use crate::merge::interleave::Expectation;

/// One thing that was taken in.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Taken {
    /// A stream of one of the plan's tracks is coded like this from here on.
    Format(usize, StreamId, Format),
    /// Samples of a track of the file; the first is decoded then.
    Samples(usize, i64, Vec<Row>),
    /// One of a track of text: what is in the file is not what came.
    Text(usize, Sample),
    /// Here a batch of the plan's track ended, and of these tracks all had come.
    Batch(usize, Vec<bool>),
    /// A segment of the main track, for chapters: [`super::Chapters::reach`].
    Segment(u64, Option<i64>),
}

/// A sample, but for its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    /// From where the one before ends.
    distance: i64,
    /// Presentation time minus decoding time.
    offset: i64,
    duration: u32,
    sync: bool,
    bytes: u64,
}

impl Row {
    /// The samples of rows; `data` has that of the next, which has so many bytes.
    pub(super) fn samples(
        mut dts: i64,
        rows: &[Self],
        mut data: impl FnMut(u64) -> Result<bytes::Bytes, MergeError>,
    ) -> Result<Vec<Sample>, MergeError> {
        let sample = |row: &Self| {
            dts = dts.saturating_add(row.distance);
            let sample = Sample {
                dts,
                pts: dts.saturating_add(row.offset),
                duration: row.duration,
                sync: row.sync,
                data: data(row.bytes)?,
            };
            dts = dts.saturating_add(i64::from(row.duration));
            Ok(sample)
        };
        rows.iter().map(sample).collect()
    }

    /// Decode times and sizes.
    pub(super) fn times(mut dts: i64, rows: &[Self]) -> impl Iterator<Item = (i64, u64)> {
        rows.iter().map(move |row| {
            let begin = dts.saturating_add(row.distance);
            dts = begin.saturating_add(i64::from(row.duration));
            (begin, row.bytes)
        })
    }
}

/// Writes down what is taken in, where points are saved.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Log {
    /// What is not saved yet; None where nothing is to be.
    #[serde(skip)]
    new: Option<Vec<u8>>,
    /// Bytes that were written in all.
    length: u64,
    /// Those of the last batch.
    ended: Vec<bool>,
    /// Of the batch that comes in.
    #[serde(skip)]
    open: Vec<Run>,
}

/// Samples of a track that come behind each other.
#[derive(Debug)]
struct Run {
    track: usize,
    first: i64,
    end: i64,
    rows: Vec<Row>,
}

impl Log {
    /// It is kept from here on, `new` being what is not saved yet.
    pub(super) fn keep(&mut self, new: Vec<u8>) {
        self.new = Some(new);
    }

    pub(super) fn is_kept(&self) -> bool {
        self.new.is_some()
    }

    /// How long it is until here.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What was written since the last call.
    pub(super) fn take_new(&mut self) -> Vec<u8> {
        self.new.as_mut().map(take).unwrap_or_default()
    }

    pub(super) fn write(&mut self, taken: &Taken) -> Result<(), MergeError> {
        self.write_runs()?;
        self.put(taken)
    }

    pub(super) fn sample(&mut self, track: usize, sample: &Sample) {
        if self.new.is_none() {
            return;
        }
        let index = self.open.iter().position(|run| run.track == track);
        let index = index.unwrap_or_else(|| {
            self.open.push(Run {
                track,
                first: sample.dts,
                end: sample.dts,
                rows: Vec::new(),
            });
            self.open.len() - 1
        });
        if let Some(run) = self.open.get_mut(index) {
            run.rows.push(Row {
                distance: sample.dts.saturating_sub(run.end),
                offset: sample.pts.saturating_sub(sample.dts),
                duration: sample.duration,
                sync: sample.sync,
                bytes: sample.data.len() as u64,
            });
            run.end = sample.dts.saturating_add(i64::from(sample.duration));
        }
    }

    /// A batch is over. One that changes nothing is none.
    pub(super) fn end_batch(&mut self, input: usize, inputs: &[Expectation]) -> Result<(), MergeError> {
        if self.new.is_none() {
            return Ok(());
        }
        let ended: Vec<bool> = inputs.iter().map(|input| input.ended).collect();
        let before = self.length;
        self.write_runs()?;
        if self.length > before || self.ended != ended {
            self.put(&Taken::Batch(input, ended.clone()))?;
            self.ended = ended;
        }
        Ok(())
    }

    fn write_runs(&mut self) -> Result<(), MergeError> {
        for run in take(&mut self.open) {
            self.put(&Taken::Samples(run.track, run.first, run.rows))?;
        }
        Ok(())
    }

    fn put(&mut self, taken: &Taken) -> Result<(), MergeError> {
        if let Some(new) = &mut self.new {
            let before = new.len();
            *new = postcard::to_extend(taken, take(new)).map_err(MergeError::Point)?;
            self.length += (new.len() - before) as u64;
        }
        Ok(())
    }
}

/// Reads what was written down.
#[derive(Debug, Clone)]
pub(super) struct Read<'a>(pub(super) &'a [u8]);

impl Iterator for Read<'_> {
    type Item = Result<Taken, MergeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let read = postcard::take_from_bytes(self.0).map_err(MergeError::Point);
        let read = read.map(|(taken, rest)| {
            self.0 = rest;
            taken
        });
        if read.is_err() {
            self.0 = &[];
        }
        Some(read)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn sample(dts: i64, duration: u32, bytes: &'static [u8]) -> Sample {
        Sample {
            dts,
            pts: dts + 7,
            duration,
            sync: dts % 2 == 0,
            data: Bytes::from_static(bytes),
        }
    }

    /// Two tracks in one batch, with holes and overlaps in their times.
    #[test]
    fn samples_are_read_as_they_came() {
        let mut log = Log::default();
        log.keep(Vec::new());
        let came = [
            sample(10, 5, b"a"),
            sample(15, 5, b"bc"),
            sample(40, 3, b""),
            sample(41, 0, b"d"),
        ];
        for sample in &came {
            log.sample(1, sample);
            log.sample(0, sample);
        }
        log.end_batch(1, &[]).unwrap();
        log.end_batch(1, &[]).unwrap();
        let written = log.take_new();
        assert_eq!(log.length(), written.len() as u64);
        let read: Vec<Taken> = Read(&written).map(Result::unwrap).collect();
        let [
            Taken::Samples(1, first, rows),
            Taken::Samples(0, ..),
            Taken::Batch(1, _),
        ] = &read[..]
        else {
            panic!("{read:?}");
        };
        let mut data = came.iter().map(|sample| sample.data.clone());
        let samples = Row::samples(*first, rows, |bytes| {
            let data = data.next().unwrap();
            assert_eq!(data.len() as u64, bytes);
            Ok(data)
        });
        assert_eq!(samples.unwrap(), came);
        let times = came.iter().map(|sample| (sample.dts, sample.data.len() as u64));
        assert!(Row::times(*first, rows).eq(times));
    }

    #[test]
    fn what_is_cut_short_is_an_error_and_the_end() {
        let written = postcard::to_stdvec(&Taken::Segment(300, Some(-5))).unwrap();
        let mut read = Read(&written[..written.len() - 1]);
        assert!(read.next().unwrap().is_err());
        assert!(read.next().is_none());
    }
}
