//! One request -> a candidate, or none.

use serde::Serialize;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use weir_core::detect::{CandidateKind, Evidence, detect};
use weir_core::observation::Observation;
use weir_core::url::AbsoluteUrl;

use crate::field::Field;
use crate::text;
use crate::thrown::Thrown;

/// As much of a body as tells what it is, in UTF-16 units or bytes.
const LOOKED_AT: u32 = 64 * 1024;

#[wasm_bindgen]
extern "C" {
    /// `Observation` of the declarations. Each request of every page is one: read by name, as what is rare may be, a string
    /// would be made of each name each time.
    type Members;

    #[wasm_bindgen(method, getter, structural, catch)]
    fn url(this: &Members) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, getter, structural, catch)]
    fn status(this: &Members) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, getter, structural, catch, js_name = contentType)]
    fn content_type(this: &Members) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, getter, structural, catch)]
    fn body(this: &Members) -> Result<JsValue, JsValue>;
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
pub(crate) fn observe(observation: &Field) -> Result<Option<Answer>, Thrown> {
    let members = observation.object()?.unchecked_ref::<Members>();
    let url = Field::read("url", members.url()).text()?;
    let status = Field::read("status", members.status()).given();
    let status = status.map(|status| status.integer()).transpose()?;
    let content_type = Field::read("contentType", members.content_type()).given();
    let content_type = content_type.map(|text| text.text()).transpose()?;
    let body = Field::read("body", members.body()).given();
    let body = body.map(|body| text::beginning(&body, LOOKED_AT)).transpose()?;
    let Ok(url) = AbsoluteUrl::parse(&url) else {
        return Ok(None);
    };
    let candidate = detect(&Observation {
        url,
        // No such status exists: no success.
        status: status.map(|status| u16::try_from(status).unwrap_or(u16::MAX)),
        content_type: content_type.as_deref(),
        body: body.as_deref(),
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
