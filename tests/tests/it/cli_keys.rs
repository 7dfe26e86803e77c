//! `weir get` on encrypted streams: every method, keys from the playlist and from the command line, and refusals.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

use std::fmt::Write as _;
use std::fs;
use std::process::Output;

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _, StreamCipher as _};
use aes::{Aes128, Aes256};
use weir_tests::binary::{Home, last_event};
use weir_tests::media;
use weir_tests::origin::{Origin, Reply};
use weir_tests::streams::common_encryption::{self, Place, Protection, Scheme};
use weir_tests::streams::sample_aes::{self, Cut, KeyAndIv, Types};
use weir_tests::streams::{self, Kind, committed_stream};

use super::cli::{check_exit, get, origin};

const KEY: [u8; 16] = *b"a key of 16 byte";
const LONG_KEY: [u8; 32] = *b"a key that has 32 bytes: twice16";
const IV: [u8; 16] = *b"an IV, also of16";

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The segments of the committed stream.
pub(super) fn clear_segments() -> Vec<Vec<u8>> {
    let read = |n| fs::read(committed_stream().join(format!("high/seg00{n}.ts"))).unwrap();
    (0..4).map(read).collect()
}

/// Serves a playlist of these segments; `key` is the EXT-X-KEY line of each.
pub(super) fn serve(origin: &Origin, segments: Vec<Vec<u8>>, key: impl Fn(usize) -> String) -> String {
    let mut text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:5\n".to_owned();
    for (index, segment) in segments.into_iter().enumerate() {
        origin.reply(&format!("/e{index}.ts"), Reply::ok(segment));
        write!(text, "{}\n#EXTINF:2,\ne{index}.ts\n", key(index)).unwrap();
    }
    text.push_str("#EXT-X-ENDLIST\n");
    origin.reply("/encryption.m3u8", Reply::ok(text));
    origin.url("/encryption.m3u8")
}

/// The file as it is when it comes from `to` instead of `from`.
fn with_source(mut file: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let found = file
        .windows(from.len())
        .position(|bytes| bytes == from.as_bytes());
    if let Some(at) = found {
        file[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    file
}

/// Gets both streams and compares the files.
pub(super) fn check_same(home: &Home, origin: &Origin, url: &str, more: &[&str], extension: &str) {
    let (ours, clear) = (format!("ours.{extension}"), format!("clear.{extension}"));
    check_exit(&get(home, url, &[&["-o", &ours], more].concat()), 0);
    let clear_url = origin.url("/high/index.m3u8");
    check_exit(&get(home, &clear_url, &["-o", &clear]), 0);
    let read = |name: &str| fs::read(home.path().join(name)).unwrap();
    // Each file tells its source, whose URLs are equally long: it is all that may differ.
    let clear_read = with_source(read(&clear), &clear_url, url);
    assert!(read(&ours) == clear_read, "{url} {more:?}");
    fs::remove_file(home.path().join(ours)).unwrap();
    fs::remove_file(home.path().join(clear)).unwrap();
}

pub(super) fn check_error(output: &Output, exit: i32, code: &str, words: &str) {
    check_exit(output, exit);
    let error = last_event(output).unwrap()["error"].clone();
    assert_eq!(error["code"], code, "{error}");
    assert!(error["message"].as_str().unwrap().contains(words), "{error}");
}

fn sample_aes_segments() -> Vec<Vec<u8>> {
    let encrypt = |(index, clear): (usize, Vec<u8>)| {
        if index == 2 {
            return clear;
        }
        let pair = KeyAndIv { key: KEY, iv: IV };
        sample_aes::transport_stream(&clear, Types::Encrypted, Cut::AsBefore, |_| pair)
            .unwrap()
            .packets
    };
    clear_segments().into_iter().enumerate().map(encrypt).collect()
}

fn sample_aes_key(index: usize) -> String {
    if index == 2 {
        "#EXT-X-KEY:METHOD=NONE".to_owned()
    } else {
        format!("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\",IV=0x{}", hex(&IV))
    }
}

#[test]
fn sample_aes_with_a_clear_segment_between() {
    let (origin, home) = (origin(), Home::new().unwrap());
    origin.reply("/k", Reply::ok(KEY.to_vec()));
    let url = serve(&origin, sample_aes_segments(), sample_aes_key);
    check_same(&home, &origin, &url, &[], "mp4");
    assert_eq!(origin.requests_for("/k").len(), 1);

    origin.reply("/k", Reply::status(403));
    check_same(&home, &origin, &url, &["--key", &hex(&KEY)], "mp4");
    let wrong = get(&home, &url, &["-o", "x.mp4", "--key", &hex(&IV)]);
    check_error(
        &wrong,
        1,
        "decrypt",
        "wrong key or corrupt: the audio that comes out is noise",
    );

    // The packets of this stream are not those of the clear one; the times and the payloads are.
    for container in ["ts", "segments"] {
        let name = format!("kept-{container}");
        let kept = get(
            &home,
            &url,
            &["-o", &name, "--container", container, "--key", &hex(&KEY)],
        );
        check_exit(&kept, 0);
    }
}

type Encrypt<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

#[test]
fn whole_segments_with_every_method() {
    let (origin, home) = (origin(), Home::new().unwrap());
    origin.reply("/k16", Reply::ok(KEY.to_vec()));
    origin.reply("/k32", Reply::ok(LONG_KEY.to_vec()));
    let cbc128 = |clear: &[u8]| {
        cbc::Encryptor::<Aes128>::new(&KEY.into(), &IV.into()).encrypt_padded_vec::<Pkcs7>(clear)
    };
    let cbc256 = |clear: &[u8]| {
        cbc::Encryptor::<Aes256>::new(&LONG_KEY.into(), &IV.into()).encrypt_padded_vec::<Pkcs7>(clear)
    };
    let ctr256 = |clear: &[u8]| {
        let mut bytes = clear.to_vec();
        ctr::Ctr128BE::<Aes256>::new(&LONG_KEY.into(), &IV.into()).apply_keystream(&mut bytes);
        bytes
    };
    let methods: [(&str, &str, Encrypt<'_>); 3] = [
        ("AES-128", "k16", &cbc128),
        ("AES-256", "k32", &cbc256),
        ("AES-256-CTR", "k32", &ctr256),
    ];
    for (method, key, encrypt) in methods {
        let segments = clear_segments().iter().map(|clear| encrypt(clear)).collect();
        let line = |_| format!("#EXT-X-KEY:METHOD={method},URI=\"{key}\",IV=0x{}", hex(&IV));
        let url = serve(&origin, segments, line);
        check_same(&home, &origin, &url, &[], "ts");
        check_same(&home, &origin, &url, &[], "mp4");
    }
    // The playlist's method needs 32 bytes, and the server has 16.
    origin.reply("/k32", Reply::ok(KEY.to_vec()));
    let output = get(&home, &origin.url("/encryption.m3u8"), &["-o", "x.ts"]);
    check_error(&output, 1, "bad-key", "key is 16 bytes, needs 32");
    let output = get(
        &home,
        &origin.url("/encryption.m3u8"),
        &["-o", "x.ts", "--key", &hex(&KEY)],
    );
    check_error(
        &output,
        2,
        "usage",
        "AES-256-CTR needs a key of 32 bytes, and the one given has another length",
    );
    check_same(
        &home,
        &origin,
        &origin.url("/encryption.m3u8"),
        &["--key", &hex(&LONG_KEY)],
        "ts",
    );
}

/// bad-inputs 48.
#[test]
fn ciphertext_that_is_cut_off() {
    let (origin, home) = (origin(), Home::new().unwrap());
    origin.reply("/k", Reply::ok(KEY.to_vec()));
    let url = serve(&origin, vec![vec![7; 1000]], |_| {
        "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"".to_owned()
    });
    let output = get(&home, &url, &["-o", "x.ts"]);
    let words = "segment 5: truncated or not AES-CBC: 1000 bytes is no multiple of 16";
    check_error(&output, 1, "decrypt", words);
}

/// Implicit IVs from the media sequence, keys of several forms, one of them in the playlist.
#[test]
fn the_command_line_may_have_the_key() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let encrypt = |(index, clear): (usize, Vec<u8>)| {
        let iv = (index as u128 + 5).to_be_bytes();
        cbc::Encryptor::<Aes128>::new(&KEY.into(), &iv.into()).encrypt_padded_vec::<Pkcs7>(&clear)
    };
    let segments = || clear_segments().into_iter().enumerate().map(encrypt).collect();
    let encoded = "YSBrZXkgb2YgMTYgYnl0ZQ==";
    for uri in [
        format!("base64:{encoded}"),
        format!("data:text/plain;base64,{encoded}"),
        "gone".to_owned(),
    ] {
        let url = serve(&origin, segments(), |_| {
            format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{uri}\"")
        });
        if uri != "gone" {
            check_same(&home, &origin, &url, &[], "ts");
        }
    }
    let url = origin.url("/encryption.m3u8");
    let file = |name: &str, content: &[u8]| {
        fs::write(home.path().join(name), content).unwrap();
        name.to_owned()
    };
    let other = format!("{}:{}", "ab".repeat(16), "cd".repeat(16));
    let raw = file("raw.key", &KEY);
    let text = file("text.key", format!("{}\n", hex(&KEY)).as_bytes());
    let several = file(
        "several.key",
        format!("# two\n{other}\n{}\n", hex(&KEY)).as_bytes(),
    );
    for key in [&hex(&KEY), &hex(&KEY).to_uppercase(), &raw, &text, &several] {
        check_same(&home, &origin, &url, &["--key", key], "ts");
    }
    check_same(&home, &origin, &url, &["--key", &other, "--key", &raw], "ts");
    // A stream that nothing is said of.
    let unsaid = serve(&origin, segments(), |_| String::new());
    check_same(&home, &origin, &unsaid, &["--key", &raw], "ts");

    let refused = |arguments: &[&str], words: &str| {
        let output = get(&home, &url, &[&["-o", "x.ts"], arguments].concat());
        check_error(&output, 2, "usage", words);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!said.contains("cdcd"), "{said}");
    };
    refused(
        &["--key", &raw, "--key", &"cd".repeat(16)],
        "two keys, and no KID says which is for what",
    );
    refused(
        &["--key", &"cd".repeat(15)],
        "--key: neither hexadecimal digits, nor KID:HEX, nor a file",
    );
    let bad = file("bad.key", format!("{other}\n{other}x\n").as_bytes());
    refused(&["--key", &bad], "line 2 is no key");
    let clear = get(&home, &origin.url("/high/index.m3u8"), &["--iv", &hex(&IV)]);
    check_error(&clear, 2, "usage", "this stream is not encrypted");
}

/// A wrong IV spoils the first 16 bytes of each segment alone: what is lost with them is told, and how to get it.
#[test]
fn a_wrong_iv_is_told() {
    const WORDS: &str = "segment 5: its first packet is noise, and nothing else: the IV is wrong (--iv gives another) \
                         (4 segments are like that)";
    let (origin, home) = (origin(), Home::new().unwrap());
    origin.reply("/k", Reply::ok(KEY.to_vec()));
    let encrypt = |clear: Vec<u8>| {
        cbc::Encryptor::<Aes128>::new(&KEY.into(), &IV.into()).encrypt_padded_vec::<Pkcs7>(&clear)
    };
    let segments: Vec<_> = clear_segments().into_iter().map(encrypt).collect();
    // The IV is left out of the playlist, so that the sequence numbers are taken.
    let url = serve(&origin, segments.clone(), |_| {
        "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"".to_owned()
    });
    for container in ["mp4", "ts", "segments"] {
        let output = get(&home, &url, &["-o", "wrong", "--container", container]);
        check_error(&output, 3, "bad-media", WORDS);
    }
    check_same(&home, &origin, &url, &["--iv", &hex(&IV)], "mp4");

    // The counted IV of another segment leaves the packet's header as it was.
    let tables_first = clear_segments().into_iter().map(|mut segment| {
        // ffmpeg writes the description of the service ahead of the programme association table.
        segment.drain(..188);
        assert_eq!(segment[1..3], [0x40, 0]);
        segment
    });
    let off_by_one = tables_first.enumerate().map(|(index, clear)| {
        let iv = (index as u128 + 6).to_be_bytes();
        cbc::Encryptor::<Aes128>::new(&KEY.into(), &iv.into()).encrypt_padded_vec::<Pkcs7>(&clear)
    });
    let url = serve(&origin, off_by_one.collect(), |_| {
        "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"".to_owned()
    });
    let output = get(&home, &url, &["-o", "off.ts", "--container", "ts"]);
    // The tables are lost with it.
    let words =
        "the first packets of the segments are noise, and nothing else: the IV is wrong (--iv gives another)";
    check_error(&output, 1, "decrypt", words);
}

#[test]
fn drm_stays_refused_whatever_keys_are_given() {
    let (origin, home) = (origin(), Home::new().unwrap());
    for (format, name) in [
        ("urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed", "Widevine"),
        ("com.microsoft.playready", "PlayReady"),
        ("com.apple.streamingkeydelivery", "FairPlay"),
    ] {
        let line = |_| format!("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"data:,x\",KEYFORMAT=\"{format}\"");
        let url = serve(&origin, sample_aes_segments(), line);
        let named = format!("{}:{}", hex(&IV), hex(&KEY));
        for key in [hex(&KEY), named] {
            let output = get(&home, &url, &["-o", "x.mp4", "--key", &key]);
            check_error(
                &output,
                4,
                "drm",
                &format!("protected by DRM ({name}): Weir does not remove DRM"),
            );
        }
    }
    assert_eq!(origin.requests_for("/e0.ts").len(), 0);
}

/// A stream of fragmented MP4 made by ffmpeg, served as it is under `/high/`.
pub(super) fn fragmented(origin: &Origin) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    if media::skip_without_ffmpeg("an encrypted stream of fragmented MP4") {
        return None;
    }
    let stream = streams::stream(Kind::Fmp4).unwrap()?;
    origin.directory("/high/", &stream.folder);
    let read = |name: String| fs::read(stream.folder.join(name)).unwrap();
    let segments = (0..6).map(|n| read(format!("seg{n:03}.m4s"))).collect();
    Some((read("init.mp4".to_owned()), segments))
}

fn serve_fragmented(origin: &Origin, map: Vec<u8>, segments: Vec<Vec<u8>>, key: &str) -> String {
    let mut text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n{key}\n#EXT-X-MAP:URI=\"map.mp4\"\n");
    origin.reply("/map.mp4", Reply::ok(map));
    for (index, segment) in segments.into_iter().enumerate() {
        origin.reply(&format!("/f{index}.m4s"), Reply::ok(segment));
        write!(text, "#EXTINF:2,\nf{index}.m4s\n").unwrap();
    }
    text.push_str("#EXT-X-ENDLIST\n");
    origin.reply("/fragmented.m3u8", Reply::ok(text));
    origin.url("/fragmented.m3u8")
}

/// A map that is encrypted, and one that a packager has left as it was.
#[test]
fn encrypted_maps() {
    let (origin, home) = (Origin::start().unwrap(), Home::new().unwrap());
    let Some((map, segments)) = fragmented(&origin) else {
        return;
    };
    origin.reply("/k", Reply::ok(KEY.to_vec()));
    let encrypt = |clear: &Vec<u8>| {
        cbc::Encryptor::<Aes128>::new(&KEY.into(), &IV.into()).encrypt_padded_vec::<Pkcs7>(clear)
    };
    let key = format!("#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x{}", hex(&IV));
    for map in [encrypt(&map), map.clone()] {
        let segments = segments.iter().map(encrypt).collect();
        let url = serve_fragmented(&origin, map, segments, &key);
        let before = origin.requests_for("/k").len();
        check_same(&home, &origin, &url, &[], "mp4");
        assert_eq!(origin.requests_for("/k").len(), before + 1);
    }
}

#[test]
fn common_encryption_with_keys_by_kid() {
    let (origin, home) = (Origin::start().unwrap(), Home::new().unwrap());
    let Some((map, segments)) = fragmented(&origin) else {
        return;
    };
    let keys = [(*b"the KID of one..", KEY), (*b"the KID of two..", IV)];
    let protection = Protection {
        scheme: Scheme::Cbcs,
        keys,
        groups: true,
        place: Place::Senc,
    };
    let (map, tracks) = common_encryption::initialization(&map, &protection).unwrap();
    let segments: Vec<Vec<u8>> = segments
        .iter()
        .map(|clear| common_encryption::segment(clear, &protection, &tracks).unwrap())
        .collect();
    let named = keys.map(|(id, key)| format!("{}:{}", hex(&id), hex(&key)));
    let [first, second] = &named;
    // With and without a word in the playlist; its own key may be out of reach.
    for line in ["", "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"gone\""] {
        let url = serve_fragmented(&origin, map.clone(), segments.clone(), line);
        check_same(&home, &origin, &url, &["--key", first, "--key", second], "mp4");
        fs::write(home.path().join("keys"), named.join("\n")).unwrap();
        check_same(&home, &origin, &url, &["--key", "keys"], "mp4");
        let missing = get(&home, &url, &["-o", "x.mp4", "--key", first]);
        check_error(&missing, 1, "bad-key", &hex(&keys[1].0));
    }
    let bare = get(&home, &origin.url("/fragmented.m3u8"), &["-o", "x.mp4"]);
    check_error(&bare, 1, "bad-key", "cannot get the key");

    // Media that name a DRM system, and no key of the playlist.
    let pssh = [
        &[0, 0, 0, 32][..],
        b"pssh\0\0\0\0",
        &0xedef_8ba9_79d6_4ace_a3c8_27dc_d51d_21ed_u128.to_be_bytes(),
        &[0; 4],
    ];
    let mut map = map;
    let at = map.windows(4).position(|window| window == b"moov").unwrap() - 4;
    let length = u32::from_be_bytes(map[at..at + 4].try_into().unwrap());
    map[at..at + 4].copy_from_slice(&(length + 32).to_be_bytes());
    map.splice(at + 8..at + 8, pssh.concat());
    let url = serve_fragmented(&origin, map, segments, "");
    let output = get(&home, &url, &["-o", "x.mp4", "--key", first, "--key", second]);
    check_error(
        &output,
        4,
        "drm",
        "protected by DRM (Widevine): Weir does not remove DRM",
    );
}

/// The corpus' stream of shaka-packager: byte ranges of one file, and its key in the playlist.
#[test]
fn shaka_packagers_cenc() {
    let folder = std::env::var_os("WEIR_CORPUS")
        .map_or_else(|| "/work/shared/corpus".into(), std::path::PathBuf::from);
    let folder = folder.join("shaka-player/hls-sample-aes");
    if !folder.is_dir() || media::skip_without_ffmpeg("shaka_packagers_cenc") {
        println!(
            "skipped shaka_packagers_cenc: no ffmpeg, or no corpus at {}",
            folder.display()
        );
        return;
    }
    let (origin, home) = (Origin::start().unwrap(), Home::new().unwrap());
    origin.directory("/", &folder);
    check_exit(&get(&home, &origin.url("/index.m3u8"), &["-o", "ours.mp4"]), 0);
    let reference = home.path().join("reference.mp4");
    let source = folder.join("video.mp4");
    media::ffmpeg([
        "-decryption_key",
        "abba271e8bcf552bbd2e86a434a9a5d9",
        "-i",
        source.to_str().unwrap(),
        "-map",
        "0:v",
        "-c",
        "copy",
        "-movie_timescale",
        "90000",
        reference.to_str().unwrap(),
    ])
    .unwrap();
    let ours = home.path().join("ours.mp4");
    media::compare(&ours, &reference).unwrap();
    assert_eq!(media::decode_errors(&ours).unwrap(), "");
}
