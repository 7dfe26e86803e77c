//! `weir get` on fragmented MP4: when maps are asked for, and how often.

use std::fmt::Write as _;
use std::sync::mpsc;
use std::time::Duration;

use weir_tests::binary::Home;
use weir_tests::origin::{Gate, Origin, Reply};

use super::cli_keys::{check_same, fragmented};

/// The map of each segment: one comes back.
const MAPS: [usize; 6] = [0, 0, 1, 1, 0, 0];

/// No segment comes before both maps were asked for: the first segment of each would wait for a round trip more else.
#[test]
fn maps_are_asked_for_while_their_segments_are_under_way() {
    let (origin, home, gate) = (Origin::start().unwrap(), Home::new().unwrap(), Gate::new());
    let Some((map, segments)) = fragmented(&origin) else {
        return;
    };
    let (asked, maps) = mpsc::channel();
    for name in ["/m0.mp4", "/m1.mp4"] {
        let (asked, map) = (asked.clone(), map.clone());
        origin.route(name, move |_| {
            let _ = asked.send(());
            Reply::ok(map.clone())
        });
    }
    let mut text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n".to_owned();
    for (index, (segment, map)) in segments.into_iter().zip(MAPS).enumerate() {
        origin.reply(&format!("/f{index}.m4s"), Reply::ok(segment).after(&gate));
        write!(text, "#EXT-X-MAP:URI=\"m{map}.mp4\"\n#EXTINF:2,\nf{index}.m4s\n").unwrap();
    }
    text.push_str("#EXT-X-ENDLIST\n");
    origin.reply("/fragmented.m3u8", Reply::ok(text));
    let all = std::thread::spawn(move || {
        let in_time = [0, 1].map(|_| maps.recv_timeout(Duration::from_secs(10)).is_ok());
        gate.open();
        in_time
    });
    check_same(&home, &origin, &origin.url("/fragmented.m3u8"), &[], "mp4");
    assert_eq!(
        all.join().unwrap(),
        [true; 2],
        "a map was asked for after its segment"
    );
    for name in ["/m0.mp4", "/m1.mp4"] {
        assert_eq!(origin.requests_for(name).len(), 1, "{name}");
    }
}
