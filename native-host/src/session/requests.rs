//! What each request of the browser comes to.

use std::path::Path;

use tokio::sync::oneshot;
use weir_core::protocol::limits::MAX_HISTORY;
use weir_core::protocol::{
    CaptureNumber, CapturePlan, Container, Event, JobId, Request, RequestContext, RequestId, SettingsChange,
};
use weir_core::url::AbsoluteUrl;

use super::error::RequestError;
use super::starting::subfolder;
use super::{Session, history};
use crate::job::Offer;
use crate::journal::{Again, Journal, JournalError};
use crate::output_path::{NameFields, NameTemplate, Target};
use crate::settings::{Settings, SettingsError};

impl Session {
    /// Carries out a request; `frame` is how it came. None when its answer comes later.
    pub(super) fn answer(&mut self, request: Request, frame: Vec<u8>) -> Result<Option<Event>, RequestError> {
        let event = match request {
            Request::Hello { .. } => return Err(RequestError::HelloOnce),
            Request::Start {
                id,
                job,
                plan,
                context,
                options,
            } => {
                self.start(job, plan, context, &options, frame)?;
                Event::Done { re: id }
            }
            Request::Download {
                id,
                job,
                title,
                items,
                context,
            } => {
                self.download(job, title, items, context, frame)?;
                Event::Done { re: id }
            }
            Request::Next { id, job } => {
                self.jobs.next(&job)?;
                Event::Done { re: id }
            }
            Request::Pause { id, job } => {
                self.jobs.pause(&job)?;
                Event::Done { re: id }
            }
            Request::Cancel { id, job } => {
                self.jobs.cancel(&job)?;
                Event::Done { re: id }
            }
            Request::Finish { id, job } => {
                self.jobs.finish(&job)?;
                Event::Done { re: id }
            }
            Request::Refreshed {
                id,
                job,
                plan,
                context,
            } => {
                self.refreshed(id, job, plan, context)?;
                return Ok(None);
            }
            Request::RefreshFailed { id, job, reason } => {
                self.jobs.offer(&job, Offer::Nothing(reason))?;
                Event::Done { re: id }
            }
            Request::Jobs { id } => {
                self.take_words();
                Event::Jobs {
                    re: id,
                    jobs: self.jobs.list(),
                }
            }
            Request::Reveal { id, job } => {
                history::reveal(Path::new(self.jobs.output(&job)?))?;
                Event::Done { re: id }
            }
            Request::History { id } => Event::History {
                re: id,
                captures: self.journal()?.history(MAX_HISTORY)?,
            },
            Request::Resume { id, job, capture } => {
                self.start_again(job, Again::Resume(capture.0.into()), frame)?;
                Event::Done { re: id }
            }
            Request::Repair { id, job, capture } => {
                self.start_again(job, Again::Repair(capture.0.into()), frame)?;
                Event::Done { re: id }
            }
            Request::Forget { id, capture } => {
                self.forget(capture)?;
                Event::Done { re: id }
            }
            Request::RevealCapture { id, capture } => {
                history::reveal_capture(self.journal()?, capture)?;
                Event::Done { re: id }
            }
            Request::OpenCapture { id, capture } => {
                history::open_capture(self.journal()?, capture)?;
                Event::Done { re: id }
            }
            Request::Settings { id, change } => self.settings(id, change)?,
            Request::ExampleName {
                id,
                template,
                title,
                page,
                resolution,
                folder,
            } => {
                let name = example_name(&template, &title, &page, resolution, folder.as_deref())?;
                Event::ExampleName { re: id, name }
            }
        };
        Ok(Some(event))
    }

    /// Strikes a capture out of the journal.
    fn forget(&mut self, capture: CaptureNumber) -> Result<(), RequestError> {
        let record = self.journal()?.forget(capture.0.into())?;
        self.jobs.forget(&record.output.unwrap_or_default());
        Ok(())
    }

    pub(super) fn journal(&self) -> Result<&Journal, RequestError> {
        self.host
            .journal
            .as_ref()
            .ok_or(RequestError::Journal(JournalError::NoHome))
    }

    /// Changes the settings, if anything is to be changed, and tells them.
    fn settings(&mut self, re: RequestId, change: Option<SettingsChange>) -> Result<Event, RequestError> {
        let settings = match change.filter(|change| *change != SettingsChange::default()) {
            Some(change) => self.host.settings.change(&change)?,
            None => self.host.settings.load()?.settings,
        };
        self.heed(&settings);
        Ok(Event::Settings {
            re,
            settings: settings.to_message(),
        })
    }

    /// What is under way is bound by the settings too.
    pub(super) fn heed(&self, settings: &Settings) {
        self.network.limit(settings.limit_rate);
        self.jobs.at_once(settings.jobs_at_once);
    }

    /// Hands a job a plan with other links. The job looks at it, and its answer is this request's.
    fn refreshed(
        &self,
        re: RequestId,
        job: JobId,
        plan: CapturePlan,
        context: RequestContext,
    ) -> Result<(), RequestError> {
        let (answer, answered) = oneshot::channel();
        let offer = Offer::Plan {
            plan: Box::new(plan),
            context,
            answer,
        };
        self.jobs.offer(&job, offer)?;
        let taken = self.taken.clone();
        tokio::spawn(async move {
            let answer = match answered.await {
                Ok(answer) => answer.map_err(RequestError::Job),
                // It was cancelled, or had waited long enough, just before it could look.
                Err(_) => Err(RequestError::NotWaiting(job)),
            };
            let _ = taken.send((re, answer));
        });
        Ok(())
    }
}

/// What a file is called by a template, in a folder of the output folder.
fn example_name(
    template: &str,
    title: &str,
    page: &AbsoluteUrl,
    resolution: Option<(u32, u32)>,
    folder: Option<&str>,
) -> Result<String, RequestError> {
    let template: NameTemplate = template.parse().map_err(SettingsError::from)?;
    let folder = subfolder(folder)?;
    let target = Target::titled(Path::new(""), Some(title), Container::Mp4);
    let name = target
        .like(&template, &NameFields::new(title, page, resolution))
        .file_name();
    Ok(folder.map_or_else(|| name.clone(), |folder| folder.with(&name)))
}
