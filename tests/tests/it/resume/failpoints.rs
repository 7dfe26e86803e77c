//! faults.md, 34: killed at each moment at which one of two things is written that belong together. The same command again
//! makes the same files, and nothing else is left.

use std::os::unix::process::ExitStatusExt as _;

use weir::failpoint::Failpoint;

use super::*;

const SUBTITLES: &str = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:126000,LOCAL:00:00:00.000\n\n00:00.500 --> 00:01.500\nOne\n\n00:02.000 --> 00:03.000\nTwo\n";

/// The committed stream with subtitles. Its third segment comes late: there is time to bring a point to the disk.
fn origin() -> Origin {
    let origin = Origin::start().unwrap();
    origin.directory("/", committed_stream());
    let master = "#EXTM3U\n#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES,URI=\"subs.m3u8\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=1000000,SUBTITLES=\"s\"\nhigh/index.m3u8\n";
    origin.reply("/subs.vtt", Reply::ok(SUBTITLES).with_type("text/vtt"));
    for (path, playlist) in [
        ("/film.m3u8", master),
        (
            "/subs.m3u8",
            "#EXTM3U\n#EXT-X-TARGETDURATION:8\n#EXTINF:8,\nsubs.vtt\n#EXT-X-ENDLIST\n",
        ),
    ] {
        origin.reply(
            path,
            Reply::ok(playlist).with_type("application/vnd.apple.mpegurl"),
        );
    }
    let late = fs::read(committed_stream().join("high/seg002.ts")).unwrap();
    origin.reply(
        "/high/seg002.ts",
        Reply::ok(late).with_delay(Duration::from_millis(600)),
    );
    origin
}

/// What is in the folder, hidden files apart.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = PathBuf::from(path.file_name().unwrap());
        if !name.to_string_lossy().starts_with('.') {
            all.extend(
                content(&path)
                    .into_iter()
                    .map(|(below, bytes)| (name.join(below), bytes)),
            );
        }
    }
    all
}

#[track_caller]
fn check_each_point(output: &str, more: &[&str]) {
    let origin = origin();
    let url = origin.url("/film.m3u8");
    let options = [more, &["--concurrency", "2"]].concat();
    let whole = Home::new().unwrap();
    check_exit(&get(&whole, &url, &options), 0);
    let whole = files(whole.path());
    for point in Failpoint::ALL {
        // The many files of a folder are not waited for.
        if output == "film" && point == Failpoint::Synced {
            continue;
        }
        let name = point.name();
        let home = Home::new().unwrap();
        let status = home
            .weir()
            .args(["get", &url, "--allow-private", "--json"])
            .args(&options)
            .env("WEIR_FAILPOINT", &name)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.signal(), Some(9), "{output}: {name} is not passed");
        if matches!(point, Failpoint::Published | Failpoint::Over) {
            assert_eq!(jobs(&home)[0]["state"], "complete", "{output}: {name}");
        }
        let before = asked(&origin).values().sum::<usize>();
        // One that the journal knows to be over would be captured once more.
        if point != Failpoint::Told {
            check_exit(&get(&home, &url, &options), 0);
        }
        let again = asked(&origin).values().sum::<usize>() - before;
        if matches!(point, Failpoint::Published | Failpoint::Over) {
            assert_eq!(again, 0, "{output}: {name}: all was there");
        }
        let found = files(home.path());
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&whole), "{output}: {name}");
        assert!(found == whole, "{output}: {name}: other bytes");
        let jobs = jobs(&home);
        assert_eq!(jobs.len(), 1, "{output}: {name}: {jobs:?}");
        assert_eq!(jobs[0]["state"], "complete", "{output}: {name}: {jobs:?}");
        assert_eq!(
            jobs[0]["finished"]["output"],
            home.path().join(output).to_str().unwrap()
        );
    }
}

#[test]
fn row_34_killed_at_each_point_of_an_mp4() {
    check_each_point("film.mp4", &["--subs", "all", "--subs-file", "vtt"]);
}

#[test]
fn row_34_killed_at_each_point_of_a_matroska_file() {
    check_each_point(
        "film.mkv",
        &["--container", "mkv", "--subs", "all", "--subs-file", "srt"],
    );
}

#[test]
fn row_34_killed_at_each_point_of_a_transport_stream() {
    check_each_point("film.ts", &["--container", "ts", "--subs", "none"]);
}

#[test]
fn row_34_killed_at_each_point_of_a_folder() {
    check_each_point("film", &["--container", "segments", "--subs", "none"]);
}
