//! Samples: the keys of a segment, and the schemes that encrypt parts of each sample.
//!
//! | where | scheme | what is encrypted | starts anew |
//! |---|---|---|---|
//! | transport streams, packed audio | SAMPLE-AES ("MPEG-2 Stream Encryption Format for HTTP Live Streaming") | H.264: one block in ten of a slice behind 32 bytes; audio: the whole blocks behind a frame's header and 16 bytes | with each NAL unit or frame |
//! | ISO BMFF | `cenc`, `cens`, `cbc1`, `cbcs` (ISO/IEC 23001-7) | what the subsamples say, or all | with each sample; `cbcs`: with each subsample |

use std::fmt;
use std::sync::Arc;

use aes::Aes128;
use aes::cipher::{Block, BlockModeDecrypt as _, InnerIvInit as _, KeyInit as _, StreamCipher as _};
use serde::{Deserialize, Serialize};
use weir_core::protocol::{Iv, KeyMethod};

use super::{BLOCK_BYTES, CipherOf, DecryptError};
use crate::keys::{Key, KeyId};

/// What decrypts the samples of one segment. Cheap to clone; `Debug` hides the keys.
#[derive(Clone)]
pub struct SampleCipher {
    keys: Arc<Keys>,
    segment: Option<CipherOf>,
}

struct Keys {
    method: KeyMethod,
    iv: Iv,
    declaration: Declaration,
    /// For what no other is for.
    any: Option<SampleKey>,
    by_id: Vec<(KeyId, SampleKey)>,
}

/// Who says that the samples are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declaration {
    /// The playlist, with a key that it serves.
    Playlist,
    /// Nobody: the user gave a key, and the media tell what it is for.
    Nowhere,
}

/// A key, ready to decrypt.
#[derive(Clone)]
pub(crate) struct SampleKey(Aes128);

impl SampleCipher {
    /// The cipher of a segment: the key for everything, and those for what names them.
    ///
    /// # Errors
    /// [`DecryptError::KeyLength`]: samples take keys of 128 bits.
    pub fn new(
        method: KeyMethod,
        iv: Iv,
        declaration: Declaration,
        any: Option<Key>,
        by_id: &[(KeyId, Key)],
    ) -> Result<Self, DecryptError> {
        let ready = |key: &Key| match key {
            Key::Bits128(key) => Ok(SampleKey(Aes128::new(key.into()))),
            Key::Bits256(key) => Err(DecryptError::KeyLength {
                method,
                length: key.len(),
            }),
        };
        let keys = Keys {
            method,
            iv,
            declaration,
            any: any.as_ref().map(ready).transpose()?,
            by_id: by_id
                .iter()
                .map(|(id, key)| Ok((*id, ready(key)?)))
                .collect::<Result<_, _>>()?,
        };
        Ok(Self {
            keys: Arc::new(keys),
            segment: None,
        })
    }

    /// The same, of this segment: it can be saved then.
    #[must_use]
    pub fn of(self, segment: CipherOf) -> Self {
        Self {
            segment: Some(segment),
            ..self
        }
    }

    /// The segment that it is of, where that was said.
    #[must_use]
    pub fn segment(&self) -> Option<CipherOf> {
        self.segment
    }

    /// METHOD.
    pub(crate) fn method(&self) -> KeyMethod {
        self.keys.method
    }

    pub(crate) fn declaration(&self) -> Declaration {
        self.keys.declaration
    }

    /// The IV for media that carry none.
    pub(crate) fn iv(&self) -> [u8; BLOCK_BYTES] {
        self.keys.iv.0
    }

    /// The key for what names none.
    pub(crate) fn any(&self) -> Option<&SampleKey> {
        self.keys.any.as_ref()
    }

    /// The key for what names `id`.
    pub(crate) fn for_id(&self, id: KeyId) -> Option<&SampleKey> {
        let named = self.keys.by_id.iter().find(|(known, _)| *known == id);
        named.map(|(_, key)| key).or(self.any())
    }
}

impl fmt::Debug for SampleCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SampleCipher({}, <keys>)", self.keys.method)
    }
}

/// Bytes at the beginning of a NAL unit that stay clear: its type and 31 more.
const NAL_CLEAR_BYTES: usize = 32;

/// Bytes of an audio frame that stay clear behind its header.
const FRAME_CLEAR_BYTES: usize = 16;

/// A NAL unit of this length or less is left clear, in bytes.
pub(crate) const SHORT_NAL_BYTES: usize = NAL_CLEAR_BYTES + BLOCK_BYTES;

impl SampleCipher {
    /// Decrypts an H.264 slice from which the emulation prevention of the encryption was taken, and shows what came out.
    pub(crate) fn nal_unit(&self, nal: &mut [u8], mut decrypted: impl FnMut(&[u8])) {
        const PATTERN: Pattern = Pattern { crypt: 1, skip: 9 };
        let encrypted = nal.get_mut(NAL_CLEAR_BYTES..).unwrap_or_default();
        // The last block stays clear when nothing follows it.
        let end = encrypted.len().saturating_sub(1);
        if let (Some(key), Some(encrypted)) = (self.any(), encrypted.get_mut(..end)) {
            let mut cbc = key.cbc(&self.iv());
            PATTERN.runs(encrypted, |blocks| {
                cbc.decrypt(blocks);
                decrypted(blocks);
            });
        }
    }

    /// Decrypts an audio frame with a header of this many bytes.
    pub(crate) fn audio_frame(&self, frame: &mut [u8], header_bytes: usize) {
        let encrypted = frame
            .get_mut(header_bytes + FRAME_CLEAR_BYTES..)
            .unwrap_or_default();
        if let Some(key) = self.any() {
            key.cbc(&self.iv()).decrypt(encrypted);
        }
    }
}

/// A scheme of ISO/IEC 23001-7 (clause 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// AES-CTR, all of the protected bytes.
    Cenc,
    /// AES-CTR in a pattern.
    Cens,
    /// AES-CBC, all whole blocks of the protected bytes.
    Cbc1,
    /// AES-CBC in a pattern.
    Cbcs,
}

/// Which blocks of a protected range are encrypted. `skip` 0: all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pattern {
    /// Blocks that are encrypted ...
    pub(crate) crypt: usize,
    /// ... and blocks that follow them and are not.
    pub(crate) skip: usize,
}

/// A part of a sample, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subsample {
    /// What is clear at its beginning.
    pub(crate) clear: usize,
    /// What is protected behind it.
    pub(crate) protected: usize,
}

impl Scheme {
    pub(crate) fn parse(kind: [u8; 4]) -> Option<Self> {
        match &kind {
            b"cenc" => Some(Self::Cenc),
            b"cens" => Some(Self::Cens),
            b"cbc1" => Some(Self::Cbc1),
            b"cbcs" => Some(Self::Cbcs),
            _ => None,
        }
    }
}

impl Pattern {
    /// Calls `decrypt` with each run of encrypted whole blocks.
    fn runs(self, mut rest: &mut [u8], mut decrypt: impl FnMut(&mut [u8])) {
        let Self { crypt, skip } = self;
        if skip == 0 {
            let whole = rest.len() / BLOCK_BYTES * BLOCK_BYTES;
            decrypt(rest.get_mut(..whole).unwrap_or_default());
            return;
        }
        while rest.len() >= BLOCK_BYTES && crypt > 0 {
            let blocks = crypt.min(rest.len() / BLOCK_BYTES);
            let (run, after) = rest.split_at_mut(blocks * BLOCK_BYTES);
            decrypt(run);
            rest = after.get_mut(skip * BLOCK_BYTES..).unwrap_or_default();
        }
    }
}

impl SampleKey {
    /// Decrypts a sample of ISO BMFF in place; without subsamples all of it is protected. None when the subsamples are
    /// longer than the sample.
    pub(crate) fn sample(
        &self,
        scheme: Scheme,
        pattern: Pattern,
        iv: &[u8; BLOCK_BYTES],
        subsamples: Option<impl Iterator<Item = Subsample>>,
        sample: &mut [u8],
    ) -> Option<()> {
        let mut ctr = ctr::Ctr64BE::from_core(ctr::CtrCore::inner_iv_init(&self.0, &(*iv).into()));
        let mut cbc = self.cbc(iv);
        let mut decrypt = |protected: &mut [u8]| match scheme {
            Scheme::Cenc => ctr.apply_keystream(protected),
            Scheme::Cens if pattern.skip == 0 => ctr.apply_keystream(protected),
            Scheme::Cens => pattern.runs(protected, |blocks| ctr.apply_keystream(blocks)),
            Scheme::Cbc1 => cbc.decrypt(protected),
            Scheme::Cbcs => {
                cbc = self.cbc(iv);
                pattern.runs(protected, |blocks| cbc.decrypt(blocks));
            }
        };
        let Some(subsamples) = subsamples else {
            decrypt(sample);
            return Some(());
        };
        let mut rest = sample;
        for Subsample { clear, protected } in subsamples {
            let (subsample, after) = rest.split_at_mut_checked(clear.checked_add(protected)?)?;
            decrypt(subsample.get_mut(clear..)?);
            rest = after;
        }
        Some(())
    }

    fn cbc(&self, iv: &[u8; BLOCK_BYTES]) -> Cbc<'_> {
        Cbc(cbc::Decryptor::inner_iv_init(&self.0, &(*iv).into()))
    }
}

/// AES-CBC that goes on from call to call.
struct Cbc<'a>(cbc::Decryptor<&'a Aes128>);

impl Cbc<'_> {
    /// Decrypts the whole blocks; what follows them is clear.
    fn decrypt(&mut self, bytes: &mut [u8]) {
        let (blocks, _) = Block::<Aes128>::slice_as_chunks_mut(bytes);
        self.0.decrypt_blocks(blocks);
    }
}

#[cfg(test)]
mod tests {
    use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 16] = [0x2b; 16];
    const IV: [u8; 16] = [0x7e; 16];

    fn cipher() -> SampleCipher {
        let key = Some(Key::Bits128(KEY));
        SampleCipher::new(KeyMethod::SampleAes, Iv(IV), Declaration::Playlist, key, &[]).unwrap()
    }

    /// The places of the blocks that are encrypted, as the specifications' pseudo code has them.
    fn places(mut at: usize, end: usize, pattern: Pattern) -> Vec<usize> {
        let mut places = Vec::new();
        let mut block = 0;
        while at + 16 <= end {
            let period = pattern.crypt + pattern.skip;
            if pattern.skip == 0 || block % period < pattern.crypt {
                places.push(at);
            }
            block += 1;
            at += 16;
        }
        places
    }

    /// Encrypts the blocks at these places in one chain.
    fn encrypt(bytes: &mut [u8], places: impl IntoIterator<Item = usize>) {
        let mut cbc = cbc::Encryptor::<Aes128>::new(&KEY.into(), &IV.into());
        for at in places {
            let (block, _) = Block::<Aes128>::slice_as_chunks_mut(&mut bytes[at..at + 16]);
            cbc.encrypt_blocks(block);
        }
    }

    #[test]
    fn debug_hides_the_keys() {
        assert_eq!(format!("{:?}", cipher()), "SampleCipher(SAMPLE-AES, <keys>)");
    }

    #[test]
    fn samples_take_no_keys_of_256_bits() {
        let long = Some(Key::Bits256([1; 32]));
        let error =
            SampleCipher::new(KeyMethod::SampleAes, Iv(IV), Declaration::Playlist, long, &[]).unwrap_err();
        let method = KeyMethod::SampleAes;
        assert_eq!(error, DecryptError::KeyLength { method, length: 32 });
    }

    /// Lengths at which the last block is just clear, and just not.
    #[test]
    fn the_last_block_of_a_slice_stays_clear() {
        for (length, blocks) in [(32, 0), (48, 0), (49, 1), (208, 1), (209, 2), (1649, 11)] {
            let clear: Vec<u8> = (0..length)
                .map(|n: usize| u8::try_from(n % 251).unwrap())
                .collect();
            let mut nal = clear.clone();
            encrypt(&mut nal, (0..blocks).map(|block| 32 + block * 160));
            cipher().nal_unit(&mut nal, |_| ());
            assert_eq!(nal, clear, "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn slices_come_back(clear in prop::collection::vec(any::<u8>(), 0..2000)) {
            let mut nal = clear.clone();
            let mut at = 32;
            let mut places = Vec::new();
            while nal.len() > at + 16 {
                places.push(at);
                at += 160;
            }
            encrypt(&mut nal, places);
            cipher().nal_unit(&mut nal, |_| ());
            prop_assert_eq!(nal, clear);
        }

        #[test]
        fn audio_frames_come_back(clear in prop::collection::vec(any::<u8>(), 0..500), header in 0..10_usize) {
            let mut frame = clear.clone();
            let all = Pattern::default();
            encrypt(&mut frame, places(header + 16, clear.len(), all));
            cipher().audio_frame(&mut frame, header);
            prop_assert_eq!(frame, clear);
        }

        #[test]
        fn samples_come_back(
            parts in prop::collection::vec((0..60_usize, 0..400_usize), 1..6),
            pattern in prop_oneof![Just((0, 0)), Just((1, 0)), Just((1, 9)), Just((5, 5)), Just((2, 1))],
            whole: bool,
        ) {
            let pattern = Pattern { crypt: pattern.0, skip: pattern.1 };
            let length: usize = parts.iter().map(|(clear, protected)| clear + protected).sum();
            let clear: Vec<u8> = (0..length).map(|n| u8::try_from(n * 7 % 253).unwrap()).collect();
            let mut ranges = Vec::new();
            let mut at = 0;
            for (clear, protected) in &parts {
                ranges.push((at + clear, at + clear + protected));
                at += clear + protected;
            }
            if whole {
                ranges = vec![(0, length)];
            }
            let subsamples = || (!whole).then(|| parts.iter().map(|&(clear, protected)| Subsample { clear, protected }));
            let key = cipher();
            let key = key.any().unwrap();
            for scheme in [Scheme::Cenc, Scheme::Cens, Scheme::Cbc1, Scheme::Cbcs] {
                let mut sample = clear.clone();
                let used = if scheme == Scheme::Cbc1 { Pattern::default() } else { pattern };
                let blocks = |&(begin, end): &(usize, usize)| places(begin, end, used);
                match scheme {
                    Scheme::Cbcs => ranges.iter().for_each(|range| encrypt(&mut sample, blocks(range))),
                    Scheme::Cbc1 => encrypt(&mut sample, ranges.iter().flat_map(blocks)),
                    // A stream cipher is its own inverse, byte by byte.
                    Scheme::Cenc | Scheme::Cens => {
                        let mut ctr = ctr::Ctr64BE::<Aes128>::new(&KEY.into(), &IV.into());
                        for range in &ranges {
                            if scheme == Scheme::Cenc || used.skip == 0 {
                                ctr.apply_keystream(&mut sample[range.0..range.1]);
                            } else {
                                for at in blocks(range) {
                                    ctr.apply_keystream(&mut sample[at..at + 16]);
                                }
                            }
                        }
                    }
                }
                key.sample(scheme, used, &IV, subsamples(), &mut sample).unwrap();
                prop_assert_eq!(&sample, &clear, "{:?}", scheme);
            }
        }

        #[test]
        fn no_input_panics(mut bytes: Vec<u8>, parts: Vec<(u16, u32)>, crypt in 0..16_usize, skip in 0..16_usize) {
            let cipher = cipher();
            cipher.nal_unit(&mut bytes, |_| ());
            cipher.audio_frame(&mut bytes, crypt);
            for scheme in [Scheme::Cenc, Scheme::Cens, Scheme::Cbc1, Scheme::Cbcs] {
                let parts = parts.iter().map(|&(clear, protected)| Subsample {
                    clear: usize::from(clear),
                    protected: usize::try_from(protected).unwrap(),
                });
                let _ = cipher.any().unwrap().sample(scheme, Pattern { crypt, skip }, &IV, Some(parts), &mut bytes);
            }
        }
    }
}
