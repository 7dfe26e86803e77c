//! The beginning of a stream, played on the page of all captures before anything of it is captured.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use weir_tests::browser::{Browser, Kind};
use weir_tests::media;
use weir_tests::origin::{Origin, Reply};
use weir_tests::program;
use weir_tests::site::{Page, Quality, Site, TITLE, live};
use weir_tests::streams::committed_stream;

use crate::harness::{Harness, Host, in_both, wait_until_said};
use crate::pictures::{LANGUAGES, speak, take};

in_both! {
    a_protected_stream_is_played_and_stopped,
    of_a_live_stream_the_last_seconds_are_played,
    what_cannot_be_played_says_why,
}

/// The size of the pictures, and how far apart the pixels are that are compared.
const PICTURE: (usize, usize) = (320, 180);
const STEP: usize = 8;

/// Waits until the video has played so far, and stops it there: its time, and the grey of some of its pixels.
const SHOWN: &str = "const video = document.querySelector('[data-testid=preview-video]');
    if (video.paused) await video.play().catch(() => {});
    if (video.readyState < 2 || video.currentTime < arguments[0]) return null;
    video.pause();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const canvas = new OffscreenCanvas(320, 180), context = canvas.getContext('2d');
    context.drawImage(video, 0, 0, 320, 180);
    const { data } = context.getImageData(0, 0, 320, 180);
    const grey = [];
    for (let y = 0; y < 180; y += 8)
        for (let x = 0; x < 320; x += 8) {
            const [r, g, b] = data.subarray((y * 320 + x) * 4);
            grey.push(0.299 * r + 0.587 * g + 0.114 * b);
        }
    return { time: video.currentTime, muted: video.muted, grey }";

#[derive(Debug, serde::Deserialize)]
struct Shown {
    time: f64,
    muted: bool,
    grey: Vec<f64>,
}

/// The stream is encrypted, and its server wants the page's cookie and Referer.
async fn a_protected_stream_is_played_and_stopped(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Missing).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    site.hold_segments(3);
    harness.stream_of(Page::Xhr).await;
    let asked = || {
        site.media()
            .requests()
            .into_iter()
            .filter(|request| request.path().starts_with("/hls/segments/"))
            .count()
    };
    let before = asked();
    browser
        .control("button", &format!("Preview {TITLE}"), None)
        .await
        .unwrap();
    assert_eq!(asked(), before, "nothing is asked for before the click");

    preview_from_popup(browser, &format!("Preview {TITLE}")).await;
    browser
        .control("heading", &format!("Preview {TITLE}"), None)
        .await
        .unwrap();
    for from in [0.5, 3.0] {
        let shown = shown(browser, from).await;
        assert!(shown.muted);
        if !media::skip_without_ffmpeg("a_protected_stream_is_played_and_stopped") {
            compare(&shown, site);
        }
    }
    let address = browser.driver().current_url().await.unwrap();
    assert_eq!(address.fragment(), None, "{address}");

    // It waits for the fourth segment, and never gets to the fifth.
    let waits = browser.until(|| async { Ok((asked() >= before + 4).then_some(())) });
    assert!(waits.await.unwrap().is_some(), "{} after {before}", asked());
    assert_eq!(rules(browser).await, 1, "the page asks as the stream's page does");
    browser.press("button", "Close preview", None).await.unwrap();
    browser.wait_gone("#preview:not([hidden])").await.unwrap();
    let over = browser.until(|| async { Ok((rules(browser).await == 0).then_some(())) });
    assert!(over.await.unwrap().is_some(), "a rule for requests is left");
    let until_now = asked();
    site.release();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(asked(), until_now, "it has stopped");
    harness.close().await;
}

/// Presses *Preview* in the popup, and goes to the tab that it opens.
async fn preview_from_popup(browser: &Browser, name: &str) {
    if browser.kind() == Kind::Chromium {
        // chromedriver knows nothing of tabs that an extension opens: the test opens this one.
        let told = "chrome.tabs.create = async ({ url }) => { document.body.dataset.opened = url; }";
        browser.call(told).await.unwrap();
    }
    browser.press("button", name, None).await.unwrap();
    if browser.kind() == Kind::Chromium {
        let opened = browser.wait_for("body[data-opened]").await.unwrap();
        let url = opened.attr("data-opened").await.unwrap().unwrap();
        browser.open(&url).await.unwrap();
        return;
    }
    let opened = browser.until(|| async {
        for tab in browser.driver().windows().await? {
            browser.switch_to(&tab).await?;
            if browser.driver().current_url().await?.path() == "/ui/dashboard.html" {
                return Ok(Some(()));
            }
        }
        Ok(None)
    });
    assert!(opened.await.unwrap().is_some(), "no tab of all captures");
}

async fn shown(browser: &Browser, from: f64) -> Shown {
    let found = browser.until(|| async {
        let shown = browser.call_with(SHOWN, vec![json!(from)]).await?;
        Ok((!shown.is_null()).then_some(shown))
    });
    let found = found.await.unwrap();
    let text = browser.text().await.unwrap();
    serde_json::from_value(found.expect(&text)).unwrap()
}

/// How many rules for requests there are.
async fn rules(browser: &Browser) -> u64 {
    let rules = "return (await chrome.declarativeNetRequest.getSessionRules()).length";
    browser.call(rules).await.unwrap().as_u64().unwrap()
}

/// Of all pictures of the source the one at that time is most like what was shown.
fn compare(shown: &Shown, site: &Site) {
    let output = Command::new(program::find("ffmpeg").unwrap())
        .args(["-v", "error", "-i"])
        .arg(site.source(Quality::High))
        // Where a stream does not name its colours, ffmpeg takes those of BT.601 and both browsers those of BT.709.
        .args(["-vf", "scale=in_color_matrix=bt709"])
        .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let (width, height) = PICTURE;
    let grey = |picture: &[u8], x: usize, y: usize| {
        let [r, g, b] = [0, 1, 2].map(|colour| f64::from(picture[(y * width + x) * 3 + colour]));
        0.299 * r + 0.587 * g + 0.114 * b
    };
    let far = |picture: &[u8]| {
        let pixels = (0..height)
            .step_by(STEP)
            .flat_map(|y| (0..width).step_by(STEP).map(move |x| (x, y)));
        mean(
            pixels
                .zip(&shown.grey)
                .map(|((x, y), seen)| (grey(picture, x, y) - seen).abs()),
        )
    };
    let distances: Vec<f64> = output.stdout.chunks_exact(width * height * 3).map(far).collect();
    assert!(distances.len() > 200, "{} pictures", distances.len());
    let (nearest, distance) = (0_u32..)
        .zip(&distances)
        .min_by(|(_, a), (_, b)| a.total_cmp(b))
        .unwrap();
    let time = f64::from(nearest) / 25.0;
    let usual = mean(distances.iter().copied());
    let told = format!(
        "at {} most like {time}: {distance:.1} from it, {usual:.1} from the usual picture",
        shown.time
    );
    println!("{told}");
    // A player begins with the first time stamp, which is two pictures before the first picture is shown, and a picture stays
    // until the next one.
    assert!((0.0..0.13).contains(&(shown.time - time)), "{told}");
    assert!(*distance < usual * 0.2, "{told}");
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    sum / count
}

/// A server that refuses, media that is none, a method that no browser decrypts, DRM.
async fn what_cannot_be_played_says_why(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Missing).await else {
        return;
    };
    let browser = &harness.browser;
    let origin = Origin::start().unwrap();
    let list =
        |key: &str| format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n{key}#EXTINF:2,\na.ts\n#EXT-X-ENDLIST\n");
    let protected =
        "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://a\",KEYFORMAT=\"com.apple.streamingkeydelivery\"\n";
    let counter = "#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI=\"key\",IV=0x00000000000000000000000000000001\n";
    for (name, key) in [
        ("gone", ""),
        ("noise", ""),
        ("counter", counter),
        ("drm", protected),
    ] {
        origin.reply(
            &format!("/{name}.m3u8"),
            Reply::ok(list(key)).with_type("application/x-mpegurl"),
        );
    }
    browser.open(&browser.page("ui/dashboard.html")).await.unwrap();
    for (name, said) in [
        ("gone", "The server refused the request"),
        (
            "counter",
            "The browser cannot play this stream. It can be captured all the same. (the player does not decrypt SAMPLE-AES-CTR)",
        ),
        ("noise", "The browser cannot play this stream"),
    ] {
        if name == "noise" {
            origin.reply("/a.ts", Reply::ok(vec![0x5a; 40_000]).with_type("video/mp2t"));
        }
        look_up(browser, &origin.url(&format!("/{name}.m3u8"))).await;
        browser
            .press("button", &format!("Preview {name}"), Some(name))
            .await
            .unwrap();
        let problem = "const problem = document.querySelector('[data-testid=preview-problem]');
            return problem.checkVisibility() ? problem.textContent : ''";
        wait_until_said(browser, problem, said).await;
        // Escape closes it, and the focus is where it was.
        let escape = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}));
            return document.activeElement.dataset.testid";
        assert_eq!(browser.call(escape).await.unwrap(), "preview", "{name}");
        browser.wait_gone("#preview:not([hidden])").await.unwrap();
    }
    assert_eq!(
        origin.requests_for("/key").len(),
        0,
        "nothing is asked for that cannot be played"
    );
    look_up(browser, &origin.url("/drm.m3u8")).await;
    let card = "const card = document.querySelector('[data-drm]'); return card?.innerText ?? ''";
    wait_until_said(browser, card, "protected by DRM").await;
    let disabled = "return document.querySelector('[data-drm] [data-testid=preview]').disabled";
    assert_eq!(browser.call(disabled).await.unwrap(), true);
    harness.close().await;
}

async fn look_up(browser: &Browser, typed: &str) {
    let field = browser
        .control("textbox", "Address, or the text of a playlist", None)
        .await
        .unwrap();
    field.clear().await.unwrap();
    field.send_keys(typed).await.unwrap();
    browser.press("button", "Look", None).await.unwrap();
}

async fn of_a_live_stream_the_last_seconds_are_played(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Missing).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    harness.stream_of(Page::Live).await;
    let name = format!("Preview {}", live::TITLE);
    preview_from_popup(browser, &name).await;
    browser.control("heading", &name, None).await.unwrap();
    let state = "return document.querySelector('[data-testid=preview-state]').textContent";
    wait_until_said(browser, state, "The last seconds, muted.").await;
    assert!(shown(browser, 0.5).await.muted);
    assert!(!site.live().is_empty());
    harness.close().await;
}

/// In both languages: what plays, and what cannot.
#[tokio::test]
async fn previews_are_whole_and_readable() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Missing).await else {
        return;
    };
    let browser = &harness.browser;
    let origin = Origin::start().unwrap();
    origin.directory("/high/", committed_stream().join("high"));
    let gone = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\ngone.ts\n#EXT-X-ENDLIST\n";
    origin.reply("/gone.m3u8", Reply::ok(gone).with_type("application/x-mpegurl"));
    for (locale, texts) in LANGUAGES {
        speak(browser, locale, texts).await;
        for (name, path) in [("playing", "/high/index.m3u8"), ("failed", "/gone.m3u8")] {
            browser
                .driver()
                .goto(browser.page("ui/dashboard.html"))
                .await
                .unwrap();
            browser.wait_for("#typed-text").await.unwrap();
            let field = browser.wait_for("[data-testid=typed-text]").await.unwrap();
            field.send_keys(origin.url(path)).await.unwrap();
            browser.click("look-up").await.unwrap();
            let title = if name == "playing" { "high" } else { "gone" };
            let label = if locale == "en" { "Preview" } else { "预览" };
            browser
                .press("button", &format!("{label} {title}"), Some(title))
                .await
                .unwrap();
            if name == "playing" {
                shown(browser, 0.5).await;
            } else {
                browser
                    .wait_for("[data-testid=preview-problem]:not([hidden])")
                    .await
                    .unwrap();
            }
            for (width, height, suffix) in [(1200, 1100, ""), (320, 1300, "-narrow"), (600, 1200, "-zoomed")]
            {
                take(
                    browser,
                    &format!("preview-{name}{suffix}-{locale}"),
                    (width, height),
                )
                .await;
            }
        }
    }
    harness.close().await;
}
