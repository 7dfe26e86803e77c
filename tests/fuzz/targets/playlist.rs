//! The playlist reader: any bytes, and what is made of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_core::playlist;
use weir_core::protocol::probe::Probe;
use weir_core::url::AbsoluteUrl;

fuzz_target!(|data: &[u8]| {
    let base = AbsoluteUrl::parse("https://media.example/a/list.m3u8?t=1").unwrap();
    if let Ok(reading) = playlist::read(data, Some(&base)) {
        assert!(reading.warnings.len() <= 1_001);
        assert!(serde_json::to_string(&Probe::from(&reading)).is_ok());
    }
});
