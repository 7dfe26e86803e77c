//! One segment: decrypted, with its map.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use weir_core::protocol::{
    CapturePlan, Iv, KeyMethod, MediaSequence, PlannedMap, PlannedSegment, SegmentKey,
};

use super::gaps::OpenGap;
use super::maps::{self, Found, Maps};
use super::meter::Meter;
use super::shortfall::Measured;
use super::{Job, JobError, Outlook};
use crate::decrypt::{self, CipherOf, Declaration, SampleCipher};
use crate::demux::{begins_as_with_wrong_iv, extent, lead};
use crate::fetch::{Client, FetchError, Fetched, Resource, ResourceKind};
use crate::keys::{GivenKeys, Key, KeyCache, KeySize};
use crate::merge::SegmentInput;

/// Keys that are asked for ahead, at a time: what a browser asks a host for. Many a key server counts.
const KEYS_AT_A_TIME: usize = 6;

/// A segment ready to merge.
#[derive(Debug)]
pub(super) struct Prepared {
    map: Option<Bytes>,
    data: Bytes,
    cipher: Option<SampleCipher>,
    flaw: Option<String>,
}

/// Makes segments ready, and remembers what several of them share.
#[derive(Debug)]
pub(super) struct Preparer {
    client: Client,
    keys: KeyCache,
    /// For those that are asked for ahead.
    key_places: Arc<Semaphore>,
    given: GivenKeys,
    /// Whether the playlists tell of encryption anywhere.
    declaration: Declaration,
    maps: Maps,
    /// A segment was had: what is refused from now on was allowed before.
    was_let_in: bool,
    /// Suspicious segments that came no other way when they were asked for again.
    confirmed: u32,
    meter: Arc<Meter>,
}

/// How bytes are encrypted.
#[derive(Debug)]
enum Protection {
    Clear,
    /// All of them.
    Whole(KeyMethod, Key, Iv),
    /// The samples in them.
    Samples(SampleCipher),
}

/// What is fetched for a segment.
pub(super) fn resource(segment: &PlannedSegment) -> Resource {
    Resource {
        url: segment.url.clone(),
        range: segment.range,
        kind: ResourceKind::Segment,
    }
}

impl Prepared {
    async fn measure(&self, delimited: bool) -> Result<Measured, JobError> {
        let (data, map) = (self.data.clone(), self.map.clone());
        let extent = beside(data.len(), move || extent(&data, map.as_ref())).await?;
        Ok(Measured { extent, delimited })
    }

    /// Its beginning, as far as it belongs to the segment before it.
    pub(super) fn lead(&self, segment: &PlannedSegment) -> Vec<u8> {
        if segment.discontinuity || self.cipher.is_some() {
            return Vec::new();
        }
        let lead = self.data.get(..lead(&self.data)).unwrap_or_default();
        lead.to_vec()
    }

    /// As the merger takes it; `gap` was left out just before it.
    pub(super) fn into_merger(
        self,
        track: usize,
        segment: &PlannedSegment,
        gap: Option<OpenGap>,
    ) -> SegmentInput {
        let of = CipherOf {
            track,
            sequence: segment.sequence.0,
        };
        SegmentInput {
            track,
            sequence: segment.sequence.0,
            discontinuity: segment.discontinuity || gap.is_some_and(|gap| gap.discontinuity),
            missing_seconds: gap.map_or(0.0, |gap| gap.seconds),
            duration_seconds: segment.duration_seconds,
            map: self.map,
            data: self.data,
            cipher: self.cipher.map(|cipher| cipher.of(of)),
            flaw: self.flaw,
        }
    }
}

impl Preparer {
    pub(super) fn new(job: &Job, client: Client, meter: &Arc<Meter>) -> Self {
        Self {
            keys: KeyCache::new(client.clone()),
            key_places: Arc::new(Semaphore::new(job.concurrency.get().clamp(1, KEYS_AT_A_TIME))),
            client,
            given: job.keys.clone(),
            declaration: declaration(&job.plan),
            maps: Maps::default(),
            was_let_in: false,
            confirmed: 0,
            meter: Arc::clone(meter),
        }
    }

    /// What it fetches with.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Asks for the keys and maps of segments that it is told of, while these are under way themselves.
    pub(super) fn ahead(&self) -> impl Fn(&PlannedSegment) + Send + use<> {
        let cache = self.given.any().is_none().then(|| self.keys.clone());
        let places = Arc::clone(&self.key_places);
        let (maps, client, meter) = (self.maps.clone(), self.client.clone(), Arc::clone(&self.meter));
        move |segment| {
            if let Some(map) = &segment.map {
                maps.ahead(map, &client, &meter);
            }
            if let (Some(cache), Some(key)) = (&cache, &segment.key) {
                cache.ahead(&key.url, key.method.into(), &places);
            }
        }
    }

    /// What counts along.
    pub(super) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Decrypts a fetched segment, or finds what decrypts its samples, and adds its map. `body` is taken once these and the
    /// key are there: decrypted in place, it cannot be kept.
    async fn prepare(&mut self, segment: &PlannedSegment, body: &mut Bytes) -> Result<Prepared, JobError> {
        self.was_let_in = true;
        if keys(segment).next().is_some() {
            self.declaration = Declaration::Playlist;
        }
        let sequence = segment.sequence;
        let map = match &segment.map {
            Some(map) => Some(self.map(sequence, map).await?),
            None => None,
        };
        let implicit_iv = Iv::from_sequence(sequence);
        let is_media = decrypt::looks_like_media(body);
        let protection = self
            .protection(sequence, segment.key.as_ref(), implicit_iv, is_media)
            .await?;
        let cipher = match &protection {
            Protection::Samples(cipher) => Some(cipher.clone()),
            Protection::Clear | Protection::Whole(..) => None,
        };
        let has_iv = matches!(
            protection,
            Protection::Whole(KeyMethod::Aes128 | KeyMethod::Aes256, ..)
        );
        let data = self
            .clear(sequence, &resource(segment), protection, std::mem::take(body))
            .await?;
        let flaw = (has_iv && begins_as_with_wrong_iv(&data)).then(|| {
            format!(
                "segment {}: its first packet is noise, and nothing else: the IV is wrong (--iv gives another)",
                sequence.0
            )
        });
        Ok(Prepared {
            map,
            data,
            cipher,
            flaw,
        })
    }

    /// The same, and looks how long it plays. A segment that plays shorter than it should is fetched once more. Where that
    /// fails because its key or map cannot be had, its body is still there.
    pub(super) async fn prepare_measured(
        &mut self,
        segment: &PlannedSegment,
        fetched: &mut Fetched,
    ) -> Result<(Prepared, Measured), JobError> {
        /// After so many the playlist is taken to be wrong, and the others are believed.
        const ENOUGH: u32 = 3;
        let delimited = fetched.delimited;
        let first = self.prepare(segment, &mut fetched.bytes).await?;
        let measured = first.measure(delimited).await?;
        if !measured.is_suspicious(segment) || self.confirmed >= ENOUGH {
            return Ok((first, measured));
        }
        let sequence = segment.sequence.0;
        tracing::info!(sequence, "shorter than it should be: asking again");
        let resource = resource(segment);
        let again = self.client.get_metered(&resource, self.meter.received()).await;
        self.meter.retried();
        let Ok(mut again) = again else {
            return Ok((first, measured));
        };
        let delimited = again.delimited;
        let again = self.prepare(segment, &mut again.bytes).await?;
        if again.data.len() > first.data.len() {
            let measured = again.measure(delimited).await?;
            return Ok((again, measured));
        }
        self.confirmed += 1;
        Ok((first, measured))
    }

    /// What decrypts the samples of a segment that was ready before. None where the plan does not list it, or not as one
    /// of those.
    pub(super) async fn cipher(
        &self,
        plan: &CapturePlan,
        of: CipherOf,
    ) -> Result<Option<SampleCipher>, JobError> {
        let mut listed = plan
            .tracks
            .get(of.track)
            .into_iter()
            .flat_map(|track| &track.segments);
        let Some(segment) = listed.find(|segment| segment.sequence.0 == of.sequence) else {
            return Ok(None);
        };
        let implicit_iv = Iv::from_sequence(segment.sequence);
        let protection = self
            .protection(segment.sequence, segment.key.as_ref(), implicit_iv, true)
            .await?;
        match protection {
            Protection::Samples(cipher) => Ok(Some(cipher.of(of))),
            Protection::Clear | Protection::Whole(..) => Ok(None),
        }
    }

    /// Keys that could not be had are asked for again.
    pub(super) fn forget_failures(&mut self) {
        self.keys = KeyCache::new(self.client.clone());
    }

    /// Asks through another client from now on.
    pub(super) fn renew(&mut self, client: Client) {
        self.keys = self.keys.renewed(client.clone());
        self.maps.forget_asked();
        self.client = client;
    }

    /// The job's words for a fetch that failed.
    pub(super) fn failed(&self, sequence: MediaSequence, error: FetchError) -> JobError {
        match error.status() {
            Some(status) if self.was_let_in && error.is_expired_link() => JobError::LinkExpired {
                sequence,
                status,
                outlook: Outlook::default(),
            },
            _ => JobError::Segment { sequence, error },
        }
    }

    async fn map(&self, sequence: MediaSequence, map: &PlannedMap) -> Result<Bytes, JobError> {
        let found = self.maps.get(map, &self.client, &self.meter).await;
        let fetched = match found.map_err(|error| self.failed(sequence, error))? {
            Found::Ready(bytes) => return Ok(bytes),
            Found::Fetched(bytes) => bytes,
        };
        // Some packagers encrypt the segments and leave the map as it was.
        let bytes = if decrypt::is_clear_map(&fetched) {
            fetched
        } else {
            let protection = self
                .protection(sequence, map.key.as_ref(), Iv([0; 16]), false)
                .await?;
            self.clear(sequence, &maps::resource(map), protection, fetched)
                .await?
        };
        self.maps.remember(map.clone(), bytes.clone());
        Ok(bytes)
    }

    /// How bytes are encrypted, with the user's keys and IV in the place of the playlist's. Where no playlist tells of any
    /// encryption, a key that is given is for what is no media as it is, and for the samples of what is.
    async fn protection(
        &self,
        sequence: MediaSequence,
        planned: Option<&SegmentKey>,
        implicit_iv: Iv,
        is_media: bool,
    ) -> Result<Protection, JobError> {
        let given = self.given.any();
        let iv = self
            .given
            .iv()
            .or(planned.map(|planned| planned.iv))
            .unwrap_or(implicit_iv);
        let method = match (planned, given) {
            (Some(planned), _) => planned.method,
            (None, _) if self.declaration == Declaration::Playlist || self.given.is_empty() => {
                return Ok(Protection::Clear);
            }
            (None, Some(key)) if !is_media => match key.size() {
                KeySize::Bits128 => KeyMethod::Aes128,
                KeySize::Bits256 => KeyMethod::Aes256,
            },
            (None, _) => KeyMethod::SampleAes,
        };
        let key = match (given, planned) {
            (Some(key), _) => Some(key),
            (None, Some(planned)) => self.key(sequence, planned).await?,
            (None, None) => None,
        };
        let decrypt = |error| JobError::Decrypt { sequence, error };
        match key {
            Some(key) if !method.is_of_samples() => Ok(Protection::Whole(method, key, iv)),
            _ => SampleCipher::new(method, iv, self.declaration, key, self.given.by_id())
                .map(Protection::Samples)
                .map_err(decrypt),
        }
    }

    /// The playlist's key. It may be out of reach where the user gave keys for all that names them.
    async fn key(&self, sequence: MediaSequence, planned: &SegmentKey) -> Result<Option<Key>, JobError> {
        match self.keys.get(&planned.url, planned.method.into()).await {
            Ok(key) => Ok(Some(key)),
            Err(error) if planned.method.is_of_samples() && !self.given.by_id().is_empty() => {
                tracing::warn!("segment {}: {error}; only the keys given are used", sequence.0);
                Ok(None)
            }
            Err(error) => Err(JobError::Key { sequence, error }),
        }
    }

    /// Decrypts what is encrypted as a whole. What does not decrypt is fetched once more: the transfer may have been bad in
    /// a way that HTTP cannot see.
    async fn clear(
        &self,
        sequence: MediaSequence,
        resource: &Resource,
        protection: Protection,
        bytes: Bytes,
    ) -> Result<Bytes, JobError> {
        let Protection::Whole(method, key, iv) = protection else {
            return Ok(bytes);
        };
        let decrypt = |bytes: Bytes| async move {
            beside(bytes.len(), move || decrypt::segment(method, &key, iv, bytes))
                .await?
                .map_err(|error| JobError::Decrypt { sequence, error })
        };
        match decrypt(bytes).await {
            Err(JobError::Decrypt { .. }) => {
                let again = self.fetch(sequence, resource).await?;
                self.meter.retried();
                decrypt(again).await
            }
            decrypted => decrypted,
        }
    }

    async fn fetch(&self, sequence: MediaSequence, resource: &Resource) -> Result<Bytes, JobError> {
        let fetched = self.client.get_metered(resource, self.meter.received()).await;
        fetched
            .map(|fetched| fetched.bytes)
            .map_err(|error| self.failed(sequence, error))
    }
}

/// Works on so many bytes beside the threads that fetch; a few bytes are done sooner than another thread is awake.
async fn beside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JobError> {
    const FEW_BYTES: usize = 128 << 10;
    if bytes <= FEW_BYTES {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work)
        .await
        .map_err(JobError::internal)
}

/// Whether playlists tell of encryption anywhere.
fn declaration(plan: &CapturePlan) -> Declaration {
    let mut segments = plan.tracks.iter().flat_map(|track| &track.segments);
    if segments.any(|segment| keys(segment).next().is_some()) {
        Declaration::Playlist
    } else {
        Declaration::Nowhere
    }
}

/// The keys of a segment and of its map.
pub(super) fn keys(segment: &PlannedSegment) -> impl Iterator<Item = &SegmentKey> {
    let of_map = segment.map.as_ref().and_then(|map| map.key.as_ref());
    segment.key.iter().chain(of_map)
}
