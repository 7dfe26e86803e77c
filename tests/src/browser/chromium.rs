//! How Chromium is started.

use std::path::Path;

use serde_json::json;
use thirtyfour::{Capabilities, ChromiumLikeCapabilities as _, DesiredCapabilities};

use super::launch::{Options, Window};

/// The extension's id, fixed by the `key` of its manifest.
pub(super) const EXTENSION_ID: &str = "hfbofokbohdjbpgdbciplkcjdhiidcog";

/// Where Chromium looks for native hosts, in its profile.
pub(super) const HOSTS: &str = "NativeMessagingHosts";

/// The session's wishes: the extension is loaded while the browser starts.
pub(super) fn capabilities(
    program: &Path,
    options: &Options,
    extension: &Path,
    profile: &Path,
) -> anyhow::Result<Capabilities> {
    let mut capabilities = DesiredCapabilities::chrome();
    capabilities.set_binary(&program.to_string_lossy())?;
    for argument in [
        format!("--user-data-dir={}", profile.display()),
        format!("--load-extension={}", extension.display()),
    ] {
        capabilities.add_arg(&argument)?;
    }
    for argument in [
        "--no-first-run",
        "--no-default-browser-check",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-quic",
        "--mute-audio",
        "--autoplay-policy=no-user-gesture-required",
        "--lang=en-US",
        "--window-size=1000,760",
    ] {
        capabilities.add_arg(argument)?;
    }
    // The sample site's player sends its cookie to another site, as many do. Headless Chromium blocks that by default,
    // other than most browsers that people use.
    //
    // A blank first page: when an extension is loaded while the browser starts, the new-tab page sometimes never comes,
    // and chromedriver waits for it for ever.
    let preferences = json!({
        "profile": {"cookie_controls_mode": 0, "block_third_party_cookies": false},
        "session": {"restore_on_startup": 4, "startup_urls": ["about:blank"]},
    });
    capabilities.add_experimental_option("prefs", preferences)?;
    if options.window == Window::Headless {
        capabilities.add_arg("--headless=new")?;
    }
    Ok(capabilities.into())
}
