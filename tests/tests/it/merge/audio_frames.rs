//! The rules of audio in frames: what headers say, and what they leave open.

use super::mux::{Mux, audio};
use super::rules::{AAC, audio_ticks, cut_into_pes, made, merged, refusal};
use super::*;

const MPEG_AUDIO: u8 = 0x03;
const TONE: &str = "-f lavfi -i sine=sample_rate=44100 -t 2 -c:a aac -b:a 96k -ac 2";

/// ADTS with checksums: two bytes more in each header, the same samples.
#[test]
fn adts_with_checksums_and_with_several_blocks() {
    if media::skip_without_ffmpeg("adts_with_checksums_and_with_several_blocks") {
        return;
    }
    let frames = generated::adts_frames(&made(TONE, "aac"));
    let one_pes = |frames: &[Vec<u8>]| cut_into_pes(audio(AAC), frames, audio_ticks, &[]);
    let (expected, _) = merged([one_pes(&frames)]);
    let with_checksum: Vec<Vec<u8>> = frames
        .iter()
        .map(|frame| adts(&[frame], Checksum::Present))
        .collect();
    assert_eq!(merged([one_pes(&with_checksum)]).0, expected);
    assert_eq!(merged([with_checksum.concat()]).0, expected, "packed");
    let blocks = |checksum| -> Vec<Vec<u8>> {
        let frames: Vec<&Vec<u8>> = frames.iter().collect();
        frames.chunks(3).map(|frames| adts(frames, checksum)).collect()
    };
    assert_eq!(merged([one_pes(&blocks(Checksum::Present))]).0, expected);
    assert_eq!(merged([blocks(Checksum::Present).concat()]).0, expected, "packed");
    // Without checksums nothing says where the blocks begin.
    let name =
        "AAC with several blocks in an ADTS frame that does not say where they begin is not supported yet";
    for segment in [
        one_pes(&blocks(Checksum::Absent)),
        blocks(Checksum::Absent).concat(),
    ] {
        assert_eq!(refusal(segment), format!("segment 1 of track 0: {name}"));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checksum {
    Present,
    Absent,
}

/// them are rare, and merging does not.
fn adts(frames: &[&Vec<u8>], checksum: Checksum) -> Vec<u8> {
    const HEADER_BYTES: usize = 7;
    let blocks: Vec<&[u8]> = frames.iter().map(|frame| &frame[HEADER_BYTES..]).collect();
    let mut body = Vec::new();
    let mut positions = Vec::new();
    for block in &blocks {
        positions.push(u16::try_from(body.len()).unwrap());
        body.extend_from_slice(block);
        if checksum == Checksum::Present && blocks.len() > 1 {
            body.extend([0, 0]);
        }
    }
    let mut extra = Vec::new();
    if checksum == Checksum::Present {
        extra.extend(
            positions
                .iter()
                .skip(1)
                .flat_map(|position| position.to_be_bytes()),
        );
        extra.extend([0, 0]);
    }
    let length = HEADER_BYTES + extra.len() + body.len();
    let mut frame = frames[0][..HEADER_BYTES].to_vec();
    frame[1] = frame[1] & 0xfe | u8::from(checksum == Checksum::Absent);
    frame[3] = frame[3] & 0xfc | u8::try_from(length >> 11).unwrap();
    frame[4] = u8::try_from(length >> 3 & 0xff).unwrap();
    frame[5] = frame[5] & 0x1f | u8::try_from(length << 5 & 0xe0).unwrap();
    frame[6] = frame[6] & 0xfc | u8::try_from(blocks.len() - 1).unwrap();
    [frame, extra, body].concat()
}

/// HE-AAC in ADTS is announced as the AAC-LC that its header tells of (implicit signalling), as ffmpeg does.
#[test]
fn audio_configuration_is_that_of_the_adts_header() {
    /// `DecoderSpecificInfo`: object type 2, 44.1 kHz, two channels, no extension.
    const SPECIFIC_INFO: &[u8] = &[0x05, 0x80, 0x80, 0x80, 0x02, 0x12, 0x10];
    if media::skip_without_ffmpeg("audio_configuration_is_that_of_the_adts_header") {
        return;
    }
    let folder = folder();
    let (source, reference) = (folder.path().join("in.aac"), folder.path().join("reference.mp4"));
    fs::write(&source, made(TONE, "aac")).unwrap();
    media::remux(&source, &reference).unwrap();
    let ours = folder.path().join("ours.mp4");
    merge(&[Playlist::of_files([&source])], &ours);
    assert!(contains(&read(&ours), SPECIFIC_INFO));
    assert!(contains(&read(&reference), &SPECIFIC_INFO[5..]));
}

/// MP3 whose frames do not tell their length is refused by name; it used to be left out without a word.
#[test]
fn free_format_is_refused() {
    if media::skip_without_ffmpeg("free_format_is_refused") {
        return;
    }
    let options =
        "-f lavfi -i sine=sample_rate=48000 -t 2 -c:a libmp3lame -b:a 64k -write_xing 0 -id3v2_version 0";
    let mut data = made(options, "mp3").to_vec();
    let length = 144 * 64_000 / 48_000;
    assert_eq!(data.len() % length, 0);
    for header in data.chunks_mut(length) {
        assert_eq!(header[0], 0xff);
        header[2] &= 0x0f;
    }
    let stream = audio(MPEG_AUDIO);
    let mut mux = Mux::new(&[stream]);
    for (number, frames) in data.chunks(length * 8).enumerate() {
        mux.pes(stream, Some(90_000 + number as u64 * 8 * 2160), frames);
    }
    for segment in [mux.bytes, data] {
        let words = "segment 1 of track 0: MPEG audio in free format is not supported yet";
        assert_eq!(refusal(segment), words);
    }
}

/// AC-3 at its three rates; at 44.1 kHz frames of two lengths alternate.
#[test]
fn ac3_at_every_rate() {
    if media::skip_without_ffmpeg("ac3_at_every_rate") {
        return;
    }
    for rate in ["48000", "44100", "32000"] {
        for codec in ["ac3", "eac3"] {
            let folder = folder();
            let path = folder.path().join("in.ts");
            let options = format!("-f lavfi -i sine=sample_rate={rate} -t 3 -c:a {codec} -b:a 128k -ac 2");
            fs::write(&path, made(&options, "ts")).unwrap();
            check_one_playlist(Playlist::of_files([&path]), folder.path());
        }
    }
}

/// Some muxers announce E-AC-3 as AC-3 (0x81). The frames say which it is.
#[test]
fn enhanced_ac3_announced_as_ac3() {
    if media::skip_without_ffmpeg("enhanced_ac3_announced_as_ac3") {
        return;
    }
    let options = "-f lavfi -i sine=sample_rate=48000 -t 2 -c:a eac3 -b:a 96k -ac 2";
    let data = made(options, "eac3");
    let length = 96_000 / 8 * 1536 / 48_000;
    let frames: Vec<Vec<u8>> = data.chunks(length).map(<[u8]>::to_vec).collect();
    assert!(frames.iter().all(|frame| frame.starts_with(&[0x0b, 0x77])));
    let ticks = |frame: usize| 90_000 + frame as u64 * 1536 * 90_000 / 48_000;
    let every_fourth: Vec<usize> = (1..frames.len() / 4).map(|group| group * 4 * length).collect();
    let announced_as = |kind: u8| merged([cut_into_pes(audio(kind), &frames, ticks, &every_fourth)]);
    let (found, merged) = announced_as(0x81);
    assert_eq!(merged.tracks[0].codec, "ec-3");
    assert_eq!(merged.tracks[0].samples, frames.len() as u64);
    assert_eq!(found, announced_as(0x87).0);
}
