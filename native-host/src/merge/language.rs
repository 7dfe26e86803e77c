//! Languages of tracks.

/// ISO 639-1 codes, withdrawn ones too, each before its ISO 639-2/T code.
const TWO_LETTERS: &str = "aa aar ab abk ae ave af afr ak aka am amh an arg ar ara as asm av ava ay aym az aze ba bak be bel \
    bg bul bi bis bm bam bn ben bo bod br bre bs bos ca cat ce che ch cha co cos cr cre cs ces cu chu \
    cv chv cy cym da dan de deu dv div dz dzo ee ewe el ell en eng eo epo es spa et est eu eus fa fas \
    ff ful fi fin fj fij fo fao fr fra fy fry ga gle gd gla gl glg gn grn gu guj gv glv ha hau he heb \
    hi hin ho hmo hr hrv ht hat hu hun hy hye hz her ia ina id ind ie ile ig ibo ii iii ik ipk io ido \
    is isl it ita iu iku ja jpn jv jav ka kat kg kon ki kik kj kua kk kaz kl kal km khm kn kan ko kor \
    kr kau ks kas ku kur kv kom kw cor ky kir la lat lb ltz lg lug li lim ln lin lo lao lt lit lu lub \
    lv lav mg mlg mh mah mi mri mk mkd ml mal mn mon mr mar ms msa mt mlt my mya na nau nb nob nd nde \
    ne nep ng ndo nl nld nn nno no nor nr nbl nv nav ny nya oc oci oj oji om orm or ori os oss pa pan \
    pi pli pl pol ps pus pt por qu que rm roh rn run ro ron ru rus rw kin sa san sc srd sd snd se sme \
    sg sag si sin sk slk sl slv sm smo sn sna so som sq sqi sr srp ss ssw st sot su sun sv swe sw swa \
    ta tam te tel tg tgk th tha ti tir tk tuk tl tgl tn tsn to ton tr tur ts tso tt tat tw twi ty tah \
    ug uig uk ukr ur urd uz uzb ve ven vi vie vo vol wa wln wo wol xh xho yi yid yo yor za zha zh zho \
    zu zul iw heb in ind ji yid sh hbs mo ron";

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
        .and_then(|tag| tag.split(['-', '_']).next())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let of_bibliographic = || {
        let pair = BIBLIOGRAPHIC.iter().find(|(_, code)| *code == primary);
        pair.map(|(terminological, _)| *terminological)
    };
    match of_two_letters(&primary).or_else(of_bibliographic) {
        Some(code) => code.to_owned(),
        None if primary.len() == 3 && primary.bytes().all(|byte| byte.is_ascii_lowercase()) => primary,
        None => "und".to_owned(),
    }
}

fn of_two_letters(code: &str) -> Option<&'static str> {
    let mut words = TWO_LETTERS.split(' ');
    while let (Some(known), Some(other)) = (words.next(), words.next()) {
        if known == code {
            return Some(other);
        }
    }
    None
}

/// The tag of `elng` (8.4.6), where it can be one: letters, digits and hyphens (RFC 5646, 2.1).
pub(super) fn tag(text: &str) -> Option<String> {
    let tag = text.trim().replace('_', "-");
    let is_tag = tag
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (is_tag && !tag.is_empty()).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_three_letters() {
        assert_eq!(packed(Some("en-GB")), 0x15c7);
        assert_eq!(packed(Some("yue")), packed(Some("YUE-Hant")));
        assert_eq!(packed(Some("x-klingon")), packed(None));
        assert_eq!(packed(Some("ger")), packed(Some("de_AT")));
        assert_eq!(packed(Some("iw")), packed(Some("heb")));
        assert_eq!(packed(None), 0x55c4);
    }

    #[test]
    fn the_table_has_pairs_of_codes() {
        let words: Vec<&str> = TWO_LETTERS.split(' ').collect();
        assert_eq!(words.len(), 2 * 188);
        for pair in words.chunks(2) {
            assert!(pair[0].len() == 2 && pair[1].len() == 3, "{pair:?}");
        }
    }

    #[test]
    fn only_tags_are_written_as_tags() {
        assert_eq!(tag("pt_BR").as_deref(), Some("pt-BR"));
        assert_eq!(tag("zh-Hant-TW").as_deref(), Some("zh-Hant-TW"));
        for wrong in ["", "english (uk)", "de\0"] {
            assert_eq!(tag(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn matroska_has_older_codes() {
        let codes = [Some("de-CH"), Some("zh"), Some("en"), Some("yue"), None].map(bibliographic);
        assert_eq!(codes, ["ger", "chi", "eng", "yue", "und"]);
    }
}
