//! What every tag is read in: the base URL, the variables and the warnings so far.

use std::borrow::Cow;

use crate::protocol::limits::MAX_RESOLVED_URL_BYTES;
use crate::protocol::{Iv, KeyMethod};
use crate::url::{AbsoluteUrl, AddressClass, Base, UrlError};

use super::attributes::Attributes;
use super::key::{Protection, protection};
use super::number::{decimal, integer, seconds};
use super::variables::{Variables, query_parameter};
use super::warning::{Shown, WarningCode, Warnings};
use super::{Key, Media, Multivariant, PlaylistError, PlaylistErrorKind, Reference, Start};

/// Where a playlist comes from: what its text alone does not tell.
#[derive(Default, Clone, Copy)]
pub(super) struct Origin<'a> {
    /// Its own URL.
    pub(super) base: Option<&'a AbsoluteUrl>,
    /// The multivariant playlist that refers to it.
    pub(super) parent: Option<&'a Multivariant>,
    /// What it was when it was last read.
    pub(super) previous: Option<&'a Media>,
}

pub(super) struct Scope<'a> {
    base: Option<Base<'a>>,
    parent: Option<&'a Multivariant>,
    pub(super) previous: Option<&'a Media>,
    /// The playlist came from a public address, so private ones in it are worth a warning.
    public: bool,
    warned_of_relative: bool,
    /// Bytes of resolved and substituted text so far: a long base or a long variable, many times, fills the memory.
    expanded_bytes: usize,
    pub(super) variables: Variables,
    pub(super) warnings: Warnings,
}

impl<'a> Scope<'a> {
    pub(super) fn new(origin: Origin<'a>, warnings: Warnings) -> Self {
        let Origin {
            base,
            parent,
            previous,
        } = origin;
        Self {
            base: base.map(Base::of),
            parent,
            previous,
            public: base.is_some_and(|base| !base.is_data() && base.address_class() == AddressClass::Public),
            warned_of_relative: false,
            expanded_bytes: 0,
            variables: Variables::default(),
            warnings,
        }
    }

    pub(super) fn attributes<'t>(&mut self, tag: &'t str, value: &'t str, line: usize) -> Attributes<'t> {
        Attributes::parse(tag, value, line, &mut self.warnings)
    }

    /// A tag whose value cannot be read.
    pub(super) fn bad_tag(&mut self, tag: &str, value: &str, line: usize) {
        let message = format_args!("{tag}: cannot read '{}'", Shown(value));
        self.warnings.push(Some(line), WarningCode::BadTag, message);
    }

    fn substitute<'t>(&mut self, text: &'t str, line: usize) -> Result<Cow<'t, str>, Box<PlaylistError>> {
        let text = self
            .variables
            .substitute(text)
            .map_err(|kind| PlaylistError::at(line, kind))?;
        if matches!(text, Cow::Owned(_)) {
            self.count(text.len(), line)?;
        }
        Ok(text)
    }

    /// Counts text that takes more memory than its place in the playlist.
    pub(super) fn count(&mut self, bytes: usize, line: usize) -> Result<(), Box<PlaylistError>> {
        self.expanded_bytes = self.expanded_bytes.saturating_add(bytes);
        if self.expanded_bytes > MAX_RESOLVED_URL_BYTES {
            let kind = PlaylistErrorKind::TooLarge(self.expanded_bytes);
            return Err(PlaylistError::at(line, kind));
        }
        Ok(())
    }

    /// A URI as a reference.
    pub(super) fn resolve(&mut self, text: &str, line: usize) -> Result<Reference, Box<PlaylistError>> {
        let text = self.substitute(text, line)?;
        let resolved = match self.base {
            Some(base) => base.join(&text),
            None => AbsoluteUrl::parse(&text),
        };
        match &resolved {
            Ok(url) => {
                self.count(url.as_str().len(), line)?;
                let is_elsewhere = || !self.base.is_some_and(|base| base.has_host_of(url));
                if self.public && is_elsewhere() && url.address_class() == AddressClass::Private {
                    let message = format_args!("private address: {url}");
                    self.warnings
                        .push(Some(line), WarningCode::PrivateAddress, message);
                }
            }
            Err(UrlError::Relative) => {
                if !self.warned_of_relative {
                    self.warned_of_relative = true;
                    let message =
                        format_args!("relative URLs stay relative: the playlist's own URL is not known");
                    self.warnings.push(Some(line), WarningCode::RelativeUrl, message);
                }
            }
            Err(error @ UrlError::Scheme(_)) => {
                self.warnings
                    .push(Some(line), WarningCode::SchemeRefused, format_args!("{error}"));
            }
            Err(error) => self
                .warnings
                .push(Some(line), WarningCode::BadUrl, format_args!("{error}")),
        }
        Ok(Reference {
            text: text.into_owned(),
            resolved,
        })
    }

    /// An attribute as text, variables substituted.
    pub(super) fn text(
        &mut self,
        attributes: &Attributes<'_>,
        name: &str,
    ) -> Result<Option<String>, Box<PlaylistError>> {
        let value = attributes.raw(name);
        value
            .map(|value| self.substitute(value, attributes.line).map(Cow::into_owned))
            .transpose()
    }

    /// An attribute whose value is a word of the specification, in its capitals.
    pub(super) fn word(
        &mut self,
        attributes: &Attributes<'_>,
        name: &str,
    ) -> Result<Option<String>, Box<PlaylistError>> {
        let mut word = self.text(attributes, name)?;
        if let Some(word) = &mut word {
            word.make_ascii_uppercase();
        }
        Ok(word)
    }

    /// An attribute as text; a warning when it is missing or empty.
    pub(super) fn required(
        &mut self,
        attributes: &Attributes<'_>,
        name: &str,
    ) -> Result<Option<String>, Box<PlaylistError>> {
        let value = self.text(attributes, name)?.filter(|value| !value.is_empty());
        if value.is_none() {
            let message = format_args!("{}: {name} is missing", attributes.tag);
            self.warnings
                .push(Some(attributes.line), WarningCode::MissingAttribute, message);
        }
        Ok(value)
    }

    /// An attribute as a reference; None when it is missing or empty.
    pub(super) fn reference(
        &mut self,
        attributes: &Attributes<'_>,
        name: &str,
    ) -> Result<Option<Reference>, Box<PlaylistError>> {
        let value = attributes.raw(name).filter(|value| !value.is_empty());
        value
            .map(|value| self.resolve(value, attributes.line))
            .transpose()
    }

    /// An attribute as a reference; a warning when it is missing or empty.
    pub(super) fn required_reference(
        &mut self,
        attributes: &Attributes<'_>,
        name: &str,
    ) -> Result<Option<Reference>, Box<PlaylistError>> {
        let reference = self.reference(attributes, name)?;
        if reference.is_none() {
            let message = format_args!("{}: {name} is missing", attributes.tag);
            self.warnings
                .push(Some(attributes.line), WarningCode::MissingAttribute, message);
        }
        Ok(reference)
    }

    /// An attribute as a decimal integer; None, with a warning, when it is none.
    pub(super) fn integer(&mut self, attributes: &Attributes<'_>, name: &str) -> Option<u64> {
        let value = attributes.raw(name)?;
        let number = integer(value);
        if number.is_none() {
            self.bad_attribute(attributes, name, value);
        }
        number
    }

    /// An attribute as a decimal number; None, with a warning, when it is none.
    pub(super) fn number(&mut self, attributes: &Attributes<'_>, name: &str) -> Option<f64> {
        let value = attributes.raw(name)?;
        let number = decimal(value);
        if number.is_none() {
            self.bad_attribute(attributes, name, value);
        }
        number
    }

    /// An attribute as a duration in seconds; None, with a warning, when it is none.
    pub(super) fn seconds(&mut self, attributes: &Attributes<'_>, name: &str) -> Option<f64> {
        let value = attributes.raw(name)?;
        let seconds = seconds(value);
        if seconds.is_none() {
            self.bad_attribute(attributes, name, value);
        }
        seconds
    }

    /// An attribute that is YES or NO; absent is NO.
    pub(super) fn yes(&mut self, attributes: &Attributes<'_>, name: &str) -> bool {
        let Some(value) = attributes.raw(name) else {
            return false;
        };
        let yes = value.eq_ignore_ascii_case("YES");
        if !yes && !value.eq_ignore_ascii_case("NO") {
            self.bad_attribute(attributes, name, value);
        }
        yes
    }

    pub(super) fn bad_attribute(&mut self, attributes: &Attributes<'_>, name: &str, value: &str) {
        let message = format_args!("{}: {name} cannot be '{}'", attributes.tag, Shown(value));
        self.warnings
            .push(Some(attributes.line), WarningCode::BadAttribute, message);
    }

    /// EXT-X-KEY or EXT-X-SESSION-KEY; None for METHOD=NONE.
    pub(super) fn key(&mut self, attributes: &Attributes<'_>) -> Result<Option<Key>, Box<PlaylistError>> {
        let line = attributes.line;
        let fail = |kind| PlaylistError::at(line, kind);
        let method = self
            .word(attributes, "METHOD")?
            .filter(|method| !method.is_empty());
        let method = method.ok_or_else(|| fail(PlaylistErrorKind::KeyMethodMissing))?;
        if method == "NONE" {
            return Ok(None);
        }
        if KeyMethod::parse(&method).is_none() {
            let message = format_args!("unknown key METHOD: {}", Shown(&method));
            self.warnings
                .push(Some(line), WarningCode::UnknownMethod, message);
        }
        let uri = attributes.raw("URI").unwrap_or_default();
        let uri = match uri.strip_prefix("base64:") {
            // The key itself, as some packagers write what a `data:` URL is for.
            Some(key) => Some(self.resolve(&format!("data:;base64,{key}"), line)?),
            None => self.reference(attributes, "URI")?,
        };
        let uri = uri.ok_or_else(|| fail(PlaylistErrorKind::KeyUriMissing(Shown(&method).to_string())))?;
        let iv = self.text(attributes, "IV")?;
        let iv = iv.map(|iv| {
            iv.parse::<Iv>()
                .map_err(|_| fail(PlaylistErrorKind::BadIv(Shown(&iv).to_string())))
        });
        let key_format = self
            .text(attributes, "KEYFORMAT")?
            .filter(|format| !format.is_empty());
        let key_format = key_format.unwrap_or_else(|| "identity".to_owned());
        Ok(Some(Key {
            method,
            uri,
            iv: iv.transpose()?,
            key_format,
            line,
        }))
    }

    /// A warning when nothing but DRM decrypts what `keys` apply to.
    pub(super) fn warn_of_drm(&mut self, keys: &[Key]) {
        if let Protection::Drm(system, key) = protection(keys) {
            let message = format_args!("protected by DRM ({system}): Weir does not remove DRM");
            self.warnings.push(Some(key.line), WarningCode::Drm, message);
        }
    }

    /// EXT-X-DEFINE.
    pub(super) fn define(&mut self, attributes: &Attributes<'_>) -> Result<(), Box<PlaylistError>> {
        let line = attributes.line;
        let fail = |kind| PlaylistError::at(line, kind);
        let undefined = |name: &str| fail(PlaylistErrorKind::UndefinedVariable(Shown(name).to_string()));
        let (name, value) = if let Some(name) = attributes.raw("NAME") {
            let value = self.required(attributes, "VALUE")?;
            (name, value.unwrap_or_default())
        } else if let Some(name) = attributes.raw("IMPORT") {
            let value = self.parent.and_then(|parent| parent.variables.get(name));
            (name, value.ok_or_else(|| undefined(name))?.to_owned())
        } else if let Some(name) = attributes.raw("QUERYPARAM") {
            (
                name,
                query_parameter(self.base.map(Base::url), name).ok_or_else(|| undefined(name))?,
            )
        } else {
            return Err(fail(PlaylistErrorKind::EmptyDefine));
        };
        self.variables.define(name, value).map_err(fail)
    }

    /// EXT-X-START; None, with a warning, without a usable TIME-OFFSET.
    pub(super) fn start(&mut self, attributes: &Attributes<'_>) -> Result<Option<Start>, Box<PlaylistError>> {
        self.required(attributes, "TIME-OFFSET")?;
        let precise = self.yes(attributes, "PRECISE");
        let offset = self.number(attributes, "TIME-OFFSET");
        Ok(offset.map(|time_offset_seconds| Start {
            time_offset_seconds,
            precise,
        }))
    }

    /// A tag that may stand once: the first value counts.
    pub(super) fn once<T>(&mut self, slot: &mut Option<T>, value: Option<T>, tag: &str, line: usize) {
        if slot.is_none() {
            *slot = value;
        } else {
            let message = format_args!("{tag} stands twice, the first one counts");
            self.warnings.push(Some(line), WarningCode::DuplicateTag, message);
        }
    }
}

/// The value of a tag as a decimal integer; None, with a warning, when it is none.
pub(super) fn tag_integer(name: &str, value: &str, line: usize, scope: &mut Scope<'_>) -> Option<u64> {
    let number = integer(value);
    if number.is_none() {
        scope.bad_tag(name, value, line);
    }
    number
}
