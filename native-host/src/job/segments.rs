//! One segment: decrypted, with its map.

use std::sync::Arc;

use bytes::Bytes;
use weir_core::protocol::{MediaSequence, PlannedMap, PlannedSegment, SegmentKey};

use super::JobError;
use super::gaps::OpenGap;
use super::meter::Meter;
use super::shortfall::Measured;
use crate::decrypt;
use crate::demux::extent;
use crate::fetch::{Client, FetchError, Fetched, Resource, ResourceKind};
use crate::keys::KeyCache;
use crate::merge::SegmentInput;

/// Maps that are remembered; a stream switches between a few at most.
const REMEMBERED_MAPS: usize = 16;

/// A segment ready to merge.
#[derive(Debug)]
pub(super) struct Prepared {
    map: Option<Bytes>,
    data: Bytes,
}

/// Makes segments ready, and remembers what several of them share.
#[derive(Debug)]
pub(super) struct Preparer {
    client: Client,
    keys: KeyCache,
    maps: Vec<(PlannedMap, Bytes)>,
    /// A segment was had: what is refused from now on was allowed before.
    was_let_in: bool,
    /// Suspicious segments that came no other way when they were asked for again.
    confirmed: u32,
    meter: Arc<Meter>,
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
        let extent = tokio::task::spawn_blocking(move || extent(&data, map.as_ref()))
            .await
            .map_err(JobError::internal)?;
        Ok(Measured { extent, delimited })
    }

    /// As the merger takes it; `gap` was left out just before it.
    pub(super) fn into_merger(
        self,
        track: usize,
        segment: &PlannedSegment,
        gap: Option<OpenGap>,
    ) -> SegmentInput {
        SegmentInput {
            track,
            discontinuity: segment.discontinuity || gap.is_some_and(|gap| gap.discontinuity),
            missing_seconds: gap.map_or(0.0, |gap| gap.seconds),
            duration_seconds: segment.duration_seconds,
            map: self.map,
            data: self.data,
        }
    }
}

impl Preparer {
    pub(super) fn new(client: Client, meter: Arc<Meter>) -> Self {
        Self {
            keys: KeyCache::new(client.clone()),
            client,
            maps: Vec::new(),
            was_let_in: false,
            confirmed: 0,
            meter,
        }
    }

    /// Decrypts a fetched segment and adds its map.
    pub(super) async fn prepare(
        &mut self,
        segment: &PlannedSegment,
        bytes: Bytes,
    ) -> Result<Prepared, JobError> {
        self.was_let_in = true;
        let map = match &segment.map {
            Some(map) => Some(self.map(segment.sequence, map).await?),
            None => None,
        };
        let data = self
            .clear(segment.sequence, &resource(segment), segment.key.as_ref(), bytes)
            .await?;
        Ok(Prepared { map, data })
    }

    /// The same, and looks how long it plays. A segment that plays shorter than it should is fetched once more.
    pub(super) async fn prepare_measured(
        &mut self,
        segment: &PlannedSegment,
        fetched: Fetched,
    ) -> Result<(Prepared, Measured), JobError> {
        /// After so many the playlist is taken to be wrong, and the others are believed.
        const ENOUGH: u32 = 3;
        let delimited = fetched.delimited;
        let first = self.prepare(segment, fetched.bytes).await?;
        let measured = first.measure(delimited).await?;
        if !measured.is_suspicious(segment) || self.confirmed >= ENOUGH {
            return Ok((first, measured));
        }
        let sequence = segment.sequence.0;
        tracing::info!(sequence, "shorter than it should be: asking again");
        let resource = resource(segment);
        let again = self.client.get_metered(&resource, self.meter.received()).await;
        self.meter.retried();
        let Ok(again) = again else {
            return Ok((first, measured));
        };
        let delimited = again.delimited;
        let again = self.prepare(segment, again.bytes).await?;
        if again.data.len() > first.data.len() {
            let measured = again.measure(delimited).await?;
            return Ok((again, measured));
        }
        self.confirmed += 1;
        Ok((first, measured))
    }

    /// Keys that could not be had are asked for again.
    pub(super) fn forget_failures(&mut self) {
        self.keys = KeyCache::new(self.client.clone());
    }

    /// The job's words for a fetch that failed.
    pub(super) fn failed(&self, sequence: MediaSequence, error: FetchError) -> JobError {
        match error.status() {
            Some(status @ (403 | 410)) if self.was_let_in => JobError::LinkExpired { sequence, status },
            _ => JobError::Segment { sequence, error },
        }
    }

    async fn map(&mut self, sequence: MediaSequence, map: &PlannedMap) -> Result<Bytes, JobError> {
        if let Some((_, bytes)) = self.maps.iter().find(|(known, _)| known == map) {
            return Ok(bytes.clone());
        }
        let resource = Resource {
            url: map.url.clone(),
            range: map.range,
            kind: ResourceKind::Map,
        };
        let fetched = self.fetch(sequence, &resource).await?;
        let bytes = self.clear(sequence, &resource, map.key.as_ref(), fetched).await?;
        if self.maps.len() == REMEMBERED_MAPS {
            self.maps.remove(0);
        }
        self.maps.push((map.clone(), bytes.clone()));
        Ok(bytes)
    }

    /// Decrypts. What does not decrypt is fetched once more: the transfer may have been bad in a way that
    /// HTTP cannot see.
    async fn clear(
        &self,
        sequence: MediaSequence,
        resource: &Resource,
        key: Option<&SegmentKey>,
        bytes: Bytes,
    ) -> Result<Bytes, JobError> {
        let Some(key) = key else { return Ok(bytes) };
        match self.decrypt(sequence, key, bytes).await {
            Err(JobError::Decrypt { .. }) => {
                let again = self.fetch(sequence, resource).await?;
                self.meter.retried();
                self.decrypt(sequence, key, again).await
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

    async fn decrypt(
        &self,
        sequence: MediaSequence,
        key: &SegmentKey,
        bytes: Bytes,
    ) -> Result<Bytes, JobError> {
        let secret = self
            .keys
            .get(&key.url)
            .await
            .map_err(|error| JobError::Key { sequence, error })?;
        let iv = key.iv;
        tokio::task::spawn_blocking(move || decrypt::decrypt(&secret, iv, bytes))
            .await
            .map_err(JobError::internal)?
            .map_err(|error| JobError::Decrypt { sequence, error })
    }
}
