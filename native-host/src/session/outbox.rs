//! Frames that wait to be written, none over the browser's limit.

use std::collections::VecDeque;

use native_messaging::encode_message;
use native_messaging::host::NmError;
use weir_core::protocol::{Event, Finished, JobStatus};

/// Frames in order.
#[derive(Debug, Default)]
pub(super) struct Outbox(VecDeque<Vec<u8>>);

impl Outbox {
    pub(super) fn push(&mut self, event: &Event) {
        match encode(event) {
            Some(frame) => self.0.push_back(frame),
            None => tracing::error!("a frame could not be written"),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        self.0.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The frame of an event. One that is too long loses what is longest: first the lists of gaps, whose
/// number the verdict's message tells, then the oldest jobs.
pub(super) fn encode(event: &Event) -> Option<Vec<u8>> {
    let mut shortened = event.clone();
    loop {
        match encode_message(&shortened) {
            Ok(frame) => return Some(frame),
            Err(NmError::OutgoingTooLarge { .. }) if shorten(&mut shortened) => {}
            Err(error) => {
                tracing::error!("{error}");
                return None;
            }
        }
    }
}

/// Makes an event shorter; false when it cannot be.
fn shorten(event: &mut Event) -> bool {
    match event {
        Event::Finished(finished) => shorten_gaps(finished),
        Event::Jobs { jobs, .. } => {
            let longest = |status: &&mut JobStatus| status.finished.as_ref().map_or(0, |end| end.gaps.len());
            let shortened = jobs
                .iter_mut()
                .max_by_key(longest)
                .and_then(|status| status.finished.as_mut());
            shortened.is_some_and(shorten_gaps) || jobs.pop().is_some()
        }
        _ => false,
    }
}

fn shorten_gaps(finished: &mut Finished) -> bool {
    let half = finished.gaps.len() / 2;
    let shortened = !finished.gaps.is_empty();
    finished.gaps.truncate(half);
    shortened
}
