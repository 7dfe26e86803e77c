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
    text: &'a str,
    /// Where the next line starts; past the end when there is none.
    at: usize,
    number: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            number: 0,
        }
    }

    fn next_line(&mut self) -> Option<&'a str> {
        let rest = self.text.get(self.at..)?;
        // Lines are short, and there are many: bytes are looked at one by one, which is faster than a search.
        let end = rest.bytes().position(|byte| matches!(byte, b'\n' | b'\r'));
        let (line, behind) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        self.number += 1;
        self.at += line.len() + if behind.starts_with("\r\n") { 2 } else { 1 };
        Some(line)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<Line<'a>, Box<PlaylistError>>;

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
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    // Nearly all lines and values: this is the inner loop of a large playlist.
    if !is_blank(text.as_bytes().first()) && !is_blank(text.as_bytes().last()) {
        return text;
    }
    text.trim_matches([' ', '\t'])
}

fn content(line: &str) -> Option<Content<'_>> {
    let Some(hashed) = line.strip_prefix('#') else {
        return (!line.is_empty()).then_some(Content::Uri(line));
    };
    if !hashed.starts_with("EXT") {
        return None;
    }
    let colon = hashed.bytes().position(|byte| byte == b':');
    let (name, value) = colon
        .and_then(|at| Some((hashed.get(..at)?, hashed.get(at + 1..)?)))
        .unwrap_or((hashed, ""));
    Some(Content::Tag {
        name: trim(name),
        value: trim(value),
    })
}
