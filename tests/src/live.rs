//! A live media playlist: the segments of a playlist that has an end, published one after the other.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::origin::{Origin, Reply, Request};

/// A live playlist. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Live(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    segments: Vec<Segment>,
    options: Options,
    /// Segments that are published.
    published: usize,
    readings: usize,
}

/// How a live playlist behaves.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// EXT-X-TARGETDURATION: how long a client waits between two readings. Half a second is the shortest that is believed.
    pub target_seconds: f64,
    /// Segments that are listed at a time; [`usize::MAX`] for an EVENT playlist.
    pub window: usize,
    /// Segments that are published before the first reading.
    pub begin: usize,
    /// Segments that each further reading publishes.
    pub step: usize,
    /// EXT-X-MEDIA-SEQUENCE of the first segment.
    pub first_sequence: u64,
    /// EXT-X-ENDLIST when all are published.
    pub ends: bool,
    /// Blocking reloads and delta updates are offered (EXT-X-SERVER-CONTROL), and answered.
    pub low_latency: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target_seconds: 0.5,
            window: 3,
            begin: 3,
            step: 1,
            first_sequence: 0,
            ends: true,
            low_latency: false,
        }
    }
}

#[derive(Debug, Clone)]
struct Segment {
    /// EXT-X-KEY in force.
    key: String,
    /// EXT-X-MAP in force.
    map: String,
    /// The other tags before it, and its URI.
    lines: String,
}

impl Live {
    /// The segments of a media playlist's text, to be published as `options` says.
    #[must_use]
    pub fn of(text: &str, options: Options) -> Self {
        let (mut key, mut map, mut lines) = (String::new(), String::new(), String::new());
        let mut segments = Vec::new();
        for line in text.lines() {
            if line.starts_with("#EXT-X-KEY") {
                key = format!("{line}\n");
            } else if line.starts_with("#EXT-X-MAP") {
                map = format!("{line}\n");
            } else if [
                "#EXTINF",
                "#EXT-X-BYTERANGE",
                "#EXT-X-DISCONTINUITY",
                "#EXT-X-GAP",
            ]
            .iter()
            .any(|tag| line.starts_with(tag))
            {
                lines.extend([line, "\n"]);
            } else if !line.starts_with('#') && !line.is_empty() {
                lines.extend([line, "\n"]);
                segments.push(Segment {
                    key: key.clone(),
                    map: map.clone(),
                    lines: std::mem::take(&mut lines),
                });
            }
        }
        Self(Arc::new(Mutex::new(State {
            segments,
            published: options.begin,
            options,
            readings: 0,
        })))
    }

    /// Serves it at `path`.
    pub fn serve(&self, origin: &Origin, path: &str) {
        let live = self.clone();
        origin.route(path, move |request| live.answer(request));
    }

    /// Answers a reading; every one but the first publishes more.
    #[must_use]
    pub fn answer(&self, request: &Request) -> Reply {
        let wanted = parameter(request, "_HLS_msn").and_then(|wanted| wanted.parse::<u64>().ok());
        let too_far = {
            let state = self.state();
            state.options.low_latency && wanted.is_some_and(|wanted| wanted > state.next() + 1)
        };
        if too_far {
            return Reply::status(400);
        }
        Reply::ok(self.answer_text(request)).with_type("application/vnd.apple.mpegurl")
    }

    /// The text of the next reading.
    #[must_use]
    pub fn answer_text(&self, request: &Request) -> String {
        let mut state = self.state();
        if state.readings > 0 {
            state.publish();
        }
        state.readings += 1;
        let skips = state.options.low_latency && parameter(request, "_HLS_skip") == Some("YES");
        state.text(skips)
    }

    /// How often it was read.
    #[must_use]
    pub fn readings(&self) -> usize {
        self.state().readings
    }

    /// Publishes so many more segments.
    pub fn publish(&self, count: usize) {
        self.state().published += count;
    }

    /// Segments in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().segments.len()
    }

    /// Whether there is no segment.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A playlist with an end of the segments from `from` to before `to`, as ffmpeg reads it.
    #[must_use]
    pub fn vod(&self, from: usize, to: usize) -> String {
        self.state().listing(from, to, 0) + "#EXT-X-ENDLIST\n"
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A parameter of the request's query.
fn parameter<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut all = request.query()?.split('&').filter_map(|one| one.split_once('='));
    all.find(|(key, _)| *key == name).map(|(_, value)| value)
}

impl State {
    fn publish(&mut self) {
        self.published = (self.published + self.options.step).min(self.segments.len());
    }

    /// The media sequence number after the newest.
    fn next(&self) -> u64 {
        self.options.first_sequence + self.published as u64
    }

    fn text(&self, skips: bool) -> String {
        let first = self.published.saturating_sub(self.options.window);
        // What is older than the boundary may be left out: all but the last two.
        let skipped = if skips {
            self.published.saturating_sub(first + 2)
        } else {
            0
        };
        let mut text = self.listing(first, self.published, skipped);
        if self.options.ends && self.published >= self.segments.len() {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        text
    }

    fn listing(&self, from: usize, to: usize, skipped: usize) -> String {
        let Options {
            target_seconds,
            first_sequence,
            ..
        } = self.options;
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:{target_seconds}\n#EXT-X-MEDIA-SEQUENCE:{}\n",
            first_sequence + from as u64
        );
        if self.options.low_latency {
            text.push_str("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0\n");
        }
        if skipped > 0 {
            let _ = writeln!(text, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}");
        }
        let (mut key, mut map) = (String::new(), String::new());
        for (index, segment) in self.segments.iter().enumerate().take(to).skip(from) {
            let is_shown = index >= from + skipped;
            if segment.map != map {
                map.clone_from(&segment.map);
                if is_shown {
                    text.push_str(&map);
                }
            }
            if segment.key != key {
                key.clone_from(&segment.key);
                if is_shown {
                    text.push_str(if key.is_empty() {
                        "#EXT-X-KEY:METHOD=NONE\n"
                    } else {
                        &key
                    });
                }
            }
            if is_shown {
                text.push_str(&segment.lines);
            }
        }
        text
    }
}
