//! Captures that go on without the browser.
//!
//! A browser ends its host soon after it closes the port: Chromium kills the process, Firefox its group or job. So the
//! work goes to another process, which is none of the browser's: this program once more, in a session of its own. It is
//! told what to do as this one was, by frames on its standard input; plans, headers and cookies never touch the disk. It
//! may come before its jobs are free, and waits for each as any process does that finds a capture under way.

use std::fmt;
use std::io::{self, Read as _, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tokio::sync::oneshot;
use weir_core::protocol::{Request, RequestId, VERSION};

/// The command by which this program finishes what another process of it hands over.
pub(crate) const FINISH_CAPTURES: &str = "finish-captures";

/// A `start` as it came. It holds cookies and tokens.
#[derive(Clone)]
pub(super) struct StartFrame(Arc<[u8]>);

impl StartFrame {
    pub(super) fn new(frame: Vec<u8>) -> Self {
        Self(frame.into())
    }
}

impl fmt::Debug for StartFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.len())
    }
}

/// A process that takes captures over.
#[derive(Debug)]
pub(super) struct HandOver {
    told: oneshot::Receiver<()>,
}

impl HandOver {
    /// Starts the process and begins to tell it.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn begin(requests: Vec<StartFrame>) -> io::Result<Self> {
        let child = start()?;
        tracing::info!(captures = requests.len(), "another process finishes them");
        let (sender, told) = oneshot::channel();
        // Its pipe takes only as much as it has read.
        std::thread::spawn(move || {
            match tell(child, &requests) {
                Ok(()) => tracing::info!("they are handed over"),
                Err(error) => tracing::warn!("not all captures were handed over: {error}"),
            }
            let _ = sender.send(());
        });
        Ok(Self { told })
    }

    /// Returns when it knows everything, and no longer belongs to the browser.
    pub(super) async fn done(self) {
        let _ = self.told.await;
    }
}

fn start() -> io::Result<Child> {
    let program = std::env::current_exe()?;
    let mut command = Command::new(program);
    command
        .arg(FINISH_CAPTURES)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    spawn_apart(&mut command)
}

/// It leaves for a session of its own (`detach`) when it is there.
#[cfg(not(windows))]
fn spawn_apart(command: &mut Command) -> io::Result<Child> {
    command.spawn()
}

/// Out of the browser's job, whose processes end with it, where that lets anyone out.
#[cfg(windows)]
fn spawn_apart(command: &mut Command) -> io::Result<Child> {
    use std::os::windows::process::CommandExt as _;
    // Of winbase.h.
    const DETACHED_PROCESS: u32 = 0x0000_0008;
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
    const CREATE_BREAKAWAY_FROM_JOB: u32 = 0x0100_0000;
    let apart = DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP;
    command
        .creation_flags(apart | CREATE_BREAKAWAY_FROM_JOB)
        .spawn()
        .or_else(|_| command.creation_flags(apart).spawn())
}

/// What the process writes when it has left the browser's session.
const DETACHED: [u8; 1] = *b"\n";

/// Leaves the session of the browser, so that what is sent to its processes does not come here, and lets the host go that
/// waits for it.
pub(crate) fn detach(host: &mut impl Write) {
    #[cfg(unix)]
    if let Err(error) = rustix::process::setsid() {
        tracing::warn!("no session of its own: {error}");
    }
    let _ = host.write_all(&DETACHED).and_then(|()| host.flush());
}

/// Writes all frames before the process is waited for: should this one be ended early, they are in the pipe.
fn tell(child: Child, requests: &[StartFrame]) -> io::Result<()> {
    let (Some(mut stdin), Some(mut stdout)) = (child.stdin, child.stdout) else {
        return Err(io::Error::other("it has no pipes"));
    };
    write_frames(&mut stdin, requests)?;
    drop(stdin);
    stdout.read_exact(&mut [0; DETACHED.len()])
}

fn write_frames(to: &mut impl Write, requests: &[StartFrame]) -> io::Result<()> {
    let hello = Request::Hello {
        id: RequestId(0),
        protocol: VERSION,
        extension_version: env!("CARGO_PKG_VERSION").to_owned(),
        // Nobody is there to give other links.
        refresh: false,
    };
    let hello = serde_json::to_vec(&hello)?;
    for frame in std::iter::once(&hello[..]).chain(requests.iter().map(|request| &request.0[..])) {
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        to.write_all(&length.to_ne_bytes())?;
        to.write_all(frame)?;
    }
    to.flush()
}
