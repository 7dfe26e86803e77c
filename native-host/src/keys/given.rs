//! Keys that the user gave: on the command line, or in a file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use weir_core::protocol::Iv;

use super::read::{from_digits, hexadecimal};
use super::{Key, KeySize};

/// Names the key that a track or a sample is encrypted with (`KID` of ISO/IEC 23001-7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyId(pub [u8; 16]);

/// Keys that the user gave. `Debug` hides them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenKeys {
    /// For everything that no other is for.
    any: Option<Key>,
    /// For what names them.
    by_id: Vec<(KeyId, Key)>,
    /// Instead of the playlist's IVs.
    iv: Option<Iv>,
}

/// Why something is no key. It never says what was given: that may be a key with a slip in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GivenKeyError {
    /// Neither digits nor `KID:HEX`.
    #[error("a key is 32 or 64 hexadecimal digits, or KID:HEX")]
    Form,
    /// Two for everything.
    #[error("two keys, and no KID says which is for what")]
    Ambiguous,
    /// Two for one KID.
    #[error("two keys with the KID {0}")]
    Duplicate(KeyId),
    /// A line of a file that is none of these.
    #[error("line {0} is no key: 32 or 64 hexadecimal digits, or KID:HEX")]
    Line(usize),
    /// A file without any.
    #[error("a key file holds 16 or 32 bytes, or lines of hexadecimal digits or KID:HEX")]
    File,
}

impl GivenKeys {
    /// Whether no key was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.any.is_none() && self.by_id.is_empty()
    }

    /// A digest of all of it, which tells these from others.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut add = |id: Option<KeyId>, key: Key| {
            digest.update([u8::from(id.is_some()), u8::from(key.size() == KeySize::Bits256)]);
            digest.update(id.map_or([0; 16], |id| id.0));
            digest.update(key.bytes());
        };
        let mut by_id = self.by_id.clone();
        by_id.sort_by_key(|(id, _)| *id);
        if let Some(key) = self.any {
            add(None, key);
        }
        for (id, key) in by_id {
            add(Some(id), key);
        }
        if let Some(iv) = self.iv {
            digest.update(b"IV");
            digest.update(iv.0);
        }
        digest.finalize().into()
    }

    /// The key for everything that no other is for.
    #[must_use]
    pub fn any(&self) -> Option<Key> {
        self.any
    }

    /// The keys that are for what names them.
    #[must_use]
    pub fn by_id(&self) -> &[(KeyId, Key)] {
        &self.by_id
    }

    /// The IV instead of the playlist's.
    #[must_use]
    pub fn iv(&self) -> Option<Iv> {
        self.iv
    }

    /// Puts an IV in the place of the playlist's.
    pub fn set_iv(&mut self, iv: Option<Iv>) {
        self.iv = iv;
    }

    /// Whether `text` is meant as a key, right or wrong, and not as the name of a file.
    #[must_use]
    pub fn is_written(text: &str) -> bool {
        Entry::parse(text).is_some()
    }

    /// Adds a key as it is typed: `HEX` or `KID:HEX`.
    ///
    /// # Errors
    /// [`GivenKeyError`].
    pub fn add(&mut self, text: &str) -> Result<(), GivenKeyError> {
        self.insert(Entry::parse(text).ok_or(GivenKeyError::Form)?)
    }

    /// Adds the keys of a file: the bytes of one, or lines as [`GivenKeys::add`] takes them. Empty lines and lines that
    /// begin with `#` are comments.
    ///
    /// # Errors
    /// [`GivenKeyError`].
    pub fn add_file(&mut self, bytes: &[u8]) -> Result<(), GivenKeyError> {
        let text = std::str::from_utf8(bytes).ok();
        let is_digits = text.is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let raw = [KeySize::Bits128, KeySize::Bits256]
            .into_iter()
            .find_map(|size| Key::from_bytes(bytes, size))
            .filter(|key| key.size() == KeySize::Bits128 || !is_digits);
        if let Some(key) = raw {
            return self.insert(Entry { id: None, key });
        }
        let mut found = false;
        for (index, line) in text.ok_or(GivenKeyError::File)?.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            found = true;
            self.insert(Entry::parse(line).ok_or(GivenKeyError::Line(index + 1))?)?;
        }
        if found { Ok(()) } else { Err(GivenKeyError::File) }
    }

    fn insert(&mut self, Entry { id, key }: Entry) -> Result<(), GivenKeyError> {
        match id {
            None if self.any.is_some_and(|known| known != key) => return Err(GivenKeyError::Ambiguous),
            None => self.any = Some(key),
            Some(id) => match self.by_id.iter().find(|(known, _)| *known == id) {
                Some((_, known)) if *known != key => return Err(GivenKeyError::Duplicate(id)),
                Some(_) => {}
                None => self.by_id.push((id, key)),
            },
        }
        Ok(())
    }
}

/// A key as it is typed.
struct Entry {
    id: Option<KeyId>,
    key: Key,
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (id, digits) = match text.split_once(':') {
            Some((id, digits)) => (Some(id.parse().ok()?), digits.trim()),
            None => (None, text),
        };
        let key = [KeySize::Bits128, KeySize::Bits256]
            .into_iter()
            .find_map(|size| from_digits(digits, size))?;
        Some(Self { id, key })
    }
}

impl FromStr for KeyId {
    type Err = GivenKeyError;

    /// Reads 32 hexadecimal digits, with or without the hyphens of a UUID.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: String = text.trim().chars().filter(|&c| c != '-').collect();
        let bytes = hexadecimal(&digits).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(GivenKeyError::Form)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "000102030405060708090a0b0c0d0e0f";
    const B: &str = "ffffffffffffffffffffffffffffffff";

    fn id(text: &str) -> KeyId {
        text.parse().unwrap()
    }

    fn keys(given: &[&str]) -> Result<GivenKeys, GivenKeyError> {
        let mut keys = GivenKeys::default();
        for text in given {
            keys.add(text)?;
        }
        Ok(keys)
    }

    #[test]
    fn other_keys_have_another_fingerprint() {
        let kid = format!("{B}:{A}");
        let mut all = vec![GivenKeys::default(), keys(&[A]).unwrap(), keys(&[B]).unwrap()];
        all.extend([
            keys(&[&A.repeat(2)]).unwrap(),
            keys(&[&kid]).unwrap(),
            keys(&[&kid, A]).unwrap(),
        ]);
        let mut with_iv = keys(&[A]).unwrap();
        with_iv.set_iv(Some(Iv([1; 16])));
        all.push(with_iv);
        let prints: std::collections::BTreeSet<_> = all.iter().map(GivenKeys::fingerprint).collect();
        assert_eq!(prints.len(), all.len());
        // The order in which they are given is no difference.
        let other = format!("{A}:{B}");
        let in_order = |given: &[&str]| keys(given).unwrap().fingerprint();
        assert_eq!(in_order(&[&kid, &other]), in_order(&[&other, &kid]));
    }

    #[test]
    fn typed_keys() {
        let one = keys(&[A]).unwrap();
        assert_eq!(one.any().unwrap().bytes()[..3], [0, 1, 2]);
        assert!(one.by_id().is_empty());
        let long = keys(&[&A.repeat(2)]).unwrap();
        assert_eq!(long.any().unwrap().size(), KeySize::Bits256);
        let several = keys(&[
            &format!("{A}:{B}"),
            &format!("ffffffff-ffff-ffff-FFFF-ffffffffffff:{A}"),
            B,
        ])
        .unwrap();
        assert_eq!(
            several.by_id().iter().map(|(id, _)| *id).collect::<Vec<_>>(),
            [id(A), id(B)]
        );
        assert!(several.any().is_some());
    }

    #[test]
    fn what_is_no_key_is_not_repeated() {
        for wrong in [
            "",
            "0102",
            "key.bin",
            "C:\\key.bin",
            &A[1..],
            &format!("{A}:{}", &B[1..]),
            &format!("1:{B}"),
        ] {
            assert!(!GivenKeys::is_written(wrong), "{wrong}");
            assert_eq!(keys(&[wrong]), Err(GivenKeyError::Form), "{wrong}");
        }
        assert_eq!(keys(&[A, B]), Err(GivenKeyError::Ambiguous));
        assert_eq!(keys(&[A, A]), keys(&[A]));
        assert_eq!(
            keys(&[&format!("{A}:{A}"), &format!("{A}:{B}")]),
            Err(GivenKeyError::Duplicate(id(A)))
        );
        let shown = format!("{:?}", keys(&[&format!("{A}:{B}"), B]).unwrap());
        assert!(!shown.contains(B), "{shown}");
    }

    #[test]
    fn key_files() {
        let read = |bytes: &[u8]| {
            let mut keys = GivenKeys::default();
            keys.add_file(bytes).map(|()| keys)
        };
        assert_eq!(read(&[7; 16]).unwrap().any(), Some(Key::Bits128([7; 16])));
        assert_eq!(read(&[7; 32]).unwrap().any(), Some(Key::Bits256([7; 32])));
        // 32 digits are a key as text, though they could be 32 bytes; 16 of them are only bytes.
        assert_eq!(
            read(&A.as_bytes()[..16]).unwrap().any().unwrap().bytes(),
            &A.as_bytes()[..16]
        );
        assert_eq!(read(A.as_bytes()), keys(&[A]));
        let lines = format!("# keys\r\n\n  {A}:{B}\r\n{B}:{A} \n");
        assert_eq!(
            read(lines.as_bytes()),
            keys(&[&format!("{A}:{B}"), &format!("{B}:{A}")])
        );
        assert_eq!(
            read(format!("{A}:{B}\nx\n").as_bytes()),
            Err(GivenKeyError::Line(2))
        );
        for none in [&b""[..], b"# only this\n", &[0xff; 17]] {
            assert_eq!(read(none), Err(GivenKeyError::File));
        }
    }

    proptest! {
        #[test]
        fn no_file_panics(bytes: Vec<u8>) {
            let _ = GivenKeys::default().add_file(&bytes);
        }
    }
}
