//! One request -> a candidate, or none.

use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use weir_core::detect::{CandidateKind, Evidence, detect};
use weir_core::observation::Observation;
use weir_core::url::AbsoluteUrl;

use crate::text;
use crate::thrown::{Thrown, bad_field};

/// As much of a body as tells what it is, in characters or bytes.
const LOOKED_AT: u32 = 64 * 1024;

/// `Observation` of the declarations, but for the body, which is not copied as a whole.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    url: String,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    content_type: Option<String>,
}

/// `Candidate` of the declarations.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    url: AbsoluteUrl,
    evidence: Vec<&'static str>,
    kind: Option<&'static str>,
}

/// # Errors
/// When the observation has another shape.
pub(crate) fn observe(observation: &JsValue) -> Result<Option<Answer>, Thrown> {
    let body = js_sys::Reflect::get(observation, &"body".into()).unwrap_or_default();
    let seen: Seen = serde_wasm_bindgen::from_value(observation.clone()).map_err(bad_field)?;
    let Ok(url) = AbsoluteUrl::parse(&seen.url) else {
        return Ok(None);
    };
    let candidate = detect(&Observation {
        url,
        status: seen.status,
        content_type: seen.content_type.as_deref(),
        body: text::beginning(&body, LOOKED_AT).as_deref(),
    });
    Ok(candidate.map(|candidate| Answer {
        url: candidate.url,
        evidence: candidate.evidence.into_iter().map(evidence).collect(),
        kind: candidate.kind.map(kind),
    }))
}

fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Body => "body",
        Evidence::ContentType => "content-type",
        Evidence::Path => "path",
        Evidence::Query => "query",
    }
}

fn kind(kind: CandidateKind) -> &'static str {
    match kind {
        CandidateKind::Multivariant => "multivariant",
        CandidateKind::Media => "media",
    }
}
