//! Movie fragments (ISO/IEC 14496-12, 8.8): what makes the growing file playable.

use bytes::BufMut;

use crate::demux::bmff::{write_box, write_full_box};
use crate::merge::track::Entry;

/// Samples of one track, as a fragment describes them.
#[derive(Debug)]
pub(super) struct TrackFragment<'a> {
    pub(super) track_id: u32,
    pub(super) description: u32,
    /// Decode time of the first sample, in the track's ticks from the file's beginning.
    pub(super) decode_time: u64,
    /// Where its data begins in the `mdat`'s content.
    pub(super) data_begin: usize,
    pub(super) samples: &'a [Entry],
}

/// The `moof` box; an `mdat` with a header of [`MDAT_HEADER_BYTES`] follows it.
pub(super) fn moof(sequence: u32, fragments: &[TrackFragment<'_>]) -> Vec<u8> {
    // Data offsets count from the moof's beginning, and its length does not depend on them.
    let length = write_moof(sequence, fragments, 0).len();
    write_moof(sequence, fragments, length + MDAT_HEADER_BYTES)
}

/// Size and type.
pub(super) const MDAT_HEADER_BYTES: usize = 8;

/// `sample_depends_on` 2: on no other; 1 with `sample_is_non_sync_sample`: on others.
const SYNC_FLAGS: u32 = 0x0200_0000;
const NON_SYNC_FLAGS: u32 = 0x0101_0000;

fn write_moof(sequence: u32, fragments: &[TrackFragment<'_>], data_offset: usize) -> Vec<u8> {
    const BASE_IS_MOOF: u32 = 0x02_0000;
    const DESCRIPTION_PRESENT: u32 = 0x02;
    const ALL_OF_TRUN_PRESENT: u32 = 0x0f01;
    let mut out = Vec::new();
    write_box(&mut out, *b"moof", |out| {
        write_full_box(out, *b"mfhd", 0, 0, |out| out.put_u32(sequence));
        for fragment in fragments {
            write_box(out, *b"traf", |out| {
                write_full_box(out, *b"tfhd", 0, BASE_IS_MOOF | DESCRIPTION_PRESENT, |out| {
                    out.put_u32(fragment.track_id);
                    out.put_u32(fragment.description);
                });
                write_full_box(out, *b"tfdt", 1, 0, |out| out.put_u64(fragment.decode_time));
                write_full_box(out, *b"trun", 1, ALL_OF_TRUN_PRESENT, |out| {
                    out.put_u32(u32::try_from(fragment.samples.len()).unwrap_or(u32::MAX));
                    out.put_i32(i32::try_from(data_offset + fragment.data_begin).unwrap_or(i32::MAX));
                    for sample in fragment.samples {
                        out.put_u32(sample.duration);
                        out.put_u32(sample.size);
                        out.put_u32(if sample.sync { SYNC_FLAGS } else { NON_SYNC_FLAGS });
                        out.put_i32(sample.composition_offset);
                    }
                });
            });
        }
    });
    out
}
