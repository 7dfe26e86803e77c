//! A selection -> the capture plan, fetching what it takes.

use futures_util::future::try_join_all;
use serde::Deserialize;
use wasm_bindgen::JsValue;
use weir_core::plan::{self, ChosenTrack, Languages, Quality, Selection};
use weir_core::playlist::{self, Media, Multivariant, Playlist, Reading};
use weir_core::protocol::CapturePlan;
use weir_core::url::AbsoluteUrl;

use crate::fetch::{Fetched, fetch_playlist};
use crate::text;
use crate::thrown::{Thrown, bad_field};

/// `PlanRequest` of the declarations.
#[derive(Debug, Deserialize)]
struct Request {
    source: Source,
    #[serde(default)]
    selection: Wanted,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    known: Vec<Known>,
}

#[derive(Debug, Deserialize)]
struct Source {
    url: String,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    text: JsValue,
}

/// A playlist that was read before, by the URL that it has in the other one.
#[derive(Debug, Deserialize)]
struct Known {
    url: String,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    text: JsValue,
}

#[derive(Debug, Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    quality: Option<WantedQuality>,
    #[serde(default)]
    audio: Option<WantedLanguages>,
    #[serde(default)]
    subtitles: Option<WantedLanguages>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WantedQuality {
    Best,
    Worst,
    Height(u32),
    Bandwidth(u64),
    Variant(String),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WantedLanguages {
    Default,
    None,
    All,
    Language(String),
}

/// # Errors
/// When a playlist cannot be had or read, or there is nothing to capture in it.
pub(crate) async fn plan(request: JsValue) -> Result<CapturePlan, Thrown> {
    let request: Request = serde_wasm_bindgen::from_value(request).map_err(bad_field)?;
    let selection = request.selection.resolve()?;
    let playlists = Playlists { known: request.known };
    let source = AbsoluteUrl::parse(&request.source.url)?;
    let first = match request.source.text.is_undefined() || request.source.text.is_null() {
        true => playlists.get(&source).await?,
        false => Body::known(source.clone(), &request.source.text)?,
    };
    let Reading { playlist, .. } = playlist::read(&first.bytes, Some(&first.base))?;
    let tracks = match playlist {
        Playlist::Multivariant(parent) => {
            let chosen = plan::choose(&parent, &selection)?;
            try_join_all(chosen.into_iter().map(|track| playlists.track(track, &parent))).await?
        }
        other => {
            let reading = Reading {
                playlist: other,
                warnings: Vec::new(),
            };
            vec![(
                ChosenTrack::only(source.clone()),
                plan::expect_media(reading, &source)?,
            )]
        }
    };
    Ok(plan::build(&source, request.title.as_deref(), &tracks)?)
}

/// A playlist's body and the URL that its references count from.
struct Body {
    base: AbsoluteUrl,
    bytes: Vec<u8>,
}

impl Body {
    fn known(base: AbsoluteUrl, text: &JsValue) -> Result<Self, Thrown> {
        let bytes = text::playlist(text)?;
        Ok(Self { base, bytes })
    }
}

/// The playlists that are at hand, and the way to the others.
struct Playlists {
    known: Vec<Known>,
}

impl Playlists {
    async fn get(&self, url: &AbsoluteUrl) -> Result<Body, Thrown> {
        if let Some(known) = self.known.iter().find(|known| known.url == url.as_str()) {
            return Body::known(url.clone(), &known.text);
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

impl Wanted {
    fn resolve(self) -> Result<Selection, Thrown> {
        Ok(Selection {
            quality: match self.quality {
                None | Some(WantedQuality::Best) => Quality::Best,
                Some(WantedQuality::Worst) => Quality::Worst,
                Some(WantedQuality::Height(height)) => Quality::MaxHeight(height),
                Some(WantedQuality::Bandwidth(bandwidth)) => Quality::MaxBandwidth(bandwidth),
                Some(WantedQuality::Variant(url)) => Quality::Variant(AbsoluteUrl::parse(&url)?),
            },
            audio: self.audio.map(WantedLanguages::resolve).unwrap_or_default(),
            subtitles: self.subtitles.map(WantedLanguages::resolve).unwrap_or_default(),
        })
    }
}

impl WantedLanguages {
    fn resolve(self) -> Languages {
        match self {
            Self::Default => Languages::Default,
            Self::None => Languages::None,
            Self::All => Languages::All,
            Self::Language(tag) => Languages::Language(tag),
        }
    }
}
