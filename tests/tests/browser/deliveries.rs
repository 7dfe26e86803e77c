//! Every way in which a playlist reaches a player: its stream is listed once, and the player gets its text.

use weir_tests::browser::{Browser, Kind};
use weir_tests::demo;
use weir_tests::site::Site;
use weir_tests::site::deliveries::{DELIVERIES, Delivery, Listed, ONE_USE_OF_A_WORKER};

use crate::harness::{Harness, Host, in_both};

in_both! {
    each_delivery_is_listed_once_and_still_played,
}

/// One browser visits all pages, each in a tab of its own, and then looks at what is listed for each: what comes late,
/// or twice, has had the time of all the others.
async fn each_delivery_is_listed_once_and_still_played(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    let mut broken = Vec::new();
    for delivery in DELIVERIES {
        browser.open(&site.delivery_url(delivery)).await.unwrap();
        browser.wait_for("[data-player]").await.unwrap();
        let text = browser.text().await.unwrap();
        if !text.contains("played") {
            broken.push(format!("{}: the player failed: {text}", delivery.name));
        }
    }
    let tabs = browser.tab_numbers().await.unwrap();
    for round in ["first", "second"] {
        for delivery in DELIVERIES {
            let url = site.delivery_url(delivery);
            let Some((number, _)) = tabs.iter().find(|(_, tab)| tab.split('?').next() == Some(&url)) else {
                broken.push(format!("{}: its tab is gone: {tabs:?}", delivery.name));
                continue;
            };
            browser.open_popup_of(*number).await.unwrap();
            let problem = judge(browser, site, delivery).await;
            println!(
                "{:10} {round:7} {:20} {}",
                kind.name(),
                delivery.name,
                problem.as_deref().unwrap_or("ok")
            );
            broken.extend(problem);
        }
    }
    assert_eq!(broken, [] as [String; 0]);

    // The whole way for one that is nowhere to be asked for: the page decrypted it.
    let decrypted = DELIVERIES.iter().find(|one| one.name == "decrypted-xor").unwrap();
    browser.open_popup(&site.delivery_url(decrypted)).await.unwrap();
    browser.click("capture").await.unwrap();
    let job = browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "complete", "{job:?}");
    demo::compare(job.output.as_ref(), site).unwrap();
    harness.close().await;
}

/// No hook is in that worker, and the playlist is to be had once: the browser hands out what the page got.
#[tokio::test]
async fn a_text_that_only_a_worker_gets_is_read_as_it_passes() {
    let Some(harness) = Harness::start(Kind::Firefox, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    let page = site.delivery_url(ONE_USE_OF_A_WORKER);
    browser.open(&page).await.unwrap();
    browser.wait_for("[data-player=ready]").await.unwrap();
    browser.open_popup(&page).await.unwrap();
    assert_eq!(judge(browser, site, ONE_USE_OF_A_WORKER).await, None);
    browser.click("capture").await.unwrap();
    let job = browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "complete", "{job:?}");
    demo::compare(job.output.as_ref(), site).unwrap();
    assert_eq!(site.one_use_readings(), 1, "by the worker alone");
    harness.close().await;
}

/// What is wrong with the list that the popup shows; None when it is as it should be.
async fn judge(browser: &Browser, site: &Site, delivery: &Delivery) -> Option<String> {
    let wanted = delivery.streams.len();
    let listed = browser.until(|| async {
        let urls = listed_urls(browser).await?;
        Ok((urls.len() >= wanted).then_some(urls))
    });
    let last = match listed.await.unwrap() {
        Some(urls) => urls,
        None => listed_urls(browser).await.unwrap(),
    };
    let page = site.delivery_url(delivery);
    let fits = |listed: Listed, url: &str| match listed {
        Listed::Media => url.starts_with(&site.media().url("/delivery/")),
        Listed::Own => url.starts_with(page.trim_end_matches(delivery.name)) && url.contains("/index.m3u8"),
        Listed::Page => url.starts_with(&format!("{page}#")),
    };
    let fit = last.len() == wanted
        && delivery
            .streams
            .iter()
            .zip(&last)
            .all(|(listed, url)| fits(*listed, url));
    (!fit).then(|| {
        format!(
            "{}: {:?} is wanted, listed is {last:?}",
            delivery.name, delivery.streams
        )
    })
}

async fn listed_urls(browser: &Browser) -> anyhow::Result<Vec<String>> {
    Ok(browser
        .streams()
        .await?
        .into_iter()
        .map(|stream| stream.url)
        .collect())
}
