//! Another playlist for one that is gone.

use crate::plan::{ChosenTrack, Languages, Quality, Selection, choose};
use crate::playlist::{Multivariant, Rendition, Variant};
use crate::protocol::{PlannedTrack, TrackKind};
use crate::url::AbsoluteUrl;

/// The variant of a multivariant playlist, read anew, that goes on with one whose playlist is gone: the same at another
/// URL, else the next best. None when only those of `gone` are left.
#[must_use]
pub fn variant_for(
    playlist: &Multivariant,
    track: &PlannedTrack,
    gone: &[AbsoluteUrl],
) -> Option<ChosenTrack> {
    let is_there = |variant: &&Variant| {
        let url = variant.uri.resolved.as_ref();
        url.is_ok_and(|url| !gone.contains(url))
    };
    let is_alike =
        |variant: &&Variant| variant.resolution == track.resolution && variant.codecs == track.codecs;
    let there = || playlist.variants.iter().filter(is_there);
    let mut variants: Vec<Variant> = there().filter(is_alike).cloned().collect();
    if variants.is_empty() {
        variants = there().cloned().collect();
    }
    let selection = Selection {
        quality: track
            .resolution
            .map_or(Quality::Best, |(_, height)| Quality::MaxHeight(height)),
        audio: Languages::None,
        subtitles: Languages::None,
    };
    let rest = Multivariant {
        variants,
        ..Multivariant::default()
    };
    choose(&rest, &selection).ok()?.into_iter().next()
}

/// The URL of a rendition that goes on with one whose playlist is gone: of the same name and language, in any group.
#[must_use]
pub fn rendition_for(
    playlist: &Multivariant,
    track: &PlannedTrack,
    gone: &[AbsoluteUrl],
) -> Option<AbsoluteUrl> {
    let media_type = match track.kind {
        TrackKind::Video => "VIDEO",
        TrackKind::Audio => "AUDIO",
        TrackKind::Subtitle => "SUBTITLES",
    };
    let is_the_same = |rendition: &&Rendition| {
        rendition.media_type.eq_ignore_ascii_case(media_type)
            && rendition.language == track.language
            && rendition.name == track.name
    };
    let url = |rendition: &Rendition| rendition.uri.as_ref()?.resolved.clone().ok();
    let mut urls = playlist.renditions.iter().filter(is_the_same).filter_map(url);
    urls.find(|url| !gone.contains(url))
}
