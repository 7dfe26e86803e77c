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
        let output = get(
            &self.home,
            &self.origin.url(playlist),
            &["-o", name, "--on-gap", "keep"],
        );
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
    /// fetched again than `besides`.
    fn check(&self, playlist: &str, missing: &[&str], besides: &[&str]) {
        self.withhold(missing);
        let finished = self.capture(playlist, "film.mp4", 3);
        assert_eq!(
            finished["gaps"].as_array().unwrap().len(),
            missing.len(),
            "{finished}"
        );
        self.withhold(&[]);
        let begin = self.origin.requests().len();
        let output = self.repair(&["1"]);
        check_exit(&output, 0);
        let mut wanted: Vec<&str> = missing.iter().chain(besides).copied().collect();
        wanted.sort_unstable();
        assert_eq!(self.asked_since(begin), wanted);
        let finished = last_event(&output).unwrap();
        assert_eq!(finished["verdict"], "complete", "{finished}");
        assert_eq!(finished["gaps"], serde_json::json!([]));

        self.capture(playlist, "whole.mp4", 0);
        let (film, whole) = (self.path("film.mp4"), self.path("whole.mp4"));
        media::compare(&film, &whole).unwrap();
        assert_eq!(
            media::decoded_frames_md5(&film).unwrap(),
            media::decoded_frames_md5(&whole).unwrap()
        );
        assert_eq!(media::decode_errors(&film).unwrap(), "");
        assert_eq!(self.leftovers(), Vec::<String>::new());
    }

    /// The same of a `.ts`, which becomes byte for byte the file that is made without a loss.
    fn check_bytes(&self, playlist: &str, missing: &[&str]) {
        let [mended, whole] = self.check_packets(playlist, missing);
        assert!(
            fs::read(mended).unwrap() == fs::read(whole).unwrap(),
            "{missing:?}"
        );
    }

    /// The same of a `.ts`, which gets the packets that it has without a loss. Returns it, and the one without.
    fn check_packets(&self, playlist: &str, missing: &[&str]) -> [PathBuf; 2] {
        let names = [missing.join("-"), "whole".to_owned()].map(|name| format!("{name}.ts"));
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
        let mut wanted = missing.to_vec();
        wanted.sort_unstable();
        assert_eq!(self.asked_since(begin), wanted);
        let finished = last_event(&output).unwrap();
        assert_eq!(finished["verdict"], "complete", "{finished}");
        if !self.path(&names[1]).exists() {
            self.capture(playlist, &names[1], 0);
        }
        let [mended, whole] = names.map(|name| self.path(&name));
        media::compare(&mended, &whole).unwrap();
        assert_eq!(media::decode_errors(&mended).unwrap(), "");
        assert_eq!(self.leftovers(), Vec::<String>::new());
        [mended, whole]
    }

    /// What stays missing can be filled in another time, until nothing is.
    fn check_bit_by_bit(&self, playlist: &str, missing: &[&str], steps: &[&[&str]]) {
        self.withhold(missing);
        self.capture(playlist, "film.ts", 3);
        let before = fs::read(self.path("film.ts")).unwrap();
        let refused = self.repair(&["1"]);
        check_exit(&refused, 1);
        assert!(fs::read(self.path("film.ts")).unwrap() == before, "nothing came");
        for still in steps.iter().copied().chain([&[][..]]) {
            self.withhold(still);
            let output = self.repair(&["1"]);
            check_exit(&output, if still.is_empty() { 0 } else { 3 });
            let finished = last_event(&output).unwrap();
            assert_eq!(
                finished["gaps"].as_array().unwrap().len(),
                still.len(),
                "{finished}"
            );
        }
        self.capture(playlist, "whole.ts", 0);
        assert!(fs::read(self.path("film.ts")).unwrap() == fs::read(self.path("whole.ts")).unwrap());
    }

    /// A repair is killed in the middle, and the old file stays as it is; the next one makes it whole. Returns it, and one
    /// that is made without a loss.
    fn check_killed(&self, film: &str, whole: &str) -> [PathBuf; 2] {
        self.withhold(&["s2.ts", "s5.ts"]);
        self.capture("/index.m3u8", film, 3);
        let before = fs::read(self.path(film)).unwrap();
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
        assert!(fs::read(self.path(film)).unwrap() == before);
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
    Site::transport_stream().check("/index.m3u8", &["s1.ts", "s3.ts", "s4.ts", "s7.ts"], &[]);
}

/// The same in a transport stream, whose packets are in the order of the file: it becomes the file that it would have been.
#[test]
fn holes_of_a_transport_stream_are_filled() {
    if media::skip_without_ffmpeg("repair: holes of a .ts") {
        return;
    }
    let site = Site::transport_stream();
    for missing in [
        &["s1.ts", "s3.ts", "s4.ts", "s7.ts"][..],
        &["s0.ts", "s1.ts"],
        &["s7.ts"],
    ] {
        site.check_bytes("/index.m3u8", missing);
    }
}

/// Tracks of their own are interleaved by time, whenever they came.
#[test]
fn tracks_of_a_transport_stream_are_mended() {
    if media::skip_without_ffmpeg("repair: a .ts with separate audio") {
        return;
    }
    let site = Site::transport_streams();
    site.check_bytes(
        "/master.m3u8",
        &["s0_2.ts", "s0_6.ts", "s1_2.ts", "s1_3.ts", "s1_6.ts"],
    );
    site.check_bytes("/master.m3u8", &["s1_3.ts", "s0_7.ts", "s1_7.ts"]);
    // The first segment of the picture tells of a stream that this file has second.
    site.check_packets("/master.m3u8", &["s0_0.ts", "s1_3.ts", "s0_7.ts"]);
}

/// Segments whose samples are encrypted are decrypted on the way into the holes.
#[test]
fn holes_of_encrypted_samples_are_filled() {
    if media::skip_without_ffmpeg("repair: a .ts of SAMPLE-AES") {
        return;
    }
    let site = Site::transport_stream();
    site.encrypt_samples();
    site.check_bytes("/index.m3u8", &["s1.ts", "s3.ts", "s4.ts", "s7.ts"]);
    site.check_bytes("/index.m3u8", &["s0.ts", "s5.ts"]);
}

/// What is still missing stays missing, and can be filled in another time: a hole in pieces too.
#[test]
fn a_transport_stream_bit_by_bit() {
    if media::skip_without_ffmpeg("repair: a .ts bit by bit") {
        return;
    }
    let site = Site::transport_stream();
    site.check_bit_by_bit(
        "/index.m3u8",
        &["s1.ts", "s3.ts", "s4.ts", "s5.ts"],
        &[&["s3.ts", "s5.ts"], &["s3.ts"]],
    );
}

/// Holes of two tracks lie across each other, also when one has come to be in pieces.
#[test]
fn tracks_of_a_transport_stream_bit_by_bit() {
    if media::skip_without_ffmpeg("repair: a .ts with separate audio, bit by bit") {
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
fn a_repair_of_a_transport_stream_that_is_killed_costs_nothing() {
    if media::skip_without_ffmpeg("repair: a .ts, killed") {
        return;
    }
    let site = Site::transport_stream();
    let [film, whole] = site.check_killed("film.ts", "whole.ts");
    assert!(fs::read(film).unwrap() == fs::read(whole).unwrap());
}

#[test]
fn the_beginning_is_filled_in() {
    if media::skip_without_ffmpeg("repair: the beginning") {
        return;
    }
    Site::transport_stream().check("/index.m3u8", &["s0.ts", "s1.ts"], &[]);
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
    Site::serving(stream).check("/index.m3u8", &["s2.ts", "s5.ts"], &[]);
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
    site.check(
        "/master.m3u8",
        &["s0_2.m4s", "s0_6.m4s", "s1_3.m4s", "s1_6.m4s"],
        &["init_0.mp4", "init_1.mp4"],
    );
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
    let site = Site::transport_stream();
    site.withhold(&["s2.ts", "s5.ts"]);
    site.capture("/index.m3u8", "film.mp4", 3);
    site.withhold(&[]);
    let before = fs::read(site.path("film.mp4")).unwrap();
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
    assert!(fs::read(site.path("film.mp4")).unwrap() == before);
    killed_at(Failpoint::Published);
    site.capture("/index.m3u8", "whole.mp4", 0);
    media::compare(&site.path("film.mp4"), &site.path("whole.mp4")).unwrap();
    let over = site.repair(&["1"]);
    check_exit(&over, 2);
    let finished = last_event(&over).unwrap();
    let message = finished["error"]["message"].as_str().unwrap();
    assert!(message.contains("there is nothing to repair"), "{message}");
    assert_eq!(site.leftovers(), Vec::<String>::new());
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
    site.capture("/index.m3u8", "film.mkv", 3);
    refusal(&["9"], 1, "there is no capture 9");
    refusal(&["2"], 1, "capture again");
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

/// Holes of subtitles are full of samples that show nothing: they stay, and are told.
#[test]
fn subtitles_stay_missing_and_are_told() {
    if media::skip_without_ffmpeg("repair: subtitles") {
        return;
    }
    let site = Site::transport_stream();
    let write = |name: &str, text: &str| fs::write(site.stream.path().join(name), text).unwrap();
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
