//! `weir doctor` on installations that are broken in every way that is known: it names the cause and the cure
//! of each, mends those that it may, and what it has mended works: the host answers through the manifest.
#![cfg(target_os = "linux")]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should say so at once"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::binary::{EXTENSION_ORIGIN, Home, Host};

const MANIFEST: &str = "io.github.weir_hls.weir.json";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A home in which Weir is registered with a Chromium and a Firefox, and nothing of the machine is seen.
struct Installation {
    home: Home,
}

impl Installation {
    fn new() -> Self {
        let this = Self {
            home: Home::new().unwrap(),
        };
        fs::create_dir(this.path("bin")).unwrap();
        for profile in [".config/chromium", ".mozilla/firefox"] {
            fs::create_dir_all(this.path(profile)).unwrap();
            fs::write(this.path(profile).join("profile"), "").unwrap();
        }
        assert_eq!(this.weir(&["install"]).0, 0);
        let (code, examination) = this.doctor(&[]);
        assert_eq!(code, 0, "{examination}");
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn chromium(&self) -> PathBuf {
        self.path(".config/chromium/NativeMessagingHosts").join(MANIFEST)
    }

    fn firefox(&self) -> PathBuf {
        self.path(".mozilla/native-messaging-hosts").join(MANIFEST)
    }

    fn command(&self) -> Command {
        let mut weir = self.home.weir();
        let path = std::env::join_paths([self.path("bin"), self.path("snap/bin")]).unwrap();
        weir.env("PATH", path).stdin(Stdio::null());
        weir
    }

    fn weir(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command().args(arguments).output().unwrap();
        let text =
            String::from_utf8(output.stdout).unwrap() + String::from_utf8_lossy(&output.stderr).as_ref();
        (output.status.code().unwrap(), text)
    }

    fn doctor(&self, arguments: &[&str]) -> (i32, Value) {
        let (code, text) = self.weir(&[&["doctor", "--json"], arguments].concat());
        (
            code,
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")),
        )
    }

    /// Changes a manifest.
    fn edit(path: &Path, change: impl Fn(&mut Value)) {
        let mut manifest: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        change(&mut manifest);
        fs::write(path, manifest.to_string()).unwrap();
    }

    /// Has the manifest of Chromium name a script.
    fn start(&self, script: &str) -> PathBuf {
        let program = self.path("bin/other");
        fs::write(&program, script).unwrap();
        mode(&program, 0o755);
        Self::edit(&self.chromium(), |manifest| manifest["path"] = json!(program));
        program
    }

    /// Starts the host as each browser does, and hears of it.
    fn check_hosts_answer(&self) {
        let origin = [EXTENSION_ORIGIN.to_owned()];
        let firefox = self.firefox();
        let id = [
            firefox.to_str().unwrap().to_owned(),
            "weir@weir-hls.github.io".to_owned(),
        ];
        for (manifest, arguments) in [(self.chromium(), &origin[..]), (firefox.clone(), &id)] {
            let manifest: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
            let mut command = Command::new(manifest["path"].as_str().unwrap());
            command.args(arguments).env("HOME", self.home.path());
            let welcome = Host::start(&mut command).unwrap().greet().unwrap();
            assert_eq!(welcome["hostVersion"], VERSION, "{welcome}");
        }
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn findings(examination: &Value, state: &str) -> Vec<Value> {
    let all = examination["findings"].as_array().unwrap();
    all.iter()
        .filter(|finding| finding["state"] == state)
        .cloned()
        .collect()
}

fn check_words(finding: &Value, code: &str, cause: &str, cure: &str) {
    let has = |field: &str, words: &str| finding[field].as_str().is_some_and(|text| text.contains(words));
    assert!(
        finding["code"] == code && has("message", cause) && has("cure", cure),
        "{code}: {cause}: {cure}: {finding}"
    );
}

/// Breaks an installation; one problem is found, with this code, and these words in cause and cure.
#[track_caller]
fn broken(damage: impl Fn(&Installation), code: &str, cause: &str, cure: &str) -> Installation {
    let installation = Installation::new();
    damage(&installation);
    let (exit, examination) = installation.doctor(&[]);
    let problems = findings(&examination, "problem");
    assert!(exit == 1 && problems.len() == 1, "{code}: {examination}");
    check_words(&problems[0], code, cause, cure);
    // For people it is one line.
    let (exit, text) = installation.weir(&["doctor"]);
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("problem: "))
        .collect();
    assert!(exit == 1 && lines.len() == 1, "{text}");
    assert!(lines[0].contains(cause) && lines[0].contains(cure), "{text}");
    installation
}

#[track_caller]
fn mends(damage: impl Fn(&Installation), code: &str, cause: &str, cure: &str, done: &str) {
    let installation = broken(damage, code, cause, cure);
    let (exit, examination) = installation.doctor(&["--fix"]);
    let mended = findings(&examination, "mended");
    assert!(exit == 0 && mended.len() == 1, "{code}: {examination}");
    check_words(&mended[0], code, cause, done);
    let (exit, examination) = installation.doctor(&["--fix"]);
    assert_eq!(
        (exit, findings(&examination, "mended").len()),
        (0, 0),
        "{examination}"
    );
    assert_eq!(findings(&examination, "problem").len(), 0, "{examination}");
    installation.check_hosts_answer();
}

/// It is nothing that `--fix` may mend: it says so, and what to do.
#[track_caller]
fn leaves(damage: impl Fn(&Installation), code: &str, cause: &str, cure: &str) {
    let installation = broken(damage, code, cause, cure);
    let (exit, examination) = installation.doctor(&["--fix"]);
    let problems = findings(&examination, "problem");
    assert!(exit == 1 && problems.len() == 1, "{code}: {examination}");
    check_words(&problems[0], code, cause, cure);
    assert_eq!(findings(&examination, "mended").len(), 0, "{examination}");
}

const REGISTER: &str = "run `weir install --browser chromium`";

#[test]
fn manifests_that_lead_nowhere_are_written_anew() {
    let check = |damage: fn(&Installation), code: &str, cause: &str| {
        mends(damage, code, cause, REGISTER, "registered /");
    };
    check(
        |it| fs::remove_file(it.chromium()).unwrap(),
        "not-registered",
        "is not there",
    );
    check(
        |it| {
            fs::remove_file(it.chromium()).unwrap();
            symlink(it.chromium(), it.chromium()).unwrap();
        },
        "manifest-unreadable",
        "cannot be read: ",
    );
    check(
        |it| fs::write(it.chromium(), "{\"name\":").unwrap(),
        "manifest-broken",
        "is not JSON",
    );
    check(
        |it| fs::write(it.chromium(), [0xff, 0xfe, 0x00]).unwrap(),
        "manifest-broken",
        "is not text",
    );
    check(
        |it| Installation::edit(&it.chromium(), |json| json["name"] = json!("com.other")),
        "manifest-broken",
        "is not a manifest of this host",
    );
    check(
        |it| Installation::edit(&it.chromium(), |json| json["path"] = json!("weir")),
        "manifest-broken",
        "names a program without its folder",
    );
    check(
        |it| {
            Installation::edit(&it.chromium(), |json| {
                json["allowed_origins"] = json!(["chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"]);
            });
        },
        "wrong-extension",
        "does not list the extension",
    );
    mends(
        |it| {
            // What is right for Chromium lets nobody in here.
            fs::copy(it.chromium(), it.firefox()).unwrap();
        },
        "wrong-extension",
        "does not list the extension",
        "run `weir install --browser firefox`",
        "registered /",
    );
    leaves(
        |it| {
            fs::remove_file(it.chromium()).unwrap();
            fs::create_dir(it.chromium()).unwrap();
        },
        "manifest-unreadable",
        "cannot be read: it is no file",
        "away, then run `weir install --browser chromium`",
    );
}

#[test]
fn programs_that_do_not_start_are_replaced_by_this_one() {
    let check = |damage: fn(&Installation), code: &str, cause: &str| {
        mends(damage, code, cause, REGISTER, "registered /");
    };
    // Installed from a folder that was moved.
    let moved = |it: &Installation| {
        let old = it.path("old");
        fs::create_dir(&old).unwrap();
        let program = it.home.weir().get_program().to_owned();
        fs::copy(&program, old.join("weir")).unwrap();
        let mut install = Command::new(old.join("weir"));
        install.args(["install", "--browser", "chromium"]);
        install.env("HOME", it.home.path()).stdout(Stdio::null());
        assert!(install.status().unwrap().success());
        fs::rename(&old, it.path("new")).unwrap();
    };
    check(moved, "program-missing", "/old/weir, which is not there");
    check(
        |it| mode(&it.start("#!/bin/sh\n"), 0o644),
        "program-not-executable",
        "which is not executable",
    );
    check(
        |it| Installation::edit(&it.chromium(), |json| json["path"] = json!(it.path("bin"))),
        "program-not-executable",
        "which is no program",
    );
    check(
        |it| drop(it.start("#!/no/such/interpreter\n")),
        "program-not-executable",
        "which cannot be started: ",
    );
    check(
        |it| drop(it.start("#!/bin/sh\necho 'GNU bash, version 5.2'\n")),
        "program-foreign",
        "asked for its version, it says \"GNU bash, version 5.2\"",
    );
    check(
        |it| drop(it.start("#!/bin/sh\necho weir 0.0.9\n")),
        "version-mismatch",
        &format!("which is version 0.0.9, and this is {VERSION}"),
    );
    // A newer one is not replaced by an older one unasked.
    leaves(
        |it| drop(it.start("#!/bin/sh\necho weir 99.0.0\n")),
        "version-mismatch",
        "which is version 99.0.0",
        "use that one, or, to go back to this one, run `weir install --browser chromium`",
    );
}

#[test]
fn a_program_that_does_not_answer_is_not_waited_for() {
    let installation = Installation::new();
    // It says nothing, and goes on when its reader has gone.
    installation.start("#!/bin/sh\nexec /bin/sleep 600\n");
    let begin = Instant::now();
    let (exit, examination) = installation.doctor(&[]);
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    assert_eq!(exit, 1);
    check_words(
        &findings(&examination, "problem")[0],
        "program-foreign",
        "does not say within 5 s what version it is",
        REGISTER,
    );
    // It does not stop saying something.
    installation.start("#!/bin/sh\nwhile :; do echo yes; done\n");
    let (exit, examination) = installation.doctor(&["--fix"]);
    check_words(
        &findings(&examination, "mended")[0],
        "program-foreign",
        "it says \"yes\"",
        "registered /",
    );
    assert_eq!(exit, 0, "{examination}");
    installation.check_hosts_answer();
}

#[test]
fn what_others_can_change_is_closed_to_them() {
    let cause = "unsafe permissions: other users can change /";
    let done = "other users can no longer change /";
    mends(
        |it| mode(&it.chromium(), 0o666),
        "unsafe-permissions",
        cause,
        "run `chmod o-w /",
        done,
    );
    mends(
        |it| mode(it.chromium().parent().unwrap(), 0o777),
        "unsafe-permissions",
        cause,
        "run `chmod o-w /",
        done,
    );
    // Behind one trouble there is another: it is not started before nobody else could have changed it.
    let installation = Installation::new();
    let ran = installation.path("ran");
    let script = format!("#!/bin/sh\necho > {}\necho weir 0.0.9\n", ran.display());
    mode(&installation.start(&script), 0o777);
    let (_, examination) = installation.doctor(&[]);
    assert_eq!(findings(&examination, "problem")[0]["code"], "unsafe-permissions");
    assert!(!ran.exists());
    let (exit, examination) = installation.doctor(&["--fix"]);
    let mended = findings(&examination, "mended");
    let codes: Vec<_> = mended.iter().map(|finding| finding["code"].clone()).collect();
    assert_eq!(
        (exit, codes),
        (0, vec![json!("unsafe-permissions"), json!("version-mismatch")])
    );
    installation.check_hosts_answer();
}

#[test]
fn browsers_in_a_sandbox_are_told() {
    let snap = |it: &Installation, name: &str| {
        fs::create_dir_all(it.path("snap/bin")).unwrap();
        fs::write(it.path("snap/bin").join(name), "").unwrap();
    };
    leaves(
        |it| snap(it, "vivaldi"),
        "sandboxed-browser",
        "it is a snap, and no program of the system can be started from its sandbox",
        "install vivaldi from its maker or your distribution, not as a snap",
    );
    leaves(
        |it| fs::create_dir_all(it.path(".local/share/flatpak/app/org.mozilla.firefox")).unwrap(),
        "sandboxed-browser",
        "it is a flatpak, and no",
        "install firefox from its maker or your distribution, not as a flatpak",
    );
    // Where there is another that works, the one that does not is no problem.
    let installation = Installation::new();
    snap(&installation, "chromium");
    fs::write(installation.path("bin/chromium"), "").unwrap();
    let (exit, examination) = installation.doctor(&[]);
    let notes = findings(&examination, "note");
    let note = notes
        .iter()
        .find(|note| note["code"] == "sandboxed-browser")
        .unwrap();
    assert!(
        note["message"]
            .as_str()
            .unwrap()
            .contains("the chromium that is no snap"),
        "{note}"
    );
    assert_eq!((exit, &note["browser"]), (0, &json!("chromium")));
    // Firefox has a way out of its snap, and reads the manifest of every Firefox.
    let installation = Installation::new();
    fs::remove_dir_all(installation.path(".mozilla")).unwrap();
    snap(&installation, "firefox");
    let (exit, examination) = installation.doctor(&["--fix"]);
    assert_eq!(exit, 0, "{examination}");
    assert_eq!(findings(&examination, "mended")[0]["code"], "not-registered");
    let notes = findings(&examination, "note");
    assert!(
        notes
            .iter()
            .any(|note| note["code"] == "sandboxed-browser" && note["browser"] == "firefox")
    );
    installation.check_hosts_answer();
}

#[test]
fn settings_and_folders_that_stand_in_the_way() {
    let settings = |it: &Installation, text: &str| {
        fs::create_dir_all(it.home.settings().parent().unwrap()).unwrap();
        fs::write(it.home.settings(), text).unwrap();
    };
    leaves(
        |it| settings(it, "output_folder = \n"),
        "settings",
        "line 1, column",
        "correct or delete the settings file",
    );
    leaves(
        |it| settings(it, "output_folder = \"/no/such/folder\"\n"),
        "output-folder",
        "/no/such/folder is not there",
        "make that folder, or choose another",
    );
    leaves(
        |it| settings(it, "output_folder = \"/proc\"\n"),
        "output-folder",
        "captures cannot be written to /proc: ",
        "choose another folder",
    );
    leaves(
        |it| {
            fs::remove_dir_all(it.path("Downloads")).unwrap();
            fs::write(it.path("Downloads"), "").unwrap();
        },
        "output-folder",
        "cannot be made",
        "make that folder, or choose another",
    );
    let journal = |it: &Installation| it.path(".local/share/weir");
    mends(
        |it| {
            fs::create_dir_all(journal(it)).unwrap();
            mode(&journal(it), 0o755);
        },
        "journal",
        "other users can look into /",
        "run `chmod 700 /",
        "is for you alone now",
    );
    leaves(
        |it| {
            fs::create_dir_all(it.path(".local/share")).unwrap();
            fs::write(journal(it), "").unwrap();
        },
        "journal",
        "/.local/share/weir is no folder",
        "move /",
    );
    leaves(
        |it| {
            fs::create_dir_all(journal(it)).unwrap();
            mode(&journal(it), 0o700);
            fs::write(journal(it).join("journal.sqlite"), "no database ".repeat(500)).unwrap();
        },
        "journal",
        "interrupted captures are not remembered: ",
        "away, and Weir makes a new one",
    );
}

#[test]
fn no_browser_at_all() {
    let home = Home::new().unwrap();
    let run = |arguments: &[&str]| {
        let mut weir = home.weir();
        weir.env("PATH", home.path()).stdin(Stdio::null());
        weir.args(arguments).output().unwrap()
    };
    let output = run(&["doctor", "--json"]);
    let examination: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{examination}");
    check_words(
        &findings(&examination, "problem")[0],
        "no-browser",
        "no browser was found",
        "name yours: `weir install --browser NAME`",
    );
    // Fields are always there.
    let finding = &examination["findings"][0];
    assert!(finding.as_object().unwrap().contains_key("browser"), "{finding}");
    assert_eq!(run(&["install"]).status.code(), Some(2));
}

/// Every file and folder below one, with its content and when it was written.
fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>, Option<std::time::SystemTime>)> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            entries.push((path.clone(), Vec::new(), None));
            entries.extend(tree(&path));
        } else {
            let written = fs::metadata(&path).unwrap().modified().unwrap();
            entries.push((path.clone(), fs::read(&path).unwrap(), Some(written)));
        }
    }
    entries.retain(|(path, ..)| !path.to_string_lossy().contains("/.local/state"));
    entries.sort();
    entries
}

#[test]
fn every_browser_is_registered_once_and_nothing_is_left_behind() {
    let home = Home::new().unwrap();
    let run = |arguments: &[&str]| {
        let output = home.run(arguments.iter().copied()).unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["--version"]);
    fs::create_dir(home.path().join(".config")).unwrap();
    let before = tree(home.path());
    let text = run(&["install", "--browser", "all"]);
    for name in [
        "brave",
        "chrome",
        "chromium",
        "edge",
        "firefox",
        "librewolf",
        "opera",
        "vivaldi",
    ] {
        assert!(
            text.lines().any(|line| line.starts_with(&format!("{name}: /"))),
            "{text}"
        );
    }
    let installed = tree(home.path());
    let manifests = installed.iter().filter(|(path, ..)| path.ends_with(MANIFEST));
    assert_eq!(manifests.count(), text.lines().count(), "{text}");
    run(&["install", "--browser", "all"]);
    assert_eq!(tree(home.path()), installed, "a second time changes nothing");
    // Opera reads Chrome's manifest too: without Chrome it goes with Opera, else it stays.
    let chrome = home.path().join(".config/google-chrome");
    run(&["uninstall", "--browser", "opera"]);
    assert!(!chrome.exists() && !home.path().join(".config/opera").exists());
    run(&["install", "--browser", "opera"]);
    fs::write(chrome.join("Local State"), "").unwrap();
    run(&["uninstall", "--browser", "opera"]);
    assert!(chrome.join("NativeMessagingHosts").join(MANIFEST).is_file());
    fs::remove_file(chrome.join("Local State")).unwrap();
    let text = run(&["uninstall"]);
    assert!(text.contains("chrome: removed /"), "{text}");
    assert_eq!(tree(home.path()), before, "nothing is left behind");
    assert_eq!(run(&["uninstall"]), "nothing was registered\n");
}
