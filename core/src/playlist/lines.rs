//! Lines: text -> tags and URIs, with their numbers.

use crate::protocol::limits::MAX_PLAYLIST_LINE_BYTES;

use super::{PlaylistError, PlaylistErrorKind};

/// A line that says something: blank lines and comments are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// 1-based.
    pub(super) number: usize,
    pub(super) content: Content<'a>,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// `#EXT...`: the name without `#`, and what follows its colon, trimmed; empty without a colon.
    Tag { name: &'a str, value: &'a str },
    /// Anything that does not start with `#`.
    Uri(&'a str),
}

/// The lines of a playlist. LF, CR LF and CR each end a line; spaces and tabs around it do not count.
pub(super) struct Lines<'a> {
    rest: Option<&'a str>,
    number: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            rest: Some(text),
            number: 0,
        }
    }

    fn next_line(&mut self) -> Option<&'a str> {
        let text = self.rest.take()?;
        self.number += 1;
        let end = text.bytes().position(|byte| byte == b'\n' || byte == b'\r');
        let Some((line, rest)) = end.and_then(|end| text.split_at_checked(end)) else {
            return Some(text);
        };
        self.rest = rest.strip_prefix("\r\n").or_else(|| rest.get(1..));
        Some(line)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<Line<'a>, PlaylistError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = self.next_line()?;
            if line.len() > MAX_PLAYLIST_LINE_BYTES {
                let kind = PlaylistErrorKind::LineTooLong(line.len());
                return Some(Err(PlaylistError::at(self.number, kind)));
            }
            if let Some(content) = content(trim(line)) {
                return Some(Ok(Line {
                    number: self.number,
                    content,
                }));
            }
        }
    }
}

/// Takes spaces and tabs off both ends.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn content(line: &str) -> Option<Content<'_>> {
    let Some(hashed) = line.strip_prefix('#') else {
        return (!line.is_empty()).then_some(Content::Uri(line));
    };
    if !hashed.starts_with("EXT") {
        return None;
    }
    let (name, value) = hashed.split_once(':').unwrap_or((hashed, ""));
    Some(Content::Tag {
        name: trim(name),
        value: trim(value),
    })
}
