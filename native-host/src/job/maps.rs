//! Media initialization sections: asked for while their segments are under way, and remembered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::task::JoinSet;
use weir_core::protocol::PlannedMap;

use super::meter::Meter;
use crate::fetch::{Client, FetchError, Resource, ResourceKind};

/// Maps that are remembered; a stream switches between a few at most.
const REMEMBERED: usize = 16;

/// Maps that were asked for, and that no segment has needed so far.
const AHEAD: usize = 4;

/// The maps of one job. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Maps {
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// Each ends with its entry.
    asked: Vec<(PlannedMap, JoinSet<Result<Bytes, FetchError>>)>,
    /// Decrypted.
    ready: Vec<(PlannedMap, Bytes)>,
}

/// A map that was found.
#[derive(Debug)]
pub(super) enum Found {
    /// Decrypted.
    Ready(Bytes),
    /// As its host sent it.
    Fetched(Bytes),
}

/// What is fetched for a map.
pub(super) fn resource(map: &PlannedMap) -> Resource {
    Resource {
        url: map.url.clone(),
        range: map.range,
        kind: ResourceKind::Map,
    }
}

impl Maps {
    /// Begins to ask for one that will be needed soon, if it is not known; what comes of it, [`Maps::get`] tells. Must run
    /// on a Tokio runtime.
    pub(super) fn ahead(&self, map: &PlannedMap, client: &Client, meter: &Arc<Meter>) {
        let mut known = self.known();
        if known.asked.len() == AHEAD
            || known.ready.iter().any(|(ready, _)| ready == map)
            || known.asked.iter().any(|(asked, _)| asked == map)
        {
            return;
        }
        let (resource, client, meter) = (resource(map), client.clone(), Arc::clone(meter));
        let mut request = JoinSet::new();
        request.spawn(async move {
            let fetched = client.get_beside_segments(&resource, Some(meter.received()));
            fetched.await.map(|fetched| fetched.bytes)
        });
        known.asked.push((map.clone(), request));
    }

    /// The map that a segment needs now. One that could not be had is asked for again when it is needed again.
    pub(super) async fn get(
        &self,
        map: &PlannedMap,
        client: &Client,
        meter: &Meter,
    ) -> Result<Found, FetchError> {
        let asked = {
            let mut known = self.known();
            if let Some((_, bytes)) = known.ready.iter().find(|(ready, _)| ready == map) {
                return Ok(Found::Ready(bytes.clone()));
            }
            let at = known.asked.iter().position(|(asked, _)| asked == map);
            at.map(|at| known.asked.remove(at).1)
        };
        if let Some(mut asked) = asked
            && let Some(Ok(fetched)) = asked.join_next().await
        {
            return fetched.map(Found::Fetched);
        }
        let fetched = client.get_metered(&resource(map), meter.received()).await?;
        Ok(Found::Fetched(fetched.bytes))
    }

    /// Keeps one, decrypted.
    pub(super) fn remember(&self, map: PlannedMap, bytes: Bytes) {
        let mut known = self.known();
        if known.ready.len() == REMEMBERED {
            known.ready.remove(0);
        }
        known.ready.push((map, bytes));
    }

    /// What is under way asks under links that have expired.
    pub(super) fn forget_asked(&self) {
        self.known().asked.clear();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
