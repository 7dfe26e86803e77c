//! Every message of the native port, and the plan they carry: the only types here that are
//! serialised. `PROTOCOL.md` describes the frames; `extension/generated/protocol.d.ts` is generated
//! from these types and a test fails when it drifts.

mod code;
mod context;
pub mod doctor;
mod event;
mod history;
mod ids;
pub mod limits;
mod plan;
pub mod probe;
mod request;

pub use code::{ErrorCode, Fault};
pub use context::{Cookie, Header, RequestContext, Secret};
pub use event::{
    Event, Failure, Finished, Gap, JobState, JobStatus, Progress, SegmentCounts, Settings, TrackSummary,
    Verdict,
};
pub use history::{Capture, CaptureAction, CaptureKind, CaptureState};
pub use ids::{CaptureNumber, Iv, JobId, KeyMethod, MediaSequence, RequestId, TrackKind};
pub use plan::{ByteRange, CapturePlan, PlannedMap, PlannedSegment, PlannedTrack, SegmentKey};
pub use request::{
    Container, DownloadItem, JobOptions, RefreshFailure, Request, SettingsChange, WhenBrowserCloses,
};

/// The protocol's version: raised when a message changes so that the other side would misread it.
pub const VERSION: u32 = 1;
