//! Segments that were missing, put into a file that was finished without them: `weir repair`.
//!
//! Where a hole begins, the merger is kept as it was ([`Mp4Merger::hole`]): the readers' leftovers, the timeline, the
//! samples that waited. From there the segments are demuxed as they would have been. Their samples are written behind the
//! media, and the tables list them where they belong.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::tables::{Row, SampleTables};
use super::{Mp4Merger, take_in, track};
use crate::demux::Demuxed;
use crate::merge::inputs::{Inputs, Sink};
use crate::merge::interleave::Expectation;
use crate::merge::track::{Track, Until};
use crate::merge::{MergeError, SegmentInput, TrackHint};

/// A hole that is being filled: the merger where it begins, and what has come out of its segments.
#[derive(Debug)]
pub(in crate::merge) struct Filling {
    /// The plan's track.
    input: usize,
    inputs: Inputs,
    tracks: Tracks,
    /// By track: samples of before the hole that are in the file, and still to come out of the track.
    in_file: Vec<usize>,
    rows: Vec<Vec<Row>>,
    /// By track: how many of the rows are of the hole, where what is behind it has come too.
    own: Option<Vec<usize>>,
}

/// What a hole was filled with: samples that are in the file, for the tables.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Patch(Vec<Patched>);

/// The samples of a track.
#[derive(Debug, Serialize, Deserialize)]
struct Patched {
    /// As it was when the hole was filled, without samples.
    track: Track,
    rows: Vec<Row>,
    /// How many of them are of the hole: what follows may be of the segment behind it.
    own: usize,
}

/// Takes samples in, and writes none.
#[derive(Debug)]
struct Tracks {
    all: Vec<Track>,
}

impl Sink for Tracks {
    fn tracks(&self) -> &[Track] {
        &self.all
    }

    /// They know where they begin already.
    fn reach(&mut self, _: u64, _: Option<i64>) -> Result<(), MergeError> {
        Ok(())
    }

    fn take(
        &mut self,
        input: usize,
        hint: &TrackHint,
        batch: Vec<Demuxed>,
        _: &[Expectation],
    ) -> Result<(), MergeError> {
        take_in(&mut self.all, input, hint, batch);
        Ok(())
    }
}

impl Filling {
    /// Begins to fill a hole of the plan's track `input`, with the merger as it was there.
    pub(in crate::merge) fn begin(hole: Mp4Merger, input: usize) -> Self {
        let Mp4Merger { inputs, output, .. } = hole;
        Self {
            input,
            inputs,
            in_file: output.tracks.iter().map(Track::queued_samples).collect(),
            rows: Vec::new(),
            own: None,
            tracks: Tracks { all: output.tracks },
        }
    }

    /// What comes from now on began in the hole, or is behind it.
    pub(in crate::merge) fn end_here(&mut self) {
        let tracks = self.tracks.all.iter().zip(&self.in_file).zip(&self.rows);
        let own = |((track, in_file), rows): ((&Track, &usize), &Vec<Row>)| {
            (rows.len() + track.queued_samples()).saturating_sub(*in_file)
        };
        self.own = Some(tracks.map(own).collect());
    }

    /// Writes what has come of the plan's track to the end of the file.
    fn write(&mut self, until: Until, merger: &mut Mp4Merger) -> Result<(), MergeError> {
        let count = self.tracks.all.len();
        self.in_file.resize(count, 0);
        self.rows.resize_with(count, Vec::new);
        let tracks = self
            .tracks
            .all
            .iter_mut()
            .zip(&mut self.in_file)
            .zip(&mut self.rows);
        for ((track, in_file), rows) in tracks {
            if track.input != self.input || track.is_sparse() {
                continue;
            }
            for run in track.take(until) {
                let mut dts = run.dts;
                for (entry, data) in run.entries.into_iter().zip(run.data) {
                    if *in_file > 0 {
                        *in_file -= 1;
                    } else {
                        let offset = merger.output.writer.append(&data).map_err(MergeError::Write)?;
                        rows.push(Row {
                            dts,
                            offset,
                            description: run.description,
                            entry,
                        });
                    }
                    dts = dts.saturating_add(i64::from(entry.duration));
                }
            }
        }
        Ok(())
    }
}

impl Mp4Merger {
    /// Takes a segment of a hole.
    pub(in crate::merge) fn fill(
        &mut self,
        filling: &mut Filling,
        segment: SegmentInput,
    ) -> Result<(), MergeError> {
        filling.inputs.push(segment, &mut filling.tracks)?;
        filling.write(Until::Time(i64::MAX), self)
    }

    /// There is no further segment for this hole.
    pub(in crate::merge) fn fill_up(&mut self, mut filling: Filling) -> Result<(), MergeError> {
        filling.inputs.finish(&mut filling.tracks)?;
        filling.write(Until::End, self)?;
        let mut own = filling.own.unwrap_or_default().into_iter();
        let of_tracks = filling.tracks.all.into_iter().zip(filling.rows);
        let patched = of_tracks.map(|(track, rows)| Patched {
            own: own.next().unwrap_or(rows.len()),
            track,
            rows,
        });
        let patched = patched.filter(|patched| !patched.rows.is_empty());
        self.patches.push(Patch(patched.collect()));
        Ok(())
    }
}

impl Patch {
    /// Lists the samples where they belong. Whether any does.
    pub(super) fn apply(self, tables: &mut Vec<SampleTables>, tracks: &mut Vec<Track>) -> bool {
        let mut fits = false;
        for Patched {
            track: of_patch,
            rows,
            own,
        } in self.0
        {
            if track(tracks, of_patch.input, of_patch.stream).is_none() {
                // Nothing of it was outside of the hole.
                tracks.push(of_patch.without_samples());
            }
            tables.resize_with(tracks.len(), SampleTables::default);
            let place = |track: &Track| (track.input, track.stream) == (of_patch.input, of_patch.stream);
            let found = tracks
                .iter_mut()
                .zip(tables.iter_mut())
                .find(|(track, _)| place(track));
            let Some((track, tables)) = found else { continue };
            let mut of_file = tables.rows(track.first_dts());
            let rows = fitting(rows, own, &of_file);
            if rows.is_empty() {
                continue;
            }
            fits = true;
            let mut all: Vec<Row> = rows
                .into_iter()
                .map(|row| Row {
                    description: track.describe(of_patch.entry_of(row.description)),
                    ..row
                })
                .collect();
            // Of two with the same time the patch has the first: where the hole began, the file may have half a frame.
            all.append(&mut of_file);
            all.sort_by_key(|row| row.dts);
            all.dedup_by_key(|row| row.dts);
            last_until_the_next(&mut all);
            *tables = SampleTables::of(&all);
            let bytes = all.iter().map(|row| u64::from(row.entry.size)).sum();
            track.mended(&of_patch, all.first().map(|row| row.dts), all.len() as u64, bytes);
        }
        fits
    }
}

/// Those before the file goes on behind the hole. The first `own` are of the hole: what the file has at the same times is
/// no better.
fn fitting(mut rows: Vec<Row>, own: usize, of_file: &[Row]) -> Vec<Row> {
    let Some(first) = rows.first().map(|row| row.dts) else {
        return rows;
    };
    let times: HashSet<i64> = rows.iter().take(own).map(|row| row.dts).collect();
    let behind = of_file.partition_point(|row| row.dts < first);
    let behind = of_file.get(behind..).unwrap_or_default();
    if let Some(end) = behind.iter().find(|row| !times.contains(&row.dts)) {
        rows.retain(|row| row.dts < end.dts);
    }
    rows
}

/// Tables have distances only.
fn last_until_the_next(rows: &mut [Row]) {
    let times: Vec<i64> = rows.iter().skip(1).map(|row| row.dts).collect();
    for (row, next) in rows.iter_mut().zip(times) {
        row.entry.duration = u32::try_from(next.saturating_sub(row.dts)).unwrap_or(u32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::track::Entry;

    fn row(dts: i64, offset: u64) -> Row {
        Row {
            dts,
            offset,
            description: 1,
            entry: Entry {
                size: 10,
                duration: 5,
                composition_offset: 0,
                sync: dts % 10 == 0,
            },
        }
    }

    fn times(rows: &[Row]) -> Vec<i64> {
        rows.iter().map(|row| row.dts).collect()
    }

    /// Tables are read back as they were written: chunks, their lengths, their descriptions.
    #[test]
    fn tables_are_read_sample_by_sample() {
        let mut rows = vec![
            row(0, 100),
            row(5, 110),
            row(10, 120),
            row(15, 500),
            row(20, 510),
            row(25, 900),
        ];
        rows[5].description = 2;
        rows[3].entry.composition_offset = -7;
        let read = SampleTables::of(&rows).rows(0);
        assert_eq!(format!("{read:?}"), format!("{rows:?}"));
    }

    #[test]
    fn a_patch_ends_where_the_file_goes_on() {
        let of_file = [row(0, 0), row(5, 0), row(30, 0), row(35, 0)];
        let patch = [5, 10, 15, 20, 25].map(|dts| row(dts, 0));
        assert_eq!(times(&fitting(patch.to_vec(), 5, &of_file)), [5, 10, 15, 20, 25]);
        let with_lead = [5, 10, 25, 30, 35].map(|dts| row(dts, 0));
        assert_eq!(times(&fitting(with_lead.to_vec(), 2, &of_file)), [5, 10, 25]);
        let too_long = [10, 20, 29, 31, 36].map(|dts| row(dts, 0));
        assert_eq!(times(&fitting(too_long.to_vec(), 5, &of_file)), [10, 20, 29]);
        let at_the_end = [40, 45].map(|dts| row(dts, 0));
        assert_eq!(times(&fitting(at_the_end.to_vec(), 2, &of_file)), [40, 45]);
        let at_the_beginning = [-10, -5].map(|dts| row(dts, 0));
        assert_eq!(times(&fitting(at_the_beginning.to_vec(), 2, &of_file)), [-10, -5]);
    }

    #[test]
    fn a_sample_lasts_until_the_next() {
        let mut rows = [row(0, 0), row(20, 0), row(30, 0)];
        last_until_the_next(&mut rows);
        assert_eq!(rows.map(|row| row.entry.duration), [20, 10, 5]);
    }
}
