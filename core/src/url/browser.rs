//! The browser's own URL parser, for the wasm build: the one that resolved the page's requests, and 27 KB
//! smaller than another copy of it. What is asked of the result here is read off its serialisation.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::UrlError;
use super::href::Href;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = URL)]
    type Parsed;

    #[wasm_bindgen(constructor, js_class = "URL", catch)]
    fn absolute(url: &str) -> Result<Parsed, JsValue>;

    #[wasm_bindgen(constructor, js_class = "URL", catch)]
    fn relative(url: &str, base: &str) -> Result<Parsed, JsValue>;

    #[wasm_bindgen(method, getter)]
    fn href(this: &Parsed) -> String;
}

/// The browser says only that it cannot read it.
pub(super) fn parse(base: Option<&Href>, reference: &str) -> Result<Href, UrlError> {
    let parsed = match base {
        Some(base) => Parsed::relative(reference, base.as_str()),
        None => Parsed::absolute(reference),
    };
    parsed
        .map(|url| Href::new(url.href()))
        .map_err(|_| UrlError::Invalid("the browser cannot read it".to_owned()))
}
