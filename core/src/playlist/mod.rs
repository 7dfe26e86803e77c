//! Playlist text -> [`Playlist`], leniently: what can be read around is read around, with a warning
//! that names the line; nothing panics and no line is lost.
//!
//! `text` (encoding, line ends) -> `lines` (URIs, tags, comments) -> `attributes` -> `read` (the model).

mod attributes;
mod lines;
mod model;
mod read;
mod text;
mod warning;

pub use model::*;
pub use read::read;
pub use warning::{Warning, WarningCode};
