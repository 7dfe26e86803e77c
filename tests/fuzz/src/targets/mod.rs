//! A file a target. What is wrong panics.

mod attributes;
mod fmp4;
mod frames;
mod live;
mod merge;
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
        "fmp4" => fmp4::run,
        "frames" => frames::run,
        "live" => live::run,
        "merge" => merge::run,
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
