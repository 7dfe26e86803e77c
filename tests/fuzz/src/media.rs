//! Media segments as the targets that demux have them: a byte of flags, a length of two bytes, that many bytes; again
//! and again.

use bytes::Bytes;
use tempfile::TempDir;
use weir::decrypt::{Declaration, SampleCipher};
use weir::demux::{CLOCK_HZ, DemuxError, Demuxed, Demuxer, Edge, Media, Segment, Timeline, extent};
use weir::keys::Key;
use weir::merge::{MergeError, Merged};

use weir_core::protocol::{Iv, KeyMethod};

use crate::input::Input;

/// One segment, or an initialization section.
pub(crate) struct Entry {
    /// EXT-X-DISCONTINUITY stands before it.
    pub(crate) discontinuity: bool,
    /// A second of media is left out before it.
    pub(crate) gap: bool,
    /// It is no segment: the map of those that follow.
    pub(crate) is_map: bool,
    /// Bits without a meaning here.
    pub(crate) rest: u8,
    pub(crate) data: Bytes,
}

impl Entry {
    /// What its samples would be decrypted with; mostly nothing.
    pub(crate) fn cipher(&self) -> Option<SampleCipher> {
        let method = match self.rest >> 1 & 7 {
            1 => KeyMethod::SampleAes,
            2 => KeyMethod::SampleAesCtr,
            _ => return None,
        };
        let key = Some(Key::Bits128([7; 16]));
        SampleCipher::new(method, Iv([3; 16]), Declaration::Playlist, key, &[]).ok()
    }
}

/// The next entry; None at the end.
pub(crate) fn entry(input: &mut Input<'_>) -> Option<Entry> {
    if input.is_empty() {
        return None;
    }
    let flags = input.byte();
    Some(Entry {
        discontinuity: flags & 1 != 0,
        gap: flags & 2 != 0,
        is_map: flags & 4 != 0,
        rest: flags >> 3,
        data: Bytes::copy_from_slice(input.slice()),
    })
}

/// Demuxes segments. A sample's format comes before it, and no more comes out than there was.
pub(crate) fn demux(data: &[u8]) {
    let mut input = Input(data);
    let mut timeline = Timeline::new(1);
    let mut demuxer = Demuxer::new(0);
    let mut map: Option<Bytes> = None;
    let mut known = Vec::new();
    let mut samples = 0;
    let mut check = |batch: Vec<Demuxed>| -> Result<(), DemuxError> {
        for demuxed in batch {
            match demuxed {
                Demuxed::Format(stream, format) => {
                    assert!(format.sample_entry.len() >= 8, "{format:?}");
                    known.push(stream);
                }
                Demuxed::Sample(stream, sample) => {
                    assert!(known.contains(&stream), "a sample without a format: {sample:?}");
                    samples += 1;
                }
                Demuxed::LeftOut(_, what) => assert!(!what.is_empty()),
                Demuxed::Cue(_, cue) => assert!(cue.begin < cue.end, "{cue:?}"),
                Demuxed::CuesUntil(..) | Demuxed::CueBlock(..) => {}
            }
        }
        Ok(())
    };
    while let Some(entry) = entry(&mut input) {
        if entry.is_map {
            map = Some(entry.data);
            continue;
        }
        if let Some(extent) = extent(&entry.data, map.as_ref()) {
            assert!(extent.seconds() >= 0.0, "{extent:?}");
        }
        let segment = Segment {
            cipher: entry.cipher(),
            map: map.clone(),
            edge: Edge {
                discontinuity: entry.discontinuity,
                missing: i64::from(entry.gap) * i64::from(CLOCK_HZ),
                duration: i64::from(CLOCK_HZ),
            },
            data: entry.data,
        };
        let pushed = demuxer.push(segment, &mut timeline, &mut check);
        if let Err(error) = pushed {
            assert!(!error.to_string().is_empty());
        }
    }
    let ended = Media {
        start: Some(0),
        ended: true,
    };
    let _ = demuxer.flush(&mut check);
    let _ = demuxer.settle(&timeline, ended, &mut check);
    assert!(samples <= data.len(), "{samples} samples of {} bytes", data.len());
}

/// A folder for an output, in memory where that can be had.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("there is a folder for temporary files")
}

/// What may become of an output: that its own check fails is a defect, and so is a disk that does not do as it is told.
pub(crate) fn judge(finished: Result<Merged, MergeError>) -> Option<Merged> {
    match finished {
        Ok(merged) => Some(merged),
        Err(error @ (MergeError::Check(_) | MergeError::Write(_))) => panic!("{error}"),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}
