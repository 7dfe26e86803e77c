//! Plans that came over the wire.

use crate::support::url;
use serde_json::{Value, json};
use weir_core::plan::{CheckPolicy, Rule};
use weir_core::protocol::{CapturePlan, ErrorCode};

fn plan() -> Value {
    json!({
        "source": "https://example.com/main.m3u8",
        "live": false,
        "tracks": [{
            "kind": "video",
            "playlist": "https://example.com/v.m3u8",
            "segments": [
                {"sequence": 1, "url": "https://cdn.example.com/1.ts", "durationSeconds": 4.0},
                {"sequence": 2, "url": "https://cdn.example.com/2.ts", "durationSeconds": 4.0},
            ],
        }],
    })
}

/// The plan with the value at a JSON pointer replaced.
fn with(pointer: &str, value: Value) -> Value {
    let mut plan = plan();
    if let Some(place) = plan.pointer_mut(pointer) {
        *place = value;
    } else {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        plan.pointer_mut(parent).unwrap()[name] = value;
    }
    plan
}

fn check(plan: Value, policy: CheckPolicy) -> Result<(), (ErrorCode, String)> {
    let plan: CapturePlan = serde_json::from_value(plan).unwrap();
    plan.check(policy)
        .map_err(|error| (error.code(), error.to_string()))
}

const ALLOW_PRIVATE: CheckPolicy = CheckPolicy {
    private_addresses: Rule::Allow,
    downgrades: Rule::Refuse,
};
const ALLOW_DOWNGRADE: CheckPolicy = CheckPolicy {
    private_addresses: Rule::Refuse,
    downgrades: Rule::Allow,
};

#[test]
fn a_good_plan() {
    assert_eq!(check(plan(), CheckPolicy::default()), Ok(()));
}

#[test]
fn private_addresses_from_a_public_playlist() {
    let key = json!({"method": "AES-128", "url": "https://192.168.0.1/k", "iv": "00000000000000000000000000000000"});
    for (pointer, value) in [
        ("/tracks/0/playlist", json!("https://10.0.0.1/v.m3u8")),
        (
            "/tracks/0/segments/1/url",
            json!("https://[::ffff:127.0.0.1]/2.ts"),
        ),
        ("/tracks/0/segments/1/url", json!("https://2130706433/2.ts")),
        ("/tracks/0/segments/1/url", json!("https://localhost./2.ts")),
        (
            "/tracks/0/segments/1/url",
            json!("https://169.254.169.254/latest/meta-data"),
        ),
        ("/tracks/0/segments/0/key", key.clone()),
        (
            "/tracks/0/segments/0/map",
            json!({"url": "https://[fd00::1]/i.mp4"}),
        ),
        (
            "/tracks/0/segments/0/map",
            json!({"url": "https://cdn.example.com/i.mp4", "key": key}),
        ),
    ] {
        let (code, message) = check(with(pointer, value.clone()), CheckPolicy::default()).unwrap_err();
        assert_eq!(code, ErrorCode::PrivateAddress, "{value}");
        assert!(message.starts_with("private address: https://"), "{message}");
        assert_eq!(check(with(pointer, value), ALLOW_PRIVATE), Ok(()));
    }
}

#[test]
fn a_private_playlist_may_use_its_own_network() {
    let mut plan = with("/source", json!("http://192.168.0.2/main.m3u8"));
    plan["tracks"][0]["playlist"] = json!("http://192.168.0.2/v.m3u8");
    plan["tracks"][0]["segments"][0]["url"] = json!("http://192.168.0.3/1.ts");
    assert_eq!(check(plan.clone(), CheckPolicy::default()), Ok(()));
    // But not through a public one in between.
    plan["tracks"][0]["playlist"] = json!("https://example.com/v.m3u8");
    plan["tracks"][0]["segments"][0]["url"] = json!("https://192.168.0.3/1.ts");
    assert_eq!(
        check(plan, CheckPolicy::default()).unwrap_err().0,
        ErrorCode::PrivateAddress
    );
}

#[test]
fn http_under_https() {
    for pointer in ["/tracks/0/playlist", "/tracks/0/segments/0/url"] {
        let plan = with(pointer, json!("http://cdn.example.com/x"));
        let (code, message) = check(plan.clone(), CheckPolicy::default()).unwrap_err();
        assert_eq!(code, ErrorCode::InsecureDowngrade);
        assert_eq!(
            message,
            "insecure downgrade: http://cdn.example.com/x is not encrypted and its playlist is"
        );
        assert_eq!(check(plan.clone(), ALLOW_DOWNGRADE), Ok(()));
        assert!(check(plan, ALLOW_PRIVATE).is_err());
    }
    assert_eq!(
        check(
            with("/source", json!("http://example.com/main.m3u8")),
            CheckPolicy::default()
        ),
        Ok(())
    );
    assert_eq!(
        check(
            with("/tracks/0/segments/0/url", json!("data:,abc")),
            CheckPolicy::default()
        ),
        Ok(())
    );
}

#[test]
fn shapes_that_no_playlist_gives() {
    let long = "a".repeat(5_000);
    let tracks: Vec<_> = (0..300).map(|_| plan()["tracks"][0].clone()).collect();
    for (pointer, value, code, message) in [
        ("/tracks", json!([]), ErrorCode::NothingToCapture, "no tracks"),
        (
            "/tracks/0/segments",
            json!([]),
            ErrorCode::NothingToCapture,
            "no segments in https://example.com/v.m3u8",
        ),
        (
            "/tracks",
            json!(tracks),
            ErrorCode::BadField,
            "tracks: too many tracks",
        ),
        ("/title", json!(long), ErrorCode::BadField, "title: too long"),
        (
            "/tracks/0/segments/1/sequence",
            json!(1),
            ErrorCode::BadField,
            "tracks[0].segments[1].sequence: media sequence numbers must rise",
        ),
        (
            "/tracks/0/segments/1/durationSeconds",
            json!(-1.0),
            ErrorCode::BadField,
            "tracks[0].segments[1].durationSeconds: a duration must not be negative",
        ),
    ] {
        assert_eq!(
            check(with(pointer, value), CheckPolicy::default()),
            Err((code, message.to_owned()))
        );
    }
}

#[test]
fn urls_that_are_refused_do_not_come_in_at_all() {
    for bad in [
        "file:///etc/passwd",
        "https://u:p@example.com/",
        "https://example.com:0/",
        "relative.ts",
        "\\\\srv\\x",
    ] {
        let error =
            serde_json::from_value::<CapturePlan>(with("/tracks/0/segments/0/url", json!(bad))).unwrap_err();
        let expected = weir_core::url::AbsoluteUrl::parse(bad).unwrap_err().to_string();
        assert_eq!(error.to_string(), expected, "{bad}");
    }
    assert_eq!(url("https://example.com").as_str(), "https://example.com/");
}
