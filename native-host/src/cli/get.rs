//! `weir get`: a playlist -> a plan -> a job.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;
use weir_core::plan::{self, ChosenTrack, Languages, PlanError, Selection};
use weir_core::playlist::{List, Media, Multivariant, Playlist};
use weir_core::protocol::{CapturePlan, Container, ErrorCode, Finished, Progress, RequestContext, TrackKind};
use weir_core::url::{AbsoluteUrl, AddressClass};

use super::Exit;
use super::args::Get;
use super::cut::{self, LeaveOutError};
use super::list;
use super::source::{self, Source, SourceError};
use crate::batch::{self, Batch, BatchError};
use crate::error::Coded;
use crate::fetch::{Client, Permission};
use crate::job::{self, Job, JobError, LiveOptions, StopHandle, StopReason};
use crate::journal::{self, Again, Journal, JournalError};
use crate::keys::{GivenKeyError, GivenKeys};
use crate::output_path::{NameFields, OutputError, Target};
use crate::report::Reporter;

/// Room for a thousand keys with their KIDs.
const MAX_KEY_FILE_BYTES: usize = 128 << 10;

/// Names of playlists that say nothing of what is in them.
const GENERIC_NAMES: &[&str] = &[
    "index",
    "master",
    "playlist",
    "manifest",
    "main",
    "chunklist",
    "stream",
    "video",
    "prog_index",
];

/// Why there is no job.
#[derive(Debug, thiserror::Error)]
pub(super) enum GetError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Job(#[from] JobError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("private address: {0}; allow it with --allow-private")]
    PrivateAddress(AbsoluteUrl),
    #[error("{0} is about streams, and this is a plain list of files, which are saved as they are")]
    OfStreams(&'static str),
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error("a file without absolute URLs needs --base URL")]
    NeedsBase,
    #[error("--key: {0}")]
    Key(#[from] GivenKeyError),
    #[error("--key: neither hexadecimal digits, nor KID:HEX, nor a file that can be read")]
    KeyFile,
    #[error(transparent)]
    LeaveOut(#[from] LeaveOutError),
    #[error("--subs-file makes files of subtitles beside an mp4 or mkv only")]
    SubtitleFiles,
    #[error("--subs-file: no subtitles are shown unasked here; choose some with --subs LANG or --subs all")]
    NoSubtitles,
    #[error("--chapters makes chapters in an mp4 or mkv only")]
    Chapters,
    #[error("--name-template: -o names the file already; give a folder, or no -o")]
    NamedTwice,
    #[error("--iv goes with --key or an encrypted stream; this stream is not encrypted")]
    IvOfClear,
}

impl Coded for GetError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Source(error) => error.code(),
            Self::Plan(error) => error.code(),
            Self::Job(error) => error.code(),
            Self::Output(error) => error.code(),
            Self::PrivateAddress(_) => ErrorCode::PrivateAddress,
            Self::Batch(error) => error.code(),
            Self::LeaveOut(error) => error.code(),
            Self::OfStreams(_)
            | Self::NeedsBase
            | Self::Key(_)
            | Self::KeyFile
            | Self::SubtitleFiles
            | Self::NoSubtitles
            | Self::Chapters
            | Self::NamedTwice
            | Self::IvOfClear => ErrorCode::Usage,
        }
    }
}

/// Runs the command. `asked` is how to give it again, `again` the capture that it is about.
pub(super) async fn run(arguments: Get, asked: Option<journal::Command>, again: Option<Again>) -> Exit {
    let mut reporter = Reporter::new(arguments.telling.style());
    let (handle, mut stop) = StopHandle::new();
    let handle = Arc::new(handle);
    tokio::spawn(stop_on_signals(Arc::clone(&handle)));
    let planned = tokio::select! {
        planned = plan_job(&arguments) => planned,
        reason = stop.stopped() => Err(JobError::Stopped(reason).into()),
    };
    let finished = match planned {
        Ok(Planned::Files(batch)) => {
            reporter.counts_files();
            let queued = batch.queued();
            match again {
                // What a server does not have is asked for with another list.
                Some(Again::Repair(number)) => job::refused(None, JournalError::ForGood(number).failure()),
                Some(Again::Resume(_)) | None => {
                    let batch = Batch {
                        command: asked,
                        resume: again.map(Again::number),
                        ..*batch
                    };
                    watch(queued, &mut reporter, |progress| {
                        batch::run(batch, progress, stop)
                    })
                    .await
                }
            }
        }
        Ok(Planned::Stream(job)) => {
            let job = Job {
                command: asked,
                resume: match again {
                    Some(Again::Resume(number)) => Some(number),
                    _ => None,
                },
                repair: match again {
                    Some(Again::Repair(number)) => Some(number),
                    _ => None,
                },
                ..*job
            };
            let queued = job.queued();
            watch(queued, &mut reporter, |progress| job::run(job, progress, stop)).await
        }
        Err(error) => {
            tracing::error!(code = %error.code(), "{error}");
            job::refused(None, error.failure())
        }
    };
    reporter.finished(&finished);
    Exit::of(&finished)
}

/// Tells of a job while it runs.
async fn watch<F: Future<Output = Finished>>(
    queued: Progress,
    reporter: &mut Reporter,
    run: impl FnOnce(watch::Sender<Progress>) -> F,
) -> Finished {
    let (sender, mut progress) = watch::channel(queued);
    let mut ticks = tokio::time::interval(reporter.interval());
    let run = run(sender);
    tokio::pin!(run);
    loop {
        tokio::select! {
            finished = &mut run => return finished,
            _ = ticks.tick() => if progress.has_changed().unwrap_or(false) {
                reporter.progress(&progress.borrow_and_update());
            },
        }
    }
}

/// The first Ctrl-C or SIGTERM ends the job in order, and a live recording keeps its file; the second ends the process as
/// it does elsewhere.
async fn stop_on_signals(stop: Arc<StopHandle>) {
    if signal().await.is_ok() {
        stop.stop(StopReason::Enough);
        if signal().await.is_ok() {
            std::process::exit(130);
        }
    }
}

#[cfg(unix)]
async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// What a playlist asks for.
enum Planned {
    /// A stream is captured.
    Stream(Box<Job>),
    /// The files of a plain list are saved as they are.
    Files(Box<Batch>),
}

/// What is at the source.
enum Found {
    /// Where it came from, and the chosen tracks.
    Stream(AbsoluteUrl, Vec<(ChosenTrack, Media)>),
    /// Where it came from, where that is known.
    Files(Option<AbsoluteUrl>, List),
}

/// Everything up to the job. The output is checked first: nothing is fetched that could not be kept.
async fn plan_job(arguments: &Get) -> Result<Planned, GetError> {
    let source = Source::parse(&arguments.source, arguments.asking.base.as_ref())?;
    let container = container_of(arguments);
    if !matches!(container, Container::Mp4 | Container::Mkv) {
        if arguments.subs_file.is_some() {
            return Err(GetError::SubtitleFiles);
        }
        if arguments.chapters {
            return Err(GetError::Chapters);
        }
    }
    let target = target(arguments, &source, container)?;
    if arguments.name_template.is_some() && target.is_named_by_user() {
        return Err(GetError::NamedTwice);
    }
    target.check()?;
    let keys = given_keys(arguments)?;
    let context = source::context(&arguments.asking)?;
    let span = cut::span(arguments)?;
    let (origin, tracks) = match read_source(arguments, &source, &context).await? {
        Found::Stream(origin, tracks) => (origin, tracks),
        Found::Files(origin, list) => {
            if let Some(option) = list::unfit(arguments) {
                return Err(GetError::OfStreams(option));
            }
            let target = self::target(arguments, &source, Container::Segments)?;
            let first = || list.entries.first()?.uri.resolved.clone().ok();
            let origin = origin.or_else(first).ok_or(GetError::NeedsBase)?;
            let batch = list::batch(arguments, &list, origin, target, context)?;
            return Ok(Planned::Files(Box::new(batch)));
        }
    };
    let (mut plan, tracks) = if arguments.skip_ads || arguments.chapters {
        (plan::build(&origin, None, &tracks)?, tracks)
    } else {
        // Nothing more is asked of the playlists.
        (plan::build_from(&origin, None, tracks)?, Vec::new())
    };
    let mut notes = cut::leave_out(&mut plan, &tracks, span, arguments)?;
    let chapters = cut::chapters(&plan, &tracks, arguments, &mut notes);
    check_iv(&plan, &keys)?;
    if arguments.subs_file.is_some() && !may_have_subtitles(&plan) {
        return Err(GetError::NoSubtitles);
    }
    let live = recording(arguments, &source, &plan);
    let target = match &arguments.name_template {
        Some(template) => target.like(template, &NameFields::of(&plan, &name_of(&source), None)),
        None => target,
    };
    Ok(Planned::Stream(Box::new(Job {
        id: None,
        plan: Arc::new(plan),
        context,
        container,
        concurrency: arguments.concurrency.unwrap_or_default(),
        target,
        subtitle_files: arguments.subs_file,
        chapters,
        on_gap: arguments.on_gap,
        live,
        keys,
        private_addresses: permission(arguments.allow_private),
        downgrades: permission(arguments.allow_downgrade),
        proxy: arguments.asking.proxy.clone(),
        network: Arc::new(arguments.network()),
        journal: Journal::of_the_user().ok(),
        command: None,
        was_recorded: false,
        resume: None,
        repair: None,
        refresher: None,
        notes,
    })))
}

/// How the stream is recorded where it is live; None for a playlist that is a file and does not grow.
fn recording(arguments: &Get, source: &Source, plan: &CapturePlan) -> Option<LiveOptions> {
    let is_file = matches!(source, Source::File(..)) && plan.tracks.len() == 1;
    let is_data = plan.tracks.iter().any(|track| track.playlist.is_data());
    if is_file || is_data {
        return None;
    }
    Some(LiveOptions::from(&arguments.live))
}

/// Reads the playlist, and those that the selection needs. The first is where it came from.
async fn read_source(arguments: &Get, source: &Source, context: &RequestContext) -> Result<Found, GetError> {
    let client_for = |url: &AbsoluteUrl| {
        if url.address_class() == AddressClass::Private && !arguments.allow_private {
            return Err(GetError::PrivateAddress(url.clone()));
        }
        let (private, downgrades) = (
            permission(arguments.allow_private),
            permission(arguments.allow_downgrade),
        );
        Ok(source::client(
            url,
            context.clone(),
            &arguments.asking,
            private,
            downgrades,
        )?)
    };
    let client = source.url().map(client_for).transpose()?;
    let text = source.read(client.as_ref()).await?;
    let reading = source::read_playlist(&text, &source.shown())?;
    for warning in &reading.warnings {
        tracing::warn!(line = warning.line, "{}: {}", source.shown(), warning.message);
    }
    let tracks = match reading.playlist {
        Playlist::List(list) => return Ok(Found::Files(text.base, list)),
        Playlist::Media(media) => {
            let origin = text
                .base
                .clone()
                .or_else(|| first_url(&media))
                .ok_or(GetError::NeedsBase)?;
            // A live playlist is asked for again where it was asked for first: what that redirects to may be for one use.
            let playlist = match source {
                Source::Url(url) => url.clone(),
                Source::File(..) => origin,
            };
            vec![(ChosenTrack::only(playlist), media)]
        }
        Playlist::Multivariant(multivariant) => {
            let selection = Selection {
                quality: arguments.quality.clone(),
                audio: arguments.audio.clone().unwrap_or_default(),
                subtitles: subtitles(arguments),
            };
            let mut tracks = Vec::new();
            for chosen in plan::choose(&multivariant, &selection)? {
                let media = match &client {
                    Some(client) => media(client, &chosen.playlist, &multivariant).await?,
                    None => media(&client_for(&chosen.playlist)?, &chosen.playlist, &multivariant).await?,
                };
                tracks.push((chosen, media));
            }
            tracks
        }
    };
    let origin = text
        .base
        .or_else(|| tracks.first().map(|(track, _)| track.playlist.clone()));
    Ok(Found::Stream(origin.ok_or(GetError::NeedsBase)?, tracks))
}

/// A media playlist on its own may be of subtitles: that shows in its segments.
fn may_have_subtitles(plan: &CapturePlan) -> bool {
    plan.tracks
        .iter()
        .any(|track| track.kind == TrackKind::Subtitle || track.playlist == plan.source)
}

/// `--subs`; unasked, none for an output that has no place for them.
fn subtitles(arguments: &Get) -> Languages {
    let unasked = match container_of(arguments) {
        Container::Ts => Languages::None,
        Container::Mp4 | Container::Mkv | Container::Segments => Languages::default(),
    };
    arguments.subs.clone().unwrap_or(unasked)
}

async fn media(client: &Client, url: &AbsoluteUrl, parent: &Multivariant) -> Result<Media, GetError> {
    let text = source::fetch(client, url).await?;
    let reading = source::read_child(&text, url, parent)?;
    for warning in &reading.warnings {
        tracing::warn!(line = warning.line, "{url}: {}", warning.message);
    }
    Ok(plan::expect_media(reading, url)?)
}

fn first_url(media: &Media) -> Option<AbsoluteUrl> {
    media
        .segments
        .iter()
        .find_map(|segment| segment.uri.resolved.clone().ok())
}

pub(super) fn permission(allowed: bool) -> Permission {
    if allowed {
        Permission::Allowed
    } else {
        Permission::Refused
    }
}

/// `--container`, else what the output's name says, else MP4.
fn container_of(arguments: &Get) -> Container {
    let named = || {
        let extension = arguments.output.as_deref()?.extension()?;
        match extension.to_str()?.to_ascii_lowercase().as_str() {
            "mkv" | "mka" => Some(Container::Mkv),
            "ts" => Some(Container::Ts),
            _ => None,
        }
    };
    arguments.container.or_else(named).unwrap_or_default()
}

fn target(arguments: &Get, source: &Source, container: Container) -> Result<Target, OutputError> {
    let is_parent = |path: &Path| path.is_dir() && !arguments.output_is_there;
    let in_folder = |folder: &Path| Target::titled(folder, Some(&name_of(source)), container);
    match arguments.output.as_deref() {
        None => Ok(in_folder(Path::new("."))),
        Some(path) if is_parent(path) || is_written_as_folder(path) => Ok(in_folder(path)),
        Some(path) => Target::named(path, container),
    }
}

fn is_written_as_folder(path: &Path) -> bool {
    path.to_str()
        .is_some_and(|path| path.ends_with(std::path::is_separator))
}

/// What to call the output of a playlist: its file's name, or the folder's where that says nothing.
fn name_of(source: &Source) -> String {
    let path = match source {
        Source::Url(url) if url.is_data() => PathBuf::new(),
        Source::Url(url) => PathBuf::from(percent_decoded(url.path())),
        Source::File(path, _) => std::path::absolute(path).unwrap_or_else(|_| path.clone()),
    };
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    if !GENERIC_NAMES.contains(&stem.to_ascii_lowercase().as_str()) {
        return stem;
    }
    let folder = path
        .parent()
        .and_then(Path::file_name)
        .map(|name| name.to_string_lossy().into_owned());
    folder.unwrap_or(stem)
}

fn percent_decoded(path: &str) -> String {
    percent_encoding::percent_decode_str(path)
        .decode_utf8_lossy()
        .into_owned()
}

/// The keys of `--key`, as typed or in files, and the IV of `--iv`.
fn given_keys(arguments: &Get) -> Result<GivenKeys, GetError> {
    let mut keys = GivenKeys::default();
    for text in &arguments.keys {
        if GivenKeys::is_written(text) {
            keys.add(text)?;
        } else {
            // What was typed is not repeated: it may be a key with a slip in it.
            let bytes =
                source::read_file(Path::new(text), MAX_KEY_FILE_BYTES).map_err(|_| GetError::KeyFile)?;
            keys.add_file(&bytes)?;
        }
    }
    keys.set_iv(arguments.iv);
    Ok(keys)
}

/// An IV alone is for keys of the playlist.
fn check_iv(plan: &CapturePlan, keys: &GivenKeys) -> Result<(), GetError> {
    let segments = || plan.tracks.iter().flat_map(|track| &track.segments);
    let encrypted = segments()
        .any(|segment| segment.key.is_some() || segment.map.as_ref().is_some_and(|map| map.key.is_some()));
    if keys.iv().is_some() && keys.is_empty() && !encrypted {
        return Err(GetError::IvOfClear);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let name = |text: &str| name_of(&Source::parse(text, None).unwrap());
        assert_eq!(
            name("https://a.example/films/The%20Mill/master.m3u8?t=1"),
            "The Mill"
        );
        assert_eq!(name("https://a.example/films/mill.m3u8"), "mill");
        assert_eq!(name("https://a.example/index.m3u8"), "index");
        assert_eq!(name("lists/mill.m3u8"), "mill");
    }
}
