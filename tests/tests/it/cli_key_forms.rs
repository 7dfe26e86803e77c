//! `weir get` on AES-128 streams whose keys come as real servers and playlists have them: quirks.md's "Keys" and rows 39 to
//! 49 of bad-inputs.md, from the playlist to the file. What a form is decoded to is tested beside its reader.

use std::fmt::Write as _;
use std::sync::mpsc;
use std::time::Duration;

use aes::Aes128;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use weir_tests::binary::Home;
use weir_tests::origin::{Gate, Reply};

use super::cli::{get, origin};
use super::cli_keys::{check_error, check_same, clear_segments, hex, serve};

const KEYS: [[u8; 16]; 3] = [*b"the first of all", *b"the second of it", *b"the third, last."];

fn encrypt(clear: &[u8], key: [u8; 16], iv: u128) -> Vec<u8> {
    let iv = iv.to_be_bytes();
    cbc::Encryptor::<Aes128>::new(&key.into(), &iv.into()).encrypt_padded_vec::<Pkcs7>(clear)
}

/// The segments, which `serve` counts from 5, with the first key and IVs from their numbers.
fn segments() -> Vec<Vec<u8>> {
    let numbered = clear_segments().into_iter().zip(5..);
    numbered
        .map(|(clear, number)| encrypt(&clear, KEYS[0], number))
        .collect()
}

fn with_the_first_key(_: usize) -> String {
    "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"".to_owned()
}

#[test]
fn key_servers_write_keys_in_many_ways() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let url = serve(&origin, segments(), with_the_first_key);
    let digits = hex(&KEYS[0]);
    for body in [
        KEYS[0].to_vec(),
        [&KEYS[0][..], b"\n"].concat(),
        [&KEYS[0][..], b"\r\n"].concat(),
        digits.clone().into_bytes(),
        format!("0x{}\n", digits.to_uppercase()).into_bytes(),
        b"dGhlIGZpcnN0IG9mIGFsbA==\n".to_vec(),
        format!("{{\"key\": \"{digits}\"}}").into_bytes(),
        b"{\"key\":\"dGhlIGZpcnN0IG9mIGFsbA==\",\"ttl\":30}".to_vec(),
    ] {
        origin.reply("/k", Reply::ok(body));
        check_same(&home, &origin, &url, &[], "ts");
    }
}

#[test]
fn what_key_servers_send_instead_of_a_key() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let url = serve(&origin, segments(), with_the_first_key);
    let page = "<!DOCTYPE html><title>Sign in</title>";
    for (reply, words) in [
        (Reply::ok(""), "key is 0 bytes, needs 16"),
        (Reply::ok("Forbidden"), "key is 9 bytes, needs 16"),
        (
            Reply::ok(page),
            "the key server sent a web page: log in on the page",
        ),
        (
            Reply::ok("{\"error\":\"expired\"}"),
            "the key server sent JSON without a key in it",
        ),
        (Reply::status(403), "key refused (403)"),
        (Reply::status(401), "key refused (401)"),
        (Reply::status(404), "the server answered 404"),
    ] {
        origin.reply("/k", reply);
        let output = get(&home, &url, &["-o", "x.ts"]);
        check_error(&output, 1, "bad-key", words);
        assert!(!home.path().join("x.ts").exists(), "{words}");
    }
}

/// Bad-inputs 49 and faults 27: the segment is asked for once more, in case it was damaged on its way.
#[test]
fn a_key_that_does_not_fit() {
    let (origin, home) = (origin(), Home::new().unwrap());
    origin.reply("/k", Reply::ok(KEYS[1].to_vec()));
    let url = serve(&origin, segments(), with_the_first_key);
    let output = get(&home, &url, &["-o", "x.ts", "--concurrency", "1"]);
    let words = "segment 5: wrong key or corrupt: the padding is wrong";
    check_error(&output, 1, "decrypt", words);
    assert_eq!(origin.requests_for("/e0.ts").len(), 2);
}

/// Each line holds until the next; what is clear between still counts for the IVs behind it, and a key of a DRM system is
/// left alone where a plain one stands beside it.
#[test]
fn keys_change_and_stop_within_a_stream() {
    let (origin, home) = (origin(), Home::new().unwrap());
    for (name, key) in ["/k1", "/k2", "/k3"].into_iter().zip(KEYS) {
        origin.reply(name, Reply::ok(key.to_vec()));
    }
    let iv = u128::from_be_bytes(*b"an IV of its own");
    let clear = clear_segments();
    let segments = vec![
        encrypt(&clear[0], KEYS[0], 5),
        clear[1].clone(),
        encrypt(&clear[2], KEYS[1], 7),
        encrypt(&clear[3], KEYS[2], iv),
    ];
    let url = serve(&origin, segments, |index| {
        let mut lines = String::new();
        match index {
            0 => lines.push_str("#EXT-X-KEY:METHOD=AES-128,URI=\"k1\""),
            1 => lines.push_str("#EXT-X-KEY:METHOD=NONE"),
            2 => lines.push_str(
                "#EXT-X-KEY:METHOD=AES-128,URI=\"k2\",KEYFORMAT=\"identity\",KEYFORMATVERSIONS=\"1\"",
            ),
            _ => {
                for format in ["com.apple.streamingkeydelivery", "com.microsoft.playready"] {
                    writeln!(
                        lines,
                        "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"drm\",KEYFORMAT=\"{format}\""
                    )
                    .unwrap();
                }
                // Without 0x, as some write it.
                write!(lines, "#EXT-X-KEY:METHOD=AES-128,URI=\"k3\",IV={iv:032X}").unwrap();
            }
        }
        lines
    });
    check_same(&home, &origin, &url, &[], "ts");
    for name in ["/k1", "/k2", "/k3"] {
        assert_eq!(origin.requests_for(name).len(), 1, "{name}");
    }
    assert_eq!(origin.requests_for("/drm").len(), 0);
}

/// No segment comes before the last of their keys was asked for: where each has its own, they would come one by one else.
#[test]
fn keys_are_asked_for_while_their_segments_are_under_way() {
    let (origin, home, gate) = (origin(), Home::new().unwrap(), Gate::new());
    let clear = clear_segments();
    let encrypted: Vec<_> = clear
        .iter()
        .zip(5..)
        .map(|(clear, number)| encrypt(clear, KEYS[1], number))
        .collect();
    let url = serve(&origin, encrypted.clone(), |index| {
        format!("#EXT-X-KEY:METHOD=AES-128,URI=\"k{index}\"")
    });
    let (asked, keys) = mpsc::channel();
    for (index, segment) in encrypted.into_iter().enumerate() {
        origin.reply(&format!("/e{index}.ts"), Reply::ok(segment).after(&gate));
        let asked = asked.clone();
        origin.route(&format!("/k{index}"), move |_| {
            let _ = asked.send(());
            Reply::ok(KEYS[1].to_vec())
        });
    }
    let all = std::thread::spawn(move || {
        let in_time = clear
            .iter()
            .all(|_| keys.recv_timeout(Duration::from_secs(10)).is_ok());
        gate.open();
        in_time
    });
    check_same(&home, &origin, &url, &["--concurrency", "4"], "ts");
    assert!(all.join().unwrap(), "a key was asked for after its segment");
    for index in 0..4 {
        assert_eq!(origin.requests_for(&format!("/k{index}")).len(), 1, "{index}");
    }
}

/// The command line's key is used for all: nobody is asked for another.
#[test]
fn with_a_key_given_none_is_asked_for() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let url = serve(&origin, segments(), with_the_first_key);
    check_same(&home, &origin, &url, &["--key", &hex(&KEYS[0])], "ts");
    assert_eq!(origin.requests_for("/k").len(), 0);
}
