//! Whether a key was the right one, from what comes out of it.
//!
//! Methods of samples have no padding and no tag: a wrong key makes noise of the same length. What codecs put at fixed
//! places tells noise from media: checksums, how audio frames begin and end, and in NAL units the bytes that never stand
//! there. Of video that is all where slice headers are left clear, so only many megabytes of it prove anything.

use serde::{Deserialize, Serialize};

use super::DemuxError;

/// What was decrypted so far, weighed. It tells a wrong key within a few seconds of audio, and no single damaged frame
/// counts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Evidence {
    /// Anything was decrypted at all.
    used: bool,
    /// How much speaks for the key; below zero: against it.
    score: i32,
    /// All that was seen spoke for the key at some time.
    right: bool,
    /// The same against it: what comes out.
    #[serde(skip)]
    wrong: Option<&'static str>,
    /// Whether this encoder ends its frames as is usual, from frames whose end was never encrypted.
    habit: i32,
    /// Decrypted bytes of NAL units that are not weighed yet.
    nal_bytes: usize,
}

/// What the end of a frame was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Clear,
    Encrypted,
}

const LIMIT: i32 = 24;
const KNOWN_HABIT: i32 = 8;
const AUDIO: &str = "the audio that comes out is noise";
const VIDEO: &str = "the video that comes out is noise";

impl Evidence {
    /// Something was decrypted, whatever it tells.
    pub(crate) fn used(&mut self) {
        self.used = true;
    }

    /// A frame whose checksum covers what was encrypted. A wrong key makes a right one in one of 65,536 cases.
    pub(crate) fn checksum(&mut self, right: bool) {
        self.weigh(if right { 12 } else { -3 }, AUDIO);
    }

    /// A frame that ends as frames do, or not. A wrong key makes a usual end in one of four cases.
    pub(crate) fn end(&mut self, usual: bool, end: End) {
        match end {
            End::Clear => self.habit = (self.habit + if usual { 1 } else { -8 }).clamp(-LIMIT, LIMIT),
            End::Encrypted if self.habit >= KNOWN_HABIT => self.weigh(if usual { 2 } else { -6 }, AUDIO),
            End::Encrypted => {}
        }
    }

    /// A frame whose beginning was encrypted: whether it can be read. A wrong key makes one in about one of three cases.
    pub(crate) fn begin(&mut self, readable: bool) {
        self.weigh(if readable { 2 } else { -6 }, AUDIO);
    }

    /// A NAL unit whose header was encrypted: whether it can be read. A wrong key makes one in about one of two cases.
    pub(crate) fn nal_header(&mut self, readable: bool) {
        self.weigh(if readable { 1 } else { -4 }, VIDEO);
    }

    /// Bytes from within a NAL unit, of which this many were decrypted. A wrong key makes what never stands in one every
    /// four million bytes.
    pub(crate) fn nal_bytes(&mut self, bytes: &[u8], decrypted: usize) {
        const WEIGHED_BYTES: usize = 1 << 20;
        for _ in 0..forbidden(bytes) {
            self.weigh(-12, VIDEO);
        }
        self.nal_bytes += decrypted;
        while self.nal_bytes >= WEIGHED_BYTES {
            self.nal_bytes -= WEIGHED_BYTES;
            self.weigh(1, VIDEO);
        }
    }

    fn weigh(&mut self, weight: i32, noise: &'static str) {
        self.score = (self.score + weight).min(LIMIT);
        self.right |= self.score >= LIMIT;
        if self.score <= -LIMIT {
            self.wrong.get_or_insert(noise);
        }
    }

    /// # Errors
    /// [`DemuxError::WrongKey`] when all that was seen speaks against the key.
    pub(crate) fn check(&self) -> Result<(), DemuxError> {
        self.wrong
            .map_or(Ok(()), |noise| Err(DemuxError::WrongKey(noise)))
    }

    /// The same when nothing more comes: what speaks against the key, and was never outweighed, is enough then.
    ///
    /// # Errors
    /// [`DemuxError::WrongKey`].
    pub(crate) fn check_at_end(&self) -> Result<(), DemuxError> {
        self.check()?;
        if self.score <= -LIMIT / 2 && !self.right {
            return Err(DemuxError::WrongKey("most of what comes out is noise"));
        }
        Ok(())
    }

    /// What is known of the key; None when it decrypted nothing.
    pub(crate) fn proof(&self) -> Option<Proof> {
        self.used
            .then_some(if self.right { Proof::Right } else { Proof::None })
    }
}

/// What is known of a key that is not wrong for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Proof {
    /// Nothing.
    None,
    /// It is the right one.
    Right,
}

/// How often what never stands in a NAL unit (7.4.1 of H.264 and HEVC) stands in bytes of one: a start code, what would
/// look like one, and an emulation prevention byte that prevents nothing.
fn forbidden(bytes: &[u8]) -> usize {
    let mut found = 0;
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, &[0, 0]) {
        let behind = rest.get(at + 2..).unwrap_or_default();
        found += usize::from(matches!(behind, [0..=2, ..] | [3, 4..=u8::MAX, ..]));
        rest = behind;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_tell_at_once_and_forgive_a_few() {
        let mut evidence = Evidence::default();
        for _ in 0..7 {
            evidence.checksum(false);
            evidence.check().unwrap();
        }
        evidence.checksum(false);
        assert!(evidence.check().is_err());

        let mut damaged = Evidence::default();
        for frame in 0..1000 {
            damaged.checksum(frame % 3 == 0);
            damaged.check().unwrap();
        }
        damaged.check_at_end().unwrap();
    }

    #[test]
    fn ends_tell_only_where_the_encoder_has_the_habit() {
        let ends = |clear: bool| {
            let mut evidence = Evidence::default();
            for frame in 0..400 {
                // Noise: one of four looks right; one frame of 16 ends with its last block.
                let end = if frame % 16 == 0 {
                    End::Encrypted
                } else {
                    End::Clear
                };
                let usual = if end == End::Clear { clear } else { frame % 64 == 0 };
                evidence.end(usual, end);
            }
            evidence.check()
        };
        assert!(ends(true).is_err());
        ends(false).unwrap();
    }

    #[test]
    fn what_never_stands_in_a_nal_unit() {
        let cases: [(&[u8], usize); 8] = [
            (&[0, 0], 0),
            (&[9, 0, 0, 1, 9], 1),
            (&[0, 0, 0, 0, 4], 1),
            (&[0, 0, 2], 1),
            (&[0, 0, 3, 3, 0, 0, 3, 0], 0),
            (&[0, 0, 3, 4], 1),
            // What stands behind is not known.
            (&[0, 0, 3], 0),
            (&[0, 0, 4, 0, 1], 0),
        ];
        for (bytes, count) in cases {
            assert_eq!(forbidden(bytes), count, "{bytes:?}");
        }
    }

    #[test]
    fn video_tells_after_megabytes_alone() {
        let clean = vec![0x55; 1 << 20];
        let start_code = [0, 0, 1];
        let mut evidence = Evidence::default();
        evidence.used();
        evidence.nal_bytes(&start_code, 3);
        evidence.check().unwrap();
        assert!(evidence.check_at_end().is_err(), "there is nothing else");
        // Noise goes on like this.
        for bytes in [&clean[..], &clean, &clean, &start_code, &clean, &start_code] {
            evidence.check().unwrap();
            evidence.nal_bytes(bytes, bytes.len());
        }
        assert_eq!(evidence.check(), Err(DemuxError::WrongKey(VIDEO)));

        let mut right = Evidence::default();
        right.used();
        for _ in 0..23 {
            right.nal_bytes(&clean, clean.len());
        }
        assert_eq!(right.proof(), Some(Proof::None));
        right.nal_bytes(&clean, clean.len());
        assert_eq!(right.proof(), Some(Proof::Right));
        right.nal_bytes(&start_code, 3);
        right.check_at_end().unwrap();
        assert_eq!(Evidence::default().proof(), None);
    }
}
