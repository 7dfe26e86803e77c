//! `Observation -> Option<Candidate>`: is this request a playlist, by what evidence, how sure?

use crate::observation::Observation;
use crate::url::AbsoluteUrl;

/// A request that may have answered with a playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Where it is.
    pub url: AbsoluteUrl,
    /// Everything that speaks for it, strongest first. Never empty.
    pub evidence: Vec<Evidence>,
    /// What the body says, when it was seen.
    pub kind: Option<CandidateKind>,
}

/// One sign of a playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// The body begins as a playlist does: certain.
    Body,
    /// A playlist's content type.
    ContentType,
    /// The path ends in `.m3u8` or `.m3u`.
    Path,
    /// `m3u8` elsewhere in the URL: a hint that needs verifying.
    Query,
}

/// What a body was seen to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandidateKind {
    /// Variants.
    Multivariant,
    /// Segments.
    Media,
}

/// Judges one request.
#[must_use]
pub fn detect(observation: &Observation<'_>) -> Option<Candidate> {
    let _ = observation;
    None
}
