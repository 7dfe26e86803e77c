//! `weir get` at a loopback origin: its options, its outputs and the `--json` contract. What it makes of streams is
//! compared with ffmpeg in `captures`.

use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::binary::{Home, last_event};
use weir_tests::media;
use weir_tests::origin::{Gate, Origin, Reply};
use weir_tests::streams::committed_stream;

use super::cli::{check_exit, get, origin};

#[test]
fn json_ends_with_finished_and_has_every_field() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let output = get(
        &home,
        &origin.url("/master.m3u8"),
        &["--quality", "worst", "-o", "low.mp4"],
    );
    check_exit(&output, 0);
    for line in std::str::from_utf8(&output.stdout).unwrap().lines() {
        assert!(
            serde_json::from_str::<Value>(line).unwrap()["type"].is_string(),
            "{line}"
        );
    }
    let finished = last_event(&output).unwrap();
    assert_eq!(finished["type"], "finished");
    let keys: Vec<&str> = finished.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = [
        "bytes",
        "durationSeconds",
        "error",
        "gaps",
        "output",
        "segments",
        "tracks",
        "type",
        "verdict",
    ];
    assert!(wanted.iter().all(|key| keys.contains(key)), "{keys:?}");
    assert_eq!(finished["error"], Value::Null);
    assert_eq!(finished["tracks"][0]["kind"], "video");
    assert!(
        (finished["durationSeconds"].as_f64().unwrap() - 8.0).abs() < 0.1,
        "{finished}"
    );
    assert!(origin.requests_for("/high/index.m3u8").is_empty());
    assert_eq!(origin.requests_for("/low/seg000.ts").len(), 1);
}

#[test]
fn the_url_names_the_file_and_nothing_is_replaced() {
    let origin = Origin::start().unwrap();
    origin.directory("/films/The%20Mill/", committed_stream());
    let home = Home::new().unwrap();
    let url = origin.url("/films/The%20Mill/master.m3u8?token=secret");
    for name in ["The Mill.mp4", "The Mill (2).mp4"] {
        let output = home.run(["get", &url, "--allow-private"]).unwrap();
        check_exit(&output, 0);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            said.starts_with(home.path().join(name).to_str().unwrap()),
            "{said}"
        );
        assert!(said.contains("complete"), "{said}");
    }
    assert_eq!(
        home.run(["get", &url, "--allow-private", "-q"]).unwrap().stdout,
        b""
    );
    let log = fs::read_to_string(home.path().join(".local/state/weir/weir.log")).unwrap_or_default();
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn a_template_names_the_file() {
    let origin = Origin::start().unwrap();
    origin.directory("/films/Dams%203x04/", committed_stream());
    let home = Home::new().unwrap();
    let url = origin.url("/films/Dams%203x04/master.m3u8");
    fs::create_dir(home.path().join("films")).unwrap();
    let run = |more: &[&str]| {
        home.run([&["get", &url, "--allow-private", "--name-template"], more].concat())
            .unwrap()
    };
    let template = "{site} S{season}E{episode}{ ({quality})}";
    for (more, name) in [
        (&[template][..], "127.0.0.1 S03E04 (180p).mp4"),
        (&[template, "-o", "films"], "films/127.0.0.1 S03E04 (180p).mp4"),
    ] {
        check_exit(&run(more), 0);
        assert!(home.path().join(name).is_file(), "{name}");
    }
    for (more, words) in [
        (&["{titel}"][..], "no field \"titel\""),
        (&["../{title}"], "'/' cannot be in a file name"),
        (&[template, "-o", "film.mp4"], "-o names the file already"),
    ] {
        let output = run(more);
        check_exit(&output, 2);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn get_ts_keeps_the_transport_stream() {
    let (origin, home) = (origin(), Home::new().unwrap());
    check_exit(&get(&home, &origin.url("/high/index.m3u8"), &["-o", "out.ts"]), 0);
    if media::skip_without_ffmpeg("what a transport stream holds") {
        return;
    }
    let segments: Vec<u8> = (0..4)
        .flat_map(|n| fs::read(committed_stream().join(format!("high/seg00{n}.ts"))).unwrap())
        .collect();
    fs::write(home.path().join("source.ts"), segments).unwrap();
    let packets = |name: &str| media::packets(&home.path().join(name)).unwrap();
    media::compare_payloads(&packets("out.ts"), &packets("source.ts")).unwrap();
}

#[test]
fn get_segments_keeps_them_with_a_playlist() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let output = get(
        &home,
        &origin.url("/high/index.m3u8"),
        &["--container", "segments", "-o", "kept"],
    );
    check_exit(&output, 0);
    let folder = home.path().join("kept");
    assert_eq!(last_event(&output).unwrap()["output"], folder.to_str().unwrap());
    let names = home.files(&folder).unwrap();
    let playlist = names.iter().find(|name| name.contains(".m3u8")).unwrap();
    let again = home
        .run(["probe", folder.join(playlist).to_str().unwrap(), "--json"])
        .unwrap();
    let probed: Value = serde_json::from_slice(&again.stdout).unwrap();
    let kept: Vec<Vec<u8>> = probed["segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|segment| fs::read(folder.join(segment["url"].as_str().unwrap())).unwrap())
        .collect();
    let served: Vec<Vec<u8>> = (0..4)
        .map(|n| fs::read(committed_stream().join(format!("high/seg00{n}.ts"))).unwrap())
        .collect();
    assert!(kept == served, "the kept segments are the served ones");
}

#[test]
fn a_local_playlist_with_a_base() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let playlist = committed_stream().join("high/index.m3u8");
    let path = playlist.to_str().unwrap();
    check_exit(&get(&home, path, &["-o", "x.mp4"]), 2);
    let output = get(&home, path, &["-o", "x.mp4", "--base", &origin.url("/high/")]);
    check_exit(&output, 0);
    check_exit(
        &get(&home, &origin.url("/x"), &["--base", "http://a.example/"]),
        2,
    );
}

#[test]
fn the_key_may_come_from_the_command_line() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let key = [7_u8; 16];
    let iv = [9_u8; 16];
    let mut text =
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-KEY:METHOD=AES-128,URI=\"gone.key\"\n".to_owned();
    for n in 0..4 {
        let clear = fs::read(committed_stream().join(format!("high/seg00{n}.ts"))).unwrap();
        origin.reply(&format!("/e{n}.ts"), Reply::ok(encrypted(&key, &iv, &clear)));
        text.extend(["#EXTINF:2,\n", &format!("e{n}.ts\n")]);
    }
    text.push_str("#EXT-X-ENDLIST\n");
    origin.reply("/e.m3u8", Reply::ok(text));
    let (hex_key, hex_iv) = ("07".repeat(16), "09".repeat(16));
    let given = get(
        &home,
        &origin.url("/e.m3u8"),
        &["-o", "a.ts", "--key", &hex_key, "--iv", &hex_iv],
    );
    check_exit(&given, 0);
    check_exit(&get(&home, &origin.url("/high/index.m3u8"), &["-o", "b.ts"]), 0);
    assert!(fs::read(home.path().join("a.ts")).unwrap() == fs::read(home.path().join("b.ts")).unwrap());

    let missing = get(&home, &origin.url("/e.m3u8"), &["-o", "c.ts"]);
    check_exit(&missing, 1);
    assert_eq!(last_event(&missing).unwrap()["error"]["code"], "bad-key");

    let wrong = get(
        &home,
        &origin.url("/e.m3u8"),
        &["-o", "d.ts", "--key", &"08".repeat(16)],
    );
    check_exit(&wrong, 1);
    let error = last_event(&wrong).unwrap()["error"].clone();
    assert_eq!(error["code"], "decrypt");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .starts_with("segment 0: wrong key or corrupt"),
        "{error}"
    );
    assert_eq!(
        origin.requests_for("/e0.ts").len(),
        1 + 1 + 2,
        "what does not decrypt is fetched once more"
    );
    assert_eq!(
        home.files(home.path())
            .unwrap()
            .iter()
            .filter(|name| name.starts_with("d.ts"))
            .count(),
        0
    );
}

fn encrypted(key: &[u8; 16], iv: &[u8; 16], clear: &[u8]) -> Vec<u8> {
    use aes::cipher::block_padding::Pkcs7;
    use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
    cbc::Encryptor::<aes::Aes128>::new(key.into(), iv.into()).encrypt_padded_vec::<Pkcs7>(clear)
}

#[test]
fn gaps_are_kept_when_asked_for() {
    let (origin, home) = (origin(), Home::new().unwrap());
    origin.reply("/high/seg002.ts", Reply::status(404));
    let url = origin.url("/high/index.m3u8");
    let failed = get(&home, &url, &["-o", "a.mp4"]);
    check_exit(&failed, 1);
    let kept = get(&home, &url, &["-o", "b.mp4", "--on-gap", "keep"]);
    check_exit(&kept, 3);
    let finished = last_event(&kept).unwrap();
    assert_eq!(finished["verdict"], "incomplete");
    assert_eq!(finished["segments"]["fetched"], 3);
    let gap = &finished["gaps"][0];
    assert_eq!((&gap["track"], &gap["sequence"]), (&json!(0), &json!(2)));
    assert!((gap["startSeconds"].as_f64().unwrap() - 4.0).abs() < 0.1, "{gap}");
    assert_eq!(finished["error"]["code"], "gaps");
    assert!(home.path().join("b.mp4").exists());
}

#[test]
fn a_token_is_carried_on_where_the_server_wants_it() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let other = Origin::start().unwrap();
    other.directory("/", committed_stream());
    origin.guard("/", |request| {
        (request.query() != Some("token=s3cret")).then(|| Reply::status(403))
    });
    other.guard("/", |_| Some(Reply::status(403)));
    let output = get(&home, &origin.url("/master.m3u8?token=s3cret"), &["-o", "a.ts"]);
    check_exit(&output, 0);
    let refused = |path: &str| {
        let requests = origin.requests_for(path);
        requests
            .iter()
            .filter(|request| request.query().is_none())
            .count()
    };
    assert_eq!(refused("/high/index.m3u8"), 1, "it is tried without");
    let segments = (0..4)
        .map(|n| refused(&format!("/high/seg00{n}.ts")))
        .sum::<usize>();
    assert!(segments <= 4, "{segments}");
    // Nobody else gets it, and a server that wants something else has the last word.
    let text = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n",
        other.url("/high/seg000.ts")
    );
    origin.reply("/other.m3u8", Reply::ok(text));
    let output = get(&home, &origin.url("/other.m3u8?token=s3cret"), &["-o", "b.ts"]);
    check_exit(&output, 1);
    assert_eq!(last_event(&output).unwrap()["error"]["code"], "http-status");
    assert!(other.requests().iter().all(|request| request.query().is_none()));
}

/// bad-inputs 9 and 10: how long it plays is in the media.
#[test]
fn durations_that_are_none_are_taken_from_the_media() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let mut list = "#EXTM3U\n".to_owned();
    for (index, duration) in ["NaN", "-1", "1e308", "2"].into_iter().enumerate() {
        writeln!(list, "#EXTINF:{duration},\nhigh/seg00{index}.ts").unwrap();
    }
    list.push_str("#EXT-X-ENDLIST\n");
    origin.reply("/flawed.m3u8", Reply::ok(list));
    let output = get(&home, &origin.url("/flawed.m3u8"), &["-o", "x.mp4"]);
    check_exit(&output, 0);
    let finished = last_event(&output).unwrap();
    assert_eq!(finished["segments"]["fetched"], 4);
    let seconds = finished["durationSeconds"].as_f64().unwrap();
    assert!((7.9..8.2).contains(&seconds), "{finished}");
}

#[test]
fn a_plain_list_of_files_is_saved_as_it_is() {
    let origin = Origin::start().unwrap();
    origin.reply("/music/a.mp3", Reply::ok("ID3 one").with_type("audio/mpeg"));
    origin.reply("/music/b.mp3", Reply::ok("ID3 two").with_type("audio/mpeg"));
    let list = "#EXTM3U\n#EXTINF:12,The First\na.mp3\n#EXTINF:9,\nb.mp3\n#EXTINF:9,\nrtsp://radio.example/c\n#EXTINF:9,\ngone.mp3\n";
    origin.reply("/music/songs.m3u", Reply::ok(list));
    let home = Home::new().unwrap();
    let output = get(
        &home,
        &origin.url("/music/songs.m3u?token=secret"),
        &["--concurrency", "2"],
    );
    check_exit(&output, 3);
    let finished = last_event(&output).unwrap();
    assert_eq!(finished["verdict"], "incomplete", "{finished}");
    assert_eq!(finished["segments"]["total"], 4);
    assert_eq!(finished["segments"]["fetched"], 2);
    let warnings = finished["warnings"].to_string();
    assert!(
        warnings.contains("rtsp://radio.example/c") && warnings.contains("gone.mp3"),
        "{warnings}"
    );
    let folder = home.path().join(finished["output"].as_str().unwrap());
    assert_eq!(folder.file_name().unwrap(), "songs");
    let mut names = home.files(&folder).unwrap();
    names.sort();
    assert_eq!(names, ["The First.mp3", "b.mp3"]);
    assert_eq!(fs::read(folder.join("b.mp3")).unwrap(), b"ID3 two");

    let refused = get(&home, &origin.url("/music/songs.m3u"), &["--start", "5"]);
    check_exit(&refused, 2);
    let error = last_event(&refused).unwrap()["error"].to_string();
    assert!(error.contains("--start is about streams"), "{error}");
}

#[test]
fn as_many_are_asked_for_from_the_start_as_the_user_says() {
    const FILES: usize = 16;
    for (options, many) in [(&[][..], 8), (&["--concurrency", "12"][..], 12)] {
        let (origin, gate, home) = (Origin::start().unwrap(), Gate::new(), Home::new().unwrap());
        let mut list = "#EXTM3U\n".to_owned();
        for number in 0..FILES {
            writeln!(list, "#EXTINF:9,\n{number}.mp3").unwrap();
            let file = Reply::ok(format!("ID3 {number}")).with_type("audio/mpeg");
            origin.reply(&format!("/{number}.mp3"), file.after(&gate));
        }
        origin.reply("/songs.m3u", Reply::ok(list));
        let url = origin.url("/songs.m3u");
        thread::scope(|scope| {
            let output = scope.spawn(|| get(&home, &url, options));
            let began = Instant::now();
            while origin.in_flight() < many && began.elapsed() < Duration::from_secs(20) {
                thread::sleep(Duration::from_millis(10));
            }
            // None is answered yet: more would be here soon.
            thread::sleep(Duration::from_millis(200));
            let waiting = origin.in_flight();
            gate.open();
            check_exit(&output.join().unwrap(), 0);
            assert_eq!(waiting, many, "{options:?}");
        });
    }
}
