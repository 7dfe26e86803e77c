//! A playlist -> what the popup shows of it.

use std::sync::Arc;

use serde::Serialize;
use weir_core::playlist::{
    self, Key, List, Media, Multivariant, Playlist, Protection, Reference, Rendition, Variant, Warning,
};
use weir_core::url::AbsoluteUrl;

use crate::field::Field;
use crate::text;
use crate::thrown::Thrown;

/// `Summary` of the declarations.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub(crate) enum Summary {
    Multivariant {
        variants: Vec<VariantSummary>,
        renditions: Vec<RenditionSummary>,
        drm: Option<String>,
        warnings: Vec<WarningSummary>,
    },
    Media {
        live: bool,
        encrypted: Option<String>,
        drm: Option<String>,
        duration_seconds: Option<f64>,
        segments: usize,
        target_duration: Option<f64>,
        warnings: Vec<WarningSummary>,
    },
    List {
        entries: Vec<EntrySummary>,
        warnings: Vec<WarningSummary>,
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VariantSummary {
    url: AbsoluteUrl,
    bandwidth: Option<f64>,
    width: Option<u32>,
    height: Option<u32>,
    frame_rate: Option<f64>,
    codecs: Vec<String>,
    audio: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RenditionSummary {
    #[serde(rename = "type")]
    media_type: String,
    group_id: String,
    name: Option<String>,
    language: Option<String>,
    default: bool,
    url: Option<AbsoluteUrl>,
}

#[derive(Debug, Serialize)]
pub(crate) struct EntrySummary {
    url: String,
    title: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct WarningSummary {
    line: Option<usize>,
    code: &'static str,
    message: String,
}

/// # Errors
/// When the text is no playlist or the base no URL that Weir fetches.
pub(crate) fn inspect(text: &Field, base_url: &str) -> Result<Summary, Thrown> {
    let base = AbsoluteUrl::parse(base_url)?;
    let reading = playlist::read(&text::playlist(text)?, Some(&base))?;
    let warnings = reading.warnings.into_iter().map(warning).collect();
    Ok(match reading.playlist {
        Playlist::Multivariant(playlist) => multivariant(playlist, warnings),
        Playlist::Media(playlist) => media(&playlist, warnings),
        Playlist::List(playlist) => list(playlist, warnings),
    })
}

fn multivariant(playlist: Multivariant, warnings: Vec<WarningSummary>) -> Summary {
    Summary::Multivariant {
        drm: drm(&playlist.session_keys),
        variants: playlist.variants.into_iter().filter_map(variant).collect(),
        renditions: playlist.renditions.into_iter().map(rendition).collect(),
        warnings,
    }
}

fn media(playlist: &Media, warnings: Vec<WarningSummary>) -> Summary {
    let keys = distinct_keys(playlist);
    let durations = playlist
        .segments
        .iter()
        .filter_map(|segment| segment.duration_seconds);
    Summary::Media {
        live: !playlist.end_list,
        encrypted: keys.iter().copied().find_map(method),
        drm: keys.iter().copied().find_map(drm),
        duration_seconds: durations.reduce(|sum, duration| sum + duration),
        segments: playlist.segments.len(),
        target_duration: playlist.target_duration_seconds,
        warnings,
    }
}

fn list(playlist: List, warnings: Vec<WarningSummary>) -> Summary {
    let entries = playlist.entries.into_iter().map(|entry| EntrySummary {
        url: entry
            .uri
            .resolved
            .map_or(entry.uri.text, |url| url.as_str().to_owned()),
        title: entry.title,
    });
    Summary::List {
        entries: entries.collect(),
        warnings,
    }
}

/// None when its URL is not one that Weir fetches: there is nothing to choose, and a warning says why.
fn variant(variant: Variant) -> Option<VariantSummary> {
    let (width, height) = variant.resolution.unzip();
    Some(VariantSummary {
        url: variant.uri.resolved.ok()?,
        bandwidth: variant.bandwidth.map(number),
        width,
        height,
        frame_rate: variant.frame_rate,
        codecs: variant.codecs,
        audio: variant.audio,
    })
}

fn rendition(rendition: Rendition) -> RenditionSummary {
    RenditionSummary {
        media_type: rendition.media_type,
        group_id: rendition.group_id,
        name: rendition.name,
        language: rendition.language,
        default: rendition.default,
        url: rendition.uri.and_then(resolved),
    }
}

fn warning(warning: Warning) -> WarningSummary {
    WarningSummary {
        line: warning.line,
        code: warning.code.as_str(),
        message: warning.message,
    }
}

fn resolved(reference: Reference) -> Option<AbsoluteUrl> {
    reference.resolved.ok()
}

/// The keys in force, each set once: a hundred thousand segments share a few.
fn distinct_keys(playlist: &Media) -> Vec<&[Key]> {
    let mut distinct: Vec<&Arc<[Key]>> = Vec::new();
    for segment in &playlist.segments {
        if !distinct
            .last()
            .is_some_and(|last| Arc::ptr_eq(last, &segment.keys))
        {
            distinct.push(&segment.keys);
        }
    }
    distinct.into_iter().map(AsRef::as_ref).collect()
}

fn method(keys: &[Key]) -> Option<String> {
    match playlist::protection(keys) {
        Protection::Clear => None,
        Protection::Key(key) | Protection::Drm(_, key) => Some(key.method.clone()),
    }
}

fn drm(keys: &[Key]) -> Option<String> {
    match playlist::protection(keys) {
        Protection::Drm(system, _) => Some(system.to_string()),
        Protection::Clear | Protection::Key(_) => None,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "JavaScript's numbers are such; no one sees the last bits of a bandwidth"
)]
fn number(value: u64) -> f64 {
    value as f64
}
