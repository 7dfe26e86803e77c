//! One output track: what is known of it, and its samples that are not written yet.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use weir_core::protocol::{TrackKind, TrackSummary};

use super::overlap::Overlaps;
use super::{TrackHint, subtitle};
use crate::demux::{CLOCK_HZ, Format, Sample, StreamId, rescale, seconds};

/// A track of the output.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Track {
    /// The plan's track it comes from, and which stream of it.
    pub(super) input: usize,
    pub(super) stream: StreamId,
    pub(super) timescale: u32,
    pub(super) language: Option<String>,
    pub(super) name: Option<String>,
    /// Players start with it.
    pub(super) default: bool,
    /// It is for everyone, also for who asks for no subtitles.
    pub(super) forced: bool,
    pub(super) display: (u32, u32),
    /// Sample entries, in the order of their description indices.
    pub(super) entries: Vec<Bytes>,
    codec: String,
    /// Samples that have come, and their bytes.
    samples: u64,
    bytes: u64,
    /// No further sample comes.
    ended: bool,
    /// Of the samples that come in now.
    description: u32,
    source_timescale: u32,
    presentation_start: Option<i64>,
    queue: VecDeque<Pending>,
    pending_bytes: usize,
    last_dts: Option<i64>,
    /// Where the newest sample ends, if nothing follows it.
    end_dts: i64,
    first_dts: Option<i64>,
    earliest_pts: i64,
    end_pts: i64,
    overlaps: Overlaps,
}

/// What a container needs to know of a sample.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) size: u32,
    pub(super) duration: u32,
    /// Presentation time minus decoding time.
    pub(super) composition_offset: i32,
    pub(super) sync: bool,
}

/// A sample that is not written yet; times in the track's ticks.
#[derive(Debug, Serialize, Deserialize)]
struct Pending {
    dts: i64,
    composition_offset: i32,
    duration: u32,
    sync: bool,
    description: u32,
    data: Bytes,
}

/// Samples that are written behind each other: one chunk.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) description: u32,
    /// Decode time of the first, in the track's ticks.
    pub(super) dts: i64,
    pub(super) entries: Vec<Entry>,
    pub(super) data: Vec<Bytes>,
}

/// Which samples are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Those decoded before this timeline time. The last sample stays, unless it is a subtitle: its length shows with
    /// the next.
    Time(i64),
    /// All.
    End,
}

impl Track {
    pub(super) fn new(input: usize, stream: StreamId, hint: &TrackHint, format: &Format) -> Self {
        // What a muxed playlist says of itself, it says of its sound.
        let is_told = stream.kind != TrackKind::Video || hint.only == Some(TrackKind::Video);
        let told = |text: &Option<String>| text.clone().filter(|_| is_told);
        Self {
            input,
            stream,
            timescale: format.timescale.max(1),
            language: told(&hint.language),
            name: told(&hint.name),
            default: hint.default,
            forced: hint.forced,
            display: format.display,
            entries: Vec::new(),
            codec: format.codec.clone(),
            samples: 0,
            bytes: 0,
            ended: false,
            description: 0,
            source_timescale: format.timescale.max(1),
            presentation_start: format.presentation_start,
            queue: VecDeque::new(),
            pending_bytes: 0,
            last_dts: None,
            end_dts: i64::MIN,
            first_dts: None,
            earliest_pts: i64::MAX,
            end_pts: i64::MIN,
            overlaps: Overlaps::default(),
        }
    }

    /// Whether it may have nothing for minutes, and so nobody waits for it.
    pub(super) fn is_sparse(&self) -> bool {
        self.stream.kind == TrackKind::Subtitle
    }

    /// The samples that follow are coded like this. Returns whether the track did not know it yet.
    pub(super) fn set_format(&mut self, format: Format) -> bool {
        let known = self.entries.len();
        self.source_timescale = format.timescale.max(1);
        self.description = self.describe(format.sample_entry);
        self.entries.len() > known
    }

    /// The index of a sample entry, which becomes one of the track's where it is none.
    pub(super) fn describe(&mut self, entry: Bytes) -> u32 {
        let known = self.entries.iter().position(|known| *known == entry);
        let index = known.unwrap_or(self.entries.len());
        if known.is_none() {
            self.entries.push(entry);
        }
        // Description indices count from 1.
        u32::try_from(index + 1).unwrap_or(u32::MAX)
    }

    /// The sample entry that a description index names.
    pub(super) fn entry_of(&self, description: u32) -> Bytes {
        let index = (description as usize).checked_sub(1);
        let entry = index.and_then(|index| self.entries.get(index));
        entry.cloned().unwrap_or_default()
    }

    /// Takes a sample in. Decoding times rise strictly in a file: one that does not is moved, its presentation stays.
    pub(super) fn push(&mut self, sample: Sample) {
        let scale = |time| rescale(time, self.source_timescale, self.timescale);
        let of_source = scale(sample.dts);
        let mut dts = of_source.max(self.last_dts.map_or(i64::MIN, |last| last.saturating_add(1)));
        let mut pts = scale(sample.pts);
        let mut duration = u32::try_from(scale(i64::from(sample.duration))).unwrap_or(0);
        if self.is_sparse() {
            // The one before may be written already, with its length.
            let end = dts.saturating_add(i64::from(duration));
            self.fill_up_to(dts);
            dts = dts.max(self.end_dts);
            pts = dts;
            duration = u32::try_from(end.saturating_sub(dts)).unwrap_or(0);
            if duration == 0 {
                return;
            }
        } else {
            self.overlaps.pass(of_source, self.timescale);
        }
        let offset = pts
            .saturating_sub(dts)
            .clamp(i64::from(i32::MIN), i64::from(i32::MAX));
        self.queue_up(Pending {
            dts,
            composition_offset: i32::try_from(offset).unwrap_or(0),
            duration,
            sync: sample.sync,
            description: self.description,
            data: sample.data,
        });
        self.earliest_pts = self.earliest_pts.min(pts);
        self.end_pts = self.end_pts.max(pts.saturating_add(i64::from(duration)));
    }

    fn queue_up(&mut self, sample: Pending) {
        self.samples += 1;
        self.bytes += sample.data.len() as u64;
        self.pending_bytes += sample.data.len();
        self.last_dts = Some(sample.dts);
        self.end_dts = sample.dts.saturating_add(i64::from(sample.duration));
        self.first_dts.get_or_insert(sample.dts);
        self.queue.push_back(sample);
    }

    /// Fills the hole before a subtitle with samples that show nothing: tables have lengths only, no holes.
    fn fill_up_to(&mut self, time: i64) {
        let nothing = Bytes::from_static(subtitle::nothing(&self.entry_of(self.description)));
        while self.first_dts.is_some() && self.end_dts < time {
            let hole = time.saturating_sub(self.end_dts);
            self.queue_up(Pending {
                dts: self.end_dts,
                composition_offset: 0,
                duration: u32::try_from(hole).unwrap_or(subtitle::LONGEST_NOTHING),
                sync: true,
                description: self.description,
                data: nothing.clone(),
            });
        }
    }

    /// No further sample comes: the stream goes on in another track.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Whether samples may still come.
    pub(super) fn goes_on(&self) -> bool {
        !self.ended
    }

    /// Takes the samples to write out of the queue, as runs of the same description.
    pub(super) fn take(&mut self, until: Until) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        while let Some(sample) = self.take_sample(until) {
            let entry = Entry {
                size: u32::try_from(sample.data.len()).unwrap_or(u32::MAX),
                duration: sample.duration,
                composition_offset: sample.composition_offset,
                sync: sample.sync,
            };
            match runs
                .last_mut()
                .filter(|run| run.description == sample.description)
            {
                Some(run) => {
                    run.entries.push(entry);
                    run.data.push(sample.data);
                }
                None => runs.push(Run {
                    description: sample.description,
                    dts: sample.dts,
                    entries: vec![entry],
                    data: vec![sample.data],
                }),
            }
        }
        runs
    }

    fn take_sample(&mut self, until: Until) -> Option<Pending> {
        let first = self.queue.front()?;
        let following = self.queue.get(1).map(|next| next.dts);
        if let Until::Time(time) = until
            && (following.is_none() && !self.ended && !self.is_sparse()
                || self.to_timeline(first.dts) >= time)
        {
            return None;
        }
        let mut sample = self.queue.pop_front()?;
        self.pending_bytes -= sample.data.len();
        // The table has distances only: a sample lasts until the next.
        if let Some(following) = following {
            sample.duration = u32::try_from(following.saturating_sub(sample.dts)).unwrap_or(u32::MAX);
        }
        Some(sample)
    }

    /// Decode times of the first and the last sample in the queue, on the timeline.
    pub(super) fn queued(&self) -> Option<(i64, i64)> {
        let (first, last) = (self.queue.front()?, self.queue.back()?);
        Some((self.to_timeline(first.dts), self.to_timeline(last.dts)))
    }

    /// Decode time of the newest sample, on the timeline.
    pub(super) fn reached(&self) -> i64 {
        self.last_dts.map_or(i64::MIN, |last| self.to_timeline(last))
    }

    /// How many samples are in the queue.
    pub(super) fn queued_samples(&self) -> usize {
        self.queue.len()
    }

    /// Size of the samples in the queue.
    pub(super) fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// How many samples a second come, as far as the queue shows.
    pub(super) fn samples_per_second(&self) -> Option<f64> {
        let (first, last) = self.queued()?;
        let ticks = i32::try_from(last.saturating_sub(first))
            .ok()
            .filter(|&ticks| ticks > 0)?;
        let distances = u32::try_from(self.queue.len()).ok()?.checked_sub(1)?;
        Some(f64::from(distances) * f64::from(CLOCK_HZ) / f64::from(ticks))
    }

    /// Whether a player starts with this track of these: the default one of its kind, else the first; of subtitles only a
    /// default one.
    pub(super) fn plays_unasked<'a>(&self, all: impl Iterator<Item = &'a Self> + Clone) -> bool {
        let mut rivals = all.filter(|other| other.stream.kind == self.stream.kind);
        let chosen = match rivals.clone().find(|rival| rival.default) {
            None if self.is_sparse() => None,
            None => rivals.next(),
            default => default,
        };
        chosen.is_some_and(|chosen| std::ptr::eq(chosen, self))
    }

    /// Whether a sample has ever come.
    pub(super) fn has_samples(&self) -> bool {
        self.first_dts.is_some()
    }

    /// Decode time of the first sample, in ticks.
    pub(super) fn first_dts(&self) -> i64 {
        self.first_dts.unwrap_or(0)
    }

    /// The earliest presentation time of all samples so far, in ticks, presented or not.
    pub(super) fn earliest_presentation(&self) -> i64 {
        if self.has_samples() { self.earliest_pts } else { 0 }
    }

    /// How long after its decoding the first sample is presented, on the timeline.
    pub(super) fn composition_delay(&self) -> i64 {
        self.to_timeline(self.earliest_presentation().saturating_sub(self.first_dts()))
    }

    /// When presentation begins and ends, in ticks.
    pub(super) fn presentation(&self) -> (i64, i64) {
        let start = self
            .presentation_start
            .map_or(self.earliest_pts, |start| start.max(self.earliest_pts));
        (start, self.end_pts.max(start))
    }

    /// How long it is presented, in seconds.
    pub(super) fn seconds(&self) -> f64 {
        let (start, end) = self.presentation();
        seconds(end.saturating_sub(start), self.timescale)
    }

    /// What there is to say of media that comes twice; the output begins at `start` of the timeline.
    pub(super) fn overlap_words(&self, start: i64) -> Vec<String> {
        let place = (self.input, self.stream.kind);
        self.overlaps.words(place, self.ticks_at(start), self.timescale)
    }

    /// The same track before anything has come.
    pub(super) fn without_samples(&self) -> Self {
        Self {
            language: self.language.clone(),
            name: self.name.clone(),
            entries: Vec::new(),
            codec: self.codec.clone(),
            samples: 0,
            bytes: 0,
            queue: VecDeque::new(),
            pending_bytes: 0,
            first_dts: None,
            overlaps: Overlaps::default(),
            ..*self
        }
    }

    /// It has so many samples now, the first of them at this time: those of `patch` have come between them.
    pub(super) fn mended(&mut self, patch: &Self, first_dts: Option<i64>, samples: u64, bytes: u64) {
        self.first_dts = first_dts;
        self.samples = samples;
        self.bytes = bytes;
        self.earliest_pts = self.earliest_pts.min(patch.earliest_pts);
        self.end_pts = self.end_pts.max(patch.end_pts);
    }

    /// All that has come begins so much earlier, in ticks of the timeline.
    pub(super) fn begin_earlier(&mut self, earlier: i64) {
        let earlier = self.ticks_at(earlier);
        self.first_dts = self.first_dts.map(|first| first.saturating_sub(earlier));
        self.earliest_pts = self.earliest_pts.saturating_sub(earlier);
        self.end_pts = self.end_pts.saturating_sub(earlier);
    }

    /// How many samples have come, and how many bytes they have.
    pub(super) fn taken(&self) -> (u64, u64) {
        (self.samples, self.bytes)
    }

    /// A time of the timeline in the track's ticks.
    pub(super) fn ticks_at(&self, time: i64) -> i64 {
        rescale(time, CLOCK_HZ, self.timescale)
    }

    /// A time of the track on the timeline.
    pub(super) fn to_timeline(&self, ticks: i64) -> i64 {
        rescale(ticks, self.timescale, CLOCK_HZ)
    }

    /// What is told of it.
    pub(super) fn summary(&self) -> TrackSummary {
        TrackSummary {
            kind: self.stream.kind,
            codec: self.codec.clone(),
            samples: self.samples,
            language: self.language.clone(),
        }
    }
}
