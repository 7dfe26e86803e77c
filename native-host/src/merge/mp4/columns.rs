//! How the samples of a chunk are saved: column by column, and what repeats once. Of a long capture they are most of what
//! the journal gets.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::tables::Runs;
use crate::merge::track::Entry;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Columns {
    sizes: Vec<u32>,
    durations: Runs<u32>,
    composition_offsets: Runs<i32>,
    sync: Runs<bool>,
}

pub(super) fn serialize<S: Serializer>(entries: &[Entry], serializer: S) -> Result<S::Ok, S::Error> {
    let mut columns = Columns {
        sizes: Vec::with_capacity(entries.len()),
        ..Columns::default()
    };
    for entry in entries {
        columns.sizes.push(entry.size);
        columns.durations.push(entry.duration);
        columns.composition_offsets.push(entry.composition_offset);
        columns.sync.push(entry.sync);
    }
    columns.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Entry>, D::Error> {
    let columns = Columns::deserialize(deserializer)?;
    let times = columns.durations.iter().zip(columns.composition_offsets.iter());
    let entries = columns.sizes.iter().zip(times).zip(columns.sync.iter());
    let entry = |((&size, (duration, composition_offset)), sync)| Entry {
        size,
        duration,
        composition_offset,
        sync,
    };
    Ok(entries.map(entry).collect())
}
