//! EXT-X-DEFINE and `{$name}` (RFC 8216bis, 4.3 and 4.4.2.3).

use std::borrow::Cow;

use crate::protocol::limits::MAX_PLAYLIST_LINE_BYTES;
use crate::url::AbsoluteUrl;

use super::PlaylistErrorKind;
use super::warning::Shown;

/// Most variables of one playlist; real ones have a few.
const MAX_VARIABLES: usize = 1_000;

/// The variables of a playlist, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables(Vec<(String, String)>);

impl Variables {
    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.find(name).ok()?;
        self.0.get(at).map(|(_, value)| &**value)
    }

    /// Where a name stands, or would stand.
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    /// Adds a variable.
    pub(super) fn define(&mut self, name: &str, value: String) -> Result<(), PlaylistErrorKind> {
        let Err(at) = self.find(name) else {
            return Err(PlaylistErrorKind::DuplicateVariable(Shown(name).to_string()));
        };
        if self.0.len() >= MAX_VARIABLES {
            return Err(PlaylistErrorKind::TooManyVariables);
        }
        self.0.insert(at, (name.to_owned(), value));
        Ok(())
    }

    /// Replaces every `{$name}`. Values were substituted when they were defined, so nothing is read twice
    /// and no cycle can arise: a variable that is used before its definition is undefined.
    pub(super) fn substitute<'a>(&self, text: &'a str) -> Result<Cow<'a, str>, PlaylistErrorKind> {
        if !text.as_bytes().contains(&b'{') {
            return Ok(Cow::Borrowed(text));
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            if let Some((name, behind)) = after.strip_prefix('$').and_then(split_name) {
                let undefined = || PlaylistErrorKind::UndefinedVariable(Shown(name).to_string());
                out.push_str(self.get(name).ok_or_else(undefined)?);
                rest = behind;
            } else {
                out.push('{');
                rest = after;
            }
            // Values that hold values double with every line: the limit of a line holds for the result too.
            if out.len() > MAX_PLAYLIST_LINE_BYTES {
                return Err(PlaylistErrorKind::LineTooLong(out.len()));
            }
        }
        out.push_str(rest);
        Ok(Cow::Owned(out))
    }
}

/// The value of a parameter of the playlist's own query, percent-decoded; None when it is absent or empty.
pub(super) fn query_parameter(base: Option<&AbsoluteUrl>, name: &str) -> Option<String> {
    form_urlencoded::parse(base?.query()?.as_bytes())
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
        .filter(|value| !value.is_empty())
}

/// The name that a reference begins with, and what stands behind its brace. No further than the name is looked: a text of
/// openings alone would cost its square.
fn split_name(text: &str) -> Option<(&str, &str)> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let end = text
        .bytes()
        .position(|byte| !allowed(byte))
        .filter(|&end| end > 0)?;
    let behind = text.get(end..)?.strip_prefix('}')?;
    Some((text.get(..end)?, behind))
}
