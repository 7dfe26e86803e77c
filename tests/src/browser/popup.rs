//! The popup as a person uses it: what it lists, and its buttons. It is opened as a page by
//! [`Browser::open_popup`] and is the current tab here.

use anyhow::Context as _;
use serde_json::Value;
use thirtyfour::By;

use super::{Browser, testid};

/// A stream that the popup lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedStream {
    /// `data-url`.
    pub url: String,
    /// `data-kind`: `multivariant` or `media`.
    pub kind: String,
    /// `data-live`.
    pub live: String,
    /// `data-encrypted`.
    pub encrypted: String,
    /// What a person reads of it.
    pub text: String,
    /// The qualities to choose from, as a person reads them.
    pub qualities: Vec<String>,
}

/// A job that the popup lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedJob {
    /// `data-job`.
    pub job: String,
    /// `data-state`.
    pub state: String,
    /// `data-verdict`, empty while it runs.
    pub verdict: String,
    /// `data-output`, empty while there is none.
    pub output: String,
    /// What a person reads of it.
    pub text: String,
}

impl Browser {
    /// The streams that the popup lists now.
    ///
    /// # Errors
    /// Those of the WebDriver session.
    pub async fn streams(&self) -> anyhow::Result<Vec<ListedStream>> {
        let script = "return [...document.querySelectorAll('[data-testid=stream]')].map((item) => ({
            ...item.dataset, text: item.innerText,
            qualities: [...item.querySelectorAll('[data-testid=quality] option')].map((option) => option.textContent),
        }))";
        let items = self.call(script).await?;
        Ok(objects(&items)
            .map(|item| ListedStream {
                url: text(item, "url"),
                kind: text(item, "kind"),
                live: text(item, "live"),
                encrypted: text(item, "encrypted"),
                text: text(item, "text"),
                qualities: item["qualities"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            })
            .collect())
    }

    /// The jobs that the popup lists now.
    ///
    /// # Errors
    /// Those of the WebDriver session.
    pub async fn jobs(&self) -> anyhow::Result<Vec<ListedJob>> {
        let script = "return [...document.querySelectorAll('[data-testid=job]')]
            .map((item) => ({...item.dataset, text: item.innerText}))";
        let items = self.call(script).await?;
        Ok(objects(&items)
            .map(|item| ListedJob {
                job: text(item, "job"),
                state: text(item, "state"),
                verdict: text(item, "verdict"),
                output: text(item, "output"),
                text: text(item, "text"),
            })
            .collect())
    }

    /// Chooses, for the first stream, the quality whose words contain `words`.
    ///
    /// # Errors
    /// There is no such choice.
    pub async fn choose_quality(&self, words: &str) -> anyhow::Result<()> {
        self.wait_for("[data-testid=stream] [data-testid=quality] option")
            .await?;
        let options = self
            .driver()
            .find_all(By::Css("[data-testid=quality] option"))
            .await?;
        for option in options {
            if option.text().await?.contains(words) {
                return Ok(option.click().await?);
            }
        }
        let listed = self.streams().await?;
        anyhow::bail!("no quality says {words:?}: {listed:?}")
    }

    /// Clicks the first element with that `data-testid` once it can be clicked.
    ///
    /// # Errors
    /// There is none, or it stays disabled.
    pub async fn click(&self, id: &str) -> anyhow::Result<()> {
        let button = self.wait_for(&format!("{}:not(:disabled)", testid(id))).await?;
        Ok(button.click().await?)
    }

    /// Waits for the first job's end.
    ///
    /// # Errors
    /// It has not ended after [`super::PATIENCE`].
    pub async fn finished_job(&self) -> anyhow::Result<ListedJob> {
        self.wait_for("[data-testid=job][data-state=finished]").await?;
        let jobs = self.jobs().await?;
        jobs.into_iter()
            .find(|job| job.state == "finished")
            .context("the finished job is gone again")
    }

    /// Takes the finished jobs off the list.
    ///
    /// # Errors
    /// One is still there after [`super::PATIENCE`].
    pub async fn clear_jobs(&self) -> anyhow::Result<()> {
        self.click("clear").await?;
        self.wait_gone("[data-testid=job]").await
    }
}

fn objects(items: &Value) -> impl Iterator<Item = &Value> {
    items.as_array().into_iter().flatten()
}

fn text(item: &Value, name: &str) -> String {
    item[name].as_str().unwrap_or_default().to_owned()
}
