//! How Firefox is started.

use std::path::Path;

use serde_json::{Value, json};
use thirtyfour::common::capabilities::firefox::FirefoxPreferences;
use thirtyfour::common::command::FormatRequestData;
use thirtyfour::error::WebDriverResult;
use thirtyfour::extensions::addons::firefox::FirefoxTools;
use thirtyfour::{Capabilities, DesiredCapabilities, RequestData, SessionId, WebDriver};

use super::ColourScheme;
use super::launch::{Options, Window};

/// The extension's id, fixed by its manifest.
pub(super) const EXTENSION_ID: &str = "weir@weir-hls.github.io";

/// The host name of the extension's pages: another one in each profile, unless a preference says which.
pub(super) const EXTENSION_UUID: &str = "5f0c2a7e-8f5d-4c3b-9a44-77656972686c";

/// Where Firefox looks for native hosts, in the home folder.
pub(super) const HOSTS: &str = ".mozilla/native-messaging-hosts";

/// The session's wishes. The profile is one that stays when the session ends: a browser may be started with it again.
pub(super) fn capabilities(
    program: &Path,
    options: &Options,
    profile: &Path,
) -> anyhow::Result<Capabilities> {
    let mut capabilities = DesiredCapabilities::firefox();
    capabilities.add_arg("-profile")?;
    capabilities.add_arg(&profile.to_string_lossy())?;
    capabilities.set_firefox_binary(&program.to_string_lossy())?;
    let mut preferences = FirefoxPreferences::new();
    preferences.set(
        "extensions.webextensions.uuids",
        json!({EXTENSION_ID: EXTENSION_UUID}).to_string(),
    )?;
    // The manifest is text, and no tree to unfold.
    preferences.set("devtools.jsonview.enabled", false)?;
    preferences.set("media.autoplay.default", 0)?;
    preferences.set("media.volume_scale", "0.0")?;
    preferences.set("intl.locale.requested", "en-US")?;
    // Nothing is asked of the world outside.
    for (name, value) in [
        ("app.normandy.enabled", false),
        ("browser.safebrowsing.downloads.remote.enabled", false),
        ("extensions.getAddons.cache.enabled", false),
        ("media.gmp-manager.updateEnabled", false),
        ("network.captive-portal-service.enabled", false),
        ("network.connectivity-service.enabled", false),
    ] {
        preferences.set(name, value)?;
    }
    capabilities.set_preferences(preferences)?;
    if options.window == Window::Headless {
        capabilities.set_headless()?;
    }
    Ok(capabilities.into())
}

/// Loads the extension as "Load Temporary Add-on" does: when this is over it runs.
pub(super) async fn install(driver: &WebDriver, extension: &Path) -> anyhow::Result<()> {
    let tools = FirefoxTools::new(driver.handle().clone());
    Ok(tools
        .install_addon(&extension.to_string_lossy(), Some(true))
        .await?)
}

/// Tells pages a colour scheme, by Firefox' own preference for that.
pub(super) async fn set_colour_scheme(driver: &WebDriver, scheme: ColourScheme) -> anyhow::Result<()> {
    let value = match scheme {
        ColourScheme::Dark => 0,
        ColourScheme::Light => 1,
    };
    let set =
        format!("Services.prefs.setIntPref('layout.css.prefers-color-scheme.content-override', {value})");
    in_browser(driver, &set, Vec::new()).await?;
    Ok(())
}

/// Runs a script in the browser's own window.
pub(super) async fn in_browser(
    driver: &WebDriver,
    script: &str,
    arguments: Vec<Value>,
) -> anyhow::Result<Value> {
    let done = of_browser(driver, driver.execute(script, arguments)).await?;
    Ok(done.json().clone())
}

/// Has a command concern the browser's own window, and no page.
pub(super) async fn of_browser<T>(
    driver: &WebDriver,
    command: impl Future<Output = WebDriverResult<T>>,
) -> anyhow::Result<T> {
    driver.handle().cmd(InContext("chrome")).await?;
    let done = command.await;
    driver.handle().cmd(InContext("content")).await?;
    Ok(done?)
}

/// Where scripts run from now on: in pages (`content`), or in the browser itself (`chrome`).
#[derive(Debug)]
struct InContext(&'static str);

impl FormatRequestData for InContext {
    fn format_request(&self, session: &SessionId) -> RequestData {
        RequestData::new(http::Method::POST, format!("/session/{session}/moz/context"))
            .add_body(json!({"context": self.0}))
    }
}
