//! weir-core for the extension's service worker: values in, plain objects out, and the one thing that core
//! leaves to others, fetching playlists. Nothing is decided here.
//!
//! Every export throws (or rejects with) a plain `{code, message}`, the code one of
//! [`weir_core::protocol::ErrorCode`]. A panic is a trap: the extension starts the module again.

mod fetch;
mod field;
mod inspect;
mod join;
mod observe;
mod plan;
mod text;
mod thrown;
mod typescript;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::field::Field;

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// Judges one request: is it a playlist, and by what evidence?
///
/// An address that Weir does not fetch (`blob:`, `file:` ...) is no candidate.
///
/// # Errors
/// `bad-field` when the observation has another shape.
#[wasm_bindgen(unchecked_return_type = "Candidate | null")]
pub fn observe(
    #[wasm_bindgen(unchecked_param_type = "Observation")] observation: JsValue,
) -> Result<JsValue, JsValue> {
    thrown::or_throw(observe::observe(&Field::argument("observation", observation)))
}

/// What a playlist holds, for people to choose from.
///
/// # Errors
/// `not-a-playlist`, `bad-playlist` and their like; `bad-url` when the base is no URL that Weir fetches.
#[wasm_bindgen(unchecked_return_type = "Summary")]
pub fn inspect(
    #[wasm_bindgen(unchecked_param_type = "string | Uint8Array")] text: JsValue,
    #[wasm_bindgen(js_name = "baseUrl")] base_url: &str,
) -> Result<JsValue, JsValue> {
    thrown::or_throw(inspect::inspect(&Field::argument("text", text), base_url))
}

/// Fetches a playlist as the browser would: with its cookies, following redirects. `url` of the answer is
/// the final one, which relative references count from.
///
/// # Errors
/// `http-status`, `network`, `bad-response` (over 16 MiB), `bad-url`, `not-a-playlist` (not text).
#[wasm_bindgen(js_name = "fetchPlaylist", unchecked_return_type = "FetchedPlaylist")]
pub async fn fetch_playlist(url: String) -> Result<JsValue, JsValue> {
    thrown::or_throw(fetch::fetch_playlist(&url).await)
}

/// The capture plan for a selection. Fetches the playlists that are not `known`.
///
/// # Errors
/// As [`inspect`] and [`fetch_playlist`]; `drm`, `nothing-to-capture`, `unsupported`, `scheme-refused`.
#[wasm_bindgen(unchecked_return_type = "CapturePlan")]
pub async fn plan(
    #[wasm_bindgen(unchecked_param_type = "PlanRequest")] request: JsValue,
) -> Result<JsValue, JsValue> {
    thrown::or_throw(plan::plan(&Field::argument("request", request)).await)
}
