//! The packages in the browsers that they are for: a Chromium with the unpacked zip, a Firefox with the xpi, both with the host
//! that `install.sh` puts into their empty home while they run, from a page that plays to the captured file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use weir_tests::browser::process::of_home;
use weir_tests::browser::{Browser, Kind, Options, Programs, Window};
use weir_tests::demo;
use weir_tests::site::{Page, Site};

use crate::{command_in, name_of, unpacked_host, unzip};

#[tokio::test]
async fn chromium_captures_by_what_the_zip_and_the_archive_hold() {
    let folder = tempfile::tempdir().unwrap();
    unzip("chromium.zip", folder.path());
    from_nothing_to_a_captured_file(Kind::Chromium, folder.path()).await;
}

#[tokio::test]
async fn firefox_captures_by_what_the_xpi_and_the_archive_hold() {
    from_nothing_to_a_captured_file(Kind::Firefox, &name_of("firefox.xpi")).await;
}

async fn from_nothing_to_a_captured_file(kind: Kind, extension: &Path) {
    let Some(programs) = Programs::find(kind) else {
        println!("skipped: {kind:?} or its driver is not installed");
        return;
    };
    let site = Site::start().unwrap();
    let options = Options {
        extension: extension.to_owned(),
        host: None,
        window: Window::Headless,
        home: None,
    };
    let browser = Browser::start(&programs, &options).await.unwrap();
    let home = browser.home().to_owned();
    browser.open(&browser.page("ui/welcome.html")).await.unwrap();
    browser
        .wait_for("[data-testid=host-state][data-state=failed]")
        .await
        .unwrap();

    // A browser of the test has its profile elsewhere, and Chromium looks for hosts there, not where `install.sh` puts them.
    for place in [".config/chromium", ".mozilla/firefox"] {
        fs::create_dir_all(home.join(place)).unwrap();
    }
    if kind == Kind::Chromium {
        let looked = home.join("profile/NativeMessagingHosts");
        // Chromium has made it, with nothing in it.
        fs::remove_dir(&looked).unwrap();
        symlink(home.join(".config/chromium/NativeMessagingHosts"), looked).unwrap();
    }
    let downloads = home.join("Downloads");
    fs::create_dir_all(&downloads).unwrap();
    let archive = unpacked_host(&downloads);
    let mut script = command_in(&home, "/bin/sh");
    let output = script.arg(archive.join("install.sh")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    browser
        .wait_for("[data-testid=host-state][data-state=ready]")
        .await
        .unwrap();
    let programs: Vec<_> = browser.hosts().into_iter().map(|host| host.program).collect();
    assert_eq!(programs, [home.join(".local/bin/weir")]);

    let page = site.page_url(Page::Xhr);
    browser.open(&page).await.unwrap();
    browser.wait_for("[data-player]").await.unwrap();
    browser.open_popup(&page).await.unwrap();
    browser.wait_for("[data-testid=stream]").await.unwrap();
    browser.click("capture").await.unwrap();
    let job = browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "complete", "{job:?}");
    let film = Path::new(&job.output);
    assert!(film.starts_with(downloads.join("Weir")), "{job:?}");
    demo::compare(film, &site).unwrap();
    browser.close().await.unwrap();
    assert_eq!(of_home(&home), [], "processes are left");
}
