//! Languages of tracks.

/// ISO 639-1 codes of common languages, with their ISO 639-2/T codes.
const CODES: [(&str, &str); 44] = [
    ("ar", "ara"),
    ("bg", "bul"),
    ("bn", "ben"),
    ("ca", "cat"),
    ("cs", "ces"),
    ("da", "dan"),
    ("de", "deu"),
    ("el", "ell"),
    ("en", "eng"),
    ("es", "spa"),
    ("et", "est"),
    ("eu", "eus"),
    ("fa", "fas"),
    ("fi", "fin"),
    ("fr", "fra"),
    ("gl", "glg"),
    ("he", "heb"),
    ("hi", "hin"),
    ("hr", "hrv"),
    ("hu", "hun"),
    ("id", "ind"),
    ("is", "isl"),
    ("it", "ita"),
    ("ja", "jpn"),
    ("ko", "kor"),
    ("lt", "lit"),
    ("lv", "lav"),
    ("ms", "msa"),
    ("nl", "nld"),
    ("no", "nor"),
    ("pl", "pol"),
    ("pt", "por"),
    ("ro", "ron"),
    ("ru", "rus"),
    ("sk", "slk"),
    ("sl", "slv"),
    ("sr", "srp"),
    ("sv", "swe"),
    ("ta", "tam"),
    ("th", "tha"),
    ("tr", "tur"),
    ("uk", "ukr"),
    ("vi", "vie"),
    ("zh", "zho"),
];

/// The language of `mdhd` (ISO/IEC 14496-12, 8.4.2.3): three letters of five bits. `und` where the BCP 47 tag has no
/// such code; `elng` has the whole tag.
pub(super) fn packed(tag: Option<&str>) -> u16 {
    let primary = tag
        .and_then(|tag| tag.split('-').next())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let code = match CODES.iter().find(|(short, _)| *short == primary) {
        Some((_, long)) => *long,
        None if primary.len() == 3 && primary.bytes().all(|byte| byte.is_ascii_lowercase()) => &primary,
        None => "und",
    };
    code.bytes()
        .fold(0, |packed, letter| packed << 5 | u16::from(letter & 0x1f))
}

#[cfg(test)]
mod tests {
    use super::packed;

    #[test]
    fn tags_become_three_letters() {
        assert_eq!(packed(Some("en-GB")), 0x15c7);
        assert_eq!(packed(Some("yue")), packed(Some("YUE-Hant")));
        assert_eq!(packed(Some("x-klingon")), packed(None));
        assert_eq!(packed(None), 0x55c4);
    }
}
