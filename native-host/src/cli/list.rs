//! `weir get` of a plain list: its entries are files, and are saved as they are.

use std::sync::Arc;

use weir_core::playlist::{List, ListEntry};
use weir_core::protocol::{Container, DownloadItem, RequestContext};
use weir_core::url::AbsoluteUrl;

use super::args::Get;
use super::get::GetError;
use crate::batch::Batch;
use crate::journal::Journal;
use crate::output_path::Target;

/// The options that are about streams, of those that were given.
pub(super) fn unfit(arguments: &Get) -> Option<&'static str> {
    let Get {
        audio,
        subs,
        subs_file,
        container,
        keys,
        iv,
        start,
        end,
        skip_ads,
        chapters,
        name_template,
        ..
    } = arguments;
    let given = [
        ("--audio", audio.is_some()),
        ("--subs", subs.is_some()),
        ("--subs-file", subs_file.is_some()),
        (
            "--container",
            container.is_some_and(|container| container != Container::Segments),
        ),
        ("--key", !keys.is_empty()),
        ("--iv", iv.is_some()),
        ("--start", start.is_some()),
        ("--end", end.is_some()),
        ("--skip-ads", *skip_ads),
        ("--chapters", *chapters),
        ("--name-template", name_template.is_some()),
    ];
    given
        .into_iter()
        .find(|(_, is_given)| *is_given)
        .map(|(name, _)| name)
}

/// What is saved, and where.
pub(super) fn batch(
    arguments: &Get,
    list: &List,
    source: AbsoluteUrl,
    target: Target,
    context: RequestContext,
) -> Result<Batch, GetError> {
    let (mut items, mut left_out) = (Vec::new(), Vec::new());
    for ListEntry { uri, title, .. } in &list.entries {
        let name = title.clone().filter(|title| !title.trim().is_empty());
        match &uri.resolved {
            Ok(url) => items.push(DownloadItem {
                url: url.clone(),
                name,
            }),
            Err(error) => left_out.push((uri.text.clone(), error.to_string())),
        }
    }
    let batch = Batch {
        id: None,
        title: None,
        items,
        left_out,
        context,
        source,
        target,
        concurrency: arguments.concurrency.unwrap_or_default(),
        private_addresses: super::get::permission(arguments.allow_private),
        downgrades: super::get::permission(arguments.allow_downgrade),
        proxy: arguments.asking.proxy.clone(),
        network: Arc::new(arguments.network()),
        journal: Journal::of_the_user().ok(),
        command: None,
        resume: None,
    };
    batch.check()?;
    Ok(batch)
}
