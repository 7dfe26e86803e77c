//! The two threads at the ends of the port. Reading and writing pipes blocks, and must not block jobs.

use std::io::{Read, Write};
use std::thread;

use tokio::sync::{mpsc, oneshot};

use crate::port::{FrameError, FrameReader, PortError};

/// A frame, a frame that is refused, or the reason why no more can be read.
pub(super) type Incoming = Result<Result<Vec<u8>, FrameError>, PortError>;

/// Frames that were read and wait for the session; each may be 64 MiB.
const QUEUED_REQUESTS: usize = 1;

/// Frames that wait for the pipe: few, so that progress is fresh.
const QUEUED_FRAMES: usize = 2;

/// Reads frames until the input ends; the channel is closed then.
pub(super) fn read(input: impl Read + Send + 'static) -> mpsc::Receiver<Incoming> {
    let (sender, receiver) = mpsc::channel(QUEUED_REQUESTS);
    thread::spawn(move || {
        let mut frames = FrameReader::new(input);
        loop {
            let incoming = match frames.next_frame() {
                Ok(Some(frame)) => Ok(frame),
                Ok(None) => break,
                Err(error) => Err(error),
            };
            let last = incoming.is_err();
            if sender.blocking_send(incoming).is_err() || last {
                break;
            }
        }
    });
    receiver
}

/// Writes frames until the channel or the pipe is closed; the second end tells when the last is written.
pub(super) fn write(
    mut output: impl Write + Send + 'static,
) -> (mpsc::Sender<Vec<u8>>, oneshot::Receiver<()>) {
    let (sender, mut receiver) = mpsc::channel::<Vec<u8>>(QUEUED_FRAMES);
    let (written, done) = oneshot::channel();
    thread::spawn(move || {
        while let Some(frame) = receiver.blocking_recv() {
            if native_messaging::host::send_frame(&mut output, &frame).is_err() {
                break;
            }
        }
        let _ = written.send(());
    });
    (sender, done)
}
