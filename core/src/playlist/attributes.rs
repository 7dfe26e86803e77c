//! Attribute lists (RFC 8216bis, 4.2), read leniently: one bad attribute costs nothing but itself.

use std::borrow::Cow;

use super::lines::trim;
use super::warning::{Shown, WarningCode, Warnings};

/// Most attributes that one tag may have, those that are dropped included; EXT-X-STREAM-INF knows about twenty. Names
/// are looked up one by one, so an endless list would cost its square.
const MAX_ATTRIBUTES: usize = 256;

/// The attributes of one tag, in order, each name once.
#[derive(Debug)]
pub(super) struct Attributes<'a> {
    /// The tag's name, for messages.
    pub(super) tag: &'a str,
    /// The tag's line.
    pub(super) line: usize,
    items: Vec<(&'a str, Cow<'a, str>)>,
    /// The last value stands without quotes, and its attribute is a list of codecs.
    open_codecs: bool,
}

impl<'a> Attributes<'a> {
    pub(super) fn parse(tag: &'a str, list: &'a str, line: usize, warnings: &mut Warnings) -> Self {
        let mut attributes = Self {
            tag,
            line,
            items: Vec::new(),
            open_codecs: false,
        };
        let mut rest = trim(list);
        for _ in 0..MAX_ATTRIBUTES {
            if rest.is_empty() {
                return attributes;
            }
            rest = attributes.take(rest, warnings);
        }
        if !rest.is_empty() {
            let message = format_args!("{tag}: over {MAX_ATTRIBUTES} attributes, the rest is dropped");
            warnings.push(Some(line), WarningCode::AttributeSyntax, message);
        }
        attributes
    }

    /// The value as written, without its quotes and before variables are substituted.
    pub(super) fn raw(&self, name: &str) -> Option<&str> {
        self.items
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| &**value)
    }

    /// Every attribute as written, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.items.iter().map(|(name, value)| (*name, &**value))
    }

    /// Reads one attribute off the front of `list` and returns what follows its comma.
    fn take(&mut self, list: &'a str, warnings: &mut Warnings) -> &'a str {
        let line = Some(self.line);
        let tag = self.tag;
        let Some((name, value)) = split_name(list) else {
            let (part, after_comma) = split_at_comma(list);
            let part = trim(part);
            if let Some((_, codecs)) = self.items.last_mut().filter(|_| self.open_codecs) {
                let codecs = codecs.to_mut();
                codecs.push(',');
                codecs.push_str(part);
            } else {
                let message = format_args!("{tag}: an attribute without '=': '{}'", Shown(part));
                warnings.push(line, WarningCode::AttributeSyntax, message);
            }
            return after_comma;
        };
        let name = trim(name);
        let value = trim(value);
        let Some(quoted) = value.strip_prefix('"') else {
            let (value, rest) = split_at_comma(value);
            let added = self.add(name, trim(value), warnings);
            // `CODECS=avc1.4d401f,mp4a.40.2`: what follows without a name belongs to it.
            self.open_codecs = added && matches!(name, "CODECS" | "SUPPLEMENTAL-CODECS");
            return rest;
        };
        self.open_codecs = false;
        let Some((value, rest)) = quoted.split_once('"') else {
            let message = format_args!("{tag}: the quote of {} is not closed", Shown(name));
            warnings.push(line, WarningCode::UnclosedQuote, message);
            return after_unclosed(quoted);
        };
        self.add(name, value, warnings);
        let (junk, rest) = split_at_comma(rest);
        if !trim(junk).is_empty() {
            let message = format_args!(
                "{tag}: '{}' behind the value of {}",
                Shown(trim(junk)),
                Shown(name)
            );
            warnings.push(line, WarningCode::AttributeSyntax, message);
        }
        rest
    }

    fn add(&mut self, name: &'a str, value: &'a str, warnings: &mut Warnings) -> bool {
        let is_new = self.raw(name).is_none();
        if is_new {
            self.items.push((name, Cow::Borrowed(value)));
        } else {
            let message = format_args!("{}: {} stands twice, the first one counts", self.tag, Shown(name));
            warnings.push(Some(self.line), WarningCode::DuplicateAttribute, message);
        }
        is_new
    }
}

/// The name and what stands behind its `=`, where that comes before any comma. No further than there is looked: a list of
/// commas alone would cost its square.
fn split_name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(['=', ','])?;
    let value = text.get(end..)?.strip_prefix('=')?;
    Some((text.get(..end)?, value))
}

fn split_at_comma(text: &str) -> (&str, &str) {
    match text.split_once(',') {
        Some((before, after)) => (before, trim(after)),
        None => (text, ""),
    }
}

/// Where the next attribute starts behind a quote that is not closed: at a comma with `NAME=` behind it.
fn after_unclosed(text: &str) -> &str {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(',') {
        let after = trim(after);
        let name = split_name(after).map(|(name, _)| name);
        let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_some_and(|name| !name.is_empty() && name.bytes().all(is_name)) {
            return after;
        }
        rest = after;
    }
    ""
}
