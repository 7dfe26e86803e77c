//! Requests as they came.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest request head that is read, in bytes.
const MAX_HEAD_BYTES: usize = 256 * 1024;

/// Longest request body that is read, in bytes.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `HEAD` ...
    pub method: String,
    /// The target as sent: path and query.
    pub target: String,
    /// Names as sent, in order.
    pub headers: Vec<(String, String)>,
    /// The body, empty for most.
    pub body: Bytes,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
}

impl Request {
    /// The path, as sent, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or("")
    }

    /// The query, as sent, without the question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether the `Cookie` header holds exactly `name=value`.
    #[must_use]
    pub fn has_cookie(&self, name: &str, value: &str) -> bool {
        let wanted = format!("{name}={value}");
        self.header("cookie")
            .is_some_and(|all| all.split(';').any(|one| one.trim() == wanted))
    }

    /// Reads the next request; None when the client is gone or sends no HTTP (but TLS, say).
    pub(super) async fn read(
        stream: &mut (impl AsyncRead + Unpin),
        buffer: &mut BytesMut,
        connection: usize,
    ) -> Option<Self> {
        let head_length = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            let is_http = buffer.first().is_none_or(u8::is_ascii_uppercase);
            if !is_http || buffer.len() > MAX_HEAD_BYTES || stream.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8_lossy(&buffer.split_to(head_length)).into_owned();
        buffer.advance(4);
        let mut lines = head.split("\r\n");
        let mut request_line = lines.next()?.split(' ');
        let (method, target) = (request_line.next()?.to_owned(), request_line.next()?.to_owned());
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let mut request = Self {
            method,
            target,
            headers,
            body: Bytes::new(),
            connection,
        };
        let length = request
            .header("content-length")
            .map_or(Some(0), |text| text.parse().ok())?;
        if length > MAX_BODY_BYTES {
            return None;
        }
        while buffer.len() < length {
            if stream.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        }
        request.body = buffer.split_to(length).freeze();
        Some(request)
    }
}
