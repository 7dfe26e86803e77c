//! Decryption keys: each URL asked once, every known form of a key understood.

mod error;
mod given;
mod read;

use std::collections::HashMap;
use std::collections::hash_map::Entry::Vacant;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OnceCell, Semaphore};
use tokio::task::JoinSet;
use weir_core::protocol::KeyMethod;
use weir_core::url::AbsoluteUrl;

pub use error::KeyError;
pub use given::{GivenKeyError, GivenKeys, KeyId};
pub use read::{KeyForm, read};

use crate::fetch::{Client, Resource, ResourceKind};

/// An AES key. `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Of 128 bits.
    Bits128([u8; 16]),
    /// Of 256 bits.
    Bits256([u8; 32]),
}

/// How long a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeySize {
    /// 16 bytes.
    Bits128,
    /// 32 bytes.
    Bits256,
}

/// The keys of one job. Each URL is asked once, however many segments want it at the same time; a key
/// that could not be had stays so for the job. Cheap to clone; clones share the keys.
#[derive(Debug, Clone)]
pub struct KeyCache {
    client: Client,
    asked: Arc<Mutex<Asked>>,
}

#[derive(Debug, Default)]
struct Asked {
    entries: Entries,
    /// Those that ask before a segment does. They end with the cache.
    ahead: JoinSet<()>,
}

type Entries = HashMap<(AbsoluteUrl, KeySize), Arc<Entry>>;
type Entry = OnceCell<Result<Key, KeyError>>;

impl Key {
    /// A key of this size; None when there are fewer bytes, or more.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], size: KeySize) -> Option<Self> {
        match size {
            KeySize::Bits128 => bytes.try_into().ok().map(Self::Bits128),
            KeySize::Bits256 => bytes.try_into().ok().map(Self::Bits256),
        }
    }

    /// The key itself: for the cipher, never for a log.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Bits128(bytes) => bytes,
            Self::Bits256(bytes) => bytes,
        }
    }

    /// How long it is.
    #[must_use]
    pub fn size(&self) -> KeySize {
        match self {
            Self::Bits128(_) => KeySize::Bits128,
            Self::Bits256(_) => KeySize::Bits256,
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key(<{} bytes>)", self.size().bytes())
    }
}

impl KeySize {
    /// In bytes.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Bits128 => 16,
            Self::Bits256 => 32,
        }
    }
}

impl From<KeyMethod> for KeySize {
    fn from(method: KeyMethod) -> Self {
        match method {
            KeyMethod::Aes128 | KeyMethod::SampleAes | KeyMethod::SampleAesCtr => Self::Bits128,
            KeyMethod::Aes256 | KeyMethod::Aes256Ctr | KeyMethod::Aes256Gcm => Self::Bits256,
        }
    }
}

impl KeyCache {
    /// An empty cache that asks through `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            asked: Arc::default(),
        }
    }

    /// The same, asking through another client from now on: keys that it has stay, and those that could not be had are asked
    /// for again.
    #[must_use]
    pub fn renewed(&self, client: Client) -> Self {
        let asked = self.asked();
        let had = asked
            .entries
            .iter()
            .filter(|(_, entry)| matches!(entry.get(), Some(Ok(_))));
        let entries = had.map(|(at, entry)| (at.clone(), Arc::clone(entry))).collect();
        Self {
            client,
            asked: Arc::new(Mutex::new(Asked {
                entries,
                ahead: JoinSet::new(),
            })),
        }
    }

    /// Begins to ask for a key that will be wanted soon, if nobody has yet, once there is a place; what comes of it,
    /// [`KeyCache::get`] tells, which waits for none. Must run on a Tokio runtime.
    pub fn ahead(&self, url: &AbsoluteUrl, size: KeySize, places: &Arc<Semaphore>) {
        let mut asked = self.asked();
        while asked.ahead.try_join_next().is_some() {}
        if let Vacant(vacant) = asked.entries.entry((url.clone(), size)) {
            let entry = Arc::clone(vacant.insert(Arc::default()));
            // Not the cache itself: it would never be dropped.
            let (client, url, places) = (self.client.clone(), url.clone(), Arc::clone(places));
            asked.ahead.spawn(async move {
                let _place = places.acquire().await;
                entry.get_or_init(|| fetch(&client, &url, size)).await;
            });
        }
    }

    /// The key of this size at `url`.
    ///
    /// # Errors
    /// [`KeyError`]; the same one again when the same key is asked for again.
    pub async fn get(&self, url: &AbsoluteUrl, size: KeySize) -> Result<Key, KeyError> {
        let entry = Arc::clone(self.asked().entries.entry((url.clone(), size)).or_default());
        // When the caller that asks is cancelled, one of those that wait asks in its place.
        entry.get_or_init(|| fetch(&self.client, url, size)).await.clone()
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn fetch(client: &Client, url: &AbsoluteUrl, size: KeySize) -> Result<Key, KeyError> {
    let resource = Resource {
        url: url.clone(),
        range: None,
        kind: ResourceKind::Key,
    };
    let fetched = client.get_beside_segments(&resource, None).await;
    let body = fetched
        .map_err(|error| KeyError::of_fetch(url, size, error))?
        .bytes;
    let (key, form) = read(url, &body, size)?;
    if form != KeyForm::Raw {
        tracing::info!(%url, ?form, "the key is not written as its bytes; it was decoded");
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_key() {
        assert_eq!(format!("{:?}", Key::Bits128([0x41; 16])), "Key(<16 bytes>)");
        assert_eq!(format!("{:?}", Key::Bits256([0x41; 32])), "Key(<32 bytes>)");
    }
}
