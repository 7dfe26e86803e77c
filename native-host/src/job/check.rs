//! A plan comes from the other side of the port: nothing in it is taken on trust.

use weir_core::plan::{CheckPolicy, Rule};
use weir_core::protocol::limits::{MAX_CONTEXT_ENTRIES, MAX_PLAYLIST_SEGMENTS};
use weir_core::protocol::{
    CapturePlan, Container, ErrorCode, KeyMethod, PlannedSegment, PlannedTrack, RequestContext,
};
use weir_core::url::AbsoluteUrl;

use super::{Job, JobError, segments};
use crate::fetch::Permission;
use crate::keys::KeySize;

/// Checks what the types do not: sizes, protections, and where the URLs lead as far as their text tells.
/// Names are checked again when they are resolved, redirects when they are followed.
pub(super) fn job(job: &Job) -> Result<(), JobError> {
    fresh(&job.plan, &job.context, rules(job))
}

/// Checks a plan that came later than the job, and what to ask for it with, as strictly as those that it came with.
pub(super) fn fresh(fresh: &CapturePlan, asking: &RequestContext, rules: Rules) -> Result<(), JobError> {
    plan(fresh, rules)?;
    context(asking)
}

/// Checks more segments of a track, as strictly as those of the plan.
pub(super) fn more(source: &AbsoluteUrl, track: &mut PlannedTrack, rules: Rules) -> Result<(), JobError> {
    let segments = std::mem::take(&mut track.segments);
    let mut more = CapturePlan {
        source: source.clone(),
        title: None,
        live: true,
        tracks: vec![PlannedTrack {
            segments,
            ..track.clone()
        }],
    };
    plan(&more, rules)?;
    track.segments = more.tracks.pop().map(|track| track.segments).unwrap_or_default();
    Ok(())
}

/// What a job's segments must keep to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// What the user let through.
    policy: CheckPolicy,
    /// Of the key that the user gave for everything.
    given_key: Option<KeySize>,
    container: Container,
}

/// The rules of a job.
pub(super) fn rules(job: &Job) -> Rules {
    Rules {
        policy: CheckPolicy {
            private_addresses: rule(job.private_addresses),
            downgrades: rule(job.downgrades),
        },
        given_key: job.keys.any().map(|key| key.size()),
        container: job.container,
    }
}

/// Whether something is refused that no waiting changes.
pub(super) fn is_refused_by_rule(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::Drm | ErrorCode::SchemeRefused | ErrorCode::PrivateAddress | ErrorCode::InsecureDowngrade
    )
}

fn plan(plan: &CapturePlan, rules: Rules) -> Result<(), JobError> {
    plan.check(rules.policy)?;
    let count = segment_count(plan);
    if usize::try_from(count).map_or(true, |count| count > MAX_PLAYLIST_SEGMENTS) {
        return Err(JobError::TooManySegments(count));
    }
    for segment in plan.tracks.iter().flat_map(|track| &track.segments) {
        for key in segments::keys(segment) {
            method(rules, segment, key.method)?;
        }
    }
    Ok(())
}

/// Whether a method goes with the key that was given and with the output.
fn method(rules: Rules, segment: &PlannedSegment, method: KeyMethod) -> Result<(), JobError> {
    let sequence = segment.sequence;
    let size = KeySize::from(method);
    if rules.given_key.is_some_and(|given| given != size) {
        return Err(JobError::GivenKey {
            sequence,
            method,
            bytes: size.bytes(),
        });
    }
    // These outputs keep what is around the samples. What comes without a map may be a transport stream, of which they
    // know how to.
    let may_be_ts = method == KeyMethod::SampleAes && segment.map.is_none();
    let keeps = matches!(rules.container, Container::Ts | Container::Segments);
    if method.is_of_samples() && keeps && !may_be_ts {
        return Err(JobError::Container { sequence, method });
    }
    Ok(())
}

/// Segments of all tracks.
pub(super) fn segment_count(plan: &CapturePlan) -> u64 {
    plan.tracks.iter().map(|track| track.segments.len() as u64).sum()
}

pub(crate) fn context(context: &RequestContext) -> Result<(), JobError> {
    let entries = context.headers.len().max(context.cookies.len());
    if entries > MAX_CONTEXT_ENTRIES {
        Err(JobError::TooManyEntries(entries))
    } else {
        Ok(())
    }
}

pub(crate) fn rule(permission: Permission) -> Rule {
    match permission {
        Permission::Allowed => Rule::Allow,
        Permission::Refused => Rule::Refuse,
    }
}
