//! Requests that become jobs, with the user's settings.

use std::sync::Arc;

use weir_core::protocol::{CapturePlan, Container, DownloadItem, JobId, JobOptions, RequestContext};

use super::again::Once;
use super::error::RequestError;
use super::jobs::Work;
use super::{Greeted, Session};
use crate::batch::Batch;
use crate::fetch::Permission;
use crate::job::{Job, JobError, LiveOptions, OnGap};
use crate::journal::Again;
use crate::keys::GivenKeys;
use crate::output_path::{NameFields, Subfolder, Target};
use crate::settings::{Concurrency, Settings, SettingsError};

impl Session {
    pub(super) fn start(
        &mut self,
        id: JobId,
        plan: CapturePlan,
        context: RequestContext,
        options: &JobOptions,
        frame: Vec<u8>,
    ) -> Result<(), RequestError> {
        self.jobs.admit(&id)?;
        let loaded = self.host.settings.load()?;
        for warning in &loaded.warnings {
            tracing::warn!("settings: {warning}");
        }
        self.heed(&loaded.settings);
        let concurrency = match options.concurrency {
            Some(count) => Concurrency::new(i64::from(count))?,
            None => loaded.settings.concurrency,
        };
        let template = match &options.name_template {
            Some(template) => template.parse().map_err(SettingsError::from)?,
            None => loaded.settings.name_template,
        };
        let folder = match subfolder(options.folder.as_deref())? {
            Some(folder) => folder
                .make(&loaded.settings.output_folder)
                .map_err(JobError::from)?,
            None => loaded.settings.output_folder,
        };
        let title = plan.title.as_deref();
        let fields = NameFields::of(&plan, title.unwrap_or_default(), context.page.as_ref());
        let job = Job {
            target: Target::titled(&folder, title, options.container).like(&template, &fields),
            id: Some(id),
            plan: Arc::new(plan),
            context,
            container: options.container,
            concurrency,
            subtitle_files: None,
            chapters: Vec::new(),
            on_gap: OnGap::default(),
            live: Some(LiveOptions::default()),
            private_addresses: Permission::Refused,
            downgrades: Permission::Refused,
            keys: GivenKeys::default(),
            proxy: None,
            network: Arc::clone(&self.network),
            journal: self.host.journal.clone(),
            command: None,
            was_recorded: false,
            resume: None,
            repair: None,
            refresher: (self.greeted == Some(Greeted::Refreshing)).then(|| self.refresher.clone()),
            notes: Vec::new(),
        };
        job.check()?;
        self.jobs.start(Work::Capture(Box::new(job)), frame);
        Ok(())
    }

    pub(super) fn download(
        &mut self,
        id: JobId,
        title: Option<String>,
        items: Vec<DownloadItem>,
        context: RequestContext,
        frame: Vec<u8>,
    ) -> Result<(), RequestError> {
        self.jobs.admit(&id)?;
        let settings = self.host.settings.load()?.settings;
        self.heed(&settings);
        let Settings {
            output_folder,
            concurrency,
            ..
        } = settings;
        let page = context.page.clone().ok_or(RequestError::NoPage)?;
        let batch = Batch {
            target: Target::titled(&output_folder, title.as_deref(), Container::Segments),
            id: Some(id),
            title,
            items,
            left_out: Vec::new(),
            source: page,
            context,
            concurrency,
            private_addresses: Permission::Refused,
            downgrades: Permission::Refused,
            proxy: None,
            network: Arc::clone(&self.network),
            journal: self.host.journal.clone(),
            command: None,
            resume: None,
        };
        batch.check()?;
        self.jobs.start(Work::Download(Box::new(batch)), frame);
        Ok(())
    }

    /// Starts a job of the journal that the host can ask for by itself.
    pub(super) fn start_again(
        &mut self,
        id: JobId,
        again: Again,
        frame: Vec<u8>,
    ) -> Result<(), RequestError> {
        self.jobs.admit(&id)?;
        let journal = self.journal()?;
        let record = journal.record_of(again.number())?;
        again.fits(record.state)?;
        journal.command_of(record.id)?;
        let title = record.title;
        self.jobs
            .start(Work::Again(Box::new(Once { id, title, again })), frame);
        Ok(())
    }
}

/// The folder in the output folder that is wanted.
pub(super) fn subfolder(text: Option<&str>) -> Result<Option<Subfolder>, RequestError> {
    Ok(text.map(str::parse).transpose().map_err(SettingsError::from)?)
}
