//! The native port: bytes as a browser writes them, and JSON as it stands in a frame. Pieces do not matter, what was
//! understood can be written and read again, and what follows a frame that was refused is still read.

use std::io::{self, Read};

use weir::port::{FrameError, FrameReader, PortError, parse};
use weir_core::protocol::Request;

pub(crate) fn run(data: &[u8]) {
    assert_eq!(frames(data), frames(Drip(data)));
    let hello = br#"{"type":"jobs","id":1}"#;
    let framed = |body: &[u8]| [&(body.len() as u32).to_ne_bytes(), body].concat();
    let (both, end) = frames(&[framed(data), framed(hello)].concat()[..]);
    let expected = if data.is_empty() {
        Err(FrameError::Empty)
    } else {
        Ok(data.to_vec())
    };
    assert_eq!(both, [expected, Ok(hello.to_vec())]);
    assert_eq!(end, None);

    match parse(data) {
        Ok(request) => {
            // Fractions lose their last bit in JSON, so it is what was written that is compared.
            let written = serde_json::to_string(&request).expect("a request can be written");
            let again = parse(written.as_bytes()).expect("what was written can be read");
            assert_eq!(kind(&again), kind(&request));
            let text = |request| serde_json::to_string(request).map(|text| text.len());
            assert!(text(&again).is_ok());
        }
        Err((_, error)) => assert!(!error.to_string().is_empty()),
    }
}

fn kind(request: &Request) -> std::mem::Discriminant<Request> {
    std::mem::discriminant(request)
}

/// Frames up to the end, and what ends them.
fn frames(input: impl Read) -> (Vec<Result<Vec<u8>, FrameError>>, Option<String>) {
    let mut reader = FrameReader::new(input);
    let mut frames = Vec::new();
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, None),
            Err(error @ PortError::Read(_)) => panic!("{error}"),
            Err(error) => return (frames, Some(error.to_string())),
        }
    }
}

/// Gives a byte at a time, as a pipe may.
struct Drip<'a>(&'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (self.0.split_off_first(), buffer.first_mut()) {
            (Some(&byte), Some(slot)) => {
                *slot = byte;
                Ok(1)
            }
            _ => Ok(0),
        }
    }
}
