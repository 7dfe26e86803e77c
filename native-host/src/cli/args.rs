//! Arguments as typed. What an argument is, is checked here; what arguments mean together, where they are
//! used.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use weir_core::plan::{Languages, Quality};
use weir_core::protocol::{Container, Header, Iv, Secret};
use weir_core::url::AbsoluteUrl;

use super::time;
use crate::fetch::{BytesPerSecond, Network};
use crate::install::Choice;
use crate::job::{LiveFrom, LiveOptions, OnGap};
use crate::journal::Number;
use crate::merge::SubtitleFormat;
use crate::output_path::NameTemplate;
use crate::report::Style;
use crate::settings::Concurrency;

/// Saves HLS streams as files that play anywhere.
#[derive(Debug, Parser)]
#[command(
    name = "weir",
    version,
    about,
    arg_required_else_help = false,
    disable_help_subcommand = true
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Saves a stream.
    Get(Box<Get>),
    /// Shows what is in a playlist.
    Probe(Box<Probe>),
    /// Lists captures, those of the browser too: finished, running, interrupted.
    Jobs(Jobs),
    /// Goes on with a capture that was interrupted.
    Resume(Resume),
    /// Fetches what a finished capture is missing, and puts it in its place in the file.
    Repair(Repair),
    /// Strikes a capture out of the list. Its files stay.
    Forget(Numbered),
    /// Registers Weir with browsers, so that the extension can start it.
    Install(Registration),
    /// Takes the registration back.
    Uninstall(Registration),
    /// Looks for what keeps the extension from reaching Weir.
    Doctor(Doctor),
    /// Finishes what a host of a browser that has gone writes to its standard input: for that host alone.
    #[command(hide = true, name = crate::session::FINISH_CAPTURES)]
    FinishCaptures,
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option that is given or not"
)]
pub(super) struct Get {
    /// The playlist: a URL, or a file on this machine.
    #[arg(value_name = "URL|FILE")]
    pub source: String,
    /// The file to make, or the folder to make it in; by default the current folder, named after the URL.
    #[arg(short, long, value_name = "FILE|DIR")]
    pub output: Option<PathBuf>,
    /// The output is there, and no folder to make one in.
    #[arg(skip)]
    pub output_is_there: bool,
    /// How the file is named, where -o names none: {title} (here: the playlist's name), {site}, {date}, {quality}, {season} and
    /// {episode}. Braces around some of it leave that out where a field in it is not known: "{title}{ ({quality})}".
    #[arg(long, value_name = "TEMPLATE")]
    pub name_template: Option<NameTemplate>,
    /// Which variant: best, worst, at most so many lines, or at most so many kilobits per second.
    #[arg(long, value_name = "best|worst|HEIGHTp|MAXkbps", default_value = "best", value_parser = quality)]
    pub quality: Quality,
    /// Which audio: a language, all, or none; by default the one that players choose.
    #[arg(long, value_name = "LANG|all|none", value_parser = languages)]
    pub audio: Option<Languages>,
    /// Which subtitles: a language, all, or none; by default those that players show unasked.
    #[arg(long, value_name = "LANG|all|none", value_parser = languages)]
    pub subs: Option<Languages>,
    /// Subtitles in files of their own too, beside the output: NAME.LANG.vtt or .srt.
    #[arg(long, value_name = "vtt|srt")]
    pub subs_file: Option<SubtitleFormat>,
    /// The kind of output; by default what the output's name says, else mp4.
    #[arg(long, value_name = "mp4|mkv|ts|segments", value_parser = container)]
    pub container: Option<Container>,
    /// Segments fetched at a time, at most, and from the start: without it a host is asked for 8, and for more as long as that
    /// brings more.
    #[arg(long, value_name = "1..64")]
    pub concurrency: Option<Concurrency>,
    /// The fastest that segments are fetched, all together; K, M and G are powers of 1024.
    #[arg(long, value_name = "BYTES/s")]
    pub limit_rate: Option<BytesPerSecond>,
    #[command(flatten)]
    pub asking: Asking,
    /// The key of what is encrypted, instead of the playlist's: hexadecimal digits, or a file with its bytes. With a KID it is
    /// for the fragmented MP4 tracks that name it; may be repeated, and a file may have several, one a line.
    #[arg(long = "key", value_name = "HEX|KID:HEX|FILE")]
    pub keys: Vec<String>,
    /// The initialisation vector of what is encrypted, instead of the playlist's.
    #[arg(long, value_name = "HEX")]
    pub iv: Option<Iv>,
    /// Where to begin, in seconds or as a clock shows it; cut at segment borders.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub start: Option<Duration>,
    /// Where to end; cut at segment borders.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub end: Option<Duration>,
    /// Leave out what is advertising: parts between two discontinuities that cues or date ranges mark, or that come
    /// from another host. The report lists them.
    #[arg(long)]
    pub skip_ads: bool,
    /// Chapters in an mp4 or mkv: where discontinuities divide the stream, and where its date ranges begin.
    #[arg(long)]
    pub chapters: bool,
    /// What a segment means that the server does not have; in a live stream it is always left out and told.
    #[arg(long, value_name = "fail|keep", default_value = "fail")]
    pub on_gap: OnGap,
    /// Follow a playlist into a private network, or from there.
    #[arg(long)]
    pub allow_private: bool,
    /// Follow an https playlist to http.
    #[arg(long)]
    pub allow_downgrade: bool,
    #[command(flatten)]
    pub live: Live,
    #[command(flatten)]
    pub telling: Telling,
}

impl Get {
    /// As fast, and as many at a time, as the options say.
    pub(super) fn network(&self) -> Network {
        let network = Network::with_limit(self.limit_rate);
        match self.concurrency {
            Some(concurrency) => network.beginning_with(concurrency.get()),
            None => network,
        }
    }
}

/// How a live stream is recorded. Ctrl-C ends a recording in order.
#[derive(Debug, Args)]
pub(super) struct Live {
    /// Where the recording of a live stream begins: with the oldest segment that its playlist lists, or with the newest.
    #[arg(long = "live-from", value_name = "start|now", default_value = "start")]
    pub from: LiveFrom,
    /// How much of a live stream is recorded, in seconds or as HH:MM:SS; by default until it ends.
    #[arg(long = "live-duration", value_name = "TIME", value_parser = time::parse)]
    pub duration: Option<Duration>,
    /// How long is waited for a live stream that brings nothing; by default ten minutes.
    #[arg(long = "live-outage", value_name = "TIME", value_parser = time::parse)]
    pub outage: Option<Duration>,
}

/// How servers are asked.
#[derive(Debug, Args)]
pub(super) struct Asking {
    /// What a local file's relative URLs are relative to.
    #[arg(long, value_name = "URL", value_parser = AbsoluteUrl::parse)]
    pub base: Option<AbsoluteUrl>,
    /// A proxy: http://, https:// or socks5://host:port.
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    /// A request header; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "Name: value", value_parser = header)]
    pub headers: Vec<Header>,
    /// Cookies, in a file of Netscape's format as browsers' add-ons and curl write it.
    #[arg(long, value_name = "FILE")]
    pub cookies: Option<PathBuf>,
    /// The page that shows the stream.
    #[arg(long, value_name = "URL")]
    pub referer: Option<String>,
    /// Instead of Weir's own.
    #[arg(long, value_name = "TEXT")]
    pub user_agent: Option<String>,
}

/// How much is told.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Telling {
    /// One JSON event a line on stdout, `finished` last.
    #[arg(long)]
    json: bool,
    /// Only errors.
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,
}

impl Telling {
    /// As with `--json`.
    pub(super) const JSON: Self = Self {
        json: true,
        quiet: false,
    };
}

#[derive(Debug, Args)]
pub(super) struct Probe {
    /// The playlist: a URL, or a file on this machine.
    #[arg(value_name = "URL|FILE")]
    pub source: String,
    /// One JSON object on stdout.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub asking: Asking,
}

#[derive(Debug, Args)]
pub(super) struct Jobs {
    /// One JSON object a line on stdout.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Numbered {
    /// Its number, as `weir jobs` shows it.
    #[arg(value_name = "ID")]
    pub id: Number,
}

#[derive(Debug, Args)]
pub(super) struct Resume {
    /// Its number, as `weir jobs` shows it.
    #[arg(value_name = "ID")]
    pub id: Number,
    /// As that of `get`, whatever the capture was asked for with: for the host of a browser.
    #[arg(long, hide = true)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Repair {
    /// As that of `get`, whatever the capture was asked for with: for the host of a browser.
    #[arg(long, hide = true)]
    pub json: bool,
    /// Its number, as `weir jobs` shows it.
    #[arg(value_name = "ID")]
    pub id: Number,
    /// What stood behind `weir get`, where Weir does not keep it: links with tokens, headers, cookies, keys.
    #[arg(
        value_name = "ARGUMENTS OF GET",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub words: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Registration {
    /// A browser, or all that this system could have; by default those that are found. May be repeated.
    #[arg(long, value_name = "NAME|all")]
    browser: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Mends what may be mended unasked, and says what was done.
    #[arg(long)]
    pub fix: bool,
    /// One JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

impl From<&Live> for LiveOptions {
    fn from(live: &Live) -> Self {
        Self {
            from: live.from,
            duration: live.duration,
            outage: live.outage.unwrap_or(Self::DEFAULT_OUTAGE),
        }
    }
}

impl From<Registration> for Choice {
    fn from(registration: Registration) -> Self {
        match registration.browser {
            names if names.is_empty() => Self::Found,
            names if names.iter().any(|name| name == "all") => Self::All,
            names => Self::Named(names),
        }
    }
}

impl Telling {
    pub(super) fn style(self) -> Style {
        match self {
            Self { json: true, .. } => Style::Json,
            Self { quiet: true, .. } => Style::Quiet,
            Self { .. } => Style::Human,
        }
    }
}

fn quality(text: &str) -> Result<Quality, &'static str> {
    const WANTED: &str = "best, worst, lines (720p) or kilobits per second (1500kbps)";
    let lower = text.to_ascii_lowercase();
    if let Some(kilobits) = lower.strip_suffix("kbps") {
        let kilobits = u64::from_str(kilobits).map_err(|_| WANTED)?;
        return kilobits
            .checked_mul(1000)
            .map(Quality::MaxBandwidth)
            .ok_or(WANTED);
    }
    match lower.as_str() {
        "best" => Ok(Quality::Best),
        "worst" => Ok(Quality::Worst),
        lines => {
            let lines = lines.strip_suffix('p').ok_or(WANTED)?;
            lines.parse().map(Quality::MaxHeight).map_err(|_| WANTED)
        }
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the form that clap asks of a value parser"
)]
fn languages(text: &str) -> Result<Languages, String> {
    Ok(match text {
        "all" => Languages::All,
        "none" => Languages::None,
        language => Languages::Language(language.to_owned()),
    })
}

fn container(text: &str) -> Result<Container, &'static str> {
    match text {
        "mp4" => Ok(Container::Mp4),
        "mkv" => Ok(Container::Mkv),
        "ts" => Ok(Container::Ts),
        "segments" => Ok(Container::Segments),
        _ => Err("mp4, mkv, ts or segments"),
    }
}

fn header(text: &str) -> Result<Header, &'static str> {
    let (name, value) = text.split_once(':').ok_or("a header is `Name: value`")?;
    let name = name.trim();
    if name.is_empty() {
        return Err("a header is `Name: value`");
    }
    Ok(Header {
        name: name.to_owned(),
        value: Secret::new(value.trim()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn qualities() {
        assert_eq!(quality("720p"), Ok(Quality::MaxHeight(720)));
        assert_eq!(quality("1500kbps"), Ok(Quality::MaxBandwidth(1_500_000)));
        assert_eq!(quality("worst"), Ok(Quality::Worst));
        for wrong in ["720", "p", "good", "kbps", "-1p", "99999999999999999999kbps"] {
            quality(wrong).unwrap_err();
        }
    }

    #[test]
    fn headers() {
        let read = header("X-Token:  a: b ").unwrap();
        assert_eq!((read.name.as_str(), read.value.expose()), ("X-Token", "a: b"));
        header("no colon").unwrap_err();
        header(": x").unwrap_err();
    }
}
