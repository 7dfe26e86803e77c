//! Errors as JavaScript gets them: plain objects, because a message between the extension's parts keeps
//! no class.

use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::JsValue;
use weir_core::plan::PlanError;
use weir_core::playlist::PlaylistError;
use weir_core::protocol::{ErrorCode, Failure};
use weir_core::url::UrlError;

/// An error on its way to JavaScript.
#[derive(Debug)]
pub(crate) struct Thrown(Failure);

impl Thrown {
    /// With the words that go with the code.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Failure {
            code,
            message: message.into(),
        })
    }
}

impl From<PlaylistError> for Thrown {
    fn from(error: PlaylistError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<PlanError> for Thrown {
    fn from(error: PlanError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<UrlError> for Thrown {
    fn from(error: UrlError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// What an export returns: the value as a plain object, or the error to throw.
pub(crate) fn or_throw<T: Serialize>(outcome: Result<T, Thrown>) -> Result<JsValue, JsValue> {
    let serializer = Serializer::json_compatible();
    outcome
        .and_then(|value| {
            // The one thing that has no form: a byte offset over 2^53.
            let unsupported = |error: serde_wasm_bindgen::Error| {
                Thrown::new(
                    ErrorCode::Unsupported,
                    format!("the answer has no JavaScript form: {error}"),
                )
            };
            value.serialize(&serializer).map_err(unsupported)
        })
        // A code and a string always have a form.
        .map_err(|Thrown(failure)| failure.serialize(&serializer).unwrap_or(JsValue::NULL))
}
