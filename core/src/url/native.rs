//! The `url` crate's parser, for every build that has no browser around it.

use url::{ParseError, Url};

use super::UrlError;
use super::href::Href;

pub(super) fn parse(base: Option<&Href>, reference: &str) -> Result<Href, UrlError> {
    let parsed = match base {
        Some(base) => Url::parse(base.as_str()).and_then(|base| base.join(reference)),
        None => Url::parse(reference),
    };
    parsed
        .map(|url| Href::new(url.into()))
        .map_err(|error| match error {
            ParseError::InvalidPort => UrlError::Port,
            other => UrlError::Invalid(other.to_string()),
        })
}
