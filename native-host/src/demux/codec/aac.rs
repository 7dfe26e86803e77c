//! AAC in ADTS frames (ISO/IEC 14496-3, 1.A.2).

use bytes::Bytes;
use memchr::memchr_iter;

use super::buffer::StreamBuffer;
use super::clock::AudioClock;
use super::{ElementaryStream, Format, Sample, Timestamps, Unit, esds, sample_entry};

/// Sampling frequencies by `sampling_frequency_index`.
const SAMPLE_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

/// Samples of a frame of each channel; HE-AAC's doubled rate is not counted.
const FRAME_SAMPLES: u32 = 1024;

/// A frame header, with what its size says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    config: Config,
    payload_begin: usize,
    frame_bytes: usize,
}

/// What the `AudioSpecificConfig` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Config {
    /// 1 to 4: Main, LC, SSR, LTP.
    object_type: u8,
    rate_index: u8,
    sample_rate: u32,
    channel_configuration: u8,
}

/// Cuts ADTS into raw frames.
#[derive(Debug, Default)]
pub(super) struct Aac {
    buffer: StreamBuffer,
    config: Option<Config>,
    clock: AudioClock,
    /// The next frame is known to begin where the last one ended.
    synced: bool,
}

impl ElementaryStream for Aac {
    fn begin_pes(&mut self, timestamps: Option<Timestamps>) {
        if let Some(timestamps) = timestamps {
            self.buffer.mark(timestamps);
        }
    }

    fn data(&mut self, bytes: &[u8]) {
        self.buffer.extend(bytes);
    }

    fn drain(&mut self, out: &mut Vec<Unit>) {
        self.cut(More::MayCome, out);
    }

    fn flush(&mut self, out: &mut Vec<Unit>) {
        self.cut(More::Never, out);
        self.buffer.discard(usize::MAX);
        self.synced = false;
    }

    fn end(&self) -> Option<i64> {
        self.clock.end()
    }
}

/// Whether bytes may follow those in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    MayCome,
    Never,
}

impl Aac {
    fn cut(&mut self, more: More, out: &mut Vec<Unit>) {
        let mut frames = Vec::new();
        let mut at = 0;
        loop {
            let bytes = self.buffer.bytes();
            if !self.synced {
                let (junk, sure) = find_frame(bytes.get(at..).unwrap_or_default(), more);
                at += junk;
                if !sure {
                    break;
                }
            }
            let rest = bytes.get(at..).unwrap_or_default();
            match Header::parse(rest) {
                Some(header) if header.frame_bytes <= rest.len() => {
                    self.synced = true;
                    frames.push((at, header, self.buffer.take_mark(at)));
                    at += header.frame_bytes;
                }
                None if rest.len() >= Header::BYTES && self.synced => self.synced = false,
                _ => break,
            }
        }
        let bytes = self.buffer.split(at);
        for (begin, header, timestamps) in frames {
            let data = bytes.slice(begin + header.payload_begin..begin + header.frame_bytes);
            self.frame(header.config, timestamps, data, out);
        }
    }

    fn frame(&mut self, config: Config, timestamps: Option<Timestamps>, data: Bytes, out: &mut Vec<Unit>) {
        if self.config != Some(config) {
            self.config = Some(config);
            self.clock.set_rate(config.sample_rate);
            out.push(Unit::Format(config.format()));
        }
        let dts = self
            .clock
            .frame(timestamps.map(|timestamps| timestamps.pts), FRAME_SAMPLES);
        out.push(Unit::Sample(Sample {
            dts,
            pts: dts,
            duration: FRAME_SAMPLES,
            sync: true,
            data,
        }));
    }
}

impl Config {
    fn format(self) -> Format {
        const MPEG4_AUDIO: u8 = 0x40;
        // audioObjectType 5 bits, samplingFrequencyIndex 4, channelConfiguration 4, then a GASpecificConfig of zeros.
        let specific = u16::from(self.object_type) << 11
            | u16::from(self.rate_index) << 7
            | u16::from(self.channel_configuration) << 3;
        let esds = esds::esds(MPEG4_AUDIO, Some(&specific.to_be_bytes()));
        let channels = if self.channel_configuration == 7 {
            8
        } else {
            u16::from(self.channel_configuration)
        };
        Format {
            codec: format!("mp4a.40.{}", self.object_type),
            timescale: self.sample_rate,
            sample_entry: sample_entry::audio(*b"mp4a", channels, self.sample_rate, (b"esds", &esds)),
            display: (0, 0),
            presentation_start: None,
        }
    }
}

impl Header {
    /// Bytes of a header without its checksum.
    const BYTES: usize = 7;

    /// None where no frame can begin.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let [sync, second, third, fourth, fifth, sixth, seventh] = *bytes.first_chunk::<{ Self::BYTES }>()?;
        // 12 bits of sync; `layer` is 0.
        if sync != 0xff || second & 0xf6 != 0xf0 {
            return None;
        }
        let rate_index = (third >> 2) & 0x0f;
        let payload_begin = if second & 1 == 0 {
            Self::BYTES + 2
        } else {
            Self::BYTES
        };
        let frame_bytes =
            usize::from(fourth & 0x03) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
        // Several raw data blocks in a frame would need to be cut by decoding them; no encoder makes such streams.
        let further_blocks = seventh & 0x03;
        let config = Config {
            object_type: (third >> 6) + 1,
            rate_index,
            sample_rate: *SAMPLE_RATES.get(usize::from(rate_index))?,
            channel_configuration: (third & 1) << 2 | fourth >> 6,
        };
        (frame_bytes > payload_begin && further_blocks == 0).then_some(Self {
            config,
            payload_begin,
            frame_bytes,
        })
    }
}

/// Where the first frame begins, and whether it is sure: a frame counts when another of the same kind follows it.
/// What stands before is junk in any case.
fn find_frame(bytes: &[u8], more: More) -> (usize, bool) {
    for at in memchr_iter(0xff, bytes) {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(header) = Header::parse(rest) else {
            if rest.len() < Header::BYTES && more == More::MayCome {
                return (at, false);
            }
            continue;
        };
        match rest
            .get(header.frame_bytes..)
            .filter(|next| next.len() >= Header::BYTES)
        {
            Some(next) if Header::parse(next).is_some_and(|next| next.config == header.config) => {
                return (at, true);
            }
            Some(_) => {}
            None => return (at, more == More::Never),
        }
    }
    (bytes.len(), false)
}
