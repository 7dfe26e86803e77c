//! Frames: four bytes of length in the machine's order, then one JSON object in UTF-8.
//!
//! Writing is `native_messaging`'s; reading is ours, because its reader allocates what the wire says,
//! cannot tell a cut header from a cut body, and cannot go on after a bad frame.

use std::io::{self, Read};

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use weir_core::protocol::limits::MAX_FRAME_TO_HOST_BYTES;
use weir_core::protocol::{
    CaptureNumber, CapturePlan, DownloadItem, ErrorCode, JobId, JobOptions, RefreshFailure, Request,
    RequestContext, RequestId, SettingsChange,
};
use weir_core::url::AbsoluteUrl;

use crate::error::Coded;

/// Deepest nesting of a frame's JSON; a plan is eight deep.
pub const MAX_DEPTH: usize = 64;

/// Why no more frames can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// The input ended inside the four bytes of length.
    #[error("truncated header: the input ended after {0} of 4 bytes")]
    Header(usize),
    /// The input ended inside a frame.
    #[error("truncated body: the input ended after {got} of {length} bytes")]
    Body {
        /// Bytes that came.
        got: u64,
        /// Bytes that were announced.
        length: u64,
    },
    /// Reading failed.
    #[error("cannot read from the browser: {0}")]
    Read(#[from] io::Error),
}

/// What is wrong with one frame; the next one may be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Length 0.
    #[error("empty frame")]
    Empty,
    /// Over the limit.
    #[error("frame too large: {0} bytes, the limit is {MAX_FRAME_TO_HOST_BYTES}")]
    TooLarge(u32),
    /// Not UTF-8.
    #[error("not UTF-8: byte {0} of the frame")]
    NotUtf8(usize),
    /// Not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// JSON, but no object.
    #[error("expected an object")]
    NotAnObject,
    /// `type` names no command.
    #[error("unknown command {0}")]
    UnknownCommand(String),
    /// A field is missing, unknown or wrong.
    #[error("{path}: {problem}")]
    Field {
        /// Where, such as `plan.tracks[0].kind`; `.` for the frame itself.
        path: String,
        /// What.
        problem: String,
    },
}

impl Coded for PortError {
    fn code(&self) -> ErrorCode {
        ErrorCode::BadFrame
    }
}

impl Coded for FrameError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownCommand(_) => ErrorCode::UnknownCommand,
            Self::Field { .. } => ErrorCode::BadField,
            Self::Empty
            | Self::TooLarge(_)
            | Self::NotUtf8(_)
            | Self::NotJson(_)
            | Self::TooDeep
            | Self::NotAnObject => ErrorCode::BadFrame,
        }
    }
}

/// A frame that could not be understood, with its request's id where that could be told.
pub type Refused = (Option<RequestId>, FrameError);

/// Reads frames.
#[derive(Debug)]
pub struct FrameReader<R> {
    input: R,
    /// Bytes of a refused frame that have not been passed over yet.
    refused_bytes: u64,
}

impl<R: Read> FrameReader<R> {
    /// A reader at the beginning of a frame.
    pub fn new(input: R) -> Self {
        Self {
            input,
            refused_bytes: 0,
        }
    }

    /// Reads one frame's bytes; None at the end of the input. Memory grows with what comes, not with what
    /// is announced; a frame that is too large is refused at once and passed over with the next call.
    ///
    /// # Errors
    /// Outer: nothing more can be read. Inner: this frame is refused, and the next one can be read.
    pub fn next_frame(&mut self) -> Result<Option<Result<Vec<u8>, FrameError>>, PortError> {
        let skipped = io::copy(&mut self.input.by_ref().take(self.refused_bytes), &mut io::sink())?;
        if skipped < self.refused_bytes {
            return Err(PortError::Body {
                got: skipped,
                length: self.refused_bytes,
            });
        }
        self.refused_bytes = 0;
        let mut header = Vec::with_capacity(4);
        self.input.by_ref().take(4).read_to_end(&mut header)?;
        let Ok(header) = <[u8; 4]>::try_from(header.as_slice()) else {
            return if header.is_empty() {
                Ok(None)
            } else {
                Err(PortError::Header(header.len()))
            };
        };
        let announced = u32::from_ne_bytes(header);
        let length = u64::from(announced);
        if length > MAX_FRAME_TO_HOST_BYTES as u64 {
            self.refused_bytes = length;
            return Ok(Some(Err(FrameError::TooLarge(announced))));
        }
        let mut bytes = Vec::new();
        let got = self.input.by_ref().take(length).read_to_end(&mut bytes)? as u64;
        if got < length {
            return Err(PortError::Body { got, length });
        }
        Ok(Some(if bytes.is_empty() {
            Err(FrameError::Empty)
        } else {
            Ok(bytes)
        }))
    }
}

/// Reads a frame's request, field by field from the text: an internally tagged enum would be buffered
/// whole by serde and lose the path of a wrong field.
///
/// # Errors
/// [`Refused`].
pub fn parse(frame: &[u8]) -> Result<Request, Refused> {
    let text =
        std::str::from_utf8(frame).map_err(|error| (None, FrameError::NotUtf8(error.valid_up_to())))?;
    if is_too_deep(text) {
        return Err((None, FrameError::TooDeep));
    }
    if !text.trim_start().starts_with('{') {
        return Err((
            None,
            match serde_json::from_str::<IgnoredAny>(text) {
                Ok(_) => FrameError::NotAnObject,
                Err(error) => FrameError::NotJson(error.to_string()),
            },
        ));
    }
    let head: Head = serde_json::from_str(text).map_err(|error| {
        let problem = error.to_string();
        let error = if error.is_data() {
            let path = ".".to_owned();
            FrameError::Field { path, problem }
        } else {
            FrameError::NotJson(problem)
        };
        (None, error)
    })?;
    let id = head
        .id
        .as_ref()
        .and_then(serde_json::Value::as_u64)
        .and_then(|id| u32::try_from(id).ok())
        .map(RequestId);
    parse_command(&head, text).map_err(|error| (id, error))
}

fn parse_command(head: &Head, text: &str) -> Result<Request, FrameError> {
    let missing = |problem: &str| FrameError::Field {
        path: "type".to_owned(),
        problem: problem.to_owned(),
    };
    match &head.command {
        None => Err(missing("missing field")),
        Some(serde_json::Value::String(command)) => match command.as_str() {
            "hello" => fields(text).map(
                |Hello {
                     id,
                     protocol,
                     extension_version,
                     refresh,
                 }| Request::Hello {
                    id,
                    protocol,
                    extension_version,
                    refresh,
                },
            ),
            "start" => fields(text).map(
                |Start {
                     id,
                     job,
                     plan,
                     context,
                     options,
                     ..
                 }| Request::Start {
                    id,
                    job,
                    plan,
                    context,
                    options,
                },
            ),
            "download" => fields(text).map(
                |Download {
                     id,
                     job,
                     title,
                     items,
                     context,
                     ..
                 }| Request::Download {
                    id,
                    job,
                    title,
                    items,
                    context,
                },
            ),
            "refreshed" => fields(text).map(
                |Refreshed {
                     id,
                     job,
                     plan,
                     context,
                     ..
                 }| Request::Refreshed {
                    id,
                    job,
                    plan,
                    context,
                },
            ),
            "refreshFailed" => fields(text)
                .map(|RefreshFailed { id, job, reason, .. }| Request::RefreshFailed { id, job, reason }),
            "cancel" => fields(text).map(|OfJob { id, job, .. }| Request::Cancel { id, job }),
            "jobs" => fields(text).map(|Bare { id, .. }| Request::Jobs { id }),
            "finish" => fields(text).map(|OfJob { id, job, .. }| Request::Finish { id, job }),
            "reveal" => fields(text).map(|OfJob { id, job, .. }| Request::Reveal { id, job }),
            "next" => fields(text).map(|OfJob { id, job, .. }| Request::Next { id, job }),
            "pause" => fields(text).map(|OfJob { id, job, .. }| Request::Pause { id, job }),
            "history" => fields(text).map(|Bare { id, .. }| Request::History { id }),
            "resume" => {
                fields(text).map(|Again { id, job, capture, .. }| Request::Resume { id, job, capture })
            }
            "repair" => {
                fields(text).map(|Again { id, job, capture, .. }| Request::Repair { id, job, capture })
            }
            "forget" => fields(text).map(|OfCapture { id, capture, .. }| Request::Forget { id, capture }),
            "revealCapture" => {
                fields(text).map(|OfCapture { id, capture, .. }| Request::RevealCapture { id, capture })
            }
            "openCapture" => {
                fields(text).map(|OfCapture { id, capture, .. }| Request::OpenCapture { id, capture })
            }
            "settings" => {
                fields(text).map(|ChangeSettings { id, change, .. }| Request::Settings { id, change })
            }
            "exampleName" => fields::<ExampleName>(text).map(Request::from),
            unknown => Err(FrameError::UnknownCommand(shown(unknown))),
        },
        Some(_) => Err(missing("expected a string")),
    }
}

fn fields<T: DeserializeOwned>(text: &str) -> Result<T, FrameError> {
    // Knowing the path all the time costs a tenth of a long plan: it is found where something is wrong.
    if let Ok(fields) = serde_json::from_str(text) {
        return Ok(fields);
    }
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| FrameError::Field {
        path: error.path().to_string(),
        problem: error.inner().to_string(),
    })
}

/// What the other side wrote, short enough for a message.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(64).collect();
    format!("{short:?}")
}

/// Counts brackets outside strings; whether they match is the JSON reader's business.
fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// What every frame has.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    command: Option<serde_json::Value>,
    id: Option<serde_json::Value>,
}

/// Lenient, so that a newer extension is told to update the host rather than that a field is unknown.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hello {
    id: RequestId,
    protocol: u32,
    extension_version: String,
    #[serde(default)]
    refresh: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Download {
    #[serde(rename = "type")]
    _command: IgnoredAny,
    id: RequestId,
    job: JobId,
    #[serde(default)]
    title: Option<String>,
    items: Vec<DownloadItem>,
    #[serde(default)]
    context: RequestContext,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Start {
    #[serde(rename = "type")]
    _command: IgnoredAny,
    id: RequestId,
    job: JobId,
    plan: CapturePlan,
    #[serde(default)]
    context: RequestContext,
    #[serde(default)]
    options: JobOptions,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refreshed {
    #[serde(rename = "type")]
    _command: IgnoredAny,
    id: RequestId,
    job: JobId,
    plan: CapturePlan,
    #[serde(default)]
    context: RequestContext,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefreshFailed {
    #[serde(rename = "type")]
    _command: IgnoredAny,
    id: RequestId,
    job: JobId,
    reason: RefreshFailure,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfJob {
    #[serde(rename = "type")]
    _command: IgnoredAny,
    id: RequestId,
    job: JobId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfCapture {
    #[serde(rename = "type")]
    _command: IgnoredAny,
    id: RequestId,
    capture: CaptureNumber,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    #[serde(rename = "type")]
    _command: IgnoredAny,
    id: RequestId,
    job: JobId,
    capture: CaptureNumber,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bare {
    #[serde(rename = "type")]
    _command: IgnoredAny,
    id: RequestId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeSettings {
    #[serde(rename = "type")]
    _command: IgnoredAny,
    id: RequestId,
    #[serde(default)]
    change: Option<SettingsChange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExampleName {
    #[serde(rename = "type")]
    _command: IgnoredAny,
    id: RequestId,
    template: String,
    title: String,
    page: AbsoluteUrl,
    #[serde(default)]
    resolution: Option<(u32, u32)>,
    #[serde(default)]
    folder: Option<String>,
}

impl From<ExampleName> for Request {
    fn from(asked: ExampleName) -> Self {
        let ExampleName {
            id,
            template,
            title,
            page,
            resolution,
            folder,
            ..
        } = asked;
        Self::ExampleName {
            id,
            template,
            title,
            page,
            resolution,
            folder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives one byte at a time, as a pipe may.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else {
                return Ok(0);
            };
            let Some(slot) = buffer.first_mut() else {
                return Ok(0);
            };
            (*slot, self.0) = (*first, rest);
            Ok(1)
        }
    }

    fn frame(body: &[u8]) -> Vec<u8> {
        [&u32::try_from(body.len()).unwrap().to_ne_bytes(), body].concat()
    }

    #[test]
    fn frames_in_any_pieces() {
        let wire = [frame(b"{}"), frame(b""), frame(b"[1]")].concat();
        let mut reader = FrameReader::new(Drip(&wire));
        assert_eq!(reader.next_frame().unwrap(), Some(Ok(b"{}".to_vec())));
        assert_eq!(reader.next_frame().unwrap(), Some(Err(FrameError::Empty)));
        assert_eq!(reader.next_frame().unwrap(), Some(Ok(b"[1]".to_vec())));
        assert_eq!(reader.next_frame().unwrap(), None);
    }

    #[test]
    fn a_large_frame_is_refused_before_its_bytes_come_and_passed_over() {
        let large = MAX_FRAME_TO_HOST_BYTES + 1;
        let mut wire = u32::try_from(large).unwrap().to_ne_bytes().to_vec();
        let mut early = FrameReader::new(wire.as_slice());
        let refused = FrameError::TooLarge(u32::try_from(large).unwrap());
        assert_eq!(early.next_frame().unwrap(), Some(Err(refused.clone())));
        assert!(matches!(early.next_frame(), Err(PortError::Body { got: 0, .. })));

        wire.resize(4 + large, b'x');
        wire.extend(frame(b"{}"));
        let mut reader = FrameReader::new(wire.as_slice());
        assert_eq!(reader.next_frame().unwrap(), Some(Err(refused)));
        assert_eq!(reader.next_frame().unwrap(), Some(Ok(b"{}".to_vec())));
    }

    #[test]
    fn depth_counts_brackets_outside_strings() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!is_too_deep(&nested(MAX_DEPTH)));
        assert!(is_too_deep(&nested(MAX_DEPTH + 1)));
        assert!(!is_too_deep(&format!(
            r#"{{"a":"{}\"{}"}}"#,
            "[".repeat(100),
            "{".repeat(100)
        )));
        assert!(!is_too_deep(&"[]".repeat(1_000)));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
            let mut reader = FrameReader::new(bytes.as_slice());
            while let Ok(Some(_)) = reader.next_frame() {}
        }
    }
}
