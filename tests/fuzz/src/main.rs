//! All fuzz targets in one program, so that there is one to build. `WEIR_FUZZ_TARGET` says which of them it is; the
//! arguments are those of libFuzzer, and a file as the only one is an input to run again.
#![no_main]

mod input;
mod media;
mod mp4;
mod playlists;
mod targets;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

const NAME: &str = "WEIR_FUZZ_TARGET";

static TARGET: LazyLock<targets::Target> = LazyLock::new(|| {
    let name = std::env::var(NAME).unwrap_or_default();
    targets::find(&name).unwrap_or_else(|| panic!("{NAME} names no target: {name:?}"))
});

fuzz_target!(|data: &[u8]| TARGET(data));
