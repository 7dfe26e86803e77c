//! The client of one job: its rules, its tries.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use reqwest::{Certificate, Proxy};
use url::Url;
use weir_core::protocol::RequestContext;
use weir_core::url::AbsoluteUrl;

use super::address::{AddressPolicy, FilteredDns};
use super::attempt;
use super::body::{Lane, Route};
use super::cookies::Cookies;
use super::headers::Headers;
use super::load::Flight;
use super::network::Network;
use super::retry::Prospect;
use super::spare::Spare;
use super::token::Token;
use super::{ClientOptions, FetchError, Fetched, Meter, Resource, Tuning};

/// An HTTP client with one job's context. Cheap to clone; clones share connections, cookies and pauses.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    http: reqwest::Client,
    /// Made when it is first needed: most jobs never do.
    apart: OnceLock<reqwest::Client>,
    options: ClientOptions,
    pub(super) policy: AddressPolicy,
    pub(super) headers: Headers,
    pub(super) cookies: Cookies,
    pub(super) network: Arc<Network>,
    pub(super) token: Token,
    pub(super) tuning: Tuning,
}

impl Client {
    /// A client for one job.
    ///
    /// # Errors
    /// A header that is not sent on, a proxy that cannot be read, no authorities to check TLS with.
    pub fn new(options: &ClientOptions) -> Result<Self, FetchError> {
        Self::with_tuning(options, Tuning::default())
    }

    /// The same, with other deadlines, limits and retries.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_tuning(options: &ClientOptions, tuning: Tuning) -> Result<Self, FetchError> {
        let headers = Headers::new(&options.context)?;
        let policy = AddressPolicy::new(options);
        let cookies = Cookies::new(&options.context.cookies);
        let http = http_client(options, &policy, &tuning)?;
        Ok(Self {
            inner: Arc::new(Inner {
                http,
                apart: OnceLock::new(),
                options: options.clone(),
                policy,
                headers,
                cookies,
                network: Arc::clone(&options.network),
                token: Token::new(&options.source),
                tuning,
            }),
        })
    }

    /// A client for the same job with other headers and cookies, and another source: the network is the same.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn renewed(&self, context: RequestContext, source: AbsoluteUrl) -> Result<Self, FetchError> {
        let options = ClientOptions {
            context,
            source,
            ..self.inner.options.clone()
        };
        Self::with_tuning(&options, self.inner.tuning.clone())
    }

    /// Fetches one resource: retries, redirects, limits and checks included.
    ///
    /// # Errors
    /// [`FetchError`] when it cannot be had.
    pub async fn get(&self, resource: &Resource) -> Result<Fetched, FetchError> {
        self.get_in(resource, Lane::default()).await
    }

    /// The same, with its bytes and retries counted by `meter` while they come.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn get_metered(&self, resource: &Resource, meter: &Meter) -> Result<Fetched, FetchError> {
        self.get_in(
            resource,
            Lane {
                meter: Some(meter),
                ..Lane::default()
            },
        )
        .await
    }

    /// The same, as one of those that its host is asked for at a time: it may be asked for while segments are under way.
    /// `meter` may count along.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn get_beside_segments(
        &self,
        resource: &Resource,
        meter: Option<&Meter>,
    ) -> Result<Fetched, FetchError> {
        let flight = self.take_off(&resource.url);
        let lane = Lane {
            flight: Some(&flight),
            meter,
            ..Lane::default()
        };
        let fetched = self.get_in(resource, lane).await;
        if let Ok(fetched) = &fetched {
            flight.served(fetched.bytes.len() as u64);
        }
        fetched
    }

    /// How many of the context's cookies were sent nowhere so far: they match no URL that was asked for
    /// (RFC 6265), have expired, or are malformed.
    #[must_use]
    pub fn unsent_cookies(&self) -> usize {
        self.inner.cookies.unsent()
    }

    /// Where the memory of bodies goes that were used up.
    #[must_use]
    pub fn spare(&self) -> &Arc<Spare> {
        &self.inner.network.spare
    }

    /// Whether the host of `url` is thought to serve one more segment at a time well.
    pub(super) fn has_place(&self, url: &AbsoluteUrl) -> bool {
        url.is_data() || self.inner.network.loads.has_place(&url.origin())
    }

    /// One more segment of this URL's host is under way, for as long as the value lives.
    pub(super) fn take_off(&self, url: &AbsoluteUrl) -> Flight {
        self.inner.network.loads.begin(url.origin())
    }

    pub(super) async fn get_in(&self, resource: &Resource, lane: Lane<'_>) -> Result<Fetched, FetchError> {
        let retries = &self.inner.tuning.retries;
        let mut tried: u32 = 0;
        // A second request for the same is one more in any case.
        if lane.route == Route::Shared {
            self.inner.network.budgets.asked(&resource.url, retries.pace);
        }
        loop {
            let failure = match attempt::run(&self.inner, resource, lane).await {
                Ok(fetched) => {
                    return Ok(Fetched {
                        retries: tried,
                        ..fetched
                    });
                }
                Err(failure) => failure,
            };
            if let Some(share) = lane.share {
                share.reset();
            }
            if let Some(flight) = lane.flight {
                flight.failed(&failure.error);
            }
            tried = tried.saturating_add(1);
            if let Some(pause) = failure.retry_after {
                self.inner.network.pauses.pause(&resource.url, pause);
            }
            let prospect = Prospect::after(&failure.error);
            if tried >= retries.tries_for(prospect) {
                return Err(if tried == 1 {
                    failure.error
                } else {
                    gave_up(tried, failure.error)
                });
            }
            let delay = retries.delay(tried);
            tracing::debug!(url = %resource.url, error = %failure.error, tried, ?delay, "trying again");
            if let Some(meter) = lane.meter {
                meter.add_retry();
            }
            tokio::time::sleep(delay).await;
            if prospect == Prospect::Good {
                let budgets = &self.inner.network.budgets;
                budgets.wait_for_another(&resource.url, retries.pace).await;
            }
        }
    }
}

impl Inner {
    /// The connections of a route.
    pub(super) fn connections(&self, route: Route) -> Result<&reqwest::Client, FetchError> {
        match (route, self.apart.get()) {
            (Route::Shared, _) => Ok(&self.http),
            (Route::Apart, Some(apart)) => Ok(apart),
            (Route::Apart, None) => {
                let apart = http_client(&self.options, &self.policy, &self.tuning)?;
                Ok(self.apart.get_or_init(|| apart))
            }
        }
    }
}

fn gave_up(tries: u32, last: FetchError) -> FetchError {
    FetchError::GaveUp {
        tries,
        last: Box::new(last),
    }
}

fn http_client(
    options: &ClientOptions,
    policy: &AddressPolicy,
    tuning: &Tuning,
) -> Result<reqwest::Client, FetchError> {
    // The provider is process-wide; whoever installed one before has installed the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(tuning.deadlines.connect);
    let mut proxies: HashSet<String> = system_proxy_hosts();
    if let Some(text) = &options.proxy {
        let (proxy, host) = explicit_proxy(text)?;
        builder = builder.proxy(proxy);
        proxies = HashSet::from([host]);
    }
    let roots: Result<Vec<Certificate>, _> = tuning
        .extra_roots
        .iter()
        .map(|der| Certificate::from_der(der))
        .collect();
    let roots = roots.map_err(|error| FetchError::Setup(error.to_string()))?;
    let dns = FilteredDns {
        policy: policy.clone(),
        hosts: Arc::new(tuning.hosts.clone()),
        exempt: Arc::new(proxies),
    };
    let builder = builder.tls_certs_merge(roots).dns_resolver(dns);
    builder
        .build()
        .map_err(|error| FetchError::Setup(error.to_string()))
}

fn explicit_proxy(text: &str) -> Result<(Proxy, String), FetchError> {
    // The URL may hold a password, so the message shows nothing of it.
    let bad = |reason: &str| FetchError::BadProxy(reason.to_owned());
    let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
        return Err(bad("its scheme is not spoken"));
    }
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or_else(|| bad("it names no host"))?;
    let proxy = Proxy::all(text).map_err(|_| bad("the HTTP library refuses it"))?;
    Ok((proxy, host.to_ascii_lowercase()))
}

/// The hosts of the proxies that the environment names. They are the user's choice, and often private.
fn system_proxy_hosts() -> HashSet<String> {
    let names = [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ];
    let values = names.into_iter().filter_map(|name| std::env::var(name).ok());
    let urls = values.filter_map(|text| {
        Url::parse(&text)
            .or_else(|_| Url::parse(&format!("http://{text}")))
            .ok()
    });
    urls.filter_map(|url| url.host_str().map(str::to_ascii_lowercase))
        .collect()
}
