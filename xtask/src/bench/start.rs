//! What is measured once, beside no other program: how soon Weir begins, and how large it is.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::tools::Programs;

/// Its name on the command line.
pub(super) const ROW: &str = "start";

/// How often each is measured; the middle one counts.
const ROUNDS: usize = 11;

/// Of the plan that is handed over.
const SEGMENTS: usize = 10_000;

/// The version of the port that is spoken (PROTOCOL.md).
const PROTOCOL: u32 = 1;

/// One figure and the most that it may be.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) words: &'static str,
    pub(super) value: f64,
    pub(super) most: f64,
}

/// All of them.
///
/// # Errors
/// When Weir does not start or does not answer.
pub(super) fn measure(programs: &Programs, bench: &Path) -> Result<Vec<Fact>> {
    #[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
    let megabytes = fs::metadata(&programs.weir)?.len() as f64 / 1e6;
    Ok(vec![
        Fact {
            words: "megabytes of the weir binary",
            value: megabytes,
            most: 12.0,
        },
        Fact {
            words: "milliseconds of CPU before the first request",
            value: middle(|| cpu_before_request(programs, bench))?,
            most: 10.0,
        },
        Fact {
            words: "milliseconds from the start to the answer to hello",
            value: middle(|| hello(programs))?,
            most: 15.0,
        },
        Fact {
            words: "milliseconds until a plan of 10,000 segments is taken",
            value: middle(|| take_plan(programs))?,
            most: 50.0,
        },
    ])
}

fn middle(mut once: impl FnMut() -> Result<Duration>) -> Result<f64> {
    let mut times = (0..ROUNDS).map(|_| once()).collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    Ok(times
        .get(ROUNDS / 2)
        .map_or(f64::NAN, |time| time.as_secs_f64() * 1e3))
}

/// Ends when dropped, whatever has come of it.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How long its threads have run when its first connection is here.
fn cpu_before_request(programs: &Programs, bench: &Path) -> Result<Duration> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut weir = programs.weir();
    weir.args([
        "get",
        "--quiet",
        "--allow-private",
        &format!("http://{}/media.m3u8", listener.local_addr()?),
        "--output",
    ])
    .arg(bench.join("never.mp4"))
    .stdin(Stdio::null())
    .stdout(Stdio::null())
    .stderr(Stdio::null());
    let started = Started(weir.spawn().context("cannot start weir")?);
    let (_connection, _) = listener.accept()?;
    let mut sum = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{}/task", started.0.id()))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        let nanoseconds = text.split(' ').next().unwrap_or_default().parse()?;
        sum += Duration::from_nanos(nanoseconds);
    }
    Ok(sum)
}

/// A host on the port, as a browser starts it.
struct Port {
    stdin: ChildStdin,
    stdout: ChildStdout,
    _started: Started,
}

impl Port {
    fn open(programs: &Programs) -> Result<Self> {
        let mut weir = programs.weir();
        weir.arg("chrome-extension://hfbofokbohdjbpgdbciplkcjdhiidcog/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut started = Started(weir.spawn().context("cannot start weir")?);
        let (stdin, stdout) = started
            .0
            .stdin
            .take()
            .zip(started.0.stdout.take())
            .context("no pipes")?;
        Ok(Self {
            stdin,
            stdout,
            _started: started,
        })
    }

    /// Sends a frame, and takes the first that comes, which is to be of this type.
    fn ask(&mut self, frame: &[u8], wanted: &str) -> Result<()> {
        self.stdin.write_all(frame)?;
        let mut length = [0; 4];
        self.stdout.read_exact(&mut length)?;
        let mut answer = vec![0; usize::try_from(u32::from_ne_bytes(length))?];
        self.stdout.read_exact(&mut answer)?;
        let answer: Value = serde_json::from_slice(&answer)?;
        ensure!(
            answer.get("type").and_then(Value::as_str) == Some(wanted),
            "weir answers {answer}"
        );
        Ok(())
    }

    fn greet(&mut self) -> Result<()> {
        let hello = json!({ "type": "hello", "id": 1, "protocol": PROTOCOL, "extensionVersion": "0.1.0" });
        self.ask(&frame(&hello)?, "hello")
    }
}

/// A request as it goes over the port.
fn frame(request: &Value) -> Result<Vec<u8>> {
    let request = request.to_string();
    let length = u32::try_from(request.len())?;
    Ok([&length.to_ne_bytes()[..], request.as_bytes()].concat())
}

/// From the start of the process to the whole answer.
fn hello(programs: &Programs) -> Result<Duration> {
    let begin = Instant::now();
    let mut port = Port::open(programs)?;
    port.greet()?;
    Ok(begin.elapsed())
}

/// From the plan of a long film, as text, to the answer that it was taken; the server of its segments says nothing.
fn take_plan(programs: &Programs) -> Result<Duration> {
    let silent = TcpListener::bind(("127.0.0.1", 0))?;
    let folder = format!("http://{}/film", silent.local_addr()?);
    let segments: Vec<Value> = (0..SEGMENTS)
        .map(|n| {
            json!({
                "sequence": n,
                "url": format!("{folder}/segment-{n}.ts?token=0123456789abcdef"),
                "durationSeconds": 6.006,
                "key": { "method": "AES-128", "url": format!("{folder}/key"), "iv": format!("{n:032x}") },
            })
        })
        .collect();
    let playlist = format!("{folder}/index.m3u8");
    let track = json!({ "kind": "video", "playlist": playlist, "segments": segments });
    let plan = json!({ "source": playlist, "title": "film", "live": false, "tracks": [track] });
    let start = json!({ "type": "start", "id": 2, "job": "film", "plan": plan });
    // Making the text is the browser's work.
    let start = frame(&start)?;
    let mut port = Port::open(programs)?;
    port.greet()?;
    let begin = Instant::now();
    port.ask(&start, "done")?;
    Ok(begin.elapsed())
}
