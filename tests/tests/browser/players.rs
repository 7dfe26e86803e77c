//! The player zoo: of each player of the wild the stream is listed once, and it plays on.

use weir_tests::browser::Kind;
use weir_tests::site::players::{PLAYERS, packages};

use crate::harness::{Harness, Host, in_both};

in_both! {
    each_player_is_listed_once_and_plays_on,
}

async fn each_player_is_listed_once_and_plays_on(kind: Kind) {
    let Some(packages) = packages() else {
        println!("skipped: the players are not installed (cargo xtask setup)");
        return;
    };
    let Some(harness) = Harness::start(kind, Host::Missing).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    site.serve_players(&packages);
    let mut broken = Vec::new();
    println!("{:10} {:22} {:8} {:8}", "browser", "player", "played", "listed");
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
        println!(
            "{:10} {:22} {:8} {:8}",
            kind.name(),
            player.name,
            if played { "yes" } else { "NO" },
            listed.len()
        );
        if !played {
            broken.push(format!("{}: {said}", player.name));
        }
        if listed != [site.player_stream(player)] {
            broken.push(format!("{}: listed is {listed:?}", player.name));
        }
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
