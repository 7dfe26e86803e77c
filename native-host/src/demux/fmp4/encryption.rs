//! What a track fragment says of the encryption of each of its samples (ISO/IEC 23001-7, 7): `senc`, or `saiz` and
//! `saio`, and the sample groups `seig`.

use std::ops::Range;

use bytes::Buf;

use super::protection::{Encryption, Protection, block, group_entries};
use crate::decrypt::{Pattern, Scheme, Subsample};
use crate::demux::DemuxError;
use crate::demux::bmff::{boxes, full_box};
use crate::keys::KeyId;

/// How one sample is encrypted.
#[derive(Debug, Clone)]
pub(super) struct SampleEncryption {
    pub(super) scheme: Scheme,
    pub(super) pattern: Pattern,
    pub(super) key_id: KeyId,
    /// None: the playlist's.
    pub(super) iv: Option<[u8; 16]>,
    /// Which of the segment's subsamples are its own; None: all of it is protected.
    pub(super) subsamples: Option<Range<usize>>,
}

impl SampleEncryption {
    /// The parts of a sample of `length` bytes that are protected; `all` are the segment's subsamples.
    pub(super) fn protected(&self, length: usize, all: &[Subsample]) -> Vec<Range<usize>> {
        let Some(own) = &self.subsamples else {
            return std::iter::once(0..length).collect();
        };
        let mut at = 0;
        let own = all.get(own.clone()).unwrap_or_default().iter();
        own.map(|subsample| {
            let begin = at + subsample.clear;
            at = begin + subsample.protected;
            begin..at
        })
        .filter(|range| !range.is_empty())
        .collect()
    }

    /// One block in so many of a protected part is encrypted.
    pub(super) fn one_in(&self) -> usize {
        match (self.scheme, self.pattern) {
            (Scheme::Cens | Scheme::Cbcs, Pattern { crypt, skip }) if skip > 0 && crypt > 0 => {
                (crypt + skip).div_ceil(crypt)
            }
            _ => 1,
        }
    }
}

/// Reads the samples of a track fragment, one after the other.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    segment: &'a [u8],
    scheme: Scheme,
    default: Encryption,
    groups: Groups<'a>,
    /// Bytes of auxiliary information of each sample.
    sizes: Option<Sizes<'a>>,
    /// Where it is in the segment: in one place, or in one for each run.
    offsets: Vec<usize>,
    /// What is not read of it.
    rest: &'a [u8],
    /// Whether every sample has subsamples; None: its size tells.
    subsamples: Option<bool>,
    sample: usize,
}

impl<'a> Reader<'a> {
    /// `base` is what offsets count from, `track_groups` the sample groups that the initialization section has.
    pub(super) fn new(
        segment: &'a [u8],
        base: usize,
        traf: &'a [u8],
        protection: &Protection,
        track_groups: &'a [Encryption],
    ) -> Result<Self, DemuxError> {
        let content = |kind: &[u8; 4]| {
            boxes(traf)
                .find(|found| found.kind == *kind)
                .map(|found| found.content)
        };
        let mut reader = Self {
            segment,
            scheme: protection.scheme()?,
            default: protection.default,
            groups: Groups::parse(traf, track_groups),
            sizes: content(b"saiz")
                .map(|saiz| Sizes::parse(saiz).ok_or_else(malformed))
                .transpose()?,
            offsets: Vec::new(),
            rest: &[],
            subsamples: None,
            sample: 0,
        };
        if let Some(senc) = content(b"senc") {
            const USE_SUBSAMPLES: u32 = 2;
            let (_, flags, entries) = full_box(senc).ok_or_else(malformed)?;
            reader.subsamples = Some(flags & USE_SUBSAMPLES != 0);
            reader.rest = entries.get(4..).ok_or_else(malformed)?;
        } else if let Some(saio) = content(b"saio") {
            reader.offsets = offsets(saio, base).ok_or_else(malformed)?;
        }
        Ok(reader)
    }

    /// The run with this number begins.
    pub(super) fn begin_run(&mut self, number: usize) -> Result<(), DemuxError> {
        // One offset: everything is in one place, and the later runs go on there.
        let offset = self
            .offsets
            .get(number)
            .filter(|_| number == 0 || self.offsets.len() > 1);
        if let Some(&offset) = offset {
            self.rest = self.segment.get(offset..).ok_or_else(malformed)?;
        }
        Ok(())
    }

    /// How the next sample is encrypted; None when it is clear. Its subsamples are added to `subsamples`.
    pub(super) fn next(
        &mut self,
        subsamples: &mut Vec<Subsample>,
    ) -> Result<Option<SampleEncryption>, DemuxError> {
        let index = self.sample;
        self.sample += 1;
        let encryption = match self.groups.of(index) {
            Group::None => self.default,
            Group::Is(encryption) => encryption,
            Group::Missing => return Err(malformed()),
        };
        let iv_bytes = if encryption.protected {
            encryption.iv_bytes
        } else {
            0
        };
        let size = self.sizes.as_ref().map(|sizes| sizes.of(index));
        let has_subsamples = match (self.subsamples, size) {
            (_, Some(0)) | (None, None) => false,
            (Some(told), _) => told,
            (None, Some(size)) => size > iv_bytes,
        };
        let own_iv = match iv_bytes {
            0 => None,
            count => {
                let iv = self.rest.split_off(..count).ok_or_else(malformed)?;
                Some(block(iv).ok_or_else(malformed)?)
            }
        };
        let begin = subsamples.len();
        if has_subsamples {
            let count = self.rest.try_get_u16().map_err(|_| malformed())?;
            for _ in 0..count {
                let clear = self.rest.try_get_u16().map_err(|_| malformed())?;
                let protected = self.rest.try_get_u32().map_err(|_| malformed())?;
                subsamples.push(Subsample {
                    clear: usize::from(clear),
                    protected: usize::try_from(protected).map_err(|_| malformed())?,
                });
            }
        }
        if !encryption.protected {
            return Ok(None);
        }
        Ok(Some(SampleEncryption {
            scheme: self.scheme,
            pattern: encryption.pattern,
            key_id: encryption.key_id,
            iv: own_iv.or(encryption.constant_iv),
            subsamples: (has_subsamples && subsamples.len() > begin).then_some(begin..subsamples.len()),
        }))
    }
}

fn malformed() -> DemuxError {
    DemuxError::Malformed("a movie fragment's encryption information contradicts itself".to_owned())
}

/// `saiz` (ISO/IEC 14496-12, 8.7.8).
#[derive(Debug)]
struct Sizes<'a> {
    default: u8,
    table: &'a [u8],
}

impl<'a> Sizes<'a> {
    fn parse(saiz: &'a [u8]) -> Option<Self> {
        let mut rest = behind_type(saiz)?.1;
        let default = rest.try_get_u8().ok()?;
        rest.try_get_u32().ok()?;
        Some(Self { default, table: rest })
    }

    fn of(&self, sample: usize) -> usize {
        match self.default {
            0 => self.table.get(sample).copied().map_or(0, usize::from),
            size => usize::from(size),
        }
    }
}

/// `saio` (8.7.9): places in the segment.
fn offsets(saio: &[u8], base: usize) -> Option<Vec<usize>> {
    let (version, mut rest) = behind_type(saio)?;
    let count = rest.try_get_u32().ok()?;
    let mut offsets = Vec::new();
    for _ in 0..count {
        let offset = match version {
            0 => u64::from(rest.try_get_u32().ok()?),
            _ => rest.try_get_u64().ok()?,
        };
        offsets.push(base.checked_add(usize::try_from(offset).ok()?)?);
    }
    Some(offsets)
}

/// Version, and what follows the optional type of the auxiliary information.
fn behind_type(content: &[u8]) -> Option<(u8, &[u8])> {
    const HAS_TYPE: u32 = 1;
    let (version, flags, rest) = full_box(content)?;
    let skipped = if flags & HAS_TYPE == 0 { 0 } else { 8 };
    Some((version, rest.get(skipped..)?))
}

/// Which samples belong to which group of `seig`.
#[derive(Debug)]
struct Groups<'a> {
    /// Of `sbgp` (8.9.2): sample counts and group description indices, not read yet.
    entries: &'a [u8],
    /// The sample behind the entry that was read last, and that entry's index.
    end: usize,
    index: u32,
    of_fragment: Vec<Encryption>,
    of_track: &'a [Encryption],
}

impl<'a> Groups<'a> {
    fn parse(traf: &'a [u8], of_track: &'a [Encryption]) -> Self {
        let assignment = |sbgp: &'a [u8]| {
            let (version, _, mut rest) = full_box(sbgp)?;
            if rest.split_off(..4)? != b"seig" {
                return None;
            }
            // A parameter stands in version 1; then the count, which the box's end tells as well.
            rest.get(if version == 1 { 8 } else { 4 }..)
        };
        let of_kind = |kind: &[u8; 4]| {
            let kind = *kind;
            boxes(traf).filter(move |found| found.kind == kind)
        };
        Self {
            entries: of_kind(b"sbgp")
                .find_map(|found| assignment(found.content))
                .unwrap_or_default(),
            end: 0,
            index: 0,
            of_fragment: of_kind(b"sgpd")
                .find_map(|found| group_entries(found.content))
                .unwrap_or_default(),
            of_track,
        }
    }

    /// The group of a sample; asked in order.
    fn of(&mut self, sample: usize) -> Group {
        /// Indices above this count the fragment's own descriptions (8.9.4).
        const OF_FRAGMENT: u32 = 0x1_0000;
        while sample >= self.end {
            let (Ok(count), Ok(index)) = (self.entries.try_get_u32(), self.entries.try_get_u32()) else {
                return Group::None;
            };
            self.end = self
                .end
                .saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
            self.index = index;
        }
        let (descriptions, number) = match self.index {
            0 => return Group::None,
            index if index > OF_FRAGMENT => (&self.of_fragment[..], index - OF_FRAGMENT),
            index => (self.of_track, index),
        };
        let at = usize::try_from(number)
            .ok()
            .and_then(|number| number.checked_sub(1));
        let found = at.and_then(|at| descriptions.get(at));
        found.map_or(Group::Missing, |encryption| Group::Is(*encryption))
    }
}

/// Which group a sample is in.
enum Group {
    None,
    Is(Encryption),
    /// One that is not described.
    Missing,
}
