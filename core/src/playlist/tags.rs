//! Tags of a media playlist that hold nothing but their attributes.

use super::attributes::Attributes;
use super::lines::trim;
use super::number::seconds;
use super::scope::Scope;
use super::tag::Tag;
use super::{Cue, DateRange, PlaylistError, PreloadHint, RenditionReport, ServerControl};

/// Most date ranges of one playlist; a day of advertisements has some thousands. An update compares each
/// with each.
pub(super) const MAX_DATE_RANGES: usize = 10_000;

/// EXT-X-SERVER-CONTROL.
pub(super) fn server_control(attributes: &Attributes<'_>, scope: &mut Scope<'_>) -> ServerControl {
    ServerControl {
        can_block_reload: scope.yes(attributes, "CAN-BLOCK-RELOAD"),
        can_skip_until_seconds: scope.seconds(attributes, "CAN-SKIP-UNTIL"),
        can_skip_date_ranges: scope.yes(attributes, "CAN-SKIP-DATERANGES"),
        hold_back_seconds: scope.seconds(attributes, "HOLD-BACK"),
        part_hold_back_seconds: scope.seconds(attributes, "PART-HOLD-BACK"),
    }
}

/// EXT-X-CUE-OUT and its like. The forms are many (`30`, `DURATION=30`, `10.5/30`), so what is no length is no mistake.
pub(super) fn cue(tag: Tag, value: &str) -> Option<Cue> {
    let mut parts = value.split(',').map(trim);
    let out = || {
        // Whatever stands before it, the last value is the length.
        let last = value.rsplit('=').next().unwrap_or(value);
        Some(Cue::Out {
            seconds: seconds(last.trim_matches('"')),
        })
    };
    match tag {
        Tag::CueOut => out(),
        Tag::CueContinued => Some(Cue::Continued),
        Tag::CueIn => Some(Cue::In),
        _ => parts.find_map(|part| match part {
            "CUE-OUT=YES" => out(),
            "CUE-OUT=CONT" => Some(Cue::Continued),
            "CUE-IN=YES" => Some(Cue::In),
            _ => None,
        }),
    }
}

/// EXT-X-DATERANGE; None, with a warning, without ID.
pub(super) fn date_range(
    attributes: &Attributes<'_>,
    scope: &mut Scope<'_>,
) -> Result<Option<DateRange>, Box<PlaylistError>> {
    let Some(id) = scope.required(attributes, "ID")? else {
        return Ok(None);
    };
    let mut range = DateRange {
        id,
        line: attributes.line,
        ..DateRange::default()
    };
    for (name, _) in attributes.iter() {
        match name {
            "ID" => {}
            "CLASS" => range.class = scope.text(attributes, name)?,
            "START-DATE" => range.start_date = scope.text(attributes, name)?,
            "END-DATE" => range.end_date = scope.text(attributes, name)?,
            "DURATION" => range.duration_seconds = scope.seconds(attributes, name),
            "PLANNED-DURATION" => range.planned_duration_seconds = scope.seconds(attributes, name),
            "SCTE35-CMD" => range.scte35_cmd = scope.text(attributes, name)?,
            "SCTE35-OUT" => range.scte35_out = scope.text(attributes, name)?,
            "SCTE35-IN" => range.scte35_in = scope.text(attributes, name)?,
            "END-ON-NEXT" => range.end_on_next = scope.yes(attributes, name),
            _ => range
                .attributes
                .push((name.to_owned(), scope.text(attributes, name)?.unwrap_or_default())),
        }
    }
    Ok(Some(range))
}

/// EXT-X-PRELOAD-HINT; None, with a warning, without TYPE or URI.
pub(super) fn preload_hint(
    attributes: &Attributes<'_>,
    scope: &mut Scope<'_>,
) -> Result<Option<PreloadHint>, Box<PlaylistError>> {
    scope.required(attributes, "TYPE")?;
    let hint_type = scope.word(attributes, "TYPE")?.filter(|word| !word.is_empty());
    let uri = scope.required_reference(attributes, "URI")?;
    let (Some(hint_type), Some(uri)) = (hint_type, uri) else {
        return Ok(None);
    };
    let range_start = scope.integer(attributes, "BYTERANGE-START");
    let range_length = scope.integer(attributes, "BYTERANGE-LENGTH");
    Ok(Some(PreloadHint {
        hint_type,
        uri,
        range_start,
        range_length,
    }))
}

/// EXT-X-RENDITION-REPORT; None, with a warning, without URI.
pub(super) fn rendition_report(
    attributes: &Attributes<'_>,
    scope: &mut Scope<'_>,
) -> Result<Option<RenditionReport>, Box<PlaylistError>> {
    let Some(uri) = scope.required_reference(attributes, "URI")? else {
        return Ok(None);
    };
    let last_msn = scope.integer(attributes, "LAST-MSN");
    let last_part = scope.integer(attributes, "LAST-PART");
    Ok(Some(RenditionReport {
        uri,
        last_msn,
        last_part,
    }))
}
