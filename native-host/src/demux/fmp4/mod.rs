//! Fragmented MP4 (ISO/IEC 14496-12, 8.8) -> samples. Sample entries are passed on as they are: any codec works.

mod fragment;
mod init;

use bytes::Bytes;
use weir_core::protocol::TrackKind;

use self::init::{Init, Track};
use super::bmff::boxes;
use super::timeline::{Edge, Epoch, SourceClock, Timeline};
use super::{CLOCK_HZ, DemuxError, Demuxed, Sample, StreamId, rescale};

/// Reads the segments of one playlist.
#[derive(Debug, Default)]
pub(super) struct Fmp4Reader {
    init: Option<Init>,
    /// The format that each stream's samples have had so far: track and sample description index.
    announced: Vec<(StreamId, u32)>,
    /// Where each track goes on when a fragment gives no decode time, in source ticks.
    nexts: Vec<(u32, i64)>,
}

impl Fmp4Reader {
    /// Reads a segment.
    pub(super) fn push(
        &mut self,
        playlist: usize,
        map: Option<&Bytes>,
        data: &Bytes,
        edge: Edge,
        timeline: &mut Timeline,
        out: &mut Vec<Demuxed>,
    ) -> Result<(), DemuxError> {
        for source in map.into_iter().chain([data]) {
            if let Some(moov) = boxes(source).find(|found| found.kind == *b"moov") {
                self.init = Some(Init::parse(moov.content)?);
                self.announced.clear();
            }
        }
        let init = self.init.as_ref().ok_or(DemuxError::NoInit)?;
        let runs = fragment::runs(data, init, &mut self.nexts)?;

        let mut firsts: Vec<(StreamId, i64)> = Vec::new();
        for run in &runs {
            let first = run.decode_time.saturating_add(run.track.shift);
            let first = rescale(first, run.track.timescale, CLOCK_HZ);
            match firsts.iter_mut().find(|(stream, _)| *stream == run.track.stream) {
                Some((_, known)) => *known = first.min(*known),
                None => firsts.push((run.track.stream, first)),
            }
        }
        let are_subtitles = firsts
            .iter()
            .all(|(stream, _)| stream.kind == TrackKind::Subtitle);
        let subtitle = firsts.first().filter(|_| are_subtitles);
        let epoch = subtitle
            .and_then(|&(_, first)| timeline.follow(playlist, first, edge))
            .unwrap_or_else(|| timeline.enter(playlist, &firsts, SourceClock::Plain, edge));
        let mut ends: Vec<(StreamId, i64)> = Vec::new();
        for run in &runs {
            let end = hand_out(run, &epoch, &mut self.announced, out)?;
            ends.push((run.track.stream, end));
        }
        timeline.leave(playlist, epoch, ends);
        Ok(())
    }
}

/// Hands out the samples of a run on the timeline; returns where they end there, in timeline ticks.
fn hand_out(
    run: &fragment::Run<'_>,
    epoch: &Epoch,
    announced: &mut Vec<(StreamId, u32)>,
    out: &mut Vec<Demuxed>,
) -> Result<i64, DemuxError> {
    let Track {
        stream,
        timescale,
        shift,
        ..
    } = *run.track;
    // Rounded once for the epoch, so that distances within it stay exact.
    let offset = rescale(epoch.offset, CLOCK_HZ, timescale);
    if !announced.contains(&(stream, run.description)) {
        announced.retain(|(known, _)| *known != stream);
        announced.push((stream, run.description));
        out.push(Demuxed::Format(
            stream,
            run.track.format(run.description, offset)?,
        ));
    }
    let mut dts = run.decode_time.saturating_add(shift).saturating_add(offset);
    for sample in &run.samples {
        out.push(Demuxed::Sample(
            stream,
            Sample {
                dts,
                pts: dts.saturating_add(sample.composition_offset),
                duration: sample.duration,
                sync: sample.sync,
                data: sample.data.clone(),
            },
        ));
        dts = dts.saturating_add(i64::from(sample.duration));
    }
    Ok(rescale(dts, timescale, CLOCK_HZ))
}
