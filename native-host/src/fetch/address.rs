//! Where the host may go: a public playlist must not send it into a private network, and https must
//! not end in http. What a URL's text tells is checked before each request, what a name resolves to at
//! each connection.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use weir_core::url::{AbsoluteUrl, AddressClass, classify};

use super::{ClientOptions, FetchError, Permission};

/// The rules of one job.
#[derive(Debug, Clone)]
pub(super) struct AddressPolicy {
    source: AbsoluteUrl,
    private_addresses: Permission,
    downgrades: Permission,
}

/// A name resolves, and only to addresses that the job may not reach.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("private address: {0}")]
pub(super) struct OnlyPrivate(pub(super) IpAddr);

/// A name that does not resolve.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotFound(pub(super) String);

impl AddressPolicy {
    pub(super) fn new(options: &ClientOptions) -> Self {
        Self {
            source: options.source.clone(),
            private_addresses: options.private_addresses,
            downgrades: options.downgrades,
        }
    }

    /// Whether `url` may be asked for; `from` redirected to it, or else the source led there.
    pub(super) fn check(&self, from: Option<&AbsoluteUrl>, url: &AbsoluteUrl) -> Result<(), FetchError> {
        let from = from.unwrap_or(&self.source);
        if self.downgrades == Permission::Refused && from.downgrades_to(url) {
            return Err(FetchError::Downgrade {
                url: Box::new(url.clone()),
                from: Box::new(from.clone()),
            });
        }
        let host = url.host().unwrap_or_default();
        if url.address_class() == AddressClass::Private && !self.may_be_private(host) {
            return Err(self.refusal(url, None));
        }
        Ok(())
    }

    /// The error for a URL whose name resolves to `address`.
    pub(super) fn refusal(&self, url: &AbsoluteUrl, address: Option<IpAddr>) -> FetchError {
        FetchError::PrivateAddress {
            url: Box::new(url.clone()),
            address,
            source_url: Box::new(self.source.clone()),
        }
    }

    /// Private addresses are for a source that is on the same private host, or with permission. All
    /// names and addresses of this machine are one host.
    fn may_be_private(&self, host: &str) -> bool {
        if self.private_addresses == Permission::Allowed {
            return true;
        }
        let source = self.source.host().unwrap_or_default();
        self.source.address_class() == AddressClass::Private
            && (source == host || (is_this_machine(source) && is_this_machine(host)))
    }

    fn may_reach(&self, host: &str, address: IpAddr) -> bool {
        classify(address) == AddressClass::Public
            || (self.may_be_private(host)
                // `localhost` is only as good as what it resolves to.
                && (self.private_addresses == Permission::Allowed
                    || !is_this_machine(host)
                    || address.to_canonical().is_loopback()))
    }
}

/// `localhost` and what is under it, 127.0.0.0/8, `::1`.
fn is_this_machine(host: &str) -> bool {
    let name = host.trim_end_matches('.');
    let address = name
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    name == "localhost"
        || name.strip_suffix(".localhost").is_some()
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Resolves names for the HTTP client, and leaves only the addresses that the job may reach.
#[derive(Debug, Clone)]
pub(super) struct FilteredDns {
    pub(super) policy: AddressPolicy,
    /// Asked before DNS.
    pub(super) hosts: Arc<HashMap<String, Vec<IpAddr>>>,
    /// The proxies' own names: the user chose them, the playlist did not.
    pub(super) exempt: Arc<HashSet<String>>,
}

impl FilteredDns {
    async fn addresses(
        self,
        host: String,
    ) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let found: Vec<SocketAddr> = match self.hosts.get(&host) {
            Some(addresses) => addresses
                .iter()
                .map(|address| SocketAddr::new(*address, 0))
                .collect(),
            None => match tokio::net::lookup_host((host.as_str(), 0)).await {
                Ok(addresses) => addresses.collect(),
                Err(error) => return Err(Box::new(NotFound(error.to_string()))),
            },
        };
        let Some(first) = found.first().map(SocketAddr::ip) else {
            return Err(Box::new(NotFound("the name has no address".to_owned())));
        };
        let reachable =
            |address: &SocketAddr| self.exempt.contains(&host) || self.policy.may_reach(&host, address.ip());
        let allowed: Vec<SocketAddr> = found.into_iter().filter(reachable).collect();
        if allowed.is_empty() {
            Err(Box::new(OnlyPrivate(first)))
        } else {
            Ok(allowed)
        }
    }
}

impl Resolve for FilteredDns {
    fn resolve(&self, name: Name) -> Resolving {
        let resolving = self.clone().addresses(name.as_str().to_owned());
        Box::pin(async move {
            resolving
                .await
                .map(|addresses| -> Addrs { Box::new(addresses.into_iter()) })
        })
    }
}

#[cfg(test)]
mod tests {
    use weir_core::protocol::RequestContext;

    use super::*;

    fn url(text: &str) -> AbsoluteUrl {
        AbsoluteUrl::parse(text).unwrap()
    }

    fn policy(source: &str) -> AddressPolicy {
        AddressPolicy::new(&ClientOptions {
            context: RequestContext::default(),
            source: url(source),
            private_addresses: Permission::Refused,
            downgrades: Permission::Refused,
            proxy: None,
            network: Arc::default(),
        })
    }

    fn verdict(policy: &AddressPolicy, from: Option<&str>, to: &str) -> &'static str {
        match policy.check(from.map(url).as_ref(), &url(to)) {
            Ok(()) => "ok",
            Err(FetchError::PrivateAddress { .. }) => "private",
            Err(FetchError::Downgrade { .. }) => "downgrade",
            Err(_) => "other",
        }
    }

    #[test]
    fn a_public_playlist_stays_out_of_private_networks() {
        let public = policy("http://cdn.example/master.m3u8");
        for private in [
            "http://127.0.0.1/",
            "http://10.1.2.3/",
            "http://172.16.0.1/",
            "http://192.168.1.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost./",
            "http://a.localhost/",
            "http://169.254.169.254/latest/meta-data",
            "http://[fd00::1]/",
            "http://printer.local/",
        ] {
            assert_eq!(verdict(&public, None, private), "private", "{private}");
            assert_eq!(
                verdict(&public, Some("http://cdn.example/a"), private),
                "private",
                "{private}"
            );
        }
        assert_eq!(verdict(&public, None, "http://8.8.8.8/"), "ok");
        let allowed = AddressPolicy {
            private_addresses: Permission::Allowed,
            ..public
        };
        assert_eq!(verdict(&allowed, None, "http://127.0.0.1/"), "ok");
        assert!(allowed.may_reach("x.example", "10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_private_source_has_its_own_host_and_no_other() {
        let nas = policy("http://192.168.1.5:8080/a.m3u8");
        assert_eq!(verdict(&nas, None, "http://192.168.1.5/key"), "ok");
        assert_eq!(verdict(&nas, None, "http://192.168.1.6/"), "private");
        assert_eq!(verdict(&nas, None, "http://127.0.0.1/"), "private");
        let machine = policy("http://127.0.0.1:8000/a.m3u8");
        assert_eq!(verdict(&machine, None, "http://localhost:9000/b.ts"), "ok");
        assert_eq!(verdict(&machine, None, "http://[::1]/b.ts"), "ok");
        assert_eq!(verdict(&machine, None, "http://192.168.1.5/"), "private");
        assert!(machine.may_reach("localhost", "127.0.0.1".parse().unwrap()));
        assert!(!machine.may_reach("x.localhost", "10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn https_does_not_end_in_http() {
        let secure = policy("https://cdn.example/master.m3u8");
        assert_eq!(verdict(&secure, None, "http://cdn.example/a.ts"), "downgrade");
        assert_eq!(verdict(&secure, None, "https://cdn.example/a.ts"), "ok");
        assert_eq!(
            verdict(
                &policy("http://cdn.example/"),
                Some("https://a.example/"),
                "http://b.example/"
            ),
            "downgrade"
        );
        let allowed = AddressPolicy {
            downgrades: Permission::Allowed,
            ..secure
        };
        assert_eq!(verdict(&allowed, None, "http://cdn.example/a.ts"), "ok");
    }

    #[tokio::test]
    async fn names_are_judged_by_what_they_resolve_to() {
        let address = |text: &str| -> IpAddr { text.parse().unwrap() };
        let hosts = HashMap::from([
            (
                "rebound.example".to_owned(),
                vec![address("10.0.0.1"), address("fd00::1")],
            ),
            (
                "mixed.example".to_owned(),
                vec![address("127.0.0.1"), address("93.184.216.34")],
            ),
        ]);
        let dns = FilteredDns {
            policy: policy("http://cdn.example/"),
            hosts: Arc::new(hosts),
            exempt: Arc::default(),
        };
        let refused = dns
            .clone()
            .addresses("rebound.example".to_owned())
            .await
            .unwrap_err();
        assert_eq!(
            refused.downcast_ref::<OnlyPrivate>().unwrap().0,
            address("10.0.0.1")
        );
        let mixed = dns.clone().addresses("mixed.example".to_owned()).await.unwrap();
        assert_eq!(mixed, [SocketAddr::new(address("93.184.216.34"), 0)]);
        // The source's own name gets no better treatment: that is how DNS rebinding works.
        let own = FilteredDns {
            policy: policy("http://rebound.example/"),
            ..dns.clone()
        };
        assert!(own.addresses("rebound.example".to_owned()).await.is_err());
        let exempt = Arc::new(HashSet::from(["rebound.example".to_owned()]));
        assert_eq!(
            FilteredDns { exempt, ..dns }
                .addresses("rebound.example".to_owned())
                .await
                .unwrap()
                .len(),
            2
        );
    }
}
