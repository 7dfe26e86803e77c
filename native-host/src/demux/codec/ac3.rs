//! AC-3 and E-AC-3 (ETSI TS 102 366).

use h264_reader::rbsp::{BitRead, BitReader, BitReaderError};
use serde::{Deserialize, Serialize};

use super::frame_stream::{Frame, FrameStream, FrameSyntax};
use super::{ElementaryStream, Format, Timestamps, Unit, sample_entry};
use crate::decrypt::SampleCipher;
use crate::demux::evidence::Evidence;

/// Samples of an audio block, of which AC-3 frames have six.
const BLOCK_SAMPLES: u32 = 256;
const FRAME_SAMPLES: u32 = 6 * BLOCK_SAMPLES;

/// Kilobits a second by `frmsizecod / 2`.
const BIT_RATES: [u32; 19] = [
    32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640,
];

const SAMPLE_RATES: [u32; 3] = [48_000, 44_100, 32_000];

/// Channels by `acmod`, without the LFE.
const CHANNELS: [u16; 8] = [2, 1, 2, 3, 3, 4, 4, 5];

/// What the configuration boxes of both hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Config {
    rate_code: u8,
    sample_rate: u32,
    bitstream_id: u8,
    bitstream_mode: u8,
    audio_mode: u8,
    lfe: bool,
    /// Kilobits a second.
    bit_rate: u32,
}

/// AC-3 frames.
#[derive(Debug)]
pub(super) struct Ac3;

/// E-AC-3 frames.
#[derive(Debug)]
pub(super) struct Eac3;

/// AC-3 or E-AC-3, as the frames say: programme maps often name the one and mean the other.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Either {
    ac3: FrameStream<Ac3>,
    eac3: FrameStream<Eac3>,
    chosen: Option<Choice>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Choice {
    Ac3,
    Eac3,
}

impl Either {
    /// The readers that are in question: both, until one has found a frame.
    fn readers(&mut self) -> Vec<&mut dyn ElementaryStream> {
        match self.chosen {
            Some(Choice::Ac3) => vec![&mut self.ac3],
            Some(Choice::Eac3) => vec![&mut self.eac3],
            None => vec![&mut self.ac3, &mut self.eac3],
        }
    }

    fn take(&mut self, out: &mut Vec<Unit>, take: fn(&mut dyn ElementaryStream, &mut Vec<Unit>)) {
        let mut taken = self.readers().into_iter().map(|reader| {
            let mut units = Vec::new();
            take(reader, &mut units);
            units
        });
        let (first, second) = (taken.next().unwrap_or_default(), taken.next());
        drop(taken);
        let has_sample = |units: &[Unit]| units.iter().any(|unit| matches!(unit, Unit::Sample(_)));
        match second {
            Some(eac3) if has_sample(&eac3) => {
                self.chosen = Some(Choice::Eac3);
                out.extend(eac3);
            }
            Some(_) => {
                self.chosen = has_sample(&first).then_some(Choice::Ac3);
                out.extend(first);
            }
            None => out.extend(first),
        }
    }
}

impl ElementaryStream for Either {
    fn set_cipher(&mut self, cipher: Option<SampleCipher>) {
        self.readers()
            .into_iter()
            .for_each(|reader| reader.set_cipher(cipher.clone()));
    }

    fn save(&self) -> postcard::Result<Vec<u8>> {
        postcard::to_stdvec(self)
    }

    fn restore(&mut self, saved: &[u8]) -> postcard::Result<()> {
        *self = postcard::from_bytes(saved)?;
        Ok(())
    }

    fn begin_pes(&mut self, timestamps: Option<Timestamps>) {
        self.readers()
            .into_iter()
            .for_each(|reader| reader.begin_pes(timestamps));
    }

    fn data(&mut self, bytes: &[u8]) {
        self.readers().into_iter().for_each(|reader| reader.data(bytes));
    }

    fn drain(&mut self, out: &mut Vec<Unit>) {
        self.take(out, |reader, out| reader.drain(out));
    }

    /// While both are in question none has a frame to judge by.
    fn evidence(&self) -> &Evidence {
        match self.chosen {
            Some(Choice::Eac3) => self.eac3.evidence(),
            Some(Choice::Ac3) | None => self.ac3.evidence(),
        }
    }

    fn flush(&mut self, out: &mut Vec<Unit>) {
        self.take(out, |reader, out| reader.flush(out));
    }

    fn end(&self) -> Option<i64> {
        match self.chosen {
            Some(Choice::Eac3) => self.eac3.end(),
            _ => self.ac3.end(),
        }
    }
}

impl FrameSyntax for Ac3 {
    type Config = Config;

    const SYNC_BYTE: u8 = 0x0b;
    const HEADER_BYTES: usize = 8;

    fn parse(bytes: &[u8]) -> Option<Frame<Config>> {
        let header = bytes.get(..Self::HEADER_BYTES)?;
        header
            .starts_with(&[0x0b, 0x77])
            .then(|| parse_ac3(header).ok().flatten())?
    }

    fn weigh(frame: &[u8], _: usize, evidence: &mut Evidence) {
        evidence.checksum(has_right_checksum(frame));
    }

    /// `AC3SpecificBox` (annex F.4).
    fn format(config: Config) -> Format {
        let rate_index = BIT_RATES
            .iter()
            .position(|&rate| rate == config.bit_rate)
            .unwrap_or(0);
        let bits = u32::from(config.rate_code) << 22
            | u32::from(config.bitstream_id) << 17
            | u32::from(config.bitstream_mode) << 14
            | u32::from(config.audio_mode) << 11
            | u32::from(config.lfe) << 10
            | u32::try_from(rate_index).unwrap_or(0) << 5;
        let [_, dac3 @ ..] = bits.to_be_bytes();
        config.format("ac-3", (*b"ac-3", b"dac3"), &dac3)
    }
}

impl FrameSyntax for Eac3 {
    type Config = Config;

    const SYNC_BYTE: u8 = 0x0b;
    const HEADER_BYTES: usize = 6;
    const SAMPLES_OF_SAMPLE: u32 = FRAME_SAMPLES;

    fn parse(bytes: &[u8]) -> Option<Frame<Config>> {
        let header = bytes.get(..Self::HEADER_BYTES)?;
        header
            .starts_with(&[0x0b, 0x77])
            .then(|| parse_eac3(header).ok().flatten())?
    }

    fn weigh(frame: &[u8], _: usize, evidence: &mut Evidence) {
        evidence.checksum(has_right_checksum(frame));
    }

    /// A dependent substream's frame has another channel layout than the one it adds to.
    fn follows(next: &Frame<Config>, frame: &Frame<Config>) -> bool {
        next.config.sample_rate == frame.config.sample_rate
    }

    /// The bit rate may vary.
    fn same_format(next: &Config, known: &Config) -> bool {
        Config { bit_rate: 0, ..*next }
            == Config {
                bit_rate: 0,
                ..*known
            }
    }

    /// `EC3SpecificBox` (annex F.6), of one independent substream.
    fn format(config: Config) -> Format {
        let [rate_high, rate_low] = (u16::try_from(config.bit_rate & 0x1fff).unwrap_or(0) << 3).to_be_bytes();
        let substream = u32::from(config.rate_code) << 22
            | u32::from(config.bitstream_id) << 17
            | u32::from(config.bitstream_mode) << 12
            | u32::from(config.audio_mode) << 9
            | u32::from(config.lfe) << 8;
        let [_, first, second, third] = substream.to_be_bytes();
        config.format(
            "ec-3",
            (*b"ec-3", b"dec3"),
            &[rate_high, rate_low, first, second, third],
        )
    }
}

impl Config {
    fn format(self, codec: &str, kinds: ([u8; 4], &[u8; 4]), configuration: &[u8]) -> Format {
        let channels = CHANNELS.get(usize::from(self.audio_mode)).copied().unwrap_or(2) + u16::from(self.lfe);
        Format {
            codec: codec.to_owned(),
            timescale: self.sample_rate,
            sample_entry: sample_entry::audio(kinds.0, channels, self.sample_rate, (kinds.1, configuration)),
            display: (0, 0),
            presentation_start: None,
        }
    }
}

/// What the frames of a decrypted sample say of the key.
pub(in crate::demux) fn weigh_frames(mut sample: &[u8], evidence: &mut Evidence) {
    loop {
        let bytes = Eac3::parse(sample).map(|frame| frame.bytes);
        let bytes = bytes.or_else(|| Ac3::parse(sample).map(|frame| frame.bytes));
        let frame = bytes.and_then(|bytes| sample.split_off(..bytes));
        let Some(frame) = frame else {
            if !sample.is_empty() {
                evidence.checksum(false);
            }
            return;
        };
        evidence.checksum(has_right_checksum(frame));
    }
}

/// `crc2` (6.1.7 and annex E): over all but the sync word, itself included, it is zero.
fn has_right_checksum(frame: &[u8]) -> bool {
    const SYNC_WORD_BYTES: usize = 2;
    const POLYNOMIAL: u16 = 0x8005;
    let covered = frame.get(SYNC_WORD_BYTES..).unwrap_or_default();
    let checksum = covered.iter().fold(0_u16, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            (crc << 1) ^ if crc >> 15 == 1 { POLYNOMIAL } else { 0 }
        })
    });
    checksum == 0
}

/// `syncinfo` and the beginning of `bsi` (4.3.1, 4.3.2).
fn parse_ac3(header: &[u8]) -> Result<Option<Frame<Config>>, BitReaderError> {
    let mut bits = BitReader::new(header);
    bits.skip(32, "syncword, crc1")?;
    let rate_code = bits.read::<2, u8>("fscod")?;
    let size_code = bits.read::<6, u8>("frmsizecod")?;
    let bitstream_id = bits.read::<5, u8>("bsid")?;
    let bitstream_mode = bits.read::<3, u8>("bsmod")?;
    let audio_mode = bits.read::<3, u8>("acmod")?;
    if audio_mode & 1 == 1 && audio_mode != 1 {
        bits.skip(2, "cmixlev")?;
    }
    if audio_mode & 4 == 4 {
        bits.skip(2, "surmixlev")?;
    }
    if audio_mode == 2 {
        bits.skip(2, "dsurmod")?;
    }
    let lfe = bits.read_bit("lfeon")?;
    let (sample_rate, bit_rate) = match (
        SAMPLE_RATES.get(usize::from(rate_code)),
        BIT_RATES.get(usize::from(size_code >> 1)),
    ) {
        (Some(&sample_rate), Some(&bit_rate)) if bitstream_id <= 8 => (sample_rate, bit_rate),
        _ => return Ok(None),
    };
    // In words of 16 bits; 44.1 kHz does not divide and alternates.
    let alternate = u32::from(size_code & 1) * u32::from(sample_rate == 44_100);
    let words = bit_rate * 1000 / 16 * FRAME_SAMPLES / sample_rate + alternate;
    let config = Config {
        rate_code,
        sample_rate,
        bitstream_id,
        bitstream_mode,
        audio_mode,
        lfe,
        bit_rate,
    };
    Ok(usize::try_from(words * 2).ok().map(|bytes| Frame {
        config,
        bytes,
        header_bytes: 0,
        samples: FRAME_SAMPLES,
    }))
}

/// The beginning of `bsi` (annex E.1.2.2).
fn parse_eac3(header: &[u8]) -> Result<Option<Frame<Config>>, BitReaderError> {
    const DEPENDENT: u8 = 1;
    let mut bits = BitReader::new(header);
    bits.skip(16, "syncword")?;
    let stream_type = bits.read::<2, u8>("strmtyp")?;
    let substream = bits.read::<3, u8>("substreamid")?;
    let bytes = (u32::from(bits.read::<11, u16>("frmsiz")?) + 1) * 2;
    let rate_code = bits.read::<2, u8>("fscod")?;
    let block_code = bits.read::<2, u8>("numblkscod or fscod2")?;
    let audio_mode = bits.read::<3, u8>("acmod")?;
    let lfe = bits.read_bit("lfeon")?;
    let bitstream_id = bits.read::<5, u8>("bsid")?;
    // The fourth code halves the rates, and then frames have six blocks.
    let (rate, blocks) = match rate_code {
        3 => (SAMPLE_RATES.get(usize::from(block_code)).map(|rate| rate / 2), 6),
        code => (
            SAMPLE_RATES.get(usize::from(code)).copied(),
            [1, 2, 3, 6].get(usize::from(block_code)).copied().unwrap_or(6),
        ),
    };
    let Some(sample_rate) = rate.filter(|_| (11..=16).contains(&bitstream_id) && stream_type < 3) else {
        return Ok(None);
    };
    let own_samples = blocks * BLOCK_SAMPLES;
    let config = Config {
        rate_code,
        sample_rate,
        bitstream_id,
        bitstream_mode: 0,
        audio_mode,
        lfe,
        bit_rate: bytes * 8 * (sample_rate / 100) / own_samples / 10,
    };
    // Further substreams are further parts of the same time.
    let adds = stream_type == DEPENDENT || substream > 0;
    let samples = if adds { 0 } else { own_samples };
    Ok(usize::try_from(bytes).ok().map(|bytes| Frame {
        config,
        bytes,
        header_bytes: 0,
        samples,
    }))
}
