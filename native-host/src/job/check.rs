//! A plan comes from the other side of the port: nothing in it is taken on trust.

use weir_core::plan::{CheckPolicy, Rule};
use weir_core::protocol::limits::{MAX_CONTEXT_ENTRIES, MAX_PLAYLIST_SEGMENTS};
use weir_core::protocol::{CapturePlan, ErrorCode, KeyMethod, PlannedTrack, RequestContext};
use weir_core::url::AbsoluteUrl;

use super::{Job, JobError};
use crate::fetch::Permission;

/// Checks what the types do not: sizes, protections, and where the URLs lead as far as their text tells.
/// Names are checked again when they are resolved, redirects when they are followed.
pub(super) fn job(job: &Job) -> Result<(), JobError> {
    plan(&job.plan, policy(job))?;
    context(&job.context)
}

/// Checks more segments of a track, as strictly as those of the plan.
pub(super) fn more(
    source: &AbsoluteUrl,
    track: &mut PlannedTrack,
    policy: CheckPolicy,
) -> Result<(), JobError> {
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
    plan(&more, policy)?;
    track.segments = more.tracks.pop().map(|track| track.segments).unwrap_or_default();
    Ok(())
}

/// What the user let through.
pub(super) fn policy(job: &Job) -> CheckPolicy {
    CheckPolicy {
        private_addresses: rule(job.private_addresses),
        downgrades: rule(job.downgrades),
    }
}

/// Whether something is refused that no waiting changes.
pub(super) fn is_refused_by_rule(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::Drm | ErrorCode::SchemeRefused | ErrorCode::PrivateAddress | ErrorCode::InsecureDowngrade
    )
}

fn plan(plan: &CapturePlan, policy: CheckPolicy) -> Result<(), JobError> {
    plan.check(policy)?;
    let count = segment_count(plan);
    if usize::try_from(count).map_or(true, |count| count > MAX_PLAYLIST_SEGMENTS) {
        return Err(JobError::TooManySegments(count));
    }
    for segment in plan.tracks.iter().flat_map(|track| &track.segments) {
        let keys = [
            segment.key.as_ref(),
            segment.map.as_ref().and_then(|map| map.key.as_ref()),
        ];
        if let Some(key) = keys
            .into_iter()
            .flatten()
            .find(|key| key.method != KeyMethod::Aes128)
        {
            return Err(JobError::Method {
                sequence: segment.sequence,
                method: key.method,
            });
        }
    }
    Ok(())
}

/// Segments of all tracks.
pub(super) fn segment_count(plan: &CapturePlan) -> u64 {
    plan.tracks.iter().map(|track| track.segments.len() as u64).sum()
}

fn context(context: &RequestContext) -> Result<(), JobError> {
    let entries = context.headers.len().max(context.cookies.len());
    if entries > MAX_CONTEXT_ENTRIES {
        Err(JobError::TooManyEntries(entries))
    } else {
        Ok(())
    }
}

fn rule(permission: Permission) -> Rule {
    match permission {
        Permission::Allowed => Rule::Allow,
        Permission::Refused => Rule::Refuse,
    }
}
