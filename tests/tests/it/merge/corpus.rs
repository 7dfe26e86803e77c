//! Real streams of the corpus (see CORPUS.tsv there for what each is about).

use std::path::PathBuf;

use super::*;

/// Where the corpus is: `WEIR_CORPUS`, or beside the checkouts. It is not part of the repository.
pub(super) fn corpus(test: &str) -> Option<PathBuf> {
    let folder =
        std::env::var_os("WEIR_CORPUS").map_or_else(|| PathBuf::from("/work/shared/corpus"), PathBuf::from);
    let there = folder.join("CORPUS.tsv").is_file();
    if !there {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!(
                "skipped {test}: no corpus at {} (set WEIR_CORPUS)",
                folder.display()
            );
        }
    }
    (there && !media::skip_without_ffmpeg(test)).then_some(folder)
}

fn check(test: &str, path: &str, names: &[&str]) {
    let Some(corpus) = corpus(test) else { return };
    let folder = folder();
    check_one_playlist(
        Playlist::of_files(path_list(&corpus.join(path), names)),
        folder.path(),
    );
}

macro_rules! equal_to_ffmpeg {
    ($($name:ident: $path:literal, $names:expr;)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name), $path, &$names);
        })*
    };
}

equal_to_ffmpeg! {
    b_frames: "shaka-player/hls-ts-b-frames", ["1.ts"];
    nal_units_across_pes_packets: "shaka-player/hls-ts-muxed-aac-h264-with-overflow-nalus", ["fileSequence0.ts"];
    timestamp_wrap: "shaka-player/hls-ts-rollover", [
        "360p30_h264_48k_160_aac_ts-0000000027.ts",
        "360p30_h264_48k_160_aac_ts-0000000028.ts",
        "360p30_h264_48k_160_aac_ts-0000000029.ts",
    ];
    video_alone: "shaka-player/hls-multivideo", ["red_1.ts"];
    audio_alone: "shaka-player/hls-multivideo", ["original_128k.ts"];
    timed_metadata_is_left_out: "shaka-player/assets", ["id3-metadata.ts"];
    no_access_unit_delimiters: "media/ts", ["sample_h264_no_access_unit_delimiters.ts"];
    tables_behind_their_packets: "mux.js/segments", ["test-middle-pat-pmt.ts"];
    hevc_main_10: "shaka-player/hls-ts-h265", ["0.ts"];
    hevc_delimiters_with_trailing_zero: "media/ts", ["sample_h265.ts"];
    mp3_and_timed_metadata: "shaka-player/hls-ts-mp3", ["media_w239891843_0.ts"];
    h264_and_mpeg_layer_2: "media/ts", ["sample_h264_mpeg_audio.ts"];
    enhanced_ac3: "media/ts", ["sample_eac3.ts"];
    packed_aac_with_timestamps: "shaka-player/hls-raw-aac",
        ["fileSequence0.aac", "fileSequence1.aac", "fileSequence2.aac", "fileSequence3.aac"];
    fragmented_with_empty_edit: "shaka-player/hls-mp4-muxed-aac-h264", ["init.mp4", "hls11.m4s"];
    fragmented_two_segments: "media/multi-segment", ["init.mp4", "playlist0.m4s", "playlist1.m4s"];
    fragmented_single_file: "mp4ff/testdata", ["cbcsdec.mp4"];
}

#[test]
fn opus_of_60_ms() {
    let Some(corpus) = corpus("opus_of_60_ms") else {
        return;
    };
    let folder = folder();
    let source = corpus.join("shaka-player/hls-ts-muxed-opus-h264-2880/segment.ts");
    for (container, name) in [(Container::Mp4, "ours.mp4"), (Container::Mkv, "ours.mkv")] {
        let ours = folder.path().join(name);
        let merged = merge_as(container, &[Playlist::of_files([&source])], &ours);
        let expected = packets_of_transport_stream(&source, folder.path());
        media::compare_streams(&media::packets(&ours).unwrap(), &expected).unwrap();
        check_sound(&ours, &merged);
    }
}

#[test]
fn packed_aac_with_tags_between_frames() {
    let Some(corpus) = corpus("packed_aac_with_tags_between_frames") else {
        return;
    };
    let folder = folder();
    let source = corpus.join("media/ts/sample_with_id3.adts");
    let (ours, _, reference) = in_folder(folder.path());
    let merged = merge(&[Playlist::of_files([&source])], &ours);
    // ffmpeg takes the picture in the first tag for a video.
    let (input, output) = (source.to_str().unwrap(), reference.to_str().unwrap());
    media::ffmpeg(["-i", input, "-vn", "-c", "copy", output]).unwrap();
    media::compare(&ours, &reference).unwrap();
    check_sound(&ours, &merged);
}

#[test]
fn announced_audio_that_never_comes() {
    let Some(corpus) = corpus("announced_audio_that_never_comes") else {
        return;
    };
    let folder = folder();
    let source = corpus.join("mux.js/segments/test-no-audio-segment.ts");
    let (ours, reference) = (
        folder.path().join("ours.mp4"),
        folder.path().join("reference.mp4"),
    );
    let merged = merge(&[Playlist::of_files([&source])], &ours);
    // ffmpeg cannot write the track that has no sample; Weir makes none.
    media::ffmpeg([
        "-i".as_ref(),
        source.as_os_str(),
        "-an".as_ref(),
        "-c".as_ref(),
        "copy".as_ref(),
        reference.as_os_str(),
    ])
    .unwrap();
    media::compare(&ours, &reference).unwrap();
    check_sound(&ours, &merged);
}

#[test]
fn discontinuity_goes_on_without_a_hole() {
    let Some(corpus) = corpus("discontinuity_goes_on_without_a_hole") else {
        return;
    };
    let folder = folder();
    let mut playlist = Playlist::of_files(path_list(
        &corpus.join("shaka-player/hls-text-offset"),
        &["video-071.ts", "video-072.ts"],
    ));
    playlist.segments[1].discontinuity = true;
    let (ours, source, reference) = in_folder(folder.path());
    playlist.concatenate(&source);
    let merged = merge(&[playlist], &ours);
    media::remux(&source, &reference).unwrap();
    let streams = media::packets(&ours).unwrap();
    media::compare_payloads(&streams, &media::packets(&reference).unwrap()).unwrap();
    check_sound(&ours, &merged);
    check_no_jump(&streams);
}
