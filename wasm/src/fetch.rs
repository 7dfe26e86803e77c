//! Fetching a playlist with the browser's own `fetch`, in a worker or a window.

use js_sys::{JsString, Promise, Reflect, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, ReadableStreamDefaultReader, RequestCredentials, RequestInit, RequestRedirect, Response,
};
use weir_core::playlist;
use weir_core::protocol::ErrorCode;
use weir_core::protocol::limits::MAX_PLAYLIST_BYTES;
use weir_core::url::AbsoluteUrl;

use crate::thrown::Thrown;

/// How long a playlist may take, in milliseconds, from the request to its last byte.
const DEADLINE_MILLISECONDS: u32 = 20_000;

#[wasm_bindgen]
extern "C" {
    /// The global one, which workers and windows both have; web-sys has one for each.
    fn fetch(url: &str, init: &RequestInit) -> Promise;
}

/// `FetchedPlaylist` of the declarations.
#[derive(Debug, Serialize)]
pub(crate) struct Fetched {
    /// After redirects.
    pub(crate) url: AbsoluteUrl,
    /// Decoded.
    pub(crate) text: String,
}

/// # Errors
/// When the server does not answer with a text in time.
pub(crate) async fn fetch_playlist(url: &str) -> Result<Fetched, Thrown> {
    let asked = AbsoluteUrl::parse(url)?;
    let response = send(&asked).await?;
    let url = AbsoluteUrl::parse(&response.url())?;
    if !response.ok() {
        let message = format!("{url}: {} {}", response.status(), response.status_text());
        return Err(Thrown::new(ErrorCode::HttpStatus, message.trim_end()));
    }
    let bytes = body(&response, &url).await?;
    let text = playlist::decode_text(&bytes)?.into_owned();
    Ok(Fetched { url, text })
}

async fn send(url: &AbsoluteUrl) -> Result<Response, Thrown> {
    let init = RequestInit::new();
    init.set_credentials(RequestCredentials::Include);
    init.set_redirect(RequestRedirect::Follow);
    // It stops the body too.
    init.set_signal(Some(&AbortSignal::timeout_with_u32(DEADLINE_MILLISECONDS)));
    let answer = JsFuture::from(fetch(url.as_str(), &init)).await;
    answer
        .map(JsCast::unchecked_into)
        .map_err(|error| failed(url, &error))
}

/// The body, chunk by chunk: what a server announces is no promise of what it sends.
async fn body(response: &Response, url: &AbsoluteUrl) -> Result<Vec<u8>, Thrown> {
    let mut bytes = Vec::new();
    let Some(stream) = response.body() else {
        return Ok(bytes);
    };
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    loop {
        let read = JsFuture::from(reader.read())
            .await
            .map_err(|error| failed(url, &error))?;
        let field = |name: &str| Reflect::get(&read, &name.into()).unwrap_or_default();
        if field("done").is_truthy() {
            return Ok(bytes);
        }
        let chunk: Uint8Array = field("value").unchecked_into();
        let room = MAX_PLAYLIST_BYTES.saturating_sub(bytes.len());
        if usize::try_from(chunk.length()).unwrap_or(usize::MAX) > room {
            // Whether the connection closes at once is the browser's business.
            drop(reader.cancel());
            let message = format!("{url}: over {MAX_PLAYLIST_BYTES} bytes: no playlist is that large");
            return Err(Thrown::new(ErrorCode::BadResponse, message));
        }
        bytes.extend_from_slice(&chunk.to_vec());
    }
}

/// The browser does not tell a page why a request failed, only that it did.
fn failed(url: &AbsoluteUrl, error: &JsValue) -> Thrown {
    let text = |name: &str| {
        let value = Reflect::get(error, &name.into()).unwrap_or_default();
        value.dyn_into::<JsString>().map(String::from).unwrap_or_default()
    };
    let message = match text("name").as_str() {
        "TimeoutError" => format!("{url}: no playlist within {} s", DEADLINE_MILLISECONDS / 1000),
        _ => format!("{url}: {}", text("message")),
    };
    Thrown::new(ErrorCode::Network, message)
}
