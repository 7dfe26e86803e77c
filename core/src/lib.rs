//! The part of Weir that both sides of the native port speak: what a playlist request looks like
//! ([`observation`], [`detect`]), what a playlist says ([`playlist`]), what is to be fetched for a
//! selection ([`plan`]) and the messages that carry it ([`protocol`]).
//!
//! No I/O, no clock, no async and no JavaScript in here: everything is a function of its arguments, so
//! that the extension (as wasm) and the host (natively) cannot disagree. The one thing asked of the
//! surroundings is to read a URL: in wasm the browser's own parser does it, see [`url`](mod@url).

pub mod detect;
pub mod observation;
pub mod plan;
pub mod playlist;
pub mod protocol;
pub mod url;
