//! Plans: built from any playlist, and read as they come over the port.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_core::plan::{self, CheckPolicy, ChosenTrack, Rule, Selection};
use weir_core::playlist::{self, Playlist};
use weir_core::protocol::CapturePlan;
use weir_core::url::AbsoluteUrl;

fuzz_target!(|data: &[u8]| {
    let policy = CheckPolicy {
        private_addresses: Rule::Allow,
        downgrades: Rule::Allow,
    };
    if let Ok(plan) = serde_json::from_slice::<CapturePlan>(data) {
        let _ = plan.check(policy);
        return;
    }
    let base = AbsoluteUrl::parse("https://media.example/a/list.m3u8").unwrap();
    let Ok(reading) = playlist::read(data, Some(&base)) else {
        return;
    };
    match reading.playlist {
        Playlist::Multivariant(playlist) => {
            if let Ok(tracks) = plan::choose(&playlist, &Selection::default()) {
                assert!(!tracks.is_empty());
            }
        }
        Playlist::Media(media) => {
            if let Ok(plan) = plan::build(&base, None, &[(ChosenTrack::only(base.clone()), media)]) {
                // What was built here passes the check of the other side, and survives the way there.
                assert_eq!(plan.check(policy), Ok(()));
                let written = serde_json::to_string(&plan).unwrap();
                let again: CapturePlan = serde_json::from_str(&written).unwrap();
                assert_eq!(again.tracks[0].segments.len(), plan.tracks[0].segments.len());
            }
        }
        Playlist::List(_) => {}
    }
});
