//! Tags -> [`Multivariant`].

use super::attributes::Attributes;
use super::lines::{Content, Line};
use super::scope::{Scope, tag_integer};
use super::tag::Tag;
use super::warning::{Shown, WarningCode};
use crate::url::UrlError;

use super::{ContentSteering, Multivariant, PlaylistError, Reference, Rendition, SessionData, Variant};

/// What is being read.
#[derive(Default)]
pub(super) struct MultivariantReader {
    playlist: Multivariant,
    /// EXT-X-STREAM-INF that waits for its URI.
    pending: Option<Variant>,
}

impl MultivariantReader {
    pub(super) fn line(&mut self, line: Line<'_>, scope: &mut Scope<'_>) -> Result<(), Box<PlaylistError>> {
        match line.content {
            Content::Tag { name, value } => match Tag::find(name) {
                Some((tag, _)) => self.tag(tag, name, value, line.number, scope),
                None => Ok(()),
            },
            Content::Uri(uri) => self.uri(uri, line.number, scope),
        }
    }

    pub(super) fn finish(mut self, scope: &mut Scope<'_>) -> Multivariant {
        self.drop_pending(scope);
        scope.warn_of_drm(&self.playlist.session_keys);
        self.playlist.variables = std::mem::take(&mut scope.variables);
        self.playlist
    }

    fn tag(
        &mut self,
        tag: Tag,
        name: &str,
        value: &str,
        line: usize,
        scope: &mut Scope<'_>,
    ) -> Result<(), Box<PlaylistError>> {
        match tag {
            Tag::IndependentSegments => self.playlist.independent_segments = true,
            Tag::Version => {
                let version = tag_integer(name, value, line, scope);
                scope.once(&mut self.playlist.version, version, name, line);
            }
            _ => self.attribute_tag(tag, &scope.attributes(name, value, line), scope)?,
        }
        Ok(())
    }

    /// Tags with an attribute list.
    fn attribute_tag(
        &mut self,
        tag: Tag,
        attributes: &Attributes<'_>,
        scope: &mut Scope<'_>,
    ) -> Result<(), Box<PlaylistError>> {
        let playlist = &mut self.playlist;
        let Attributes { tag: name, line, .. } = *attributes;
        match tag {
            Tag::StreamInf => {
                // The URI follows on a line of its own.
                let uri = Reference {
                    text: String::new(),
                    resolved: Err(UrlError::Relative),
                };
                let variant = variant(attributes, uri, scope)?;
                self.drop_pending(scope);
                self.pending = Some(variant);
            }
            Tag::IFrameStreamInf => {
                if let Some(uri) = scope.required_reference(attributes, "URI")? {
                    playlist.i_frame_variants.push(variant(attributes, uri, scope)?);
                }
            }
            Tag::Media => playlist.renditions.extend(rendition(attributes, scope)?),
            Tag::SessionKey => match scope.key(attributes)? {
                Some(key) => playlist.session_keys.push(key),
                None => scope.bad_attribute(attributes, "METHOD", "NONE"),
            },
            Tag::SessionData => {
                if let Some(data_id) = scope.required(attributes, "DATA-ID")? {
                    playlist.session_data.push(SessionData {
                        data_id,
                        value: scope.text(attributes, "VALUE")?,
                        uri: scope.reference(attributes, "URI")?,
                        language: scope.text(attributes, "LANGUAGE")?,
                    });
                }
            }
            Tag::ContentSteering => {
                if let Some(server_uri) = scope.required_reference(attributes, "SERVER-URI")? {
                    let pathway_id = scope.text(attributes, "PATHWAY-ID")?;
                    let steering = ContentSteering {
                        server_uri,
                        pathway_id,
                    };
                    scope.once(&mut playlist.content_steering, Some(steering), name, line);
                }
            }
            Tag::Start => {
                let start = scope.start(attributes)?;
                scope.once(&mut playlist.start, start, name, line);
            }
            Tag::Define => scope.define(attributes)?,
            _ => {}
        }
        Ok(())
    }

    fn uri(&mut self, uri: &str, line: usize, scope: &mut Scope<'_>) -> Result<(), Box<PlaylistError>> {
        if let Some(variant) = self.pending.take() {
            let uri = scope.resolve(uri, line)?;
            self.playlist.variants.push(Variant { uri, ..variant });
        } else {
            let message = format_args!(
                "a URI without EXT-X-STREAM-INF is dropped: {}",
                Shown(without_query(uri))
            );
            scope
                .warnings
                .push(Some(line), WarningCode::UriWithoutStreamInf, message);
        }
        Ok(())
    }

    fn drop_pending(&mut self, scope: &mut Scope<'_>) {
        if let Some(variant) = self.pending.take() {
            let message = format_args!("EXT-X-STREAM-INF without URI: the variant is dropped");
            scope
                .warnings
                .push(Some(variant.line), WarningCode::VariantWithoutUri, message);
        }
    }
}

/// The part of a URI that holds no token.
fn without_query(uri: &str) -> &str {
    uri.split_once('?').map_or(uri, |(path, _)| path)
}

fn variant(
    attributes: &Attributes<'_>,
    uri: Reference,
    scope: &mut Scope<'_>,
) -> Result<Variant, Box<PlaylistError>> {
    scope.required(attributes, "BANDWIDTH")?;
    Ok(Variant {
        uri,
        bandwidth: scope.integer(attributes, "BANDWIDTH"),
        average_bandwidth: scope.integer(attributes, "AVERAGE-BANDWIDTH"),
        codecs: list(scope.text(attributes, "CODECS")?),
        supplemental_codecs: list(scope.text(attributes, "SUPPLEMENTAL-CODECS")?),
        resolution: resolution(attributes, scope),
        frame_rate: scope.number(attributes, "FRAME-RATE"),
        score: scope.number(attributes, "SCORE"),
        hdcp_level: scope.word(attributes, "HDCP-LEVEL")?,
        video_range: scope.word(attributes, "VIDEO-RANGE")?,
        req_video_layout: scope.text(attributes, "REQ-VIDEO-LAYOUT")?,
        stable_variant_id: scope.text(attributes, "STABLE-VARIANT-ID")?,
        pathway_id: scope.text(attributes, "PATHWAY-ID")?,
        audio: scope.text(attributes, "AUDIO")?,
        video: scope.text(attributes, "VIDEO")?,
        subtitles: scope.text(attributes, "SUBTITLES")?,
        closed_captions: scope.text(attributes, "CLOSED-CAPTIONS")?,
        line: attributes.line,
    })
}

fn list(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

fn resolution(attributes: &Attributes<'_>, scope: &mut Scope<'_>) -> Option<(u32, u32)> {
    let value = attributes.raw("RESOLUTION")?;
    let size = value
        .split_once(['x', 'X'])
        .and_then(|(width, height)| Some((width.trim().parse().ok()?, height.trim().parse().ok()?)));
    if size.is_none() {
        scope.bad_attribute(attributes, "RESOLUTION", value);
    }
    size
}

/// EXT-X-MEDIA; None, with a warning, when nothing could refer to it.
fn rendition(
    attributes: &Attributes<'_>,
    scope: &mut Scope<'_>,
) -> Result<Option<Rendition>, Box<PlaylistError>> {
    scope.required(attributes, "TYPE")?;
    let media_type = scope.word(attributes, "TYPE")?.filter(|word| !word.is_empty());
    let group_id = scope.required(attributes, "GROUP-ID")?;
    let name = scope.required(attributes, "NAME")?;
    let (Some(media_type), Some(group_id)) = (media_type, group_id) else {
        return Ok(None);
    };
    let default = scope.yes(attributes, "DEFAULT");
    Ok(Some(Rendition {
        media_type,
        group_id,
        name,
        uri: scope.reference(attributes, "URI")?,
        language: scope.text(attributes, "LANGUAGE")?,
        assoc_language: scope.text(attributes, "ASSOC-LANGUAGE")?,
        default,
        autoselect: scope.yes(attributes, "AUTOSELECT") || default,
        forced: scope.yes(attributes, "FORCED"),
        channels: scope.text(attributes, "CHANNELS")?,
        characteristics: scope.text(attributes, "CHARACTERISTICS")?,
        instream_id: scope.text(attributes, "INSTREAM-ID")?,
        stable_rendition_id: scope.text(attributes, "STABLE-RENDITION-ID")?,
        bit_depth: scope.integer(attributes, "BIT-DEPTH"),
        sample_rate: scope.integer(attributes, "SAMPLE-RATE"),
        line: attributes.line,
    }))
}
