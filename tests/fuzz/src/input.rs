//! Input bytes, read as the values that a target asks for.

/// Reads values off the front.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    /// One byte; 0 at the end.
    pub(crate) fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    /// A number of as many bytes as it takes: small ones most often, and the extremes.
    pub(crate) fn number(&mut self) -> i64 {
        match self.byte() {
            small @ 0..=127 => i64::from(small) * 900,
            kind => {
                let mut bytes = [0; 8];
                for byte in bytes.iter_mut().take(usize::from(kind & 7) + 1) {
                    *byte = self.byte();
                }
                i64::from_le_bytes(bytes)
            }
        }
    }

    /// A number of 32 bits.
    pub(crate) fn number_u32(&mut self) -> u32 {
        u32::try_from(self.number().unsigned_abs() % (1 << 32)).unwrap_or(0)
    }

    /// A slice behind its length in two bytes; as much as is left of it.
    pub(crate) fn slice(&mut self) -> &'a [u8] {
        let length = usize::from(u16::from_le_bytes([self.byte(), self.byte()]));
        let (slice, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        slice
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
