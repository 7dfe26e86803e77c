//! From when to when a segment of a transport stream plays, from the timestamps of its PES packets alone: no programme
//! map is needed, and nothing is put together.

use super::packets::PacketReader;
use super::pes;
use super::sync::{self, PACKET_BYTES};
use crate::demux::extent::{End, Extent};
use crate::demux::timeline::{Epoch, SourceClock};

/// What is seen of one PID.
#[derive(Debug)]
struct Seen {
    pid: u16,
    clock: Epoch,
    first: i64,
    last: i64,
    timestamps: i64,
}

/// None when no PES packet with a timestamp begins in it.
pub(in crate::demux) fn extent(data: &[u8]) -> Option<Extent> {
    let mut seen: Vec<Seen> = Vec::new();
    let mut reader = PacketReader::default();
    reader.begin_segment(data);
    reader.feed_starts(data, |packet| {
        let Some(timestamps) = pes::peek_timestamps(packet.payload) else {
            return;
        };
        let known = seen.iter_mut().find(|seen| seen.pid == packet.pid);
        if let Some(seen) = known {
            let time = seen.clock.map(timestamps.pts, SourceClock::Wrapping);
            seen.first = seen.first.min(time);
            seen.last = seen.last.max(time);
            seen.timestamps += 1;
        } else {
            let mut clock = Epoch::default();
            let first = clock.map(timestamps.pts, SourceClock::Wrapping);
            seen.push(Seen {
                pid: packet.pid,
                clock,
                first,
                last: first,
                timestamps: 1,
            });
        }
    });
    // The stream that lasts longest: others may be sparse. Its last unit lasts as long as the others on average.
    let longest = seen.iter().max_by_key(|seen| seen.last - seen.first)?;
    let pace = (longest.last - longest.first) / (longest.timestamps - 1).max(1);
    let (head, stride) = sync::find(data).unwrap_or((0, PACKET_BYTES));
    let rest = data.len().saturating_sub(head) % stride;
    Some(Extent {
        begin: longest.first,
        end: longest.last + pace,
        clock: SourceClock::Wrapping,
        last: if rest == 0 || rest == PACKET_BYTES {
            End::Whole
        } else {
            End::Cut
        },
    })
}
