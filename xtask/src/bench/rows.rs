//! What is compared, and the targets: ratios of medians of one run.

use super::servers::Server;
use super::streams::Stream;
use super::tools::{Output, Tool};

/// One stream from one server, saved by several.
#[derive(Debug)]
pub(super) struct Row {
    /// For the command line.
    pub(super) name: &'static str,
    /// For people.
    pub(super) title: &'static str,
    pub(super) stream: Stream,
    pub(super) server: Server,
    pub(super) contenders: Vec<Contender>,
    pub(super) targets: Vec<Target>,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) tool: Tool,
    /// Where it is not that of the row.
    pub(super) stream: Option<Stream>,
}

impl Contender {
    const fn new(name: &'static str, tool: Tool) -> Self {
        let stream = None;
        Self { name, tool, stream }
    }
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Wall,
    Cpu,
    /// Resident, in megabytes: no ratio.
    Memory,
    /// Bytes to the disk as a multiple of the output's own.
    Written,
    /// Requests over those that it takes at least.
    Requests,
    /// What saving where it is took of the wall time.
    Journal,
    /// Connections over the number of segments at a time.
    Connections {
        at_a_time: usize,
    },
}

/// The most that a measure of `of` may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Target {
    pub(super) of: &'static str,
    pub(super) measure: Measure,
    /// The one it is divided by, where it is.
    pub(super) against: Option<&'static str>,
    pub(super) most: f64,
}

const WEIR: Contender = Contender::new("weir", Tool::Weir(Output::Mp4, None));
const WEIR_TS: Contender = Contender::new("weir, ts", Tool::Weir(Output::Ts, None));
const WEIR_16: Contender = Contender::new("weir, 16", Tool::Weir(Output::Mp4, Some(16)));
const WEIR_6: Contender = Contender::new("weir, 6", Tool::Weir(Output::Mp4, Some(6)));
const WEIR_TENTH: Contender = Contender {
    name: "weir, a tenth",
    tool: Tool::Weir(Output::Mp4, None),
    stream: Some(Stream::TenthOfLong),
};
const FFMPEG: Contender = Contender::new("ffmpeg", Tool::Ffmpeg);
const FLOOR: Contender = Contender::new("floor", Tool::Floor(4));
const FLOOR_16: Contender = Contender::new("floor, 16", Tool::Floor(16));
const CURL: Contender = Contender::new("curl, ts", Tool::Curl);
const NAIVE: Contender = Contender::new("naive", Tool::Naive);
const PEERS: [Contender; 3] = [
    Contender::new("yt-dlp -N8", Tool::YtDlp),
    Contender::new("streamlink 10", Tool::Streamlink),
    Contender::new("vsd -t16", Tool::Vsd),
];

/// All rows, as the issue that asked for them has them.
#[expect(clippy::too_many_lines, reason = "a table: an entry a row")]
pub(super) fn all() -> Vec<Row> {
    use Measure::{Connections, Cpu, Journal, Memory, Requests, Wall, Written};
    let most = |measure, against, most| Target {
        of: "weir",
        measure,
        against: Some(against),
        most,
    };
    let absolute = |of, measure, most| Target {
        of,
        measure,
        against: None,
        most,
    };
    let row = |name, title, stream, server, own: &[Contender], targets: &[Target]| Row {
        name,
        title,
        stream,
        server,
        contenders: own.iter().chain(&PEERS).copied().collect(),
        targets: targets.to_vec(),
    };
    let encrypted = [
        most(Cpu, "ffmpeg", 0.12),
        most(Wall, "ffmpeg", 0.15),
        most(Cpu, "naive", 0.35),
        absolute("weir", Written, 1.01),
        absolute("weir", Requests, 0.0),
    ];
    let far = [
        Target {
            of: "weir, 16",
            measure: Wall,
            against: Some("floor, 16"),
            most: 1.05,
        },
        most(Wall, "floor, 16", 1.15),
        absolute("weir, 16", Memory, 32.0),
        absolute("weir, 16", Connections { at_a_time: 16 }, 2.0),
    ];
    vec![
        row(
            "clear",
            "TS in the clear, segments of 1 MB",
            Stream::Clear,
            Server::Plain,
            &[WEIR, WEIR_TS, WEIR_16, FFMPEG, FLOOR, NAIVE],
            &[
                most(Cpu, "ffmpeg", 0.65),
                most(Wall, "ffmpeg", 0.55),
                Target {
                    of: "weir, ts",
                    measure: Cpu,
                    against: Some("floor"),
                    most: 1.3,
                },
                absolute("weir", Written, 1.01),
                absolute("weir", Requests, 0.0),
                absolute("weir", Journal, 0.03),
                absolute("weir, 16", Memory, 32.0),
                absolute("weir, 16", Connections { at_a_time: 16 }, 2.0),
            ],
        ),
        row(
            "aes",
            "the same under AES-128",
            Stream::Aes,
            Server::Plain,
            &[WEIR, FFMPEG, FLOOR, NAIVE],
            &encrypted,
        ),
        row(
            "rotating",
            "the same, another key every 10 segments",
            Stream::Rotating,
            Server::Plain,
            &[WEIR, FFMPEG, FLOOR, NAIVE],
            &encrypted,
        ),
        row(
            "small",
            "TS, segments of 25 KB",
            Stream::Small,
            Server::Plain,
            &[WEIR, FFMPEG, FLOOR, NAIVE],
            &[
                most(Cpu, "ffmpeg", 0.3),
                most(Wall, "ffmpeg", 0.25),
                absolute("weir", Written, 1.01),
                absolute("weir", Requests, 0.0),
                absolute("weir", Journal, 0.03),
            ],
        ),
        Row {
            name: "long",
            title: "60,000 segments beside 6,000, TS of 3 KB each",
            stream: Stream::Long,
            server: Server::Plain,
            contenders: vec![WEIR, WEIR_TENTH],
            targets: vec![
                most(Cpu, WEIR_TENTH.name, 10.5),
                most(Memory, WEIR_TENTH.name, 1.1),
                absolute("weir", Requests, 0.0),
                absolute("weir", Journal, 0.03),
            ],
        },
        row(
            "fragmented",
            "fragmented MP4, audio apart",
            Stream::Fragmented,
            Server::Plain,
            &[WEIR, FFMPEG],
            &[
                most(Cpu, "ffmpeg", 0.75),
                absolute("weir", Written, 1.01),
                absolute("weir", Requests, 0.0),
            ],
        ),
        row(
            "ranges",
            "the same as byte ranges",
            Stream::Ranges,
            Server::Plain,
            &[WEIR, FFMPEG],
            &[most(Cpu, "ffmpeg", 0.75), absolute("weir", Requests, 0.0)],
        ),
        row(
            "tls",
            "TS in the clear over HTTPS (h2, ffmpeg h1)",
            Stream::Clear,
            Server::Tls,
            &[WEIR, FFMPEG, CURL],
            &[most(Cpu, "ffmpeg", 0.85)],
        ),
        row(
            "far-small",
            "50 ms away, 2 MB/s a connection, segments of 25 KB",
            Stream::FewSmall,
            Server::Far,
            &[WEIR, WEIR_16, FLOOR_16, FFMPEG],
            &far,
        ),
        row(
            "far-large",
            "the same server, segments of 1 MB",
            Stream::FewLarge,
            Server::Far,
            &[WEIR, WEIR_16, FLOOR_16, FFMPEG],
            &far,
        ),
        row(
            "refusing",
            "the same, 429 to the seventh at a time, segments of 25 KB",
            Stream::FewSmall,
            Server::Six,
            &[WEIR, WEIR_6],
            &[most(Wall, "weir, 6", 1.0)],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_targets_name_who_takes_part() {
        let rows = all();
        let names: HashSet<_> = rows.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), rows.len());
        for row in &rows {
            let known: HashSet<_> = row.contenders.iter().map(|contender| contender.name).collect();
            assert_eq!(known.len(), row.contenders.len(), "{}", row.name);
            for target in &row.targets {
                assert!(known.contains(target.of), "{}: {target:?}", row.name);
                assert!(
                    target.against.is_none_or(|other| known.contains(other)),
                    "{}: {target:?}",
                    row.name
                );
            }
        }
    }
}
