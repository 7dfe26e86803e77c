//! How many jobs fetch at a time, and who is next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use weir_core::protocol::JobId;

/// Hands out turns in the order in which they were asked for.
#[derive(Debug)]
pub(super) struct Turns {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    taken: usize,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    job: JobId,
    /// Nobody waits any more when this is closed.
    turn: oneshot::Sender<Turn>,
}

/// A turn, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Turns>,
}

impl Turns {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                limit,
                taken: 0,
                waiting: VecDeque::new(),
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a turn, which comes when it is there. Who drops the receiver does not wait any more.
    pub(super) fn ask(self: &Arc<Self>, job: JobId) -> oneshot::Receiver<Turn> {
        let (turn, comes) = oneshot::channel();
        self.state().waiting.push_back(Waiting { job, turn });
        self.hand_out();
        comes
    }

    /// How many there are at a time from now on. Those that are taken stay.
    pub(super) fn limit(self: &Arc<Self>, limit: usize) {
        self.state().limit = limit;
        self.hand_out();
    }

    /// A job that waits gets the next turn; false for one that does not wait.
    pub(super) fn next(&self, job: &JobId) -> bool {
        let mut state = self.state();
        let place = state.waiting.iter().position(|waiting| waiting.job == *job);
        let Some(waiting) = place.and_then(|place| state.waiting.remove(place)) else {
            return false;
        };
        state.waiting.push_front(waiting);
        true
    }

    fn hand_out(self: &Arc<Self>) {
        loop {
            let next = {
                let mut state = self.state();
                if state.taken >= state.limit {
                    return;
                }
                let Some(next) = state.waiting.pop_front() else {
                    return;
                };
                state.taken += 1;
                next
            };
            // One that nobody takes comes back here, and gives its turn back.
            let turns = Arc::clone(self);
            let _ = next.turn.send(Turn { turns });
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        {
            let mut state = self.turns.state();
            state.taken = state.taken.saturating_sub(1);
        }
        self.turns.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> JobId {
        JobId::new(name).unwrap()
    }

    fn has(turn: &mut oneshot::Receiver<Turn>) -> Option<Turn> {
        turn.try_recv().ok()
    }

    #[test]
    fn turns_come_in_order_and_one_may_go_first() {
        let turns = Turns::new(1);
        let [mut a, mut b, mut c] = ["a", "b", "c"].map(|name| turns.ask(job(name)));
        let turn = has(&mut a).unwrap();
        assert!(has(&mut b).is_none() && has(&mut c).is_none());
        assert!(turns.next(&job("c")));
        assert!(!turns.next(&job("a")), "it does not wait");
        drop(turn);
        let turn = has(&mut c).unwrap();
        assert!(has(&mut b).is_none());
        drop(turn);
        assert!(has(&mut b).is_some());
    }

    #[test]
    fn a_turn_that_nobody_takes_goes_to_the_next() {
        let turns = Turns::new(1);
        let [mut a, b, c, mut d] = ["a", "b", "c", "d"].map(|name| turns.ask(job(name)));
        let turn = has(&mut a).unwrap();
        drop(b);
        drop(turn);
        // It was handed out, and nobody has looked.
        drop(c);
        let turn = has(&mut d);
        assert!(turn.is_some());
        assert_eq!(turns.state().taken, 1);
    }

    #[test]
    fn more_or_fewer_at_a_time() {
        let turns = Turns::new(1);
        let mut all = ["a", "b", "c", "d"].map(|name| turns.ask(job(name)));
        turns.limit(3);
        let mut taken: Vec<Turn> = all.iter_mut().filter_map(has).collect();
        assert_eq!(taken.len(), 3);
        turns.limit(2);
        taken.pop();
        assert!(all.iter_mut().find_map(has).is_none(), "two are at it still");
        taken.pop();
        assert!(all.iter_mut().find_map(has).is_some());
    }
}
