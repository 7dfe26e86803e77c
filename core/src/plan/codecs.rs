//! RFC 6381 codec strings, as far as a choice needs them.

/// Families that are audio (RFC 8216bis, 4.4.6.2; the MP4 registration authority).
const AUDIO: &str = "mp4a ac-3 ec-3 ac-4 opus flac alac mp3 vorbis dtsc dtse dtsh dtsl dtsx mhm1";

/// Families that a file keeps and common players play. Dolby Vision without a base layer (`dvh1`), VVC, DTS and their
/// like are not among them: they are taken when there is nothing else.
const KEPT: &str = "avc1 avc3 hvc1 hev1 av01 vp08 vp09 mp4a ac-3 ec-3 opus flac alac mp3 stpp wvtt tx3g c608";

/// True when all of them are audio; not when there is none.
pub(super) fn are_audio(codecs: &[String]) -> bool {
    !codecs.is_empty() && are_of(AUDIO, codecs)
}

/// True when a file keeps all of them. Nothing is known against a variant that names none.
pub(super) fn are_kept(codecs: &[String]) -> bool {
    are_of(KEPT, codecs)
}

/// True when each of `codecs` is of one of `families`, a list with spaces between.
fn are_of(families: &str, codecs: &[String]) -> bool {
    codecs.iter().all(|codec| {
        let family = codec.split('.').next().unwrap_or(codec);
        families
            .split(' ')
            .any(|known| known.eq_ignore_ascii_case(family))
    })
}
