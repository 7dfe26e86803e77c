//! File names from page titles: in the folder that was asked for, under a name that every file system takes.

use std::path::Path;

use weir::output_path::Target;
use weir_core::protocol::Container;

/// Names of devices on Windows, with any extension.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

pub(crate) fn run(data: &[u8]) {
    let title = String::from_utf8_lossy(data);
    for container in [Container::Mp4, Container::Mkv, Container::Ts, Container::Segments] {
        let wanted = Target::titled(Path::new("/folder"), Some(&title), container).wanted();
        let name = wanted
            .strip_prefix("/folder/")
            .unwrap_or_else(|| panic!("{wanted:?}"));
        check(name);
    }
}

fn check(name: &str) {
    // `.part` and a counter are added.
    assert!(
        !name.is_empty() && name.len() + ".part".len() + " (999)".len() <= 255,
        "{name:?}"
    );
    assert!(
        !name.contains(['/', '\\', ':', '*', '?', '"', '<', '>', '|']),
        "{name:?}"
    );
    assert!(!name.chars().any(char::is_control), "{name:?}");
    assert!(
        !name.starts_with(['.', '-', ' ']) && !name.ends_with(['.', ' ']),
        "{name:?}"
    );
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_uppercase();
    assert!(!DEVICES.contains(&&*stem), "{name:?}");
    let is_port = |prefix: &str| {
        let number = stem.strip_prefix(prefix);
        number.is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit())
    };
    assert!(!is_port("COM") && !is_port("LPT"), "{name:?}");
}
