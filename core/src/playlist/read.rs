//! Lines -> model: says which kind of playlist a text is and has it read as that.

use super::lines::{Content, Line, Lines};
use super::list::{self, is_list_without_header};
use super::media::{MediaReader, split_inf};
use super::multivariant::MultivariantReader;
use super::number::seconds;
use super::scope::{Origin, Scope};
use super::tag::{Scene, Tag};
use super::text::decode;
use super::warning::{WarningCode, Warnings};
use super::{Media, Multivariant, Playlist, PlaylistError, PlaylistErrorKind, Reading, other};
use crate::url::AbsoluteUrl;

/// Reads a playlist.
///
/// `bytes` is the body as it came (UTF-8, a UTF-16 BOM is decoded); `base` is the URL it came from
/// after redirects, None for a local file, whose relative URIs then stay relative.
///
/// # Errors
/// [`PlaylistError`] when the text is no playlist or cannot be read around.
pub fn read(bytes: &[u8], base: Option<&AbsoluteUrl>) -> Result<Reading, PlaylistError> {
    read_with(
        bytes,
        Origin {
            base,
            ..Origin::default()
        },
    )
    .map_err(|error| *error)
}

/// Reads a media playlist that `parent` refers to: as [`read`], but EXT-X-DEFINE may import the parent's variables.
///
/// # Errors
/// As [`read`].
pub fn read_child(
    bytes: &[u8],
    base: Option<&AbsoluteUrl>,
    parent: &Multivariant,
) -> Result<Reading, PlaylistError> {
    read_with(
        bytes,
        Origin {
            base,
            parent: Some(parent),
            previous: None,
        },
    )
    .map_err(|error| *error)
}

/// Reads a media playlist again: as [`read_child`], but what EXT-X-SKIP leaves out is taken from `previous`, the
/// playlist as it was last read (RFC 8216bis, 6.2.5.1). The result is a whole playlist.
///
/// # Errors
/// As [`read`], and [`PlaylistErrorKind::SkippedUnknown`] when `previous` does not hold what is left out: then the
/// playlist has to be asked for in full.
pub fn read_update(
    bytes: &[u8],
    base: Option<&AbsoluteUrl>,
    parent: Option<&Multivariant>,
    previous: &Media,
) -> Result<Reading, PlaylistError> {
    read_with(
        bytes,
        Origin {
            base,
            parent,
            previous: Some(previous),
        },
    )
    .map_err(|error| *error)
}

fn read_with(bytes: &[u8], origin: Origin<'_>) -> Result<Reading, Box<PlaylistError>> {
    let mut warnings = Warnings::default();
    let text = decode(bytes, &mut warnings)?;
    let survey = Survey::of(&text)?;
    if !survey.header {
        return read_without_header(&text, &survey, Scope::new(origin, warnings));
    }
    if survey.comment_before_header {
        let message = format_args!("#EXTM3U is not the first line");
        warnings.push(survey.first_line, WarningCode::LateHeader, message);
    }
    let mut scope = Scope::new(origin, warnings);
    let playlist = match survey.kind()? {
        Kind::Multivariant => {
            let mut reader = MultivariantReader::default();
            for line in Lines::new(&text) {
                reader.line(line?, &mut scope)?;
            }
            Playlist::Multivariant(reader.finish(&mut scope))
        }
        Kind::Media => {
            let mut reader = MediaReader::default();
            for line in Lines::new(&text) {
                reader.line(line?, &mut scope)?;
            }
            Playlist::Media(reader.finish(&mut scope)?)
        }
        Kind::List => Playlist::List(list::read(&text, &mut scope)?),
    };
    Ok(Reading {
        playlist,
        warnings: scope.warnings.finish(),
    })
}

/// Text without `#EXTM3U`: a plain list of files, or none of ours.
fn read_without_header(
    text: &str,
    survey: &Survey<'_>,
    mut scope: Scope<'_>,
) -> Result<Reading, Box<PlaylistError>> {
    let fail = |kind| Err(PlaylistError::whole(kind));
    match survey.first_line {
        None if text.trim().is_empty() => fail(PlaylistErrorKind::Empty),
        _ if is_web_page(text) => fail(PlaylistErrorKind::WebPage),
        _ if !survey.has_ext_x && !survey.entries_are_segments() && is_list_without_header(text) => {
            let playlist = Playlist::List(list::read(text, &mut scope)?);
            Ok(Reading {
                playlist,
                warnings: scope.warnings.finish(),
            })
        }
        _ => fail(other::of_text(text).map_or(PlaylistErrorKind::NotHls, PlaylistErrorKind::OtherFile)),
    }
}

enum Kind {
    Multivariant,
    Media,
    List,
}

/// A tag, and where it was first seen.
type Seen<'a> = Option<(usize, &'a str)>;

/// What the lines of a text are, before any of them is read.
#[derive(Default)]
struct Survey<'a> {
    /// The first line that says something.
    first_line: Option<usize>,
    header: bool,
    comment_before_header: bool,
    multivariant: Seen<'a>,
    media: Seen<'a>,
    inf: Seen<'a>,
    has_ext_x: bool,
    uris: usize,
    /// URIs that look like segments.
    segment_uris: usize,
    /// EXTINF as lists of channels have it: with attributes, or -1 and a name.
    channel_infs: usize,
}

impl<'a> Survey<'a> {
    fn of(text: &'a str) -> Result<Self, Box<PlaylistError>> {
        let mut survey = Self::default();
        for line in Lines::new(text) {
            let Line { number, content } = line?;
            let is_first = survey.first_line.is_none();
            survey.first_line.get_or_insert(number);
            match content {
                Content::Tag { name, value } => survey.tag(name, value, number, is_first),
                Content::Uri(uri) => {
                    survey.uris += 1;
                    // Names only count where no EXT-X tag does.
                    survey.segment_uris += usize::from(!survey.has_ext_x && list::is_segment(uri));
                }
            }
        }
        if survey.header {
            survey.comment_before_header = !starts_with_header(text);
        }
        Ok(survey)
    }

    fn tag(&mut self, name: &'a str, value: &str, line: usize, is_first: bool) {
        // Lists of channels have attributes behind the header.
        if is_first && name.split([' ', '\t']).next() == Some("EXTM3U") {
            self.header = true;
            return;
        }
        let seen = Some((line, name));
        match Tag::find(name) {
            Some((Tag::Inf, _)) => {
                self.inf = self.inf.or(seen);
                self.channel_infs += usize::from(!self.has_ext_x && is_channel(value));
            }
            Some((_, Scene::Multivariant)) => self.multivariant = self.multivariant.or(seen),
            Some((_, Scene::Media)) => self.media = self.media.or(seen),
            _ => {}
        }
        self.has_ext_x |= name.starts_with("EXT-X-");
    }

    /// Every entry is a segment by its name, and none is a channel.
    fn entries_are_segments(&self) -> bool {
        self.inf.is_some() && self.uris > 0 && self.segment_uris == self.uris && self.channel_infs == 0
    }

    fn kind(&self) -> Result<Kind, Box<PlaylistError>> {
        match (self.multivariant, self.media.or(self.inf)) {
            (Some((multivariant_line, multivariant)), Some((media_line, media))) => {
                let kind = PlaylistErrorKind::Ambiguous(multivariant.to_owned(), media.to_owned());
                Err(PlaylistError::at(multivariant_line.max(media_line), kind))
            }
            (Some(_), None) => Ok(Kind::Multivariant),
            (None, _) if self.media.is_some() || self.has_ext_x || self.entries_are_segments() => {
                Ok(Kind::Media)
            }
            (None, _) if self.uris > 0 => Ok(Kind::List),
            (None, _) => Err(PlaylistError::whole(PlaylistErrorKind::Empty)),
        }
    }
}

/// EXTINF as lists of channels have it: attributes before the comma, or no duration and a name.
fn is_channel(value: &str) -> bool {
    let (number, title) = split_inf(value);
    let rest = value.get(number.len()..).unwrap_or_default();
    let has_attributes = !rest.starts_with(',') && rest.contains('=');
    has_attributes || (seconds(number).is_none() && title.is_some())
}

/// True when nothing but white space stands before `#EXTM3U`.
fn starts_with_header(text: &str) -> bool {
    text.trim_start_matches([' ', '\t', '\r', '\n'])
        .starts_with("#EXTM3U")
}

fn is_web_page(text: &str) -> bool {
    let start = text.trim_start().as_bytes();
    let head = start.get(..1024).unwrap_or(start);
    let marks = ["<!doctype html", "<html", "<head", "<body", "<title", "<script"];
    let stands_in_head = |mark: &str| {
        head.windows(mark.len())
            .any(|part| part.eq_ignore_ascii_case(mark.as_bytes()))
    };
    head.starts_with(b"<") && marks.into_iter().any(stands_in_head)
}
