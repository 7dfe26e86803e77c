//! What `get` and `probe` are pointed at: a URL, or a file on this machine.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir_core::playlist::{self, Multivariant, PlaylistError, Reading};
use weir_core::protocol::limits::MAX_PLAYLIST_BYTES;
use weir_core::protocol::{ErrorCode, Header, RequestContext, Secret};
use weir_core::url::{AbsoluteUrl, UrlError};

use super::args::Asking;
use super::cookies;
use crate::error::Coded;
use crate::fetch::{Client, ClientOptions, FetchError, Permission, Resource, ResourceKind};

/// Where a playlist is.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// On a server.
    Url(AbsoluteUrl),
    /// On this machine, and what its relative URLs are relative to.
    File(PathBuf, Option<AbsoluteUrl>),
}

/// A playlist's text, and where it came from after redirects.
#[derive(Debug)]
pub(super) struct Text {
    pub bytes: Vec<u8>,
    pub base: Option<AbsoluteUrl>,
}

/// Why there is no playlist.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    #[error("{0}")]
    Url(#[from] UrlError),
    #[error("--base is for a file; a URL is its own base")]
    BaseOfUrl,
    #[error("{}: {source}", .path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}: line {line} is no cookie of Netscape's format", .path.display())]
    Cookies { path: PathBuf, line: usize },
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("{place}: {error}")]
    Playlist { place: String, error: PlaylistError },
}

impl Coded for SourceError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Url(error) => error.code(),
            Self::BaseOfUrl | Self::Cookies { .. } => ErrorCode::Usage,
            Self::File { .. } => ErrorCode::File,
            Self::Fetch(error) => error.code(),
            Self::Playlist { error, .. } => error.code(),
        }
    }
}

impl SourceError {
    /// The playlist's line, where one is at fault.
    pub(super) fn line(&self) -> Option<usize> {
        match self {
            Self::Playlist { error, .. } => error.line,
            _ => None,
        }
    }
}

impl Source {
    /// What begins with a scheme is a URL, also one that is refused; all else is a file.
    pub(super) fn parse(text: &str, base: Option<&AbsoluteUrl>) -> Result<Self, SourceError> {
        if !has_scheme(text) {
            return Ok(Self::File(PathBuf::from(text), base.cloned()));
        }
        if base.is_some() {
            return Err(SourceError::BaseOfUrl);
        }
        Ok(Self::Url(AbsoluteUrl::parse(text)?))
    }

    /// Reads the playlist's text.
    pub(super) async fn read(&self, client: Option<&Client>) -> Result<Text, SourceError> {
        match (self, client) {
            (Self::Url(url), Some(client)) => fetch(client, url).await,
            (Self::Url(url), None) => Err(UrlError::Invalid(url.to_string()).into()),
            (Self::File(path, base), _) => {
                let bytes = read_file(path, MAX_PLAYLIST_BYTES)?;
                Ok(Text {
                    bytes,
                    base: base.clone(),
                })
            }
        }
    }

    /// How messages call it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Url(url) => url.to_string(),
            Self::File(path, _) => path.display().to_string(),
        }
    }

    /// Where it is for the rules of what may lead where: the URL, or the base of a file.
    pub(super) fn url(&self) -> Option<&AbsoluteUrl> {
        match self {
            Self::Url(url) => Some(url),
            Self::File(_, base) => base.as_ref(),
        }
    }
}

/// Fetches a playlist's text.
pub(super) async fn fetch(client: &Client, url: &AbsoluteUrl) -> Result<Text, SourceError> {
    let resource = Resource {
        url: url.clone(),
        range: None,
        kind: ResourceKind::Playlist,
    };
    let fetched = client.get(&resource).await?;
    Ok(Text {
        bytes: fetched.bytes.to_vec(),
        base: Some(fetched.final_url),
    })
}

/// Reads a playlist's text as one.
pub(super) fn read_playlist(text: &Text, place: &str) -> Result<Reading, SourceError> {
    playlist::read(&text.bytes, text.base.as_ref()).map_err(|error| SourceError::Playlist {
        place: place.to_owned(),
        error,
    })
}

/// Reads the text of a media playlist that `parent` lists at `url`.
pub(super) fn read_child(
    text: &Text,
    url: &AbsoluteUrl,
    parent: &Multivariant,
) -> Result<Reading, SourceError> {
    playlist::read_child(&text.bytes, text.base.as_ref(), parent).map_err(|error| SourceError::Playlist {
        place: url.to_string(),
        error,
    })
}

/// The headers and cookies that were asked for. Read once: the file of cookies may be a pipe.
pub(super) fn context(asking: &Asking) -> Result<RequestContext, SourceError> {
    let mut headers = asking.headers.clone();
    let named = [("User-Agent", &asking.user_agent), ("Referer", &asking.referer)];
    for (name, value) in named {
        if let Some(value) = value {
            headers.push(Header {
                name: name.to_owned(),
                value: Secret::new(value.clone()),
            });
        }
    }
    let cookies = match &asking.cookies {
        None => Vec::new(),
        Some(path) => {
            let bytes = read_file(path, MAX_PLAYLIST_BYTES)?;
            cookies::read(&String::from_utf8_lossy(&bytes)).map_err(|line| SourceError::Cookies {
                path: path.clone(),
                line,
            })?
        }
    };
    Ok(RequestContext {
        headers,
        cookies,
        page: None,
    })
}

/// A client for what `source` leads to.
pub(super) fn client(
    source: &AbsoluteUrl,
    context: RequestContext,
    asking: &Asking,
    private_addresses: Permission,
    downgrades: Permission,
) -> Result<Client, SourceError> {
    let options = ClientOptions {
        context,
        source: source.clone(),
        private_addresses,
        downgrades,
        proxy: asking.proxy.clone(),
        network: Arc::default(), // no limit: playlists are small
    };
    Ok(Client::new(&options)?)
}

/// At most `limit` bytes of a file, and an error when it has more.
pub(super) fn read_file(path: &Path, limit: usize) -> Result<Vec<u8>, SourceError> {
    let refuse = |source| SourceError::File {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(refuse)?;
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(refuse)?;
    if bytes.len() > limit {
        return Err(refuse(std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            format!("over {limit} bytes"),
        )));
    }
    Ok(bytes)
}

/// A scheme of RFC 3986 and a colon; one letter alone is a Windows drive.
fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else {
        return false;
    };
    let mut characters = scheme.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && scheme.len() > 1
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_files() {
        let is_url = |text: &str| matches!(Source::parse(text, None), Ok(Source::Url(_)));
        let refused = |text: &str| Source::parse(text, None).unwrap_err().code();
        assert!(is_url("https://a.example/x.m3u8"));
        assert!(is_url("data:,x"));
        assert!(!is_url(r"C:\x.m3u8"));
        assert!(!is_url("playlists/x.m3u8"));
        assert_eq!(refused("file:///etc/passwd"), ErrorCode::SchemeRefused);
        assert_eq!(refused("ftp://a.example/x"), ErrorCode::SchemeRefused);
        assert_eq!(refused("https://u:p@a.example/"), ErrorCode::BadUrl);
    }
}
