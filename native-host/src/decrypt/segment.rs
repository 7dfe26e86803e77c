//! Whole segments: AES-CBC with PKCS#7 padding (RFC 8216, 4.3.2.4 and 5.2), and what packagers and the second edition
//! have added with keys of 256 bits.

use aes::cipher::block_padding::{Padding as _, Pkcs7};
use aes::cipher::consts::U16;
use aes::cipher::{
    Array, Block, BlockCipherDecrypt, BlockModeDecrypt as _, KeyInit, KeyIvInit as _, StreamCipher as _,
};
use aes::{Aes128, Aes256};
use aes_gcm::{AeadInOut as _, AesGcm};
use bytes::{Bytes, BytesMut};
use weir_core::protocol::{Iv, KeyMethod};

use super::{BLOCK_BYTES, DecryptError};
use crate::keys::Key;

/// A transport stream packet, in bytes.
const TS_PACKET_BYTES: usize = 188;

/// Decrypts a whole segment or map. Works in place when `ciphertext` is the only handle to its memory.
///
/// # Errors
/// [`DecryptError`].
pub fn segment(method: KeyMethod, key: &Key, iv: Iv, ciphertext: Bytes) -> Result<Bytes, DecryptError> {
    match (method, key) {
        (KeyMethod::Aes128, Key::Bits128(key)) => cbc::<Aes128>(key.into(), iv, ciphertext),
        (KeyMethod::Aes256, Key::Bits256(key)) => cbc::<Aes256>(key.into(), iv, ciphertext),
        (KeyMethod::Aes256Ctr, Key::Bits256(key)) => Ok(ctr(key, iv, ciphertext)),
        (KeyMethod::Aes256Gcm, Key::Bits256(key)) => gcm(key, ciphertext),
        (KeyMethod::SampleAes | KeyMethod::SampleAesCtr, _) => Err(DecryptError::NotOfSegments { method }),
        (_, key) => Err(DecryptError::KeyLength {
            method,
            length: key.bytes().len(),
        }),
    }
}

/// Whether a map that should be encrypted is not: some packagers encrypt the segments and leave it as it was.
#[must_use]
pub fn is_clear_map(map: &[u8]) -> bool {
    matches!(map.get(4..8), Some(b"ftyp" | b"moov"))
}

/// Some packagers write no padding when a segment fills its last block; such a segment is recognised by the media that
/// comes out and is returned whole.
fn cbc<C>(key: &aes::cipher::Key<C>, iv: Iv, ciphertext: Bytes) -> Result<Bytes, DecryptError>
where
    C: BlockCipherDecrypt<BlockSize = U16> + KeyInit,
{
    let length = ciphertext.len();
    if length == 0 || !length.is_multiple_of(BLOCK_BYTES) {
        return Err(DecryptError::Length { length });
    }
    let mut buffer = writable(ciphertext);
    let (blocks, _) = Block::<C>::slice_as_chunks_mut(&mut buffer);
    cbc::Decryptor::<C>::new(key, &iv.0.into()).decrypt_blocks(blocks);
    match Pkcs7::unpad_blocks(blocks).map(<[u8]>::len) {
        Ok(padded) if is_unpadded_ts(&buffer) => tracing::debug!(padded, "a segment without padding"),
        Ok(plain) => buffer.truncate(plain),
        Err(_) if looks_like_media(&buffer) => tracing::debug!("a segment without padding"),
        Err(_) => return Err(DecryptError::Padding),
    }
    Ok(buffer.freeze())
}

/// The IV is the first counter block, of which the last 64 bits count. There is no padding to check: whether media came
/// out is seen when it is read.
fn ctr(key: &[u8; 32], iv: Iv, ciphertext: Bytes) -> Bytes {
    let mut buffer = writable(ciphertext);
    ctr::Ctr64BE::<Aes256>::new(key.into(), &iv.0.into()).apply_keystream(&mut buffer);
    buffer.freeze()
}

/// 16 bytes of IV, the ciphertext, 16 bytes of tag.
fn gcm(key: &[u8; 32], segment: Bytes) -> Result<Bytes, DecryptError> {
    let length = segment.len();
    let mut buffer = writable(segment);
    let too_short = || DecryptError::TooShort { length };
    let (iv, rest) = buffer
        .split_first_chunk_mut::<BLOCK_BYTES>()
        .ok_or_else(too_short)?;
    let (content, tag) = rest.split_last_chunk_mut::<BLOCK_BYTES>().ok_or_else(too_short)?;
    AesGcm::<Aes256, U16>::new(key.into())
        .decrypt_inout_detached(&Array(*iv), &[], content.into(), &Array(*tag))
        .map_err(|_| DecryptError::Tag)?;
    Ok(buffer.freeze().slice(BLOCK_BYTES..length - BLOCK_BYTES))
}

/// The bytes to be written over: the same memory where nobody else has a handle to it.
fn writable(bytes: Bytes) -> BytesMut {
    bytes
        .try_into_mut()
        .unwrap_or_else(|shared| BytesMut::from(&shared[..]))
}

/// Whole packets, the last of which only happens to end as padding does.
fn is_unpadded_ts(bytes: &[u8]) -> bool {
    bytes.len().is_multiple_of(TS_PACKET_BYTES)
        && bytes
            .chunks(TS_PACKET_BYTES)
            .all(|packet| packet.first() == Some(&0x47))
}

/// Beginnings that ciphertext and a wrong key do not bring about: 24 bits and more that have to fit.
#[must_use]
pub fn looks_like_media(bytes: &[u8]) -> bool {
    let sync = |packet: usize| bytes.get(packet * TS_PACKET_BYTES) == Some(&0x47);
    let box_type = bytes.get(4..8).unwrap_or_default();
    (sync(0) && sync(1) && sync(2) && sync(3))
        || [b"ftyp", b"styp", b"moof", b"sidx", b"emsg", b"prft"]
            .into_iter()
            .any(|known| box_type == known)
        || bytes.starts_with(b"ID3")
        || bytes.starts_with(b"WEBVTT")
}

#[cfg(test)]
mod tests {
    use aes::cipher::BlockModeEncrypt as _;
    use proptest::prelude::*;

    use super::*;
    use crate::keys::KeySize;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(pair).collect()
    }

    fn key(text: &str) -> Key {
        Key::Bits128(hex(text).try_into().unwrap())
    }

    fn decrypt(key: &Key, iv: Iv, ciphertext: Bytes) -> Result<Bytes, DecryptError> {
        segment(KeyMethod::Aes128, key, iv, ciphertext)
    }

    fn iv(text: &str) -> Iv {
        text.parse().unwrap()
    }

    fn encrypt(key: &Key, iv: Iv, plain: &[u8]) -> Bytes {
        let encryptor = cbc::Encryptor::<Aes128>::new(key.bytes().try_into().unwrap(), &iv.0.into());
        encryptor.encrypt_padded_vec::<Pkcs7>(plain).into()
    }

    fn encrypt_unpadded(key: &Key, iv: Iv, plain: &[u8]) -> Bytes {
        let encrypted = encrypt(key, iv, plain);
        encrypted.slice(..plain.len())
    }

    /// RFC 3602, section 4: cases 1 to 3 (each is unpadded there; the padding block is ours to check).
    #[test]
    fn agrees_with_rfc_3602() {
        let check = |key_text: &str, iv_text: &str, plain: &[u8], ciphertext: &str| {
            let (key, iv) = (key(key_text), iv(iv_text));
            let full = encrypt(&key, iv, plain);
            assert_eq!(full[..plain.len()], hex(ciphertext)[..]);
            assert_eq!(decrypt(&key, iv, full).unwrap(), plain);
        };
        check(
            "06a9214036b8a15b512e03d534120006",
            "3dafba429d9eb430b422da802c9fac41",
            b"Single block msg",
            "e353779c1079aeb82708942dbe77181a",
        );
        check(
            "c286696d887c9aa0611bbb3e2025a45a",
            "562e17996d093d28ddb3ba695a2e6f58",
            &(0..32).collect::<Vec<u8>>(),
            "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1",
        );
        check(
            "6c3ea0477630ce21a2ce334aa746c2cd",
            "c782dc4c098c66cbd9cd27d825682c81",
            b"This is a 48-byte message (exactly 3 AES blocks)",
            "d0a02b3836451753d493665d33f0e8862dea54cdb293abc7506939276772f8d5
             021c19216bad525c8579695d83ba2684",
        );
    }

    /// NIST SP 800-38A, F.2.2 (CBC-AES128.Decrypt), with the padding block that HLS puts after it.
    #[test]
    fn agrees_with_nist_sp_800_38a() {
        let (key, iv) = (
            key("2b7e151628aed2a6abf7158809cf4f3c"),
            iv("000102030405060708090a0b0c0d0e0f"),
        );
        let plain = hex("6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
             30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710");
        let mut ciphertext = hex("7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2
             73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7");
        ciphertext.extend(hex("8cb82807230e1321d3fae00d18cc2012")); // the block of padding: 16 times 0x10
        assert_eq!(decrypt(&key, iv, ciphertext.into()).unwrap(), plain);
    }

    #[test]
    fn agrees_with_openssl() {
        use std::io::Write as _;
        use std::process::{Command, Stdio};

        let plain: Vec<u8> = (0..10_000_u32)
            .map(|n| u8::try_from(n * n % 251).unwrap())
            .collect();
        let iv = Iv::from_sequence(weir_core::protocol::MediaSequence(42));
        for (name, method, digits) in [
            ("-aes-128-cbc", KeyMethod::Aes128, 32),
            ("-aes-256-cbc", KeyMethod::Aes256, 64),
            ("-aes-256-ctr", KeyMethod::Aes256Ctr, 64),
        ] {
            let key_text = &"000102030405060708090a0b0c0d0e0f".repeat(2)[..digits];
            let openssl = Command::new("openssl")
                .args(["enc", name, "-K", key_text, "-iv", &iv.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn();
            let Ok(mut openssl) = openssl else {
                println!("skipped: no openssl here to agree with");
                return;
            };
            openssl.stdin.take().unwrap().write_all(&plain).unwrap();
            let ciphertext = openssl.wait_with_output().unwrap().stdout;
            let key = Key::from_bytes(&hex(key_text), method.into()).unwrap();
            assert_eq!(
                segment(method, &key, iv, ciphertext.into()).unwrap(),
                plain,
                "{name}"
            );
        }
    }

    /// Made by Node's `crypto` (OpenSSL) from a key of 0, 1, 2 ... and an IV that goes on with it.
    #[test]
    fn gcm_has_its_iv_in_front_and_its_tag_behind() {
        let bytes = |range: std::ops::Range<u8>| range.collect::<Vec<u8>>();
        let key = Key::from_bytes(&bytes(0..32), KeySize::Bits256).unwrap();
        let iv = Iv([0xee; 16]); // what the playlist says does not count
        let ciphertext = hex("f93342148214558f0972ea0cc480585731d064d44a00c1e74d6fa6005719579b");
        let sealed = [bytes(16..32), ciphertext].concat();
        let decrypt = |bytes: &[u8]| segment(KeyMethod::Aes256Gcm, &key, iv, Bytes::copy_from_slice(bytes));
        assert_eq!(decrypt(&sealed).unwrap(), &b"sixteen bytes IV"[..]);
        for at in [0, 20, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(decrypt(&changed), Err(DecryptError::Tag), "byte {at}");
        }
        assert_eq!(decrypt(&sealed[..31]), Err(DecryptError::TooShort { length: 31 }));
    }

    #[test]
    fn a_method_takes_only_its_own_keys() {
        let (short, long) = (Key::Bits128([7; 16]), Key::Bits256([7; 32]));
        for (method, key) in [
            (KeyMethod::Aes128, &long),
            (KeyMethod::Aes256, &short),
            (KeyMethod::Aes256Ctr, &short),
            (KeyMethod::Aes256Gcm, &short),
        ] {
            let error = segment(method, key, Iv([0; 16]), vec![0; 64].into()).unwrap_err();
            let length = key.bytes().len();
            assert_eq!(error, DecryptError::KeyLength { method, length });
        }
        for method in [KeyMethod::SampleAes, KeyMethod::SampleAesCtr] {
            let error = segment(method, &short, Iv([0; 16]), vec![0; 64].into()).unwrap_err();
            assert_eq!(error, DecryptError::NotOfSegments { method });
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let (key, iv) = (Key::Bits128([7; 16]), Iv([9; 16]));
        let message = |bytes: Vec<u8>| decrypt(&key, iv, bytes.into()).unwrap_err().to_string();
        assert_eq!(
            message(vec![0; 15]),
            "truncated or not AES-CBC: 15 bytes is no multiple of 16"
        );
        assert_eq!(
            message(Vec::new()),
            "truncated or not AES-CBC: 0 bytes is no multiple of 16"
        );
        let right = encrypt(&key, iv, &[0x55; 1000]);
        assert_eq!(
            decrypt(&Key::Bits128([8; 16]), iv, right.clone()),
            Err(DecryptError::Padding)
        );
        assert_eq!(
            message(right[..right.len() - 16].to_vec()),
            "wrong key or corrupt: the padding is wrong"
        );
    }

    #[test]
    fn takes_media_without_padding() {
        let (key, iv) = (Key::Bits128([7; 16]), Iv([9; 16]));
        let mut stream = Vec::new();
        for packet in 0..8_u8 {
            stream.push(0x47);
            stream.extend([packet; TS_PACKET_BYTES - 1]);
        }
        assert!(stream.len().is_multiple_of(BLOCK_BYTES));
        assert_eq!(
            decrypt(&key, iv, encrypt_unpadded(&key, iv, &stream)).unwrap(),
            stream
        );
        // The same when its last byte could be padding.
        *stream.last_mut().unwrap() = 1;
        assert_eq!(
            decrypt(&key, iv, encrypt_unpadded(&key, iv, &stream)).unwrap(),
            stream
        );
        // And padded as it should be.
        assert_eq!(decrypt(&key, iv, encrypt(&key, iv, &stream)).unwrap(), stream);
    }

    #[test]
    fn works_in_place_when_it_can() {
        let (key, iv) = (Key::Bits128([7; 16]), Iv([9; 16]));
        let ciphertext = encrypt(&key, iv, &[1; 100]);
        let copy = ciphertext.clone();
        assert_eq!(
            decrypt(&key, iv, copy).unwrap(),
            vec![1; 100],
            "shared memory is left alone"
        );
        let before = ciphertext.as_ptr();
        assert_eq!(decrypt(&key, iv, ciphertext).unwrap().as_ptr(), before);
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(plain: Vec<u8>, key: [u8; 16], iv: [u8; 16]) {
            let (key, iv) = (Key::Bits128(key), Iv(iv));
            prop_assert_eq!(decrypt(&key, iv, encrypt(&key, iv, &plain)).unwrap(), plain);
        }

        #[test]
        fn any_bytes_come_back_from_keys_of_256_bits(plain: Vec<u8>, key: [u8; 32], iv: [u8; 16]) {
            let cbc = cbc::Encryptor::<Aes256>::new(&key.into(), &iv.into()).encrypt_padded_vec::<Pkcs7>(&plain);
            let mut ctr = plain.clone();
            ctr::Ctr64BE::<Aes256>::new(&key.into(), &iv.into()).apply_keystream(&mut ctr);
            let mut content = plain.clone();
            let tag = AesGcm::<Aes256, U16>::new(&key.into())
                .encrypt_inout_detached(&Array(iv), &[], (&mut content[..]).into())
                .unwrap();
            let gcm = [&iv[..], &content, &tag[..]].concat();
            let (key, iv) = (Key::Bits256(key), Iv(iv));
            for (method, sealed) in [
                (KeyMethod::Aes256, cbc),
                (KeyMethod::Aes256Ctr, ctr),
                (KeyMethod::Aes256Gcm, gcm),
            ] {
                prop_assert_eq!(segment(method, &key, iv, sealed.into()).unwrap(), plain.clone());
            }
        }

        #[test]
        fn no_input_panics(bytes: Vec<u8>, key: [u8; 16], long: [u8; 32]) {
            for method in KeyMethod::ALL {
                for key in [Key::Bits128(key), Key::Bits256(long)] {
                    let _ = segment(method, &key, Iv([0; 16]), bytes.clone().into());
                }
            }
        }
    }
}
