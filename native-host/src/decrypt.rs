//! (key, iv, bytes) -> bytes: pure. AES-128 in CBC mode with PKCS#7 padding over a whole segment
//! (RFC 8216, 4.3.2.4 and 5.2), so that any segment decrypts without the others.

use aes::cipher::block_padding::{Padding as _, Pkcs7};
use aes::cipher::{Block, BlockModeDecrypt as _, KeyIvInit as _};
use bytes::{Bytes, BytesMut};
use weir_core::protocol::{ErrorCode, Iv};

use crate::keys::Key;

/// The cipher's block, in bytes.
const BLOCK_BYTES: usize = 16;

/// A transport stream packet, in bytes.
const TS_PACKET_BYTES: usize = 188;

/// Why bytes cannot be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecryptError {
    /// No whole number of blocks.
    #[error("truncated or not AES-CBC: {length} bytes is no multiple of 16")]
    Length {
        /// Of the ciphertext, in bytes.
        length: usize,
    },
    /// What came out ends in no padding and begins like no media.
    #[error("wrong key or corrupt: the padding is wrong")]
    Padding,
}

impl DecryptError {
    /// The code that the user interface translates.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        ErrorCode::Decrypt
    }
}

/// Decrypts a whole segment or map. Works in place when `ciphertext` is the only handle to its memory.
///
/// Some packagers write no padding when a segment fills its last block; such a segment is recognised
/// by the media that comes out and is returned whole.
///
/// # Errors
/// [`DecryptError`].
pub fn decrypt(key: &Key, iv: Iv, ciphertext: Bytes) -> Result<Bytes, DecryptError> {
    let length = ciphertext.len();
    if length == 0 || !length.is_multiple_of(BLOCK_BYTES) {
        return Err(DecryptError::Length { length });
    }
    let mut buffer = ciphertext
        .try_into_mut()
        .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    let (blocks, _) = Block::<Decryptor>::slice_as_chunks_mut(&mut buffer);
    Decryptor::new(key.bytes().into(), &iv.0.into()).decrypt_blocks(blocks);
    match Pkcs7::unpad_blocks(blocks).map(<[u8]>::len) {
        Ok(padded) if is_unpadded_ts(&buffer) => tracing::debug!(padded, "a segment without padding"),
        Ok(plain) => buffer.truncate(plain),
        Err(_) if looks_like_media(&buffer) => tracing::debug!("a segment without padding"),
        Err(_) => return Err(DecryptError::Padding),
    }
    Ok(buffer.freeze())
}

type Decryptor = cbc::Decryptor<aes::Aes128>;

/// Whole packets, the last of which only happens to end as padding does.
fn is_unpadded_ts(bytes: &[u8]) -> bool {
    bytes.len().is_multiple_of(TS_PACKET_BYTES)
        && bytes
            .chunks(TS_PACKET_BYTES)
            .all(|packet| packet.first() == Some(&0x47))
}

/// Beginnings that a wrong key does not bring about: 24 bits and more that have to fit.
fn looks_like_media(bytes: &[u8]) -> bool {
    let sync = |packet: usize| bytes.get(packet * TS_PACKET_BYTES) == Some(&0x47);
    let box_type = bytes.get(4..8).unwrap_or_default();
    (sync(0) && sync(1) && sync(2) && sync(3))
        || [b"ftyp", b"styp", b"moof", b"sidx", b"emsg"]
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

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(pair).collect()
    }

    fn key(text: &str) -> Key {
        Key::new(hex(text).try_into().unwrap())
    }

    fn iv(text: &str) -> Iv {
        text.parse().unwrap()
    }

    fn encrypt(key: &Key, iv: Iv, plain: &[u8]) -> Bytes {
        let encryptor = cbc::Encryptor::<aes::Aes128>::new(key.bytes().into(), &iv.0.into());
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
        let arguments =
            "enc -aes-128-cbc -K 000102030405060708090a0b0c0d0e0f -iv 0000000000000000000000000000002a";
        let openssl = Command::new("openssl")
            .args(arguments.split(' '))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut openssl) = openssl else {
            println!("skipped: no openssl here to agree with");
            return;
        };
        openssl.stdin.take().unwrap().write_all(&plain).unwrap();
        let ciphertext = openssl.wait_with_output().unwrap().stdout;
        let iv = Iv::from_sequence(weir_core::protocol::MediaSequence(42));
        assert_eq!(
            decrypt(&key("000102030405060708090a0b0c0d0e0f"), iv, ciphertext.into()).unwrap(),
            plain
        );
    }

    #[test]
    fn says_what_is_wrong() {
        let (key, iv) = (Key::new([7; 16]), Iv([9; 16]));
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
            decrypt(&Key::new([8; 16]), iv, right.clone()),
            Err(DecryptError::Padding)
        );
        assert_eq!(
            message(right[..right.len() - 16].to_vec()),
            "wrong key or corrupt: the padding is wrong"
        );
    }

    #[test]
    fn takes_media_without_padding() {
        let (key, iv) = (Key::new([7; 16]), Iv([9; 16]));
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
        let (key, iv) = (Key::new([7; 16]), Iv([9; 16]));
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
            let (key, iv) = (Key::new(key), Iv(iv));
            prop_assert_eq!(decrypt(&key, iv, encrypt(&key, iv, &plain)).unwrap(), plain);
        }

        #[test]
        fn no_input_panics(bytes: Vec<u8>, key: [u8; 16]) {
            let _ = decrypt(&Key::new(key), Iv([0; 16]), bytes.into());
        }
    }
}
