//! Merging, compared packet by packet with `ffmpeg -c copy` of the same segments.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so at once"
)]

mod audio_frames;
mod corpus;
mod corpus_table;
mod damage;
mod encrypted;
mod external;
mod fields;
mod file;
mod generated;
mod matrix;
mod mkv;
mod mux;
mod points;
mod rules;
mod seeds;
mod subtitles;
mod ts;

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use weir::merge::{MergeError, Merged, Merger, SegmentInput, TrackHint};
use weir_core::protocol::{Container, ErrorCode};
use weir_tests::media;

/// The segments of one playlist, as a fetcher would hand them over.
#[derive(Debug, Default)]
struct Playlist {
    segments: Vec<SegmentInput>,
}

impl Playlist {
    /// Segments without playlist.
    fn of_files<P: AsRef<Path>>(files: impl IntoIterator<Item = P>) -> Self {
        let segment = |path: P| SegmentInput {
            data: read(path.as_ref()),
            ..SegmentInput::default()
        };
        Self {
            segments: files.into_iter().map(segment).collect(),
        }
    }

    /// Reads a media playlist that ffmpeg wrote, and its files.
    fn read(path: &Path) -> Self {
        let text = fs::read(path).unwrap();
        let playlist = m3u8_rs::parse_media_playlist_res(&text).unwrap();
        let folder = path.parent().unwrap();
        let mut map = None;
        let mut segments = Vec::new();
        for segment in playlist.segments {
            if let Some(new) = &segment.map {
                map = Some(read(&folder.join(&new.uri)));
            }
            segments.push(SegmentInput {
                track: 0,
                sequence: segments.len() as u64,
                discontinuity: segment.discontinuity,
                missing_seconds: 0.0,
                duration_seconds: Some(f64::from(segment.duration)),
                map: map.clone(),
                data: read(&folder.join(&segment.uri)),
                cipher: None,
                flaw: None,
            });
        }
        Self { segments }
    }

    fn seconds(&self) -> f64 {
        self.segments
            .iter()
            .filter_map(|segment| segment.duration_seconds)
            .sum()
    }

    fn hint(&self) -> TrackHint {
        let seconds = self.seconds();
        TrackHint {
            duration_seconds: (seconds > 0.0).then_some(seconds),
            ..TrackHint::default()
        }
    }

    /// What ffmpeg reads: all bytes behind each other.
    fn concatenate(&self, path: &Path) {
        let mut all = Vec::new();
        let mut map = None;
        for segment in &self.segments {
            if segment.map != map {
                map.clone_from(&segment.map);
                all.extend_from_slice(map.as_deref().unwrap_or_default());
            }
            all.extend_from_slice(&segment.data);
        }
        fs::write(path, all).unwrap();
    }
}

/// Merges playlists into an MP4, their segments in turn.
fn merge(playlists: &[Playlist], output: &Path) -> Merged {
    merge_as(Container::Mp4, playlists, output)
}

/// Merges playlists, their segments in turn; and again with an interruption in each segment, which may change nothing.
fn merge_as(container: Container, playlists: &[Playlist], output: &Path) -> Merged {
    let merged = merge_once(container, playlists, output);
    points::check_interrupted(container, playlists, output, &merged);
    merged
}

/// The same without interruptions: where what is written is counted, or another program writes.
fn merge_once(container: Container, playlists: &[Playlist], output: &Path) -> Merged {
    let hints: Vec<TrackHint> = playlists.iter().map(Playlist::hint).collect();
    let mut merger = Merger::create(output, container, &hints).unwrap();
    for segment in in_turn(playlists) {
        merger.push(segment).unwrap();
    }
    merger.finish().unwrap()
}

fn in_turn(playlists: &[Playlist]) -> Vec<SegmentInput> {
    let longest = playlists
        .iter()
        .map(|playlist| playlist.segments.len())
        .max()
        .unwrap();
    let mut all = Vec::new();
    for index in 0..longest {
        for (track, playlist) in playlists.iter().enumerate() {
            all.extend(playlist.segments.get(index).map(|segment| SegmentInput {
                track,
                ..segment.clone()
            }));
        }
    }
    all
}

/// The standard: equal to ffmpeg's copy of the concatenated segments, and decodes without a word.
fn check_one_playlist(playlist: Playlist, folder: &Path) -> Merged {
    let (ours, source, reference) = in_folder(folder);
    playlist.concatenate(&source);
    let playlists = [playlist];
    let merged = merge(&playlists, &ours);
    media::remux(&source, &reference).unwrap();
    media::compare(&ours, &reference).unwrap();
    check_sound(&ours, &merged);
    merged
}

/// More than half of a file is there: it plays, and its packets are those that the whole file begins with.
fn check_beginning(part: &Path, whole: &Path) {
    let (mut expected, streams) = (media::packets(whole).unwrap(), media::packets(part).unwrap());
    for (expected, stream) in expected.iter_mut().zip(&streams) {
        let count = stream.packets.len();
        assert!(
            count * 2 > expected.packets.len(),
            "{count} of {} packets",
            expected.packets.len()
        );
        expected.packets.truncate(count);
    }
    media::compare_streams(&streams, &expected).unwrap();
    assert_eq!(media::decode_errors(part).unwrap(), "");
}

/// Decodes without a word, and what was reported is what is there.
fn check_sound(ours: &Path, merged: &Merged) {
    assert_eq!(media::decode_errors(ours).unwrap(), "", "{}", ours.display());
    assert_eq!(merged.bytes, fs::metadata(ours).unwrap().len());
    let streams = media::packets(ours).unwrap();
    assert_eq!(merged.tracks.len(), streams.len());
    for (track, stream) in merged.tracks.iter().zip(&streams) {
        // ffmpeg cuts the samples of E-AC-3 up again.
        if stream.codec != "eac3" {
            assert_eq!(track.samples, stream.packets.len() as u64, "{track:?}");
        }
    }
}

/// Our file, the segments in one, and ffmpeg's file.
fn in_folder(folder: &Path) -> (PathBuf, PathBuf, PathBuf) {
    (
        folder.join("ours.mp4"),
        folder.join("source"),
        folder.join("reference.mp4"),
    )
}

/// What a transport stream holds, with pictures as ffmpeg's copy stores them: behind lengths instead of start codes. For
/// streams with Opus, of which its copies lose the last packet.
fn packets_of_transport_stream(source: &Path, folder: &Path) -> Vec<media::Stream> {
    let copy = folder.join("copy.mkv");
    media::remux(source, &copy).unwrap();
    let (mut streams, copied) = (media::packets(source).unwrap(), media::packets(&copy).unwrap());
    let video = |stream: &&media::Stream| stream.kind == "video";
    let copied = copied.iter().find(video).unwrap();
    let stream = streams.iter_mut().find(|stream| stream.kind == "video").unwrap();
    assert_eq!(stream.packets.len(), copied.packets.len());
    for (packet, copied) in stream.packets.iter_mut().zip(&copied.packets) {
        packet.hash.clone_from(&copied.hash);
        packet.size = copied.size;
    }
    streams
}

/// Time goes on at a steady pace in every stream.
fn check_no_jump(streams: &[media::Stream]) {
    for stream in streams {
        let mut times: Vec<f64> = stream
            .packets
            .iter()
            .filter_map(|packet| packet.pts_seconds)
            .collect();
        times.sort_by(f64::total_cmp);
        let longest = times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        let shortest = times
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .fold(f64::INFINITY, f64::min);
        assert!(
            longest < 0.2 && shortest > 0.001,
            "{}: distances {shortest} to {longest} s",
            stream.kind
        );
    }
}

fn read(path: &Path) -> Bytes {
    fs::read(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .into()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// A folder that keeps its files when `WEIR_KEEP` is set, for a look at them.
fn folder() -> tempfile::TempDir {
    let mut folder = tempfile::tempdir().unwrap();
    folder.disable_cleanup(std::env::var_os("WEIR_KEEP").is_some());
    folder
}

fn path_list(folder: &Path, names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| folder.join(name)).collect()
}
