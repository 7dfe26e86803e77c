//! A codec's reader, which can be saved and goes on after that where it was.

use std::ops::{Deref, DerefMut};

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Codec, ElementaryStream};

/// The reader of a stream of this codec.
#[derive(Debug)]
pub(in crate::demux) struct Reader {
    codec: Codec,
    stream: Box<dyn ElementaryStream>,
}

impl Reader {
    pub(super) fn new(codec: Codec, stream: Box<dyn ElementaryStream>) -> Self {
        Self { codec, stream }
    }
}

impl Deref for Reader {
    type Target = dyn ElementaryStream;

    fn deref(&self) -> &Self::Target {
        &*self.stream
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.stream
    }
}

impl Serialize for Reader {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = self.stream.save().map_err(S::Error::custom)?;
        (self.codec, saved).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Reader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (codec, saved) = <(Codec, Vec<u8>)>::deserialize(deserializer)?;
        let mut reader = codec.reader();
        reader.stream.restore(&saved).map_err(D::Error::custom)?;
        Ok(reader)
    }
}
