//! Samples that wait to be decrypted when a capture is killed: their keys are on no disk, so they are asked for again.

use std::fmt::Write as _;

use weir_tests::streams::sample_aes::{self, Cut, KeyAndIv, Types};

use super::secrets::check_nothing_secret;
use super::*;

const SEGMENTS: usize = 4;

fn pair(segment: usize) -> KeyAndIv {
    let mut key = *b"no key like it ?";
    key[15] = b'0' + u8::try_from(segment).unwrap();
    KeyAndIv { key, iv: [7; 16] }
}

/// The playlist of these segments, whose end is this.
fn playlist(segments: std::ops::Range<usize>, end: &str) -> Reply {
    let mut text = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{}\n",
        segments.start
    );
    let iv = "07".repeat(16);
    for segment in segments {
        let key = format!("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k{segment}\",IV=0x{iv}");
        writeln!(text, "{key}\n#EXTINF:2,\nindex{segment}.ts").unwrap();
    }
    Reply::ok(text + end).with_type("application/vnd.apple.mpegurl")
}

/// The committed stream as SAMPLE-AES, with another key in each segment. Its units go on from one segment into the next.
fn origin() -> Origin {
    let origin = Origin::start().unwrap();
    for segment in 0..SEGMENTS {
        let clear = fs::read(committed_stream().join(format!("high/seg00{segment}.ts"))).unwrap();
        let encrypted =
            sample_aes::transport_stream(&clear, Types::Encrypted, Cut::AsBefore, |_| pair(segment));
        origin.reply(
            &format!("/index{segment}.ts"),
            Reply::ok(encrypted.unwrap().packets),
        );
        origin.reply(&format!("/k{segment}"), Reply::ok(pair(segment).key.to_vec()));
    }
    origin.reply("/index.m3u8", playlist(0..SEGMENTS, "#EXT-X-ENDLIST\n"));
    origin
}

#[test]
fn samples_that_wait_for_their_key_are_gone_on_with() {
    let origin = origin();
    let url = origin.url("/index.m3u8");
    for (output, container) in [("film.mp4", "mp4"), ("film.mkv", "mkv"), ("film.ts", "ts")] {
        let (home, other) = (Home::new().unwrap(), Home::new().unwrap());
        let options = ["--concurrency", "1", "--container", container];
        interrupted(&home, &origin, "/index.m3u8", output, 2, &options);
        let keys: Vec<_> = (0..SEGMENTS).map(|segment| pair(segment).key).collect();
        let secrets: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
        check_nothing_secret(&home, container, &secrets);
        let options = [&options[..], &["-o", output]].concat();
        if container != "ts" {
            origin.reply("/k1", Reply::status(403));
            let output = get(&home, &url, &options);
            check_exit(&output, 1);
            let event = last_event(&output).unwrap();
            assert_eq!(event["error"]["code"], "bad-key", "{event}");
            assert_eq!(jobs(&home)[0]["state"], "interrupted", "what there is stays");
            origin.reply("/k1", Reply::ok(pair(1).key.to_vec()));
        }
        let before = asked(&origin);
        check_exit(&get(&home, &url, &options), 0);
        let after = asked(&origin);
        for segment in 0..SEGMENTS {
            let name = format!("/index{segment}.ts");
            let again = after[&name] - before.get(&name).unwrap_or(&0);
            assert_eq!(again, usize::from(segment >= 2), "{output}: {name}");
        }
        check_exit(&get(&other, &url, &options), 0);
        let read = |home: &Home| fs::read(home.path().join(output)).unwrap();
        assert!(read(&home) == read(&other), "{output} has other bytes");
        assert_eq!(media::decode_errors(&home.path().join(output)).unwrap(), "");
        check_nothing_secret(&home, container, &secrets);
    }
}

/// Nothing tells the key of what left the playlist of a live stream: what was recorded stays, and another file is begun.
#[test]
fn samples_whose_segment_is_listed_no_more_are_told() {
    let origin = origin();
    let url = origin.url("/live.m3u8");
    origin.reply("/live.m3u8", playlist(0..2, ""));
    let home = Home::new().unwrap();
    let mut child = start(&home, &url, "film.mp4", &[]);
    wait_until("both are in the file", || {
        jobs(&home)
            .first()
            .is_some_and(|job| job["segments"]["merged"] == 2)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    origin.reply("/live.m3u8", playlist(2..4, "#EXT-X-ENDLIST\n"));
    let resumed = home.run(["resume", "1"]).unwrap();
    check_exit(&resumed, 1);
    let event = last_event(&resumed).unwrap();
    let message = event["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("does not list it any more; what was written is kept"),
        "{message}"
    );
    assert_eq!(jobs(&home)[0]["state"], "interrupted");
    let output = get(&home, &url, &["-o", "film.mp4"]);
    check_exit(&output, 0);
    let event = last_event(&output).unwrap();
    let note = event["warnings"][0].as_str().unwrap();
    assert!(note.contains("does not list it any more; "), "{note}");
    let names: Vec<String> = home.files(home.path()).unwrap();
    for name in ["film (2).mp4", "film.mp4.part"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
    assert_eq!(
        media::decode_errors(&home.path().join("film (2).mp4")).unwrap(),
        ""
    );
}
