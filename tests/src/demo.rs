//! The demo: what `cargo xtask demo` runs once everything is built. A page plays a protected stream, a real
//! Chromium with the extension sees it, one click captures it, and the file is compared with the source.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use crate::browser::{Browser, Kind, Options, Programs, Window};
use crate::site::{Page, Quality, Site};
use crate::{media, program, samples, streams};

/// What the file was compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witness {
    /// ffmpeg decoded both: every picture and all sound are equal.
    Decoded {
        /// Pictures.
        pictures: usize,
        /// Blocks of decoded sound.
        sounds: usize,
    },
    /// ffmpeg is not installed: every sample has the hash that was noted when the stream was made.
    Samples {
        /// How many.
        samples: usize,
    },
}

/// A capture that is equal to its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The file.
    pub output: PathBuf,
    /// How that is known.
    pub witness: Witness,
}

/// Goes the whole way in one browser and tells of each step with `say`. The file is left in `home`.
/// `watch` is called before the browser ends.
///
/// # Errors
/// The first step that did not work, or the first difference.
pub async fn run<F: Future<Output = anyhow::Result<()>>>(
    window: Window,
    home: &Path,
    say: impl Fn(&str),
    watch: impl FnOnce() -> F,
) -> anyhow::Result<Capture> {
    let programs = Programs::find(Kind::Chromium)
        .context("Chromium and chromedriver are needed: run `cargo xtask setup`")?;
    let site = Site::start()?;
    say(&format!("The sample site is at {}", site.page_url(Page::Xhr)));
    let options = Options {
        extension: program::extension(Kind::Chromium.name())?,
        host: Some(program::weir()?),
        window,
        home: Some(home.to_owned()),
    };
    let browser = Browser::start(&programs, &options).await?;
    // Closed in order also when a step failed: the error of the step is the one that matters.
    let captured = capture(&browser, &site, &say).await;
    if captured.is_ok() {
        watch().await?;
    }
    let closed = browser.close().await;
    let output = captured?;
    closed?;
    let witness = compare(&output, &site)?;
    Ok(Capture { output, witness })
}

/// Opens the page, waits for its stream in the popup, and captures it.
async fn capture(browser: &Browser, site: &Site, say: &impl Fn(&str)) -> anyhow::Result<PathBuf> {
    let url = site.page_url(Page::Xhr);
    browser.open(&url).await?;
    browser.wait_for("[data-player]").await?;
    let page = browser.text().await?;
    ensure!(!page.contains("Error"), "the page's player failed:\n{page}");
    say("Its player has asked for a two-level stream with AES-128, a cookie and a Referer");
    browser.open_popup(&url).await?;
    browser.wait_for("[data-testid=stream]").await?;
    let streams = browser.streams().await?;
    let [stream] = streams.as_slice() else {
        bail!("one stream is expected in the popup, not {streams:?}")
    };
    say(&format!(
        "The popup lists it: {}",
        stream.text.split_whitespace().collect::<Vec<_>>().join(" ")
    ));
    browser.click("capture").await?;
    say("Capture is clicked");
    let job = browser.finished_job().await?;
    say(&format!("The verdict is: {}", job.verdict));
    ensure!(job.verdict == "complete", "the popup says: {}", job.text);
    Ok(job.output.into())
}

/// Compares a capture of the sample site's higher quality with its source.
///
/// # Errors
/// The first difference.
pub fn compare(output: &Path, site: &Site) -> anyhow::Result<Witness> {
    if program::find("ffmpeg").is_some() {
        return same_when_decoded(output, &site.source(Quality::High));
    }
    let noted = fs::read_to_string(streams::committed_stream().join("samples.txt"))?;
    let found = samples::sample_list(output)?;
    let lines = noted
        .lines()
        .zip(found.lines())
        .position(|(noted, found)| noted != found);
    ensure!(
        lines.is_none(),
        "sample {lines:?} is another one than the source's"
    );
    let (expected, samples) = (noted.lines().count(), found.lines().count());
    ensure!(
        expected == samples,
        "{samples} samples, the source has {expected}"
    );
    Ok(Witness::Samples { samples })
}

/// Decodes both with ffmpeg and compares every picture and all sound.
///
/// # Errors
/// The first difference, or what ffmpeg complained of.
pub fn same_when_decoded(output: &Path, source: &Path) -> anyhow::Result<Witness> {
    let complaints = media::decode_errors(output)?;
    ensure!(
        complaints.is_empty(),
        "ffmpeg complains of {}: {complaints}",
        output.display()
    );
    let (ours, theirs) = (
        media::decoded_frames_md5(output)?,
        media::decoded_frames_md5(source)?,
    );
    ensure!(
        ours.len() == theirs.len(),
        "{} streams, the source has {}",
        ours.len(),
        theirs.len()
    );
    for (number, (our, their)) in ours.iter().zip(&theirs).enumerate() {
        ensure!(
            our.len() == their.len(),
            "stream {number}: {} frames, the source has {}",
            our.len(),
            their.len()
        );
        let other = our.iter().zip(their).position(|(a, b)| a != b);
        ensure!(
            other.is_none(),
            "stream {number}: frame {other:?} is another one than the source's"
        );
    }
    let [pictures, sounds] = ours.as_slice() else {
        bail!("pictures and sound are expected, not {}", ours.len())
    };
    ensure!(
        !pictures.is_empty() && !sounds.is_empty(),
        "there is nothing in {}",
        output.display()
    );
    Ok(Witness::Decoded {
        pictures: pictures.len(),
        sounds: sounds.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_quality_is_the_same() {
        if media::skip_without_ffmpeg("the demo's comparison") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.mp4");
        let source = |quality: &str| streams::committed_stream().join(quality).join("index.m3u8");
        media::remux(&source("high"), &copy).unwrap();
        let witness = same_when_decoded(&copy, &source("high")).unwrap();
        assert!(
            matches!(
                witness,
                Witness::Decoded {
                    pictures: 200,
                    sounds: 375..
                }
            ),
            "{witness:?}"
        );
        let error = same_when_decoded(&copy, &source("low")).unwrap_err().to_string();
        assert!(error.contains("another one than the source's"), "{error}");
    }
}
