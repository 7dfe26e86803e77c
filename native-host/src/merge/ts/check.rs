//! Reads the packets as they go to the disk, by the rules that a player reads them with.

use serde::{Deserialize, Serialize};

use super::packet::{self, PACKET_BYTES};
use crate::demux::ts::packets::Packet;
use crate::demux::ts::psi::{self, PAT_PID, SectionReader};
use crate::merge::MergeError;
use crate::merge::check::failed;

/// What a player knows.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Reader {
    association: SectionReader,
    map: SectionReader,
    map_pid: Option<u16>,
    /// Where the map says that the clock is.
    clock_pid: Option<u16>,
    streams: Vec<Seen>,
    clock: Option<i64>,
    /// Bytes of whole packets.
    pub(super) bytes: u64,
}

/// A stream that the programme map names.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    pid: u16,
    counter: Option<u8>,
    units: u64,
}

impl Reader {
    /// Reads packets that follow those before.
    pub(super) fn read(&mut self, packets: &[u8]) -> Result<(), MergeError> {
        let (whole, rest) = packets.as_chunks::<PACKET_BYTES>();
        if !rest.is_empty() {
            return Err(failed("a packet is not whole"));
        }
        for bytes in whole {
            self.packet(bytes)?;
            self.bytes += PACKET_BYTES as u64;
        }
        Ok(())
    }

    /// PES packets of the stream on a PID.
    pub(super) fn units(&self, pid: u16) -> u64 {
        let seen = self.streams.iter().find(|stream| stream.pid == pid);
        seen.map_or(0, |stream| stream.units)
    }

    fn packet(&mut self, bytes: &[u8; PACKET_BYTES]) -> Result<(), MergeError> {
        /// Half of what a clock of 33 bits can tell.
        const HALF: i64 = 1 << 32;
        let [sync, high, low, control, ..] = *bytes;
        if sync != 0x47 {
            return Err(failed("a packet does not begin as one"));
        }
        let pid = u16::from_be_bytes([high & 0x1f, low]);
        if let Some(clock) = packet::clock(bytes).filter(|_| self.clock_pid == Some(pid)) {
            let step = self.clock.map_or(0, |last| (clock - last).rem_euclid(2 * HALF));
            if step >= HALF && !packet::is_discontinuity(bytes) {
                return Err(failed("its clock goes back"));
            }
            self.clock = Some(clock);
        }
        let Some(packet) = Packet::parse(bytes) else {
            return Ok(());
        };
        if pid == PAT_PID {
            let map_pid = &mut self.map_pid;
            self.association.feed(packet.payload, packet.starts, |section| {
                *map_pid = psi::program_map_pids(section).and_then(|pids| pids.first().copied());
            });
        } else if Some(pid) == self.map_pid {
            let Self {
                streams,
                clock_pid,
                clock,
                map,
                ..
            } = self;
            map.feed(packet.payload, packet.starts, |section| {
                let pid = section.get(8..10).and_then(|pid| pid.first_chunk().copied());
                let pid = pid.map(|pid| u16::from_be_bytes(pid) & 0x1fff);
                if *clock_pid != pid {
                    // The clock comes with another stream from here on, and starts anew.
                    (*clock_pid, *clock) = (pid, None);
                }
                for mapped in psi::mapped_streams(section).unwrap_or_default() {
                    if !streams.iter().any(|stream| stream.pid == mapped.pid) {
                        streams.push(Seen {
                            pid: mapped.pid,
                            counter: None,
                            units: 0,
                        });
                    }
                }
            });
        } else {
            let stream = self.streams.iter_mut().find(|stream| stream.pid == pid);
            let stream = stream.ok_or_else(|| failed("a packet is of no stream that its tables name"))?;
            let counter = control & 0x0f;
            if stream.counter.is_some_and(|last| (last + 1) & 0x0f != counter) {
                return Err(failed("a packet is missing"));
            }
            stream.counter = Some(counter);
            stream.units += u64::from(packet.starts);
        }
        Ok(())
    }
}
