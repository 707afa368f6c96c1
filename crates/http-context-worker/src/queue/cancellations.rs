//! The attempts in the hands of this process, and which of them are asked to end.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::Ticket;

/// Jobs that are cancelled while this process has them in hand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancellations(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    in_hand: HashMap<Ticket, CancellationToken>,
    /// Jobs that the engine has fetched and that have not come to the handler.
    fetched: HashSet<Ticket>,
}

impl Cancellations {
    /// The job is in hand until what is returned is dropped.
    pub(crate) fn enter(&self, ticket: Ticket) -> InHand {
        let token = CancellationToken::new();
        let mut inner = self.0.lock();
        if inner.fetched.remove(&ticket) {
            token.cancel();
        }
        inner.in_hand.insert(ticket, token.clone());
        InHand {
            of: self.clone(),
            ticket,
            token,
        }
    }

    /// Cancels the attempt at a job; whether it is in hand.
    pub(crate) fn cancel(&self, ticket: Ticket) -> bool {
        let token = self.0.lock().in_hand.get(&ticket).cloned();
        // Whoever waits for it is woken without the lock.
        token.inspect(CancellationToken::cancel).is_some()
    }

    /// The same for a job that is in hand, or is fetched and will be; whether it is in hand.
    pub(crate) fn cancel_fetched(&self, ticket: Ticket) -> bool {
        let mut inner = self.0.lock();
        let token = inner.in_hand.get(&ticket).cloned();
        if token.is_none() {
            inner.fetched.insert(ticket);
        }
        drop(inner);
        token.inspect(CancellationToken::cancel).is_some()
    }

    /// Whether the job is in hand.
    pub(crate) fn has_in_hand(&self, ticket: Ticket) -> bool {
        self.0.lock().in_hand.contains_key(&ticket)
    }
}

/// A job in hand.
#[derive(Debug)]
pub(crate) struct InHand {
    of: Cancellations,
    ticket: Ticket,
    token: CancellationToken,
}

impl InHand {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    pub(crate) async fn cancelled(&self) {
        self.token.cancelled().await;
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.of.0.lock().in_hand.remove(&self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_cancelled_in_hand_and_before_it_gets_there() {
        let (of, one) = (Cancellations::default(), Ticket(1));
        assert!(!of.cancel(one));
        let in_hand = of.enter(one);
        assert!(!in_hand.is_cancelled() && of.has_in_hand(one));
        assert!(of.cancel(one) && in_hand.is_cancelled());
        drop(in_hand);
        assert!(!of.has_in_hand(one));
        assert!(!of.cancel_fetched(one));
        assert!(of.enter(one).is_cancelled());
        // Once.
        assert!(!of.enter(one).is_cancelled());
    }
}
