//! The command line: what it refuses, how it ends, `probe`, `install` and `doctor`. What `get`
//! does is in `cli_get` and `captures`.
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
        &["get", "x", "--container", "avi"],
        &["get", "x", "--limit-rate", "fast"],
        &["get", "x", "--live-from", "yesterday"],
        &["get", "x", "--live-duration", "1h"],
        &["get", "x", "--subs-file", "ass"],
        &["get", "x", "--concurrency", "0"],
        &["get", "x", "--concurrency", "65"],
        &["get", "x", "--concurrency", "1000000"],
        &["get", "x", "--iv", "12"],
        &["get", "x", "--quality", "good"],
        &["get", "x", "--json", "-q"],
        &["jobs", "1"],
        &["resume"],
        &["resume", "film"],
        &["forget"],
        &["repair"],
        &["repair", "film"],
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
    check_exit(&get(&home, &url, &["-o", "x.avi"]), 2);
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
        "run `weir install --browser chromium`",
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
        // The file, and then the folder in which others could put another one.
        for (path, open) in [(chromium.as_path(), 0o666), (chromium.parent().unwrap(), 0o777)] {
            let safe = fs::metadata(path).unwrap().permissions();
            fs::set_permissions(path, fs::Permissions::from_mode(open)).unwrap();
            let (code, text) = doctor();
            let words = format!("unsafe permissions: other users can change {}", path.display());
            assert!(code == 1 && text.contains(&words), "{text}");
            fs::set_permissions(path, safe).unwrap();
        }
    }
    fs::create_dir_all(home.settings().parent().unwrap()).unwrap();
    fs::write(home.settings(), "colour = 1\n").unwrap();
    let (code, text) = doctor();
    assert!(
        code == 0 && text.contains("unknown key \"colour\" is ignored"),
        "{text}"
    );
    check_exit(&home.run(["uninstall", "--browser", "chromium"]).unwrap(), 0);
    assert!(!chromium.exists() && firefox.exists());
    check_exit(&home.run(["uninstall"]).unwrap(), 0);
    assert!(!firefox.exists());
}
