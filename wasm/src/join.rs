//! Waiting for several things at once. `futures-util` does it too, in 8 KB of the module's budget, because it
//! wakes each future apart; here there are a few, and polling all of them is nothing.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// All results in order, or the first error.
///
/// # Errors
/// That of any future; the others are dropped.
pub(crate) async fn try_join_all<T, E>(
    futures: impl Iterator<Item = impl Future<Output = Result<T, E>>>,
) -> Result<Vec<T>, E> {
    let mut pending: Vec<Pin<Box<_>>> = futures.map(Box::pin).collect();
    let mut results: Vec<Option<T>> = pending.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut all_ready = true;
        for (future, result) in pending.iter_mut().zip(&mut results) {
            if result.is_some() {
                continue;
            }
            match future.as_mut().poll(context) {
                Poll::Ready(Ok(value)) => *result = Some(value),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => all_ready = false,
            }
        }
        if all_ready {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    })
    .await?;
    Ok(results.into_iter().flatten().collect())
}
