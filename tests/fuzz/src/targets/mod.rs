//! A file a target. What is wrong panics.

mod attributes;
mod cookies;
mod fmp4;
mod frames;
mod journal;
mod live;
mod merge;
mod names;
mod packed;
mod plan;
mod playlist;
mod ts;
mod urls;
mod webvtt;
mod writer;

/// A target: takes any bytes.
pub(crate) type Target = fn(&[u8]);

/// The target of this name.
pub(crate) fn find(name: &str) -> Option<Target> {
    Some(match name {
        "attributes" => attributes::run,
        "cookies" => cookies::run,
        "fmp4" => fmp4::run,
        "frames" => frames::run,
        "journal" => journal::run,
        "live" => live::run,
        "merge" => merge::run,
        "names" => names::run,
        "packed" => packed::run,
        "plan" => plan::run,
        "playlist" => playlist::run,
        "ts" => ts::run,
        "urls" => urls::run,
        "webvtt" => webvtt::run,
        "writer" => writer::run,
        _ => return None,
    })
}
