//! Protected sample entries (ISO/IEC 14496-12, 8.12) and what they say of encryption (ISO/IEC 23001-7).

use bytes::{Buf, BufMut, Bytes};
use serde::{Deserialize, Serialize};

use crate::decrypt::{Pattern, Scheme};
use crate::demux::DemuxError;
use crate::demux::bmff::{FourCc, boxes, find, find_path, full_box, write_box};
use crate::demux::codec::Witness;
use crate::keys::KeyId;

/// A sample entry as the output has it, and what stood around it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SampleEntry {
    /// The whole box, clear.
    pub(super) clear: Bytes,
    /// How its samples are encrypted; None when they are not.
    pub(super) protection: Option<Protection>,
    /// What says in its samples whether their key is right.
    pub(super) witness: Witness,
}

/// How samples are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Protection {
    pub(super) scheme: FourCc,
    /// What holds for samples of no group.
    pub(super) default: Encryption,
}

/// `tenc` (8.2), or an entry of the sample group `seig` (6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Encryption {
    pub(super) protected: bool,
    pub(super) pattern: Pattern,
    /// Bytes of the IV that each sample has of its own: 0, 8 or 16.
    pub(super) iv_bytes: usize,
    pub(super) key_id: KeyId,
    /// For samples without one of their own.
    pub(super) constant_iv: Option<[u8; 16]>,
}

impl SampleEntry {
    /// Reads a sample entry. None when a protected one does not say by what.
    pub(super) fn parse(entry: &[u8]) -> Option<Self> {
        let kind: FourCc = entry.get(4..8)?.try_into().ok()?;
        let children_at = match &kind {
            b"encv" => VISUAL_ENTRY_BYTES,
            b"enca" => AUDIO_ENTRY_BYTES + sound_description_bytes(entry),
            _ => {
                return Some(Self {
                    clear: Bytes::copy_from_slice(entry),
                    protection: None,
                    witness: Witness::Silent,
                });
            }
        };
        let (fields, children) = entry.split_at_checked(children_at)?;
        let infos = boxes(children).filter(|child| child.kind == *b"sinf");
        let (original, protection) = infos
            .filter_map(|info| protection(info.content))
            // A second one may be for a DRM system's older scheme.
            .max_by_key(|(_, protection)| Scheme::parse(protection.scheme).is_some())?;
        let mut clear = Vec::with_capacity(entry.len());
        write_box(&mut clear, original, |out| {
            out.put_slice(fields.get(BOX_HEADER_BYTES..).unwrap_or_default());
            for child in boxes(children).filter(|child| child.kind != *b"sinf") {
                out.put_slice(child.whole);
            }
        });
        Some(Self {
            witness: Witness::of(original, &clear, children_at),
            clear: clear.into(),
            protection: Some(protection),
        })
    }
}

const BOX_HEADER_BYTES: usize = 8;
const VISUAL_ENTRY_BYTES: usize = BOX_HEADER_BYTES + 78;
const AUDIO_ENTRY_BYTES: usize = BOX_HEADER_BYTES + 28;

/// What `QuickTime`'s later sound descriptions add to an audio sample entry.
fn sound_description_bytes(entry: &[u8]) -> usize {
    const VERSION: usize = BOX_HEADER_BYTES + 8;
    match entry.get(VERSION..VERSION + 2) {
        Some([0, 1]) => 16,
        Some([0, 2]) => 36,
        _ => 0,
    }
}

/// The original format and the protection that a `sinf` tells.
fn protection(sinf: &[u8]) -> Option<(FourCc, Protection)> {
    let original = find(sinf, b"frma")?.first_chunk().copied()?;
    let (_, _, scheme) = full_box(find(sinf, b"schm")?)?;
    let (_, _, default) = full_box(find_path(sinf, &[b"schi", b"tenc"])?)?;
    Some((
        original,
        Protection {
            scheme: scheme.first_chunk().copied()?,
            default: Encryption::parse(default)?,
        },
    ))
}

impl Protection {
    pub(super) fn scheme(&self) -> Result<Scheme, DemuxError> {
        Scheme::parse(self.scheme).ok_or_else(|| DemuxError::Unsupported(self.name()))
    }

    /// For messages.
    pub(super) fn name(&self) -> String {
        let scheme = String::from_utf8_lossy(&self.scheme);
        if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            format!("encrypted ({scheme}) fragmented MP4")
        } else {
            "encrypted fragmented MP4".to_owned()
        }
    }
}

impl Encryption {
    /// Reads what `tenc` and `seig` have in common.
    pub(super) fn parse(mut bytes: &[u8]) -> Option<Self> {
        let [_, pattern, protected, iv_bytes] = *bytes.split_off(..4)?.first_chunk()?;
        let key_id = KeyId(*bytes.split_off(..16)?.first_chunk()?);
        let constant_iv = if protected == 1 && iv_bytes == 0 {
            let length = usize::from(bytes.try_get_u8().ok()?);
            Some(block(bytes.get(..length)?)?)
        } else {
            None
        };
        Some(Self {
            protected: protected == 1,
            pattern: Pattern {
                crypt: usize::from(pattern >> 4),
                skip: usize::from(pattern & 0x0f),
            },
            iv_bytes: usize::from(iv_bytes),
            key_id,
            constant_iv,
        })
    }
}

/// An IV of 8 or 16 bytes; a short one is the beginning of the block.
pub(super) fn block(iv: &[u8]) -> Option<[u8; 16]> {
    let mut block = [0; 16];
    match iv.len() {
        8 | 16 => block.get_mut(..iv.len())?.copy_from_slice(iv),
        _ => return None,
    }
    Some(block)
}

/// The entries of a sample group description box for `seig` (ISO/IEC 14496-12, 8.9.3); none in another one.
pub(super) fn group_entries(sgpd: &[u8]) -> Option<Vec<Encryption>> {
    let (version, _, mut rest) = full_box(sgpd)?;
    if rest.split_off(..4)? != b"seig" {
        return None;
    }
    let default_length = match version {
        1 => usize::try_from(rest.try_get_u32().ok()?).ok()?,
        // Version 2 has a default index in its place in the field behind, and lengths as version 1 has.
        2 => {
            let length = usize::try_from(rest.try_get_u32().ok()?).ok()?;
            rest.try_get_u32().ok()?;
            length
        }
        _ => return None,
    };
    let count = rest.try_get_u32().ok()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let length = match default_length {
            0 => usize::try_from(rest.try_get_u32().ok()?).ok()?,
            length => length,
        };
        entries.push(Encryption::parse(rest.split_off(..length)?)?);
    }
    Some(entries)
}

/// The DRM systems that `pssh` boxes name (ISO/IEC 23001-7, 8.1), by the ids of the DASH-IF registry: the first.
pub(super) fn drm_system(container: &[u8]) -> Option<&'static str> {
    const SYSTEMS: [(u128, &str); 3] = [
        (0xedef_8ba9_79d6_4ace_a3c8_27dc_d51d_21ed, "Widevine"),
        (0x9a04_f079_9840_4286_ab92_e65b_e088_5f95, "PlayReady"),
        (0x94ce_86fb_07ff_4f43_adb8_93d2_fa96_8ca2, "FairPlay"),
    ];
    boxes(container)
        .filter(|found| found.kind == *b"pssh")
        .filter_map(|pssh| full_box(pssh.content)?.2.try_get_u128().ok())
        .find_map(|id| SYSTEMS.iter().find(|(known, _)| *known == id))
        .map(|(_, name)| *name)
}
