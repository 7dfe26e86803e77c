//! What a file of a batch is called: as somebody wishes, or as in its address; with the extension of what it is, never with
//! one that something else would be started by.

use percent_encoding::percent_decode_str;

use crate::fetch::Fetched;
use crate::output_path::stem_from_title;

/// A file that nobody has named.
const NAMELESS: &str = "file";

/// What is not known by its content, and may be called so: pictures and texts that are not in the tables of magic numbers.
const HARMLESS: &[&str] = &[
    "avif", "bmp", "gif", "ico", "jpeg", "jpg", "png", "svg", "webp", "aac", "ac3", "flac", "m4a", "mka",
    "mp3", "oga", "ogg", "opus", "wav", "wma", "3gp", "avi", "flv", "m4v", "mkv", "mov", "mp4", "mpeg",
    "mpg", "ogv", "ts", "webm", "wmv", "ass", "lrc", "srt", "ttml", "txt", "vtt", "pdf",
];

/// `Content-Type`s of what has no magic number.
const TYPES: &[(&str, &str)] = &[
    ("image/svg+xml", "svg"),
    ("text/plain", "txt"),
    ("text/vtt", "vtt"),
    ("video/mp2t", "ts"),
    ("audio/mpeg", "mp3"),
    ("audio/aac", "aac"),
];

/// Stem and extension, the latter with its dot.
pub(super) fn of(wish: Option<&str>, fetched: &Fetched) -> (String, String) {
    let path = fetched.final_url.path();
    let last = path.rsplit('/').next().unwrap_or_default();
    let last = percent_decode_str(last).decode_utf8_lossy();
    let (stem, written) = match last.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, extension.to_ascii_lowercase()),
        _ => (&*last, String::new()),
    };
    let written = HARMLESS.iter().copied().find(|known| *known == written);
    let extension = format!(".{}", by_content(fetched).or(written).unwrap_or("bin"));
    // What is no extension here is a part of the name.
    let own = if written.is_some() { stem } else { &*last };
    let is_data = fetched.final_url.is_data();
    let wish = wish.map(str::trim).filter(|wish| !wish.is_empty());
    let stem = wish.unwrap_or(if own.is_empty() || is_data { NAMELESS } else { own });
    (stem_from_title(stem, &extension), extension)
}

/// By its first bytes, else by what the server says.
fn by_content(fetched: &Fetched) -> Option<&'static str> {
    use infer::MatcherType::{Audio, Image, Video};
    if let Some(kind) = infer::get(&fetched.bytes) {
        let is_media = matches!(kind.matcher_type(), Image | Audio | Video);
        return is_media.then(|| kind.extension());
    }
    let stated = fetched.content_type.as_deref()?.split(';').next()?.trim();
    let known = TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(stated));
    known.map(|(_, extension)| *extension)
}

#[cfg(test)]
mod tests {
    use weir_core::url::AbsoluteUrl;

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    #[track_caller]
    fn check(
        wish: Option<&str>,
        address: &str,
        content_type: Option<&str>,
        bytes: &'static [u8],
        name: &str,
    ) {
        let fetched = Fetched {
            bytes: bytes.into(),
            final_url: AbsoluteUrl::parse(address).unwrap(),
            content_type: content_type.map(str::to_owned),
            retries: 0,
            delimited: true,
        };
        let (stem, extension) = of(wish, &fetched);
        assert_eq!(format!("{stem}{extension}"), name);
    }

    #[test]
    fn files_are_called_as_their_address_or_as_is_wished() {
        check(
            None,
            "https://a.example/x/sun%20set.png?w=9",
            None,
            PNG,
            "sun set.png",
        );
        check(
            Some("Sunset"),
            "https://a.example/x/1.png",
            None,
            PNG,
            "Sunset.png",
        );
        check(
            Some("Sunset.PNG"),
            "https://a.example/x/1.png",
            None,
            PNG,
            "Sunset.png",
        );
        check(Some("  "), "https://a.example/x/1.png", None, PNG, "1.png");
        check(None, "https://a.example/", None, PNG, "file.png");
        check(None, "data:image/png;base64,AAAA", None, PNG, "file.png");
        check(None, "https://a.example/v1.2/photo", None, PNG, "photo.png");
    }

    #[test]
    fn the_extension_is_that_of_the_content() {
        check(
            None,
            "https://a.example/photo.jpg",
            Some("image/jpeg"),
            PNG,
            "photo.png",
        );
        check(None, "https://a.example/photo.php", None, PNG, "photo.php.png");
        check(
            None,
            "https://a.example/logo",
            Some("image/svg+xml; charset=utf-8"),
            b"<svg>",
            "logo.svg",
        );
        check(
            None,
            "https://a.example/song.mp3",
            None,
            b"\xff\xfb and so on",
            "song.mp3",
        );
    }

    /// Row 76: what a system starts has no place here, whatever it is called and whatever it is.
    #[test]
    fn nothing_gets_a_name_by_which_it_is_started() {
        check(
            None,
            "https://a.example/setup.exe",
            None,
            b"text",
            "setup.exe.bin",
        );
        check(
            None,
            "https://a.example/photo.png",
            None,
            b"MZ\x90\0 a program",
            "photo.png",
        );
        check(
            None,
            "https://a.example/x.desktop",
            Some("image/png"),
            b"[Desktop Entry]",
            "x.desktop.bin",
        );
        check(
            None,
            "https://a.example/..%2f..%2f.bashrc",
            None,
            PNG,
            "bashrc.png",
        );
        check(Some("CON"), "https://a.example/1.png", None, PNG, "_CON.png");
    }
}
