//! Links that live for a time, as many servers of media give them.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Reply, Request};

/// Gives links, and knows them again. Clones are the same.
#[derive(Debug, Clone)]
pub struct Tokens(Arc<State>);

#[derive(Debug)]
struct State {
    lifetime: Duration,
    began: Instant,
    secret: RandomState,
    taken: Mutex<BTreeMap<String, usize>>,
}

impl Tokens {
    /// Of links that live this long.
    #[must_use]
    pub fn living(lifetime: Duration) -> Self {
        Self(Arc::new(State {
            lifetime,
            began: Instant::now(),
            secret: RandomState::new(),
            taken: Mutex::default(),
        }))
    }

    /// `path` with a query that says until when it is good from now on, and is signed.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        let until = (self.0.began.elapsed() + self.0.lifetime).as_millis();
        format!("{path}?until={until}&signature={:x}", self.signature(path, until))
    }

    /// A playlist whose entries, and the URIs in its tags, have such queries. They are root-relative paths.
    #[must_use]
    pub fn playlist(&self, text: &str) -> String {
        let line = |line: &str| match line.split_once("URI=\"") {
            _ if line.is_empty() => String::new(),
            Some((before, after)) => match after.split_once('"') {
                Some((path, after)) => format!("{before}URI=\"{}\"{after}", self.link(path)),
                None => line.to_owned(),
            },
            None if line.starts_with('#') => line.to_owned(),
            None => self.link(line),
        };
        text.lines().map(|one| line(one) + "\n").collect()
    }

    /// 403 for a link that is no more good, or never was: for [`super::Origin::guard`].
    #[must_use]
    pub fn refuse(&self, request: &Request) -> Option<Reply> {
        if !self.is_good(request) {
            return Some(Reply::status(403));
        }
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken.entry(request.path().to_owned()).or_insert(0) += 1;
        None
    }

    /// How often each path was asked for with a good link.
    #[must_use]
    pub fn taken(&self) -> BTreeMap<String, usize> {
        self.0
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn is_good(&self, request: &Request) -> bool {
        let field = |name: &str| {
            let mut fields = request.query()?.split('&').filter_map(|one| one.split_once('='));
            fields
                .find(|(own, _)| *own == name)
                .map(|(_, value)| value.to_owned())
        };
        let Some(until) = field("until").and_then(|until| until.parse::<u128>().ok()) else {
            return false;
        };
        let signature = format!("{:x}", self.signature(request.path(), until));
        field("signature") == Some(signature) && self.0.began.elapsed().as_millis() <= until
    }

    fn signature(&self, path: &str, until: u128) -> u64 {
        self.0.secret.hash_one((path, until))
    }
}
