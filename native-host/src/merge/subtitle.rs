//! Cues -> samples of timed text (3GPP TS 26.245, `tx3g`), the kind that plays most widely: `QuickTime`, iOS, VLC, mpv and
//! ffmpeg show it, where `wvtt` is known to players of CMAF only.
//!
//! A sample is what is to be seen until the next: cues that overlap share one, and pauses are samples without text.

use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};

use weir_core::protocol::TrackKind;

use super::TrackHint;
use super::interleave::presentation;
use super::subtitle_file::SubtitleFiles;
use super::track::Track;
use crate::demux::bmff::write_box;
use crate::demux::{CLOCK_HZ, Cue, Demuxed, Format, Sample, Span, StreamId, Style, StyledText, rescale};

/// A sample that shows nothing is at most this long, in ticks.
pub(super) const LONGEST_NOTHING: u32 = u32::MAX / 2;

/// Most cues that are seen at a time: no picture has room for more. Each is in every sample while it is seen, so that
/// thousands that never end would cost their square.
const MOST_SHOWN: usize = 32;

/// The sample that shows nothing, for tracks with this sample entry.
pub(super) fn nothing(sample_entry: &[u8]) -> &'static [u8] {
    match sample_entry.get(4..8) {
        // An empty cue (ISO/IEC 14496-30, 7.4).
        Some(b"wvtt") => b"\0\0\0\x08vtte",
        Some(b"stpp") => br#"<tt xmlns="http://www.w3.org/ns/ttml" xml:lang=""/>"#,
        // A text of no length.
        _ => b"\0\0",
    }
}

/// The subtitles of one of the plan's tracks on their way into samples.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Subtitles {
    /// Since the first cue.
    writer: Option<(StreamId, CueWriter)>,
    /// Of samples that are subtitles already.
    timescale: u32,
}

impl Subtitles {
    /// Makes samples of cues, which are also told to `files`; all else stays what it is. What `tracks` have so far says
    /// where presentation begins: nothing is seen before.
    pub(super) fn samples(
        &mut self,
        batch: Vec<Demuxed>,
        (input, hint): (usize, &TrackHint),
        tracks: &[Track],
        mut files: Option<&mut SubtitleFiles>,
    ) -> Vec<Demuxed> {
        let is_subtitle = |demuxed: &Demuxed| match demuxed {
            Demuxed::Format(stream, _) | Demuxed::Sample(stream, _) => stream.kind == TrackKind::Subtitle,
            Demuxed::Cue(..) | Demuxed::CuesUntil(..) | Demuxed::CueBlock(..) => true,
            Demuxed::LeftOut(..) => false,
        };
        if !batch.iter().any(is_subtitle) {
            return batch;
        }
        let start = presentation(tracks).map(|(start, _)| start);
        let mut out = Vec::new();
        for demuxed in batch {
            match demuxed {
                Demuxed::Cue(stream, cue) => {
                    if let Some(files) = &mut files {
                        files.cue(input, hint, &cue);
                    }
                    let (stream, writer) = self.writer.get_or_insert_with(|| {
                        let seen = tracks.iter().map(|track| track.display);
                        let size = |&(width, height): &(u32, u32)| u64::from(width) * u64::from(height);
                        let display = seen.max_by_key(size).unwrap_or_default();
                        let forced = if hint.forced { Forced::Yes } else { Forced::No };
                        out.push(Demuxed::Format(stream, format(display, forced)));
                        (stream, CueWriter::new(start.unwrap_or(0), display))
                    });
                    let mut samples = Vec::new();
                    writer.cue(&cue, &mut samples);
                    out.extend(samples.into_iter().map(|sample| Demuxed::Sample(*stream, sample)));
                }
                Demuxed::CuesUntil(stream, time) => {
                    let mut samples = Vec::new();
                    if let Some((_, writer)) = &mut self.writer {
                        writer.until(time, &mut samples);
                    }
                    out.extend(samples.into_iter().map(|sample| Demuxed::Sample(stream, sample)));
                }
                Demuxed::CueBlock(_, block) => {
                    if let Some(files) = &mut files {
                        files.block(input, hint, &block);
                    }
                }
                Demuxed::Format(stream, format) => {
                    if stream.kind == TrackKind::Subtitle {
                        self.timescale = format.timescale;
                    }
                    out.push(Demuxed::Format(stream, format));
                }
                Demuxed::Sample(stream, sample) if stream.kind == TrackKind::Subtitle => {
                    let sample = match start {
                        Some(start) => from(rescale(start, CLOCK_HZ, self.timescale), sample),
                        None => Some(sample),
                    };
                    out.extend(sample.map(|sample| Demuxed::Sample(stream, sample)));
                }
                other @ (Demuxed::Sample(..) | Demuxed::LeftOut(..)) => out.push(other),
            }
        }
        out
    }

    /// All cues begin so much earlier.
    pub(super) fn begin_earlier(&mut self, earlier: i64) {
        if let Some((_, writer)) = &mut self.writer {
            writer.at = writer.at.saturating_sub(earlier);
            for (end, _) in &mut writer.shown {
                *end = end.saturating_sub(earlier);
            }
        }
    }

    /// What is still shown; nothing is behind `end` of the timeline.
    pub(super) fn finish(&mut self, end: i64) -> Vec<Demuxed> {
        let mut samples = Vec::new();
        let Some((stream, writer)) = &mut self.writer else {
            return Vec::new();
        };
        writer.finish(end, &mut samples);
        samples
            .into_iter()
            .map(|sample| Demuxed::Sample(*stream, sample))
            .collect()
    }
}

/// What is seen of a subtitle from `start` on: ffmpeg misreads an edit list that cuts the first one.
fn from(start: i64, sample: Sample) -> Option<Sample> {
    let end = sample.dts.saturating_add(i64::from(sample.duration));
    if sample.dts >= start {
        return Some(sample);
    }
    let duration = u32::try_from(end.saturating_sub(start))
        .ok()
        .filter(|&left| left > 0)?;
    Some(Sample {
        dts: start,
        pts: start,
        duration,
        ..sample
    })
}

/// Whether all of a track must be seen, also by those who have asked for no subtitles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forced {
    Yes,
    No,
}

/// The format of a track of timed text over a picture of this size.
fn format(display: (u32, u32), forced: Forced) -> Format {
    Format {
        codec: "tx3g".to_owned(),
        timescale: CLOCK_HZ,
        sample_entry: sample_entry(display, forced),
        display,
        presentation_start: None,
    }
}

/// Makes samples of cues.
#[derive(Debug, Serialize, Deserialize)]
struct CueWriter {
    /// All before this is in samples.
    at: i64,
    /// Seen from `at` on, in the order in which they came.
    shown: Vec<(i64, StyledText)>,
    font_pixels: u8,
}

impl CueWriter {
    /// For cues from this timeline time on, over a picture of this size.
    fn new(start: i64, display: (u32, u32)) -> Self {
        Self {
            at: start,
            shown: Vec::new(),
            font_pixels: font_pixels(display),
        }
    }

    /// Takes the next cue, by their beginnings.
    fn cue(&mut self, cue: &Cue, out: &mut Vec<Sample>) {
        self.until(cue.begin, out);
        self.sample_up_to(cue.begin, out);
        if self.shown.len() == MOST_SHOWN {
            // The oldest makes room.
            self.shown.remove(0);
        }
        self.shown.push((cue.end, StyledText::of_cue(&cue.text)));
    }

    /// No cue begins before this time: what ends before it can be written.
    fn until(&mut self, time: i64, out: &mut Vec<Sample>) {
        while let Some(end) = self
            .shown
            .iter()
            .map(|&(end, _)| end)
            .min()
            .filter(|&end| end <= time)
        {
            self.sample_up_to(end, out);
            self.shown.retain(|&(shown_until, _)| shown_until > end);
        }
    }

    /// Writes what is shown at the end; nothing is shown behind `end`.
    fn finish(&mut self, end: i64, out: &mut Vec<Sample>) {
        self.until(end, out);
        if !self.shown.is_empty() {
            self.sample_up_to(end, out);
        }
    }

    fn sample_up_to(&mut self, end: i64, out: &mut Vec<Sample>) {
        let texts: Vec<&StyledText> = self.shown.iter().map(|(_, text)| text).collect();
        let data = Bytes::from(sample(&texts, self.font_pixels));
        while self.at < end {
            let duration = u32::try_from(end.saturating_sub(self.at))
                .unwrap_or(LONGEST_NOTHING)
                .min(LONGEST_NOTHING);
            out.push(Sample {
                dts: self.at,
                pts: self.at,
                duration,
                sync: true,
                data: data.clone(),
            });
            self.at = self.at.saturating_add(i64::from(duration));
        }
    }
}

/// A `TextSample` (5.17): a text of 16 bits length, and the styles of parts of it.
fn sample(texts: &[&StyledText], font_pixels: u8) -> Vec<u8> {
    let mut text = String::new();
    let mut spans: Vec<Span> = Vec::new();
    let mut characters = 0;
    for styled in texts {
        if !text.is_empty() {
            text.push('\n');
            characters += 1;
        }
        text.push_str(&styled.text);
        spans.extend(styled.spans.iter().map(|span| Span {
            begin: characters + span.begin,
            end: characters + span.end,
            style: span.style,
        }));
        characters += styled.text.chars().count();
    }
    let mut out = Vec::new();
    let whole = (0..=text.len().min(usize::from(u16::MAX)))
        .rev()
        .find_map(|end| text.get(..end));
    let text = whole.unwrap_or_default();
    out.put_u16(u16::try_from(text.len()).unwrap_or(0));
    out.put_slice(text.as_bytes());
    let spans: Vec<(u16, u16, Span)> = spans
        .into_iter()
        .filter_map(|span| {
            Some((
                u16::try_from(span.begin).ok()?,
                u16::try_from(span.end).ok()?,
                span,
            ))
        })
        .collect();
    if let Some(count) = u16::try_from(spans.len()).ok().filter(|&count| count > 0) {
        write_box(&mut out, *b"styl", |out| {
            out.put_u16(count);
            for (begin, end, span) in spans {
                put_style(out, (begin, end), span, font_pixels);
            }
        });
    }
    out
}

/// A twentieth of the picture's height, as players have it for other subtitles.
fn font_pixels((_, height): (u32, u32)) -> u8 {
    const SMALLEST: u8 = 12;
    u8::try_from(height / 20).unwrap_or(u8::MAX).max(SMALLEST)
}

/// A `StyleRecord` (5.2): of the font in the table, in white.
fn put_style(out: &mut Vec<u8>, (begin, end): (u16, u16), span: Span, font_pixels: u8) {
    const WHITE: u32 = 0xffff_ffff;
    let style = span.style;
    out.put_u16(begin);
    out.put_u16(end);
    out.put_u16(FONT_ID);
    out.put_u8(u8::from(style.bold) | u8::from(style.italic) << 1 | u8::from(style.underline) << 2);
    out.put_u8(font_pixels);
    out.put_u32(WHITE);
}

const FONT_ID: u16 = 1;

/// A `TextSampleEntry` (5.16): text at the bottom of the picture, in the middle.
fn sample_entry((width, height): (u32, u32), forced: Forced) -> Bytes {
    const CENTRE: i8 = 1;
    const BOTTOM: i8 = -1;
    /// As `QuickTime` has it: all samples are forced, and some are.
    const ALL_FORCED: u32 = 0xc000_0000;
    let mut out = Vec::new();
    write_box(&mut out, *b"tx3g", |out| {
        out.put_bytes(0, 6);
        out.put_u16(1);
        out.put_u32(if forced == Forced::Yes { ALL_FORCED } else { 0 });
        out.put_i8(CENTRE);
        out.put_i8(BOTTOM);
        // No background.
        out.put_u32(0);
        out.put_u16(0);
        out.put_u16(0);
        out.put_u16(u16::try_from(height).unwrap_or(0));
        out.put_u16(u16::try_from(width).unwrap_or(0));
        let plain = Span {
            begin: 0,
            end: 0,
            style: Style::default(),
        };
        put_style(out, (0, 0), plain, font_pixels((width, height)));
        write_box(out, *b"ftab", |out| {
            const FONT: &[u8] = b"Sans-Serif";
            out.put_u16(1);
            out.put_u16(FONT_ID);
            out.put_u8(u8::try_from(FONT.len()).unwrap_or(0));
            out.put_slice(FONT);
        });
    });
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cue(begin: i64, end: i64, text: &str) -> Cue {
        Cue {
            begin,
            end,
            id: String::new(),
            settings: String::new(),
            text: text.to_owned(),
        }
    }

    fn text(sample: &Sample) -> &str {
        let length = usize::from(u16::from_be_bytes([sample.data[0], sample.data[1]]));
        std::str::from_utf8(&sample.data[2..2 + length]).unwrap()
    }

    fn samples(cues: &[Cue], end: i64) -> Vec<(i64, u32, String)> {
        let mut writer = CueWriter::new(0, (640, 360));
        let mut out = Vec::new();
        for cue in cues {
            writer.cue(cue, &mut out);
        }
        writer.finish(end, &mut out);
        out.iter()
            .map(|sample| (sample.dts, sample.duration, text(sample).to_owned()))
            .collect()
    }

    fn check(cues: &[Cue], end: i64, expected: &[(i64, u32, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|&(begin, duration, text)| (begin, duration, text.to_owned()))
            .collect();
        assert_eq!(samples(cues, end), expected);
    }

    /// A file whose cues never end would be many gigabytes.
    #[test]
    fn no_more_is_shown_than_there_is_room_for() {
        let cues: Vec<Cue> = (0..2_000).map(|n| cue(n, 1_000_000, &n.to_string())).collect();
        let samples = samples(&cues, 1_000_000);
        assert_eq!(samples.len(), cues.len());
        let last: Vec<String> = (1_968..2_000).map(|n: i64| n.to_string()).collect();
        assert_eq!(samples.last(), Some(&(1_999, 998_001, last.join("\n"))));
        assert!(
            samples
                .iter()
                .all(|(.., text)| text.lines().count() <= MOST_SHOWN)
        );
    }

    #[test]
    fn pauses_are_samples_too() {
        check(
            &[cue(10, 20, "a"), cue(20, 25, "b"), cue(30, 40, "c")],
            100,
            &[
                (0, 10, ""),
                (10, 10, "a"),
                (20, 5, "b"),
                (25, 5, ""),
                (30, 10, "c"),
            ],
        );
    }

    #[test]
    fn cues_that_overlap_share_samples() {
        check(
            &[cue(0, 30, "a"), cue(10, 20, "b"), cue(10, 40, "c")],
            100,
            &[(0, 10, "a"), (10, 10, "a\nb\nc"), (20, 10, "a\nc"), (30, 10, "c")],
        );
    }

    #[test]
    fn nothing_is_shown_behind_the_end() {
        check(&[cue(5, 1_000_000, "a")], 50, &[(0, 5, ""), (5, 45, "a")]);
        check(
            &[cue(0, 3 * i64::from(LONGEST_NOTHING), "a")],
            i64::MAX,
            &[
                (0, LONGEST_NOTHING, "a"),
                (i64::from(LONGEST_NOTHING), LONGEST_NOTHING, "a"),
                (2 * i64::from(LONGEST_NOTHING), LONGEST_NOTHING, "a"),
            ],
        );
    }

    #[test]
    fn styles_count_characters_over_all_cues() {
        let mut writer = CueWriter::new(0, (640, 360));
        let mut out = Vec::new();
        writer.cue(&cue(0, 10, "é<b>ü</b>"), &mut out);
        writer.cue(&cue(0, 10, "<i><u>x</u></i>"), &mut out);
        writer.finish(10, &mut out);
        let data = &out[0].data;
        assert_eq!(text(&out[0]), "éü\nx");
        let styles = &data[2 + "éü\nx".len()..];
        let expected = [
            &b"\0\0\0\x22styl\0\x02"[..],
            &b"\0\x01\0\x02\0\x01\x01\x12\xff\xff\xff\xff"[..],
            &b"\0\x03\0\x04\0\x01\x06\x12\xff\xff\xff\xff"[..],
        ]
        .concat();
        assert_eq!(styles, expected);
    }

    #[test]
    fn a_text_beyond_16_bits_is_cut_between_characters() {
        let sample = sample(&[&StyledText::of_cue(&"é".repeat(40_000))], 18);
        assert_eq!(sample.len(), 2 + 65_534);
        assert_eq!(&sample[..2], 65_534u16.to_be_bytes());
    }
}
