//! Common Encryption (ISO/IEC 23001-7) for fragmented MP4 that was made in the clear, as ffmpeg writes it. ffmpeg itself
//! makes only `cenc` of whole files. It shares nothing with the host but the cipher crates.

#![expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "types of boxes are written as byte strings, which are references"
)]

use std::collections::HashMap;

use aes::Aes128;
use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _, StreamCipher as _};
use anyhow::{Context as _, ensure};

const BLOCK_BYTES: usize = 16;

/// How a stream is encrypted.
#[derive(Debug, Clone, Copy)]
pub struct Protection {
    /// The scheme.
    pub scheme: Scheme,
    /// KID and key of the tracks, in turn.
    pub keys: [([u8; 16], [u8; 16]); 2],
    /// The second half of each fragment's samples has the other track's key, by a sample group.
    pub groups: bool,
    /// Where samples find their IVs and parts.
    pub place: Place,
}

/// The schemes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// AES-CTR.
    Cenc,
    /// AES-CTR in a pattern.
    Cens,
    /// AES-CBC.
    Cbc1,
    /// AES-CBC in a pattern, with a constant IV.
    Cbcs,
}

/// Where the auxiliary information is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In `senc`.
    Senc,
    /// In a box that nobody knows, which `saiz` and `saio` point to.
    Elsewhere,
}

impl Protection {
    fn pattern(&self) -> Option<(usize, usize)> {
        match self.scheme {
            Scheme::Cens | Scheme::Cbcs => Some((1, 9)),
            Scheme::Cenc | Scheme::Cbc1 => None,
        }
    }

    fn name(&self) -> &'static [u8; 4] {
        match self.scheme {
            Scheme::Cenc => b"cenc",
            Scheme::Cens => b"cens",
            Scheme::Cbc1 => b"cbc1",
            Scheme::Cbcs => b"cbcs",
        }
    }

    /// The IV of a sample, as it is written; None: constant.
    fn own_iv(&self, number: u64) -> Option<Vec<u8>> {
        match self.scheme {
            Scheme::Cenc | Scheme::Cens => Some((number << 32 | 0xabcd).to_be_bytes().to_vec()),
            Scheme::Cbc1 => Some((u128::from(number) << 64 | 0x1234_5678).to_be_bytes().to_vec()),
            Scheme::Cbcs => None,
        }
    }

    /// What `tenc` and `seig` have in common; audio has no pattern.
    fn defaults(&self, key: usize, coding: Coding) -> Vec<u8> {
        let pattern = self
            .pattern()
            .filter(|_| coding != Coding::Audio)
            .map_or(0, |(crypt, skip)| crypt << 4 | skip);
        let iv_bytes = self.own_iv(0).map_or(0, |iv| iv.len());
        let mut out = vec![
            0,
            u8::try_from(pattern).unwrap_or(0),
            1,
            u8::try_from(iv_bytes).unwrap_or(0),
        ];
        out.extend(self.keys.get(key).map_or([0; 16], |(id, _)| *id));
        if iv_bytes == 0 {
            out.push(16);
            out.extend(CONSTANT_IV);
        }
        out
    }
}

const CONSTANT_IV: [u8; 16] = *b"the constant IV!";

/// A track of the initialization section: its number among them, and what it holds.
type Tracks = HashMap<u32, (usize, Coding)>;

/// What is in a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// No NAL units.
    Audio,
    /// NAL units of H.264.
    Avc,
    /// NAL units of HEVC.
    Hevc,
}

impl Coding {
    fn of_entry(kind: [u8; 4]) -> Self {
        match &kind {
            b"avc1" => Self::Avc,
            b"hvc1" | b"hev1" => Self::Hevc,
            _ => Self::Audio,
        }
    }

    /// Whether a NAL unit that begins with this byte is a slice.
    fn is_slice(self, header: u8) -> bool {
        match self {
            Self::Audio => false,
            Self::Avc => matches!(header & 0x1f, 1 | 5),
            Self::Hevc => header >> 1 & 0x3f < 32,
        }
    }
}

/// Protects an initialization section. Returns it and its tracks.
///
/// # Errors
/// It is none.
pub fn initialization(clear: &[u8], protection: &Protection) -> anyhow::Result<(Vec<u8>, Tracks)> {
    let mut tracks = Tracks::new();
    let protected = rewrite(clear, &mut |kind, content| {
        if kind != *b"moov" {
            return Ok(None);
        }
        let moov = rewrite(content, &mut |kind, trak| {
            if kind != *b"trak" {
                return Ok(None);
            }
            let number = tracks.len();
            let header = find(trak, b"tkhd").context("tkhd")?;
            let id_at = if header.first() == Some(&1) { 20 } else { 12 };
            let id = u32::from_be_bytes(header.get(id_at..id_at + 4).context("tkhd")?.try_into()?);
            let mut coding = Coding::Audio;
            let trak = descend(trak, &[b"mdia", b"minf", b"stbl", b"stsd"], &mut |stsd| {
                let (head, entries) = stsd.split_at_checked(8).context("stsd")?;
                let (length, kind) = header_of(entries).context("sample entry")?;
                let entry = entries.get(..length).context("sample entry")?;
                coding = Coding::of_entry(kind);
                let protected = if coding == Coding::Audio { b"enca" } else { b"encv" };
                let info = [
                    boxed(b"frma", &kind),
                    full_box(b"schm", 0, 0, &[&protection.name()[..], &[0, 1, 0, 0]].concat()),
                    boxed(
                        b"schi",
                        &full_box(
                            b"tenc",
                            u8::from(protection.pattern().is_some()),
                            0,
                            &protection.defaults(number % 2, coding),
                        ),
                    ),
                ];
                let content = [
                    entry.get(8..).unwrap_or_default(),
                    &boxed(b"sinf", &info.concat()),
                ]
                .concat();
                Ok([head, &boxed(protected, &content)].concat())
            })?;
            tracks.insert(id, (number, coding));
            Ok(Some(trak))
        })?;
        Ok(Some(moov))
    })?;
    Ok((protected, tracks))
}

/// Protects a segment.
///
/// # Errors
/// It is none.
pub fn segment(clear: &[u8], protection: &Protection, tracks: &Tracks) -> anyhow::Result<Vec<u8>> {
    let mut out = clear.to_vec();
    let mut at = 0;
    let mut moofs: Vec<(usize, usize, Vec<u8>)> = Vec::new();
    while at < clear.len() {
        let (length, kind) = header_of(clear.get(at..).unwrap_or_default()).context("box")?;
        if &kind == b"moof" {
            let moof = clear.get(at + 8..at + length).context("moof")?;
            // Once to learn how much is added, once more with the offsets that follow from it.
            let first = fragment(&mut clear.to_vec(), at, moof, 0, protection, tracks)?;
            let added = i32::try_from(first.len() - moof.len())?;
            let second = fragment(&mut out, at, moof, added, protection, tracks)?;
            moofs.push((at, length, boxed(b"moof", &second)));
        }
        at += length;
    }
    for (at, length, moof) in moofs.into_iter().rev() {
        out.splice(at..at + length, moof);
    }
    // What is longer now is not where the index says.
    let kept = boxes(&out).filter(|(kind, _)| kind != b"sidx");
    Ok(kept.flat_map(|(kind, content)| boxed(&kind, content)).collect())
}

/// The content of a `moof` with encryption information; the samples are encrypted in `segment`.
fn fragment(
    segment: &mut [u8],
    moof_at: usize,
    moof: &[u8],
    added: i32,
    protection: &Protection,
    tracks: &Tracks,
) -> anyhow::Result<Vec<u8>> {
    let mut written = 8;
    let mut out = Vec::new();
    for (kind, content) in boxes(moof) {
        let rewritten = if &kind == b"traf" {
            traf(segment, moof_at, content, (added, written), protection, tracks)?
        } else {
            content.to_vec()
        };
        out.extend(boxed(&kind, &rewritten));
        written = 8 + out.len();
    }
    Ok(out)
}

/// `added` is what offsets of data grow by; the `traf` begins `traf_at` bytes behind its `moof`.
fn traf(
    segment: &mut [u8],
    moof_at: usize,
    traf: &[u8],
    (added, traf_at): (i32, usize),
    protection: &Protection,
    tracks: &Tracks,
) -> anyhow::Result<Vec<u8>> {
    let number = |bytes: &[u8], at: usize| -> anyhow::Result<u32> {
        Ok(u32::from_be_bytes(
            bytes.get(at..at + 4).context("field")?.try_into()?,
        ))
    };
    let header = find(traf, b"tfhd").context("tfhd")?;
    let flags = number(header, 0)? & 0x00ff_ffff;
    ensure!(flags & 1 == 0, "data offsets count from the moof");
    let (track, coding) = *tracks.get(&number(header, 4)?).context("track")?;
    let mut at = 8 + if flags & 2 == 0 { 0 } else { 4 } + if flags & 8 == 0 { 0 } else { 4 };
    let default_size = if flags & 0x10 == 0 { 0 } else { number(header, at)? };
    let mut out = Vec::new();
    let mut samples = Vec::new();
    for (kind, content) in boxes(traf) {
        let mut content = content.to_vec();
        if &kind == b"trun" {
            let flags = number(&content, 0)? & 0x00ff_ffff;
            ensure!(flags & 1 != 0, "a run without its data's offset");
            let mut data_at = moof_at + usize::try_from(number(&content, 8)?)?;
            let moved = number(&content, 8)?.checked_add_signed(added).context("offset")?;
            let count = number(&content, 4)?;
            at = 12 + if flags & 4 == 0 { 0 } else { 4 };
            for _ in 0..count {
                at += if flags & 0x100 == 0 { 0 } else { 4 };
                let size = if flags & 0x200 == 0 {
                    default_size
                } else {
                    number(&content, at)?
                };
                at += [0x200, 0x400, 0x800]
                    .into_iter()
                    .filter(|flag| flags & flag != 0)
                    .count()
                    * 4;
                let size = usize::try_from(size)?;
                samples.push(data_at..data_at + size);
                data_at += size;
            }
            content
                .get_mut(8..12)
                .context("trun")?
                .copy_from_slice(&moved.to_be_bytes());
        }
        out.extend(boxed(&kind, &content));
    }
    let mut information = Vec::new();
    let half = samples.len() / 2;
    for (index, place) in samples.iter().enumerate() {
        let key = if protection.groups && index >= half {
            track + 1
        } else {
            track
        };
        let (_, key) = protection.keys.get(key % 2).context("key")?;
        let sample = segment.get_mut(place.clone()).context("sample")?;
        information.push(encrypt(sample, protection, key, place.start as u64, coding)?);
    }
    if protection.groups {
        out.extend(groups(protection, samples.len(), (track + 1) % 2, coding)?);
    }
    out.extend(auxiliary(
        protection,
        &information,
        traf_at + 8 + out.len(),
        coding,
    )?);
    Ok(out)
}

/// The sample groups that give the second half of the samples another key.
fn groups(protection: &Protection, samples: usize, key: usize, coding: Coding) -> anyhow::Result<Vec<u8>> {
    let counts = [samples / 2, samples - samples / 2];
    let mut assignment = b"seig\0\0\0\x02".to_vec();
    for (count, index) in counts.into_iter().zip([0_u32, 0x1_0001]) {
        assignment.extend(u32::try_from(count)?.to_be_bytes());
        assignment.extend(index.to_be_bytes());
    }
    let entry = protection.defaults(key, coding);
    let description = [
        &b"seig"[..],
        &u32::try_from(entry.len())?.to_be_bytes(),
        &[0, 0, 0, 1],
        &entry,
    ]
    .concat();
    let description = full_box(b"sgpd", 1, 0, &description);
    Ok([description, full_box(b"sbgp", 0, 0, &assignment)].concat())
}

/// The auxiliary information of a `traf`'s samples, which stands `at` bytes behind the `moof`'s beginning.
fn auxiliary(
    protection: &Protection,
    information: &[Vec<u8>],
    at: usize,
    coding: Coding,
) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    let count = u32::try_from(information.len())?.to_be_bytes();
    let subsamples = if coding == Coding::Audio { 0 } else { 2 };
    match protection.place {
        Place::Senc => out.extend(full_box(
            b"senc",
            0,
            subsamples,
            &[&count[..], &information.concat()].concat(),
        )),
        Place::Elsewhere => {
            let sizes = information
                .iter()
                .map(|one| u8::try_from(one.len()))
                .collect::<Result<Vec<u8>, _>>()?;
            out.extend(full_box(b"saiz", 0, 0, &[&[0][..], &count, &sizes].concat()));
            let saio_bytes = 20;
            let offset = u32::try_from(at + out.len() + saio_bytes + 8)?;
            out.extend(full_box(
                b"saio",
                0,
                0,
                &[[0, 0, 0, 1], offset.to_be_bytes()].concat(),
            ));
            out.extend(boxed(b"skip", &information.concat()));
        }
    }
    Ok(out)
}

/// Encrypts a sample and returns what has to be known of it: its IV, and its parts when it is video.
fn encrypt(
    sample: &mut [u8],
    protection: &Protection,
    key: &[u8; 16],
    number: u64,
    coding: Coding,
) -> anyhow::Result<Vec<u8>> {
    let own = protection.own_iv(number);
    let mut iv = [0; 16];
    let written = own.as_deref().unwrap_or(&CONSTANT_IV);
    iv.get_mut(..written.len())
        .context("IV")?
        .copy_from_slice(written);
    let mut cipher = Cipher::new(protection, key, &iv);
    let mut information = own.unwrap_or_default();
    if coding == Coding::Audio {
        cipher.range(sample, None);
        return Ok(information);
    }
    let mut parts = Vec::new();
    let mut rest = sample;
    while !rest.is_empty() {
        let length = 4 + usize::try_from(u32::from_be_bytes(rest.get(..4).context("NAL unit")?.try_into()?))?;
        let (nal, after) = rest.split_at_mut_checked(length).context("NAL unit")?;
        // The slice's header is clear, and what is protected fills whole blocks; small units stay clear, in pieces that
        // 16 bits can tell.
        let slice = nal.get(4).is_some_and(|&header| coding.is_slice(header));
        let protected = if slice {
            length.saturating_sub(40) / BLOCK_BYTES * BLOCK_BYTES
        } else {
            0
        };
        let clear = length - protected;
        ensure!(clear < 1 << 16, "a clear NAL unit of {clear} bytes");
        if protection.scheme == Scheme::Cbcs {
            cipher = Cipher::new(protection, key, &iv);
        }
        cipher.range(nal.get_mut(clear..).unwrap_or_default(), protection.pattern());
        parts.extend(u16::try_from(clear)?.to_be_bytes());
        parts.extend(u32::try_from(protected)?.to_be_bytes());
        rest = after;
    }
    information.extend(u16::try_from(parts.len() / 6)?.to_be_bytes());
    information.extend(parts);
    Ok(information)
}

enum Cipher {
    Ctr(ctr::Ctr128BE<Aes128>),
    Cbc(cbc::Encryptor<Aes128>),
}

impl Cipher {
    fn new(protection: &Protection, key: &[u8; 16], iv: &[u8; 16]) -> Self {
        match protection.scheme {
            Scheme::Cenc | Scheme::Cens => Self::Ctr(ctr::Ctr128BE::new(key.into(), iv.into())),
            Scheme::Cbc1 | Scheme::Cbcs => Self::Cbc(cbc::Encryptor::new(key.into(), iv.into())),
        }
    }

    fn range(&mut self, bytes: &mut [u8], pattern: Option<(usize, usize)>) {
        let Some((crypt, skip)) = pattern else {
            return self.encrypt(bytes);
        };
        for chunk in bytes.chunks_mut((crypt + skip) * BLOCK_BYTES) {
            let end = (crypt * BLOCK_BYTES).min(chunk.len() / BLOCK_BYTES * BLOCK_BYTES);
            self.encrypt(chunk.get_mut(..end).unwrap_or_default());
        }
    }

    /// CBC leaves clear what fills no block.
    fn encrypt(&mut self, bytes: &mut [u8]) {
        match self {
            Self::Ctr(ctr) => ctr.apply_keystream(bytes),
            Self::Cbc(cbc) => {
                let (blocks, _) = aes::cipher::Block::<Aes128>::slice_as_chunks_mut(bytes);
                cbc.encrypt_blocks(blocks);
            }
        }
    }
}

/// Length and type of the box that bytes begin with.
fn header_of(bytes: &[u8]) -> Option<(usize, [u8; 4])> {
    let length = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
    Some((usize::try_from(length).ok()?, bytes.get(4..8)?.try_into().ok()?))
}

/// Types and contents of boxes behind each other.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (length, kind) = header_of(bytes)?;
        let (found, after) = bytes.split_at_checked(length)?;
        bytes = after;
        Some((kind, found.get(8..)?))
    })
}

fn find<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes)
        .find(|(kind, _)| kind == wanted)
        .map(|(_, content)| content)
}

fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(8 + content.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], kind, content].concat()
}

fn full_box(kind: &[u8; 4], version: u8, flags: u8, content: &[u8]) -> Vec<u8> {
    boxed(kind, &[&[version, 0, 0, flags], content].concat())
}

/// Writes boxes again; `change` may give other contents.
fn rewrite(
    bytes: &[u8],
    change: &mut impl FnMut([u8; 4], &[u8]) -> anyhow::Result<Option<Vec<u8>>>,
) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    for (kind, content) in boxes(bytes) {
        let changed = change(kind, content)?;
        out.extend(boxed(&kind, changed.as_deref().unwrap_or(content)));
    }
    Ok(out)
}

/// Changes the content of the box that a path leads to.
fn descend(
    bytes: &[u8],
    path: &[&[u8; 4]],
    change: &mut dyn FnMut(&[u8]) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<Vec<u8>> {
    let Some((first, rest)) = path.split_first() else {
        return change(bytes);
    };
    rewrite(bytes, &mut |kind, content| {
        if kind == **first {
            descend(content, rest, change).map(Some)
        } else {
            Ok(None)
        }
    })
}
