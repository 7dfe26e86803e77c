//! The playlist reader: any bytes, and what is made of them. How lines end, and a byte order mark, change nothing.

use crate::playlists::read;
use weir_core::protocol::limits::MAX_WARNINGS;
use weir_core::protocol::probe::Probe;

pub(crate) fn run(data: &[u8]) {
    let reading = read(data);
    match &reading {
        Ok(reading) => {
            assert!(reading.warnings.len() <= MAX_WARNINGS + 1);
            assert!(serde_json::to_string(&Probe::from(reading)).is_ok());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    // What has a NUL may be UTF-16.
    let is_text = std::str::from_utf8(data).is_ok() && !data.contains(&0);
    if is_text && !data.contains(&b'\r') {
        for end in [&b"\r\n"[..], b"\r", b" \t\n"] {
            let text = data.split(|&byte| byte == b'\n').collect::<Vec<_>>().join(end);
            assert_eq!(read(&text), reading, "lines that end with {end:?}");
        }
    }
    if is_text && !data.starts_with(b"\xef\xbb\xbf") {
        assert_eq!(read(&[b"\xef\xbb\xbf", data].concat()), reading);
    }
}
