//! A small transport stream muxer, for streams that ffmpeg's does not write: the tests decide what each PES packet holds.

/// Bytes of a packet.
pub(super) const PACKET_BYTES: usize = 188;

/// PID of the programme map.
const MAP_PID: u16 = 0x1000;

/// An elementary stream of the programme.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    pub(super) pid: u16,
    /// `stream_type` of the programme map.
    pub(super) kind: u8,
    /// `stream_id` of the PES packets.
    pub(super) id: u8,
}

/// Video of this type, on PID 0x100.
pub(super) const fn video(kind: u8) -> Stream {
    Stream {
        pid: 0x100,
        kind,
        id: 0xe0,
    }
}

/// Audio of this type, on PID 0x101.
pub(super) const fn audio(kind: u8) -> Stream {
    Stream {
        pid: 0x101,
        kind,
        id: 0xc0,
    }
}

/// Writes packets.
#[derive(Debug, Default)]
pub(super) struct Mux {
    counters: std::collections::HashMap<u16, u8>,
    pub(super) bytes: Vec<u8>,
}

impl Mux {
    /// A stream that begins with its tables.
    pub(super) fn new(streams: &[Stream]) -> Self {
        let mut mux = Self::default();
        mux.tables(streams);
        mux
    }

    /// The tables of one programme with these streams.
    pub(super) fn tables(&mut self, streams: &[Stream]) {
        let [map_high, map_low] = MAP_PID.to_be_bytes();
        let pat = [0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe0 | map_high, map_low];
        self.bytes.extend(section_packet(0, &pat));
        let length = u8::try_from(13 + 5 * streams.len()).unwrap();
        let [first_high, first_low] = streams[0].pid.to_be_bytes();
        let mut pmt = vec![
            2,
            0xb0,
            length,
            0,
            1,
            0xc1,
            0,
            0,
            0xe0 | first_high,
            first_low,
            0xf0,
            0,
        ];
        for stream in streams {
            let [high, low] = stream.pid.to_be_bytes();
            pmt.extend([stream.kind, 0xe0 | high, low, 0xf0, 0]);
        }
        self.bytes.extend(section_packet(MAP_PID, &pmt));
    }

    /// A PES packet. The length is announced for audio only, as muxers do.
    pub(super) fn pes(&mut self, stream: Stream, timestamp: Option<u64>, payload: &[u8]) {
        let mut pes = vec![0, 0, 1, stream.id];
        let header: Vec<u8> = match timestamp {
            Some(time) => {
                let part = |shift: u32, bits: u64| u8::try_from((time >> shift) & bits).unwrap();
                vec![
                    0x80,
                    0x80,
                    5,
                    0x21 | part(30, 7) << 1,
                    part(22, 0xff),
                    part(15, 0x7f) << 1 | 1,
                    part(7, 0xff),
                    part(0, 0x7f) << 1 | 1,
                ]
            }
            None => vec![0x80, 0, 0],
        };
        let length = if stream.id == 0xe0 {
            0
        } else {
            u16::try_from(header.len() + payload.len()).unwrap()
        };
        pes.extend(length.to_be_bytes());
        pes.extend(header);
        pes.extend(payload);
        self.packets(stream.pid, &pes);
    }

    /// Cuts bytes into packets of a PID; the first says that something begins.
    fn packets(&mut self, pid: u16, bytes: &[u8]) {
        const HEADER_BYTES: usize = 4;
        for (number, part) in bytes.chunks(PACKET_BYTES - HEADER_BYTES).enumerate() {
            let counter = self.counters.entry(pid).or_default();
            let [high, low] = pid.to_be_bytes();
            let starts = if number == 0 { 0x40 } else { 0 };
            let stuffing = PACKET_BYTES - HEADER_BYTES - part.len();
            let control = if stuffing > 0 { 0x30 } else { 0x10 } | *counter;
            self.bytes.extend([0x47, starts | high, low, control]);
            if stuffing > 0 {
                self.bytes.push(u8::try_from(stuffing - 1).unwrap());
                let mut field = vec![0xff; stuffing - 1];
                if let Some(flags) = field.first_mut() {
                    *flags = 0;
                }
                self.bytes.extend(field);
            }
            self.bytes.extend(part);
            *counter = (*counter + 1) & 0x0f;
        }
    }
}

/// A packet with one section, whose checksum is added.
pub(super) fn section_packet(pid: u16, section: &[u8]) -> Vec<u8> {
    let crc = section.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    });
    let [high, low] = pid.to_be_bytes();
    let mut packet = vec![0x47, 0x40 | high, low, 0x10, 0];
    packet.extend_from_slice(section);
    packet.extend_from_slice(&crc.to_be_bytes());
    packet.resize(PACKET_BYTES, 0xff);
    packet
}
