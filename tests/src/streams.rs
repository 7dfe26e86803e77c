//! HLS streams made by ffmpeg from its own test pictures and tones, so that they belong to nobody.
//!
//! Each is made once and kept under `target/streams`, in a folder named after the hash of its recipe.

pub mod common_encryption;
pub mod encrypt;
pub mod sample_aes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use m3u8_rs::{AlternativeMedia, AlternativeMediaType, MasterPlaylist, Resolution, VariantStream};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use self::encrypt::{Encryption, IvRule, Names, encrypt};
use crate::origin::Origin;
use crate::program;

/// Part of every recipe's hash: a change of the code below that the arguments do not show needs a new number.
const RECIPE_VERSION: u32 = 2;

/// Media sequence number of the first segment of the encrypted streams: not 0, so that an IV which is
/// counted from the start of the list is wrong.
pub const FIRST_SEQUENCE: u64 = 7;

/// The kinds of stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Transport stream, H.264 with B-frames and AAC, clear.
    TsClear,
    /// The same, AES-128: one key, IVs from the media sequence number.
    TsImplicitIv,
    /// The same, AES-128 with a new key every two segments and an explicit IV for each segment.
    TsRotation,
    /// Fragmented MP4 with EXT-X-MAP.
    Fmp4,
    /// A multivariant playlist with two qualities, clear: `high/index.m3u8` and `low/index.m3u8`.
    TwoLevel,
    /// A multivariant playlist whose audio is a rendition of its own.
    SeparateAudio,
    /// 600 segments of about 1 MB each, of noise that does not compress.
    Large,
    /// An hour of small pictures in segments of a second.
    Long,
}

/// A stream on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The folder with all its files.
    pub folder: PathBuf,
    /// The playlist to start from: its name in `folder`.
    pub playlist: &'static str,
}

impl Stream {
    /// The path of the playlist to start from.
    #[must_use]
    pub fn playlist_path(&self) -> PathBuf {
        self.folder.join(self.playlist)
    }
}

/// Makes a stream, or finds the one made before. None when ffmpeg is not installed.
///
/// # Errors
/// ffmpeg failed, or the files cannot be written.
pub fn stream(kind: Kind) -> anyhow::Result<Option<Stream>> {
    let Some(ffmpeg) = program::find("ffmpeg") else {
        return Ok(None);
    };
    let recipe = Recipe::of(kind);
    let folder = streams_folder().join(format!("{}-{}", recipe.name, recipe.hash()));
    if !folder.exists() {
        // Made aside and moved when it is whole, so that tests which run at the same time see all or nothing.
        fs::create_dir_all(streams_folder())?;
        let making = tempfile::Builder::new()
            .prefix(".making-")
            .tempdir_in(streams_folder())?;
        recipe
            .cook(&ffmpeg, making.path())
            .with_context(|| format!("cannot make the stream {}", recipe.name))?;
        if let Err(error) = fs::rename(making.path(), &folder) {
            // Another process was first with the same files.
            if !folder.exists() {
                return Err(error.into());
            }
        }
    }
    Ok(Some(Stream {
        folder,
        playlist: recipe.playlist,
    }))
}

/// The two-level stream: made by ffmpeg, else the small one that is committed under `tests/fixtures/stream`.
///
/// # Errors
/// ffmpeg failed.
pub fn two_level() -> anyhow::Result<Stream> {
    let committed = || Stream {
        folder: committed_stream(),
        playlist: MASTER,
    };
    Ok(stream(Kind::TwoLevel)?.unwrap_or_else(committed))
}

/// The folder of the small stream that is committed.
#[must_use]
pub fn committed_stream() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/stream")
}

/// Its four segments at an origin, and the plan for them as the extension hands it over.
///
/// # Errors
/// When the origin does not start.
pub fn committed_origin_and_plan(title: &str) -> anyhow::Result<(Origin, Value)> {
    let origin = Origin::start()?;
    origin.directory("/", committed_stream());
    let segments: Vec<Value> = (0..4)
        .map(|n| json!({"sequence": n, "url": origin.url(&format!("/high/seg00{n}.ts")), "durationSeconds": 2.0}))
        .collect();
    let playlist = origin.url("/high/index.m3u8");
    let track = json!({"kind": "video", "playlist": playlist, "segments": segments});
    let plan = json!({"source": playlist, "title": title, "live": false, "tracks": [track]});
    Ok((origin, plan))
}

/// How one stream is made: ffmpeg runs, then what ffmpeg does not do.
struct Recipe {
    name: &'static str,
    playlist: &'static str,
    /// Folders that ffmpeg does not make by itself.
    folders: &'static [&'static str],
    /// Arguments of each ffmpeg run, in the stream's folder.
    runs: Vec<Vec<String>>,
    finish: fn(&Path) -> anyhow::Result<()>,
    kind: Kind,
}

impl Recipe {
    fn of(kind: Kind) -> Self {
        let base = Self {
            name: "",
            playlist: INDEX,
            folders: &[],
            runs: Vec::new(),
            finish: |_| Ok(()),
            kind,
        };
        match kind {
            Kind::TsClear => Self {
                name: "ts-clear",
                runs: vec![join(&[&muxed(HIGH), TS, INDEX])],
                ..base
            },
            Kind::TsImplicitIv => Self {
                name: "ts-implicit-iv",
                playlist: "encrypted/index.m3u8",
                folders: &["encrypted"],
                runs: vec![join(&[&muxed(HIGH), TS, INDEX])],
                finish: |folder| encrypt_in(folder, IvRule::Implicit, None),
                ..base
            },
            Kind::TsRotation => Self {
                name: "ts-rotation",
                playlist: "encrypted/index.m3u8",
                folders: &["encrypted"],
                runs: vec![join(&[&muxed(HIGH), TS, INDEX])],
                finish: |folder| encrypt_in(folder, IvRule::Explicit, Some(2)),
                ..base
            },
            Kind::Fmp4 => Self {
                name: "fmp4",
                runs: vec![join(&[&muxed(HIGH), FMP4, INDEX])],
                ..base
            },
            Kind::TwoLevel => Self {
                name: "two-level",
                playlist: MASTER,
                folders: &["high", "low"],
                runs: vec![
                    join(&[&muxed(HIGH), &ts_in("high"), "high/index.m3u8"]),
                    join(&[&muxed(LOW), &ts_in("low"), "low/index.m3u8"]),
                ],
                finish: |folder| write_master(folder, &[("high", HIGH), ("low", LOW)], None),
                ..base
            },
            Kind::SeparateAudio => Self {
                name: "separate-audio",
                playlist: MASTER,
                folders: &["video", "audio"],
                runs: vec![
                    join(&[VIDEO_INPUT_HIGH, VIDEO_CODEC, &ts_in("video"), "video/index.m3u8"]),
                    join(&[AUDIO_INPUT, AUDIO_CODEC, &ts_in("audio"), "audio/index.m3u8"]),
                ],
                finish: |folder| write_master(folder, &[("video", HIGH)], Some("audio")),
                ..base
            },
            Kind::Large => Self {
                name: "large",
                runs: vec![
                    join(&[NOISE_INPUT, NOISE_CODEC, "base.ts"]),
                    join(&[
                        "-stream_loop 59 -i base.ts -map 0 -c copy -hls_time 1",
                        LARGE_TS,
                        INDEX,
                    ]),
                ],
                finish: |folder| Ok(fs::remove_file(folder.join("base.ts"))?),
                ..base
            },
            Kind::Long => Self {
                name: "long",
                runs: vec![join(&[LONG_INPUT, LONG_CODEC, LONG_TS, INDEX])],
                ..base
            },
        }
    }

    /// 16 hexadecimal digits that change with what is made.
    fn hash(&self) -> String {
        let recipe = format!(
            "{RECIPE_VERSION} {:?} {} {:?}",
            self.kind, self.playlist, self.runs
        );
        let digest = Sha256::digest(recipe);
        let hash = digest
            .iter()
            .take(8)
            .fold(0u64, |hash, &byte| hash << 8 | u64::from(byte));
        format!("{hash:016x}")
    }

    fn cook(&self, ffmpeg: &Path, folder: &Path) -> anyhow::Result<()> {
        for name in self.folders {
            fs::create_dir_all(folder.join(name))?;
        }
        for run in &self.runs {
            let output = Command::new(ffmpeg)
                .args(["-v", "error", "-nostdin", "-threads", "1", "-y"])
                .args(run)
                .current_dir(folder)
                .output()?;
            if !output.status.success() {
                bail!(
                    "ffmpeg {}: {}",
                    run.join(" "),
                    String::from_utf8_lossy(&output.stderr)
                );
            }
        }
        (self.finish)(folder)
    }
}

/// One quality of the test programme.
#[derive(Debug, Clone, Copy)]
struct Quality {
    width: u64,
    height: u64,
    bandwidth: u64,
    codecs: &'static str,
}

const HIGH: Quality = Quality {
    width: 320,
    height: 180,
    bandwidth: 400_000,
    codecs: "avc1.4d400c,mp4a.40.2",
};
const LOW: Quality = Quality {
    width: 160,
    height: 90,
    bandwidth: 150_000,
    codecs: "avc1.4d400b,mp4a.40.2",
};

const VIDEO_INPUT_HIGH: &str = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=12";
const AUDIO_INPUT: &str = "-f lavfi -i sine=frequency=440:beep_factor=4:sample_rate=48000:duration=12";
const VIDEO_CODEC: &str =
    "-c:v libx264 -preset ultrafast -crf 34 -bf 2 -g 50 -keyint_min 50 -sc_threshold 0 -pix_fmt yuv420p";
const AUDIO_CODEC: &str = "-c:a aac -b:a 48k -ac 1";
const NOISE_INPUT: &str = "-f lavfi -i nullsrc=size=320x180:rate=25:duration=10,format=yuv420p,noise=alls=100:allf=t+u \
    -f lavfi -i sine=frequency=440:sample_rate=48000:duration=10";
const NOISE_CODEC: &str = "-c:v libx264 -preset ultrafast -b:v 8000k -minrate 8000k -maxrate 8000k -bufsize 2000k \
    -g 25 -keyint_min 25 -sc_threshold 0 -c:a aac -b:a 64k -shortest";
const TS: &str = "-f hls -hls_time 2 -hls_playlist_type vod -hls_segment_filename seg%03d.ts";
const LARGE_TS: &str = "-f hls -hls_playlist_type vod -hls_segment_filename seg%03d.ts";
const LONG_INPUT: &str = "-f lavfi -i testsrc2=size=64x36:rate=25:duration=3600 \
    -f lavfi -i sine=frequency=440:sample_rate=48000:duration=3600";
const LONG_CODEC: &str =
    "-c:v libx264 -preset ultrafast -crf 50 -g 25 -keyint_min 25 -sc_threshold 0 -c:a aac -b:a 16k -ac 1";
const LONG_TS: &str = "-f hls -hls_time 1 -hls_playlist_type vod -hls_segment_filename seg%04d.ts";
const FMP4: &str = "-f hls -hls_time 2 -hls_playlist_type vod -hls_segment_type fmp4 \
    -hls_fmp4_init_filename init.mp4 -hls_segment_filename seg%03d.m4s";
const INDEX: &str = "index.m3u8";
const MASTER: &str = "master.m3u8";

fn muxed(quality: Quality) -> String {
    let Quality { width, height, .. } = quality;
    format!(
        "-f lavfi -i testsrc2=size={width}x{height}:rate=25:duration=12 {AUDIO_INPUT} {VIDEO_CODEC} {AUDIO_CODEC}"
    )
}

fn ts_in(folder: &str) -> String {
    format!("-f hls -hls_time 2 -hls_playlist_type vod -hls_segment_filename {folder}/seg%03d.ts")
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn join(parts: &[&str]) -> Vec<String> {
    parts.iter().flat_map(|part| words(part)).collect()
}

/// Encrypts the clear stream of `folder` into `folder/encrypted`. (ffmpeg cannot make these two: it writes the
/// first segment's IV as everyone's, and reads a new key at moments of its own.)
fn encrypt_in(folder: &Path, iv: IvRule, segments_per_key: Option<usize>) -> anyhow::Result<()> {
    let encryption = Encryption {
        first_sequence: FIRST_SEQUENCE,
        iv,
        segments_per_key,
    };
    let encrypted = encrypt(
        &folder.join(INDEX),
        encryption,
        Names {
            segments: "",
            keys: "",
        },
    )?;
    let folder = folder.join("encrypted");
    for (name, bytes) in encrypted.segments.iter().chain(&encrypted.keys) {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(fs::write(folder.join(INDEX), encrypted.playlist)?)
}

/// Writes `master.m3u8` for variants in folders of those names, with the audio of another folder.
fn write_master(folder: &Path, variants: &[(&str, Quality)], audio: Option<&str>) -> anyhow::Result<()> {
    let variants = variants.iter().map(|(name, quality)| VariantStream {
        uri: format!("{name}/{INDEX}"),
        bandwidth: quality.bandwidth,
        codecs: Some(quality.codecs.to_owned()),
        resolution: Some(Resolution {
            width: quality.width,
            height: quality.height,
        }),
        audio: audio.map(str::to_owned),
        ..VariantStream::default()
    });
    let alternatives = audio.into_iter().map(|group| AlternativeMedia {
        media_type: AlternativeMediaType::Audio,
        uri: Some(format!("{group}/{INDEX}")),
        group_id: group.to_owned(),
        language: Some("en".to_owned()),
        name: "English".to_owned(),
        default: true,
        autoselect: true,
        ..AlternativeMedia::default()
    });
    let master = MasterPlaylist {
        version: Some(4),
        variants: variants.collect(),
        alternatives: alternatives.collect(),
        ..MasterPlaylist::default()
    };
    let mut text = Vec::new();
    master.write_to(&mut text)?;
    Ok(fs::write(folder.join(MASTER), text)?)
}

fn streams_folder() -> PathBuf {
    program::target_folder().join("streams")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The payload of every packet, decrypted and demuxed by ffmpeg.
    fn packets(ffmpeg: &Path, stream: &Stream) -> String {
        let output = Command::new(ffmpeg)
            .args(["-v", "error", "-allowed_extensions", "ALL", "-i"])
            .arg(stream.playlist_path())
            .args(["-map", "0", "-c", "copy", "-f", "framemd5", "-"])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{stream:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        // Without the comments, and without the times: those of another run of the muxer may start elsewhere.
        let payload = |line: &str| {
            line.rsplit(',')
                .take(2)
                .map(str::trim)
                .collect::<Vec<_>>()
                .join(" ")
        };
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .map(payload)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn ffmpeg_decrypts_what_was_encrypted_here() {
        let (Some(ffmpeg), Some(clear)) = (program::find("ffmpeg"), stream(Kind::TsClear).unwrap()) else {
            println!("skipped: ffmpeg is not installed");
            return;
        };
        let expected = packets(&ffmpeg, &clear);
        assert!(
            expected.lines().count() > 300 + 500,
            "12 s are 300 pictures and 563 audio frames"
        );
        for kind in [Kind::TsImplicitIv, Kind::TsRotation] {
            let encrypted = stream(kind).unwrap().unwrap();
            let playlist = fs::read_to_string(encrypted.playlist_path()).unwrap();
            assert!(
                playlist.contains(&format!("#EXT-X-MEDIA-SEQUENCE:{FIRST_SEQUENCE}")),
                "{playlist}"
            );
            assert_eq!(
                playlist.contains(",IV=0x"),
                kind == Kind::TsRotation,
                "{playlist}"
            );
            assert_eq!(packets(&ffmpeg, &encrypted), expected, "{kind:?}");
        }
    }

    #[test]
    fn every_kind_can_be_made_and_is_then_found_again() {
        for kind in [Kind::Fmp4, Kind::TwoLevel, Kind::SeparateAudio] {
            let Some(made) = stream(kind).unwrap() else {
                println!("skipped: ffmpeg is not installed");
                return;
            };
            assert!(made.playlist_path().is_file(), "{kind:?}");
            assert_eq!(stream(kind).unwrap(), Some(made));
        }
    }
}
