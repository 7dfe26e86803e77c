//! What was read around.
//!
//! A form that cannot be misread (white space, line ends, a missing comma, quotes where none belong) is
//! accepted silently. Whatever is dropped, guessed or repaired earns a warning that names its line.

use std::fmt;

use crate::protocol::limits::MAX_WARNINGS;

/// Longest part of an offending value that a message repeats, in characters.
const MAX_SHOWN_CHARS: usize = 80;

/// One thing that the reader had to work around, or that `weir get` will refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// 1-based; None for the whole playlist.
    pub line: Option<usize>,
    /// Stable word.
    pub code: WarningCode,
    /// For people, with the offending value where it is no secret.
    pub message: String,
}

macro_rules! warning_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal;)*) => {
        /// Stable words for warnings; kebab-case in JSON.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum WarningCode {
            $($(#[$doc])* $variant,)*
        }

        impl WarningCode {
            /// The word as it is printed.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}

warning_codes! {
    /// More warnings were dropped.
    MoreWarnings = "more-warnings";
    /// The text is not UTF-8 and was read as Latin-1.
    Latin1 = "latin-1";
    /// `#EXTM3U` is not the first line.
    LateHeader = "late-header";
    /// A tag that may stand once stands again; the first one counts.
    DuplicateTag = "duplicate-tag";
    /// A tag whose value cannot be read.
    BadTag = "bad-tag";
    /// A quote that is not closed; the attribute is dropped.
    UnclosedQuote = "unclosed-quote";
    /// The same attribute twice; the first one counts.
    DuplicateAttribute = "duplicate-attribute";
    /// Something in an attribute list that is no `NAME=VALUE`.
    AttributeSyntax = "attribute-syntax";
    /// An attribute whose value cannot be read.
    BadAttribute = "bad-attribute";
    /// An attribute that the tag needs.
    MissingAttribute = "missing-attribute";
    /// A media playlist without EXT-X-TARGETDURATION.
    MissingTargetDuration = "missing-target-duration";
    /// A segment without EXTINF.
    MissingDuration = "missing-duration";
    /// EXTINF holds no usable number; the duration is taken from the media.
    BadDuration = "bad-duration";
    /// A byte range without offset that continues nothing; it starts at 0.
    ByteRangeWithoutOffset = "byte-range-without-offset";
    /// EXTINF, and no URI behind it.
    SegmentWithoutUri = "segment-without-uri";
    /// EXT-X-STREAM-INF, and no URI behind it; the variant is dropped.
    VariantWithoutUri = "variant-without-uri";
    /// A URI in a multivariant playlist without EXT-X-STREAM-INF; it is dropped.
    UriWithoutStreamInf = "uri-without-stream-inf";
    /// An encrypted EXT-X-MAP whose key has no IV.
    MapWithoutIv = "map-without-iv";
    /// A METHOD that Weir does not know.
    UnknownMethod = "unknown-method";
    /// Protected by a DRM system, or by a KEYFORMAT that Weir does not know.
    Drm = "drm";
    /// EXT-X-SKIP: a part of the playlist is not here.
    SkippedSegments = "skipped-segments";
    /// A relative URL, and nothing to resolve it against.
    RelativeUrl = "relative-url";
    /// A URL whose scheme Weir does not fetch.
    SchemeRefused = "scheme-refused";
    /// A URL that Weir does not fetch for another reason.
    BadUrl = "bad-url";
    /// A public playlist that points into a private network.
    PrivateAddress = "private-address";
}

impl fmt::Display for WarningCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Collects warnings up to [`MAX_WARNINGS`].
#[derive(Debug, Default)]
pub(super) struct Warnings {
    kept: Vec<Warning>,
    dropped: usize,
}

impl Warnings {
    pub(super) fn push(&mut self, line: Option<usize>, code: WarningCode, message: fmt::Arguments<'_>) {
        if self.kept.len() >= MAX_WARNINGS {
            self.dropped += 1;
            return;
        }
        // In line order, those for the whole playlist last. Nearly all come in order; a sort of them all
        // would be a large part of the wasm module.
        let place = |line: Option<usize>| line.unwrap_or(usize::MAX);
        let at = self.kept.partition_point(|kept| place(kept.line) <= place(line));
        self.kept.insert(
            at,
            Warning {
                line,
                code,
                message: message.to_string(),
            },
        );
    }

    pub(super) fn finish(mut self) -> Vec<Warning> {
        if self.dropped > 0 {
            let message = format!("{} more warnings", self.dropped);
            self.kept.push(Warning {
                line: None,
                code: WarningCode::MoreWarnings,
                message,
            });
        }
        self.kept
    }
}

/// Text from a playlist as a message shows it: cut, and control characters escaped.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.chars();
        for character in rest.by_ref().take(MAX_SHOWN_CHARS) {
            if character.is_control() {
                write!(f, "\\u{{{:x}}}", u32::from(character))?;
            } else {
                fmt::Write::write_char(f, character)?;
            }
        }
        if rest.next().is_some() {
            f.write_str("...")
        } else {
            Ok(())
        }
    }
}
