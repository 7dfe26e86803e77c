//! A page's title -> the stem of a file name, by the rules of the strictest file system (Windows), so that
//! a file can be moved anywhere.

use unicode_normalization::UnicodeNormalization as _;

use super::{COUNTER_BYTES, MAX_NAME_BYTES, PART_SUFFIX};

/// The name where a title leaves nothing.
const UNTITLED: &str = "stream";

/// A page's title as the stem of a file name: no part of a path, no device, nothing invisible.
pub(crate) fn stem_from_title(title: &str, extension: &str) -> String {
    let title = split_suffix(title.trim(), extension).map_or(title, |(stem, _)| stem);
    let visible: String = title.nfc().filter_map(in_a_name).collect();
    let spaced = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    let room = MAX_NAME_BYTES - extension.len() - PART_SUFFIX.len() - COUNTER_BYTES;
    // Leading dots hide a file, leading dashes look like options; Windows drops trailing dots and spaces.
    let stem = spaced.trim_start_matches(['.', '-', ' ']);
    let fitting = |room| cut(stem, room).trim_end_matches(['.', ' ']);
    let stem = fitting(room);
    if stem.is_empty() {
        UNTITLED.to_owned()
    } else if is_reserved(stem) {
        format!("_{}", fitting(room - 1))
    } else {
        stem.to_owned()
    }
}

/// What a character becomes in a file name; None: it is left out.
fn in_a_name(character: char) -> Option<char> {
    match character {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => Some('-'),
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => Some(' '),
        // Marks that turn the direction of text, so that "gpj.exe" reads as "exe.jpg", and what has no width.
        '\u{61c}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffc}'
        | '\u{e0000}'..='\u{e007f}' => None,
        control if control.is_control() => None,
        other => Some(other),
    }
}

/// Windows' device names, which it also sees before an extension and in superscript digits.
pub(super) fn is_reserved(stem: &str) -> bool {
    let device = stem.split('.').next().unwrap_or("").trim_end().to_uppercase();
    if matches!(
        device.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$"
    ) {
        return true;
    }
    let port = device.strip_prefix("COM").or_else(|| device.strip_prefix("LPT"));
    let mut digits = port.unwrap_or("").chars();
    matches!(
        (digits.next(), digits.next()),
        (Some('0'..='9' | '¹' | '²' | '³'), None)
    )
}

/// At most `bytes` of `text`, whole characters.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    let whole = (0..=bytes.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end));
    text.get(..whole.unwrap_or(0)).unwrap_or("")
}

/// Splits `suffix` off, in any case, unless nothing would be left.
pub(super) fn split_suffix<'a>(name: &'a str, suffix: &str) -> Option<(&'a str, &'a str)> {
    let (stem, end) = name.split_at_checked(name.len().checked_sub(suffix.len())?)?;
    (!suffix.is_empty() && !stem.is_empty() && end.eq_ignore_ascii_case(suffix)).then_some((stem, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(title: &str, name: &str) {
        assert_eq!(format!("{}.mp4", stem_from_title(title, ".mp4")), name);
    }

    #[test]
    fn ordinary_titles_stay() {
        check(
            "Lecture 1.5: Über-Cöde – 講義",
            "Lecture 1.5- Über-Cöde – 講義.mp4",
        );
        check("holiday.mp4", "holiday.mp4");
        check("holiday.MP4", "holiday.mp4");
    }

    #[test]
    fn row_65_66_67_68_paths() {
        check("../../.bashrc", "bashrc.mp4");
        check("/etc/x", "etc-x.mp4");
        check(r"C:\x", "C--x.mp4");
        check(r"\\srv\share\x", "srv-share-x.mp4");
        check("a:stream", "a-stream.mp4");
    }

    #[test]
    fn row_69_windows_devices() {
        check("CON", "_CON.mp4");
        check("con.tar", "_con.tar.mp4");
        check("COM¹.mp4", "_COM¹.mp4");
        check("lpt9", "_lpt9.mp4");
        check("nul ", "_nul.mp4");
        check("COM10", "COM10.mp4");
        check("Contact", "Contact.mp4");
    }

    #[test]
    fn row_70_71_edges() {
        check("title. . ", "title.mp4");
        check(".hidden", "hidden.mp4");
        check("-rf", "rf.mp4");
        check("--", "stream.mp4");
    }

    #[test]
    fn row_72_73_invisible_characters() {
        check("a\0b\nc\x1b[31md", "ab c[31md.mp4");
        check("holiday\u{202e}4pm.exe", "holiday4pm.exe.mp4");
        check("a\u{200b}b\u{feff}", "ab.mp4");
    }

    #[test]
    fn row_74_length_in_bytes() {
        for title in [
            "é".repeat(150),
            "a".repeat(300),
            "講".repeat(100),
            format!("x{}", "🎬".repeat(80)),
        ] {
            let stem = stem_from_title(&title, ".mp4");
            assert!(title.starts_with(&stem));
            let longest = format!("{stem} (9999).mp4{PART_SUFFIX}").len();
            assert!((250..=255).contains(&longest), "{longest}");
        }
    }

    /// Also not where a device's name takes a character of the room.
    #[test]
    fn no_cut_ends_in_a_space() {
        for length in 0..300 {
            let title = format!("con.{} y", "x".repeat(length));
            let stem = stem_from_title(&title, ".mp4");
            assert!(!stem.ends_with([' ', '.']), "{stem:?}");
        }
    }

    #[test]
    fn row_75_nothing_left() {
        check("", "stream.mp4");
        check("...", "stream.mp4");
        check(" \u{202e} ", "stream.mp4");
    }

    #[test]
    fn row_76_extension_is_forced() {
        check("setup.exe", "setup.exe.mp4");
        check("x.lnk", "x.lnk.mp4");
        check("x.desktop", "x.desktop.mp4");
        assert_eq!(stem_from_title("x.mp4", ".ts"), "x.mp4");
    }
}
