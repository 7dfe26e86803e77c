//! The programs that are compared, and how each is asked for the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::streams::{Stream, Streams};
use super::venv::Venv;
use super::{Arguments, fingerprint, servers};
use crate::build::{self, Profile};
use crate::command;
use crate::say;
use crate::workspace::Workspace;

/// A program and what it is asked to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// `weir get`, with `--concurrency` where it is given.
    Weir(Output, Option<u32>),
    /// `ffmpeg -c copy` of the media playlists: with the one above them it may take another stream.
    Ffmpeg,
    /// `native-host/examples/floor.rs` over so many connections.
    Floor(u32),
    /// `curl --parallel` of the segments' addresses, into one file each, joined by cat.
    Curl,
    /// `naive.py`.
    Naive,
    /// With `-N 8`.
    YtDlp,
    /// With ten threads.
    Streamlink,
    /// With sixteen.
    Vsd,
}

/// The kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Mp4,
    Ts,
}

impl Tool {
    /// The file it is asked for.
    pub(super) fn file_name(self) -> &'static str {
        match self {
            Self::Weir(Output::Ts, _) | Self::Floor(_) | Self::Curl | Self::Naive | Self::Streamlink => {
                "out.ts"
            }
            Self::Weir(Output::Mp4, _) | Self::Ffmpeg | Self::YtDlp | Self::Vsd => "out.mp4",
        }
    }
}

/// Where the programs are.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) weir: PathBuf,
    pub(super) origin: PathBuf,
    floor: PathBuf,
    python: PathBuf,
    naive: PathBuf,
    yt_dlp: Option<PathBuf>,
    streamlink: Option<PathBuf>,
    vsd: Option<PathBuf>,
    /// What Weir takes for the user's home.
    home: PathBuf,
    bench: PathBuf,
}

impl Programs {
    /// Builds Weir and what it is compared with, and installs the peers that are asked for.
    ///
    /// # Errors
    /// When something cannot be had.
    pub(super) fn find(workspace: &Workspace, bench: &Path, arguments: &Arguments) -> Result<Self> {
        if !arguments.no_build {
            build(workspace)?;
        }
        let (peers, vsd) = (arguments.peers, arguments.vsd);
        let venv = Venv::new(bench);
        let naive = bench.join("naive.py");
        fs::write(&naive, include_str!("naive.py"))?;
        let home = bench.join("home");
        fs::create_dir_all(&home)?;
        let peer = |name: &str| peers.then(|| venv.ensure(name, &[name])).transpose();
        Ok(Self {
            weir: workspace.target().join("release/weir"),
            origin: workspace.target().join("debug/weir-bench-origin"),
            floor: workspace.target().join("release/examples/floor"),
            python: venv.python_with("cryptography", "cryptography")?,
            naive,
            yt_dlp: peer("yt-dlp")?,
            streamlink: peer("streamlink")?,
            vsd: vsd.then(|| install_vsd(bench)).transpose()?,
            home,
            bench: bench.to_owned(),
        })
    }

    /// Whether a tool is here.
    pub(super) fn has(&self, tool: Tool) -> bool {
        match tool {
            Tool::YtDlp => self.yt_dlp.is_some(),
            Tool::Streamlink => self.streamlink.is_some(),
            Tool::Vsd => self.vsd.is_some(),
            _ => true,
        }
    }

    /// Weir, with a home of its own, so that its journal is not the user's.
    pub(super) fn weir(&self) -> Command {
        let mut weir = Command::new(&self.weir);
        weir.env("HOME", &self.home)
            .env("WEIR_LOG", "weir::job::points=debug")
            .env("SSL_CERT_FILE", servers::authority(&self.bench))
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_STATE_HOME")
            .env_remove("XDG_CACHE_HOME");
        weir
    }

    fn log(&self) -> PathBuf {
        self.home.join(".local/state/weir/weir.log")
    }

    /// What is logged from here on is of the next run.
    pub(super) fn forget_log(&self) {
        let _ = fs::remove_file(self.log());
    }

    /// What saving where it is took the last run, if that was Weir's.
    pub(super) fn journal_time(&self) -> Option<Duration> {
        let log = fs::read_to_string(self.log()).ok()?;
        let (_, rest) = log
            .rsplit_once("points of this run")?
            .1
            .split_once("microseconds=")?;
        let digits = rest.split_once(|symbol: char| !symbol.is_ascii_digit())?.0;
        Some(Duration::from_micros(digits.parse().ok()?))
    }

    /// How `tool` is asked to save what is at `place` (which ends in a slash) as `file`.
    ///
    /// # Errors
    /// When what it needs beside cannot be written.
    pub(super) fn command(
        &self,
        tool: Tool,
        stream: Stream,
        place: &str,
        file: &Path,
        streams: &Streams,
    ) -> Result<Command> {
        let playlist = format!("{place}{}", stream.playlist());
        let missing = "a tool that was not looked for";
        Ok(match tool {
            Tool::Weir(_, concurrency) => {
                let mut weir = self.weir();
                weir.args(["get", "--quiet", "--allow-private", &playlist, "--output"])
                    .arg(file);
                if let Some(concurrency) = concurrency {
                    weir.args(["--concurrency", &concurrency.to_string()]);
                }
                weir
            }
            Tool::Ffmpeg => {
                let mut ffmpeg = Command::new("ffmpeg");
                ffmpeg.args(["-v", "error", "-nostdin"]);
                if stream.has_separate_audio() {
                    ffmpeg.args([
                        "-i",
                        &format!("{place}video.m3u8"),
                        "-i",
                        &format!("{place}audio.m3u8"),
                    ]);
                    ffmpeg.args(["-map", "0:v", "-map", "1:a"]);
                } else {
                    ffmpeg.args(["-i", &playlist]);
                }
                ffmpeg.args(["-c", "copy"]).arg(file);
                ffmpeg
            }
            Tool::Floor(connections) => {
                let mut floor = Command::new(&self.floor);
                floor.arg(&playlist).arg(file).arg(connections.to_string());
                floor
            }
            Tool::Curl => self.curl(stream, place, file, streams)?,
            Tool::Naive => {
                let mut python = Command::new(&self.python);
                python.arg(&self.naive).arg(&playlist).arg(file);
                python
            }
            Tool::YtDlp => {
                let mut yt_dlp = Command::new(self.yt_dlp.as_ref().context(missing)?);
                yt_dlp
                    .args([
                        "--ignore-config",
                        "--quiet",
                        "--no-warnings",
                        "--no-check-certificates",
                        "-N",
                        "8",
                        "-o",
                    ])
                    .arg(file)
                    .arg(&playlist);
                yt_dlp
            }
            Tool::Streamlink => {
                let mut streamlink = Command::new(self.streamlink.as_ref().context(missing)?);
                // The name of another one in this variable is stronger than `--http-no-ssl-verify`.
                streamlink
                    .env("REQUESTS_CA_BUNDLE", servers::authority(&self.bench))
                    .args(["--no-config", "--loglevel", "error"])
                    .args(["--stream-segment-threads", "10", "--output"])
                    .arg(file)
                    .arg(format!("hls://{playlist}"))
                    .arg("best");
                streamlink
            }
            Tool::Vsd => {
                let mut vsd = Command::new(self.vsd.as_ref().context(missing)?);
                vsd.env("SSL_CERT_FILE", servers::authority(&self.bench))
                    .args(["save", &playlist, "--threads", "16", "--output"])
                    .arg(file);
                vsd
            }
        })
    }

    /// The segments into one file: what costs least where TLS is spoken.
    fn curl(&self, stream: Stream, place: &str, file: &Path, streams: &Streams) -> Result<Command> {
        let text = fs::read_to_string(streams.root().join(stream.folder()).join("media.m3u8"))?;
        let folder = file.parent().context("a file without a folder")?;
        let config = folder.join("curl.conf");
        fs::write(&config, curl_config(&text, place, folder))?;
        let mut shell = Command::new("sh");
        let line = r#"curl --silent --fail --parallel --parallel-max 4 --cacert "$1" --config "$2" && cat "$3"/part-* > "$4" && rm "$3"/part-*"#;
        shell
            .args(["-c", line, "sh"])
            .arg(servers::authority(&self.bench))
            .arg(config)
            .arg(folder)
            .arg(file);
        Ok(shell)
    }

    /// Names and versions of all that took part.
    pub(super) fn versions(&self) -> Vec<(&'static str, String)> {
        let first_line = |program: &Path, argument: &str| {
            let said = command::output(Command::new(program).arg(argument)).unwrap_or_default();
            said.lines().next().unwrap_or("?").trim().to_owned()
        };
        let mut versions = vec![
            ("weir", first_line(&self.weir, "--version")),
            (
                "ffmpeg",
                fingerprint::version().unwrap_or_else(|_| "?".to_owned()),
            ),
            ("python", first_line(&self.python, "--version")),
            ("nginx", servers::nginx_version()),
            ("curl", first_line(Path::new("curl"), "--version")),
        ];
        let peers = [
            ("yt-dlp", &self.yt_dlp),
            ("streamlink", &self.streamlink),
            ("vsd", &self.vsd),
        ];
        for (name, path) in peers {
            if let Some(path) = path {
                versions.push((name, first_line(path, "--version")));
            }
        }
        versions
    }
}

/// Each segment into a file of its own, whose names sort as the segments do.
fn curl_config(playlist: &str, place: &str, folder: &Path) -> String {
    use std::fmt::Write as _;
    let mut config = String::new();
    for (number, name) in playlist.lines().filter(|line| !line.starts_with('#')).enumerate() {
        let part = folder.join(format!("part-{number:05}"));
        let _ = write!(
            config,
            "url = \"{place}{name}\"\noutput = \"{}\"\n",
            part.display()
        );
    }
    config
}

/// Weir as it is shipped, what it costs at least, and the origin, whose speed is not measured.
fn build(workspace: &Workspace) -> Result<()> {
    build::host(workspace, Profile::Release)?;
    say::timed("the floor and the far origin: cargo build", || {
        let build = |arguments: &[&str]| {
            command::run(
                command::cargo()
                    .arg("build")
                    .args(arguments)
                    .current_dir(workspace.root()),
            )
        };
        build(&["--release", "--package", "weir", "--example", "floor"])?;
        build(&["--workspace", "--bins"])
    })
}

fn install_vsd(bench: &Path) -> Result<PathBuf> {
    let root = bench.join("vsd");
    let program = root.join("bin/vsd");
    if !program.exists() {
        servers::ensure("protoc", "protobuf-compiler", "vsd is built with")?;
        say::timed("vsd: cargo install", || {
            command::run(
                command::cargo()
                    .args(["install", "--quiet", "vsd", "--root"])
                    .arg(&root),
            )
        })?;
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curl_is_told_of_every_segment() {
        let config = curl_config(
            "#EXTM3U\n#EXTINF:1,\na.ts\n#EXTINF:1,\nb.ts\n",
            "https://h/s/",
            Path::new("/o"),
        );
        assert_eq!(
            config,
            "url = \"https://h/s/a.ts\"\noutput = \"/o/part-00000\"\nurl = \"https://h/s/b.ts\"\noutput = \"/o/part-00001\"\n"
        );
    }
}
