//! A multivariant playlist and a selection -> the media playlists that are needed.

use std::cmp::Ordering;

use super::check::too_many_tracks;
use super::codecs::{are_audio, are_kept};
use super::language::primary;
use super::{ChosenTrack, Languages, PlanError, Quality, Selection};
use crate::playlist::{Multivariant, Rendition, Variant};
use crate::protocol::TrackKind;
use crate::protocol::limits::MAX_PLAN_TRACKS;
use crate::url::AbsoluteUrl;

/// The pathway of a variant that names none (RFC 8216bis, 4.4.6.2).
const DEFAULT_PATHWAY: &str = ".";

/// The CHARACTERISTICS of sound that tells what is to be seen.
const DESCRIPTION: &str = "public.accessibility.describes-video";

/// Which media playlists `selection` needs, the main one first.
///
/// # Errors
/// [`PlanError`] when nothing fits.
pub fn choose(playlist: &Multivariant, selection: &Selection) -> Result<Vec<ChosenTrack>, PlanError> {
    let (variant, url) = choose_variant(playlist, &selection.quality)?;
    let group = |media_type, group: &Option<String>| renditions(playlist, media_type, group.as_deref());
    let sounds = group("AUDIO", &variant.audio);
    let chosen = choose_renditions(&sounds, &selection.audio, TrackKind::Audio)?;
    let mut tracks = own_tracks(playlist, (variant, url), selection, &sounds, &chosen)?;
    add(&mut tracks, TrackKind::Audio, &chosen)?;
    let subtitles = match variant.subtitles {
        Some(_) => group("SUBTITLES", &variant.subtitles),
        // Nothing else can be meant.
        None => of_type(playlist, "SUBTITLES").collect(),
    };
    let subtitles = choose_renditions(&subtitles, &selection.subtitles, TrackKind::Subtitle)?;
    add(&mut tracks, TrackKind::Subtitle, &subtitles)?;
    Ok(tracks)
}

/// What is needed of the variant itself: its picture, and the sound that comes with it where that is wanted.
/// `sounds` is its AUDIO group, `chosen` what is wanted of it.
fn own_tracks(
    playlist: &Multivariant,
    (variant, url): Candidate<'_>,
    selection: &Selection,
    sounds: &[&Rendition],
    chosen: &[&Rendition],
) -> Result<Vec<ChosenTrack>, PlanError> {
    let is_inside = |rendition: &&&Rendition| {
        let uri = rendition.uri.as_ref();
        uri.is_none_or(|uri| uri.resolved.as_ref() == Ok(url))
    };
    let inside = chosen.iter().find(is_inside).copied();
    let wants_sound = match sounds {
        [] => selection.audio != Languages::None,
        _ => inside.is_some(),
    };
    let own = ChosenTrack {
        language: inside.and_then(|rendition| rendition.language.clone()),
        name: inside.and_then(|rendition| rendition.name.clone()),
        default: inside.is_some_and(|rendition| rendition.default),
        codecs: variant.codecs.clone(),
        resolution: variant.resolution,
        ..ChosenTrack::only(url.clone())
    };
    if is_audio_only(variant) {
        // Without a picture there is no doing without all sound.
        let is_needed = wants_sound || chosen.is_empty();
        let own = ChosenTrack {
            kind: TrackKind::Audio,
            ..own
        };
        return Ok(is_needed.then_some(own).into_iter().collect());
    }
    let views = renditions(playlist, "VIDEO", variant.video.as_deref());
    let view = preferred(&views).map(own_playlist).transpose()?.flatten();
    let picture = match view {
        Some(view) if view != url => ChosenTrack {
            playlist: view.clone(),
            language: None,
            name: None,
            default: false,
            ..own.clone()
        },
        _ => own.clone(),
    };
    // The views of a variant without AUDIO group have their sound with them (RFC 8216bis, 8.7).
    let has_sound = wants_sound && (picture.playlist == *url || sounds.is_empty());
    let picture = ChosenTrack {
        only: (!has_sound).then_some(TrackKind::Video),
        ..picture
    };
    let sound = ChosenTrack {
        kind: TrackKind::Audio,
        only: Some(TrackKind::Audio),
        ..own
    };
    let sound = (wants_sound && !has_sound).then_some(sound);
    Ok(std::iter::once(picture).chain(sound).collect())
}

type Candidate<'a> = (&'a Variant, &'a AbsoluteUrl);

/// The variant, and its URL.
fn choose_variant<'a>(playlist: &'a Multivariant, quality: &Quality) -> Result<Candidate<'a>, PlanError> {
    let fetchable = playlist
        .variants
        .iter()
        .filter_map(|variant| Some((variant, variant.uri.resolved.as_ref().ok()?)));
    let mut candidates: Vec<_> = fetchable.collect();
    if let Quality::Variant(wanted) = quality {
        candidates.retain(|(_, url)| *url == wanted);
        return best(&candidates).ok_or_else(|| PlanError::UnknownVariant(wanted.clone()));
    }
    // An audio-only variant is the last resort of a player on a bad line, not a low quality of the picture.
    prefer(&mut candidates, &|variant| !is_audio_only(variant));
    prefer(&mut candidates, &|variant| are_kept(&variant.codecs));
    let steering = playlist.content_steering.as_ref();
    if let Some(pathway) = steering.and_then(|steering| steering.pathway_id.as_deref()) {
        prefer(&mut candidates, &|variant| {
            variant.pathway_id.as_deref().unwrap_or(DEFAULT_PATHWAY) == pathway
        });
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

/// Keeps those that `is_better` says, where there are any.
fn prefer(candidates: &mut Vec<Candidate<'_>>, is_better: &dyn Fn(&Variant) -> bool) {
    if candidates.iter().any(|(variant, _)| is_better(variant)) {
        candidates.retain(|(variant, _)| is_better(variant));
    }
}

/// The best, the first of equals.
fn best<'a>(candidates: &[Candidate<'a>]) -> Option<Candidate<'a>> {
    extreme(candidates, Ordering::Greater)
}

/// The worst, the first of equals.
fn worst<'a>(candidates: &[Candidate<'a>]) -> Option<Candidate<'a>> {
    extreme(candidates, Ordering::Less)
}

fn extreme<'a>(candidates: &[Candidate<'a>], wanted: Ordering) -> Option<Candidate<'a>> {
    let scored = all_scored(candidates);
    candidates.iter().copied().reduce(|found, next| {
        if compare(next.0, found.0, scored) == wanted {
            next
        } else {
            found
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
    variant.resolution.is_none() && are_audio(&variant.codecs)
}

fn of_type<'a>(playlist: &'a Multivariant, media_type: &'a str) -> impl Iterator<Item = &'a Rendition> {
    playlist
        .renditions
        .iter()
        .filter(move |rendition| rendition.media_type == media_type)
}

/// The renditions of a group.
fn renditions<'a>(
    playlist: &'a Multivariant,
    media_type: &'a str,
    group: Option<&str>,
) -> Vec<&'a Rendition> {
    of_type(playlist, media_type)
        .filter(|rendition| group == Some(&rendition.group_id))
        .collect()
}

/// The one that a player takes by itself, the first of equals: subtitles of foreign words only and descriptions of the
/// picture are for those who ask for them.
fn preferred<'a>(among: &[&'a Rendition]) -> Option<&'a Rendition> {
    let is_special = |rendition: &Rendition| {
        let characteristics = rendition.characteristics.as_deref().unwrap_or_default();
        rendition.forced
            || characteristics
                .split(',')
                .any(|known| known.trim() == DESCRIPTION)
    };
    let rank = |rendition: &&Rendition| (!is_special(rendition), rendition.default, rendition.autoselect);
    among.iter().rev().copied().max_by_key(rank)
}

fn choose_renditions<'a>(
    group: &[&'a Rendition],
    wanted: &Languages,
    kind: TrackKind,
) -> Result<Vec<&'a Rendition>, PlanError> {
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
        Languages::Language(_) if group.is_empty() && kind == TrackKind::Audio => Vec::new(),
        Languages::Language(wanted) => {
            let of = |matches: &dyn Fn(&Rendition) -> bool| {
                let matching = group.iter().copied().filter(|rendition| matches(rendition));
                preferred(&matching.collect::<Vec<_>>())
            };
            let is_wanted = |text: &Option<String>| {
                text.as_deref()
                    .is_some_and(|text| text.eq_ignore_ascii_case(wanted))
            };
            let is_spoken = |rendition: &Rendition| {
                let language = rendition.language.as_deref();
                language.is_some_and(|language| primary(language) == primary(wanted))
            };
            let chosen = of(&|rendition| is_wanted(&rendition.language))
                .or_else(|| of(&is_spoken))
                .or_else(|| of(&|rendition| is_wanted(&rendition.name)));
            vec![chosen.ok_or_else(|| no_language(group, wanted, kind))?]
        }
    })
}

fn no_language(group: &[&Rendition], wanted: &str, kind: TrackKind) -> PlanError {
    /// Of languages that are named: more than a person reads, and each is compared with all.
    const MOST_NAMED: usize = 100;
    let mut known: Vec<&str> = Vec::new();
    let mut available = String::new();
    for language in group.iter().filter_map(|rendition| rendition.language.as_deref()) {
        if known.contains(&language) {
            continue;
        }
        if !known.is_empty() {
            available.push_str(", ");
        }
        if known.len() == MOST_NAMED {
            available.push_str("...");
            break;
        }
        available.push_str(language);
        known.push(language);
    }
    if group.is_empty() {
        available.push_str("none at all");
    } else if known.is_empty() {
        available.push_str("none with a language");
    }
    PlanError::NoLanguage {
        kind,
        wanted: wanted.to_owned(),
        available,
    }
}

/// The playlist of a rendition; None when it is in the variant's own segments.
fn own_playlist(rendition: &Rendition) -> Result<Option<&AbsoluteUrl>, PlanError> {
    let Some(uri) = &rendition.uri else {
        return Ok(None);
    };
    let refused = |error: &crate::url::UrlError| PlanError::Rendition {
        line: rendition.line,
        error: error.clone(),
    };
    uri.resolved.as_ref().map(Some).map_err(refused)
}

/// Adds a track for each rendition that has a playlist of its own, each playlist once.
fn add(tracks: &mut Vec<ChosenTrack>, kind: TrackKind, renditions: &[&Rendition]) -> Result<(), PlanError> {
    for rendition in renditions {
        let Some(url) = own_playlist(rendition)? else {
            continue;
        };
        if tracks.iter().any(|track| track.playlist == *url) {
            continue;
        }
        // The plan would be refused, and each is compared with all.
        if tracks.len() == MAX_PLAN_TRACKS {
            return Err(too_many_tracks());
        }
        tracks.push(ChosenTrack {
            kind,
            // Some packagers give a whole stream as the rendition of its sound.
            only: (kind == TrackKind::Audio).then_some(kind),
            language: rendition.language.clone(),
            name: rendition.name.clone(),
            default: rendition.default,
            forced: rendition.forced,
            ..ChosenTrack::only(url.clone())
        });
    }
    Ok(())
}
