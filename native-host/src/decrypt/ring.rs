//! Ciphers in what is saved of a merger. A key is never written anywhere: of a cipher it is saved which segment it is of,
//! and whoever reads that asks for the key again.

use std::cell::RefCell;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::SampleCipher;

/// The segment whose samples a cipher decrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CipherOf {
    /// The plan's track.
    pub track: usize,
    /// Media sequence number.
    pub sequence: u64,
}

/// Ciphers for what is read.
#[derive(Debug, Clone, Default)]
pub struct CipherRing(Vec<SampleCipher>);

/// What becomes of a cipher. Serde has no way to hand that down to where one is met.
#[derive(Debug, Default)]
enum Manner {
    /// It cannot be saved.
    #[default]
    Refused,
    /// It is saved as a [`CipherOf`].
    Saved,
    /// It is read from these, and this is the first that is not there.
    Read(CipherRing, Option<CipherOf>),
}

thread_local! {
    static MANNER: RefCell<Manner> = const { RefCell::new(Manner::Refused) };
}

fn within<T>(manner: Manner, work: impl FnOnce() -> T) -> (T, Manner) {
    let before = MANNER.replace(manner);
    let done = work();
    (done, MANNER.replace(before))
}

/// Saves something with ciphers in it, each as the segment that it is of.
pub fn saving<T>(save: impl FnOnce() -> T) -> T {
    within(Manner::Saved, save).0
}

impl CipherRing {
    /// Adds one that knows its segment.
    pub fn add(&mut self, cipher: SampleCipher) {
        self.0.push(cipher);
    }

    /// Reads something that was saved. Beside it, the first cipher that it needs and that is not here: then it could not
    /// be read.
    pub fn reading<T>(&self, read: impl FnOnce() -> T) -> (T, Option<CipherOf>) {
        match within(Manner::Read(self.clone(), None), read) {
            (done, Manner::Read(_, missing)) => (done, missing),
            (done, Manner::Refused | Manner::Saved) => (done, None),
        }
    }

    fn get(&self, of: CipherOf) -> Option<&SampleCipher> {
        self.0.iter().find(|cipher| cipher.segment() == Some(of))
    }
}

impl Serialize for SampleCipher {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_saved = MANNER.with_borrow(|manner| matches!(manner, Manner::Saved));
        match self.segment() {
            Some(of) if is_saved => of.serialize(serializer),
            _ => Err(serde::ser::Error::custom("a key is not saved")),
        }
    }
}

impl<'de> Deserialize<'de> for SampleCipher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let of = CipherOf::deserialize(deserializer)?;
        MANNER.with_borrow_mut(|manner| {
            let Manner::Read(ring, missing) = manner else {
                return Err(serde::de::Error::custom("a key was not saved"));
            };
            ring.get(of).cloned().ok_or_else(|| {
                missing.get_or_insert(of);
                serde::de::Error::custom("its key is not there")
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use weir_core::protocol::{Iv, KeyMethod};

    use super::*;
    use crate::decrypt::Declaration;
    use crate::keys::Key;

    const KEY: [u8; 16] = *b"never on a disk!";

    fn cipher(sequence: u64) -> SampleCipher {
        let key = Some(Key::Bits128(KEY));
        SampleCipher::new(KeyMethod::SampleAes, Iv([3; 16]), Declaration::Playlist, key, &[])
            .unwrap()
            .of(CipherOf { track: 1, sequence })
    }

    #[test]
    fn a_cipher_is_saved_as_its_segment_and_read_with_its_key() {
        let save = |cipher: &SampleCipher| postcard::to_stdvec(cipher);
        let saved = saving(|| save(&cipher(700))).unwrap();
        assert!(saved.len() < 8, "{saved:?}");
        save(&cipher(700)).unwrap_err();
        let nameless = SampleCipher::new(
            KeyMethod::SampleAes,
            Iv([3; 16]),
            Declaration::Playlist,
            None,
            &[],
        );
        saving(|| save(&nameless.unwrap())).unwrap_err();

        let read = || postcard::from_bytes::<SampleCipher>(&saved);
        read().unwrap_err();
        let mut ring = CipherRing::default();
        ring.add(cipher(699));
        let (read_without, missing) = ring.reading(read);
        read_without.unwrap_err();
        let of = CipherOf {
            track: 1,
            sequence: 700,
        };
        assert_eq!(missing, Some(of));
        ring.add(cipher(700));
        let (read_with, missing) = ring.reading(read);
        assert_eq!((read_with.unwrap().segment(), missing), (Some(of), None));
    }
}
