//! The `url` crate's parser, for every build that has no browser around it.

use url::{ParseError, Url};

use super::UrlError;

pub(super) fn parse(base: Option<&Url>, reference: &str) -> Result<Url, UrlError> {
    let parsed = match base {
        Some(base) => base.join(reference),
        None => Url::parse(reference),
    };
    let mut url = parsed.map_err(|error| match error {
        ParseError::InvalidPort => UrlError::Port,
        other => UrlError::Invalid(other.to_string()),
    })?;
    url.set_fragment(None);
    Ok(url)
}
