//! A live playlist, read again and again: texts with a record separator between. Numbers rise, what is missing lies
//! before what comes, and nothing comes twice when the same is read twice.

use crate::playlists::{base, read};
use weir_core::plan::live::{Course, Follower};
use weir_core::plan::{self, ChosenTrack};
use weir_core::playlist::{self, Media, Playlist, PlaylistError, Reading};

const SEPARATOR: u8 = 0x1e;

pub(crate) fn run(data: &[u8]) {
    let url = base();
    let mut texts = data.split(|&byte| byte == SEPARATOR);
    let Some(mut previous) = texts.next().and_then(|text| media(read(text))) else {
        return;
    };
    let tracks = [(ChosenTrack::only(url.clone()), previous.clone())];
    let Ok(mut plan) = plan::build(&url, None, &tracks) else {
        return;
    };
    let mut follower = Follower::new(&mut plan.tracks[0].segments);
    for text in texts {
        let Some(media) = media(playlist::read_update(text, Some(&url), None, &previous)) else {
            continue;
        };
        // A stream that moves to another variant now and then.
        if text.len() % 16 == 15 {
            follower.moved();
        }
        let seconds = (text.len() % 64) as f64;
        let Ok(update) = follower.update(&url, &media, seconds) else {
            continue;
        };
        assert!(update.segments.is_sorted_by(|a, b| a.sequence < b.sequence));
        assert!(update.course != Course::Stale || update.segments.is_empty());
        if let Some(missed) = update.missed {
            assert!(missed.count > 0 && missed.seconds() >= 0.0, "{missed:?}");
            let first = update
                .segments
                .first()
                .expect("something came behind what is missing");
            assert!(missed.first.0 + missed.count <= first.sequence.0, "{missed:?}");
        }
        if update.course != Course::Stale {
            let again = follower
                .clone()
                .update(&url, &media, 0.0)
                .expect("it was planned before");
            assert_eq!(again.segments, [], "after {update:?}");
            assert_eq!(again.missed, None);
        }
        previous = media;
    }
}

fn media(reading: Result<Reading, PlaylistError>) -> Option<Media> {
    match reading.ok()?.playlist {
        Playlist::Media(media) => Some(media),
        Playlist::Multivariant(_) | Playlist::List(_) => None,
    }
}
