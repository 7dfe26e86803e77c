//! Fragmented MP4 (ISO/IEC 14496-12, 8.8) -> samples. Sample entries are passed on as they are: any codec works.

mod encryption;
mod fragment;
mod init;
mod protection;

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

use self::encryption::SampleEncryption;
use self::fragment::{Fragments, Run};
use self::init::{Init, Track};
use super::bmff::boxes;
use super::evidence::{Evidence, Proof};
use super::timeline::{Epoch, SourceClock, Timeline};
use super::{CLOCK_HZ, DemuxError, Demuxed, Purpose, Sample, Segment, StreamId, rescale};
use crate::decrypt::{Declaration, SampleCipher};
use crate::keys::KeyId;

/// Reads the segments of one playlist.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Fmp4Reader {
    purpose: Purpose,
    init: Option<Init>,
    /// The format that each stream's samples have had so far: track and sample description index.
    announced: Vec<(StreamId, u32)>,
    /// Where each track goes on when a fragment gives no decode time, in source ticks.
    nexts: Vec<(u32, i64)>,
    /// What decrypted samples say of each key.
    evidence: BTreeMap<KeyId, Evidence>,
}

impl Fmp4Reader {
    pub(super) fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            ..Self::default()
        }
    }

    /// Reads a segment.
    pub(super) fn push(
        &mut self,
        playlist: usize,
        segment: Segment,
        timeline: &mut Timeline,
        out: &mut Vec<Demuxed>,
    ) -> Result<(), DemuxError> {
        let Segment {
            data,
            map,
            cipher,
            edge,
        } = segment;
        for source in map.iter().chain([&data]) {
            if let Some(moov) = boxes(source).find(|found| found.kind == *b"moov") {
                // Where it makes no sense, the one before it says nothing of what follows either.
                self.init = None;
                self.init = Some(Init::parse(moov.content)?);
                self.announced.clear();
            }
        }
        let init = self.init.as_ref().ok_or(DemuxError::NoInit)?;
        let fragments = fragment::fragments(&data, init, &mut self.nexts)?;
        let data = match self.purpose {
            Purpose::Samples => decrypt(data, &fragments, init, cipher.as_ref(), &mut self.evidence)?,
            Purpose::Times => data,
        };
        let runs = fragments.runs;

        let mut firsts: Vec<(StreamId, i64)> = Vec::new();
        for run in &runs {
            let first = run.decode_time.saturating_add(run.track.shift);
            let first = rescale(first, run.track.timescale, CLOCK_HZ);
            match firsts.iter_mut().find(|(stream, _)| *stream == run.track.stream) {
                Some((_, known)) => *known = first.min(*known),
                None => firsts.push((run.track.stream, first)),
            }
        }
        let are_subtitles = firsts
            .iter()
            .all(|(stream, _)| stream.kind == TrackKind::Subtitle);
        let subtitle = firsts.first().filter(|_| are_subtitles);
        let epoch = subtitle
            .and_then(|&(_, first)| timeline.follow(playlist, first, edge))
            .unwrap_or_else(|| timeline.enter(playlist, &firsts, SourceClock::Plain, edge));
        let mut ends: Vec<(StreamId, i64)> = Vec::new();
        for run in &runs {
            let end = hand_out(run, &data, &epoch, &mut self.announced, out)?;
            ends.push((run.track.stream, end));
        }
        timeline.leave(playlist, epoch, ends);
        Ok(())
    }

    /// Whether nothing speaks against the keys: no more samples come.
    pub(super) fn check_keys_at_end(&self) -> Result<(), DemuxError> {
        self.evidence.values().try_for_each(Evidence::check_at_end)
    }

    /// What is known of each key.
    pub(super) fn proofs(&self) -> Vec<(Option<KeyId>, Proof)> {
        let proofs = self.evidence.iter();
        proofs
            .filter_map(|(id, evidence)| Some((Some(*id), evidence.proof()?)))
            .collect()
    }
}

/// Hands out the samples of a run on the timeline; returns where they end there, in timeline ticks.
fn hand_out(
    run: &Run<'_>,
    data: &Bytes,
    epoch: &Epoch,
    announced: &mut Vec<(StreamId, u32)>,
    out: &mut Vec<Demuxed>,
) -> Result<i64, DemuxError> {
    let Track {
        stream,
        timescale,
        shift,
        ..
    } = *run.track;
    // Rounded once for the epoch, so that distances within it stay exact.
    let offset = rescale(epoch.offset, CLOCK_HZ, timescale);
    if !announced.contains(&(stream, run.description)) {
        let format = run.track.format(run.description, offset)?;
        announced.retain(|(known, _)| *known != stream);
        announced.push((stream, run.description));
        out.push(Demuxed::Format(stream, format));
    }
    let mut dts = run.decode_time.saturating_add(shift).saturating_add(offset);
    for sample in &run.samples {
        out.push(Demuxed::Sample(
            stream,
            Sample {
                dts,
                pts: dts.saturating_add(sample.composition_offset),
                duration: sample.duration,
                sync: sample.sync,
                data: data.slice(sample.place.clone()),
            },
        ));
        dts = dts.saturating_add(i64::from(sample.duration));
    }
    Ok(rescale(dts, timescale, CLOCK_HZ))
}

/// Decrypts the samples of a segment where they are; in the same memory when nobody else has a handle to it.
fn decrypt(
    data: Bytes,
    fragments: &Fragments<'_>,
    init: &Init,
    cipher: Option<&SampleCipher>,
    evidence: &mut BTreeMap<KeyId, Evidence>,
) -> Result<Bytes, DemuxError> {
    let encrypted = |run: &&Run<'_>| run.samples.iter().any(|sample| sample.encryption.is_some());
    let Some(first) = fragments.runs.iter().find(encrypted) else {
        return Ok(data);
    };
    let cipher = usable(cipher, init, first)?;
    let mut buffer = data
        .try_into_mut()
        .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    for run in fragments.runs.iter().filter(encrypted) {
        let witness = run.track.witness(run.description)?;
        for sample in &run.samples {
            let (Some(encryption), Some(bytes)) = (&sample.encryption, buffer.get_mut(sample.place.clone()))
            else {
                continue;
            };
            decrypt_sample(bytes, encryption, fragments, cipher)?;
            let evidence = evidence.entry(encryption.key_id).or_default();
            let parts = encryption.protected(bytes.len(), &fragments.subsamples);
            witness.weigh(bytes, &parts, encryption.one_in(), evidence);
            evidence.check()?;
        }
    }
    Ok(buffer.freeze())
}

fn decrypt_sample(
    bytes: &mut [u8],
    encryption: &SampleEncryption,
    fragments: &Fragments<'_>,
    cipher: &SampleCipher,
) -> Result<(), DemuxError> {
    let id = encryption.key_id;
    let no_key = || DemuxError::NoKey(format!("media encrypted with the key that has the KID {id}"));
    let key = cipher.for_id(id).ok_or_else(no_key)?;
    let subsamples = encryption.subsamples.clone().map(|range| {
        fragments
            .subsamples
            .get(range)
            .unwrap_or_default()
            .iter()
            .copied()
    });
    let iv = encryption.iv.unwrap_or(cipher.iv());
    key.sample(encryption.scheme, encryption.pattern, &iv, subsamples, bytes)
        .ok_or_else(|| DemuxError::Malformed("a sample is shorter than its encrypted parts".to_owned()))
}

/// The cipher for encrypted media. Media that name a DRM system are decrypted only when the playlist itself serves their
/// key: a key from elsewhere would be a way around it.
fn usable<'a>(
    cipher: Option<&'a SampleCipher>,
    init: &Init,
    run: &Run<'_>,
) -> Result<&'a SampleCipher, DemuxError> {
    let declared = |cipher: &&SampleCipher| cipher.declaration() == Declaration::Playlist;
    match (cipher, &init.drm_system) {
        (Some(cipher), _) if declared(&cipher) => Ok(cipher),
        (_, Some(system)) => Err(DemuxError::Drm(system.clone())),
        (Some(cipher), None) => Ok(cipher),
        (None, None) => {
            let protection = run.track.protection(run.description)?;
            Err(DemuxError::NoKey(protection.map_or_else(
                || "encrypted fragmented MP4".to_owned(),
                protection::Protection::name,
            )))
        }
    }
}
