//! Frames that wait to be written, none over the browser's limit.

use std::collections::VecDeque;

use native_messaging::encode_message;
use native_messaging::host::NmError;
use weir_core::protocol::{Event, Finished};

/// Frames in order.
#[derive(Debug, Default)]
pub(super) struct Outbox(VecDeque<Vec<u8>>);

impl Outbox {
    pub(super) fn push(&mut self, event: &Event) {
        self.0.extend(encode(event));
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
            let ends = jobs.iter_mut().filter_map(|status| status.finished.as_mut());
            let shortened = ends.map(shorten_gaps).filter(|shortened| *shortened).count() > 0; // all, not any
            let fewer = jobs.len() * 3 / 4;
            shortened
                || (!jobs.is_empty() && {
                    jobs.truncate(fewer);
                    true
                })
        }
        Event::History { captures, .. } => {
            let ends = captures
                .iter_mut()
                .filter_map(|capture| capture.finished.as_mut());
            let shortened = ends.map(shorten_gaps).filter(|shortened| *shortened).count() > 0;
            let fewer = captures.len() * 3 / 4;
            shortened
                || (!captures.is_empty() && {
                    captures.truncate(fewer);
                    true
                })
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

#[cfg(test)]
mod tests {
    use weir_core::protocol::limits::MAX_FRAME_TO_BROWSER_BYTES;
    use weir_core::protocol::{ErrorCode, Failure, Gap, JobStatus, MediaSequence, RequestId};

    use super::*;

    fn with_gaps(count: u64) -> Finished {
        let gap = |sequence| Gap {
            track: 0,
            sequence: MediaSequence(sequence),
            start_seconds: 6.0,
            duration_seconds: 6.0,
        };
        let message = format!("{count} segments are missing");
        let failure = Failure {
            code: ErrorCode::BadResponse,
            message,
        };
        Finished {
            gaps: (0..count).map(gap).collect(),
            ..crate::job::refused(None, failure)
        }
    }

    fn decoded(frame: &[u8]) -> Event {
        assert!(frame.len() <= 4 + MAX_FRAME_TO_BROWSER_BYTES);
        serde_json::from_slice(&frame[4..]).unwrap()
    }

    #[test]
    fn a_long_list_of_gaps_is_shortened_and_the_rest_stays() {
        let frame = encode(&Event::Finished(with_gaps(100_000))).unwrap();
        let Event::Finished(finished) = decoded(&frame) else {
            panic!("another event")
        };
        assert!((1_000..100_000).contains(&finished.gaps.len()));
        assert_eq!(finished.error.unwrap().message, "100000 segments are missing");
        let short = Event::Finished(with_gaps(10));
        assert_eq!(decoded(&encode(&short).unwrap()), short);
    }

    #[test]
    fn a_long_list_of_jobs_loses_gaps_then_the_oldest() {
        let status = |number: u64, title: usize| JobStatus {
            job: weir_core::protocol::JobId::new(format!("job-{number}")).unwrap(),
            title: Some("x".repeat(title)),
            progress: weir_core::protocol::Progress {
                job: None,
                state: weir_core::protocol::JobState::Finished,
                segments: weir_core::protocol::SegmentCounts::default(),
                bytes: 0,
                bytes_per_second: 0.0,
                eta_seconds: None,
                recorded_seconds: None,
            },
            finished: Some(with_gaps(500)),
        };
        let listed = |title| {
            let jobs = (0..64).map(|number| status(number, title)).collect();
            let Event::Jobs { jobs, .. } = decoded(
                &encode(&Event::Jobs {
                    re: RequestId(1),
                    jobs,
                })
                .unwrap(),
            ) else {
                panic!("another event")
            };
            jobs
        };
        assert_eq!(listed(10).len(), 64);
        let long = listed(50_000);
        assert!(long.len() < 64 && long[0].job.as_str() == "job-0");
    }
}
