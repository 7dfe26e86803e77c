//! Interruptions: a merger that goes on from a saved point writes the same bytes as one that was never interrupted.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use weir::decrypt::CipherRing;
use weir::journal::FORMAT;
use weir_core::plan::Chapter;
use weir_core::protocol::MediaSequence;

use super::*;

/// Merges as [`merge_as`] does, but breaks off within every segment and goes on from the point before it.
fn merge_interrupted(container: Container, playlists: &[Playlist], output: &Path) -> (Merged, usize) {
    let hints: Vec<TrackHint> = playlists.iter().map(Playlist::hint).collect();
    let mut merger = Merger::create(output, container, &hints).unwrap();
    merger.keep_points();
    let mut added = Vec::new();
    let mut interruptions = 0;
    let mut point: Option<weir::merge::Point> = None;
    for segment in in_turn(playlists) {
        merger.push(segment.clone()).unwrap();
        if let Some(point) = point.take() {
            drop(merger);
            merger = Merger::restore(
                output,
                &point.merger,
                point.length,
                &added,
                &CipherRing::default(),
            )
            .unwrap();
            merger.push(segment).unwrap();
            interruptions += 1;
        }
        point = merger.point().unwrap();
        added.extend(point.as_ref().map(|point| point.added.clone()));
    }
    // And once more, when all has come.
    if let Some(point) = point {
        drop(merger);
        merger = Merger::restore(
            output,
            &point.merger,
            point.length,
            &added,
            &CipherRing::default(),
        )
        .unwrap();
    }
    (merger.finish().unwrap(), interruptions)
}

/// What lies at a path: the file, or the files of the folder by name.
fn content(path: &Path) -> Vec<(String, Vec<u8>)> {
    if path.is_file() {
        return vec![(String::new(), fs::read(path).unwrap())];
    }
    let entry = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, fs::read(entry.path()).unwrap())
    };
    let mut all: Vec<_> = fs::read_dir(path).unwrap().map(entry).collect();
    all.sort();
    all
}

/// To be called with everything that any test merges: `output` is what came of it, uninterrupted.
pub(super) fn check_interrupted(
    container: Container,
    playlists: &[Playlist],
    output: &Path,
    merged: &Merged,
) {
    let other = output.with_extension("interrupted");
    let (again, interruptions) = merge_interrupted(container, playlists, &other);
    assert_eq!(&again, merged, "after {interruptions} interruptions");
    let (ours, expected) = (content(&other), content(output));
    assert!(
        ours == expected,
        "after {interruptions} interruptions {} has other bytes",
        output.display()
    );
    let _ = fs::remove_file(&other);
    let _ = fs::remove_dir_all(&other);
}

/// Every container, so that no test can pass that never interrupts anything.
#[test]
fn every_container_goes_on_where_it_was() {
    if media::skip_without_ffmpeg("every_container_goes_on_where_it_was") {
        return;
    }
    let folder = folder();
    let playlist = [generated::PLAIN.make(&folder.path().join("hls"))];
    let segments = playlist[0].segments.len();
    for (container, name) in [
        (Container::Mp4, "a.mp4"),
        (Container::Mkv, "a.mkv"),
        (Container::Ts, "a.ts"),
        (Container::Segments, "a"),
    ] {
        let output = folder.path().join(name);
        let (_, interruptions) = merge_interrupted(container, &playlist, &output);
        assert!(
            interruptions + 2 >= segments,
            "{interruptions} in {segments} segments"
        );
    }
}

/// Chapters, those that have begun and those that have not, outlive an interruption.
#[test]
fn chapters_go_on_where_they_were() {
    if media::skip_without_ffmpeg("chapters_go_on_where_they_were") {
        return;
    }
    let folder = folder();
    let playlist = generated::PLAIN.make(&folder.path().join("hls"));
    let chapter = |sequence, title: &str| Chapter {
        sequence: MediaSequence(sequence),
        offset_seconds: 0.25,
        title: title.to_owned(),
    };
    let chapters = [chapter(0, "one"), chapter(1, "two"), chapter(3, "three")];
    for container in [Container::Mp4, Container::Mkv] {
        let begin = |output: &Path| {
            let mut merger = Merger::create(output, container, &[playlist.hint()]).unwrap();
            merger.divide(chapters.to_vec()).unwrap();
            merger.keep_points();
            merger
        };
        let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
        let mut merger = begin(&whole);
        playlist
            .segments
            .iter()
            .for_each(|segment| merger.push(segment.clone()).unwrap());
        merger.finish().unwrap();
        let mut merger = begin(&broken);
        for segment in &playlist.segments[..2] {
            merger.push(segment.clone()).unwrap();
        }
        let point = merger.point().unwrap().unwrap();
        drop(merger);
        let mut merger = Merger::restore(
            &broken,
            &point.merger,
            point.length,
            &[point.added],
            &CipherRing::default(),
        )
        .unwrap();
        for segment in &playlist.segments[2..] {
            merger.push(segment.clone()).unwrap();
        }
        merger.finish().unwrap();
        let titles: Vec<String> = media::chapters(&whole)
            .unwrap()
            .into_iter()
            .map(|(_, title)| title)
            .collect();
        assert_eq!(titles, ["one", "two", "three"]);
        assert!(content(&whole) == content(&broken), "{container:?}");
        fs::remove_file(&whole).unwrap();
        fs::remove_file(&broken).unwrap();
    }
}

/// The output may have been taken away or cut short meanwhile: that is told, and nothing is written.
#[test]
fn an_output_that_is_not_what_it_was_is_refused() {
    if media::skip_without_ffmpeg("an_output_that_is_not_what_it_was_is_refused") {
        return;
    }
    let folder = folder();
    let playlist = generated::PLAIN.make(&folder.path().join("hls"));
    let output = folder.path().join("a.mp4");
    let mut merger = Merger::create(&output, Container::Mp4, &[playlist.hint()]).unwrap();
    merger.keep_points();
    for segment in &playlist.segments[..3] {
        merger.push(segment.clone()).unwrap();
    }
    let point = merger.point().unwrap().unwrap();
    drop(merger);
    let restore = |path: &Path, state: &[u8]| {
        Merger::restore(
            path,
            state,
            point.length,
            std::slice::from_ref(&point.added),
            &CipherRing::default(),
        )
        .map(drop)
    };
    for cut in (0..point.merger.len()).step_by(7) {
        let error = restore(&output, &point.merger[..cut]).unwrap_err();
        assert!(matches!(error, MergeError::Point(_)), "{error}");
    }
    fs::OpenOptions::new()
        .write(true)
        .open(&output)
        .unwrap()
        .set_len(point.length - 1)
        .unwrap();
    let error = restore(&output, &point.merger).unwrap_err();
    assert!(error.to_string().contains("bytes"), "{error}");
    assert_eq!(fs::metadata(&output).unwrap().len(), point.length - 1);
    fs::remove_file(&output).unwrap();
    assert!(restore(&output, &point.merger).is_err());
    assert!(!output.exists());
}

/// What is saved can be read by a program that saves the same. When this fails, raise [`FORMAT`] and write the digests
/// anew (`WEIR_BLESS=1`): captures that an older Weir began then begin anew, instead of going on wrongly. Fragmented MP4,
/// packed audio and subtitles are not in the committed stream: who changes what their readers keep raises it by himself.
#[test]
fn the_layout_of_what_is_saved_has_a_number() {
    let folder = folder();
    let stream = weir_tests::streams::committed_stream();
    let playlist = Playlist::read(&stream.join("high/index.m3u8"));
    let mut found = format!("format {FORMAT}\n");
    for container in [Container::Mp4, Container::Mkv, Container::Ts, Container::Segments] {
        let output = folder.path().join(format!("{container:?}"));
        let mut merger = Merger::create(&output, container, &[playlist.hint()]).unwrap();
        merger.keep_points();
        for segment in &playlist.segments[..3] {
            merger.push(segment.clone()).unwrap();
        }
        let point = merger.point().unwrap().unwrap();
        let digest = Sha256::digest([point.merger, point.added].concat());
        write!(found, "{container:?} ").unwrap();
        digest
            .iter()
            .for_each(|byte| write!(found, "{byte:02x}").unwrap());
        found.push('\n');
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/points.txt");
    if std::env::var_os("WEIR_BLESS").is_some() {
        fs::write(&path, &found).unwrap();
    }
    assert_eq!(
        found,
        fs::read_to_string(&path).unwrap(),
        "raise journal::FORMAT, then WEIR_BLESS=1"
    );
}
