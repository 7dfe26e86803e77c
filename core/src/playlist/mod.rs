//! Playlist text -> [`Playlist`], leniently: what can be read around is read around, with a warning
//! that names the line; nothing panics and no line is lost.
//!
//! `text` (encoding) -> `lines` (line ends, tags, URIs) -> `read` (which kind of playlist) -> `media`,
//! `multivariant` or `list` (the model). What each of them reads a tag in is `scope` (base URL,
//! `variables`, warnings) and `attributes`; `key` says which of several keys counts.

mod attributes;
mod error;
mod key;
mod lines;
mod list;
mod media;
mod model;
mod multivariant;
mod number;
mod other;
mod range;
mod read;
mod scope;
pub(crate) mod tag;
mod tags;
mod text;
mod update;
mod variables;
mod warning;

pub use error::{PlaylistError, PlaylistErrorKind};
pub use key::{KeySystem, Protection, protection};
pub use model::*;
pub use read::{read, read_child, read_update};
pub use text::decode_text;
pub use variables::Variables;
pub use warning::{Warning, WarningCode};
