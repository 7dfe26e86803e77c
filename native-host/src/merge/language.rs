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

/// Where ISO 639-2/B, which Matroska's `Language` has, differs from ISO 639-2/T: terminological code, bibliographic code.
const BIBLIOGRAPHIC: [(&str, &str); 20] = [
    ("bod", "tib"),
    ("ces", "cze"),
    ("cym", "wel"),
    ("deu", "ger"),
    ("ell", "gre"),
    ("eus", "baq"),
    ("fas", "per"),
    ("fra", "fre"),
    ("hye", "arm"),
    ("isl", "ice"),
    ("kat", "geo"),
    ("mkd", "mac"),
    ("mri", "mao"),
    ("msa", "may"),
    ("mya", "bur"),
    ("nld", "dut"),
    ("ron", "rum"),
    ("slk", "slo"),
    ("sqi", "alb"),
    ("zho", "chi"),
];

/// The language of `mdhd` (ISO/IEC 14496-12, 8.4.2.3): three letters of five bits. `elng` has the whole tag.
pub(super) fn packed(tag: Option<&str>) -> u16 {
    terminological(tag)
        .bytes()
        .fold(0, |packed, letter| packed << 5 | u16::from(letter & 0x1f))
}

/// The language as Matroska's `Language` has it (RFC 9559, 12); `LanguageBCP47` has the whole tag.
pub(super) fn bibliographic(tag: Option<&str>) -> String {
    let code = terminological(tag);
    let other = BIBLIOGRAPHIC
        .iter()
        .find(|(terminological, _)| *terminological == code);
    other.map_or(code, |(_, bibliographic)| (*bibliographic).to_owned())
}

/// ISO 639-2/T. `und` where the BCP 47 tag has no such code.
fn terminological(tag: Option<&str>) -> String {
    let primary = tag
        .and_then(|tag| tag.split('-').next())
        .unwrap_or_default()
        .to_ascii_lowercase();
    match CODES.iter().find(|(short, _)| *short == primary) {
        Some((_, long)) => (*long).to_owned(),
        None if primary.len() == 3 && primary.bytes().all(|byte| byte.is_ascii_lowercase()) => primary,
        None => "und".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{bibliographic, packed};

    #[test]
    fn tags_become_three_letters() {
        assert_eq!(packed(Some("en-GB")), 0x15c7);
        assert_eq!(packed(Some("yue")), packed(Some("YUE-Hant")));
        assert_eq!(packed(Some("x-klingon")), packed(None));
        assert_eq!(packed(None), 0x55c4);
    }

    #[test]
    fn matroska_has_older_codes() {
        let codes = [Some("de-CH"), Some("zh"), Some("en"), Some("yue"), None].map(bibliographic);
        assert_eq!(codes, ["ger", "chi", "eng", "yue", "und"]);
    }
}
