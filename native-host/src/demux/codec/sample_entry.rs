//! Sample entries (ISO/IEC 14496-12, 8.5.2 and 12.1.3, 12.2.3) for elementary streams.

use bytes::{BufMut, Bytes};

use crate::demux::bmff::write_box;

/// What a picture looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Picture {
    /// Coded size after cropping, in pixels.
    pub(super) width: u16,
    pub(super) height: u16,
    /// Shape of a pixel: width to height.
    pub(super) pixel_aspect: (u16, u16),
}

impl Picture {
    /// The size in square pixels.
    pub(super) fn display(self) -> (u32, u32) {
        let (numerator, denominator) = self.pixel_aspect;
        let width = u32::from(self.width) * u32::from(numerator) / u32::from(denominator.max(1));
        (width, u32::from(self.height))
    }
}

/// A `VisualSampleEntry` with its configuration box.
pub(super) fn visual(kind: [u8; 4], picture: Picture, configuration: (&[u8; 4], &[u8])) -> Bytes {
    const RESOLUTION_72_DPI: u32 = 0x0048_0000;
    let mut out = Vec::new();
    write_box(&mut out, kind, |out| {
        begin(out);
        out.put_bytes(0, 16);
        out.put_u16(picture.width);
        out.put_u16(picture.height);
        out.put_u32(RESOLUTION_72_DPI);
        out.put_u32(RESOLUTION_72_DPI);
        out.put_u32(0);
        out.put_u16(1);
        out.put_bytes(0, 32);
        out.put_u16(0x0018);
        out.put_i16(-1);
        write_box(out, *configuration.0, |out| out.put_slice(configuration.1));
        let (numerator, denominator) = picture.pixel_aspect;
        if numerator != denominator {
            write_box(out, *b"pasp", |out| {
                out.put_u32(u32::from(numerator));
                out.put_u32(u32::from(denominator));
            });
        }
    });
    out.into()
}

/// An `AudioSampleEntry` with its configuration box.
pub(super) fn audio(
    kind: [u8; 4],
    channels: u16,
    sample_rate: u32,
    configuration: (&[u8; 4], &[u8]),
) -> Bytes {
    let mut out = Vec::new();
    write_box(&mut out, kind, |out| {
        begin(out);
        out.put_u64(0);
        out.put_u16(channels);
        out.put_u16(16);
        out.put_u32(0);
        // 16.16; higher rates do not fit and are told by the configuration.
        out.put_u32(u16::try_from(sample_rate).map_or(0, |rate| u32::from(rate) << 16));
        write_box(out, *configuration.0, |out| out.put_slice(configuration.1));
    });
    out.into()
}

/// What all sample entries begin with: reserved bytes and the data reference.
fn begin(out: &mut Vec<u8>) {
    out.put_bytes(0, 6);
    out.put_u16(1);
}
