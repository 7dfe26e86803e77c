//! Every file of the corpus: what becomes of it, in a table (`tests/fixtures/corpus.tsv`). Media is merged and compared
//! with ffmpeg's copy; playlists go through `weir get` from an origin that serves the corpus.
//!
//! `WEIR_BLESS=1` writes the table anew: read the difference before it is committed.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use weir_tests::origin::{Origin, Reply};
use weir_tests::program;

use super::*;

/// What a reader of the table should know.
const HEADER: &str = "\
# What becomes of every file of the corpus (tests/tests/it/merge/corpus_table.rs; WEIR_BLESS=1 writes it anew).
# Where ffmpeg's copy is another, ffmpeg is the one that is wrong: of sample_with_id3.adts it makes the picture in the
# ID3 tag a video track; of test-no-audio-segment.ts it makes no file, for want of a header of the audio that never comes.
";

/// The table that is expected.
fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/corpus.tsv")
}

#[test]
fn every_file_of_the_corpus() {
    let Some(corpus) = corpus::corpus("every_file_of_the_corpus") else {
        return;
    };
    let list = fs::read_to_string(corpus.join("CORPUS.tsv")).unwrap();
    let origin = Origin::start().unwrap();
    serve(&origin, &corpus);
    let mut table = String::new();
    for file in list.lines().skip(1).filter_map(|line| line.split('\t').next()) {
        let outcome = match Path::new(file)
            .extension()
            .and_then(|extension| extension.to_str())
        {
            Some("m3u8") => playlist(&corpus, &origin, file),
            Some("vtt") => "subtitles: see their playlist".to_owned(),
            _ if file.ends_with("/init.mp4") => "initialization section: see its segments".to_owned(),
            _ => media_file(&corpus, file),
        };
        writeln!(table, "{file}\t{outcome}").unwrap();
    }
    println!("{table}");
    if std::env::var_os("WEIR_BLESS").is_some() {
        fs::write(committed(), format!("{HEADER}{table}")).unwrap();
    }
    let expected = fs::read_to_string(committed()).unwrap();
    let expected = expected.strip_prefix(HEADER).unwrap();
    for (found, expected) in table.lines().zip(expected.lines()) {
        assert_eq!(found, expected, "WEIR_BLESS=1 writes the table anew");
    }
    assert_eq!(table.lines().count(), expected.lines().count());
}

/// The folder of the corpus. A live window gets an end, or it would be waited for.
fn serve(origin: &Origin, corpus: &Path) {
    let corpus = corpus.to_owned();
    origin.route_under("/", move |request| {
        let path = corpus.join(request.path().trim_start_matches('/'));
        let Ok(mut bytes) = fs::read(&path) else {
            return Reply::status(404);
        };
        let is_media = contains(&bytes, b"#EXTINF") && !contains(&bytes, b"#EXT-X-ENDLIST");
        if is_media && path.extension().is_some_and(|extension| extension == "m3u8") {
            bytes.extend(b"\n#EXT-X-ENDLIST\n");
        }
        Reply::ok(bytes)
    });
}

/// What `weir get` says of it.
fn playlist(corpus: &Path, origin: &Origin, file: &str) -> String {
    let text = String::from_utf8_lossy(&read(&corpus.join(file))).into_owned();
    let leads_out =
        |line: &str| line.contains("URI=\"http") || (!line.starts_with('#') && line.contains("://"));
    if text.lines().any(leads_out) {
        return "not fetched: it leads out of the corpus".to_owned();
    }
    let folder = folder();
    let output = folder.path().join("out.mp4");
    let run = Command::new(program::weir().unwrap())
        .args([
            "get",
            &origin.url(&format!("/{file}")),
            "--allow-private",
            "--on-gap",
            "keep",
            "--json",
            "-o",
        ])
        .arg(&output)
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    let Some(line) = text.lines().last() else {
        let words = String::from_utf8_lossy(&run.stderr).into_owned();
        return format!(
            "exit {}: {}",
            run.status.code().unwrap(),
            words.trim().replace(&origin.url(""), "")
        );
    };
    let event: Value = serde_json::from_str(line).unwrap();
    let mut outcome = event["verdict"].as_str().unwrap_or("no verdict").to_owned();
    for track in event["tracks"].as_array().into_iter().flatten() {
        let (codec, samples) = (track["codec"].as_str().unwrap(), &track["samples"]);
        write!(outcome, ", {codec} {samples}").unwrap();
    }
    let gaps = event["gaps"].as_array().map_or(0, Vec::len);
    if gaps > 0 {
        write!(
            outcome,
            ", {gaps} of {} segments missing",
            event["segments"]["total"]
        )
        .unwrap();
    } else if let Some(message) = event["error"]["message"].as_str() {
        write!(outcome, ": {}", message.replace(&origin.url(""), "")).unwrap();
    }
    if output.exists() {
        let words = media::decode_errors(&output).unwrap();
        assert_eq!(words, "", "{file}");
        outcome.push_str(", decodes");
    }
    outcome
}

/// What merging says of it, and how it compares with ffmpeg's copy.
fn media_file(corpus: &Path, file: &str) -> String {
    let path = corpus.join(file);
    let folder = folder();
    let (ours, source, reference) = in_folder(folder.path());
    let init = path.with_file_name("init.mp4");
    let is_fragment = path.extension().is_some_and(|extension| extension == "m4s");
    let mut playlist = Playlist::of_files([&path]);
    if is_fragment {
        playlist.segments[0].map = Some(read(&init));
    }
    playlist.concatenate(&source);
    let mut writer = Merger::create(&ours, Container::Mp4, &[TrackHint::default()]).unwrap();
    let segment = playlist.segments.remove(0);
    let merged = match writer.push(segment).and_then(|()| writer.finish()) {
        Ok(merged) => merged,
        Err(error) => return format!("refused: {error}"),
    };
    let mut outcome = String::new();
    for track in &merged.tracks {
        write!(outcome, "{} {}, ", track.codec, track.samples).unwrap();
    }
    match media::decode_errors(&ours).unwrap().as_str() {
        "" => outcome.push_str("decodes, "),
        words => write!(outcome, "decodes with {} complaints, ", words.lines().count()).unwrap(),
    }
    let compared = media::remux(&source, &reference).and_then(|()| media::compare(&ours, &reference));
    outcome.push_str(match compared {
        Ok(()) => "as ffmpeg copies it",
        Err(_) => "not as ffmpeg copies it",
    });
    for words in merged.warnings.iter().chain(&merged.losses) {
        write!(outcome, "; {words}").unwrap();
    }
    outcome
}
