//! The keys of the registry and the manifests that they name, and `weir doctor` where one of them is broken.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::machine::{HOST, Machine};

/// A browser, the keys in which it looks, by their makers, and where its profiles are.
const BROWSERS: &[(&str, &[&str], &str)] = &[
    (
        "brave",
        &["BraveSoftware\\Brave-Browser", "Google\\Chrome"],
        "Local/BraveSoftware/Brave-Browser/User Data",
    ),
    ("chrome", &["Google\\Chrome"], "Local/Google/Chrome/User Data"),
    (
        "chromium",
        &["Chromium", "Google\\Chrome"],
        "Local/Chromium/User Data",
    ),
    ("edge", &["Microsoft\\Edge"], "Local/Microsoft/Edge/User Data"),
    ("firefox", &["Mozilla"], "Roaming/Mozilla/Firefox"),
    ("librewolf", &["Mozilla"], "Roaming/librewolf"),
    (
        "opera",
        &["Opera Software", "Google\\Chrome"],
        "Roaming/Opera Software/Opera Stable",
    ),
    (
        "vivaldi",
        &["Vivaldi", "Google\\Chrome"],
        "Local/Vivaldi/User Data",
    ),
];

fn key(maker: &str) -> String {
    format!("{maker}\\NativeMessagingHosts\\{HOST}")
}

fn is_of_mozilla(browser: &str) -> bool {
    ["firefox", "librewolf"].contains(&browser)
}

/// The manifest that a key names; a path that Firefox opens, too.
#[track_caller]
fn manifest(machine: &Machine, maker: &str) -> PathBuf {
    let named = machine.registered(&key(maker)).unwrap();
    assert!(
        named.starts_with("C:\\users\\") && !named.contains('/'),
        "{named}"
    );
    machine.path(&named)
}

fn read(manifest: &PathBuf) -> Value {
    serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap()
}

/// A browser has run.
fn make_profile(machine: &Machine, browser: &str) {
    let (.., profile) = BROWSERS.iter().find(|(name, ..)| *name == browser).unwrap();
    fs::create_dir_all(machine.app_data("").join(profile)).unwrap();
}

#[test]
#[ignore = "cargo xtask test --only windows"]
fn every_browser_finds_the_host_and_is_rid_of_it() {
    let machine = Machine::new();
    for (browser, makers, _) in BROWSERS {
        machine.says(0, &["install", "--browser", browser]);
        let manifests: Vec<PathBuf> = makers.iter().map(|maker| manifest(&machine, maker)).collect();
        let found = read(&manifests[0]);
        assert_eq!(found["name"], HOST, "{browser}");
        assert_eq!(found["type"], "stdio", "{browser}");
        assert_eq!(found["path"], json!(machine.program()), "{browser}");
        let (ids, id) = if is_of_mozilla(browser) {
            ("allowed_extensions", "weir@weir-hls.github.io")
        } else {
            (
                "allowed_origins",
                "chrome-extension://hfbofokbohdjbpgdbciplkcjdhiidcog/",
            )
        };
        assert_eq!(found[ids], json!([id]), "{browser}");
        // A second time changes nothing.
        let before = fs::metadata(&manifests[0]).unwrap().modified().unwrap();
        machine.says(0, &["install", "--browser", browser]);
        assert_eq!(
            fs::metadata(&manifests[0]).unwrap().modified().unwrap(),
            before,
            "{browser}"
        );
        machine.says(0, &["uninstall", "--browser", browser]);
        for (maker, manifest) in makers.iter().zip(manifests) {
            assert_eq!(machine.registered(&key(maker)), None, "{browser}: {maker}");
            assert!(!manifest.exists(), "{browser}");
        }
    }
}

#[test]
#[ignore = "cargo xtask test --only windows"]
fn all_at_once_and_one_that_goes_leaves_the_others() {
    let machine = Machine::new();
    machine.says(0, &["install", "--browser", "all"]);
    let chromium = manifest(&machine, "Microsoft\\Edge");
    let firefox = manifest(&machine, "Mozilla");
    for (browser, makers, _) in BROWSERS {
        for maker in *makers {
            let expected = if is_of_mozilla(browser) {
                &firefox
            } else {
                &chromium
            };
            assert_eq!(manifest(&machine, maker), *expected, "{browser}: {maker}");
        }
    }
    // Every browser of Chromium's has that one manifest.
    machine.says(0, &["uninstall", "--browser", "vivaldi"]);
    assert_eq!(machine.registered(&key("Vivaldi")), None);
    assert!(chromium.is_file() && machine.registered(&key("Microsoft\\Edge")).is_some());
    // That one is of two, and the other is here.
    make_profile(&machine, "firefox");
    machine.says(0, &["uninstall", "--browser", "librewolf"]);
    assert_eq!(manifest(&machine, "Mozilla"), firefox);
    assert!(firefox.is_file());
    let said = machine.says(0, &["uninstall"]);
    assert!(said.contains("edge") && said.contains("firefox"), "{said}");
    for (browser, makers, _) in BROWSERS {
        for maker in *makers {
            assert_eq!(machine.registered(&key(maker)), None, "{browser}: {maker}");
        }
    }
    assert!(!chromium.exists() && !firefox.exists());
}

#[test]
#[ignore = "cargo xtask test --only windows"]
fn those_that_are_here_are_found() {
    let machine = Machine::new();
    let said = machine.says(2, &["install"]);
    assert!(said.contains("no browser was found"), "{said}");
    // One that has run, and one that is only installed.
    make_profile(&machine, "librewolf");
    let edge = machine.app_data("Local").join("edge.exe");
    fs::write(&edge, "a program").unwrap();
    let place = format!("\"{}\"", machine.name(&edge));
    machine.register(
        "Microsoft\\Windows\\CurrentVersion\\App Paths\\msedge.exe",
        &place,
    );
    let said = machine.says(0, &["install"]);
    let is_named = |browser: &str| said.lines().any(|line| line.starts_with(&format!("{browser}: ")));
    for (browser, ..) in BROWSERS {
        let is_here = ["librewolf", "edge"].contains(browser);
        assert_eq!(is_named(browser), is_here, "{browser}: {said}");
    }
    fs::remove_file(edge).unwrap();
}

/// Registered with Edge and Firefox, which have run; nothing is wrong.
fn installed() -> Machine {
    let machine = Machine::new();
    make_profile(&machine, "edge");
    make_profile(&machine, "firefox");
    machine.says(0, &["install"]);
    machine.says(0, &["doctor"]);
    machine
}

fn findings(machine: &Machine, code: i32, arguments: &[&str], state: &str) -> Vec<Value> {
    let text = machine.says(code, &[&["doctor", "--json"], arguments].concat());
    let examination: Value = serde_json::from_str(&text).unwrap();
    let all = examination["findings"].as_array().unwrap();
    let wanted = all.iter().filter(|finding| finding["state"] == state);
    wanted.cloned().collect()
}

/// Breaks an installation: the doctor names what is broken, with this code and these words, and mends it.
#[track_caller]
fn broken(damage: impl Fn(&Machine), code: &str, words: &str) {
    let machine = installed();
    damage(&machine);
    let problems = findings(&machine, 1, &[], "problem");
    assert_eq!(problems.len(), 1, "{code}: {problems:?}");
    let message = problems[0]["message"].as_str().unwrap();
    assert!(
        problems[0]["code"] == code && message.contains(words),
        "{code}: {words}: {problems:?}"
    );
    let cure = problems[0]["cure"].as_str().unwrap();
    assert!(cure.contains("weir install --browser "), "{cure}");
    let mended = findings(&machine, 0, &["--fix"], "mended");
    assert_eq!(mended.len(), 1, "{code}: {mended:?}");
    assert_eq!(mended[0]["code"], code, "{mended:?}");
    machine.says(0, &["doctor"]);
    for maker in ["Microsoft\\Edge", "Mozilla"] {
        assert_eq!(read(&manifest(&machine, maker))["path"], json!(machine.program()));
    }
}

fn edit(machine: &Machine, maker: &str, change: impl Fn(&mut Value)) {
    let path = manifest(machine, maker);
    let mut manifest = read(&path);
    change(&mut manifest);
    fs::write(path, manifest.to_string()).unwrap();
}

#[test]
#[ignore = "cargo xtask test --only windows"]
fn the_doctor_mends_what_is_broken() {
    broken(
        |machine| machine.unregister(&key("Microsoft\\Edge")),
        "not-registered",
        "the registry does not name C:\\",
    );
    broken(
        |machine| machine.register(&key("Mozilla"), r"C:\elsewhere\weir.json"),
        "not-registered",
        "the registry does not name C:\\",
    );
    broken(
        |machine| fs::remove_file(manifest(machine, "Mozilla")).unwrap(),
        "not-registered",
        "is not there",
    );
    broken(
        |machine| fs::write(manifest(machine, "Microsoft\\Edge"), "{").unwrap(),
        "manifest-broken",
        "is not JSON",
    );
    broken(
        |machine| {
            edit(machine, "Microsoft\\Edge", |manifest| {
                manifest["path"] = json!(r"C:\gone\weir.exe");
            });
        },
        "program-missing",
        r"the manifest points to C:\gone\weir.exe, which is not there",
    );
    broken(
        |machine| {
            edit(machine, "Mozilla", |manifest| {
                manifest["allowed_extensions"] = json!(["other@example.org"]);
            });
        },
        "wrong-extension",
        "does not list the extension",
    );
    broken(
        |machine| {
            let text = machine.app_data("Local").join("weir.exe");
            fs::write(&text, "no program").unwrap();
            let name = machine.name(&text);
            edit(machine, "Mozilla", |manifest| manifest["path"] = json!(name));
        },
        "program-not-executable",
        "which cannot be started",
    );
}
