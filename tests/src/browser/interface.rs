//! What a person does in the browser's own interface, outside of any page: menus, keyboard shortcuts, notifications.
//!
//! Firefox lets a test in there: what is opened, pressed and clicked is the browser's own. Chromium does not, and without a
//! window it has none of it; there the extension's worker is told what the browser would tell it, through the debugger.

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use thirtyfour::{Key, WebElement};

use super::{Browser, Kind, firefox};

/// Has the extension's worker hear an event. `arguments` are the event's name and what it is told.
const DISPATCH: &str = "
    const [worker] = (await chrome.debugger.getTargets()).filter(({ type, url }) =>
        type === 'worker' && url.startsWith(chrome.runtime.getURL('')));
    if (!worker) throw new Error('no worker runs');
    const target = { targetId: worker.id };
    await chrome.debugger.attach(target, '1.3');
    try {
        const { exceptionDetails } = await chrome.debugger.sendCommand(target, 'Runtime.evaluate', { expression });
        if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    } finally {
        await chrome.debugger.detach(target);
    }";

impl Browser {
    /// Chooses an item of the menu of a link. In Chromium, where `tab` is the number of the tab that has the link, the current
    /// tab has to be one of the extension's.
    ///
    /// # Errors
    /// There is no such item.
    pub async fn choose_in_menu(&self, link: &WebElement, item: &str) -> anyhow::Result<()> {
        self.driver
            .action_chain()
            .context_click_element(link)
            .perform()
            .await?;
        let chosen = self
            .until(|| async {
                Ok(firefox::in_browser(&self.driver, CHOOSE, vec![json!(item)])
                    .await?
                    .as_bool()
                    .filter(|is| *is))
            })
            .await?;
        chosen.with_context(|| format!("the menu has no {item:?}"))?;
        Ok(())
    }

    /// Has the extension's worker hear an event of the browser, as `chrome.contextMenus.onClicked`. The current tab has to be
    /// a page of the extension: Chromium only.
    ///
    /// # Errors
    /// The worker cannot be reached, or what listens has failed.
    pub async fn tell_worker(&self, event: &str, told: &[Value]) -> anyhow::Result<()> {
        if self.kind != Kind::Chromium {
            bail!("{:?} is told by its own interface", self.kind);
        }
        let told = told
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        let expression = json!(format!("{event}.dispatch({told})"));
        self.call(&format!("const expression = {expression}; {DISPATCH}"))
            .await?;
        Ok(())
    }

    /// Presses a key together with Alt and Shift: Firefox only, since Chromium gives such keys to no extension that was loaded
    /// from a folder.
    ///
    /// # Errors
    /// Those of the WebDriver session.
    pub async fn press_keys(&self, key: char) -> anyhow::Result<()> {
        let keys = self.driver.action_chain();
        let down = keys.key_down(Key::Alt).key_down(Key::Shift).key_down(key);
        let pressed = down.key_up(key).key_up(Key::Shift).key_up(Key::Alt);
        firefox::of_browser(&self.driver, pressed.perform()).await
    }

    /// Has Firefox show notifications by itself: there is no desktop that could.
    ///
    /// # Errors
    /// Those of the WebDriver session.
    pub async fn show_notifications(&self) -> anyhow::Result<()> {
        if self.kind == Kind::Firefox {
            let own = "Services.prefs.setBoolPref('alerts.useSystemBackend', false)";
            firefox::in_browser(&self.driver, own, Vec::new()).await?;
        }
        Ok(())
    }

    /// Clicks the notification of that name once it is there. The current tab has to be a page of the extension.
    ///
    /// # Errors
    /// It does not come.
    pub async fn click_notification(&self, id: &str) -> anyhow::Result<()> {
        if self.kind == Kind::Firefox {
            let clicked = self
                .until(|| async {
                    let clicked = firefox::in_browser(&self.driver, CLICK_ALERT, Vec::new()).await?;
                    Ok(clicked.as_bool().filter(|is| *is))
                })
                .await?;
            return clicked.map(|_| ()).context("no notification is shown");
        }
        let shown = "return Object.keys(await chrome.notifications.getAll())";
        let shown = self
            .until(|| async {
                Ok(self
                    .call(shown)
                    .await?
                    .as_array()
                    .filter(|all| all.contains(&json!(id)))
                    .map(|_| ()))
            })
            .await?;
        shown.context("no notification is shown")?;
        self.tell_worker("chrome.notifications.onButtonClicked", &[json!(id), json!(0)])
            .await
    }
}

/// Clicks the notification that Firefox shows.
const CLICK_ALERT: &str = "
    const shown = Services.wm.getMostRecentWindow('alert:alert');
    if (shown?.document.readyState !== 'complete') return false;
    shown.document.getElementById('alertBox').click();
    return true;";

/// Chooses the item of the open menu that is called so.
const CHOOSE: &str = "
    const menu = document.getElementById('contentAreaContextMenu');
    if (menu?.state !== 'open') return false;
    const item = [...menu.querySelectorAll('menuitem')].find(({ label, hidden }) => !hidden && label === arguments[0]);
    if (!item) return false;
    menu.activateItem(item);
    return true;";
