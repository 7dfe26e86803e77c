//! What Weir's tests and its demo stand on: a loopback origin that can misbehave, streams made by ffmpeg, a
//! sample site, a driver for a real browser, and ffmpeg's opinion of a media file.

pub mod binary;
pub mod browser;
pub mod demo;
pub mod live;
pub mod media;
pub mod origin;
pub mod program;
pub mod samples;
pub mod site;
pub mod streams;
