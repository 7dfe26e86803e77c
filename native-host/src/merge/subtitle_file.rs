//! Cues -> a file of subtitles beside the output: WebVTT, or `SubRip` for players and tools that know no other.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use super::TrackHint;
use crate::demux::{CLOCK_HZ, Cue, StyledText};

/// Formats of files of subtitles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
pub enum SubtitleFormat {
    /// WebVTT, with its styles, regions and positions.
    Vtt,
    /// `SubRip`: text, bold, italic and underlined.
    Srt,
}

impl SubtitleFormat {
    /// Of its file names, with the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Vtt => ".vtt",
            Self::Srt => ".srt",
        }
    }
}

/// A file of subtitles, not written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubtitleFile {
    /// BCP 47 tag.
    pub language: Option<String>,
    /// What is in it.
    pub text: String,
    /// What kind it is.
    pub format: SubtitleFormat,
}

/// Takes the cues of all tracks.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SubtitleFiles {
    format: SubtitleFormat,
    tracks: Vec<Track>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Track {
    /// The plan's track.
    input: usize,
    language: Option<String>,
    blocks: Vec<String>,
    cues: Vec<Cue>,
}

impl SubtitleFiles {
    pub(super) fn new(format: SubtitleFormat) -> Self {
        Self {
            format,
            tracks: Vec::new(),
        }
    }

    pub(super) fn cue(&mut self, input: usize, hint: &TrackHint, cue: &Cue) {
        self.track(input, hint, |track| track.cues.push(cue.clone()));
    }

    pub(super) fn block(&mut self, input: usize, hint: &TrackHint, block: &str) {
        self.track(input, hint, |track| track.blocks.push(block.to_owned()));
    }

    /// The files, with times that count from `start` of the timeline.
    pub(super) fn finish(self, start: i64) -> Vec<SubtitleFile> {
        let file = |track: &Track| SubtitleFile {
            language: track.language.clone(),
            text: match self.format {
                SubtitleFormat::Vtt => track.webvtt(start),
                SubtitleFormat::Srt => track.subrip(start),
            },
            format: self.format,
        };
        self.tracks.iter().map(file).collect()
    }

    fn track(&mut self, input: usize, hint: &TrackHint, change: impl FnOnce(&mut Track)) {
        let at = self.tracks.iter().position(|track| track.input == input);
        let at = at.unwrap_or_else(|| {
            self.tracks.push(Track {
                input,
                language: hint.language.clone(),
                blocks: Vec::new(),
                cues: Vec::new(),
            });
            self.tracks.len() - 1
        });
        if let Some(track) = self.tracks.get_mut(at) {
            change(track);
        }
    }
}

impl Track {
    fn webvtt(&self, start: i64) -> String {
        let mut out = "WEBVTT\n".to_owned();
        for block in &self.blocks {
            let _ = write!(out, "\n{block}\n");
        }
        for cue in &self.cues {
            let (begin, end) = (Time(cue.begin - start, '.'), Time(cue.end - start, '.'));
            out.push('\n');
            if !cue.id.is_empty() {
                let _ = writeln!(out, "{}", cue.id);
            }
            let space = if cue.settings.is_empty() { "" } else { " " };
            let _ = writeln!(out, "{begin} --> {end}{space}{}\n{}", cue.settings, cue.text);
        }
        out
    }

    fn subrip(&self, start: i64) -> String {
        let mut out = String::new();
        for (number, cue) in (1u64..).zip(&self.cues) {
            let (begin, end) = (Time(cue.begin - start, ','), Time(cue.end - start, ','));
            let text = tagged(&StyledText::of_cue(&cue.text));
            let _ = writeln!(out, "{number}\n{begin} --> {end}\n{text}\n");
        }
        out
    }
}

/// The text with `<b>`, `<i>` and `<u>`, which is all that `SubRip` has.
fn tagged(styled: &StyledText) -> String {
    let mut out = String::new();
    let mut characters = styled.text.chars();
    let mut at = 0;
    for span in &styled.spans {
        out.extend(characters.by_ref().take(span.begin.saturating_sub(at)));
        let tags = [
            (span.style.bold, "b"),
            (span.style.italic, "i"),
            (span.style.underline, "u"),
        ];
        let on = || tags.iter().filter(|(on, _)| *on).map(|(_, name)| name);
        for name in on() {
            let _ = write!(out, "<{name}>");
        }
        out.extend(characters.by_ref().take(span.end.saturating_sub(span.begin)));
        for name in on().rev() {
            let _ = write!(out, "</{name}>");
        }
        at = span.end;
    }
    out.extend(characters);
    out
}

/// A time in ticks, and what stands before its milliseconds.
struct Time(i64, char);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const TICKS_PER_MILLISECOND: i64 = CLOCK_HZ as i64 / 1000;
        let milliseconds = (self.0.max(0) + TICKS_PER_MILLISECOND / 2) / TICKS_PER_MILLISECOND;
        let (seconds, fraction) = (milliseconds / 1000, milliseconds % 1000);
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}{}{fraction:03}", self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: SubtitleFormat) -> String {
        let mut files = SubtitleFiles::new(format);
        let hint = TrackHint {
            language: Some("en".to_owned()),
            ..TrackHint::default()
        };
        let cue = |begin: i64, id: &str, settings: &str, text: &str| Cue {
            begin: 1_000 + begin * 90,
            end: 1_000 + begin * 90 + 90_000,
            id: id.to_owned(),
            settings: settings.to_owned(),
            text: text.to_owned(),
        };
        files.block(1, &hint, "STYLE\n::cue { color: red }");
        files.cue(1, &hint, &cue(500, "one", "line:0", "<v Ann>1 &lt; 2</v>"));
        files.cue(
            1,
            &hint,
            &cue(3_600_000, "", "", "a <b>bold <i>x</i></b> y\nsecond"),
        );
        let files = files.finish(1_000);
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].language.as_deref(), Some("en"));
        files[0].text.clone()
    }

    #[test]
    fn webvtt_keeps_what_was_said() {
        assert_eq!(
            written(SubtitleFormat::Vtt),
            "WEBVTT\n\nSTYLE\n::cue { color: red }\n\none\n00:00:00.500 --> 00:00:01.500 line:0\n<v Ann>1 &lt; 2</v>\n\n\
             01:00:00.000 --> 01:00:01.000\na <b>bold <i>x</i></b> y\nsecond\n"
        );
    }

    #[test]
    fn subrip_keeps_what_it_can_say() {
        assert_eq!(
            written(SubtitleFormat::Srt),
            "1\n00:00:00,500 --> 00:00:01,500\n1 < 2\n\n\
             2\n01:00:00,000 --> 01:00:01,000\na <b>bold </b><b><i>x</i></b> y\nsecond\n\n"
        );
    }
}
