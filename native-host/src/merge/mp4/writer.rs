//! The file: `ftyp`, room for the index, fragments while it grows; at the end the index, and one `mdat` around all else.
//!
//! ```text
//! growing   ftyp | moov (no samples) | free ............. | moof mdat moof mdat ...
//! finished  ftyp | moov (all samples) | free .. | mdat --------- covers all the rest
//! ```
//!
//! No byte of a sample is moved or written again. When the index does not fit, it goes behind the `mdat`.

use std::fs::File;
use std::io::{self, Read as _, Seek, SeekFrom, Write};
use std::path::Path;

use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

use super::columns;
use super::fragment::{self, TrackFragment};
use super::moov::{self, Stage};
use super::tables::SampleTables;
use crate::demux::bmff::write_box;
use crate::demux::{CLOCK_HZ, rescale};
use crate::merge::About;
use crate::merge::chapters::Chapters;
use crate::merge::interleave::{self, Expectation};
use crate::merge::output_file::OutputFile;
use crate::merge::track::{Entry, Run, Track, Until};

/// An `mdat` header with a 64-bit size.
const LARGE_MDAT_HEADER_BYTES: usize = 16;

/// The smallest box.
const BOX_HEADER_BYTES: usize = 8;

/// More than any index needs: 16 bytes a sample for days.
const MAX_RESERVED_BYTES: usize = 256 << 20;

/// Writes fragments, then the index.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Writer {
    #[serde(skip)]
    out: OutputFile,
    /// Where the next fragment goes.
    end: u64,
    sequence: u32,
    /// As written.
    file_type: Vec<u8>,
    layout: Option<Layout>,
    /// So many bytes of the room in front may be something else than zeros.
    #[serde(skip)]
    dirty: usize,
    /// Since the `moov` was written a track or a sample description has come.
    stale: bool,
    /// How many sample descriptions of each track the growing file's `moov` has: fragments can name these only.
    declared: Vec<usize>,
    /// Of what is written; one a track. They grow without end, so what is saved of them is what was added.
    #[serde(skip)]
    tables: Vec<SampleTables>,
    /// The chunks that were added since the last point, as they are saved; None when no points are asked for.
    #[serde(skip)]
    added: Option<Vec<u8>>,
    pub(super) about: About,
    pub(super) chapters: Chapters,
}

/// Samples of a track that lie behind each other in the file.
#[derive(Debug, Serialize, Deserialize)]
struct Chunk {
    track: usize,
    offset: u64,
    description: u32,
    #[serde(with = "columns")]
    entries: Vec<Entry>,
}

/// Where things are, from the first fragment on.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Layout {
    /// Behind `ftyp`.
    moov: u64,
    /// Begin of the first fragment.
    fragments: u64,
    /// Timeline time that fragments count from.
    time: i64,
}

/// The `ftyp` box (ISO/IEC 14496-12, 4.3), as long for one kind of file as for another: sound alone is an `.m4a`.
fn file_type(tracks: &[Track]) -> Vec<u8> {
    let pictures = tracks
        .iter()
        .any(|track| track.has_samples() && track.stream.kind == TrackKind::Video);
    let sounds = tracks.iter().any(|track| track.stream.kind == TrackKind::Audio);
    let (major, compatible) = if sounds && !pictures {
        (b"M4A ", b"M4A isomiso6")
    } else {
        (b"isom", b"isomiso6mp41")
    };
    let mut ftyp = Vec::new();
    write_box(&mut ftyp, *b"ftyp", |out| {
        out.put_slice(major);
        out.put_u32(0x200);
        out.put_slice(compatible);
    });
    ftyp
}

impl Writer {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            out: OutputFile::create(path)?,
            end: 0,
            sequence: 0,
            file_type: Vec::new(),
            layout: None,
            dirty: 0,
            stale: false,
            declared: Vec::new(),
            tables: Vec::new(),
            added: None,
            about: About::default(),
            chapters: Chapters::default(),
        })
    }

    /// The file.
    pub(super) fn file(&mut self) -> &mut OutputFile {
        &mut self.out
    }

    /// From now on it is kept what is added to the tables.
    pub(super) fn keep_points(&mut self) {
        self.added = Some(Vec::new());
    }

    /// What was added to the tables since the last call.
    pub(super) fn take_added(&mut self) -> Vec<u8> {
        self.added.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Takes in what was added before the point that is gone on from.
    pub(super) fn restore(&mut self, mut added: &[u8]) -> postcard::Result<()> {
        while !added.is_empty() {
            let (chunk, rest) = postcard::take_from_bytes(added)?;
            self.add(chunk)?;
            added = rest;
        }
        Ok(())
    }

    /// Goes on with a file that may have had its end: it is a growing one again.
    pub(super) fn reopen(&mut self, path: &Path, length: u64, tracks: &[Track]) -> io::Result<()> {
        self.out.reopen(path, length)?;
        if let Some(layout) = self.layout {
            // Nobody knows how much of an index is there.
            self.dirty = layout.room();
            let head = moov::moov(tracks, &self.about, Stage::Growing);
            self.write_index(layout, &head, layout.room())?;
            self.out.seek(SeekFrom::Start(self.end))?;
        }
        Ok(())
    }

    /// A track or a sample description is new.
    pub(super) fn declare(&mut self) {
        self.stale = true;
    }

    /// Whether anything is in the file.
    pub(super) fn has_begun(&self) -> bool {
        self.layout.is_some()
    }

    /// Writes the fragments that are due.
    pub(super) fn advance(&mut self, tracks: &mut [Track], inputs: &[Expectation]) -> io::Result<()> {
        while let Some(boundary) = interleave::due(tracks, inputs) {
            if !self.write_fragment(tracks, Until::Time(boundary), inputs)? {
                break;
            }
        }
        Ok(())
    }

    /// Writes one fragment with the samples up to there; returns whether there were any.
    fn write_fragment(
        &mut self,
        tracks: &mut [Track],
        until: Until,
        inputs: &[Expectation],
    ) -> io::Result<bool> {
        let layout = match self.layout {
            Some(layout) => layout,
            None => self.begin(tracks, inputs)?,
        };
        if self.stale {
            self.write_growing_moov(tracks, layout)?;
        }
        let runs: Vec<(usize, Run)> = tracks
            .iter_mut()
            .enumerate()
            .flat_map(|(index, track)| track.take(until).into_iter().map(move |run| (index, run)))
            .collect();
        if runs.is_empty() {
            return Ok(false);
        }
        let mut data_bytes = 0;
        let mut fragments = Vec::new();
        for (index, run) in &runs {
            let data_begin = data_bytes;
            data_bytes += run.data.iter().map(Bytes::len).sum::<usize>();
            let declared = self
                .declared
                .get(*index)
                .is_some_and(|&declared| run.description as usize <= declared);
            if let Some(track) = tracks.get(*index).filter(|_| declared) {
                let begin = rescale(layout.time, CLOCK_HZ, track.timescale);
                fragments.push(TrackFragment {
                    track_id: u32::try_from(index + 1).unwrap_or(u32::MAX),
                    description: run.description,
                    decode_time: u64::try_from(run.dts.saturating_sub(begin)).unwrap_or(0),
                    data_begin,
                    samples: &run.entries,
                });
            }
        }
        self.sequence = self.sequence.wrapping_add(1);
        let moof = fragment::moof(self.sequence, &fragments);
        let mdat_bytes = u32::try_from(data_bytes + fragment::MDAT_HEADER_BYTES).map_err(io::Error::other)?;

        let head = [&moof[..], &mdat_bytes.to_be_bytes(), b"mdat"].concat();
        let data = runs.iter().flat_map(|(_, run)| &run.data);
        self.out
            .write_pieces(std::iter::once(&head[..]).chain(data.map(|data| &data[..])))?;
        let mut offset = self.end + head.len() as u64;
        for (index, run) in runs {
            let bytes = run.data.iter().map(|data| data.len() as u64).sum::<u64>();
            self.add(Chunk {
                track: index,
                offset,
                description: run.description,
                entries: run.entries,
            })
            .map_err(io::Error::other)?;
            offset += bytes;
        }
        // What is written is playable, so it should be in the file.
        self.out.flush()?;
        self.end = offset;
        Ok(true)
    }

    /// Enters a chunk into the tables.
    fn add(&mut self, chunk: Chunk) -> postcard::Result<()> {
        if let Some(added) = self.added.take() {
            self.added = Some(postcard::to_extend(&chunk, added)?);
        }
        if self.tables.len() <= chunk.track {
            self.tables.resize_with(chunk.track + 1, SampleTables::default);
        }
        if let Some(tables) = self.tables.get_mut(chunk.track) {
            tables.add_chunk(chunk.offset, chunk.description, chunk.entries);
        }
        Ok(())
    }

    /// Writes what stands before the first fragment.
    fn begin(&mut self, tracks: &[Track], inputs: &[Expectation]) -> io::Result<Layout> {
        self.file_type = file_type(tracks);
        let growing = moov::moov(tracks, &self.about, Stage::Growing).len();
        let user_data = moov::user_data(&self.about, &self.chapters.for_size()).len();
        let reserved = (reserved_bytes(tracks, inputs) + user_data).max(2 * growing);
        let moov = self.file_type.len() as u64;
        let layout = Layout {
            moov,
            fragments: moov + reserved as u64,
            time: interleave::first_time(tracks),
        };
        self.layout = Some(layout);
        self.out.write_all(&self.file_type)?;
        self.write_growing_moov(tracks, layout)?;
        self.end = layout.fragments;
        Ok(layout)
    }

    /// Writes the index of the growing file, and `free` up to the first fragment. When the room is too small for a
    /// late track, the growing file goes on without it; the finished one has it.
    fn write_growing_moov(&mut self, tracks: &[Track], layout: Layout) -> io::Result<()> {
        let index = moov::moov(tracks, &self.about, Stage::Growing);
        if self.write_index(layout, &index, layout.room())? {
            self.declared = tracks
                .iter()
                .map(|track| {
                    if track.has_samples() {
                        track.entries.len()
                    } else {
                        0
                    }
                })
                .collect();
        }
        self.stale = false;
        self.out.seek(SeekFrom::Start(self.end.max(layout.fragments)))?;
        Ok(())
    }

    /// Writes the remaining samples.
    pub(super) fn write_rest(&mut self, tracks: &mut [Track], inputs: &[Expectation]) -> io::Result<()> {
        self.write_fragment(tracks, Until::End, inputs).map(|_| ())
    }

    /// Writes bytes behind the media that no fragment lists: the index will. Where they lie.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let offset = self.end;
        self.out.write_all(bytes)?;
        self.end += bytes.len() as u64;
        Ok(offset)
    }

    /// The tables of what is written, one a track.
    pub(super) fn tables(&mut self) -> &mut Vec<SampleTables> {
        &mut self.tables
    }

    /// Writes the index. Returns the file and its length.
    pub(super) fn finish(mut self, tracks: &[Track]) -> io::Result<(File, u64)> {
        let Some(layout) = self.layout else {
            return Ok((self.out.into_file()?, 0));
        };
        let index = moov::moov(
            tracks,
            &self.about,
            Stage::Finished(&self.tables, &self.chapters.told(tracks)),
        );
        let mut length = self.end;
        let room = layout.room() - LARGE_MDAT_HEADER_BYTES;
        if !self.write_index(layout, &index, room)? {
            self.write_at(self.end, &index)?;
            length += index.len() as u64;
            self.write_index(layout, &[], room)?;
        }
        let mut mdat = Vec::with_capacity(LARGE_MDAT_HEADER_BYTES);
        // Size 1: the real one follows in 64 bits.
        mdat.put_u32(1);
        mdat.put_slice(b"mdat");
        mdat.put_u64(self.end - layout.fragments + LARGE_MDAT_HEADER_BYTES as u64);
        self.write_at(layout.moov + room as u64, &mdat)?;
        let file_type = file_type(tracks);
        if file_type != self.file_type {
            // A picture has come late.
            self.write_at(0, &file_type)?;
        }
        self.out.flush()?;
        Ok((self.out.into_file()?, length))
    }

    /// Writes an index into the room in front of the fragments, and a `free` box behind it, so that both have `room` bytes;
    /// false when it does not fit. Of the box only the header is written, and zeros over what an index before this one has
    /// left: the rest of the room is a hole of the file, which reads as zeros. Long captures have megabytes of it, and most
    /// become index in the end: no byte of them is to be written twice.
    fn write_index(&mut self, layout: Layout, index: &[u8], room: usize) -> io::Result<bool> {
        let free = match room.checked_sub(index.len()) {
            Some(0) => 0,
            Some(free) if free >= BOX_HEADER_BYTES => free,
            _ => return Ok(false),
        };
        self.write_at(layout.moov, index)?;
        let mut written = index.len();
        if free > 0 {
            self.out
                .write_all(&u32::try_from(free).map_err(io::Error::other)?.to_be_bytes())?;
            self.out.write_all(b"free")?;
            written += BOX_HEADER_BYTES;
        }
        let left_over = self.dirty.min(room).saturating_sub(written);
        io::copy(&mut io::repeat(0).take(left_over as u64), &mut self.out)?;
        self.dirty = written;
        Ok(true)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.out.seek(SeekFrom::Start(offset))?;
        self.out.write_all(bytes)
    }
}

impl Layout {
    /// Bytes between `ftyp` and the first fragment.
    fn room(self) -> usize {
        usize::try_from(self.fragments - self.moov).unwrap_or(0)
    }
}

/// Room for the index: tables of all samples that are expected, and for what does not grow with them.
fn reserved_bytes(tracks: &[Track], inputs: &[Expectation]) -> usize {
    const FIXED_BYTES: usize = 512;
    const TRACK_BYTES: usize = 1024;
    const SAMPLE_BYTES: f64 = 16.0;
    // Opus frames of 2.5 ms are 400. Samples whose times are wrong may lie a tick apart.
    const MOST_SAMPLES_PER_SECOND: f64 = 500.0;
    // A line and a pause, every few seconds, none of them as long as another.
    const SUBTITLE_BYTES_PER_SECOND: f64 = 16.0;
    let dense = tracks.iter().filter(|track| !track.is_sparse());
    let samples = dense.filter_map(|track| {
        let samples_per_second = track.samples_per_second()?.min(MOST_SAMPLES_PER_SECOND);
        Some(inputs.get(track.input)?.seconds? * samples_per_second * SAMPLE_BYTES)
    });
    let subtitles = inputs.iter().filter(|input| input.sparse);
    let subtitles = subtitles.filter_map(|input| Some(input.seconds? * SUBTITLE_BYTES_PER_SECOND));
    let bytes: f64 = samples
        .chain(subtitles)
        .filter(|bytes| bytes.is_finite() && *bytes > 0.0)
        .sum();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "finite, positive, and limited below"
    )]
    let tables = bytes as usize;
    (FIXED_BYTES + TRACK_BYTES * tracks.len().max(inputs.len()) + LARGE_MDAT_HEADER_BYTES)
        .saturating_add(tables)
        .min(MAX_RESERVED_BYTES)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use weir_core::protocol::TrackKind;

    use super::*;
    use crate::demux::bmff::find_path;
    use crate::demux::{Format, Sample, StreamId};
    use crate::merge::TrackHint;
    use crate::merge::mp4::check;

    const FRAME_TICKS: u32 = 3_600;

    fn track() -> Track {
        let stream = StreamId {
            kind: TrackKind::Video,
            ordinal: 0,
        };
        let format = Format {
            codec: "test".to_owned(),
            timescale: CLOCK_HZ,
            sample_entry: Bytes::from_static(b"\0\0\0\x10test\0\0\0\0\0\0\0\x01"),
            display: (16, 16),
            presentation_start: None,
        };
        let mut track = Track::new(0, stream, &TrackHint::default(), &format);
        track.set_format(format);
        track
    }

    fn push(track: &mut Track, frames: std::ops::Range<u32>) {
        for frame in frames {
            let time = i64::from(frame * FRAME_TICKS);
            track.push(Sample {
                dts: time,
                pts: time,
                duration: FRAME_TICKS,
                sync: true,
                data: Bytes::copy_from_slice(&frame.to_be_bytes()),
            });
        }
    }

    /// A file of 5 GiB whose middle is a hole: nothing is written there.
    #[test]
    fn offsets_beyond_4_gib_have_64_bits() {
        const HOLE_BYTES: u64 = 5 << 30;
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(&folder.path().join("film.mp4")).unwrap();
        let mut tracks = [track()];
        let inputs = [Expectation {
            seconds: Some(8.0),
            ended: false,
            sparse: false,
        }];
        push(&mut tracks[0], 0..100);
        writer.advance(&mut tracks, &inputs).unwrap();
        assert!(writer.has_begun());
        writer.end += HOLE_BYTES;
        writer.out.seek(SeekFrom::Start(writer.end)).unwrap();
        push(&mut tracks[0], 100..200);
        writer.advance(&mut tracks, &inputs).unwrap();
        writer.write_rest(&mut tracks, &inputs).unwrap();
        let (mut file, length) = writer.finish(&tracks).unwrap();
        assert!(length > HOLE_BYTES);

        // The hole lies between two fragments, so the file is still a chain of whole boxes.
        check::check(&file, length, 200, 800).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut head = vec![0; 64 << 10];
        file.read_exact(&mut head).unwrap();
        let table = find_path(&head, &[b"moov", b"trak", b"mdia", b"minf", b"stbl"]).unwrap();
        assert!(crate::demux::bmff::find(table, b"stco").is_none());
        let offsets = crate::demux::bmff::find(table, b"co64").unwrap();
        let last = u64::from_be_bytes(*offsets.last_chunk().unwrap());
        assert!(last > HOLE_BYTES);
        let mut sample = [0; 4];
        file.seek(SeekFrom::Start(last)).unwrap();
        file.read_exact(&mut sample).unwrap();
        assert!((100..200).contains(&u32::from_be_bytes(sample)), "{sample:?}");
    }

    /// 512 bytes, 1,024 for each track, 16 for each sample that is expected.
    #[test]
    fn the_index_has_room_in_front() {
        let mut tracks = [track()];
        push(&mut tracks[0], 0..51);
        let inputs = [Expectation {
            seconds: Some(1000.0),
            ended: false,
            sparse: false,
        }];
        let samples = 25 * 1000;
        assert_eq!(
            reserved_bytes(&tracks, &inputs),
            512 + 1024 + LARGE_MDAT_HEADER_BYTES + 16 * samples
        );
    }

    /// Times that are wrong make no file of hundreds of megabytes.
    #[test]
    fn the_room_is_for_samples_that_can_be() {
        let mut tracks = [track()];
        for time in 0..51 {
            tracks[0].push(Sample {
                dts: time,
                pts: time,
                duration: 1,
                sync: true,
                data: Bytes::from_static(b"picture"),
            });
        }
        let inputs = [Expectation {
            seconds: Some(1000.0),
            ended: false,
            sparse: false,
        }];
        assert_eq!(
            reserved_bytes(&tracks, &inputs),
            512 + 1024 + LARGE_MDAT_HEADER_BYTES + 16 * 500 * 1000
        );
    }
}
