//! The media: made by ffmpeg once, kept under target/bench.
//!
//! Three films, of 8 Mbit/s, of 0.2 and of next to nothing, each encoded once; all streams hold their packets.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::fingerprint::{self, Fingerprint, hexadecimal};
use crate::command;
use crate::say;

/// How much media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// What is published.
    Full,
    /// A tenth of it.
    Quick,
}

/// One stream; segments are a second long each, but for [`Stream::Long`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// 600 segments of 1 MB, MPEG-TS.
    Clear,
    /// The same under AES-128, one key.
    Aes,
    /// The same with another key every ten segments.
    Rotating,
    /// 3,000 segments of 25 KB, MPEG-TS.
    Small,
    /// 300 segments of 1 MB, fragmented MP4, the audio in a playlist of its own.
    Fragmented,
    /// The same in one file each, as byte ranges.
    Ranges,
    /// 60,000 segments of 3 KB and a fifth of a second, MPEG-TS.
    Long,
    /// The first 6,000 of [`Stream::Long`].
    TenthOfLong,
    /// The first 300 of [`Stream::Small`].
    FewSmall,
    /// The first 60 of [`Stream::Clear`].
    FewLarge,
}

impl Stream {
    /// Its folder under that of all streams.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Aes => "aes",
            Self::Rotating => "rotating",
            Self::Small => "small",
            Self::Long => "long",
            Self::TenthOfLong => "tenth-of-long",
            Self::Fragmented => "fragmented",
            Self::Ranges => "ranges",
            Self::FewSmall => "few-small",
            Self::FewLarge => "few-large",
        }
    }

    /// What a tool is given that reads HLS.
    pub(super) fn playlist(self) -> &'static str {
        if self.has_separate_audio() {
            "master.m3u8"
        } else {
            "media.m3u8"
        }
    }

    /// Whether it takes two media playlists.
    pub(super) fn has_separate_audio(self) -> bool {
        matches!(self, Self::Fragmented | Self::Ranges)
    }

    /// Segments of its video.
    fn segments(self, size: Size) -> usize {
        let full = match self {
            Self::Clear | Self::Aes | Self::Rotating => 600,
            Self::Small => 3000,
            Self::Long => 60_000,
            Self::TenthOfLong => 6000,
            Self::Fragmented | Self::Ranges | Self::FewSmall => 300,
            Self::FewLarge => 60,
        };
        match size {
            Size::Full => full,
            Size::Quick => full / 10,
        }
    }
}

/// Segments under one key where keys change.
const SEGMENTS_A_KEY: usize = 10;

/// Written into a folder when all of it is there.
const DONE: &str = "done";

/// Where streams are, and how large.
#[derive(Debug)]
pub(super) struct Streams {
    root: PathBuf,
    pub(super) size: Size,
}

impl Streams {
    pub(super) fn new(bench: &Path, size: Size) -> Self {
        let name = match size {
            Size::Full => "streams",
            Size::Quick => "streams-quick",
        };
        Self {
            root: bench.join(name),
            size,
        }
    }

    /// The folder that is served.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// What has to be asked for: segments, maps, playlists, keys, each once.
    ///
    /// # Errors
    /// When a playlist cannot be read.
    pub(super) fn requests(&self, stream: Stream) -> Result<usize> {
        let folder = self.root.join(stream.folder());
        let playlists: &[&str] = if stream.has_separate_audio() {
            &["master.m3u8", "video.m3u8", "audio.m3u8"]
        } else {
            &["media.m3u8"]
        };
        let mut requests = 0;
        for name in playlists {
            requests += 1 + named(&fs::read_to_string(folder.join(name))?, *name == "master.m3u8");
        }
        Ok(requests)
    }

    /// Makes a stream where it is not there, and says what is in it.
    ///
    /// # Errors
    /// When ffmpeg or openssl is missing or fails.
    pub(super) fn ensure(&self, stream: Stream) -> Result<Fingerprint> {
        match stream {
            Stream::Clear => self.segmented(stream, &self.film(Film::Large, 600)?, "1")?,
            Stream::Small => self.segmented(stream, &self.film(Film::Small, 3000)?, "1")?,
            Stream::Long => self.segmented(stream, &self.film(Film::Tiny, 12_000)?, "0.2")?,
            Stream::TenthOfLong => self.beginning(stream, Stream::Long)?,
            Stream::Fragmented => self.separate(stream, "independent_segments")?,
            Stream::Ranges => self.separate(stream, "single_file")?,
            Stream::Aes => self.encrypted(stream, usize::MAX)?,
            Stream::Rotating => self.encrypted(stream, SEGMENTS_A_KEY)?,
            Stream::FewSmall => self.beginning(stream, Stream::Small)?,
            Stream::FewLarge => self.beginning(stream, Stream::Clear)?,
        }
        self.expected(stream)
    }

    /// A film of so many seconds when all is made.
    fn film(&self, film: Film, full_seconds: usize) -> Result<PathBuf> {
        let seconds = match self.size {
            Size::Full => full_seconds,
            Size::Quick => full_seconds / 10,
        };
        let (name, picture, pictures_a_key, rates) = match film {
            Film::Large => ("large.mp4", "640x360:rate=25", "25", ["8M", "128k"]),
            Film::Small => ("small.mp4", "160x90:rate=25", "25", ["150k", "32k"]),
            Film::Tiny => ("tiny.mp4", "48x32:rate=10", "2", ["50k", "32k"]),
        };
        let finished = self.root.join(name);
        if finished.exists() {
            return Ok(finished);
        }
        fs::create_dir_all(&self.root)?;
        let part = self.root.join(format!("part-{name}"));
        say::timed(&format!("{name}: encoding {seconds} s"), || {
            command::run(
                ffmpeg()
                    .args(["-f", "lavfi", "-i", &format!("testsrc2=size={picture}")])
                    // A sound that differs from frame to frame, so that none can stand in for another.
                    .args(["-f", "lavfi", "-i", "aevalsrc=0.3*sin(t*(440+t)*6.28):s=48000"])
                    .args(["-t", &seconds.to_string(), "-vf", "noise=alls=30:allf=t"])
                    .args([
                        "-c:v",
                        "libx264",
                        "-preset",
                        "ultrafast",
                        "-pix_fmt",
                        "yuv420p",
                        "-bf",
                        "2",
                    ])
                    .args(["-g", pictures_a_key, "-keyint_min", pictures_a_key])
                    .args(["-sc_threshold", "0"])
                    .args(["-b:v", rates[0], "-maxrate", rates[0], "-bufsize", rates[0]])
                    .args(["-c:a", "aac", "-b:a", rates[1]])
                    .arg(&part),
            )
        })?;
        fs::rename(&part, &finished)?;
        Ok(finished)
    }

    /// MPEG-TS segments of a film, each so many seconds long.
    fn segmented(&self, stream: Stream, film: &Path, seconds: &str) -> Result<()> {
        self.make(stream, |folder| {
            command::run(
                ffmpeg()
                    .arg("-i")
                    .arg(film)
                    .args(["-c", "copy", "-f", "hls", "-hls_time", seconds])
                    .args(["-hls_playlist_type", "vod", "-hls_segment_filename"])
                    .arg(folder.join("%05d.ts"))
                    .arg(folder.join("media.m3u8")),
            )
        })
    }

    /// Fragmented MP4 with the audio apart.
    fn separate(&self, stream: Stream, flags: &str) -> Result<()> {
        let film = self.film(Film::Large, 600)?;
        let seconds = stream.segments(self.size).to_string();
        self.make(stream, |folder| {
            for (name, map) in [("video", "0:v"), ("audio", "0:a")] {
                // Names of ffmpeg's own: with one file for all there is no pattern to give.
                command::run(
                    ffmpeg()
                        .arg("-i")
                        .arg(&film)
                        .args(["-map", map, "-c", "copy", "-t", &seconds, "-f", "hls", "-hls_time", "1"])
                        .args(["-hls_playlist_type", "vod", "-hls_segment_type", "fmp4"])
                        .args(["-hls_flags", flags, "-hls_fmp4_init_filename", &format!("{name}-init.mp4")])
                        .arg(folder.join(format!("{name}.m3u8"))),
                )?;
            }
            let master = "#EXTM3U\n\
                #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\",DEFAULT=YES,AUTOSELECT=YES,URI=\"audio.m3u8\"\n\
                #EXT-X-STREAM-INF:BANDWIDTH=8500000,RESOLUTION=640x360,CODECS=\"avc1.42c01e,mp4a.40.2\",AUDIO=\"a\"\n\
                video.m3u8\n";
            Ok(fs::write(folder.join("master.m3u8"), master)?)
        })
    }

    /// [`Stream::Clear`] under AES-128, with another key after so many segments. The IV is the sequence number.
    fn encrypted(&self, stream: Stream, segments_a_key: usize) -> Result<()> {
        self.ensure(Stream::Clear)?;
        let clear = self.root.join(Stream::Clear.folder());
        self.make(stream, |folder| {
            let mut playlist = String::new();
            let mut sequence = 0;
            let text = fs::read_to_string(clear.join("media.m3u8"))?;
            for line in text.lines() {
                if line.starts_with("#EXTINF") && sequence % segments_a_key == 0 {
                    let number = sequence / segments_a_key;
                    let key: Vec<u8> = (0..16)
                        .map(|byte| byte ^ u8::try_from(number % 251).unwrap_or(0))
                        .collect();
                    fs::write(folder.join(format!("{number}.key")), key)?;
                    writeln!(playlist, "#EXT-X-KEY:METHOD=AES-128,URI=\"{number}.key\"")?;
                }
                writeln!(playlist, "{line}")?;
                if !line.starts_with('#') {
                    let key = fs::read(folder.join(format!("{}.key", sequence / segments_a_key)))?;
                    let key = hexadecimal(&key);
                    command::run(
                        Command::new("openssl")
                            .args([
                                "enc",
                                "-aes-128-cbc",
                                "-K",
                                &key,
                                "-iv",
                                &format!("{sequence:032x}"),
                                "-in",
                            ])
                            .arg(clear.join(line))
                            .arg("-out")
                            .arg(folder.join(line)),
                    )?;
                    sequence += 1;
                }
            }
            Ok(fs::write(folder.join("media.m3u8"), playlist)?)
        })
    }

    /// The first segments of another stream.
    fn beginning(&self, stream: Stream, of: Stream) -> Result<()> {
        self.ensure(of)?;
        let whole = self.root.join(of.folder());
        let count = stream.segments(self.size);
        self.make(stream, |folder| {
            let text = fs::read_to_string(whole.join("media.m3u8"))?;
            for name in text.lines().filter(|line| !line.starts_with('#')).take(count) {
                fs::hard_link(whole.join(name), folder.join(name))?;
            }
            Ok(fs::write(
                folder.join("media.m3u8"),
                first_segments(&text, count),
            )?)
        })
    }

    /// Runs `work` in a new folder, unless that was done.
    fn make(&self, stream: Stream, work: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let folder = self.root.join(stream.folder());
        if folder.join(DONE).exists() {
            return Ok(());
        }
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        say::timed(&format!("{}: making the stream", stream.folder()), || {
            work(&folder)
        })?;
        Ok(fs::write(folder.join(DONE), "")?)
    }

    /// What is in a stream, read from its own clear segments, glued together.
    fn expected(&self, stream: Stream) -> Result<Fingerprint> {
        let folder = self.root.join(match stream {
            Stream::Aes | Stream::Rotating => Stream::Clear.folder(),
            other => other.folder(),
        });
        let playlists: &[&str] = if stream.has_separate_audio() {
            &["video.m3u8", "audio.m3u8"]
        } else {
            &["media.m3u8"]
        };
        let glued = tempfile::tempdir_in(&self.root)?;
        let files: Vec<PathBuf> = playlists
            .iter()
            .map(|name| {
                let file = glued.path().join(name.replace("m3u8", "bin"));
                glue(&folder, name, &file).with_context(|| format!("{} of {}", name, folder.display()))?;
                Ok(file)
            })
            .collect::<Result<_>>()?;
        fingerprint::of_inputs(&files)
    }
}

/// What is encoded.
#[derive(Debug, Clone, Copy)]
enum Film {
    /// A megabyte a second.
    Large,
    /// 25 KB a second.
    Small,
    /// Ten pictures a second, each second one a key.
    Tiny,
}

/// The map and the segments of a playlist, in one file. Where they are ranges of one file, that is it.
fn glue(folder: &Path, playlist: &str, into: &Path) -> Result<()> {
    let text = fs::read_to_string(folder.join(playlist))?;
    let mut out = fs::File::create(into)?;
    let mut last = String::new();
    for name in files(&text) {
        if name != last {
            let mut file = fs::File::open(folder.join(&name)).with_context(|| name.clone())?;
            std::io::copy(&mut file, &mut out)?;
        }
        last = name;
    }
    Ok(())
}

/// The files that a playlist names, in order.
fn files(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter_map(|line| match line.strip_prefix("#EXT-X-MAP:URI=\"") {
            Some(rest) => rest.split('"').next().map(str::to_owned),
            None if line.is_empty() || line.starts_with('#') => None,
            None => Some(line.to_owned()),
        })
}

/// How many segments, maps and keys a playlist names; none where it names playlists.
fn named(text: &str, is_master: bool) -> usize {
    let segments = text.lines().filter(|line| line.starts_with("#EXTINF")).count();
    let tags: HashSet<&str> = text
        .lines()
        .filter(|line| line.starts_with("#EXT-X-MAP:") || line.starts_with("#EXT-X-KEY:"))
        .collect();
    if is_master { 0 } else { segments + tags.len() }
}

/// A playlist's first segments, and its end.
fn first_segments(text: &str, count: usize) -> String {
    let mut short = String::new();
    let mut segments = 0;
    for line in text.lines() {
        short.push_str(line);
        short.push('\n');
        segments += usize::from(!line.starts_with('#'));
        if segments == count {
            break;
        }
    }
    short + "#EXT-X-ENDLIST\n"
}

fn ffmpeg() -> Command {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-y"]);
    ffmpeg
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAYLIST: &str = "#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"9@0\"\n#EXTINF:1,\na.ts\n#EXTINF:1,\nb.ts\n#EXT-X-ENDLIST\n";

    #[test]
    fn a_playlist_names_files() {
        assert_eq!(files(PLAYLIST).collect::<Vec<_>>(), ["init.mp4", "a.ts", "b.ts"]);
    }

    #[test]
    fn the_beginning_of_a_playlist_ends() {
        let short = first_segments(PLAYLIST, 1);
        assert_eq!(files(&short).collect::<Vec<_>>(), ["init.mp4", "a.ts"]);
        assert!(short.ends_with("a.ts\n#EXT-X-ENDLIST\n"));
    }

    #[test]
    fn what_a_playlist_names_is_counted() {
        assert_eq!(named(PLAYLIST, false), 3);
        assert_eq!(named("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n", true), 0);
    }
}
