//! A multivariant playlist and a selection -> the media playlists that are needed.

use std::cmp::Ordering;

use super::{ChosenTrack, Languages, PlanError, Quality, Selection};
use crate::playlist::{Multivariant, Rendition, Variant};
use crate::protocol::TrackKind;
use crate::url::{AbsoluteUrl, UrlError};

/// Beginnings of RFC 6381 codec strings that are audio (RFC 8216bis, 4.4.6.2; the MP4 registration authority).
const AUDIO_CODECS: [&str; 14] = [
    "mp4a", "ac-3", "ec-3", "ac-4", "opus", "flac", "alac", "mp3", "vorbis", "dtsc", "dtse", "dtsh", "dtsl",
    "mhm1",
];

/// Which media playlists `selection` needs, the main one first.
///
/// # Errors
/// [`PlanError`] when nothing fits.
pub fn choose(playlist: &Multivariant, selection: &Selection) -> Result<Vec<ChosenTrack>, PlanError> {
    let (variant, url) = choose_variant(&playlist.variants, &selection.quality)?;
    let mut tracks = vec![ChosenTrack {
        kind: if is_audio_only(variant) {
            TrackKind::Audio
        } else {
            TrackKind::Video
        },
        playlist: url.clone(),
        language: None,
        name: None,
        codecs: variant.codecs.clone(),
        resolution: variant.resolution,
    }];
    let audio = renditions(playlist, "AUDIO", variant.audio.as_deref());
    let subtitles = renditions(playlist, "SUBTITLES", variant.subtitles.as_deref());
    let audio = choose_renditions(&audio, &selection.audio, TrackKind::Audio)?;
    add(&mut tracks, TrackKind::Audio, &audio)?;
    let subtitles = choose_renditions(&subtitles, &selection.subtitles, TrackKind::Subtitle)?;
    add(&mut tracks, TrackKind::Subtitle, &subtitles)?;
    Ok(tracks)
}

/// The variant, and its URL.
fn choose_variant<'a>(
    variants: &'a [Variant],
    quality: &Quality,
) -> Result<(&'a Variant, &'a AbsoluteUrl), PlanError> {
    let fetchable = variants
        .iter()
        .filter_map(|variant| Some((variant, variant.uri.resolved.as_ref().ok()?)));
    let mut candidates: Vec<_> = fetchable.collect();
    if let Quality::Variant(wanted) = quality {
        candidates.retain(|(_, url)| *url == wanted);
        return best(&candidates).ok_or_else(|| PlanError::UnknownVariant(wanted.clone()));
    }
    // An audio-only variant is the last resort of a player on a bad line, not a low quality of the picture.
    if candidates.iter().any(|(variant, _)| !is_audio_only(variant)) {
        candidates.retain(|(variant, _)| !is_audio_only(variant));
    }
    let fitting = |fits: &dyn Fn(&Variant) -> bool| {
        let fitting: Vec<_> = candidates
            .iter()
            .copied()
            .filter(|(variant, _)| fits(variant))
            .collect();
        best(&fitting).or_else(|| worst(&candidates))
    };
    let chosen = match quality {
        Quality::Worst => worst(&candidates),
        Quality::MaxHeight(most) if candidates.iter().any(|(variant, _)| variant.resolution.is_some()) => {
            fitting(&|variant| variant.resolution.is_some_and(|(_, height)| height <= *most))
        }
        Quality::MaxBandwidth(most) if candidates.iter().any(|(variant, _)| variant.bandwidth.is_some()) => {
            fitting(&|variant| variant.bandwidth.is_some_and(|bandwidth| bandwidth <= *most))
        }
        // Nothing is known of what the limit is about.
        Quality::Best | Quality::MaxHeight(_) | Quality::MaxBandwidth(_) | Quality::Variant(_) => {
            best(&candidates)
        }
    };
    chosen.ok_or(PlanError::NoVariant)
}

type Candidate<'a> = (&'a Variant, &'a AbsoluteUrl);

/// The best, the first of equals.
fn best<'a>(candidates: &[Candidate<'a>]) -> Option<Candidate<'a>> {
    let scored = all_scored(candidates);
    candidates.iter().copied().reduce(|best, next| {
        if compare(next.0, best.0, scored) == Ordering::Greater {
            next
        } else {
            best
        }
    })
}

/// The worst, the first of equals.
fn worst<'a>(candidates: &[Candidate<'a>]) -> Option<Candidate<'a>> {
    let scored = all_scored(candidates);
    candidates.iter().copied().reduce(|worst, next| {
        if compare(next.0, worst.0, scored) == Ordering::Less {
            next
        } else {
            worst
        }
    })
}

/// SCORE only counts where every variant has one (RFC 8216bis, 4.4.6.2).
fn all_scored(candidates: &[Candidate<'_>]) -> bool {
    candidates.iter().all(|(variant, _)| variant.score.is_some())
}

fn compare(a: &Variant, b: &Variant, scored: bool) -> Ordering {
    let score = |variant: &Variant| {
        if scored {
            variant.score.unwrap_or_default()
        } else {
            0.0
        }
    };
    let pixels = |variant: &Variant| {
        variant
            .resolution
            .map(|(width, height)| u64::from(width) * u64::from(height))
    };
    let bandwidth = |variant: &Variant| variant.bandwidth.or(variant.average_bandwidth);
    let frame_rate = |variant: &Variant| variant.frame_rate.unwrap_or_default();
    score(a)
        .total_cmp(&score(b))
        .then_with(|| pixels(a).cmp(&pixels(b)))
        .then_with(|| bandwidth(a).cmp(&bandwidth(b)))
        .then_with(|| frame_rate(a).total_cmp(&frame_rate(b)))
}

/// True when everything that a variant declares is audio.
fn is_audio_only(variant: &Variant) -> bool {
    let is_audio = |codec: &String| {
        let codec = codec.to_ascii_lowercase();
        AUDIO_CODECS.iter().any(|known| codec.starts_with(known))
    };
    variant.resolution.is_none() && !variant.codecs.is_empty() && variant.codecs.iter().all(is_audio)
}

/// The renditions of a group.
fn renditions<'a>(playlist: &'a Multivariant, media_type: &str, group: Option<&str>) -> Vec<&'a Rendition> {
    let Some(group) = group else { return Vec::new() };
    let of_group = |rendition: &&Rendition| {
        rendition.media_type.eq_ignore_ascii_case(media_type) && rendition.group_id == group
    };
    playlist.renditions.iter().filter(of_group).collect()
}

fn choose_renditions<'a>(
    group: &[&'a Rendition],
    wanted: &Languages,
    kind: TrackKind,
) -> Result<Vec<&'a Rendition>, PlanError> {
    let preferred = |among: &[&'a Rendition]| {
        let by_default = among.iter().find(|rendition| rendition.default);
        by_default
            .or_else(|| among.iter().find(|rendition| rendition.autoselect))
            .or(among.first())
            .copied()
    };
    Ok(match wanted {
        Languages::None => Vec::new(),
        Languages::All => group.to_vec(),
        // Nobody sees subtitles that are not DEFAULT without asking for them.
        Languages::Default if kind == TrackKind::Subtitle => group
            .iter()
            .find(|rendition| rendition.default)
            .copied()
            .into_iter()
            .collect(),
        Languages::Default => preferred(group).into_iter().collect(),
        // One stream for everyone, in a language that the playlist does not tell.
        Languages::Language(_) if group.is_empty() => Vec::new(),
        Languages::Language(wanted) => {
            let spoken = |matches: fn(&str, &str) -> bool| {
                let of_language = |rendition: &&&Rendition| {
                    rendition
                        .language
                        .as_deref()
                        .is_some_and(|language| matches(language, wanted))
                };
                preferred(&group.iter().filter(of_language).copied().collect::<Vec<_>>())
            };
            let exact = spoken(str::eq_ignore_ascii_case);
            let chosen = exact.or_else(|| spoken(|language, wanted| primary(language) == primary(wanted)));
            vec![chosen.ok_or_else(|| no_language(group, wanted, kind))?]
        }
    })
}

fn no_language(group: &[&Rendition], wanted: &str, kind: TrackKind) -> PlanError {
    let mut available: Vec<&str> = group
        .iter()
        .filter_map(|rendition| rendition.language.as_deref())
        .collect();
    available.dedup();
    let available = if available.is_empty() {
        "none with a language".to_owned()
    } else {
        available.join(", ")
    };
    PlanError::NoLanguage {
        kind,
        wanted: wanted.to_owned(),
        available,
    }
}

/// The primary language subtag in its shortest form, as BCP 47 wants it and packagers often do not: `eng` is `en`.
fn primary(tag: &str) -> String {
    const SHORT: [(&str, &str); 30] = [
        ("ara", "ar"),
        ("ces", "cs"),
        ("cze", "cs"),
        ("chi", "zh"),
        ("zho", "zh"),
        ("dan", "da"),
        ("deu", "de"),
        ("ger", "de"),
        ("dut", "nl"),
        ("nld", "nl"),
        ("eng", "en"),
        ("fin", "fi"),
        ("fra", "fr"),
        ("fre", "fr"),
        ("gre", "el"),
        ("ell", "el"),
        ("heb", "he"),
        ("hin", "hi"),
        ("ind", "id"),
        ("ita", "it"),
        ("jpn", "ja"),
        ("kor", "ko"),
        ("nor", "no"),
        ("pol", "pl"),
        ("por", "pt"),
        ("rus", "ru"),
        ("spa", "es"),
        ("swe", "sv"),
        ("tur", "tr"),
        ("vie", "vi"),
    ];
    let subtag = tag.split(['-', '_']).next().unwrap_or(tag).to_ascii_lowercase();
    SHORT
        .iter()
        .find(|(long, _)| *long == subtag)
        .map_or(subtag, |(_, short)| (*short).to_owned())
}

/// Adds a track for each rendition that has a playlist of its own, each playlist once.
fn add(tracks: &mut Vec<ChosenTrack>, kind: TrackKind, renditions: &[&Rendition]) -> Result<(), PlanError> {
    for rendition in renditions {
        let Some(uri) = &rendition.uri else { continue };
        let refused = |error: &UrlError| PlanError::Rendition {
            line: rendition.line,
            error: error.clone(),
        };
        let url = uri.resolved.as_ref().map_err(refused)?;
        if tracks.iter().any(|track| track.playlist == *url) {
            continue;
        }
        tracks.push(ChosenTrack {
            kind,
            playlist: url.clone(),
            language: rendition.language.clone(),
            name: rendition.name.clone(),
            codecs: Vec::new(),
            resolution: None,
        });
    }
    Ok(())
}
