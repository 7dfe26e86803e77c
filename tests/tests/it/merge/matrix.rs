//! Every codec in every kind of segment, delivered in every way: `weir get` of it holds what `ffmpeg -c copy` makes of the
//! same segments. Each elementary stream is encoded once (under `target/streams`); cells are copies of them.
//!
//! What is delivered in other ways has the same samples, so the file must be the same to the byte: one cell of each
//! group is compared with ffmpeg packet by packet, the others with that one. So encrypted cells are compared with the
//! clear source too.

mod deliveries;
mod pieces;

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use weir_tests::origin::Origin;
use weir_tests::program;

use self::deliveries::{deliveries, publish};
use self::pieces::{Kind, Piece, piece};
use super::*;

/// `weir get`: the event that it ends with.
fn get(url: &str, output: &Path) -> Value {
    let run = Command::new(program::weir().unwrap())
        .args(["get", url, "--allow-private", "--json", "-o"])
        .arg(output)
        .env("HOME", output.parent().unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    let last = text.lines().last();
    last.map_or_else(
        || panic!("{url}: {}", String::from_utf8_lossy(&run.stderr)),
        |line| serde_json::from_str(line).unwrap(),
    )
}

/// One group: these codecs in this kind of segment, with or without a discontinuity.
fn group(kind: Kind, codecs: &[&str], origin: &Origin, table: &mut String) {
    let folder = folder();
    let first = piece(&folder.path().join("first"), kind, codecs, 0);
    let second = piece(&folder.path().join("second"), kind, codecs, 1000);
    for pieces in [&[&first][..], &[&first, &second]] {
        let joint = if pieces.len() > 1 {
            "discontinuity"
        } else {
            "one piece"
        };
        // One address for all deliveries, each in the place of the one before: a file says where it comes from.
        let address = format!("/{kind:?}-{}-{joint}", codecs.join("-")).replace(' ', "-");
        let mut expected: Option<Vec<u8>> = None;
        let deliveries = deliveries(kind, codecs);
        for &(protection, delivery) in &deliveries {
            let label = format!(
                "{kind:?} {} {joint}: {protection:?} {delivery:?}",
                codecs.join("+")
            );
            let path = publish(origin, &address, pieces, protection, delivery);
            let ours = folder
                .path()
                .join(format!("{}.mp4", label.replace([' ', ':'], "-")));
            let event = get(&origin.url(&path), &ours);
            assert_eq!(event["verdict"], "complete", "{label}: {event}");
            let data = fs::read(&ours).unwrap();
            if let Some(expected) = &expected {
                assert!(data == *expected, "{label}: not the file of the first delivery");
            } else {
                check_pieces(&ours, pieces, &label);
                expected = Some(data);
            }
            fs::remove_file(&ours).unwrap();
        }
        writeln!(
            table,
            "{:7} {:10} {joint:14} {}",
            format!("{kind:?}"),
            codecs.join("+"),
            deliveries::summary(&deliveries)
        )
        .unwrap();
    }
}

/// The file decodes without a word, and each piece in it is ffmpeg's copy of it.
fn check_pieces(ours: &Path, pieces: &[&Piece], label: &str) {
    assert_eq!(media::decode_errors(ours).unwrap(), "", "{label}");
    let mut rest = media::packets(ours).unwrap();
    for piece in pieces {
        let mut part = rest.clone();
        for expected in &piece.reference {
            let found = part
                .iter_mut()
                .zip(&mut rest)
                .find(|(part, _)| part.kind == expected.kind);
            let (part, rest) = found.unwrap_or_else(|| panic!("{label}: no {}", expected.kind));
            assert!(
                part.packets.len() >= expected.packets.len(),
                "{label}: {} packets",
                part.packets.len()
            );
            part.packets.truncate(expected.packets.len());
            rest.packets.drain(..expected.packets.len());
        }
        media::compare_streams(&part, &piece.reference).unwrap_or_else(|error| panic!("{label}: {error}"));
    }
    for stream in rest {
        assert_eq!(stream.packets, [], "{label}: more than the pieces have");
    }
}

fn matrix(test: &str, kind: Kind, videos: &[&str], audios: &[&str]) {
    if media::skip_without_ffmpeg(test) {
        return;
    }
    let origin = Origin::start().unwrap();
    let mut table = String::new();
    for audio in audios {
        if videos.is_empty() {
            group(kind, &[audio], &origin, &mut table);
        }
        for video in videos {
            group(kind, &[video, audio], &origin, &mut table);
        }
    }
    #[expect(clippy::print_stdout, reason = "the table is for people")]
    {
        println!("{table}");
    }
}

#[test]
fn matrix_of_transport_streams() {
    matrix(
        "matrix_of_transport_streams",
        Kind::Ts,
        &["h264", "hevc"],
        &["aac", "mp3", "ac3", "eac3"],
    );
}

#[test]
fn matrix_of_fragmented_mp4() {
    matrix(
        "matrix_of_fragmented_mp4",
        Kind::Fmp4,
        &["h264", "hevc"],
        &["aac", "mp3", "ac3", "eac3", "opus"],
    );
}

#[test]
fn matrix_of_packed_audio() {
    matrix(
        "matrix_of_packed_audio",
        Kind::Packed,
        &[],
        &["aac", "mp3", "ac3", "eac3"],
    );
}
