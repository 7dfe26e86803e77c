//! What is shipped, as those who have no Rust get it: from the archives in `target/package`, which `cargo xtask test --only
//! package` has just packed, through `install.sh` in an empty home, to a captured file, and back to nothing.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on should say so at once"
)]

mod browsers;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use weir_tests::binary::{EXTENSION_ORIGIN, Host};
use weir_tests::media;
use weir_tests::origin::Origin;
use weir_tests::program;
use weir_tests::streams::committed_stream;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const MANIFEST: &str = "io.github.weir_hls.weir.json";

/// A home with nothing in it but a profile of Chromium and one of Firefox, and the unpacked archive.
struct Person {
    home: tempfile::TempDir,
    archive: PathBuf,
}

fn packages() -> PathBuf {
    program::target_folder().join("package")
}

fn name_of(ends: &str) -> PathBuf {
    let mut found: Vec<PathBuf> = fs::read_dir(packages())
        .unwrap() // packed by `cargo xtask test --only package`
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(ends))
        .collect();
    assert_eq!(found.len(), 1, "{ends}: {found:?}");
    found.remove(0)
}

fn unpack(archive: &Path, folder: &Path) {
    let mut tar = Command::new("tar");
    let status = tar.arg("xzf").arg(archive).current_dir(folder).status();
    assert!(status.unwrap().success());
}

/// Unpacks the archive of the host: its folder.
fn unpacked_host(into: &Path) -> PathBuf {
    let archive = name_of(".tar.gz");
    unpack(&archive, into);
    let name = archive.file_name().unwrap().to_str().unwrap();
    into.join(name.trim_end_matches(".tar.gz"))
}

/// Unpacks a package of the extension.
fn unzip(ends: &str, into: &Path) {
    let archive = fs::File::open(name_of(ends)).unwrap();
    zip::ZipArchive::new(archive).unwrap().extract(into).unwrap();
}

/// A command in a home, with what a system has and nothing of Rust.
fn command_in(home: &Path, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .current_dir(home)
        .stdin(Stdio::null());
    command
}

impl Person {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        for profile in [".config/chromium", ".mozilla/firefox"] {
            fs::create_dir_all(home.path().join(profile)).unwrap();
            fs::write(home.path().join(profile).join("profile"), "").unwrap();
        }
        let downloads = home.path().join("Downloads");
        fs::create_dir(&downloads).unwrap();
        let archive = unpacked_host(&downloads);
        Self { home, archive }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        command_in(self.home.path(), program)
    }

    fn script(&self, arguments: &[&str]) -> Output {
        let mut script = self.command("/bin/sh");
        script.arg(self.archive.join("install.sh")).args(arguments);
        script.output().unwrap()
    }

    /// Runs `install.sh`, which has to do it.
    #[track_caller]
    fn does(&self, arguments: &[&str]) -> String {
        let output = self.script(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// All files, with their content and rights; without the archive and the log.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>, u32)> {
        fn below(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>, u32)>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    below(&path, files);
                } else {
                    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
                    files.push((path.clone(), fs::read(&path).unwrap(), mode));
                }
            }
        }
        let mut files = Vec::new();
        below(self.home.path(), &mut files);
        files.retain(|(path, ..)| !path.starts_with(&self.archive) && !path.ends_with("weir.log"));
        files.sort();
        files
    }

    fn manifest(&self, folder: &str) -> Value {
        let text = fs::read(self.path(folder).join(MANIFEST)).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

#[test]
fn what_install_sh_refuses() {
    let person = Person::new();
    let before = person.files();
    for (arguments, code, words) in [
        (&["--frobnicate"][..], 2, "unknown option: --frobnicate"),
        (&["--prefix"], 2, "--prefix needs a value"),
        (&["--browser", "netscape"], 2, "unknown browser \"netscape\""),
    ] {
        let output = person.script(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(code) && said.contains(words),
            "{output:?}"
        );
    }
    person.does(&["--uninstall"]);
    assert_eq!(person.files(), before);
    // A program for another machine is not installed.
    fs::write(person.archive.join("weir"), "\x7fELF of elsewhere").unwrap();
    let output = person.script(&[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(1) && said.contains("does not run on this machine"),
        "{output:?}"
    );
    assert_eq!(person.files(), before);
}

#[test]
fn another_place_and_another_browser() {
    let person = Person::new();
    // A folder with a space, and one that is relative.
    person.does(&["--prefix", "my programs", "--browser", "vivaldi"]);
    let program = person.path("my programs/bin/weir");
    assert!(program.is_file() && !person.path(".local/bin").exists());
    assert_eq!(
        person.manifest(".config/vivaldi/NativeMessagingHosts")["path"],
        json!(program)
    );
    assert!(!person.path(".config/chromium/NativeMessagingHosts").exists());
    person.does(&["--uninstall", "--prefix", "my programs"]);
    assert!(!program.exists() && !person.path(".config/vivaldi").exists());
    // Without a browser the program is there all the same, and says what to do.
    for profile in [".config", ".mozilla"] {
        fs::remove_dir_all(person.path(profile)).unwrap();
    }
    let mut script = person.command("/bin/sh");
    script.arg(person.archive.join("install.sh")).env("PATH", tools());
    let output = script.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("no browser was found"),
        "{output:?}"
    );
    assert!(person.path(".local/bin/weir").is_file());
}

/// A search path with the system's tools and none of its browsers.
fn tools() -> PathBuf {
    static TOOLS: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    let folder = TOOLS.get_or_init(|| tempfile::tempdir().unwrap()).path();
    for name in ["chmod", "cp", "dirname", "mkdir", "mv", "rm", "rmdir", "uname"] {
        let _ = std::os::unix::fs::symlink(program::find(name).unwrap(), folder.join(name));
    }
    folder.to_owned()
}

#[test]
fn digests_are_true() {
    let sums = fs::read_to_string(name_of("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), 3, "{sums}");
    let check = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(packages())
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");
}

#[test]
fn the_extension_is_whole_for_both_browsers() {
    for (ends, folder) in [("chromium.zip", "chromium"), ("firefox.xpi", "firefox")] {
        let unpacked = tempfile::tempdir().unwrap();
        unzip(ends, unpacked.path());
        // The same files as those that the browser tests load.
        let loaded = program::extension(folder).unwrap();
        let same = Command::new("diff")
            .arg("-r")
            .args([loaded.as_path(), unpacked.path()])
            .output()
            .unwrap();
        assert!(same.status.success(), "{same:?}");
        let manifest = fs::read(unpacked.path().join("manifest.json")).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(manifest["version"], VERSION);
        assert!(unpacked.path().join("generated/weir_wasm_bg.wasm").is_file());
    }
}

#[test]
fn from_nothing_to_a_captured_file_and_back() {
    let person = Person::new();
    let before = person.files();
    let said = person.does(&[]);
    let program = person.path(".local/bin/weir");
    assert!(
        said.contains(&format!("installed weir {VERSION} as {}", program.display())),
        "{said}"
    );
    assert!(said.contains("to use it in a terminal, add "), "{said}");
    for name in ["chromium: ", "firefox: "] {
        assert!(said.contains(name), "{said}");
    }
    for folder in [
        ".config/chromium/NativeMessagingHosts",
        ".mozilla/native-messaging-hosts",
    ] {
        assert_eq!(person.manifest(folder)["path"], json!(program));
    }
    // A second time changes nothing.
    let installed = person.files();
    person.does(&[]);
    assert_eq!(person.files(), installed);
    for file in [
        ".local/share/man/man1/weir.1",
        ".local/share/man/man1/weir-get.1",
        ".local/share/bash-completion/completions/weir",
        ".local/share/fish/vendor_completions.d/weir.fish",
        ".local/share/zsh/site-functions/_weir",
    ] {
        let text = fs::read_to_string(person.path(file)).unwrap();
        assert!(text.contains("weir"), "{file}");
    }
    let doctor = person.command(&program).arg("doctor").output().unwrap();
    assert!(doctor.status.success(), "{doctor:?}");

    // In a terminal.
    let origin = Origin::start().unwrap();
    origin.directory("/", committed_stream());
    let url = origin.url("/high/index.m3u8");
    let get = person
        .command(&program)
        .args(["get", &url, "--allow-private", "-q", "-o", "terminal.mp4"])
        .output()
        .unwrap();
    assert!(get.status.success(), "{get:?}");
    // As the browser does: through the manifest, as its extension.
    let named = person.manifest(".config/chromium/NativeMessagingHosts");
    let mut host = Host::start(
        person
            .command(named["path"].as_str().unwrap())
            .arg(EXTENSION_ORIGIN),
    )
    .unwrap();
    assert_eq!(host.greet().unwrap()["hostVersion"], VERSION);
    let segments: Vec<Value> = (0..4)
        .map(|n| json!({"sequence": n, "url": origin.url(&format!("/high/seg00{n}.ts")), "durationSeconds": 2.0}))
        .collect();
    let track = json!({"kind": "video", "playlist": url, "segments": segments});
    let plan = json!({"source": url, "title": "browser", "live": false, "tracks": [track]});
    host.ask(&json!({"type": "start", "id": 1, "job": "film", "plan": plan}))
        .unwrap();
    let finished = host.finished("film").unwrap();
    assert_eq!(finished["verdict"], "complete", "{finished}");
    let output = PathBuf::from(finished["output"].as_str().unwrap());
    assert!(output.starts_with(person.path("Downloads/Weir")), "{finished}");
    if !media::skip_without_ffmpeg("from_nothing_to_a_captured_file_and_back") {
        let source = committed_stream().join("high/index.m3u8");
        let frames = media::decoded_frames_md5(&source).unwrap();
        for file in [&output, &person.path("terminal.mp4")] {
            assert!(
                media::decoded_frames_md5(file).unwrap() == frames,
                "{}",
                file.display()
            );
        }
    }
    drop(host);

    // And back.
    person.does(&["--uninstall"]);
    person.does(&["--uninstall"]);
    let left: Vec<PathBuf> = person.files().into_iter().map(|(path, ..)| path).collect();
    let mut expected: Vec<PathBuf> = before.into_iter().map(|(path, ..)| path).collect();
    expected.extend([output, person.path("terminal.mp4")]);
    expected.sort();
    let journal = person.path(".local/share/weir");
    let left: Vec<PathBuf> = left
        .into_iter()
        .filter(|path| !path.starts_with(&journal))
        .collect();
    assert_eq!(left, expected);
    assert!(!person.path(".local/bin").exists() && !person.path(".local/share/man").exists());
}
