//! A WebVTT file (W3C WebVTT, 6.1), read as leniently as players do: what is wrong costs one cue.

use serde::{Deserialize, Serialize};

use crate::demux::CLOCK_HZ;

/// Timeline ticks of a millisecond, which is what WebVTT counts in.
const TICKS_PER_MILLISECOND: i64 = CLOCK_HZ as i64 / 1000;

/// What a file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) map: Option<TimestampMap>,
    /// `STYLE` and `REGION` blocks, as they stand there.
    pub(super) blocks: Vec<String>,
    /// In the order of the file.
    pub(super) cues: Vec<ParsedCue>,
    /// Cues whose times make no sense.
    pub(super) bad_cues: u64,
}

/// X-TIMESTAMP-MAP (RFC 8216, 3.5): these two times are the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TimestampMap {
    /// Of the media, in timeline ticks; 33 bits count.
    pub(super) media: i64,
    /// Of the cues, in timeline ticks.
    pub(super) local: i64,
}

/// A cue with the times of its file, in timeline ticks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ParsedCue {
    pub(super) begin: i64,
    pub(super) end: i64,
    pub(super) id: String,
    pub(super) settings: String,
    pub(super) text: String,
}

impl Document {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}");
        let lines: Vec<&str> = lines(&text).collect();
        let mut document = Self::default();
        let mut rest = &lines[..];
        if let Some((_, behind)) = rest
            .split_first()
            .filter(|(first, _)| first.starts_with("WEBVTT"))
        {
            rest = behind;
        }
        while let Some(block) = next_block(&mut rest) {
            document.block(block);
        }
        document
    }

    /// Reads lines that no empty line divides. The header is one of these, and is told by what it holds: some files
    /// have an empty line ahead of it.
    fn block(&mut self, block: &[&str]) {
        let Some((first, behind)) = block.split_first() else {
            return;
        };
        let is_timing = |line: &str| line.contains("-->");
        match behind.split_first() {
            _ if is_timing(first) => self.cue("", first, behind),
            Some((second, text)) if is_timing(second) => self.cue(first, second, text),
            _ if begins_block(first, "STYLE") || begins_block(first, "REGION") => {
                self.blocks.push(block.join("\n"));
            }
            _ => {
                self.map = self
                    .map
                    .or_else(|| block.iter().find_map(|line| timestamp_map(line)));
            }
        }
    }

    fn cue(&mut self, id: &str, timing: &str, text: &[&str]) {
        let Some((begin, end, settings)) = parse_timing(timing).filter(|(begin, end, _)| begin < end) else {
            self.bad_cues += 1;
            return;
        };
        let text = text.join("\n");
        // Nothing is seen of a cue without text, but it is no error.
        if !text.trim().is_empty() {
            self.cues.push(ParsedCue {
                begin,
                end,
                id: id.to_owned(),
                settings,
                text,
            });
        }
    }
}

/// Lines end with CR LF, LF or CR.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        line.split('\r')
    })
}

/// Lines up to an empty one, or to the times of another cue: these never stand in a text.
fn next_block<'a, 'b>(rest: &mut &'b [&'a str]) -> Option<&'b [&'a str]> {
    let begin = rest.iter().position(|line| !line.is_empty())?;
    let lines = rest.get(begin..)?;
    let end = lines
        .iter()
        .position(|line| line.is_empty())
        .unwrap_or(lines.len());
    // No line is looked at twice: files of nothing but comments would cost their square.
    let block = lines.get(..end)?;
    let timing = |from: usize| {
        let found = block.get(from..)?.iter().position(|line| line.contains("-->"))?;
        Some(from + found)
    };
    // The times of this block are in its first line or its second.
    let own = timing(0).filter(|&own| own < 2);
    let end = timing(own.map_or(0, |own| own + 1)).map_or(end, |next| next.min(end));
    let (block, behind) = lines.split_at_checked(end.max(1))?;
    *rest = behind;
    Some(block)
}

fn begins_block(line: &str, name: &str) -> bool {
    line.strip_prefix(name).is_some_and(|rest| rest.trim().is_empty())
}

/// `X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000`, the two in any order.
fn timestamp_map(line: &str) -> Option<TimestampMap> {
    let (name, value) = line.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("X-TIMESTAMP-MAP") {
        return None;
    }
    let field = |wanted: &str| {
        let mut fields = value.split(',').filter_map(|field| field.split_once(':'));
        fields
            .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.trim())
    };
    Some(TimestampMap {
        media: field("MPEGTS")?.parse().ok()?,
        local: timestamp(field("LOCAL")?)?,
    })
}

/// `00:01.000 --> 00:02.000 line:0`.
fn parse_timing(line: &str) -> Option<(i64, i64, String)> {
    let (begin, rest) = line.split_once("-->")?;
    let mut words = rest.split_whitespace();
    let end = timestamp(words.next()?)?;
    let settings: Vec<&str> = words.collect();
    Some((timestamp(begin.trim())?, end, settings.join(" ")))
}

/// `hh:mm:ss.ttt` or `mm:ss.ttt`; a comma for the point, as `SubRip` has it, is understood too.
fn timestamp(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once(['.', ','])?;
    if !(1..=3).contains(&fraction.len()) || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let milliseconds = format!("{fraction:0<3}").parse::<i64>().ok()?;
    let mut parts = whole.rsplit(':').map(|part| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<i64>().ok().filter(|_| digits)
    });
    let below_60 = |part: &i64| *part < 60;
    let seconds = parts.next()??;
    let minutes = parts.next()??;
    let hours = match parts.next() {
        Some(hours) => hours?,
        None => 0,
    };
    if parts.next().is_some() || !below_60(&seconds) || !below_60(&minutes) {
        return None;
    }
    hours
        .checked_mul(60)?
        .checked_add(minutes)?
        .checked_mul(60)?
        .checked_add(seconds)?
        .checked_mul(1000)?
        .checked_add(milliseconds)?
        .checked_mul(TICKS_PER_MILLISECOND)
        // Far beyond any stream, so that sums do not overflow.
        .filter(|&ticks| ticks < i64::MAX / 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cues(text: &str) -> Vec<(i64, i64, String)> {
        let milliseconds = |ticks| ticks / TICKS_PER_MILLISECOND;
        Document::parse(text.as_bytes())
            .cues
            .into_iter()
            .map(|cue| (milliseconds(cue.begin), milliseconds(cue.end), cue.text))
            .collect()
    }

    #[test]
    fn every_kind_of_block() {
        let text = "\u{feff}WEBVTT - a title\nX-TIMESTAMP-MAP=MPEGTS:900000, LOCAL:00:00:01.000\nLanguage: en\n\n\
            NOTE a comment\nof two lines\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:top\n\n\
            one\n00:01.000 --> 00:02.500 line:0  align:start\nfirst\nline two\n\n\n\
            100:00:00.000 --> 100:00:01.000\nlate\n";
        for text in [
            text.to_owned(),
            text.replace('\n', "\r\n"),
            text.replace('\n', "\r"),
        ] {
            let document = Document::parse(text.as_bytes());
            let map = TimestampMap {
                media: 900_000,
                local: 90_000,
            };
            assert_eq!(document.map, Some(map));
            assert_eq!(document.blocks, ["STYLE\n::cue { color: red }", "REGION\nid:top"]);
            let first = ParsedCue {
                begin: 90_000,
                end: 225_000,
                id: "one".to_owned(),
                settings: "line:0 align:start".to_owned(),
                text: "first\nline two".to_owned(),
            };
            assert_eq!(document.cues.first(), Some(&first));
            assert_eq!(cues(&text)[1], (360_000_000, 360_001_000, "late".to_owned()));
            assert_eq!(document.bad_cues, 0);
        }
    }

    #[test]
    fn bad_cues_cost_themselves_only() {
        let text = "WEBVTT\n\n00:01.000 --> 00:00.500\nbackwards\n\nx --> 00:03.000\nno time\n\n00:61.000 --> 02:00.000\n\
            a minute of 61 s\n\n00:04,000 --> 00:05,000\ngood\n00:05.000 --> 00:06.000\nno empty line between\n";
        assert_eq!(
            cues(text),
            [
                (4_000, 5_000, "good".to_owned()),
                (5_000, 6_000, "no empty line between".to_owned())
            ]
        );
        assert_eq!(Document::parse(text.as_bytes()).bad_cues, 3);
    }

    /// A file costs its length, not the square of it: a megabyte of comments took minutes.
    #[test]
    fn nothing_but_comments() {
        const COMMENTS: usize = 200_000;
        let text = format!(
            "WEBVTT\n\n{}00:01.000 --> 00:02.000\nlast\n",
            "a\n\n".repeat(COMMENTS)
        );
        assert_eq!(cues(&text), [(1_000, 2_000, "last".to_owned())]);
    }

    #[test]
    fn headers_that_are_not_quite_right() {
        let map = |text: &str| Document::parse(text.as_bytes()).map;
        let expected = Some(TimestampMap { media: 7, local: 0 });
        assert_eq!(map("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00.000,MPEGTS:7"), expected);
        assert_eq!(
            map("WEBVTT\n\nx-timestamp-map = mpegts: 7 , local: 00:00:00.000\n\n"),
            expected
        );
        assert_eq!(map("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:7"), None);
        assert_eq!(map("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:never,MPEGTS:7"), None);
        assert_eq!(
            cues("WEBVTT\n00:01.000 --> 00:02.000\nno empty line behind the header"),
            [(1_000, 2_000, "no empty line behind the header".to_owned())]
        );
        assert_eq!(cues(""), []);
    }
}
