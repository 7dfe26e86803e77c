//! The command line: what it refuses, how it ends, `probe`, `install` and `doctor`. What `get` makes of
//! streams is in `cli_get`.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say so at once"
)]

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use weir_tests::binary::{Home, last_event, stderr};
use weir_tests::origin::{Gate, Origin, Reply};
use weir_tests::streams::committed_stream;

/// The committed two-level stream at an origin.
pub(super) fn origin() -> Origin {
    let origin = Origin::start().unwrap();
    origin.directory("/", committed_stream());
    origin
}

/// `weir get URL --allow-private --json` and more arguments.
pub(super) fn get(home: &Home, url: &str, more: &[&str]) -> Output {
    home.run(
        ["get", url, "--allow-private", "--json"]
            .into_iter()
            .chain(more.iter().copied()),
    )
    .unwrap()
}

#[track_caller]
pub(super) fn check_exit(output: &Output, code: i32) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        stderr(output)
    );
}

<<<<<<< HEAD
=======
/// Captures one of the streams that ffmpeg makes and compares it, packet by packet, with what ffmpeg
/// makes of it.
#[track_caller]
fn check_stream(kind: Kind) {
    let Some(stream) = streams::stream(kind).unwrap() else {
        let _ = media::skip_without_ffmpeg("a stream of ffmpeg's");
        return;
    };
    let origin = Origin::start().unwrap();
    origin.directory("/", &stream.folder);
    let home = Home::new().unwrap();
    let output = get(
        &home,
        &origin.url(&format!("/{}", stream.playlist)),
        &["-o", "out.mp4"],
    );
    check_exit(&output, 0);
    let finished = last_event(&output).unwrap();
    assert_eq!(finished["verdict"], "complete");
    let ours = home.path().join("out.mp4");
    assert_eq!(finished["output"], ours.to_str().unwrap());
    assert_eq!(finished["bytes"], fs::metadata(&ours).unwrap().len());
    let segments = &finished["segments"];
    assert_eq!(segments["total"], segments["fetched"]);
    let reference = home.path().join("reference.mp4");
    // ffmpeg copies the stream as it was before it was encrypted: it shares no decryption with Weir.
    let clear = stream
        .playlist
        .strip_prefix("encrypted/")
        .unwrap_or(stream.playlist);
    media::remux(&stream.folder.join(clear), &reference).unwrap();
    media::compare(&ours, &reference).unwrap();
    assert_eq!(media::decode_errors(&ours).unwrap(), "");
    let samples: Vec<u64> = finished["tracks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|track| track["samples"].as_u64().unwrap())
        .collect();
    let packets: Vec<u64> = media::packets(&ours)
        .unwrap()
        .iter()
        .map(|stream| stream.packets.len() as u64)
        .collect();
    assert_eq!(samples, packets);
}

#[test]
fn get_ts_clear() {
    check_stream(Kind::TsClear);
}

#[test]
fn get_ts_encrypted_with_implicit_ivs() {
    check_stream(Kind::TsImplicitIv);
}

#[test]
fn get_ts_encrypted_with_rotation_and_explicit_ivs() {
    check_stream(Kind::TsRotation);
}

#[test]
fn get_fragmented_mp4() {
    check_stream(Kind::Fmp4);
}

#[test]
fn get_separate_audio() {
    check_stream(Kind::SeparateAudio);
}

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
fn get_ts_keeps_the_transport_stream() {
    let (origin, home) = (origin(), Home::new().unwrap());
    check_exit(&get(&home, &origin.url("/high/index.m3u8"), &["-o", "out.ts"]), 0);
    let expected: Vec<u8> = (0..4)
        .flat_map(|n| fs::read(committed_stream().join(format!("high/seg00{n}.ts"))).unwrap())
        .collect();
    assert!(
        fs::read(home.path().join("out.ts")).unwrap() == expected,
        "the segments, one after the other"
    );
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
    let playlist = names.iter().find(|name| name.ends_with(".m3u8")).unwrap();
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
        text.push_str(&format!("#EXTINF:2,\ne{n}.ts\n"));
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
    assert_eq!(finished["error"]["code"], "http-status");
    assert!(home.path().join("b.mp4").exists());
}

#[test]
fn a_live_stream_is_incomplete() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let text = fs::read_to_string(committed_stream().join("high/index.m3u8")).unwrap();
    origin.reply("/high/live.m3u8", Reply::ok(text.replace("#EXT-X-ENDLIST", "")));
    let output = get(&home, &origin.url("/high/live.m3u8"), &["-o", "live.mp4"]);
    check_exit(&output, 3);
    let finished = last_event(&output).unwrap();
    assert!(
        finished["error"]["message"].as_str().unwrap().contains("live"),
        "{finished}"
    );
    assert_eq!(finished["gaps"], json!([]));
}

>>>>>>> 16dd208 (tests: captures end to end, from the command line and in a real browser)
#[test]
fn what_is_refused_exits_with_4() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let check = |arguments: &[&str], code: &str, words: &str| {
        let output = home
            .run(["get", "--json"].into_iter().chain(arguments.iter().copied()))
            .unwrap();
        check_exit(&output, 4);
        let finished = last_event(&output).unwrap();
        assert_eq!(finished["verdict"], "failed");
        assert_eq!(finished["error"]["code"], code);
        assert!(
            finished["error"]["message"].as_str().unwrap().contains(words),
            "{finished}"
        );
    };
    for url in [
        "file:///etc/passwd",
        "ftp://a.example/x.m3u8",
        "javascript:alert(1)",
    ] {
        check(&[url], "scheme-refused", "scheme not allowed");
    }
    for host in [
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "localhost.",
        "169.254.169.254",
        "10.1.2.3",
    ] {
        check(
            &[&format!("http://{host}:{}/master.m3u8", origin.address().port())],
            "private-address",
            "private address",
        );
    }
    assert_eq!(origin.requests().len(), 0);
    let drm = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://x\",\
               KEYFORMAT=\"com.apple.streamingkeydelivery\"\n#EXTINF:2,\na.ts\n#EXT-X-ENDLIST\n";
    origin.reply("/drm.m3u8", Reply::ok(drm));
    check(
        &[&origin.url("/drm.m3u8"), "--allow-private"],
        "drm",
        "Weir does not remove DRM",
    );
    let probe = home.run(["probe", &origin.url("/drm.m3u8"), "--json"]).unwrap();
    check_exit(&probe, 0);
    assert!(String::from_utf8_lossy(&probe.stdout).contains("drm"));
}

#[test]
fn unknown_and_later_options_are_usage_errors() {
    let home = Home::new().unwrap();
    for arguments in [
        &["get"][..],
        &["get", "x", "--skip-ads"],
        &["get", "x", "--container", "mkv"],
        &["get", "x", "--limit-rate", "1"],
        &["get", "x", "--live-from", "now"],
        &["get", "x", "--subs", "en"],
        &["get", "x", "--concurrency", "0"],
        &["get", "x", "--concurrency", "65"],
        &["get", "x", "--concurrency", "1000000"],
        &["get", "x", "--iv", "12"],
        &["get", "x", "--quality", "good"],
        &["get", "x", "--json", "-q"],
        &["jobs"],
        &["resume", "1"],
        &["frobnicate"],
    ] {
        let output = home.run(arguments.iter().copied()).unwrap();
        check_exit(&output, 2);
        assert!(!stderr(&output).is_empty());
    }
    check_exit(&home.run(["--help"]).unwrap(), 0);
    check_exit(&home.run(["--version"]).unwrap(), 0);
}

#[test]
fn a_folder_that_cannot_be_written_fails_before_the_network_is_touched() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let url = origin.url("/master.m3u8");
    for folder in ["/proc/", "/no/such/folder/", "/no/such/out.mp4"] {
        let output = get(&home, &url, &["-o", folder]);
        check_exit(&output, 1);
        assert_eq!(last_event(&output).unwrap()["error"]["code"], "output-folder");
    }
    check_exit(&get(&home, &url, &["-o", "x.mkv"]), 2);
    assert_eq!(origin.requests().len(), 0);
}

#[cfg(unix)]
#[test]
fn symlinks_are_refused() {
    let (origin, home) = (origin(), Home::new().unwrap());
    std::os::unix::fs::symlink("/etc/passwd", home.path().join("out.mp4")).unwrap();
    let output = get(&home, &origin.url("/master.m3u8"), &["-o", "out.mp4"]);
    check_exit(&output, 1);
    let error = last_event(&output).unwrap()["error"].clone();
    assert_eq!(error["code"], "symlink-refused");
    assert!(error["message"].as_str().unwrap().contains("refusing a symlink"));
    assert_eq!(origin.requests().len(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_job() {
    let (origin, home) = (origin(), Home::new().unwrap());
    // Files of at most 64 blocks: writing more fails with EFBIG, which is treated as a full disk is.
    let script = format!(
        "trap '' XFSZ; ulimit -f 64; exec \"$0\" get {} --allow-private --json -o out.ts",
        origin.url("/high/index.m3u8")
    );
    let weir = home.weir();
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .arg(weir.get_program())
        .current_dir(home.path())
        .env("HOME", home.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    check_exit(&output, 1);
    let finished = last_event(&output).unwrap();
    assert_eq!(finished["error"]["code"], "disk-full", "{finished}");
    assert!(!home.path().join("out.ts").exists());
}

#[cfg(unix)]
#[test]
fn an_interrupt_cancels() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let gate = Gate::new();
    origin.reply("/high/seg003.ts", Reply::ok("late").after(&gate));
    let url = origin.url("/high/index.m3u8");
    let mut command = home.weir();
    command.args(["get", &url, "--allow-private", "--json", "-o", "x.mp4"]);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while origin.requests_for("/high/seg003.ts").is_empty() {
        assert!(
            std::time::Instant::now() < deadline,
            "the last segment was not asked for"
        );
        std::thread::yield_now();
    }
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    check_exit(&output, 130);
    assert_eq!(last_event(&output).unwrap()["verdict"], "cancelled");
    assert!(
        home.files(home.path())
            .unwrap()
            .iter()
            .all(|name| !name.starts_with("x.mp4"))
    );
}

#[test]
fn probe_tells_what_is_in_a_playlist() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let probe = |arguments: &[&str]| {
        let output = home
            .run(["probe"].into_iter().chain(arguments.iter().copied()))
            .unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, text) = probe(&[&origin.url("/master.m3u8"), "--json"]);
    let probed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &probed["kind"]), (0, &json!("multivariant")));
    assert_eq!(probed["variants"].as_array().unwrap().len(), 2);
    assert_eq!(probed["variants"][0]["url"], origin.url("/high/index.m3u8"));
    let (code, text) = probe(&[&origin.url("/high/index.m3u8")]);
    assert_eq!(code, 0);
    assert!(
        text.starts_with("media playlist: 4 segments, 0:08, complete"),
        "{text}"
    );

    origin.reply(
        "/page",
        Reply::ok("<!doctype html><title>log in</title>").with_type("text/html"),
    );
    let (code, text) = probe(&[&origin.url("/page"), "--json"]);
    let failure: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, 1);
    assert!(
        failure["error"]["message"].as_str().unwrap().contains("web page"),
        "{failure}"
    );
    assert!(failure["error"].as_object().unwrap().contains_key("line"));
    let (code, text) = probe(&["no-such-file.m3u8", "--json"]);
    assert_eq!(code, 1);
    assert!(text.contains("no-such-file.m3u8"));
}

#[test]
fn install_registers_and_doctor_finds_what_is_wrong() {
    let home = Home::new().unwrap();
    let doctor = || {
        let output = home.run(["doctor"]).unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let install = |browser: &str| home.run(["install", "--browser", browser]).unwrap();
    check_exit(&install("netscape"), 2);
    for _ in 0..2 {
        check_exit(&install("chromium"), 0);
        check_exit(&install("firefox"), 0);
    }
    let manifest = |folder: &str| home.path().join(folder).join("io.github.weir_hls.weir.json");
    let (chromium, firefox) = (
        manifest(".config/chromium/NativeMessagingHosts"),
        manifest(".mozilla/native-messaging-hosts"),
    );
    let read = |path: &Path| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap();
    let written = read(&chromium);
    assert_eq!(
        written["allowed_origins"],
        json!([weir_tests::binary::EXTENSION_ORIGIN])
    );
    assert_eq!(
        written["path"],
        weir_tests::program::weir().unwrap().to_str().unwrap()
    );
    assert_eq!(
        read(&firefox)["allowed_extensions"],
        json!(["weir@weir-hls.github.io"])
    );
    let (code, text) = doctor();
    assert!(
        text.contains("ok: chromium: registered") && text.contains("ok: firefox: registered"),
        "{text}"
    );
    assert_eq!(code, 0, "{text}");

    let damage = |change: &dyn Fn(&mut Value), words: &str| {
        let mut changed = written.clone();
        change(&mut changed);
        fs::write(&chromium, serde_json::to_vec(&changed).unwrap()).unwrap();
        let (code, text) = doctor();
        let line = text
            .lines()
            .find(|line| line.starts_with("problem: chromium"))
            .unwrap_or_default();
        assert!(code == 1 && line.contains(words), "{text}");
    };
    damage(
        &|json| json["path"] = json!("/no/such/weir"),
        "run `weir install --browser chromium` again",
    );
    damage(&|json| json["path"] = json!("/etc/passwd"), "not executable");
    damage(
        &|json| json["allowed_origins"] = json!([]),
        "does not list the extension",
    );
    damage(
        &|json| json["name"] = json!("other"),
        "not a manifest of this host",
    );
    fs::write(&chromium, "{").unwrap();
    assert!(doctor().1.contains("is not JSON"));
    check_exit(&install("chromium"), 0);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&chromium, fs::Permissions::from_mode(0o666)).unwrap();
        let (code, text) = doctor();
        assert!(code == 1 && text.contains("unsafe permissions"), "{text}");
    }
    check_exit(&home.run(["uninstall", "--browser", "chromium"]).unwrap(), 0);
    assert!(!chromium.exists() && firefox.exists());
    check_exit(&home.run(["uninstall"]).unwrap(), 0);
    assert!(!firefox.exists());
}
