//! The images of a page, from the popup to the folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thirtyfour::{By, Key, WebElement};
use weir_tests::browser::{Browser, Kind};
use weir_tests::site::images::{PLAIN_TEXT, TITLE};
use weir_tests::site::{Page, Site};

use crate::detection::kill_worker;
use crate::harness::{Harness, Host, clipboard, files_below, in_both};

in_both! {
    every_image_is_found_and_saved_once_and_what_is_lost_is_named,
    the_images_are_filtered_and_chosen_by_keyboard,
    a_page_that_is_gone_is_told,
}

async fn every_image_is_found_and_saved_once_and_what_is_lost_is_named(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    let (there, all) = site.images();
    let page = harness.play(Page::Images).await;
    browser.call("scrollTo(0, 140)").await.unwrap();
    open_images(&harness).await;
    // Two more are listed than can be saved: one is the same as another, one is not there.
    button(browser, &format!("Save {} images", there.len() + 2)).await;
    let images = browser.driver().window().await.unwrap();

    button(browser, "Find those that load on scroll")
        .await
        .click()
        .await
        .unwrap();
    let save = button(browser, &format!("Save {} images", all.len() + 2)).await;
    browser
        .wait_for("[data-testid=scroll][aria-disabled=false]")
        .await
        .unwrap();
    browser.switch_to(&page).await.unwrap();
    let scrolled = browser.call("return scrollY").await.unwrap();
    assert_eq!(scrolled, 140, "the reader is where they were");
    browser.switch_to(&images).await.unwrap();
    let asked = site.media().requests();
    let told = asked.iter().find(|request| {
        request
            .header("referer")
            .is_some_and(|sent| sent.contains("extension"))
    });
    assert!(told.is_none(), "no server hears of the extension: {told:?}");

    button(browser, "Copy for aria2").await.click().await.unwrap();
    let said = browser.until(|| async {
        let said = browser.wait_for("#announcements").await?.text().await?;
        Ok((said == "Copied").then_some(()))
    });
    assert!(said.await.unwrap().is_some());
    if let Some(command) = clipboard(browser, kind).await {
        let lines: Vec<_> = command.lines().collect();
        let files = lines.iter().filter(|line| line.starts_with("http")).count();
        let sent = lines
            .iter()
            .filter(|line| line.starts_with(" header=Referer: http"));
        assert!(files > 4 && sent.count() == files, "{command}");
    }

    save.click().await.unwrap();
    let job = browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "incomplete", "{job:?}");
    let figures = format!("{} of {} files", all.len() + 1, all.len() + 2);
    assert!(job.text.contains(&figures), "{figures}: {job:?}");
    assert!(job.text.contains(TITLE), "{job:?}");
    browser
        .wait_for("[data-testid=details] summary")
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    let notes = browser
        .call("return [...document.querySelectorAll('[data-testid=notes]')].map((note) => note.innerText)")
        .await
        .unwrap();
    let notes: Vec<String> = serde_json::from_value(notes).unwrap();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes[0].contains(&site.lost_image()) && notes[0].contains("404"),
        "{notes:?}"
    );
    assert!(notes[1].contains("saved once: 1"), "{notes:?}");

    let folder = Path::new(&job.output);
    assert!(folder.starts_with(browser.home()) && folder.is_dir(), "{job:?}");
    let mut saved: Vec<Vec<u8>> = files_below(folder)
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    saved.sort();
    let mut wanted: Vec<Vec<u8>> = all.iter().map(|image| image.to_vec()).collect();
    wanted.sort();
    assert!(
        saved == wanted,
        "{} files, {} wanted: {:?}",
        saved.len(),
        wanted.len(),
        files_below(folder)
    );
    let bad: Vec<_> = files_below(folder)
        .into_iter()
        .filter(|path| path.extension().is_none_or(|extension| extension != "png"))
        .collect();
    assert!(bad.is_empty(), "{bad:?}");
    harness.close().await;
}

/// The browser ends the worker while a batch runs, and the host ends with its port. The next worker hands the batch over again,
/// and what had come is not asked for twice.
#[tokio::test]
async fn a_worker_that_is_ended_in_the_middle_of_a_batch_loses_no_image() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    harness.one_by_one();
    let (there, _) = site.images();
    harness.play(Page::Images).await;
    open_images(&harness).await;
    button(browser, &format!("Save {} images", there.len() + 2)).await;
    site.media().guard("/images/", |_| {
        std::thread::sleep(Duration::from_millis(150));
        None
    });
    browser.click("save-images").await.unwrap();
    let part = || {
        let all = files_below(&browser.home().join("Downloads/Weir"));
        let whole = |path: &&PathBuf| path.extension().is_some_and(|end| end == "png");
        all.iter().filter(whole).count()
    };
    let some = browser.until(|| async { Ok((part() >= 4).then_some(())) });
    assert!(some.await.unwrap().is_some(), "{} images", part());
    let state = "return document.querySelector('[data-testid=job]').dataset.state";
    assert_eq!(browser.call(state).await.unwrap(), "running");
    let old: Vec<u32> = browser.hosts().iter().map(|host| host.id).collect();
    kill_worker(browser).await;
    let job = browser.finished_job().await.unwrap();
    assert!(!old.is_empty());
    let new: Vec<u32> = browser.hosts().iter().map(|host| host.id).collect();
    assert!(
        new.iter().all(|host| !old.contains(host)),
        "another host: {old:?}, {new:?}"
    );
    // The one that is not there.
    assert_eq!(job.verdict, "incomplete", "{job:?}");
    let mut saved: Vec<Vec<u8>> = files_below(Path::new(&job.output))
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    saved.sort();
    let mut wanted: Vec<Vec<u8>> = there.iter().map(|image| image.to_vec()).collect();
    wanted.sort();
    assert!(saved == wanted, "{} files, {} wanted", saved.len(), wanted.len());
    // By the host, which takes no compressed answers: the thumbnails are asked for by the browser, whenever it likes.
    let asked: Vec<_> = site
        .media()
        .requests()
        .into_iter()
        .filter(|request| request.header("accept-encoding") == Some("identity"))
        .collect();
    assert!(asked.len() > there.len(), "{} requests of the host", asked.len());
    let again: Vec<_> = asked
        .iter()
        .filter(|request| asked.iter().filter(|one| one.target == request.target).count() > 1)
        .map(|request| request.target.as_str())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    // What was under way when the host ended, and what is not there.
    assert!(again.len() <= 2, "asked for twice: {again:?}");
    harness.close().await;
}

async fn the_images_are_filtered_and_chosen_by_keyboard(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    let count = site.images().0.len() + 2;
    harness.play(Page::Images).await;
    open_images(&harness).await;
    button(browser, &format!("Save {count} images")).await;
    let text = browser.text().await.unwrap();
    assert!(text.contains(PLAIN_TEXT), "what pages say is text: {text}");

    // A thumbnail that needs its page does not load, and is told by name all the same.
    for path in Site::guarded_images() {
        let card = format!("//li[.//*[contains(@title, '{path}')]]");
        let card = browser.driver().find(By::XPath(card)).await.unwrap();
        card.scroll_into_view().await.unwrap();
    }
    let lost = "return [...document.querySelectorAll('.lost')].length";
    let lost = browser.until(|| async { Ok((browser.call(lost).await?.as_u64() >= Some(2)).then_some(())) });
    assert!(
        lost.await.unwrap().is_some(),
        "the lost and the refused have no thumbnail"
    );

    field(browser, "Name or address contains")
        .await
        .send_keys("lazy")
        .await
        .unwrap();
    button(browser, "Save 1 image").await;
    let boxes = browser
        .driver()
        .find_all(By::Css("li input[type=checkbox]"))
        .await
        .unwrap();
    assert_eq!(boxes.len(), 1);
    boxes[0].focus().await.unwrap();
    boxes[0].send_keys(" ").await.unwrap();
    let save = button(browser, "Save 0 images").await;
    assert!(!save.is_enabled().await.unwrap());
    boxes[0].send_keys(" ").await.unwrap();
    button(browser, "Save 1 image").await;
    let text = field(browser, "Name or address contains").await;
    text.send_keys(Key::Backspace + Key::Backspace + Key::Backspace + Key::Backspace)
        .await
        .unwrap();
    button(browser, &format!("Save {count} images")).await;

    // Two are at least 640 wide by their own word: the wide one by its set, the lazy one once its thumbnail has come.
    field(browser, "Minimum width")
        .await
        .send_keys("640")
        .await
        .unwrap();
    let names = "return [...document.querySelectorAll('#images li')]
        .filter((card) => !card.innerText.includes('Size unknown'))
        .map((card) => card.querySelector('.name').innerText)";
    let wide = browser.until(|| async {
        let names: BTreeSet<String> = serde_json::from_value(browser.call(names).await?)?;
        Ok(names.contains("Wide").then_some(names))
    });
    let wide = wide.await.unwrap().expect("the wide one is there");
    assert!(
        !wide.contains(PLAIN_TEXT) && !wide.contains("Picture"),
        "{wide:?}"
    );
    button(browser, "Select none").await.click().await.unwrap();
    button(browser, "Save 0 images").await;
    button(browser, "Select all").await.click().await.unwrap();
    field(browser, "Format").await.send_keys("JPEG").await.unwrap();
    button(browser, "Save 0 images").await;
    harness.close().await;
}

async fn a_page_that_is_gone_is_told(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Missing).await else {
        return;
    };
    let browser = &harness.browser;
    let page = harness.play(Page::Images).await;
    open_images(&harness).await;
    let images = browser.driver().window().await.unwrap();
    browser.switch_to(&page).await.unwrap();
    browser.driver().close_window().await.unwrap();
    browser.switch_to(&images).await.unwrap();
    button(browser, "Find those that load on scroll")
        .await
        .click()
        .await
        .unwrap();
    let told = browser.until(|| async {
        let text = browser.text().await?;
        Ok(text.contains("cannot be looked into").then_some(()))
    });
    assert!(told.await.unwrap().is_some());
    harness.close().await;
}

/// Clicks *Images on this page* in the popup of the sample page, and goes where that leads.
async fn open_images(Harness { browser, site }: &Harness) {
    browser.open_popup(&site.page_url(Page::Images)).await.unwrap();
    button(browser, "Images on this page")
        .await
        .click()
        .await
        .unwrap();
    // A tab that an extension opens, which chromedriver does not know: it is shown in the popup's instead.
    let opened = "const tabs = await chrome.tabs.query({});
        const opened = tabs.find(({ url }) => url?.includes('/ui/images.html'));
        if (opened) await chrome.tabs.remove(opened.id);
        return opened?.url ?? null";
    let opened = browser.until(|| async { Ok(browser.call(opened).await?.as_str().map(str::to_owned)) });
    let opened = opened.await.unwrap().expect("no page of images opens");
    browser.driver().goto(opened).await.unwrap();
    browser.wait_for("[data-testid=image]").await.unwrap();
}

/// The button of that name.
async fn button(browser: &Browser, name: &str) -> WebElement {
    by(browser, &format!("//button[normalize-space() = '{name}']")).await
}

/// The field of that name.
async fn field(browser: &Browser, name: &str) -> WebElement {
    by(
        browser,
        &format!("//label[normalize-space(span) = '{name}']//*[self::input or self::select]"),
    )
    .await
}

async fn by(browser: &Browser, path: &str) -> WebElement {
    let found = browser.until(|| async {
        let all = browser.driver().find_all(By::XPath(path.to_owned())).await?;
        Ok(all.into_iter().next())
    });
    let found = found.await.unwrap();
    assert!(
        found.is_some(),
        "no {path}; the page says:\n{}",
        browser.text().await.unwrap()
    );
    found.unwrap()
}
