//! The `weir` program under test: in a home folder of its own, on the command line and as a native host.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::program;

/// The origin that Chromium passes for Weir's extension.
pub const EXTENSION_ORIGIN: &str = "chrome-extension://hfbofokbohdjbpgdbciplkcjdhiidcog/";

/// Longest wait for anything: long, because test machines are busy; a passing test never waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home folder with nothing in it.
#[derive(Debug)]
pub struct Home {
    folder: tempfile::TempDir,
    weir: PathBuf,
}

impl Home {
    /// A new home.
    ///
    /// # Errors
    /// `weir` was not built, or no folder can be made.
    pub fn new() -> anyhow::Result<Self> {
        let weir = program::weir().context("cargo build -p weir")?;
        Ok(Self {
            folder: tempfile::tempdir()?,
            weir,
        })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where captures go unless the settings say otherwise.
    #[must_use]
    pub fn downloads(&self) -> PathBuf {
        self.path().join("Downloads/Weir")
    }

    /// The settings file on Linux.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.path().join(".config/weir/settings.toml")
    }

    /// Everything below a folder of this home, files only, sorted.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn files(&self, folder: &Path) -> anyhow::Result<Vec<String>> {
        let mut files = Vec::new();
        if folder.is_dir() {
            for entry in std::fs::read_dir(folder)? {
                files.push(entry?.file_name().to_string_lossy().into_owned());
            }
        }
        files.sort();
        Ok(files)
    }

    /// `weir` with this home, its current folder too.
    #[must_use]
    pub fn weir(&self) -> Command {
        let mut command = Command::new(&self.weir);
        command.current_dir(self.path()).env("HOME", self.path());
        for name in [
            "XDG_CONFIG_HOME",
            "XDG_STATE_HOME",
            "XDG_DATA_HOME",
            "WEIR_LOG",
            "http_proxy",
            "all_proxy",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// Runs `weir` with arguments to its end, with nothing on stdin.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Output> {
        Ok(self.weir().args(arguments).stdin(Stdio::null()).output()?)
    }

    /// Starts the native host as Chromium does.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn host(&self) -> anyhow::Result<Host> {
        Host::start(self.weir().arg(EXTENSION_ORIGIN))
    }
}

/// The end of a finished `weir get --json`: its last line.
///
/// # Errors
/// The output has no line of JSON.
pub fn last_event(output: &Output) -> anyhow::Result<Value> {
    let text = std::str::from_utf8(&output.stdout)?;
    let line = text
        .lines()
        .last()
        .with_context(|| format!("no output; stderr: {}", stderr(output)))?;
    Ok(serde_json::from_str(line)?)
}

/// What a program wrote to stderr.
#[must_use]
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running native host, and the browser's end of its pipes.
#[derive(Debug)]
pub struct Host {
    child: Child,
    stdin: Option<ChildStdin>,
    frames: Receiver<Vec<u8>>,
    passed_over: VecDeque<Value>,
}

impl Host {
    /// Starts `command` with pipes.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn()?;
        let mut stdout = child.stdout.take().context("stdout is piped")?;
        let stdin = child.stdin.take();
        let (sender, frames) = channel();
        std::thread::spawn(move || {
            let mut header = [0; 4];
            while stdout.read_exact(&mut header).is_ok() {
                let mut body = Vec::new();
                let length = u64::from(u32::from_ne_bytes(header));
                let got = stdout.by_ref().take(length).read_to_end(&mut body);
                if got.ok().map(|got| got as u64) != Some(length) || sender.send(body).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            child,
            stdin,
            frames,
            passed_over: VecDeque::new(),
        })
    }

    /// The process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// The host has closed its end.
    pub fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let stdin = self.stdin.as_mut().context("stdin is closed")?;
        stdin.write_all(bytes)?;
        Ok(stdin.flush()?)
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// The host has closed its end.
    pub fn send_bytes(&mut self, body: &[u8]) -> anyhow::Result<()> {
        self.write(&u32::try_from(body.len())?.to_ne_bytes())?;
        self.write(body)
    }

    /// Writes a frame of JSON.
    ///
    /// # Errors
    /// The host has closed its end.
    pub fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        self.send_bytes(&serde_json::to_vec(message)?)
    }

    /// Says hello and takes the answer.
    ///
    /// # Errors
    /// There is none.
    pub fn greet(&mut self) -> anyhow::Result<Value> {
        self.ask(&serde_json::json!({"type": "hello", "id": 0, "protocol": 1, "extensionVersion": "0.1.0"}))
    }

    /// Sends a request and waits for its answer; events in between are kept for [`Self::expect`].
    ///
    /// # Errors
    /// No answer.
    pub fn ask(&mut self, request: &Value) -> anyhow::Result<Value> {
        self.send(request)?;
        let id = request.get("id").cloned();
        self.expect(|frame| frame.get("re").cloned() == id)
    }

    /// The first frame, of those passed over and those to come, for which `wanted` is true.
    ///
    /// # Errors
    /// None comes.
    pub fn expect(&mut self, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        if let Some(index) = self.passed_over.iter().position(&wanted) {
            return self.passed_over.remove(index).context("a frame that is there");
        }
        loop {
            let frame = self.next_frame()?.context("the host closed its end")?;
            if wanted(&frame) {
                return Ok(frame);
            }
            self.passed_over.push_back(frame);
        }
    }

    /// The `finished` event of a job.
    ///
    /// # Errors
    /// None comes.
    pub fn finished(&mut self, job: &str) -> anyhow::Result<Value> {
        let field =
            |frame: &Value, name: &str, value: &str| frame.get(name).and_then(Value::as_str) == Some(value);
        self.expect(|frame| field(frame, "type", "finished") && field(frame, "job", job))
    }

    /// The next frame; None when the host has closed its end.
    ///
    /// # Errors
    /// Nothing for a long time, or no JSON.
    pub fn next_frame(&mut self) -> anyhow::Result<Option<Value>> {
        match self.frames.recv_timeout(PATIENCE) {
            Ok(frame) => Ok(Some(serde_json::from_slice(&frame)?)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => bail!("no frame within {PATIENCE:?}"),
        }
    }

    /// Closes the host's stdin, as a browser does that goes away.
    pub fn close(&mut self) {
        self.stdin = None;
    }

    /// Kills the process.
    ///
    /// # Errors
    /// It has ended already.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill()?)
    }

    /// Waits for the end of the process; tells how long it took.
    ///
    /// # Errors
    /// It does not end.
    pub fn wait(&mut self) -> anyhow::Result<(ExitStatus, Duration)> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status, begin.elapsed()));
            }
            anyhow::ensure!(begin.elapsed() < PATIENCE, "the host does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
