//! One try: redirects followed by Weir's own rules, status and body checked.

use std::time::{Duration, SystemTime};

use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderValue, LOCATION, RANGE, RETRY_AFTER,
    TRANSFER_ENCODING,
};
use reqwest::{Response, StatusCode};
use tokio::time::timeout;
use weir_core::url::{AbsoluteUrl, UrlError};

use super::body::{self, Body, Lane, Route};
use super::client::Inner;
use super::{
    FetchError, Fetched, NetworkFault, Resource, ResourceKind, ResponseFault, check, data_url, failure,
};

/// Most redirects of one request, as browsers and curl are near (20, 50): HLS needs one or two.
const MAX_REDIRECTS: usize = 10;

/// A try that failed, and what the server said about the next.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: FetchError,
    /// How long to leave its host alone.
    pub(super) retry_after: Option<Duration>,
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self {
            error,
            retry_after: None,
        }
    }
}

/// Tries once.
pub(super) async fn run(client: &Inner, resource: &Resource, lane: Lane<'_>) -> Result<Fetched, Failure> {
    if resource.url.is_data() {
        return Ok(from_data_url(client, resource)?);
    }
    let mut hops: Vec<AbsoluteUrl> = Vec::new();
    let carried = client.token.first(&resource.url);
    let mut has_token = carried.is_some();
    let mut url = carried.unwrap_or_else(|| resource.url.clone());
    loop {
        client.policy.check(hops.last(), &url)?;
        client.network.pauses.wait_for(&url).await;
        let response = send(client, resource, &url, lane.route).await?;
        client.cookies.store(&url, response.headers());
        if hops.is_empty() {
            let refused = response.status().as_u16();
            if let Some(with_token) = client.token.after_refusal(&url, refused) {
                url = with_token;
                has_token = true;
                continue;
            }
            if has_token && response.status().is_success() {
                client.token.has_opened();
            }
        }
        let Some(location) = redirect_target(&response) else {
            return receive(client, resource, url, response, lane).await;
        };
        let next = follow(&url, &location);
        hops.push(url);
        if hops.len() > MAX_REDIRECTS {
            return Err(FetchError::TooManyRedirects { hops }.into());
        }
        url = match next {
            Ok(next) => next,
            Err(error) => return Err(FetchError::BadRedirect { hops, error }.into()),
        };
    }
}

/// The target of a redirect; other than a playlist, a server has no business with `data:`.
fn follow(from: &AbsoluteUrl, location: &str) -> Result<AbsoluteUrl, UrlError> {
    let target = from.join(location)?;
    if target.is_data() {
        Err(UrlError::Scheme(target.scheme().to_owned()))
    } else {
        Ok(target)
    }
}

fn from_data_url(client: &Inner, resource: &Resource) -> Result<Fetched, FetchError> {
    let url = &resource.url;
    let wrong = |fault| FetchError::Response {
        url: Box::new(url.clone()),
        fault,
    };
    let (content_type, mut bytes) = data_url::decode(url)?;
    let limit = client.tuning.limits.of(resource.kind);
    if bytes.len() as u64 > limit {
        let announced = Some(bytes.len() as u64);
        return Err(wrong(ResponseFault::TooLarge {
            kind: resource.kind,
            limit,
            announced,
        }));
    }
    if let Some(asked) = resource.range {
        let length = bytes.len() as u64;
        let part = usize::try_from(asked.offset())
            .ok()
            .zip(usize::try_from(asked.end()).ok());
        let part = part.filter(|(_, end)| *end <= bytes.len());
        let (start, end) = part.ok_or_else(|| wrong(ResponseFault::RangeBeyondEnd { asked, length }))?;
        bytes = bytes.slice(start..end);
    }
    Ok(Fetched {
        bytes,
        final_url: url.clone(),
        content_type: Some(content_type),
        retries: 0,
        delimited: true,
    })
}

/// Sends the request and waits for the head of its answer.
async fn send(
    client: &Inner,
    resource: &Resource,
    url: &AbsoluteUrl,
    route: Route,
) -> Result<Response, FetchError> {
    let mut headers = client.headers.select(&resource.url, url);
    if let Some(cookies) = client.cookies.header_for(url) {
        headers.insert(COOKIE, cookies);
    }
    if let Some(range) = resource.range {
        let text = format!("bytes={}-{}", range.offset(), range.end().saturating_sub(1));
        headers.insert(
            RANGE,
            HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("bytes=0-")),
        );
    }
    if resource.kind != ResourceKind::Playlist {
        // Media does not get smaller, and its announced length is worth more than a percent.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    let deadlines = &client.tuning.deadlines;
    let sending = client
        .connections(route)?
        .get(url.as_str())
        .headers(headers)
        .send();
    match timeout(deadlines.connect.saturating_add(deadlines.headers), sending).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(failure::of_request(&error, url, &client.policy, deadlines)),
        Err(_) => Err(FetchError::Network {
            url: Box::new(url.clone()),
            fault: NetworkFault::HeadersTimeout(deadlines.headers),
        }),
    }
}

/// Where a redirect leads, as written; None for every other answer.
fn redirect_target(response: &Response) -> Option<String> {
    let status = response.status().as_u16();
    let location = response.headers().get(LOCATION)?;
    // RFC 9110 wants ASCII there; browsers read what else comes as UTF-8.
    matches!(status, 301 | 302 | 303 | 307 | 308)
        .then(|| String::from_utf8_lossy(location.as_bytes()).into_owned())
}

/// Checks the head, reads the body and checks it.
async fn receive(
    client: &Inner,
    resource: &Resource,
    url: AbsoluteUrl,
    response: Response,
    lane: Lane<'_>,
) -> Result<Fetched, Failure> {
    let kind = resource.kind;
    let wrong = |fault| FetchError::Response {
        url: Box::new(url.clone()),
        fault,
    };
    let status = response.status();
    if let (StatusCode::RANGE_NOT_SATISFIABLE, Some(asked)) = (status, resource.range) {
        return Err(wrong(ResponseFault::NotSatisfiable(asked)).into());
    }
    if status != StatusCode::OK && status != StatusCode::PARTIAL_CONTENT {
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        let retry_after =
            retry_after.and_then(|text| client.tuning.retries.retry_after(text, SystemTime::now()));
        let error = FetchError::Status {
            url: Box::new(url),
            status: status.as_u16(),
        };
        return Err(Failure { error, retry_after });
    }
    let content_type = response.headers().get(CONTENT_TYPE);
    let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let delimited = is_delimited(&response);
    let extent = check::extent(resource.range, status, response.headers()).map_err(wrong)?;
    let limit = client.tuning.limits.of(kind);
    let body = Body {
        response,
        url: &url,
        kind,
        extent,
        limit,
    };
    let (deadlines, network) = (&client.tuning.deadlines, &client.network);
    let mut bytes = body::read(body, deadlines, &network.limit, &network.spare, lane).await?;
    if kind == ResourceKind::Playlist {
        bytes = check::gunzip(bytes, limit).map_err(wrong)?;
    }
    if let Some(fault) = check::fault(kind, &bytes) {
        return Err(wrong(fault).into());
    }
    Ok(Fetched {
        bytes,
        final_url: url,
        content_type,
        retries: 0,
        delimited,
    })
}

/// Whether the body's end is told by something else than the end of the connection (RFC 9112, 6.3).
fn is_delimited(response: &Response) -> bool {
    let headers = response.headers();
    response.version() >= reqwest::Version::HTTP_2
        || headers.contains_key(CONTENT_LENGTH)
        || headers.contains_key(TRANSFER_ENCODING)
}
