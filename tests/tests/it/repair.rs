//! `weir repair`: what a finished file is missing is fetched when it is to be had, and the file becomes the one that an
//! uninterrupted capture makes: the same packets, at the same times.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use weir::failpoint::Failpoint;
use weir_tests::binary::{Home, last_event, stderr};
use weir_tests::media;
use weir_tests::origin::{Gate, Origin, Reply};
use weir_tests::streams::sample_aes::{self, Cut, KeyAndIv, Types};

use super::cli::{check_exit, get};

/// A stream, and an origin that has all of it but what is withheld.
struct Site {
    stream: tempfile::TempDir,
    origin: Origin,
    home: Home,
    withheld: Arc<Mutex<BTreeSet<String>>>,
}

/// Kinds of outputs that become byte for byte what they would have been.
const ANEW: [&str; 3] = ["ts", "mkv", FOLDER];

/// How a folder of segments is called here.
const FOLDER: &str = "folder";

/// What lies at a path: the file, or the files of the folder by name.
fn content(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    if path.is_file() {
        return vec![(PathBuf::new(), fs::read(path).unwrap())];
    }
    let paths = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = paths
        .map(|path| (path.file_name().unwrap().into(), fs::read(path).unwrap()))
        .collect();
    all.sort();
    all
}

/// What a player opens.
fn playable(path: &Path) -> PathBuf {
    if path.is_dir() {
        path.join("index.m3u8")
    } else {
        path.to_owned()
    }
}

const PICTURE: &str = "-f lavfi -i testsrc2=size=160x90:rate=10 -f lavfi -i sine=sample_rate=44100 -t 8 -c:v libx264 -preset ultrafast \
     -pix_fmt yuv420p -bf 2 -g 10 -keyint_min 10 -sc_threshold 0 -c:a aac -b:a 48k";

impl Site {
    /// `options` make an HLS stream in a folder; its playlist is `index.m3u8` or `master.m3u8`.
    fn new(options: &str) -> Self {
        let stream = tempfile::tempdir().unwrap();
        let folder = stream.path().to_str().unwrap().to_owned();
        let words = format!("{PICTURE} {options}").replace("FOLDER", &folder);
        media::ffmpeg(words.split_whitespace().map(|word| word.replace('~', " "))).unwrap();
        Self::serving(stream)
    }

    fn serving(stream: tempfile::TempDir) -> Self {
        let (origin, withheld) = (Origin::start().unwrap(), Arc::new(Mutex::new(BTreeSet::new())));
        origin.directory("/", stream.path());
        let is_withheld = Arc::clone(&withheld);
        origin.guard("/", move |request| {
            let name = request.path().trim_start_matches('/');
            is_withheld
                .lock()
                .unwrap()
                .contains(name)
                .then(|| Reply::status(404))
        });
        Self {
            stream,
            origin,
            home: Home::new().unwrap(),
            withheld,
        }
    }

    fn transport_stream() -> Self {
        Self::new(
            "-f hls -hls_time 1 -hls_playlist_type vod -hls_segment_filename FOLDER/s%d.ts FOLDER/index.m3u8",
        )
    }

    /// Picture and sound in playlists of their own: `s0_N.ts` and `s1_N.ts`.
    fn transport_streams() -> Self {
        Self::new(
            "-map 0:v -map 1:a -f hls -hls_time 1 -hls_playlist_type vod -hls_segment_filename FOLDER/s%v_%d.ts \
             -var_stream_map v:0,agroup:a~a:0,agroup:a -master_pl_name master.m3u8 FOLDER/index_%v.m3u8",
        )
    }

    /// Two segments of WebVTT, and a multivariant playlist that names them.
    fn add_subtitles(&self) {
        let write = |name: &str, text: &str| fs::write(self.stream.path().join(name), text).unwrap();
        write(
            "master.m3u8",
            "#EXTM3U\n#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"en\",LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES,\
             URI=\"subs.m3u8\"\n#EXT-X-STREAM-INF:BANDWIDTH=100000,SUBTITLES=\"s\"\nindex.m3u8\n",
        );
        write(
            "subs.m3u8",
            "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nt0.vtt\n#EXTINF:4,\nt1.vtt\n#EXT-X-ENDLIST\n",
        );
        write("t0.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\none\n");
        write("t1.vtt", "WEBVTT\n\n00:05.000 --> 00:06.000\ntwo\n");
    }

    /// Makes SAMPLE-AES of `index.m3u8`.
    fn encrypt_samples(&self) {
        let pair = KeyAndIv {
            key: *b"no key like it ?",
            iv: [7; 16],
        };
        let folder = self.stream.path();
        let playlist = folder.join("index.m3u8");
        let clear = fs::read_to_string(&playlist).unwrap();
        for name in clear.lines().filter(|line| !line.starts_with('#')) {
            let path = folder.join(name);
            let encrypted = sample_aes::transport_stream(
                &fs::read(&path).unwrap(),
                Types::Encrypted,
                Cut::AsBefore,
                |_| pair,
            );
            fs::write(path, encrypted.unwrap().packets).unwrap();
        }
        let key = format!(
            "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"film.key\",IV=0x{}\n#EXTINF",
            "07".repeat(16)
        );
        fs::write(playlist, clear.replacen("#EXTINF", &key, 1)).unwrap();
        fs::write(folder.join("film.key"), pair.key).unwrap();
    }

    fn withhold(&self, names: &[&str]) {
        *self.withheld.lock().unwrap() = names.iter().map(|&name| name.to_owned()).collect();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn capture(&self, playlist: &str, name: &str, exit: i32) -> serde_json::Value {
        let mut options = vec!["-o", name, "--on-gap", "keep"];
        if name.ends_with(FOLDER) {
            options.extend(["--container", "segments"]);
        }
        let output = get(&self.home, &self.origin.url(playlist), &options);
        check_exit(&output, exit);
        last_event(&output).unwrap()
    }

    fn repair(&self, arguments: &[&str]) -> Output {
        let all = ["repair"].iter().chain(arguments);
        self.home.run(all.copied()).unwrap()
    }

    /// Segments that were asked for from there on.
    fn asked_since(&self, begin: usize) -> Vec<String> {
        let requests = self.origin.requests();
        let is_media = |path: &&str| !path.contains(".m3u8") && !path.contains(".key");
        let mut asked: Vec<String> = requests[begin..]
            .iter()
            .map(weir_tests::origin::Request::path)
            .filter(is_media)
            .map(|path| path.trim_start_matches('/').to_owned())
            .collect();
        asked.sort();
        asked
    }

    /// Captures without these, then has them and repairs: the file is as if nothing had been missing, and nothing else was
    /// fetched again than `besides`. Returns it, and one that is made without a loss.
    fn check(&self, playlist: &str, kind: &str, missing: &[&str], besides: &[&str]) -> [PathBuf; 2] {
        let names = [missing.join("-"), "whole".to_owned()].map(|name| format!("{name}.{kind}"));
        self.withhold(missing);
        let finished = self.capture(playlist, &names[0], 3);
        assert_eq!(
            finished["gaps"].as_array().unwrap().len(),
            missing.len(),
            "{finished}"
        );
        self.withhold(&[]);
        let number = self.newest();
        let begin = self.origin.requests().len();
        let output = self.repair(&[&number]);
        check_exit(&output, 0);
        let mut wanted: Vec<&str> = missing.iter().chain(besides).copied().collect();
        wanted.sort_unstable();
        assert_eq!(self.asked_since(begin), wanted);
        let finished = last_event(&output).unwrap();
        assert_eq!(finished["verdict"], "complete", "{finished}");
        assert_eq!(finished["gaps"], serde_json::json!([]));
        if !self.path(&names[1]).exists() {
            self.capture(playlist, &names[1], 0);
        }
        let [mended, whole] = names.map(|name| self.path(&name));
        let [film, reference] = [&mended, &whole].map(|path| playable(path));
        media::compare(&film, &reference).unwrap();
        assert_eq!(
            media::decoded_frames_md5(&film).unwrap(),
            media::decoded_frames_md5(&reference).unwrap()
        );
        assert_eq!(media::decode_errors(&film).unwrap(), "");
        assert_eq!(self.leftovers(), Vec::<String>::new());
        [mended, whole]
    }

    /// The same of the kinds that become byte for byte what is made without a loss.
    fn check_bytes(&self, playlist: &str, missing: &[&str], besides: &[&str]) {
        for kind in ANEW {
            let [mended, whole] = self.check(playlist, kind, missing, besides);
            assert!(content(&mended) == content(&whole), "{kind}: {missing:?}");
        }
    }

    /// What stays missing can be filled in another time, until nothing is.
    fn check_bit_by_bit(&self, playlist: &str, missing: &[&str], steps: &[&[&str]]) {
        for kind in ANEW {
            let [film, whole] = ["film", "whole"].map(|name| format!("{name}.{kind}"));
            self.withhold(missing);
            self.capture(playlist, &film, 3);
            let number = self.newest();
            let before = content(&self.path(&film));
            let refused = self.repair(&[&number]);
            check_exit(&refused, 1);
            assert!(content(&self.path(&film)) == before, "nothing came");
            for still in steps.iter().copied().chain([&[][..]]) {
                self.withhold(still);
                let output = self.repair(&[&number]);
                check_exit(&output, if still.is_empty() { 0 } else { 3 });
                let finished = last_event(&output).unwrap();
                assert_eq!(
                    finished["gaps"].as_array().unwrap().len(),
                    still.len(),
                    "{finished}"
                );
                assert_eq!(media::decode_errors(&playable(&self.path(&film))).unwrap(), "");
            }
            self.capture(playlist, &whole, 0);
            assert!(
                content(&self.path(&film)) == content(&self.path(&whole)),
                "{kind}"
            );
        }
    }

    /// A repair is killed in the middle, and the old file stays as it is; the next one makes it whole. Returns it, and one
    /// that is made without a loss.
    fn check_killed(&self, film: &str, whole: &str) -> [PathBuf; 2] {
        self.withhold(&["s2.ts", "s5.ts"]);
        self.capture("/index.m3u8", film, 3);
        let before = content(&self.path(film));
        self.withhold(&[]);
        let gate = Gate::new();
        let last = fs::read(self.stream.path().join("s5.ts")).unwrap();
        self.origin.reply("/s5.ts", Reply::ok(last).after(&gate));
        let mut weir = self.home.weir();
        weir.args(["repair", "1"]);
        weir.stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = weir.spawn().unwrap();
        while self.leftovers().is_empty() {
            std::thread::sleep(Duration::from_millis(2));
        }
        // Another one meanwhile is refused.
        check_exit(&self.repair(&["1"]), 1);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(content(&self.path(film)) == before);
        gate.open();
        check_exit(&self.repair(&["1"]), 0);
        self.capture("/index.m3u8", whole, 0);
        assert_eq!(self.leftovers(), Vec::<String>::new());
        [film, whole].map(|name| self.path(name))
    }

    /// The number of the capture that was begun last.
    fn newest(&self) -> String {
        let jobs = self.home.run(["jobs", "--json"]).unwrap();
        let jobs = String::from_utf8(jobs.stdout).unwrap();
        let newest: serde_json::Value = serde_json::from_str(jobs.lines().next().unwrap()).unwrap();
        newest["id"].to_string()
    }

    fn leftovers(&self) -> Vec<String> {
        let names = fs::read_dir(self.home.path()).unwrap().flatten();
        let names = names.map(|entry| entry.file_name().into_string().unwrap());
        names
            .filter(|name| Path::new(name).extension().is_some_and(|it| it == "part"))
            .collect()
    }
}

#[test]
fn holes_are_filled() {
    if media::skip_without_ffmpeg("repair: holes") {
        return;
    }
    // One, several behind each other, and the last.
    Site::transport_stream().check("/index.m3u8", "mp4", &["s1.ts", "s3.ts", "s4.ts", "s7.ts"], &[]);
}

/// The same where media is in the order of the file: it becomes the file that it would have been.
#[test]
fn files_are_written_anew() {
    if media::skip_without_ffmpeg("repair: holes of a .ts and an .mkv") {
        return;
    }
    let site = Site::transport_stream();
    for missing in [
        &["s1.ts", "s3.ts", "s4.ts", "s7.ts"][..],
        &["s0.ts", "s1.ts"],
        &["s7.ts"],
    ] {
        site.check_bytes("/index.m3u8", missing, &[]);
    }
}

/// Tracks of their own are interleaved by time, whenever they came.
#[test]
fn tracks_of_transport_streams_are_mended() {
    if media::skip_without_ffmpeg("repair: a .ts and an .mkv with separate audio") {
        return;
    }
    let site = Site::transport_streams();
    site.check_bytes(
        "/master.m3u8",
        &["s0_2.ts", "s0_6.ts", "s1_2.ts", "s1_3.ts", "s1_6.ts"],
        &[],
    );
    site.check_bytes("/master.m3u8", &["s1_3.ts", "s0_7.ts", "s1_7.ts"], &[]);
    // The first segment of the picture tells of a stream that a .ts has second.
    for kind in ANEW {
        site.check("/master.m3u8", kind, &["s0_0.ts", "s1_3.ts", "s0_7.ts"], &[]);
    }
}

/// Segments whose samples are encrypted are decrypted on the way into the holes.
#[test]
fn holes_of_encrypted_samples_are_filled() {
    if media::skip_without_ffmpeg("repair: a .ts and an .mkv of SAMPLE-AES") {
        return;
    }
    let site = Site::transport_stream();
    site.encrypt_samples();
    site.check_bytes("/index.m3u8", &["s1.ts", "s3.ts", "s4.ts", "s7.ts"], &[]);
    site.check_bytes("/index.m3u8", &["s0.ts", "s5.ts"], &[]);
}

/// What is still missing stays missing, and can be filled in another time: a hole in pieces too.
#[test]
fn files_are_written_anew_bit_by_bit() {
    if media::skip_without_ffmpeg("repair: a .ts and an .mkv bit by bit") {
        return;
    }
    let site = Site::transport_stream();
    site.check_bit_by_bit(
        "/index.m3u8",
        &["s1.ts", "s3.ts", "s4.ts", "s5.ts"],
        &[&["s3.ts", "s5.ts"], &["s3.ts"]],
    );
}

/// What has been filled is no hole of the file any more when its end comes.
#[test]
fn the_end_comes_last() {
    if media::skip_without_ffmpeg("repair: a .ts and an .mkv, their ends last") {
        return;
    }
    let site = Site::transport_stream();
    site.check_bit_by_bit("/index.m3u8", &["s2.ts", "s7.ts"], &[&["s7.ts"]]);
}

/// Holes of two tracks lie across each other, also when one has come to be in pieces.
#[test]
fn tracks_of_a_transport_stream_bit_by_bit() {
    if media::skip_without_ffmpeg("repair: a .ts and an .mkv with separate audio, bit by bit") {
        return;
    }
    let site = Site::transport_streams();
    site.check_bit_by_bit(
        "/master.m3u8",
        &[
            "s0_1.ts", "s0_2.ts", "s0_3.ts", "s0_4.ts", "s0_5.ts", "s1_2.ts", "s1_3.ts", "s1_6.ts",
        ],
        &[
            &["s0_4.ts", "s1_2.ts", "s1_3.ts", "s1_6.ts"],
            &["s0_4.ts", "s1_2.ts", "s1_6.ts"],
            &["s0_4.ts", "s1_6.ts"],
            &["s0_4.ts"],
        ],
    );
}

/// The old file stays until the new one is whole.
#[test]
fn a_repair_anew_that_is_killed_costs_nothing() {
    if media::skip_without_ffmpeg("repair: a .ts and an .mkv, killed") {
        return;
    }
    for kind in ANEW {
        let site = Site::transport_stream();
        let [film, whole] = site.check_killed(&format!("film.{kind}"), &format!("whole.{kind}"));
        assert!(content(&film) == content(&whole), "{kind}");
    }
}

#[test]
fn the_beginning_is_filled_in() {
    if media::skip_without_ffmpeg("repair: the beginning") {
        return;
    }
    Site::transport_stream().check("/index.m3u8", "mp4", &["s0.ts", "s1.ts"], &[]);
}

/// Segments that are cut anywhere: samples go on from one to the next.
#[test]
fn what_is_cut_in_two_becomes_whole() {
    if media::skip_without_ffmpeg("repair: samples across segments") {
        return;
    }
    let stream = tempfile::tempdir().unwrap();
    let words = format!("{PICTURE} -f mpegts {}", stream.path().join("all.ts").display());
    media::ffmpeg(words.split_whitespace()).unwrap();
    let all = fs::read(stream.path().join("all.ts")).unwrap();
    let packets = all.len() / 188;
    let mut playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n".to_owned();
    for (number, part) in all.chunks(packets.div_ceil(8) * 188).enumerate() {
        fs::write(stream.path().join(format!("s{number}.ts")), part).unwrap();
        writeln!(playlist, "#EXTINF:1,\ns{number}.ts").unwrap();
    }
    playlist.push_str("#EXT-X-ENDLIST\n");
    fs::write(stream.path().join("index.m3u8"), playlist).unwrap();
    let site = Site::serving(stream);
    for kind in ["mp4", "mkv"] {
        site.check("/index.m3u8", kind, &["s2.ts", "s5.ts"], &[]);
    }
}

#[test]
fn tracks_of_their_own_are_mended() {
    if media::skip_without_ffmpeg("repair: fMP4 with separate audio") {
        return;
    }
    let site = Site::new(
        "-map 0:v -map 1:a -f hls -hls_time 1 -hls_playlist_type vod -hls_segment_type fmp4 \
         -hls_fmp4_init_filename init_%v.mp4 -hls_segment_filename FOLDER/s%v_%d.m4s \
         -var_stream_map v:0,agroup:a~a:0,agroup:a -master_pl_name master.m3u8 FOLDER/index_%v.m3u8",
    );
    for kind in ["mp4", "mkv", FOLDER] {
        let [mended, whole] = site.check(
            "/master.m3u8",
            kind,
            &["s0_2.m4s", "s0_6.m4s", "s1_3.m4s", "s1_6.m4s"],
            &["init_0.mp4", "init_1.mp4"],
        );
        assert!(kind == "mp4" || content(&mended) == content(&whole), "{kind}");
    }
}

/// Subtitles, chapters, and pictures that are coded in another way from a discontinuity on, all of it encrypted.
#[test]
fn what_an_mkv_has_besides_is_as_it_was() {
    if media::skip_without_ffmpeg("repair: an .mkv with more than media") {
        return;
    }
    let stream = tempfile::tempdir().unwrap();
    let folder = stream.path().to_str().unwrap().to_owned();
    let write = |name: &str, text: &str| fs::write(stream.path().join(name), text).unwrap();
    write("film.key", "no key like it ?");
    write(
        "info",
        &format!("film.key\n{folder}/film.key\n{}\n", "07".repeat(16)),
    );
    let part = |name: &str, size: &str| {
        let words = format!(
            "{PICTURE} -f hls -hls_time 1 -hls_playlist_type vod -hls_key_info_file FOLDER/info \
             -hls_segment_filename FOLDER/{name}%d.ts FOLDER/{name}.m3u8"
        );
        let words = words.replace("160x90", size).replace("FOLDER", &folder);
        media::ffmpeg(words.split_whitespace()).unwrap();
        fs::read_to_string(stream.path().join(format!("{name}.m3u8"))).unwrap()
    };
    let (first, second) = (part("a", "160x90"), part("b", "176x100"));
    let key = second.find("#EXT-X-KEY").unwrap();
    let joined = format!(
        "{}#EXT-X-DISCONTINUITY\n{}",
        first.replace("#EXT-X-ENDLIST\n", ""),
        &second[key..]
    );
    write("index.m3u8", &joined);
    write(
        "master.m3u8",
        "#EXTM3U\n#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"en\",LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES,\
         URI=\"subs.m3u8\"\n#EXT-X-STREAM-INF:BANDWIDTH=100000,SUBTITLES=\"s\"\nindex.m3u8\n",
    );
    let mut subtitles = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n".to_owned();
    for number in 0..4 {
        writeln!(subtitles, "#EXTINF:4,\nt{number}.vtt").unwrap();
        let cue = |second: u32| {
            let second = number * 4 + second;
            format!("00:{second:02}.250 --> 00:{second:02}.900\ncue at {second}\n\n")
        };
        let cues: String = (0..4).map(cue).collect();
        write(&format!("t{number}.vtt"), &format!("WEBVTT\n\n{cues}"));
    }
    subtitles.push_str("#EXT-X-ENDLIST\n");
    write("subs.m3u8", &subtitles);
    let site = Site::serving(stream);
    let capture = |name: &str, exit| {
        let options = ["-o", name, "--on-gap", "keep", "--chapters"];
        check_exit(&get(&site.home, &site.origin.url("/master.m3u8"), &options), exit);
        fs::read(site.path(name)).unwrap()
    };
    let whole = capture("whole.mkv", 0);
    let mend = |missing: &[&str]| {
        let name = format!("{}.mkv", missing.concat());
        site.withhold(missing);
        capture(&name, 3);
        site.withhold(&[]);
        check_exit(&site.repair(&[&site.newest()]), 0);
        site.path(&name)
    };
    for missing in [
        &["a2.ts", "a3.ts", "b2.ts"][..],
        &["b1.ts", "b7.ts"],
        &["a0.ts", "a3.ts"],
    ] {
        let mended = mend(missing);
        media::compare(&mended, &site.path("whole.mkv")).unwrap();
        assert!(fs::read(mended).unwrap() == whole, "{missing:?}");
    }
    // At a discontinuity, what is behind a gap has its time by what the playlist said of its length, and keeps it: what would
    // be at the same times is left out.
    let reference = media::packets(&site.path("whole.mkv")).unwrap();
    for missing in [&["a7.ts"], &["b0.ts"]] {
        let mended = mend(missing);
        assert_eq!(media::decode_errors(&mended).unwrap(), "", "{missing:?}");
        for (stream, reference) in media::packets(&mended).unwrap().iter().zip(&reference) {
            let (count, whole) = (stream.packets.len(), reference.packets.len());
            assert!(
                (whole - 2..=whole).contains(&count),
                "{missing:?}: {count} of {whole}"
            );
        }
    }
}

/// What is still missing stays missing, and can be filled in another time.
#[test]
fn bit_by_bit() {
    if media::skip_without_ffmpeg("repair: bit by bit") {
        return;
    }
    let site = Site::transport_stream();
    site.withhold(&["s2.ts", "s3.ts", "s5.ts"]);
    site.capture("/index.m3u8", "film.mp4", 3);
    let before = fs::read(site.path("film.mp4")).unwrap();

    let output = site.repair(&["1"]);
    check_exit(&output, 1);
    let finished = last_event(&output).unwrap();
    assert_eq!(finished["error"]["code"], "gaps", "{finished}");
    assert_eq!(fs::read(site.path("film.mp4")).unwrap(), before, "nothing came");

    site.withhold(&["s2.ts"]);
    let output = site.repair(&["1"]);
    check_exit(&output, 3);
    let finished = last_event(&output).unwrap();
    assert_eq!(finished["gaps"][0]["sequence"], 2, "{finished}");
    assert_eq!(finished["gaps"].as_array().unwrap().len(), 1);
    assert_eq!(media::decode_errors(&site.path("film.mp4")).unwrap(), "");

    site.withhold(&[]);
    let begin = site.origin.requests().len();
    check_exit(&site.repair(&["1"]), 0);
    assert_eq!(site.asked_since(begin), ["s2.ts"]);
    site.capture("/index.m3u8", "whole.mp4", 0);
    media::compare(&site.path("film.mp4"), &site.path("whole.mp4")).unwrap();

    let output = site.repair(&["1"]);
    check_exit(&output, 2);
    assert!(
        stderr(&output).contains("there is nothing to repair"),
        "{}",
        stderr(&output)
    );
}

/// Until the mended file is whole, the one that is there stays as it is.
#[test]
fn a_repair_that_is_killed_costs_nothing() {
    if media::skip_without_ffmpeg("repair: killed") {
        return;
    }
    let site = Site::transport_stream();
    let [film, whole] = site.check_killed("film.mp4", "whole.mp4");
    media::compare(&film, &whole).unwrap();
}

/// The file is replaced at one moment, and the journal knows at another.
#[cfg(unix)]
#[test]
fn a_repair_that_is_killed_when_it_is_over() {
    if media::skip_without_ffmpeg("repair: killed when it is over") {
        return;
    }
    for kind in ["mp4", FOLDER] {
        let site = Site::transport_stream();
        let [film, whole] = ["film", "whole"].map(|name| format!("{name}.{kind}"));
        site.withhold(&["s2.ts", "s5.ts"]);
        site.capture("/index.m3u8", &film, 3);
        site.withhold(&[]);
        let before = content(&site.path(&film));
        let killed_at = |point: Failpoint| {
            let mut weir = site.home.weir();
            let output = weir
                .args(["repair", "1"])
                .env("WEIR_FAILPOINT", point.name())
                .output();
            let signal = std::os::unix::process::ExitStatusExt::signal(&output.unwrap().status);
            assert_eq!(signal, Some(9), "{point:?} is not passed");
        };
        killed_at(Failpoint::Announced);
        assert!(content(&site.path(&film)) == before);
        killed_at(Failpoint::Published);
        site.capture("/index.m3u8", &whole, 0);
        let [film, whole] = [film, whole].map(|name| playable(&site.path(&name)));
        media::compare(&film, &whole).unwrap();
        let over = site.repair(&["1"]);
        check_exit(&over, 2);
        let finished = last_event(&over).unwrap();
        let message = finished["error"]["message"].as_str().unwrap();
        assert!(message.contains("there is nothing to repair"), "{message}");
        assert_eq!(site.leftovers(), Vec::<String>::new());
    }
}

/// A folder that has something else in it is none of Weir's any more, and keeps it.
#[test]
fn a_folder_that_has_changed_is_left_alone() {
    if media::skip_without_ffmpeg("repair: a folder that has changed") {
        return;
    }
    let site = Site::transport_stream();
    site.withhold(&["s2.ts"]);
    site.capture("/index.m3u8", "film.folder", 3);
    site.withhold(&[]);
    let notes = site.path("film.folder").join("notes.txt");
    fs::write(&notes, "mine").unwrap();
    let before = content(&site.path("film.folder"));
    let refused = site.repair(&["1"]);
    check_exit(&refused, 1);
    let said = last_event(&refused).unwrap()["error"]["message"].to_string();
    assert!(said.contains("is not the file that it made"), "{said}");
    assert!(content(&site.path("film.folder")) == before);
    fs::remove_file(notes).unwrap();
    check_exit(&site.repair(&["1"]), 0);
}

#[test]
fn what_cannot_be_repaired_says_why() {
    if media::skip_without_ffmpeg("repair: refusals") {
        return;
    }
    let site = Site::transport_stream();
    let refusal = |arguments: &[&str], exit, words: &str| {
        let output = site.repair(arguments);
        check_exit(&output, exit);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
        assert!(said.contains(words), "{said}");
    };
    site.withhold(&["s2.ts"]);
    site.capture("/index.m3u8", "film.mp4", 3);
    refusal(&["9"], 1, "there is no capture 9");
    site.withhold(&[]);
    let whole = fs::read(site.path("film.mp4")).unwrap();
    fs::write(site.path("film.mp4"), &whole[..whole.len() - 1]).unwrap();
    refusal(&["1"], 1, "is not the file that it made");
    fs::write(site.path("film.mp4"), &whole).unwrap();
    let playlist = site.stream.path().join("index.m3u8");
    let text = fs::read_to_string(&playlist).unwrap();
    fs::write(&playlist, text.replace("s6.ts", "other.ts")).unwrap();
    refusal(&["1"], 1, "is not what it was");
    assert_eq!(fs::read(site.path("film.mp4")).unwrap(), whole);
    fs::write(&playlist, text).unwrap();
    check_exit(&site.repair(&["1"]), 0);
}

/// What has a token is asked for again by whoever has another.
#[test]
fn arguments_that_are_not_kept_are_given_again() {
    if media::skip_without_ffmpeg("repair: arguments") {
        return;
    }
    let site = Site::transport_stream();
    site.withhold(&["s2.ts"]);
    site.capture("/index.m3u8?token=first", "film.mp4", 3);
    site.withhold(&[]);
    let output = site.repair(&["1"]);
    check_exit(&output, 2);
    assert!(
        stderr(&output).contains("give the arguments"),
        "{}",
        stderr(&output)
    );
    let url = site.origin.url("/index.m3u8?token=second");
    let output = site.repair(&["1", &url, "--allow-private", "-o", "film.mp4", "--json"]);
    check_exit(&output, 0);
    assert_eq!(last_event(&output).unwrap()["verdict"], "complete");
    assert_eq!(media::decode_errors(&site.path("film.mp4")).unwrap(), "");
}

/// Cues that count from where the presentation begins: it begins earlier when its beginning has come.
#[test]
fn subtitles_are_at_their_times_when_the_beginning_comes_last() {
    if media::skip_without_ffmpeg("repair: subtitles and the beginning") {
        return;
    }
    let site = Site::transport_stream();
    site.add_subtitles();
    site.capture("/master.m3u8", "whole.mp4", 0);
    site.withhold(&["s0.ts", "s3.ts"]);
    site.capture("/master.m3u8", "film.mp4", 3);
    media::compare(&site.path("film.mp4"), &site.path("whole.mp4")).unwrap_err();
    site.withhold(&[]);
    check_exit(&site.repair(&[&site.newest()]), 0);
    media::compare(&site.path("film.mp4"), &site.path("whole.mp4")).unwrap();
    let subtitles = |name: &str| {
        let streams = media::packets(&site.path(name)).unwrap();
        let subtitles = streams.into_iter().find(|stream| stream.kind == "subtitle");
        let packets = subtitles.unwrap().packets.into_iter();
        let times: Vec<_> = packets.map(|packet| (packet.pts_seconds, packet.size)).collect();
        times
    };
    assert_eq!(subtitles("film.mp4"), subtitles("whole.mp4"));
}

/// Holes of subtitles are full of samples that show nothing: they stay, and are told.
#[test]
fn subtitles_stay_missing_and_are_told() {
    if media::skip_without_ffmpeg("repair: subtitles") {
        return;
    }
    let site = Site::transport_stream();
    site.add_subtitles();
    site.withhold(&["s2.ts", "t1.vtt"]);
    let finished = site.capture("/master.m3u8", "film.mp4", 3);
    assert_eq!(finished["gaps"].as_array().unwrap().len(), 2, "{finished}");
    site.withhold(&[]);
    let output = site.repair(&["1"]);
    check_exit(&output, 3);
    let finished = last_event(&output).unwrap();
    assert_eq!(finished["gaps"].as_array().unwrap().len(), 1, "{finished}");
    assert_eq!(finished["gaps"][0]["track"], 1, "{finished}");
    check_exit(&site.repair(&["1"]), 1);
}
