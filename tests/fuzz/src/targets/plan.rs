//! Plans: built from any playlist, cut, searched for advertising, and read as they come over the port.

use crate::playlists::{base, read};
use std::collections::HashSet;

use weir_core::plan::{self, CheckPolicy, ChosenTrack, Languages, Quality, Rule, Selection, Span};
use weir_core::playlist::{Media, Multivariant, Playlist};
use weir_core::protocol::{CapturePlan, MediaSequence};

const POLICY: CheckPolicy = CheckPolicy {
    private_addresses: Rule::Allow,
    downgrades: Rule::Allow,
};

pub(crate) fn run(data: &[u8]) {
    if let Ok(plan) = serde_json::from_slice::<CapturePlan>(data) {
        let _ = plan.check(CheckPolicy::default());
        if plan.check(POLICY).is_ok() {
            check(&plan);
        }
        return;
    }
    match read(data).map(|reading| reading.playlist) {
        Ok(Playlist::Multivariant(playlist)) => choose(&playlist),
        Ok(Playlist::Media(media)) => build(media),
        Ok(Playlist::List(_)) | Err(_) => {}
    }
}

/// Whatever is asked for, what is chosen is something that can be fetched, once each.
fn choose(playlist: &Multivariant) {
    for quality in [
        Quality::Best,
        Quality::Worst,
        Quality::MaxHeight(720),
        Quality::MaxBandwidth(1 << 20),
    ] {
        for languages in [
            Languages::Default,
            Languages::None,
            Languages::All,
            Languages::Language("en".to_owned()),
        ] {
            let selection = Selection {
                quality: quality.clone(),
                audio: languages.clone(),
                subtitles: languages,
            };
            match plan::choose(playlist, &selection) {
                Ok(tracks) => assert!(!tracks.is_empty()),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
}

fn build(media: Media) {
    let tracks = [(ChosenTrack::only(base()), media)];
    let advertising = plan::find_advertising(&tracks);
    let Ok(plan) = plan::build(&base(), None, &tracks) else {
        return;
    };
    // What was built here passes the check of the other side.
    assert_eq!(plan.check(POLICY), Ok(()));
    check(&plan);
    let segments = plan.tracks.iter().flat_map(|track| &track.segments);
    let known: HashSet<MediaSequence> = segments.map(|segment| segment.sequence).collect();
    let has = |sequence: MediaSequence| known.contains(&sequence);
    for found in advertising.iter().flat_map(|found| &found.breaks) {
        for segments in &found.segments {
            assert!(segments.first <= segments.last);
            assert!(has(segments.first) && has(segments.last));
        }
    }
    for span in [
        Span {
            start_seconds: 1.0,
            end_seconds: Some(9.5),
        },
        Span {
            start_seconds: 7.0,
            end_seconds: None,
        },
    ] {
        let mut part = plan.clone();
        if let Ok(cut) = plan::cut(&mut part, span) {
            assert!(cut.start_seconds <= cut.end_seconds, "{cut:?}");
            assert_eq!(part.check(POLICY), Ok(()));
            assert!(part.tracks.iter().all(|track| !track.segments.is_empty()));
            let segments = part.tracks.iter().flat_map(|track| &track.segments);
            assert!(segments.map(|segment| segment.sequence).all(has));
        }
    }
}

/// A plan that passed its check: numbers rise, ranges end within what can be counted, and nothing is lost on the wire.
fn check(plan: &CapturePlan) {
    for track in &plan.tracks {
        assert!(track.segments.is_sorted_by(|a, b| a.sequence < b.sequence));
        for segment in &track.segments {
            let maps = segment.map.iter().filter_map(|map| map.range);
            for range in segment.range.into_iter().chain(maps) {
                assert!(range.length() > 0);
                assert_eq!(range.offset().checked_add(range.length()), Some(range.end()));
            }
        }
    }
    let written = serde_json::to_string(plan).expect("a plan can be written");
    let again: CapturePlan = serde_json::from_str(&written).expect("what was written can be read");
    // Fractions lose their last bit in JSON.
    let without_durations = |plan: &CapturePlan| {
        let mut plan = plan.clone();
        for segment in plan.tracks.iter_mut().flat_map(|track| &mut track.segments) {
            segment.duration_seconds = segment.duration_seconds.map(f64::round);
        }
        plan
    };
    assert_eq!(without_durations(&again), without_durations(plan));
}
