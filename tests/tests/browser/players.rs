//! The player zoo: of each player of the wild the stream is listed once, captured whole, and it plays on.

use std::path::Path;

use weir_tests::browser::{Browser, Kind};
use weir_tests::demo::{self, Witness};
use weir_tests::site::Site;
use weir_tests::site::players::{PLAYERS, packages};

use crate::harness::{Harness, Host, in_both};

in_both! {
    each_player_is_listed_once_captured_and_plays_on,
}

async fn each_player_is_listed_once_captured_and_plays_on(kind: Kind) {
    let Some(packages) = packages() else {
        println!("skipped: the players are not installed (cargo xtask setup)");
        return;
    };
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    site.serve_players(&packages);
    let mut broken = Vec::new();
    println!(
        "{:10} {:22} {:8} {:8} {:8} {:8}",
        "browser", "player", "played", "listed", "equal", "plays on"
    );
    for player in PLAYERS {
        let url = site.player_url(player);
        let tab = browser.open(&url).await.unwrap();
        // Of the page: a player may have a `data-player` of its own.
        browser.wait_for("body[data-player]").await.unwrap();
        let state = browser.call("return document.body.dataset.player").await.unwrap();
        // A player may cover the page's own text.
        let said = browser
            .call("return document.getElementById('log').textContent")
            .await
            .unwrap();
        let popup = browser.open_popup(&url).await.unwrap();
        let listed = browser.until(|| async {
            let urls: Vec<String> = browser
                .streams()
                .await?
                .into_iter()
                .map(|stream| stream.url)
                .collect();
            Ok((!urls.is_empty()).then_some(urls))
        });
        let listed = listed.await.unwrap().unwrap_or_default();
        let played = state == "ready";
        if !played {
            broken.push(format!("{}: {said}", player.name));
        }
        if listed != [site.player_stream(player)] {
            broken.push(format!("{}: listed is {listed:?}", player.name));
        }
        let equal = capture(browser, site).await;
        if let Err(error) = &equal {
            broken.push(format!("{}: {error:#}", player.name));
        }
        browser.switch_to(&tab).await.unwrap();
        let plays_on = plays_on(browser).await;
        if !plays_on {
            broken.push(format!("{}: it does not play on", player.name));
        }
        let word = |is_so| if is_so { "yes" } else { "NO" };
        println!(
            "{:10} {:22} {:8} {:8} {:8} {:8}",
            kind.name(),
            player.name,
            word(played),
            listed.len(),
            word(equal.is_ok()),
            word(plays_on)
        );
        // Nine players that play at the same time are slow.
        for window in [popup, tab] {
            browser.switch_to(&window).await.unwrap();
            browser.driver().close_window().await.unwrap();
        }
        let left = browser.driver().windows().await.unwrap();
        browser.switch_to(&left[0]).await.unwrap();
    }
    assert_eq!(broken, [] as [String; 0]);
    harness.close().await;
}

/// Captures the popup's stream, and compares the file with the source.
async fn capture(browser: &Browser, site: &Site) -> anyhow::Result<()> {
    browser.click("capture").await?;
    let job = browser.finished_job().await?;
    anyhow::ensure!(job.verdict == "complete", "{job:?}");
    let witness = demo::compare(Path::new(&job.output), site)?;
    anyhow::ensure!(
        !matches!(witness, Witness::Samples { samples: 0 }),
        "nothing was compared"
    );
    browser.clear_jobs().await
}

/// Whether the video goes on, or has come to its end without an error.
async fn plays_on(browser: &Browser) -> bool {
    let script = "const video = document.querySelector('video');
        video.play().catch(() => {});
        const at = video.currentTime;
        for (let look = 0; look < 100 && video.currentTime === at && !video.ended; look += 1)
            await new Promise((resolve) => setTimeout(resolve, 50));
        return video.error === null && document.body.dataset.player === 'ready' && (video.ended || video.currentTime !== at)";
    browser.call(script).await.unwrap() == true
}
