//! A selection -> the capture plan, fetching what it takes.

use weir_core::plan::{self, ChosenTrack, Languages, Quality, Selection};
use weir_core::playlist::{self, Media, Multivariant, Playlist};
use weir_core::protocol::CapturePlan;
use weir_core::url::AbsoluteUrl;

use crate::fetch::{Fetched, fetch_playlist};
use crate::field::Field;
use crate::join::try_join_all;
use crate::text;
use crate::thrown::Thrown;

/// # Errors
/// When a playlist cannot be had or read, or there is nothing to capture in it.
pub(crate) async fn plan(request: &Field) -> Result<CapturePlan, Thrown> {
    let source = request.member("source")?;
    let url = AbsoluteUrl::parse(&source.member("url")?.text()?)?;
    let title = request.optional("title")?.map(|title| title.text()).transpose()?;
    let selection = request
        .optional("selection")?
        .map(|selection| select(&selection))
        .transpose()?;
    let playlists = Playlists::read(request.optional("known")?.as_ref())?;

    let first = match source.optional("text")? {
        Some(text) => Body::known(url.clone(), &text)?,
        None => playlists.get(&url).await?,
    };
    let reading = playlist::read(&first.bytes, Some(&first.base))?;
    let tracks = if let Playlist::Multivariant(parent) = reading.playlist {
        let chosen = plan::choose(&parent, &selection.unwrap_or_default())?;
        try_join_all(chosen.into_iter().map(|track| playlists.track(track, &parent))).await?
    } else {
        let media = plan::expect_media(reading, &url)?;
        vec![(ChosenTrack::only(url.clone()), media)]
    };
    Ok(plan::build(&url, title.as_deref(), &tracks)?)
}

/// A playlist's body and the URL that its references count from.
struct Body {
    base: AbsoluteUrl,
    bytes: Vec<u8>,
}

impl Body {
    fn known(base: AbsoluteUrl, text: &Field) -> Result<Self, Thrown> {
        let bytes = text::playlist(text)?;
        Ok(Self { base, bytes })
    }
}

/// The playlists that are at hand, and the way to the others.
struct Playlists {
    /// By the URL that it has in the other one; the text is copied when it is needed.
    known: Vec<(String, Field)>,
}

impl Playlists {
    fn read(known: Option<&Field>) -> Result<Self, Thrown> {
        let elements = known.map_or_else(|| Ok(Vec::new()), Field::elements)?;
        let entry = |element: Field| Ok((element.member("url")?.text()?, element.member("text")?));
        let known = elements.into_iter().map(entry).collect::<Result<_, Thrown>>()?;
        Ok(Self { known })
    }

    async fn get(&self, url: &AbsoluteUrl) -> Result<Body, Thrown> {
        if let Some((_, text)) = self.known.iter().find(|(known, _)| known == url.as_str()) {
            return Body::known(url.clone(), text);
        }
        let Fetched { url: base, text } = fetch_playlist(url.as_str()).await?;
        let bytes = text.into_bytes();
        Ok(Body { base, bytes })
    }

    async fn track(&self, track: ChosenTrack, parent: &Multivariant) -> Result<(ChosenTrack, Media), Thrown> {
        let body = self.get(&track.playlist).await?;
        let reading = playlist::read_child(&body.bytes, Some(&body.base), parent)?;
        let media = plan::expect_media(reading, &track.playlist)?;
        Ok((track, media))
    }
}

fn select(selection: &Field) -> Result<Selection, Thrown> {
    Ok(Selection {
        quality: selection
            .optional("quality")?
            .map_or(Ok(Quality::Best), |wanted| quality(&wanted))?,
        audio: selection
            .optional("audio")?
            .map_or(Ok(Languages::Default), |wanted| languages(&wanted))?,
        subtitles: selection
            .optional("subtitles")?
            .map_or(Ok(Languages::Default), |wanted| languages(&wanted))?,
    })
}

fn quality(wanted: &Field) -> Result<Quality, Thrown> {
    if wanted.is("best") {
        return Ok(Quality::Best);
    }
    if wanted.is("worst") {
        return Ok(Quality::Worst);
    }
    if let Some(height) = wanted.optional("height")? {
        // What no screen has is no limit.
        return Ok(Quality::MaxHeight(
            u32::try_from(height.integer()?).unwrap_or(u32::MAX),
        ));
    }
    if let Some(bandwidth) = wanted.optional("bandwidth")? {
        return Ok(Quality::MaxBandwidth(bandwidth.integer()?));
    }
    let variant = wanted.member("variant")?.text()?;
    Ok(Quality::Variant(AbsoluteUrl::parse(&variant)?))
}

fn languages(wanted: &Field) -> Result<Languages, Thrown> {
    if wanted.is("default") {
        return Ok(Languages::Default);
    }
    if wanted.is("none") {
        return Ok(Languages::None);
    }
    if wanted.is("all") {
        return Ok(Languages::All);
    }
    Ok(Languages::Language(wanted.member("language")?.text()?))
}
