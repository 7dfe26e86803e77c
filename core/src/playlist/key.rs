//! Which of several keys counts, and which of them are DRM.

use std::fmt;

use super::Key;

/// What stands behind a KEYFORMAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySystem<'a> {
    /// The key itself is served: what Weir decrypts with.
    Identity,
    /// Google Widevine.
    Widevine,
    /// Microsoft `PlayReady`.
    PlayReady,
    /// Apple `FairPlay` Streaming.
    FairPlay,
    /// Any other, by its KEYFORMAT.
    Other(&'a str),
}

/// What the keys of a segment come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection<'a> {
    /// No key: the segment is clear.
    Clear,
    /// An identity key, whatever else stands beside it.
    Key(&'a Key),
    /// Only keys of DRM systems; the first of them.
    Drm(KeySystem<'a>, &'a Key),
}

/// `KEYFORMAT`s in lower case: what shaka-packager, Bento4 and the vendors document.
const KEY_FORMATS: [(&str, KeySystem<'static>); 8] = [
    ("identity", KeySystem::Identity),
    (
        "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed",
        KeySystem::Widevine,
    ),
    ("com.widevine", KeySystem::Widevine),
    ("com.microsoft.playready", KeySystem::PlayReady),
    (
        "urn:uuid:9a04f079-9840-4286-ab92-e65be0885f95",
        KeySystem::PlayReady,
    ),
    ("com.apple.streamingkeydelivery", KeySystem::FairPlay),
    ("com.apple.fps.1_0", KeySystem::FairPlay),
    (
        "urn:uuid:94ce86fb-07ff-4f43-adb8-93d2fa968ca2",
        KeySystem::FairPlay,
    ),
];

impl Key {
    /// Who handles this key.
    #[must_use]
    pub fn system(&self) -> KeySystem<'_> {
        let is_skd = |text: &str| {
            text.get(..6)
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("skd://"))
        };
        let known = KEY_FORMATS
            .iter()
            .find(|(format, _)| self.key_format.eq_ignore_ascii_case(format));
        match known {
            // FairPlay's own scheme, from packagers that leave KEYFORMAT out.
            Some((_, KeySystem::Identity)) if is_skd(&self.uri.text) => KeySystem::FairPlay,
            Some((_, system)) => *system,
            None => KeySystem::Other(&self.key_format),
        }
    }
}

/// What the keys in force come to: identity wins (RFC 8216bis, 4.4.4.4: a client uses any one it supports).
#[must_use]
pub fn protection(keys: &[Key]) -> Protection<'_> {
    let identity = keys.iter().find(|key| key.system() == KeySystem::Identity);
    match (identity, keys.first()) {
        (Some(key), _) => Protection::Key(key),
        (None, Some(key)) => Protection::Drm(key.system(), key),
        (None, None) => Protection::Clear,
    }
}

impl fmt::Display for KeySystem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => f.write_str("identity"),
            Self::Widevine => f.write_str("Widevine"),
            Self::PlayReady => f.write_str("PlayReady"),
            Self::FairPlay => f.write_str("FairPlay"),
            Self::Other(format) => super::warning::Shown(format).fmt(f),
        }
    }
}
