//! What the user prefers: how files are named, rules for sites, and both as a file. Controls are found by role and name.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use thirtyfour::WebElement;
use thirtyfour::components::SelectElement;
use weir_tests::browser::{Browser, Kind};
use weir_tests::site::Page;

use crate::harness::{Harness, Host, files_below, in_both, wait_until_said};

in_both! {
    files_are_named_as_the_user_wants_them,
    a_rule_captures_a_site_by_itself_and_another_hides_it,
    settings_go_into_a_file_and_come_back,
}

/// The host of the sample site's pages, as a card calls its rule.
const SITE: Option<&str> = Some("localhost");

async fn files_are_named_as_the_user_wants_them(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    open(browser).await;
    let field = browser.control("textbox", "File names", None).await.unwrap();
    retype(&field, "{site} {titel}").await;
    wait_for_example(browser, "no field \"titel\"").await;
    browser.press("button", "Save", None).await.unwrap();
    let problem = browser
        .wait_for("[data-testid=settings-error]:not([hidden])")
        .await
        .unwrap();
    let said = problem.text().await.unwrap();
    assert!(said.contains("character 9: no field \"titel\""), "{said}");
    assert_eq!(field.attr("aria-invalid").await.unwrap().as_deref(), Some("true"));

    retype(&field, "{site} - {title}{ S{season}}{ ({quality})}").await;
    wait_for_example(
        browser,
        "video.example - Weirs, season 2 episode 7 S02 (720p).mp4",
    )
    .await;
    browser.press("button", "Save", None).await.unwrap();
    browser.wait_for("#saved:not(:empty)").await.unwrap();

    harness.stream_of(Page::Xhr).await;
    browser.choose_quality("90p").await.unwrap();
    browser.click("capture").await.unwrap();
    let job = browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "complete", "{job:?}");
    assert_eq!(
        name(&job.output),
        "localhost - Lecture 7- how a weir works (90p).mp4"
    );
    harness.close().await;
}

async fn a_rule_captures_a_site_by_itself_and_another_hides_it(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    open(browser).await;
    for (typed, said) in [
        ("no site", "This is no site."),
        ("http://localhost:1/watch", ""),
        ("localhost", "There is a rule for this site already."),
    ] {
        let field = browser.control("textbox", "Site", None).await.unwrap();
        retype(&field, typed).await;
        browser.press("button", "Add a rule", None).await.unwrap();
        match said {
            "" => {
                browser.control("combobox", "Capture", SITE).await.unwrap();
            }
            said => {
                let problem = browser.wait_for("#site-problem:not([hidden])").await.unwrap();
                let text = problem.text().await.unwrap();
                assert!(text.contains(said), "{typed}: {text}");
            }
        }
    }
    let audio = browser.control("textbox", "Audio language", SITE).await.unwrap();
    change(browser, &audio, "not a language").await;
    let problem = browser
        .wait_for("[data-testid=rule] .problem:not([hidden])")
        .await
        .unwrap();
    let said = problem.text().await.unwrap();
    assert!(said.contains("audio: expected a language"), "{said}");
    change(browser, &audio, "").await;
    saved(browser).await;
    let names = browser.control("textbox", "File names", SITE).await.unwrap();
    change(browser, &names, "{title} [{quality}]").await;
    saved(browser).await;
    let folder = browser.control("textbox", "In the folder", SITE).await.unwrap();
    change(browser, &folder, "../elsewhere").await;
    let problem = browser
        .wait_for("[data-testid=rule] .problem:not([hidden])")
        .await
        .unwrap();
    let said = problem.text().await.unwrap();
    assert!(said.contains("cannot be a folder's name"), "{said}");
    change(browser, &folder, "Lectures/Weirs").await;
    saved(browser).await;
    for (label, chosen) in [("Quality", "The lowest"), ("Capture", "By itself")] {
        let choice = browser.control("combobox", label, SITE).await.unwrap();
        let choice = SelectElement::new(&choice).await.unwrap();
        choice.select_by_exact_text(chosen).await.unwrap();
        saved(browser).await;
    }

    // Nobody clicks.
    let tab = harness.play(Page::Xhr).await;
    browser.open_popup(&site.page_url(Page::Xhr)).await.unwrap();
    let job = browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "complete", "{job:?}");
    assert!(
        job.output
            .ends_with("/Lectures/Weirs/Lecture 7- how a weir works [90p].mp4"),
        "{job:?}"
    );
    let chosen = "return document.querySelector('[data-testid=quality]').selectedOptions[0].textContent";
    let chosen = browser.call(chosen).await.unwrap();
    assert!(chosen.as_str().unwrap().contains("90p"), "{chosen}");

    // The page is opened once more, and the file is there already.
    let popup = browser.driver().window().await.unwrap();
    browser.switch_to(&tab).await.unwrap();
    browser.driver().refresh().await.unwrap();
    browser.wait_for("[data-player]").await.unwrap();
    browser.switch_to(&popup).await.unwrap();
    browser.wait_for("[data-testid=stream]").await.unwrap();
    // As long as it would take a second capture to begin.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(browser.jobs().await.unwrap().len(), 1);

    open(browser).await;
    let choice = browser.control("combobox", "Capture", SITE).await.unwrap();
    let choice = SelectElement::new(&choice).await.unwrap();
    choice
        .select_by_exact_text("Never: hide its streams")
        .await
        .unwrap();
    saved(browser).await;
    browser.switch_to(&popup).await.unwrap();
    browser
        .wait_for("[data-testid=ignored]:not([hidden])")
        .await
        .unwrap();
    assert_eq!(browser.streams().await.unwrap(), []);

    open(browser).await;
    browser
        .press("button", "Remove the rule for localhost", SITE)
        .await
        .unwrap();
    browser.wait_gone("[data-testid=rule]").await.unwrap();
    browser.switch_to(&popup).await.unwrap();
    browser.wait_for("[data-testid=stream]").await.unwrap();
    harness.close().await;
}

async fn settings_go_into_a_file_and_come_back(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    let home = browser.home();
    fs::create_dir_all(home.join("films")).unwrap();
    open(browser).await;
    let given = json!({
        "format": "weir-settings",
        "version": 1,
        "settings": {"outputFolder": home.join("films"), "concurrency": 7, "nameTemplate": "{date} {title}"},
        "rules": [{
            "site": "video.example", "capture": "auto", "quality": "720p", "audio": "de", "subtitles": "all", "nameTemplate": null, "folder": "Lectures",
        }],
    });
    let wrong = |change: fn(&mut serde_json::Value)| {
        let mut wrong = given.clone();
        change(&mut wrong);
        wrong.to_string()
    };
    for (text, said) in [
        ("{\"format\"".to_owned(), "no JSON"),
        (
            wrong(|file| file["rules"][0]["quality"] = json!("720")),
            "rules[0].quality",
        ),
        (
            wrong(|file| file["settings"]["concurrency"] = json!(99)),
            "1 to 64",
        ),
        (
            wrong(|file| file["settings"]["outputFolder"] = json!("/no/such")),
            "/no/such is not there",
        ),
        (
            wrong(|file| file["rules"][0]["nameTemplate"] = json!("{x}")),
            "no field \"x\"",
        ),
    ] {
        import(browser, &text).await;
        let problem = browser
            .wait_for("[data-testid=file-problem]:not([hidden])")
            .await
            .unwrap();
        let text = problem.text().await.unwrap();
        assert!(text.contains(said), "{said}: {text}");
        assert!(
            !browser
                .has_control("combobox", "Capture", Some("video.example"))
                .await
                .unwrap()
        );
    }
    import(browser, &given.to_string()).await;
    browser
        .wait_for("[data-testid=file-done]:not(:empty)")
        .await
        .unwrap();
    browser
        .control("combobox", "Quality", Some("video.example"))
        .await
        .unwrap();

    open(browser).await;
    browser
        .control("combobox", "Quality", Some("video.example"))
        .await
        .unwrap();
    let folder = browser.control("textbox", "Save files to", None).await.unwrap();
    let folder = folder.prop("value").await.unwrap();
    assert_eq!(folder.as_deref(), home.join("films").to_str());
    browser.press("button", "Export", None).await.unwrap();
    let written = browser
        .until(|| async { Ok(exported(home)) })
        .await
        .unwrap()
        .unwrap();
    let mut wanted = given.clone();
    // All of them are written.
    wanted["settings"]["whenBrowserCloses"] = json!("pause");
    wanted["settings"]["limitBytesPerSecond"] = json!(0);
    wanted["settings"]["jobsAtOnce"] = json!(4);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&written).unwrap(),
        wanted
    );
    harness.close().await;
}

/// Opens the settings and waits until they are there.
async fn open(browser: &Browser) {
    browser.open(&browser.page("ui/options.html")).await.unwrap();
    browser.wait_for("#fields:not(:disabled)").await.unwrap();
}

async fn retype(field: &WebElement, text: &str) {
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

/// Types and leaves the field.
async fn change(browser: &Browser, field: &WebElement, text: &str) {
    retype(field, text).await;
    browser.call("document.activeElement.blur()").await.unwrap();
}

/// Waits until a rule says that it was kept, and has it say so anew.
async fn saved(browser: &Browser) {
    let said = browser
        .wait_for("[data-testid=rule] .saved:not(:empty)")
        .await
        .unwrap();
    let empty = "arguments[0].textContent = ''";
    browser
        .driver()
        .execute(empty, vec![said.to_json().unwrap()])
        .await
        .unwrap();
}

async fn wait_for_example(browser: &Browser, words: &str) {
    let example = "return document.querySelector('[data-testid=name-example]').textContent";
    wait_until_said(browser, example, words).await;
}

/// Chooses a file with this text.
async fn import(browser: &Browser, text: &str) {
    let file = browser.home().join("given.json");
    fs::write(&file, text).unwrap();
    let hide = "document.getElementById('file-problem').hidden = true";
    browser.call(hide).await.unwrap();
    let field = browser.wait_for("[data-testid=file]").await.unwrap();
    field.send_keys(file.to_str().unwrap()).await.unwrap();
}

/// The file that the browser has saved, once it is whole.
fn exported(home: &Path) -> Option<String> {
    let files: Vec<PathBuf> = files_below(home);
    let file = files
        .into_iter()
        .find(|file| file.file_name().is_some_and(|name| name == "weir-settings.json"))?;
    let text = fs::read_to_string(file).ok()?;
    text.ends_with("}\n").then_some(text)
}

fn name(output: &str) -> &str {
    Path::new(output).file_name().unwrap().to_str().unwrap()
}
