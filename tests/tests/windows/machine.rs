//! A machine with Windows, as wine has it: the prefix that `cargo xtask test --only windows` has made, and the program
//! that it has built. It has one user, so whoever holds it is alone at it, and finds nothing of those before.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

static ALONE: Mutex<()> = Mutex::new(());

/// The name of the host, of its manifests, and of the keys that name these.
pub(crate) const HOST: &str = "io.github.weir_hls.weir";

/// Whose keys of the registry a test may leave.
const VENDORS: &[&str] = &[
    "BraveSoftware",
    "Chromium",
    "Google",
    "LibreWolf",
    "Microsoft\\Edge",
    "Microsoft\\Windows\\CurrentVersion\\App Paths",
    "Mozilla",
    "Opera Software",
    "Vivaldi",
];

pub(crate) struct Machine {
    _alone: MutexGuard<'static, ()>,
    weir: PathBuf,
    prefix: PathBuf,
    /// Where programs are started.
    folder: tempfile::TempDir,
}

fn from_step(name: &str) -> PathBuf {
    let value = std::env::var_os(name);
    PathBuf::from(value.unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask test --only windows`")))
}

impl Machine {
    /// Waits until nobody is at it, and takes away what is there of Weir and of browsers.
    pub(crate) fn new() -> Self {
        let this = Self {
            _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner),
            weir: from_step("WEIR_WINDOWS_EXE"),
            prefix: from_step("WINEPREFIX"),
            folder: tempfile::tempdir().unwrap(),
        };
        for base in ["Local", "Roaming"] {
            for entry in fs::read_dir(this.app_data(base)).unwrap() {
                let entry = entry.unwrap();
                // What Windows itself has there stays.
                if !["Microsoft", "Temp"].contains(&entry.file_name().to_str().unwrap()) {
                    let path = entry.path();
                    let removed = if path.is_dir() {
                        fs::remove_dir_all(path)
                    } else {
                        fs::remove_file(path)
                    };
                    removed.unwrap();
                }
            }
            let _ = fs::remove_dir_all(this.app_data(base).join("Microsoft/Edge"));
        }
        let _ = fs::remove_dir_all(this.downloads());
        let keys = VENDORS
            .iter()
            .map(|vendor| format!("[-HKEY_CURRENT_USER\\Software\\{vendor}]"));
        let lines: Vec<String> = std::iter::once("REGEDIT4".to_owned()).chain(keys).collect();
        let script = this.folder.path().join("forget.reg");
        fs::write(&script, lines.join("\r\n\r\n") + "\r\n").unwrap();
        this.reg(&["import", "forget.reg"]);
        fs::remove_file(script).unwrap();
        this
    }

    fn user(&self) -> PathBuf {
        let users = fs::read_dir(self.prefix.join("drive_c/users")).unwrap();
        let mut users = users.map(|entry| entry.unwrap().path());
        users.find(|path| !path.ends_with("Public")).unwrap()
    }

    /// A folder for data of programs: `Local` or `Roaming`.
    pub(crate) fn app_data(&self, base: &str) -> PathBuf {
        self.user().join("AppData").join(base)
    }

    /// Where captures go unless the settings say otherwise.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.user().join("Downloads/Weir")
    }

    /// The folder in which programs are started.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where a file is that a program of Windows calls `name`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let (drive, rest) = name.split_at_checked(3).unwrap();
        let rest = rest.replace('\\', "/");
        match drive {
            r"C:\" => self.prefix.join("drive_c").join(rest),
            r"Z:\" => Path::new("/").join(rest),
            _ => panic!("{name}"),
        }
    }

    /// What a program of Windows calls this file.
    pub(crate) fn name(&self, path: &Path) -> String {
        let (drive, rest) = match path.strip_prefix(self.prefix.join("drive_c")) {
            Ok(rest) => (r"C:\", rest),
            Err(_) => (r"Z:\", path.strip_prefix("/").unwrap()),
        };
        format!("{drive}{}", rest.to_str().unwrap().replace('/', "\\"))
    }

    /// The program of Weir, as Windows calls it.
    pub(crate) fn program(&self) -> String {
        self.name(&self.weir)
    }

    /// A program of Windows.
    pub(crate) fn start(&self, program: &Path) -> Command {
        let mut wine = Command::new("wine");
        wine.arg(program).current_dir(self.folder());
        wine
    }

    pub(crate) fn weir(&self) -> Command {
        self.start(&self.weir)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.weir().args(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs `weir` to its end, which is to be this exit code; what it said.
    #[track_caller]
    pub(crate) fn says(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap() + String::from_utf8_lossy(&output.stderr).as_ref()
    }

    /// The lines of JSON that it says.
    #[track_caller]
    pub(crate) fn lines(&self, code: i32, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Windows' own program for the registry.
    fn reg(&self, arguments: &[&str]) -> Output {
        let mut wine = Command::new("wine");
        wine.arg("reg").args(arguments).current_dir(self.folder());
        wine.stdin(Stdio::null()).output().unwrap()
    }

    /// The default value of a key below `HKCU\Software`; None where there is no such key.
    pub(crate) fn registered(&self, key: &str) -> Option<String> {
        let output = self.reg(&["query", &format!("HKCU\\Software\\{key}"), "/ve"]);
        let text = String::from_utf8(output.stdout).unwrap();
        let value = text.lines().find_map(|line| line.split_once("REG_SZ"));
        value.map(|(_, value)| value.trim().to_owned())
    }

    /// Sets the default value of a key.
    pub(crate) fn register(&self, key: &str, value: &str) {
        let key = format!("HKCU\\Software\\{key}");
        let output = self.reg(&["add", &key, "/ve", "/d", value, "/f"]);
        assert!(output.status.success(), "{output:?}");
    }

    /// Takes a key away.
    pub(crate) fn unregister(&self, key: &str) {
        let output = self.reg(&["delete", &format!("HKCU\\Software\\{key}"), "/f"]);
        assert!(output.status.success(), "{output:?}");
    }
}
