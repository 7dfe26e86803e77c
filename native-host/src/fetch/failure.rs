//! What an error of the HTTP library means.

use std::error::Error;
use std::io;

use weir_core::url::AbsoluteUrl;

use super::address::{AddressPolicy, NotFound, OnlyPrivate};
use super::{Deadlines, FetchError, NetworkFault, ResponseFault};

/// Reads the chain of causes of a request that failed before its body.
pub(super) fn of_request(
    error: &reqwest::Error,
    url: &AbsoluteUrl,
    policy: &AddressPolicy,
    deadlines: &Deadlines,
) -> FetchError {
    if let Some(OnlyPrivate(address)) = find::<OnlyPrivate>(error) {
        return policy.refusal(url, Some(*address));
    }
    let url = Box::new(url.clone());
    if let Some(NotFound(reason)) = find::<NotFound>(error) {
        let host = url.host().unwrap_or_default().to_owned();
        return FetchError::Dns {
            url,
            host,
            reason: reason.clone(),
        };
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        return FetchError::Tls {
            url,
            reason: tls_reason(tls),
        };
    }
    if let Some(hyper) = find::<hyper::Error>(error)
        && hyper.is_parse()
    {
        return FetchError::Response {
            url,
            fault: ResponseFault::NotHttp(innermost(error)),
        };
    }
    let fault = match (error.is_connect(), error.is_timeout()) {
        (true, true) => NetworkFault::ConnectTimeout(deadlines.connect),
        (true, false) => NetworkFault::Connect(innermost(error)),
        (false, _) => NetworkFault::Broken(innermost(error)),
    };
    FetchError::Network { url, fault }
}

/// Reads the chain of causes of a body that broke off after `got` bytes of the `announced` ones.
pub(super) fn of_body(
    error: &reqwest::Error,
    url: &AbsoluteUrl,
    announced: Option<u64>,
    got: u64,
) -> FetchError {
    let url = Box::new(url.clone());
    let hyper = find::<hyper::Error>(error);
    let ended = hyper.is_some_and(hyper::Error::is_incomplete_message)
        || find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof);
    match announced {
        Some(expected) if ended => FetchError::Response {
            url,
            fault: ResponseFault::Length { expected, got },
        },
        // Errors of the decompressor have no error of the connection behind them.
        _ if error.is_decode() && hyper.is_none() => FetchError::Response {
            url,
            fault: ResponseFault::Encoding(innermost(error)),
        },
        _ => FetchError::Network {
            url,
            fault: NetworkFault::Broken(innermost(error)),
        },
    }
}

/// The first cause of a type. `io::Error::source` steps over the error that it wraps, so that one is
/// looked at too.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

/// The text of the last cause, which says most and, unlike the first, holds no URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if innermost.is::<reqwest::Error>() {
        "no cause given".to_owned()
    } else {
        innermost.to_string()
    }
}

/// Which check failed, in words.
fn tls_reason(error: &rustls::Error) -> String {
    use rustls::CertificateError as Certificate;

    let reason = match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            Certificate::Expired | Certificate::ExpiredContext { .. } => "the certificate has expired",
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "the certificate is not valid yet: is this machine's clock right?"
            }
            Certificate::UnknownIssuer => {
                "the certificate is from an authority that this machine does not trust"
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "the certificate is for another name"
            }
            Certificate::Revoked => "the certificate was revoked",
            _ => return format!("the certificate is not acceptable: {certificate}"),
        },
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS there",
        rustls::Error::AlertReceived(_) => return format!("the server broke off the handshake: {error}"),
        other => return other.to_string(),
    };
    reason.to_owned()
}
