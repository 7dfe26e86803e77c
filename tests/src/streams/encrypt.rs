//! AES-128 for streams that were made in the clear. It shares the cipher crates with the host, so its own
//! witness is ffmpeg: a test of `streams` has ffmpeg decrypt what is made here.

use std::fs;
use std::path::Path;

use aes::Aes128;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use anyhow::Context as _;
use bytes::Bytes;
use m3u8_rs::{Key, KeyMethod, MediaPlaylist};
use sha2::{Digest as _, Sha256};

/// How a stream is encrypted.
#[derive(Debug, Clone, Copy)]
pub struct Encryption {
    /// EXT-X-MEDIA-SEQUENCE of the encrypted playlist.
    pub first_sequence: u64,
    /// Where the IVs come from.
    pub iv: IvRule,
    /// Segments until the next key; None: one key for all.
    pub segments_per_key: Option<usize>,
}

/// Where the IVs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IvRule {
    /// The media sequence number; the playlist says nothing.
    Implicit,
    /// A number of its own for each segment, in the playlist.
    Explicit,
}

/// How the encrypted playlist names its resources.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// Put before a segment's file name.
    pub segments: &'a str,
    /// Put before a key's file name.
    pub keys: &'a str,
}

/// An encrypted stream: nothing of it is written yet.
#[derive(Debug, Clone)]
pub struct Encrypted {
    /// The media playlist.
    pub playlist: String,
    /// Segments by file name.
    pub segments: Vec<(String, Bytes)>,
    /// Keys by file name.
    pub keys: Vec<(String, Bytes)>,
}

/// Encrypts the clear stream of `playlist`, whose segments are files beside it.
///
/// # Errors
/// The playlist or a segment cannot be read.
pub fn encrypt(playlist: &Path, encryption: Encryption, names: Names<'_>) -> anyhow::Result<Encrypted> {
    let folder = playlist.parent().context("a playlist is in a folder")?;
    let mut media = read_media_playlist(playlist)?;
    media.media_sequence = encryption.first_sequence;
    let mut keys: Vec<(String, Bytes)> = Vec::new();
    let mut segments = Vec::new();
    for (index, segment) in media.segments.iter_mut().enumerate() {
        let key_number = encryption.segments_per_key.map_or(0, |count| index / count);
        let is_new = keys.len() == key_number;
        let key = first16(&format!("weir test key {key_number}"));
        let key_name = format!("key{key_number}.bin");
        if is_new {
            keys.push((key_name.clone(), Bytes::copy_from_slice(&key)));
        }
        let sequence = encryption.first_sequence + u64::try_from(index)?;
        let (iv, written_iv) = match encryption.iv {
            IvRule::Implicit => (u128::from(sequence).to_be_bytes(), None),
            IvRule::Explicit => {
                let iv = first16(&format!("weir test IV {sequence}"));
                (iv, Some(format!("0x{:032X}", u128::from_be_bytes(iv))))
            }
        };
        // An EXT-X-KEY holds until the next one; an explicit IV has to be said again for each segment.
        segment.key = (is_new || written_iv.is_some()).then(|| Key {
            method: KeyMethod::AES128,
            uri: Some(format!("{}{key_name}", names.keys)),
            iv: written_iv,
            ..Key::default()
        });
        let name = std::mem::take(&mut segment.uri);
        segment.uri = format!("{}{name}", names.segments);
        let clear = fs::read(folder.join(&name)).with_context(|| name.clone())?;
        let encryptor = cbc::Encryptor::<Aes128>::new(&key.into(), &iv.into());
        segments.push((name, Bytes::from(encryptor.encrypt_padded_vec::<Pkcs7>(&clear))));
    }
    let mut text = Vec::new();
    media.write_to(&mut text)?;
    Ok(Encrypted {
        playlist: String::from_utf8(text)?,
        segments,
        keys,
    })
}

fn read_media_playlist(path: &Path) -> anyhow::Result<MediaPlaylist> {
    let text = fs::read(path).with_context(|| path.display().to_string())?;
    let (_, media) = m3u8_rs::parse_media_playlist(&text)
        .map_err(|error| anyhow::anyhow!("{}: no media playlist: {error}", path.display()))?;
    Ok(media)
}

/// 16 bytes that look random and are the same each time.
fn first16(text: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (byte, digest) in bytes.iter_mut().zip(Sha256::digest(text)) {
        *byte = digest;
    }
    bytes
}
