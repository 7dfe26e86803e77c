//! Whether a key was the right one, from what comes out of it.
//!
//! Methods of samples have no padding and no tag: a wrong key makes noise of the same length. What audio codecs put at
//! the end of a frame tells noise from sound; video tells nothing (a slice's header is left clear, and the rest of it
//! looks like noise in any case), but it has the key of the audio beside it almost always.

use super::DemuxError;

/// The frames seen so far, weighed. It tells a wrong key within a few seconds, and no single damaged frame counts.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// How much speaks for the key; below zero: against it.
    score: i32,
    /// Whether this encoder ends its frames as is usual, from frames whose end was never encrypted.
    habit: i32,
    /// All that was seen spoke against the key at some time.
    wrong: bool,
}

/// What the end of a frame was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Clear,
    Encrypted,
}

const LIMIT: i32 = 24;
const KNOWN_HABIT: i32 = 8;

impl Evidence {
    /// A frame whose checksum covers what was encrypted. A wrong key makes a right one in one of 65,536 cases.
    pub(crate) fn checksum(&mut self, right: bool) {
        self.weigh(if right { 12 } else { -3 });
    }

    /// A frame that ends as frames do, or not. A wrong key makes a usual end in one of four cases.
    pub(crate) fn end(&mut self, usual: bool, end: End) {
        match end {
            End::Clear => self.habit = (self.habit + if usual { 1 } else { -8 }).clamp(-LIMIT, LIMIT),
            End::Encrypted if self.habit >= KNOWN_HABIT => self.weigh(if usual { 2 } else { -6 }),
            End::Encrypted => {}
        }
    }

    fn weigh(&mut self, weight: i32) {
        self.score = (self.score + weight).min(LIMIT);
        self.wrong |= self.score <= -LIMIT;
    }

    /// # Errors
    /// [`DemuxError::WrongKey`] when all that was seen speaks against the key.
    pub(crate) fn check(&self) -> Result<(), DemuxError> {
        if self.wrong {
            Err(DemuxError::WrongKey("the audio that comes out is noise"))
        } else {
            Ok(())
        }
    }
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
}
