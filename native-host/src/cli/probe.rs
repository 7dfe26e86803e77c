//! `weir probe`: what is in a playlist, for people or for programs. Nothing is refused here that can be
//! described.

use std::fmt::Write as _;
use std::io::stdout;

use weir_core::playlist::{Media, Multivariant, Playlist, Protection, Reading, protection};
use weir_core::protocol::probe::{self, ProbeError, ProbeFailure};

use super::Exit;
use super::args;
use super::source::{self, Source, SourceError};
use crate::error::Coded as _;
use crate::fetch::Permission;
use crate::report::{Clock, line, printable};

/// Runs the command.
pub(super) async fn run(arguments: args::Probe) -> Exit {
    match read(&arguments).await {
        Ok(reading) if arguments.json => {
            let text = serde_json::to_string(&probe::Probe::from(&reading)).unwrap_or_default();
            line(&mut stdout(), &text);
            Exit::Complete
        }
        Ok(reading) => {
            line(&mut stdout(), describe(&reading).trim_end());
            Exit::Complete
        }
        Err(error) => {
            if arguments.json {
                let failure = error.failure();
                let error = ProbeError {
                    code: failure.code,
                    message: failure.message,
                    line: error.line(),
                };
                let text = serde_json::to_string(&ProbeFailure { error }).unwrap_or_default();
                line(&mut stdout(), &text);
            }
            super::fail(&error.failure());
            Exit::Failed
        }
    }
}

async fn read(arguments: &args::Probe) -> Result<Reading, SourceError> {
    let source = Source::parse(&arguments.source, arguments.asking.base.as_ref())?;
    let client = match &source {
        // Nothing is fetched but what was typed: there is nothing to protect from it.
        Source::Url(url) => Some(source::client(
            url,
            source::context(&arguments.asking)?,
            &arguments.asking,
            Permission::Allowed,
            Permission::Allowed,
        )?),
        Source::File(..) => None,
    };
    let text = source.read(client.as_ref()).await?;
    source::read_playlist(&text, &source.shown())
}

/// For people: a line for each thing, warnings last.
fn describe(reading: &Reading) -> String {
    let mut text = String::new();
    match &reading.playlist {
        Playlist::Multivariant(multivariant) => variants(&mut text, multivariant),
        Playlist::Media(media) => segments(&mut text, media),
        Playlist::List(list) => {
            let _ = writeln!(text, "plain list of {} files", list.entries.len());
            for entry in &list.entries {
                let title = entry
                    .title
                    .as_deref()
                    .map(|title| format!("  {}", printable(title)));
                let _ = writeln!(
                    text,
                    "  {}{}",
                    printable(&entry.uri.text),
                    title.unwrap_or_default()
                );
            }
        }
    }
    for warning in &reading.warnings {
        let line = warning
            .line
            .map(|line| format!("line {line}: "))
            .unwrap_or_default();
        let _ = writeln!(text, "warning: {line}{}", printable(&warning.message));
    }
    text
}

fn variants(text: &mut String, multivariant: &Multivariant) {
    let Multivariant {
        variants,
        renditions,
        session_keys,
        ..
    } = multivariant;
    let _ = writeln!(text, "multivariant playlist: {} variants", variants.len());
    for variant in variants {
        let size = variant
            .resolution
            .map_or_else(|| "-".to_owned(), |(width, height)| format!("{width}x{height}"));
        let rate = variant
            .bandwidth
            .map_or_else(|| "-".to_owned(), |bits| format!("{} kbps", bits / 1000));
        let codecs = printable(&variant.codecs.join(","));
        let _ = writeln!(
            text,
            "  {size:>9}  {rate:>11}  {codecs}  {}",
            printable(&variant.uri.text)
        );
    }
    for rendition in renditions {
        let default = if rendition.default { ", default" } else { "" };
        let language = printable(rendition.language.as_deref().unwrap_or("-"));
        let name = printable(rendition.name.as_deref().unwrap_or(""));
        let uri = rendition.uri.as_ref().map_or("in the variant", |uri| &uri.text);
        let media_type = printable(&rendition.media_type);
        let _ = writeln!(
            text,
            "  {media_type}  {language}  {name:?}{default}  {}",
            printable(uri)
        );
    }
    for key in session_keys {
        let _ = writeln!(
            text,
            "  session key: {} ({})",
            printable(&key.method),
            printable(&key.key_format)
        );
    }
}

fn segments(text: &mut String, media: &Media) {
    let seconds: f64 = media
        .segments
        .iter()
        .filter_map(|segment| segment.duration_seconds)
        .sum();
    let state = if media.end_list { "complete" } else { "live" };
    let count = media.segments.len();
    let _ = writeln!(
        text,
        "media playlist: {count} segments, {}, {state}",
        Clock(seconds)
    );
    let gaps = media.segments.iter().filter(|segment| segment.gap).count();
    let discontinuities = media
        .segments
        .iter()
        .filter(|segment| segment.discontinuity)
        .count();
    let maps = media
        .segments
        .iter()
        .filter(|segment| segment.map.is_some())
        .count();
    let form = if maps == 0 {
        "no map (TS or packed audio)"
    } else {
        "with a map (fragmented MP4)"
    };
    let _ = writeln!(text, "  media sequence from {}, {form}", media.media_sequence.0);
    if gaps + discontinuities > 0 {
        let _ = writeln!(text, "  {gaps} gaps, {discontinuities} discontinuities");
    }
    let mut known = Vec::new();
    for segment in &media.segments {
        let way = match protection(&segment.keys) {
            Protection::Clear => "clear".to_owned(),
            Protection::Key(key) => {
                format!("{}, key {}", printable(&key.method), printable(&shown(&key.uri)))
            }
            Protection::Drm(system, _) => format!("DRM: {system}"),
        };
        if !known.contains(&way) && known.len() < 20 {
            let _ = writeln!(text, "  from segment {}: {way}", segment.sequence.0);
            known.push(way);
        }
    }
}

/// A resolved URL is shown without its query, which often is a secret.
fn shown(reference: &weir_core::playlist::Reference) -> String {
    reference
        .resolved
        .as_ref()
        .map_or_else(|_| reference.text.clone(), ToString::to_string)
}
