//! Controls as a person finds them, by eye or by screen reader: by role and name.

use anyhow::Context as _;
use serde_json::json;
use thirtyfour::WebElement;
use thirtyfour::error::WebDriverErrorInner;

use super::Browser;

/// The visible controls of a role with a name, in a part of the page: `arguments` are role, name, and the name of that part, a
/// list item or a dialog, or null. Of the roles those that the pages have; names as WAI-ARIA computes them, where the pages
/// need no more of it.
const FIND: &str = "
    const [role, name, part] = arguments;
    const selectors = {
        button: 'button, [role=button]', link: 'a[href]', heading: 'h1, h2, h3', searchbox: 'input[type=search]',
        textbox: 'input[type=text], textarea', combobox: 'select', listitem: 'li', dialog: 'dialog[open]', status: '[role=status]',
        alert: '[role=alert]', group: 'details', checkbox: 'input[type=checkbox]',
    };
    const text = (element) => element.textContent.replace(/\\s+/g, ' ').trim();
    const byIds = (ids) => ids.split(/\\s+/).map((id) => text(document.getElementById(id))).join(' ');
    const nameOf = (element) =>
        element.hasAttribute('aria-labelledby') ? byIds(element.getAttribute('aria-labelledby'))
        : element.getAttribute('aria-label') ?? (element.labels?.length ? [...element.labels].map(text).join(' ') : text(element));
    const parts = part === null ? [document] : [...document.querySelectorAll('li, dialog[open]')].filter((one) =>
        one.checkVisibility() && (one.matches('dialog') ? nameOf(one) : text(one.querySelector('h3') ?? one)) === part);
    return parts.flatMap((one) => [...one.querySelectorAll(selectors[role])])
        .find((one) => one.checkVisibility() && !one.disabled && nameOf(one) === name) ?? null;";

impl Browser {
    /// The control of that role and name, once it is there and can be used. `part` is the title of the card, or the name of the
    /// dialog, that it is in.
    ///
    /// # Errors
    /// There is none: with the page's text.
    pub async fn control(&self, role: &str, name: &str, part: Option<&str>) -> anyhow::Result<WebElement> {
        let arguments = vec![json!(role), json!(name), json!(part)];
        let found = self
            .until(|| async {
                let found = self.driver.execute(FIND, arguments.clone()).await?;
                Ok(found.element().ok())
            })
            .await?;
        let text = self.text().await?;
        found.with_context(|| format!("no {role} {name:?} in {part:?}; the page says:\n{text}"))
    }

    /// Presses a button or a link.
    ///
    /// # Errors
    /// There is none.
    pub async fn press(&self, role: &str, name: &str, part: Option<&str>) -> anyhow::Result<()> {
        let clicked = self.until(|| async {
            match self.control(role, name, part).await?.click().await {
                Ok(()) => Ok(Some(())),
                // Drawn anew since it was found.
                Err(error) if matches!(error.as_inner(), WebDriverErrorInner::StaleElementReference(_)) => {
                    Ok(None)
                }
                Err(error) => Err(error.into()),
            }
        });
        clicked
            .await?
            .with_context(|| format!("{role} {name:?} is drawn anew all the time"))
    }

    /// Whether there is such a control now.
    ///
    /// # Errors
    /// Those of the WebDriver session.
    pub async fn has_control(&self, role: &str, name: &str, part: Option<&str>) -> anyhow::Result<bool> {
        let arguments = vec![json!(role), json!(name), json!(part)];
        Ok(self.driver.execute(FIND, arguments).await?.element().is_ok())
    }
}
