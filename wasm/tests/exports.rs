//! Every export, as a worker of the extension calls it. `cargo xtask test --only wasm` runs this in
//! Chromium, with the origin of `tests/src/bin/wasm_origin.rs`.
#![cfg(target_arch = "wasm32")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should say so at once"
)]

use js_sys::{JSON, Reflect, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use weir_wasm::{fetch_playlist, inspect, observe, plan};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

const MASTER: &str = "#EXTM3U\n\
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"Deutsch\",LANGUAGE=\"de\",DEFAULT=YES,URI=\"de.m3u8\"\n\
    #EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360,CODECS=\"avc1.4d401e,mp4a.40.2\",AUDIO=\"a\"\n360.m3u8\n\
    #EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720,FRAME-RATE=29.97\nftp://a.example/720.m3u8\n";

const MEDIA: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:7\n\
    #EXT-X-KEY:METHOD=AES-128,URI=\"key\"\n\
    #EXTINF:4,\na.ts\n#EXTINF:2.5,\nb.ts\n#EXT-X-ENDLIST\n";

/// A JavaScript value from JSON.
fn js(json: &str) -> JsValue {
    JSON::parse(json).unwrap()
}

/// The value as JSON, for comparing whole answers.
fn json(value: &JsValue) -> String {
    JSON::stringify(value).unwrap().into()
}

fn field(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &name.into()).unwrap()
}

fn text(value: &JsValue, name: &str) -> String {
    field(value, name)
        .as_string()
        .unwrap_or_else(|| panic!("{name} in {}", json(value)))
}

/// Checks that an error is a plain `{code, message}`.
fn check_thrown(outcome: Result<JsValue, JsValue>, code: &str, message: &str) {
    let thrown = outcome.map(|value| json(&value)).unwrap_err();
    assert_eq!(text(&thrown, "code"), code, "{}", json(&thrown));
    assert!(text(&thrown, "message").contains(message), "{}", json(&thrown));
}

/// The origin, or None, said, when `cargo xtask test` did not start this.
fn origin(path: &str) -> Option<String> {
    let origin = option_env!("WEIR_TEST_ORIGIN");
    if origin.is_none() {
        wasm_bindgen_test::console_log!("skipped: no origin; `cargo xtask test --only wasm` starts one");
    }
    origin.map(|origin| format!("{origin}{path}"))
}

#[wasm_bindgen_test]
fn observe_tells_a_playlist_by_all_that_was_seen() {
    let answer = observe(js(
        r##"{"url":"https://a.example/x.m3u8?t=1#top","status":200,"contentType":"audio/mpegurl; charset=utf-8","body":"#EXTM3U\n#EXT-X-TARGETDURATION:4\n"}"##,
    ));
    assert_eq!(
        json(&answer.unwrap()),
        r#"{"url":"https://a.example/x.m3u8?t=1","evidence":["body","content-type","path"],"kind":"media"}"#
    );
}

#[wasm_bindgen_test]
fn observe_takes_bodies_as_bytes_and_absent_fields() {
    let observation = js(r#"{"url":"https://a.example/list","status":null}"#);
    let body = Uint8Array::from(&b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n"[..]);
    Reflect::set(&observation, &"body".into(), &body).unwrap();
    let answer = observe(observation).unwrap();
    assert_eq!(json(&field(&answer, "evidence")), r#"["body"]"#);
    assert_eq!(text(&answer, "kind"), "multivariant");
}

#[wasm_bindgen_test]
fn observe_is_null_for_anything_else() {
    for other in [
        r#"{"url":"https://a.example/app.js"}"#,
        r#"{"url":"https://a.example/x.m3u8","body":"<!doctype html>"}"#,
        r#"{"url":"https://a.example/x.m3u8","status":404}"#,
        r#"{"url":"blob:https://a.example/x.m3u8"}"#,
    ] {
        assert!(observe(js(other)).unwrap().is_null(), "{other}");
    }
}

#[wasm_bindgen_test]
fn observe_refuses_another_shape() {
    check_thrown(
        observe(JsValue::from_str("https://a.example/x.m3u8")),
        "bad-field",
        "",
    );
    check_thrown(
        observe(js(r#"{"status":200}"#)),
        "bad-field",
        "url is not a string",
    );
    check_thrown(
        observe(js(r#"{"url":"https://a.example/","status":"200"}"#)),
        "bad-field",
        "status",
    );
}

#[wasm_bindgen_test]
fn inspect_sums_up_a_multivariant_playlist() {
    let answer = inspect(MASTER.into(), "https://a.example/v/master.m3u8?t=1").unwrap();
    assert_eq!(
        json(&field(&answer, "variants")),
        r#"[{"url":"https://a.example/v/360.m3u8","bandwidth":800000,"width":640,"height":360,"frameRate":null,"codecs":["avc1.4d401e","mp4a.40.2"],"audio":"a"}]"#
    );
    assert_eq!(
        json(&field(&answer, "renditions")),
        r#"[{"type":"AUDIO","groupId":"a","name":"Deutsch","language":"de","default":true,"url":"https://a.example/v/de.m3u8"}]"#
    );
    assert_eq!(text(&answer, "kind"), "multivariant");
    assert!(field(&answer, "drm").is_null());
    assert!(json(&field(&answer, "warnings")).contains(r#""code":"scheme-refused""#));
}

#[wasm_bindgen_test]
fn inspect_sums_up_a_media_playlist() {
    let bytes = Uint8Array::from(MEDIA.as_bytes());
    assert_eq!(
        json(&inspect(bytes.into(), "https://a.example/v/index.m3u8").unwrap()),
        r#"{"kind":"media","live":false,"encrypted":"AES-128","drm":null,"durationSeconds":6.5,"segments":2,"targetDuration":4,"warnings":[]}"#
    );
}

#[wasm_bindgen_test]
fn inspect_names_drm_and_what_is_live() {
    let playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n\
        #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://1\",KEYFORMAT=\"com.apple.streamingkeydelivery\"\n\
        #EXTINF:4,\na.ts\n";
    let answer = inspect(playlist.into(), "https://a.example/").unwrap();
    assert_eq!(text(&answer, "drm"), "FairPlay");
    assert_eq!(text(&answer, "encrypted"), "SAMPLE-AES");
    assert_eq!(field(&answer, "live"), JsValue::TRUE);
}

#[wasm_bindgen_test]
fn inspect_lists_a_plain_list() {
    let answer = inspect(
        "#EXTM3U\n#EXTINF:-1,One\nhttp://a.example/one.mp4\n".into(),
        "https://b.example/",
    )
    .unwrap();
    assert_eq!(text(&answer, "kind"), "list");
    assert_eq!(
        json(&field(&answer, "entries")),
        r#"[{"url":"http://a.example/one.mp4","title":"One"}]"#
    );
}

#[wasm_bindgen_test]
fn inspect_throws_what_the_reader_refuses() {
    let base = "https://a.example/x.m3u8";
    check_thrown(inspect("".into(), base), "not-a-playlist", "empty playlist");
    check_thrown(inspect("<html>".into(), base), "not-a-playlist", "web page");
    check_thrown(inspect(MEDIA.into(), "file:///x.m3u8"), "scheme-refused", "file");
    check_thrown(inspect(JsValue::from(5), base), "bad-field", "string");
    let huge = Uint8Array::new_with_length(16 * 1024 * 1024 + 1);
    check_thrown(
        inspect(huge.into(), base),
        "bad-playlist",
        "too large: 16777217 bytes",
    );
}

#[wasm_bindgen_test]
async fn fetch_playlist_reads_data_urls() {
    let answer = fetch_playlist("data:application/vnd.apple.mpegurl,%23EXTM3U%0A".to_owned()).await;
    assert_eq!(text(&answer.unwrap(), "text"), "#EXTM3U\n");
}

#[wasm_bindgen_test]
async fn fetch_playlist_tells_the_final_url() {
    let Some(url) = origin("/moved/720.m3u8") else {
        return;
    };
    let answer = fetch_playlist(url).await.unwrap();
    assert_eq!(text(&answer, "url"), origin("/cdn/720/index.m3u8").unwrap());
    assert_eq!(text(&answer, "text"), MEDIA);
}

#[wasm_bindgen_test]
async fn fetch_playlist_sends_cookies() {
    let (Some(login), Some(members)) = (origin("/login"), origin("/members/index.m3u8")) else {
        return;
    };
    fetch_playlist(login).await.unwrap();
    assert_eq!(text(&fetch_playlist(members).await.unwrap(), "text"), MEDIA);
}

#[wasm_bindgen_test]
async fn fetch_playlist_decodes_as_the_reader_does() {
    let Some(url) = origin("/latin1.m3u8") else { return };
    assert!(text(&fetch_playlist(url).await.unwrap(), "text").contains("café"));
}

#[wasm_bindgen_test]
async fn fetch_playlist_rejects_with_a_code() {
    check_thrown(
        fetch_playlist("file:///etc/passwd".to_owned()).await,
        "scheme-refused",
        "file",
    );
    check_thrown(
        fetch_playlist("master.m3u8".to_owned()).await,
        "bad-url",
        "relative",
    );
    let Some(missing) = origin("/missing.m3u8?token=s3cret") else {
        return;
    };
    let outcome = fetch_playlist(missing).await;
    assert!(!json(outcome.as_ref().unwrap_err()).contains("s3cret"));
    check_thrown(outcome, "http-status", "404");
    check_thrown(
        fetch_playlist(origin("/reset.m3u8").unwrap()).await,
        "network",
        "/reset.m3u8",
    );
}

#[wasm_bindgen_test]
async fn fetch_playlist_stops_reading_what_is_too_large() {
    let Some(url) = origin("/endless.m3u8") else {
        return;
    };
    check_thrown(fetch_playlist(url).await, "bad-response", "over 16777216 bytes");
}

#[wasm_bindgen_test]
async fn fetch_playlist_gives_up_at_its_deadline() {
    let Some(url) = origin("/stalls.m3u8") else { return };
    check_thrown(fetch_playlist(url).await, "network", "no playlist within 20 s");
}

#[wasm_bindgen_test]
async fn plan_fetches_what_is_not_known() {
    let Some(url) = origin("/live/master.m3u8") else {
        return;
    };
    let request = js(&format!(r#"{{"source":{{"url":"{url}"}},"title":"A title"}}"#));
    let answer = plan(request).await.unwrap();
    assert_eq!(text(&answer, "source"), url);
    assert_eq!(text(&answer, "title"), "A title");
    let tracks = json(&field(&answer, "tracks"));
    // The best variant; its references count from where the redirect led.
    assert!(
        tracks.contains(&format!(r#""playlist":"{}""#, origin("/moved/720.m3u8").unwrap())),
        "{tracks}"
    );
    assert!(
        tracks.contains(&format!(r#""url":"{}""#, origin("/cdn/720/b.ts").unwrap())),
        "{tracks}"
    );
    assert!(
        tracks.contains(&format!(r#""url":"{}""#, origin("/cdn/720/key").unwrap())),
        "{tracks}"
    );
}

#[wasm_bindgen_test]
async fn plan_of_known_playlists_asks_nobody() {
    let request = js(&format!(
        r#"{{"source":{{"url":"https://a.example/v/master.m3u8","text":{master}}},
            "selection":{{"quality":{{"variant":"https://a.example/v/360.m3u8"}},"audio":{{"language":"de"}},"subtitles":"none"}},
            "title":null,
            "known":[{{"url":"https://a.example/v/360.m3u8","text":{media}}},{{"url":"https://a.example/v/de.m3u8","text":{media}}}]}}"#,
        master = json(&MASTER.into()),
        media = json(&MEDIA.into()),
    ));
    let answer = plan(request).await.unwrap();
    let segment = |name: &str, sequence: u32, seconds: &str| {
        format!(
            r#"{{"sequence":{sequence},"url":"https://a.example/v/{name}.ts","durationSeconds":{seconds},"key":{{"method":"AES-128","url":"https://a.example/v/key","iv":"{sequence:032x}"}}}}"#
        )
    };
    let segments = format!("[{},{}]", segment("a", 7, "4"), segment("b", 8, "2.5"));
    assert_eq!(
        json(&answer),
        format!(
            r#"{{"source":"https://a.example/v/master.m3u8","title":null,"live":false,"tracks":[{{"kind":"video","only":"video","playlist":"https://a.example/v/360.m3u8","language":null,"name":null,"default":false,"forced":false,"codecs":["avc1.4d401e","mp4a.40.2"],"resolution":[640,360],"segments":{segments}}},{{"kind":"audio","only":"audio","playlist":"https://a.example/v/de.m3u8","language":"de","name":"Deutsch","default":true,"forced":false,"codecs":[],"resolution":null,"segments":{segments}}}]}}"#
        )
    );
}

#[wasm_bindgen_test]
async fn plan_rejects_with_a_code() {
    let with_text = |playlist: &str, selection: &str| {
        let playlist = json(&playlist.into());
        js(&format!(
            r#"{{"source":{{"url":"https://a.example/x.m3u8","text":{playlist}}},"selection":{selection}}}"#
        ))
    };
    let unknown = r#"{"quality":{"variant":"https://a.example/1080.m3u8"}}"#;
    check_thrown(
        plan(with_text(MASTER, unknown)).await,
        "nothing-to-capture",
        "1080.m3u8",
    );
    check_thrown(
        plan(with_text(MASTER, r#"{"quality":"medium"}"#)).await,
        "bad-field",
        "quality is not an object",
    );
    check_thrown(
        plan(with_text("#EXTM3U\nhttp://a.example/a.mp4\n", "{}")).await,
        "not-a-playlist",
        "plain list",
    );
    check_thrown(plan(js("{}")).await, "bad-field", "source");
    let drm = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI=\"data:,x\",KEYFORMAT=\"com.widevine\"\n#EXTINF:4,\na.mp4\n";
    check_thrown(plan(with_text(drm, "{}")).await, "drm", "Widevine");
    let Some(nested) = origin("/nested.m3u8") else {
        return;
    };
    let request = js(&format!(r#"{{"source":{{"url":"{nested}"}}}}"#));
    check_thrown(plan(request).await, "bad-playlist", "nested");
}
