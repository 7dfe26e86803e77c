//! What the types of the port do beyond what serde derives.

use crate::support::url;
use serde_json::{from_value, json, to_value};
use weir_core::protocol::{
    ByteRange, CapturePlan, Cookie, ErrorCode, Header, Iv, JobId, KeyMethod, MediaSequence, RequestContext,
    Secret,
};

#[test]
fn media_sequences_are_exact_in_javascript() {
    let largest_exact = (1 << 53) - 1;
    for (sequence, written) in [
        (0, json!(0)),
        (largest_exact, json!(largest_exact)),
        (largest_exact + 1, json!("9007199254740992")),
        (u64::MAX, json!("18446744073709551615")),
    ] {
        assert_eq!(to_value(MediaSequence(sequence)).unwrap(), written);
        assert_eq!(
            from_value::<MediaSequence>(written).unwrap(),
            MediaSequence(sequence)
        );
    }
    assert_eq!(
        from_value::<MediaSequence>(json!(5.0)).unwrap(),
        MediaSequence(5),
        "JavaScript has only floats"
    );
    for bad in [
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!("1.0"),
        json!("18446744073709551616"),
        json!(null),
        json!([]),
    ] {
        assert!(from_value::<MediaSequence>(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn byte_ranges_do_not_overflow() {
    let range = ByteRange::new(10, 5).unwrap();
    assert_eq!(to_value(range).unwrap(), json!({"offset": 10, "length": 5}));
    let large = ByteRange::new(1 << 60, 5).unwrap();
    assert_eq!(
        to_value(large).unwrap(),
        json!({"offset": "1152921504606846976", "length": 5})
    );
    for range in [range, large] {
        assert_eq!(from_value::<ByteRange>(to_value(range).unwrap()).unwrap(), range);
    }
    for bad in [
        json!({"offset": 0, "length": 0}),
        json!({"offset": "18446744073709551615", "length": 1}),
        json!({"offset": 0}),
        json!({"offset": 0, "length": 1, "more": 2}),
    ] {
        assert!(from_value::<ByteRange>(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn ivs() {
    let iv = Iv::from_sequence(MediaSequence(0x1234));
    assert_eq!(iv.0, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34]);
    assert_eq!(to_value(iv).unwrap(), "00000000000000000000000000001234");
    assert_eq!(from_value::<Iv>(to_value(iv).unwrap()).unwrap(), iv);
    for bad in [
        "",
        "1234",
        "0x000000000000000000000000000012345",
        "+0000000000000000000000000001234",
        "é000000000000000",
    ] {
        assert!(from_value::<Iv>(json!(bad)).is_err(), "{bad}");
    }
}

#[test]
fn key_methods() {
    for method in KeyMethod::ALL {
        assert_eq!(to_value(method).unwrap(), method.as_str());
        assert_eq!(KeyMethod::parse(&method.as_str().to_lowercase()), Some(method));
    }
    assert_eq!(KeyMethod::parse("AES-256"), Some(KeyMethod::Aes256));
    assert_eq!(KeyMethod::parse("AES-512"), None);
}

#[test]
fn job_ids_can_be_file_names() {
    let longest = "a".repeat(JobId::MAX_BYTES);
    for good in ["a", "A-1_z", &longest] {
        assert_eq!(from_value::<JobId>(json!(good)).unwrap().as_str(), good);
    }
    for bad in ["", "../a", "a b", "a.b", "ä", "a\n", &format!("{longest}a")] {
        assert!(from_value::<JobId>(json!(bad)).is_err(), "{bad}");
    }
}

#[test]
fn plans_round_trip() {
    let written = json!({
        "source": "https://example.com/main.m3u8?token=1",
        "title": "A lecture",
        "live": true,
        "tracks": [{
            "kind": "audio", "only": "audio", "playlist": "https://example.com/a.m3u8", "language": "en", "name": "English",
            "default": true, "forced": false, "codecs": ["mp4a.40.2"], "resolution": [640, 360],
            "segments": [{
                "sequence": "18446744073709551615", "url": "https://example.com/1.m4s",
                "range": {"offset": 1, "length": 2}, "durationSeconds": 4.5, "discontinuity": true, "gap": true,
                "key": {"method": "SAMPLE-AES-CTR", "url": "data:,k", "iv": "000102030405060708090a0b0c0d0e0f"},
                "map": {"url": "https://example.com/i.mp4"},
            }],
        }],
    });
    let plan: CapturePlan = from_value(written.clone()).unwrap();
    assert_eq!(to_value(&plan).unwrap(), written);
    let mut unknown = written;
    unknown["tracks"][0]["segments"][0]["path"] = json!("/etc/passwd");
    assert!(
        from_value::<CapturePlan>(unknown)
            .unwrap_err()
            .to_string()
            .contains("unknown field `path`")
    );
}

#[test]
fn debug_shows_no_secrets() {
    let context = RequestContext {
        headers: vec![Header {
            name: "Authorization".to_owned(),
            value: Secret::new("Bearer s3cret"),
        }],
        cookies: vec![Cookie {
            name: "session".to_owned(),
            value: Secret::new("s3cret"),
            domain: "example.com".to_owned(),
            host_only: true,
            path: "/".to_owned(),
            secure: true,
            expires_epoch_seconds: Some(1.5),
        }],
        page: Some(url("https://example.com/watch?auth=s3cret")),
    };
    let shown = format!("{context:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(
        shown.contains("Authorization") && shown.contains("session"),
        "{shown}"
    );
    assert_eq!(
        from_value::<RequestContext>(to_value(&context).unwrap()).unwrap(),
        context
    );
}

#[test]
fn error_codes_are_words_of_their_own() {
    let words: std::collections::BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(words.len(), ErrorCode::ALL.len());
    let is_kebab = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    assert!(words.iter().all(is_kebab));
}
